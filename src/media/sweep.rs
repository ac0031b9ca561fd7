//! Deleting files that are given up.

use super::storage::{Key, Storage, StorageError};

/// Files that cannot be deleted until the rest is left for later.
pub const MOST_FAILED: usize = 20;

/// Deletes an attachment's files; empty names and missing files are no error.
pub async fn delete_files(
    storage: &Storage,
    file: &str,
    preview: &str,
) -> Result<(), StorageError> {
    delete_all(storage, &[file, preview]).await
}

/// What became of rows whose files were to be deleted.
#[derive(Debug)]
pub struct Swept<T> {
    /// Their files are gone.
    pub gone: Vec<T>,
    /// Some file of theirs cannot be deleted now: they are to come after others the next time.
    pub failed: Vec<T>,
    /// Whether all were looked at. Otherwise the rest is better left for later.
    pub through: bool,
}

/// Deletes the files of several rows. What cannot be deleted is told to the log, and keeps nobody from going on
/// with the rows behind it; only where much cannot, the rest is left for later.
pub async fn delete_each<T>(
    storage: &Storage,
    rows: Vec<T>,
    files: impl Fn(&T) -> Vec<String>,
) -> Swept<T> {
    let mut swept = Swept {
        gone: Vec::with_capacity(rows.len()),
        failed: Vec::new(),
        through: true,
    };
    for row in rows {
        match delete_all(storage, &files(&row)).await {
            Ok(()) => swept.gone.push(row),
            Err(error) => {
                tracing::warn!(%error, "an unused file cannot be deleted now");
                swept.failed.push(row);
                // Each of these took as long as nobody answered.
                if swept.failed.len() == MOST_FAILED || error.is_silence() {
                    swept.through = false;
                    break;
                }
            }
        }
    }
    swept
}

/// Deletes files; empty names and missing files are no error.
pub async fn delete_all(storage: &Storage, names: &[impl AsRef<str>]) -> Result<(), StorageError> {
    for name in names {
        if let Ok(key) = name.as_ref().parse::<Key>() {
            storage.delete(&key).await?;
        }
    }
    Ok(())
}
