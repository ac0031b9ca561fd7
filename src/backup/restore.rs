//! Making a server out of a backup.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use futures::{StreamExt, TryStreamExt};
use serde::Serialize;

use super::Outcome;
use super::leftovers;
use super::load::Loading;
use super::manifest::{Header, Manifest};
use super::pending;
use super::read::{Sink, verify, walk};
use crate::config::{Config, S3};
use crate::db::transfer::{self, Occupied, Target, in_use, sqlite_path};
use crate::disk::{Space, human, sync_file_system};
use crate::media::listing::Listing;
use crate::media::storage::{Key, Storage};
use crate::random::Random;

/// Files of an object store that are looked at at once, and names of those that are not there.
const AT_ONCE: usize = 16;
const NAMED: usize = 100;

/// Where a server is to be.
#[derive(Debug, Clone)]
pub struct Place {
    pub data_dir: PathBuf,
    pub database_url: String,
    /// `None`: files are kept in the data directory.
    pub s3: Option<S3>,
}

impl Place {
    /// The place that the settings name.
    pub fn of(config: &Config) -> Place {
        Place {
            data_dir: config.data_dir.clone(),
            database_url: config.database_url.clone(),
            s3: config.s3.clone(),
        }
    }

    /// Where files are to be, where that is an object store.
    async fn bucket(&self) -> Outcome<Option<Storage>> {
        match &self.s3 {
            Some(s3) => Storage::bucket(s3, self.data_dir.join("media"))
                .await
                .map(Some)
                .map_err(|e| e.to_string()),
            None => Ok(None),
        }
    }
}

/// A backup that was restored.
#[derive(Debug, Clone)]
pub struct Restored {
    pub header: Header,
    pub manifest: Manifest,
    /// Files that stayed in the object store and are not in it any more, or not as they were.
    pub absent: Absent,
}

/// Files that are not where a backup says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Absent {
    pub count: u64,
    /// The first hundred.
    pub names: Vec<String>,
}

/// Restores a backup. It is read and checked whole before anything is touched; then everything is
/// made beside what is there, checked again, and put into its place at the end.
pub async fn restore(
    place: &Place,
    random: &Random,
    now: i64,
    path: &Path,
    force: bool,
) -> Outcome<Restored> {
    check_free(place, now, force).await?;
    pending::settle(&place.data_dir, &place.database_url).await?;
    let (header, manifest) = verify(path).await?;
    check_room(place, &manifest)?;
    let bucket = place.bucket().await?;
    if let (Some(told), None) = (&manifest.files.in_store, &bucket) {
        return Err(format!(
            "{} files of the backup are in {}: nothing was changed (set KITH_STORAGE_URL; kith media move \
             fetches them from there afterwards)",
            told.count, told.store
        ));
    }
    sweep(place, now);
    let mut staging = Staging::new(place, random)?;
    let mut restoring = Restoring {
        staging: &mut staging,
        place,
        force,
        now,
        loading: None,
        secrets: String::new(),
        bucket: bucket.as_ref(),
        listing: None,
        absent: Absent::default(),
    };
    let again = walk(path, &mut restoring, "restoring").await?;
    if again != (header.clone(), manifest.clone()) {
        return Err(format!("{} changed while it was read", path.display()));
    }
    let loading = restoring.loading.take().ok_or("it holds no database")?;
    let secrets = std::mem::take(&mut restoring.secrets);
    let target = loading.finish(&manifest.tables, header.last_event).await?;
    let absent = std::mem::take(&mut restoring.absent);
    staging
        .settle(place, bucket.as_ref(), target, &secrets)
        .await?;
    Ok(Restored {
        header,
        manifest,
        absent,
    })
}

/// Deletes what restores and moves into this place, and drills, have left that were killed more than a day
/// ago.
pub fn sweep(place: &Place, now: i64) {
    leftovers::sweep(&place.data_dir.join("media"), now, |name| {
        leftovers::is_marked(name, ".restoring-", "")
    });
    leftovers::sweep(&place.data_dir, now, |name| {
        leftovers::is_marked(name, ".secrets-", ".tmp")
    });
    if let Some(path) = sqlite_path(&place.database_url) {
        leftovers::sweep_databases(path, now, "restoring");
        leftovers::sweep_databases(path, now, "moving");
    }
    leftovers::sweep(&place.data_dir, now, |name| {
        leftovers::is_marked(name, ".drill-", "")
    });
}

/// Refuses a place where something is, or is being used.
async fn check_free(place: &Place, now: i64, force: bool) -> Outcome<()> {
    let told = |e: transfer::TransferError| e.to_string();
    let secrets = place.data_dir.join("secrets.toml");
    let occupied = transfer::occupied(&place.database_url)
        .await
        .map_err(told)?;
    if occupied == Occupied::Foreign {
        return Err("the database holds tables that are not Kith's".to_owned());
    }
    if !force {
        // Also one that the settings do not name.
        let file = place.data_dir.join("kith.db");
        let there = match (&occupied, sqlite_path(&place.database_url)) {
            (Occupied::Kith, Some(path)) => Some(path.to_owned()),
            (Occupied::Kith, None) => Some("the database".to_owned()),
            _ if file.exists() => Some(file.display().to_string()),
            _ if secrets.exists() => Some(secrets.display().to_string()),
            _ => None,
        };
        if let Some(there) = there {
            return Err(format!(
                "{there} is there already: nothing was changed (--force replaces it)"
            ));
        }
    }
    match in_use(&place.database_url, now).await.map_err(told)? {
        Some(who) => Err(format!("the database is in use by {who}: stop it first")),
        None => Ok(()),
    }
}

fn check_room(place: &Place, manifest: &Manifest) -> Outcome<()> {
    let path = &place.data_dir;
    let space = Space::at(path).map_err(|e| format!("{}: {e}", path.display()))?;
    if space.free > manifest.bytes {
        return Ok(());
    }
    Err(format!(
        "{} needs {}, and {} are free",
        path.display(),
        human(manifest.bytes),
        human(space.free)
    ))
}

/// What is made beside what is there. It goes when this is dropped.
struct Staging {
    /// Below the media directory, so that files only change their names.
    media: PathBuf,
    /// The database file that is to be renamed, where it is one.
    database: Option<PathBuf>,
    secrets: PathBuf,
    /// In all these names, and in the new database.
    mark: String,
}

impl Staging {
    fn new(place: &Place, random: &Random) -> Outcome<Staging> {
        let mark = format!("{:016x}", u64::from_le_bytes(random.bytes()));
        let database = sqlite_path(&place.database_url)
            .map(|path| PathBuf::from(format!("{path}.restoring-{mark}")));
        let staging = Staging {
            // No storage key begins with a dot.
            media: place
                .data_dir
                .join("media")
                .join(format!(".restoring-{mark}")),
            database,
            secrets: place.data_dir.join(format!(".secrets-{mark}.tmp")),
            mark,
        };
        let failed = |path: &Path, e: io::Error| format!("{}: {e}", path.display());
        fs::create_dir_all(&staging.media).map_err(|e| failed(&staging.media, e))?;
        if let Some(parent) = staging.database.as_deref().and_then(Path::parent) {
            fs::create_dir_all(parent).map_err(|e| failed(parent, e))?;
        }
        Ok(staging)
    }

    /// Where rows are put for now.
    fn database_url(&self, place: &Place) -> String {
        match &self.database {
            Some(path) => format!("sqlite:{}", path.display()),
            None => place.database_url.clone(),
        }
    }

    /// Puts everything in its place: files first, which are in nobody's way, the database last but
    /// for the secrets.
    async fn settle(
        &self,
        place: &Place,
        bucket: Option<&Storage>,
        mut target: Target,
        secrets: &str,
    ) -> Outcome<()> {
        // Who started meanwhile would go on in a file that has no name.
        let _held = match sqlite_path(&place.database_url) {
            Some(path) => transfer::hold(path)
                .map_err(|who| format!("the database is in use by {who}: stop it first"))?,
            None => None,
        };
        let media = place.data_dir.join("media");
        let failed = |e: io::Error| format!("{}: {e}", place.data_dir.display());
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&self.secrets)
            .map_err(failed)?;
        file.write_all(secrets.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(failed)?;
        sync_file_system(&self.media).map_err(failed)?;
        match bucket {
            Some(bucket) => send_files(&self.media, bucket).await?,
            None => move_files(&self.media, &media).map_err(failed)?,
        }
        // A server that finds a database without its secrets would make new ones. Where there are some, they
        // are those of the rows that are there until the others are: from here on the new ones wait, and
        // whoever comes after a kill knows by the mark whether they are to be taken.
        let keys = place.data_dir.join("secrets.toml");
        let waiting = pending::path(&place.data_dir, &self.mark);
        let fresh = !keys.exists();
        let marked = target.set_mark(&self.mark).await;
        marked.map_err(|e| e.to_string())?;
        fs::rename(&self.secrets, if fresh { &keys } else { &waiting }).map_err(failed)?;
        sync_file_system(&place.data_dir).map_err(failed)?;
        target.commit().await.map_err(|e| e.to_string())?;
        if let (Some(new), Some(path)) = (&self.database, sqlite_path(&place.database_url)) {
            File::open(new)
                .and_then(|file| file.sync_all())
                .map_err(failed)?;
            // What an old database had in its log is none of the new one's.
            for suffix in ["-wal", "-shm", "-journal"] {
                let old = format!("{path}{suffix}");
                match fs::remove_file(&old) {
                    Err(e) if e.kind() != io::ErrorKind::NotFound => {
                        return Err(format!("{old}: {e}"));
                    }
                    _ => {}
                }
            }
            fs::rename(new, path).map_err(|e| format!("{path}: {e}"))?;
        }
        if !fresh {
            match fs::rename(&waiting, &keys) {
                // A server that started meanwhile has done it.
                Err(e) if e.kind() == io::ErrorKind::NotFound && holds(&keys, secrets) => {}
                renamed => renamed.map_err(failed)?,
            }
        }
        sync_file_system(&place.data_dir).map_err(failed)
    }
}

fn holds(path: &Path, text: &str) -> bool {
    fs::read(path).is_ok_and(|there| there == text.as_bytes())
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.media);
        let _ = fs::remove_file(&self.secrets);
        if let Some(path) = &self.database {
            let _ = fs::remove_file(path);
            let _ = fs::remove_file(format!("{}-journal", path.display()));
        }
    }
}

/// Moves the files of a directory, and of those below it.
fn move_files(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let new = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            move_files(&entry.path(), &new)?;
        } else {
            fs::rename(entry.path(), new)?;
        }
    }
    Ok(())
}

/// Sends the files of a directory, and of those below it, to an object store.
async fn send_files(from: &Path, bucket: &Storage) -> Outcome<()> {
    let mut waiting = vec![from.to_owned()];
    while let Some(directory) = waiting.pop() {
        let failed = |e: io::Error| format!("{}: {e}", directory.display());
        for entry in fs::read_dir(&directory).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            let name = path.strip_prefix(from).ok().and_then(Path::to_str);
            let key = name.and_then(|name| name.parse::<Key>().ok());
            let key = key.ok_or_else(|| format!("{} has no key's name", path.display()))?;
            let sent = bucket.send(&key, &path).await;
            sent.map_err(|e| e.to_string())?;
        }
    }
    Ok(())
}

/// Takes what is read to where it is made.
struct Restoring<'a> {
    staging: &'a mut Staging,
    place: &'a Place,
    force: bool,
    now: i64,
    loading: Option<Loading>,
    secrets: String,
    /// Where files are to be, where that is an object store.
    bucket: Option<&'a Storage>,
    /// What is there already.
    listing: Option<Listing>,
    absent: Absent,
}

impl Sink for Restoring<'_> {
    async fn header(&mut self, header: &Header) -> Outcome<()> {
        let url = self.staging.database_url(self.place);
        let (force, now) = (self.force, self.now);
        let loading = Loading::begin(&url, &header.migrations, &header.tables, force, now);
        self.loading = Some(loading.await?);
        Ok(())
    }

    async fn rows(&mut self, table: &str, rows: Vec<String>) -> Outcome<()> {
        match &mut self.loading {
            Some(loading) => loading.add(table, &rows).await,
            None => Err("rows without a beginning".to_owned()),
        }
    }

    fn secrets(&mut self, text: &str) -> Outcome<()> {
        text.clone_into(&mut self.secrets);
        Ok(())
    }

    async fn in_store(&mut self, files: Vec<(Key, u64)>) -> Outcome<()> {
        let bucket = self.bucket.ok_or("there is no object store")?;
        let listing = match &mut self.listing {
            Some(listing) => &*listing,
            none => {
                let listed = Listing::of(bucket).await.map_err(|e| e.to_string())?;
                &*none.insert(listed)
            }
        };
        let mut sizes = futures::stream::iter(files)
            .map(|(key, size)| async move {
                let found = listing.size(bucket, &key).await;
                let found = found.map_err(|e| e.to_string())?;
                Ok::<_, String>((key, found == Some(size)))
            })
            .buffered(AT_ONCE);
        while let Some((key, there)) = sizes.try_next().await? {
            if there {
                continue;
            }
            self.absent.count += 1;
            if self.absent.names.len() < NAMED {
                self.absent.names.push(key.to_string());
            }
        }
        Ok(())
    }

    fn file(&mut self, key: &Key, content: &mut dyn Read) -> io::Result<()> {
        let path = self.staging.media.join(key.as_str());
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        io::copy(content, &mut File::create(path)?).map(drop)
    }
}
