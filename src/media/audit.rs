//! Holds the database against the files, both ways.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use aws_lc_rs::digest;

use super::intake::still_of;
use super::storage::{Key, Storage, StorageError};
use crate::clock::HOUR;
use crate::db::stored_files::{self, Holder};
use crate::db::{self, Db};
use crate::progress::Progress;

/// Names told at most.
const NAMED: usize = 100;
/// The areas of the storage that rows name files of. What lies elsewhere is nobody's to delete.
const AREAS: [&str; 10] = [
    "attachments",
    "avatars",
    "cards",
    "chats",
    "emojis",
    "headers",
    "previews",
    "remote",
    "remote-chats",
    "uploads",
];

/// Why files could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("the database: {0}")]
    Database(#[from] db::Error),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("{}: {source}", path.display())]
    Directory {
        path: PathBuf,
        source: std::io::Error,
    },
}

/// What one kind of holder has in the storage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    pub files: u64,
    pub bytes: u64,
    /// Files that rows name and that are not there.
    pub missing: u64,
    /// The first hundred of those.
    pub missing_names: Vec<String>,
}

/// Files that no row names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Orphans {
    pub files: u64,
    pub bytes: u64,
    /// The first hundred.
    pub names: Vec<String>,
    /// How many were deleted.
    pub deleted: u64,
}

/// Names that were met. Eight bytes of a hash each: what two names share by chance is kept.
#[derive(Debug, Default)]
pub struct Named(HashSet<u64>);

impl Named {
    fn mark(name: &str) -> u64 {
        let hash = digest::digest(&digest::SHA256, name.as_bytes());
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&hash.as_ref()[..8]);
        u64::from_le_bytes(bytes)
    }

    /// Adds a name; false when it is there.
    fn add(&mut self, name: &str) -> bool {
        self.0.insert(Named::mark(name))
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains(&Named::mark(name))
    }
}

/// Looks for every file that a row names, and adds the names up.
pub async fn usage(
    db: &Db,
    storage: &Storage,
    named: &mut Named,
) -> Result<BTreeMap<Holder, Usage>, AuditError> {
    let mut all = BTreeMap::new();
    let progress = Progress::counting("looking for files");
    for holder in Holder::ALL {
        let mut usage = Usage::default();
        let mut after: Option<String> = None;
        loop {
            let page: stored_files::Page = db
                .read(move |c| {
                    Box::pin(async move { stored_files::page(c, holder, after.as_deref()).await })
                })
                .await?;
            progress.add(page.keys.len() as u64);
            for name in &page.keys {
                look(storage, name, named, &mut usage).await?;
                if let Some(still) = still_of(name) {
                    look(storage, &still, named, &mut usage).await?;
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        all.insert(holder, usage);
    }
    Ok(all)
}

async fn look(
    storage: &Storage,
    name: &str,
    named: &mut Named,
    usage: &mut Usage,
) -> Result<(), AuditError> {
    if !named.add(name) {
        return Ok(());
    }
    let size = match name.parse::<Key>() {
        Ok(key) => storage.size(&key).await?,
        Err(_) => None,
    };
    match size {
        Some(bytes) => {
            usage.files += 1;
            usage.bytes += bytes;
        }
        None => {
            usage.missing += 1;
            if usage.missing_names.len() < NAMED {
                usage.missing_names.push(name.to_owned());
            }
        }
    }
    Ok(())
}

/// Finds the files below a directory that are in none of the names, and deletes them where that is
/// wanted. What was written within the last hour may still get its row.
pub async fn orphans(
    root: &Path,
    storage: &Storage,
    named: &Named,
    now: i64,
    delete: bool,
) -> Result<Orphans, AuditError> {
    let mut found = Orphans::default();
    let mut waiting: Vec<PathBuf> = AREAS.iter().map(|area| root.join(area)).collect();
    while let Some(directory) = waiting.pop() {
        let failed = |source| AuditError::Directory {
            path: directory.clone(),
            source,
        };
        let mut entries = match tokio::fs::read_dir(&directory).await {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(error)),
        };
        while let Some(entry) = entries.next_entry().await.map_err(failed)? {
            let Ok(known) = entry.metadata().await else {
                // It went meanwhile.
                continue;
            };
            let path = entry.path();
            if known.is_dir() {
                waiting.push(path);
                continue;
            }
            let name = path.strip_prefix(root).ok().and_then(Path::to_str);
            let Some(key) = name.and_then(|name| name.parse::<Key>().ok()) else {
                continue;
            };
            let modified = known.modified().ok();
            let age = modified.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            let written = age.map_or(0, |age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
            if written > now - HOUR || named.has(key.as_str()) {
                continue;
            }
            found.files += 1;
            found.bytes += known.len();
            if delete && storage.delete(&key).await? {
                found.deleted += 1;
            }
            if found.names.len() < NAMED {
                found.names.push(key.to_string());
            }
        }
    }
    Ok(found)
}
