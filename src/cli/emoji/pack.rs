//! Packs of pictures: a directory, a zip or a tar, compressed or not.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use bytes::Bytes;

use crate::domain::emojis::MAX_BYTES;

/// Files of one pack.
const MAX_FILES: usize = 10_000;
/// Bytes of all pictures of one pack.
const MAX_TOTAL: usize = 512 << 20;
/// Ends of file names that are taken for pictures; what they are is seen from their bytes.
const EXTENSIONS: [&str; 6] = ["png", "apng", "gif", "webp", "jpg", "jpeg"];

/// Names (without the extension) and contents of a pack's pictures.
pub type Pictures = Vec<(String, Bytes)>;

/// Writes a pack: a compressed tar, one file at a time. An older file is not written over.
pub struct Writer(tar::Builder<flate2::write::GzEncoder<File>>);

impl Writer {
    /// Begins one.
    pub fn create(path: &Path) -> std::io::Result<Writer> {
        let file = File::create_new(path)?;
        let packed = flate2::write::GzEncoder::new(file, flate2::Compression::default());
        Ok(Writer(tar::Builder::new(packed)))
    }

    /// Adds a picture under its file name.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        self.0.append_data(&mut header, name, bytes)
    }

    /// Ends it.
    pub fn finish(self) -> std::io::Result<()> {
        self.0.into_inner()?.finish()?.sync_all()
    }
}

/// Reads one file; larger ones than an emoji may be are refused.
pub fn read_file(path: &Path) -> Result<Bytes, String> {
    let failed = |e: std::io::Error| format!("{}: {e}", path.display());
    let file = File::open(path).map_err(failed)?;
    take(file)
        .map_err(failed)?
        .ok_or_else(|| format!("{}: larger than {} KiB", path.display(), MAX_BYTES >> 10))
}

/// The pictures of a pack; what is too large is left out and named on stderr.
pub fn read(path: &Path) -> Result<Pictures, String> {
    let failed = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    if path.is_dir() {
        return directory(path).map_err(|e| failed(&e));
    }
    let mut file = BufReader::new(File::open(path).map_err(|e| failed(&e))?);
    let mut magic = [0; 4];
    let read = file.read(&mut magic).map_err(|e| failed(&e))?;
    file.rewind().map_err(|e| failed(&e))?;
    match &magic[..read] {
        [b'P', b'K', ..] => zip(file).map_err(|e| failed(&e)),
        [0x1f, 0x8b, ..] => tar(flate2::read::MultiGzDecoder::new(file)).map_err(|e| failed(&e)),
        _ => tar(file).map_err(|e| failed(&e)),
    }
}

/// At most as many bytes as an emoji may have; `None` for more.
fn take(from: impl Read) -> std::io::Result<Option<Bytes>> {
    let mut bytes = Vec::new();
    from.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= MAX_BYTES).then(|| bytes.into()))
}

/// The name of a picture by its path; `None` for what is none, or hidden.
fn stem(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let (stem, extension) = name.rsplit_once('.')?;
    let picture = EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str());
    (picture && !stem.is_empty() && !stem.starts_with('.')).then(|| stem.to_owned())
}

/// Collects pictures within the limits of a pack.
#[derive(Default)]
struct Found {
    pictures: Pictures,
    total: usize,
}

impl Found {
    fn add(&mut self, path: &Path, from: impl Read) -> std::io::Result<()> {
        let Some(name) = stem(path) else {
            return Ok(());
        };
        let Some(bytes) = take(from)? else {
            eprintln!("left out: {name} is larger than {} KiB", MAX_BYTES >> 10);
            return Ok(());
        };
        self.total += bytes.len();
        if self.pictures.len() >= MAX_FILES || self.total > MAX_TOTAL {
            return Err(std::io::Error::other("the pack is too large"));
        }
        self.pictures.push((name, bytes));
        Ok(())
    }
}

fn directory(path: &Path) -> std::io::Result<Pictures> {
    let mut found = Found::default();
    let mut entries = std::fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::path);
    for entry in entries {
        if entry.file_type()?.is_file() {
            found.add(&entry.path(), File::open(entry.path())?)?;
        }
    }
    Ok(found.pictures)
}

fn tar(from: impl Read) -> std::io::Result<Pictures> {
    let mut found = Found::default();
    for entry in tar::Archive::new(from).entries()? {
        let entry = entry?;
        if entry.header().entry_type().is_file() {
            let path = entry.path()?.into_owned();
            found.add(&path, entry)?;
        }
    }
    Ok(found.pictures)
}

fn zip(from: impl Read + Seek) -> Result<Pictures, zip::result::ZipError> {
    let mut found = Found::default();
    let mut archive = zip::ZipArchive::new(from)?;
    for n in 0..archive.len() {
        let file = archive.by_index(n)?;
        if file.is_file() {
            let name = file.name().to_owned();
            found.add(Path::new(&name), file)?;
        }
    }
    Ok(found.pictures)
}
