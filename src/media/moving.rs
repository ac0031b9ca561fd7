//! Moves files from one storage to another, beside servers that go on working.

use aws_lc_rs::digest;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use super::audit::{AREAS, AuditError, Named};
use super::named::NamedFiles;
use super::storage::{Key, Storage, StorageError};
use crate::db::Db;
use crate::progress::Progress;
use crate::random::Random;

/// Names told at most.
const NAMED: usize = 100;
/// Files under way at once.
const AT_ONCE: usize = 4;

/// From where to where.
#[derive(Debug, Clone, Copy)]
pub struct Route<'a> {
    pub from: &'a Storage,
    pub to: &'a Storage,
    /// Count, and copy nothing.
    pub dry: bool,
    /// Delete, where they come from, those that are in their new place.
    pub delete: bool,
}

/// What a move came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moved {
    /// Files copied, or to be, and their bytes.
    pub copied: u64,
    pub bytes: u64,
    /// Files that were in their new place already.
    pub there: u64,
    /// Files that are in neither.
    pub missing: u64,
    /// The first hundred of those.
    pub missing_names: Vec<String>,
    /// Files deleted where they came from.
    pub deleted: u64,
    /// Copies deleted again, for their rows went meanwhile.
    pub withdrawn: u64,
}

enum Step {
    Copied { bytes: u64, deleted: bool },
    There { deleted: bool },
    Missing(String),
}

/// Whether two storages are one under two names: what is put into one of them is in the other.
///
/// # Errors
/// Those of both storages.
pub async fn is_one(from: &Storage, to: &Storage, random: &Random) -> Result<bool, StorageError> {
    let mark = random.bytes::<16>();
    let key = Key::for_content("uploads", "probe", &mark, "png");
    let key = key.map_err(|error| StorageError::Directory {
        path: "uploads".into(),
        source: std::io::Error::other(error),
    })?;
    to.put(&key, Bytes::copy_from_slice(&mark)).await?;
    let there = from.exists(&key).await;
    to.delete(&key).await?;
    there
}

/// Moves every file that a row names. What is in its new place with the same size is passed over, so
/// that a move that was broken off is gone on with; every copy is read again there and compared.
///
/// # Errors
/// Those of the database and of both storages, and a copy that is not what was copied.
pub async fn move_files(db: &Db, route: Route<'_>) -> Result<Moved, AuditError> {
    let mut moved = Moved::default();
    let mut named = Named::default();
    let progress = Progress::counting("moving files");
    let mut files = NamedFiles::all();
    while let Some((_, mut names)) = files.next_from(db).await? {
        names.retain(|name| named.add(name));
        let mut steps = futures::stream::iter(names)
            .map(|name| move_one(route, name))
            .buffer_unordered(AT_ONCE);
        while let Some(step) = steps.try_next().await? {
            moved.add(step);
            progress.add(1);
        }
    }
    if !route.dry {
        moved.withdrawn = withdraw(db, route.to, &named).await?;
    }
    Ok(moved)
}

/// Deletes copies of files that a row named when they were met, and none names any more: whoever deleted
/// them did so where the server looks.
async fn withdraw(db: &Db, to: &Storage, met: &Named) -> Result<u64, AuditError> {
    let named = all_named(db).await?;
    let mut unnamed = Vec::new();
    for area in AREAS {
        let mut files = to.list(area);
        while let Some(file) = files.try_next().await? {
            let name = file.key.as_str();
            if met.has(name) && !named.has(name) {
                unnamed.push(file.key);
            }
        }
    }
    if unnamed.is_empty() {
        return Ok(0);
    }
    // Names are read some at a time: one may have gone from a row that was not read yet to one that was. It is where it
    // came to by now.
    let named = all_named(db).await?;
    let mut withdrawn = 0;
    for key in unnamed {
        if !named.has(key.as_str()) {
            withdrawn += u64::from(to.delete(&key).await?);
        }
    }
    Ok(withdrawn)
}

async fn all_named(db: &Db) -> Result<Named, AuditError> {
    let mut named = Named::default();
    let mut files = NamedFiles::all();
    while let Some((_, names)) = files.next_from(db).await? {
        for name in &names {
            named.add(name);
        }
    }
    Ok(named)
}

impl Moved {
    fn add(&mut self, step: Step) {
        match step {
            Step::Copied { bytes, deleted } => {
                self.copied += 1;
                self.bytes += bytes;
                self.deleted += u64::from(deleted);
            }
            Step::There { deleted } => {
                self.there += 1;
                self.deleted += u64::from(deleted);
            }
            Step::Missing(name) => {
                self.missing += 1;
                if self.missing_names.len() < NAMED {
                    self.missing_names.push(name);
                }
            }
        }
    }
}

async fn move_one(route: Route<'_>, name: String) -> Result<Step, AuditError> {
    let Ok(key) = name.parse::<Key>() else {
        return Ok(Step::Missing(name));
    };
    let Route { from, to, .. } = route;
    let (old, new) = (from.size(&key).await?, to.size(&key).await?);
    let Some(old) = old else {
        return Ok(match new {
            Some(_) => Step::There { deleted: false },
            None => Step::Missing(name),
        });
    };
    if route.dry {
        return Ok(match new == Some(old) {
            true => Step::There { deleted: false },
            false => Step::Copied {
                bytes: old,
                deleted: false,
            },
        });
    }
    if new == Some(old) {
        let deleted = route.delete && is_same(route, &key).await?;
        if deleted {
            from.delete(&key).await?;
        }
        if deleted || !route.delete {
            return Ok(Step::There { deleted });
        }
    }
    let Some(file) = from.on_disk(&key).await? else {
        // It was deleted meanwhile.
        return Ok(Step::Missing(name));
    };
    to.send(&key, file.path()).await?;
    drop(file);
    if !is_same(route, &key).await? {
        // Whoever deleted a file meanwhile deleted it where the server looks.
        if from.size(&key).await?.is_none() {
            return Ok(Step::Missing(name));
        }
        return Err(AuditError::Differs(key));
    }
    if route.delete {
        from.delete(&key).await?;
    }
    Ok(Step::Copied {
        bytes: old,
        deleted: route.delete,
    })
}

async fn is_same(route: Route<'_>, key: &Key) -> Result<bool, StorageError> {
    let (old, new) = tokio::try_join!(hash(route.from, key), hash(route.to, key))?;
    Ok(old.is_some() && old == new)
}

async fn hash(storage: &Storage, key: &Key) -> Result<Option<Vec<u8>>, StorageError> {
    let Some(mut stored) = storage.open(key, None).await? else {
        return Ok(None);
    };
    let mut context = digest::Context::new(&digest::SHA256);
    while let Some(chunk) =
        (stored.content.try_next().await).map_err(|source| StorageError::Io {
            doing: "reading",
            key: key.clone(),
            source,
        })?
    {
        context.update(&chunk);
    }
    Ok(Some(context.finish().as_ref().to_vec()))
}
