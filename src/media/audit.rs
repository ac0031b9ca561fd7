//! Holds the database against the files, both ways.

use std::collections::{BTreeMap, HashSet};

use aws_lc_rs::digest;
use futures::{StreamExt, TryStreamExt};

use super::listing::Listing;
use super::named::NamedFiles;
use super::storage::{Key, Storage, StorageError};
use crate::clock::HOUR;
use crate::db::stored_files::Holder;
use crate::db::{self, Db};
use crate::progress::Progress;

/// Names told at most.
const NAMED: usize = 100;
/// Files looked at at once: an object store takes its time for each.
const AT_ONCE: usize = 16;
/// The areas of the storage that rows name files of. What lies elsewhere is nobody's to delete.
pub const AREAS: [&str; 11] = [
    "archives",
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
    #[error("{0} was copied and is not the same there")]
    Differs(Key),
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

impl Usage {
    fn add(&mut self, name: String, size: Option<u64>) {
        match size {
            Some(bytes) => {
                self.files += 1;
                self.bytes += bytes;
            }
            None => {
                self.missing += 1;
                if self.missing_names.len() < NAMED {
                    self.missing_names.push(name);
                }
            }
        }
    }
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

/// What a name is known by where there are many.
pub(super) fn mark(name: &str) -> u64 {
    let hash = digest::digest(&digest::SHA256, name.as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash.as_ref()[..8]);
    u64::from_le_bytes(bytes)
}

impl Named {
    /// Adds a name; false when it is there.
    pub fn add(&mut self, name: &str) -> bool {
        self.0.insert(mark(name))
    }

    /// Whether it was added.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains(&mark(name))
    }
}

/// Looks for every file that a row names, and adds the names up.
///
/// # Errors
/// The database's, and the store's.
pub async fn usage(
    db: &Db,
    storage: &Storage,
    named: &mut Named,
) -> Result<BTreeMap<Holder, Usage>, AuditError> {
    let mut all: BTreeMap<Holder, Usage> = Holder::ALL.map(|it| (it, Usage::default())).into();
    let progress = Progress::counting("looking for files");
    let listing = Listing::of(storage).await?;
    let listing = &listing;
    let mut files = NamedFiles::all();
    while let Some((holder, mut names)) = files.next_from(db).await? {
        progress.add(names.len() as u64);
        names.retain(|name| named.add(name));
        let usage = all.entry(holder).or_default();
        let mut sizes = futures::stream::iter(names)
            .map(|name| async move {
                let size = match name.parse::<Key>() {
                    Ok(key) => listing.size(storage, &key).await?,
                    Err(_) => None,
                };
                Ok::<_, StorageError>((name, size))
            })
            .buffered(AT_ONCE);
        while let Some((name, size)) = sizes.try_next().await? {
            usage.add(name, size);
        }
    }
    Ok(all)
}

/// Finds the files of the storage that are in none of the names, and deletes them where that is
/// wanted. What was written within the last hour may still get its row.
pub async fn orphans(
    storage: &Storage,
    named: &Named,
    now: i64,
    delete: bool,
) -> Result<Orphans, AuditError> {
    let mut found = Orphans::default();
    for area in AREAS {
        let mut files = storage.list(area);
        while let Some(file) = files.try_next().await? {
            if file.written > now - HOUR || named.has(file.key.as_str()) {
                continue;
            }
            found.files += 1;
            found.bytes += file.size;
            if delete && storage.delete(&file.key).await? {
                found.deleted += 1;
            }
            if found.names.len() < NAMED {
                found.names.push(file.key.to_string());
            }
        }
    }
    Ok(found)
}
