//! Deleting files that are given up.

use super::storage::{Key, Storage, StorageError};

/// Files that cannot be deleted until the rest is left for later.
const MOST_FAILED: usize = 20;

/// Deletes an attachment's files; empty names and missing files are no error.
pub async fn delete_files(
    storage: &Storage,
    file: &str,
    preview: &str,
) -> Result<(), StorageError> {
    delete_all(storage, &[file, preview]).await
}

/// Deletes the files of several rows, and gives back the rows whose files are gone. What cannot be deleted is told to
/// the log, and keeps nobody from going on with the rows behind it; only where much cannot, the rest is left for later.
pub async fn delete_each<T>(
    storage: &Storage,
    rows: Vec<T>,
    files: impl Fn(&T) -> Vec<String>,
) -> Vec<T> {
    let mut gone = Vec::with_capacity(rows.len());
    let mut failed = 0;
    for row in rows {
        match delete_all(storage, &files(&row)).await {
            Ok(()) => gone.push(row),
            Err(error) => {
                tracing::warn!(%error, "an unused file cannot be deleted now");
                failed += 1;
                // Each of these took as long as nobody answered.
                if failed == MOST_FAILED || error.is_silence() {
                    break;
                }
            }
        }
    }
    gone
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
