//! Reading an archive, believing nothing of it but what its sums prove.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::bufread::GzDecoder;
use tar::{Archive, EntryType};

use super::Outcome;
use super::manifest::{FORMAT, Files, Header, Manifest, StoreFile, TableRows};
use super::member::Member;
use super::rows::Tally;
use super::write::{Chain, Hashed, LISTED, Line};
use crate::config::Secrets;
use crate::media::storage::Key;
use crate::progress::Progress;

/// Who is given what is read, in the archive's order.
pub trait Sink {
    /// The beginning.
    async fn header(&mut self, header: &Header) -> Outcome<()>;
    /// Rows of a table.
    async fn rows(&mut self, table: &str, rows: Vec<String>) -> Outcome<()>;
    /// `secrets.toml`.
    fn secrets(&mut self, text: &str) -> Outcome<()>;
    /// Files that stayed in an object store.
    async fn in_store(&mut self, files: Vec<(Key, u64)>) -> Outcome<()>;
    /// A media file. What is left unread of it is read all the same.
    fn file(&mut self, key: &Key, content: &mut dyn Read) -> io::Result<()>;
}

/// Looks only.
struct Nobody;

impl Sink for Nobody {
    async fn header(&mut self, _: &Header) -> Outcome<()> {
        Ok(())
    }

    async fn rows(&mut self, _: &str, _: Vec<String>) -> Outcome<()> {
        Ok(())
    }

    fn secrets(&mut self, _: &str) -> Outcome<()> {
        Ok(())
    }

    async fn in_store(&mut self, _: Vec<(Key, u64)>) -> Outcome<()> {
        Ok(())
    }

    fn file(&mut self, _: &Key, _: &mut dyn Read) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a whole backup and checks that it is what it says.
pub async fn verify(path: &Path) -> Outcome<(Header, Manifest)> {
    walk(path, &mut Nobody, "checking").await
}

/// Reads a whole backup. What the sink was given counts only once this is through.
pub async fn walk<S: Sink>(
    path: &Path,
    sink: &mut S,
    doing: &'static str,
) -> Outcome<(Header, Manifest)> {
    let file = File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let size = file.metadata().map_or(0, |known| known.len());
    let progress = Progress::bytes(doing, size);
    let read = read_archive(BufReader::new(progress.reading(file)), sink).await;
    read.map_err(|reason| format!("{}: {reason}", path.display()))
}

async fn read_archive<S: Sink>(
    file: BufReader<impl Read>,
    sink: &mut S,
) -> Outcome<(Header, Manifest)> {
    let mut archive = Archive::new(GzDecoder::new(file));
    let mut state = State::default();
    // Names are taken as they stand: extensions of the format that name more would be read into
    // memory whole.
    let entries = archive.entries().map_err(damaged)?.raw(true);
    let mut long_name = None;
    for entry in entries {
        let mut entry = entry.map_err(damaged)?;
        let kind = entry.header().entry_type();
        if kind == EntryType::GNULongName && long_name.is_none() {
            long_name = Some(name_of_next(&mut entry)?);
            continue;
        }
        let name = match long_name.take() {
            Some(name) => name,
            None => entry.path_bytes().into_owned(),
        };
        let shown = String::from_utf8_lossy(&name).into_owned();
        let member = std::str::from_utf8(&name).ok().and_then(Member::parse);
        let member = member.filter(|_| kind == EntryType::Regular);
        let member = member.ok_or_else(|| format!("{shown:?} is nothing that a backup holds"))?;
        let size = entry.size();
        if member.limit().is_some_and(|limit| size > limit) {
            return Err(format!("{shown} is too large"));
        }
        state.take(member, size, &mut entry, sink).await?;
    }
    let mut rest = archive.into_inner();
    // The sum of the whole stands behind the end.
    let behind = io::copy(&mut rest.by_ref().take(1 << 20), &mut io::sink()).map_err(damaged)?;
    let mut file = rest.into_inner();
    if behind >= 1 << 20 || file.read(&mut [0]).map_err(damaged)? > 0 {
        return Err("there is something behind the end of the backup".to_owned());
    }
    state.finish()
}

fn damaged(error: io::Error) -> String {
    format!("it is cut off, damaged, or no backup ({error})")
}

fn name_of_next(entry: &mut impl Read) -> Outcome<Vec<u8>> {
    /// A name of ours is half as long.
    const LONGEST: u64 = 1024;
    let mut name = Vec::new();
    let read = entry.take(LONGEST + 1).read_to_end(&mut name);
    if read.map_err(damaged)? as u64 > LONGEST {
        return Err("a name in it is too long".to_owned());
    }
    while name.last() == Some(&0) {
        name.pop();
    }
    Ok(name)
}

/// What was read so far.
struct State {
    header: Option<Header>,
    manifest: Option<Manifest>,
    secrets: bool,
    tables: BTreeMap<String, Table>,
    files: Files,
    /// Pages, files and bytes that stayed in an object store.
    in_store: (u64, u64, u64),
    chain: Chain,
}

/// A table's rows so far.
struct Table {
    columns: usize,
    pages: u64,
    tally: Tally,
}

impl Default for State {
    fn default() -> State {
        State {
            header: None,
            manifest: None,
            secrets: false,
            tables: BTreeMap::new(),
            files: Files::default(),
            in_store: (0, 0, 0),
            chain: Chain::new(),
        }
    }
}

impl State {
    async fn take<S: Sink>(
        &mut self,
        member: Member,
        size: u64,
        content: &mut impl Read,
        sink: &mut S,
    ) -> Outcome<()> {
        let name = member.name();
        if self.manifest.is_some() {
            return Err(format!("{name} stands behind the end"));
        }
        if self.header.is_none() && member != Member::Header {
            return Err("it does not begin as a backup does".to_owned());
        }
        match &member {
            Member::Listing(page) => {
                let text = text_of(content)?;
                return self.listing(*page, &text);
            }
            Member::Manifest => {
                let text = text_of(content)?;
                let manifest = serde_json::from_str(&text);
                self.manifest = Some(manifest.map_err(|e| format!("the manifest: {e}"))?);
                return Ok(());
            }
            _ => {}
        }
        let mut hashed = Hashed::new(content);
        match member {
            Member::Header => self.header(&text_of(&mut hashed)?, sink).await?,
            Member::Secrets => {
                let text = text_of(&mut hashed)?;
                if std::mem::replace(&mut self.secrets, true) {
                    return Err("secrets.toml is there twice".to_owned());
                }
                Secrets::parse(&text).map_err(|e| format!("secrets.toml: {e}"))?;
                sink.secrets(&text)?;
            }
            Member::Rows { table, page } => {
                let rows = self.rows(&table, page, &text_of(&mut hashed)?)?;
                sink.rows(&table, rows).await?;
            }
            Member::Media(key) => {
                sink.file(&key, &mut hashed)
                    .map_err(|e| format!("{name}: {e}"))?;
                io::copy(&mut hashed, &mut io::sink()).map_err(damaged)?;
                self.files.count += 1;
                self.files.bytes += size;
            }
            Member::InStore(page) => {
                let files = self.in_store(page, &text_of(&mut hashed)?)?;
                sink.in_store(files).await?;
            }
            Member::Listing(_) | Member::Manifest => {}
        }
        if hashed.read != size {
            return Err(format!("{name} is cut off"));
        }
        let sha256 = hashed.sha256();
        self.chain.add(Line { name, size, sha256 });
        if self.chain.pending.len() > LISTED {
            return Err("a listing is missing".to_owned());
        }
        Ok(())
    }

    async fn header<S: Sink>(&mut self, text: &str, sink: &mut S) -> Outcome<()> {
        if self.header.is_some() {
            return Err("it begins twice".to_owned());
        }
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|e| format!("its beginning: {e}"))?;
        let format = value["format"].as_u64().unwrap_or_default();
        if format != u64::from(FORMAT) {
            return Err(format!(
                "it is of the format {format}; this version of Kith reads {FORMAT}"
            ));
        }
        let header: Header =
            serde_json::from_value(value).map_err(|e| format!("its beginning: {e}"))?;
        for table in &header.tables {
            let new = Table {
                columns: table.columns.len(),
                pages: 0,
                tally: Tally::default(),
            };
            if self.tables.insert(table.name.clone(), new).is_some() {
                return Err(format!("it has the table {} twice", table.name));
            }
        }
        sink.header(&header).await?;
        self.header = Some(header);
        Ok(())
    }

    fn rows(&mut self, name: &str, page: u64, text: &str) -> Outcome<Vec<String>> {
        let known = self.tables.get_mut(name);
        let table = known.ok_or_else(|| format!("it does not name the table {name}"))?;
        if page != table.pages {
            return Err(format!("page {} of {name} is missing", table.pages));
        }
        table.pages += 1;
        let rows: Vec<String> = text.lines().map(str::to_owned).collect();
        for row in &rows {
            let values: Option<Vec<serde_json::Value>> = serde_json::from_str(row).ok();
            let plain =
                |value: &serde_json::Value| value.is_null() || value.is_string() || value.is_i64();
            let good = values.is_some_and(|v| v.len() == table.columns && v.iter().all(plain));
            if !good {
                return Err(format!("a row of {name} cannot be read"));
            }
        }
        table.tally.add(&rows);
        Ok(rows)
    }

    fn in_store(&mut self, page: u64, text: &str) -> Outcome<Vec<(Key, u64)>> {
        let (pages, count, bytes) = &mut self.in_store;
        if page != *pages {
            return Err(format!("page {pages} of the store's files is missing"));
        }
        *pages += 1;
        let mut files = Vec::new();
        for line in text.lines() {
            let file: Option<StoreFile> = serde_json::from_str(line).ok();
            let file = file.and_then(|file| Some((file.key.parse().ok()?, file.size)));
            let (key, size) = file
                .ok_or_else(|| format!("a line of page {page} of the store's files is damaged"))?;
            *count += 1;
            *bytes = bytes.saturating_add(size);
            files.push((key, size));
        }
        Ok(files)
    }

    /// Holds a listing against what was read since the last one.
    fn listing(&mut self, page: u64, text: &str) -> Outcome<()> {
        if page != self.chain.listings {
            return Err(format!("listing {} is missing", self.chain.listings));
        }
        let read = self.chain.pending.clone();
        let ours = self.chain.listing().map_err(damaged)?;
        if ours == text.as_bytes() {
            return Ok(());
        }
        let lines: Vec<Option<Line>> = text
            .lines()
            .map(|line| serde_json::from_str(line).ok())
            .collect();
        let mut pairs = read.iter().enumerate();
        let wrong = pairs.find(|(n, line)| lines.get(*n) != Some(&Some((*line).clone())));
        Err(match wrong {
            Some((_, line)) => format!("{} is damaged, or should not be there", line.name),
            None => format!("what listing {page} tells of is missing"),
        })
    }

    /// Holds the manifest against all that was read.
    fn finish(self) -> Outcome<(Header, Manifest)> {
        let (Some(header), Some(manifest)) = (self.header, self.manifest) else {
            return Err("it is cut off: its manifest is missing".to_owned());
        };
        let differs = |what: &str| format!("the manifest tells of other {what} than are there");
        if !self.secrets {
            return Err("secrets.toml is missing".to_owned());
        }
        if manifest.format != header.format {
            return Err(differs("formats"));
        }
        if !self.chain.pending.is_empty() {
            return Err("the last listing is missing".to_owned());
        }
        if (manifest.members, manifest.bytes) != (self.chain.members, self.chain.bytes)
            || manifest.sha256 != self.chain.sha256()
        {
            return Err(differs("members"));
        }
        if (manifest.files.count, manifest.files.bytes) != (self.files.count, self.files.bytes) {
            return Err(differs("files"));
        }
        let told = manifest.files.in_store.as_ref();
        let told = told.map_or((0, 0), |told| (told.count, told.bytes));
        if told != (self.in_store.1, self.in_store.2) {
            return Err(differs("files of a store"));
        }
        let tables: BTreeMap<String, TableRows> = self
            .tables
            .into_iter()
            .map(|(name, table)| (name, table.tally.told()))
            .collect();
        if manifest.tables != tables {
            return Err(differs("rows"));
        }
        Ok((header, manifest))
    }
}

fn text_of(content: &mut impl Read) -> Outcome<String> {
    let mut text = String::new();
    content.read_to_string(&mut text).map_err(damaged)?;
    Ok(text)
}

#[cfg(test)]
mod tests;
