//! Making a backup, beside a running server.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use flate2::bufread::GzDecoder;
use futures::{StreamExt, TryStreamExt};

use super::Outcome;
use super::leftovers;
use super::manifest::{FORMAT, Files, Header, InStore, Manifest, StoreFile, TableColumns};
use super::member::Member;
use super::pending::settle;
use super::rows::{Reading, Source};
use super::write::Writer;
use crate::clock::iso;
use crate::config::Config;
use crate::db::stored_files::Holder;
use crate::db::transfer::{NOT_BACKED_UP, REMOTE_COPIES, Snapshot, Table, sqlite_path};
use crate::media::listing::Listing;
use crate::media::named::NamedFiles;
use crate::media::storage::{Key, Storage};
use crate::progress::Progress;
use crate::random::Random;

/// Files of an object store that one member tells of, and that are looked at at once.
const TOLD: usize = 10_000;
const AT_ONCE: usize = 16;

/// What is to be backed up.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Copies of files from elsewhere too: they can be had again, unless their servers are gone.
    pub remote_media: bool,
    /// Files of an object store too, which is told of otherwise, and not copied.
    pub stored_files: bool,
    /// Milliseconds since the epoch.
    pub now: i64,
}

/// A backup that was made.
#[derive(Debug, Clone)]
pub struct Created {
    pub header: Header,
    pub manifest: Manifest,
}

/// Makes a backup in a file, which is there whole or not at all.
pub async fn create(
    config: &Config,
    random: &Random,
    path: &Path,
    wanted: Wanted,
) -> Outcome<Created> {
    let failed = |e: io::Error| format!("{}: {e}", path.display());
    check_replaceable(path)?;
    let name = path.file_name().ok_or("the backup needs a file name")?;
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    leftovers::sweep(directory, wanted.now, |name| {
        let mark = name
            .strip_suffix(".part")
            .and_then(|name| name.rsplit_once('.'));
        name.starts_with('.') && mark.is_some_and(|(_, mark)| leftovers::is_marked(mark, "", ""))
    });
    let mark = u64::from_le_bytes(random.bytes());
    let beside = directory.join(format!(".{}.{mark:016x}.part", name.display()));
    let made = async {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)
            .map_err(failed)?;
        let (created, file) = write_to(config, random, BufWriter::new(file), wanted).await?;
        let file = file.into_inner().map_err(|e| failed(e.into_error()))?;
        file.sync_all().map_err(failed)?;
        std::fs::rename(&beside, path).map_err(failed)?;
        File::open(directory)
            .and_then(|directory| directory.sync_all())
            .map_err(failed)?;
        Ok(created)
    };
    let made = made.await;
    if made.is_err() {
        // The first error counts.
        let _ = std::fs::remove_file(&beside);
    }
    made
}

/// An older backup, or an empty file, may be written over, nothing else.
fn check_replaceable(path: &Path) -> Outcome<()> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(|e| format!("{}: {e}", path.display()))?,
    };
    let known = file.metadata();
    if known.is_ok_and(|known| known.is_file() && known.len() == 0) || begins_a_backup(file) {
        return Ok(());
    }
    Err(format!(
        "{} is there, and is no backup: it is not written over",
        path.display()
    ))
}

/// Whether the first member is that of a backup; what follows may be cut off.
fn begins_a_backup(file: File) -> bool {
    let mut archive = tar::Archive::new(GzDecoder::new(BufReader::new(file)));
    let first = archive.entries().ok().and_then(|mut all| all.next());
    first
        .and_then(Result::ok)
        .is_some_and(|entry| *entry.path_bytes() == *Member::Header.name().as_bytes())
}

/// Makes a backup, and gives back what it was written to.
pub async fn write_to<W: Write>(
    config: &Config,
    random: &Random,
    out: W,
    wanted: Wanted,
) -> Outcome<(Created, W)> {
    settle(&config.data_dir, &config.database_url).await?;
    let secrets_path = config.data_dir.join("secrets.toml");
    let secrets =
        std::fs::read(&secrets_path).map_err(|e| format!("{}: {e}", secrets_path.display()))?;
    let storage = Storage::open_configured(config)
        .await
        .map_err(|e| e.to_string())?;
    let mut writer = Writer::new(out);
    let mut names = Names::new(&config.data_dir, random)?;
    let progress = Progress::counting("backing up");
    // As it was now: what is written from here on is not in it.
    let (header, tables) = {
        let mut snapshot = Snapshot::open(&config.database_url)
            .await
            .map_err(|e| e.to_string())?;
        let (header, tables) = head(config, &mut snapshot, wanted).await?;
        let text = serde_json::to_vec(&header).map_err(|e| e.to_string())?;
        writer.add(&Member::Header, &text).map_err(written)?;
        writer.add(&Member::Secrets, &secrets).map_err(written)?;
        let mut sums = BTreeMap::new();
        for table in &tables {
            let mut reading = Reading::of(Source::Snapshot(&mut snapshot), table);
            let mut page = 0;
            progress.at(table.name.clone());
            loop {
                let rows = reading.next().await?;
                if rows.is_empty() {
                    break;
                }
                progress.add(rows.len() as u64);
                let mut text = rows.join("\n");
                text.push('\n');
                let table = table.name.clone();
                let member = Member::Rows { table, page };
                writer.add(&member, text.as_bytes()).map_err(written)?;
                page += 1;
            }
            sums.insert(table.name.clone(), reading.tally.told());
        }
        names.collect(&mut snapshot, wanted.remote_media).await?;
        (header, sums)
    };
    // The files after that: none is changed, and the database is not kept waiting for the disk.
    let files = match storage.is_local() || wanted.stored_files {
        true => copy_files(&mut writer, &storage, names, &progress).await?,
        false => tell_files(&mut writer, &storage, names, &progress).await?,
    };
    writer.list().map_err(written)?;
    let manifest = Manifest {
        format: FORMAT,
        tables,
        files,
        members: writer.chain.members,
        bytes: writer.chain.bytes,
        sha256: writer.chain.sha256(),
    };
    let text = serde_json::to_vec_pretty(&manifest).map_err(|e| e.to_string())?;
    let out = writer.finish(&text).map_err(written)?;
    Ok((Created { header, manifest }, out))
}

fn written(error: io::Error) -> String {
    format!("the backup cannot be written: {error}")
}

async fn head(
    config: &Config,
    snapshot: &mut Snapshot,
    wanted: Wanted,
) -> Outcome<(Header, Vec<Table>)> {
    let told = |e: crate::db::transfer::TransferError| e.to_string();
    let mut tables = snapshot.tables().await.map_err(told)?;
    tables.retain(|table| !NOT_BACKED_UP.contains(&table.name.as_str()));
    if !wanted.remote_media {
        tables.retain(|table| !REMOTE_COPIES.contains(&table.name.as_str()));
    }
    let columns = tables.iter().map(|table| TableColumns {
        name: table.name.clone(),
        columns: table.column_names(),
    });
    let header = Header {
        format: FORMAT,
        kith: env!("CARGO_PKG_VERSION").to_owned(),
        created_at: iso(wanted.now),
        database: match sqlite_path(&config.database_url) {
            Some(_) => "sqlite".to_owned(),
            None => "postgres".to_owned(),
        },
        public_url: config.public_url.to_string(),
        account_domain: config.account_domain.clone(),
        migrations: snapshot.migrations().await.map_err(told)?,
        last_event: snapshot.last_event().await.map_err(told)?,
        remote_media: wanted.remote_media,
        tables: columns.collect(),
    };
    Ok((header, tables))
}

/// Names of files, kept on the disk until the files are copied: there may be millions.
struct Names {
    file: BufWriter<File>,
}

impl Names {
    fn new(directory: &Path, random: &Random) -> Outcome<Names> {
        let mark = u64::from_le_bytes(random.bytes());
        let path = directory.join(format!(".backup-{mark:016x}.names"));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            // Nobody needs its name: it goes with the process.
            .and_then(|file| std::fs::remove_file(&path).map(|()| file))
            .map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Names {
            file: BufWriter::new(file),
        })
    }

    async fn collect(&mut self, snapshot: &mut Snapshot, remote: bool) -> Outcome<()> {
        let mut files = NamedFiles::of(|holder| match holder {
            Holder::Retired | Holder::Archive => false,
            Holder::Remote => remote,
            _ => true,
        });
        loop {
            let some = files.next(snapshot.conn()).await;
            let Some((_, names)) = some.map_err(|e| format!("the database: {e}"))? else {
                return Ok(());
            };
            for name in &names {
                writeln!(self.file, "{name}").map_err(written)?;
            }
        }
    }

    fn read(self) -> io::Result<impl Iterator<Item = io::Result<String>>> {
        let mut file = self.file.into_inner().map_err(|e| e.into_error())?;
        file.seek(SeekFrom::Start(0))?;
        Ok(BufReader::new(file).lines())
    }
}

async fn copy_files<W: Write>(
    writer: &mut Writer<W>,
    storage: &Storage,
    names: Names,
    progress: &Progress,
) -> Outcome<Files> {
    progress.at("files");
    let mut files = Files::default();
    let mut last = String::new();
    for name in names.read().map_err(written)? {
        let name = name.map_err(written)?;
        // A row names what stands still twice.
        if name == last {
            continue;
        }
        let stored = match name.parse::<Key>() {
            Ok(key) => {
                let stored = storage.on_disk(&key).await.map_err(|e| e.to_string())?;
                stored.map(|stored| (key, stored))
            }
            Err(_) => None,
        };
        match stored {
            Some((key, stored)) => {
                let path = stored.path();
                let content = match File::open(path) {
                    Ok(content) => content,
                    // It was deleted since it was looked for.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        files.miss(&name);
                        last = name;
                        continue;
                    }
                    Err(error) => return Err(format!("{}: {error}", path.display())),
                };
                let size = stored.size();
                writer
                    .stream(&Member::Media(key), size, content)
                    .map_err(written)?;
                progress.add(1);
                files.count += 1;
                files.bytes += size;
            }
            None => files.miss(&name),
        }
        last = name;
    }
    Ok(files)
}

/// Writes down which files are in the object store, and copies none.
async fn tell_files<W: Write>(
    writer: &mut Writer<W>,
    storage: &Storage,
    names: Names,
    progress: &Progress,
) -> Outcome<Files> {
    progress.at("files");
    let mut files = Files::default();
    let mut told = InStore {
        store: storage.name().to_owned(),
        ..InStore::default()
    };
    let listing = Listing::of(storage).await.map_err(|e| e.to_string())?;
    let listing = &listing;
    let mut names = names.read().map_err(written)?;
    let mut page = 0;
    let mut last = String::new();
    loop {
        let some: Vec<String> = (names.by_ref().take(TOLD))
            .collect::<io::Result<_>>()
            .map_err(written)?;
        if some.is_empty() {
            break;
        }
        // In the order of the names: a row names what stands still twice.
        let mut sizes = futures::stream::iter(some)
            .map(|name| async move {
                let size = match name.parse::<Key>() {
                    Ok(key) => listing
                        .size(storage, &key)
                        .await
                        .map_err(|e| e.to_string())?,
                    Err(_) => None,
                };
                Ok::<_, String>((name, size))
            })
            .buffered(AT_ONCE);
        let mut text = Vec::new();
        while let Some((key, size)) = sizes.try_next().await? {
            if key == last {
                continue;
            }
            last.clone_from(&key);
            let Some(size) = size else {
                files.miss(&key);
                continue;
            };
            progress.add(1);
            told.count += 1;
            told.bytes += size;
            let line = serde_json::to_writer(&mut text, &StoreFile { key, size });
            line.map_err(|e| e.to_string())?;
            text.push(b'\n');
        }
        if !text.is_empty() {
            writer.add(&Member::InStore(page), &text).map_err(written)?;
            page += 1;
        }
    }
    files.in_store = Some(told);
    Ok(files)
}
