//! Deleting files that are given up.

use super::storage::{Key, Storage, StorageError};

/// Deletes an attachment's files; empty names and missing files are no error.
pub async fn delete_files(
    storage: &Storage,
    file: &str,
    preview: &str,
) -> Result<(), StorageError> {
    delete_all(storage, &[file, preview]).await
}

/// Deletes files; empty names and missing files are no error.
pub async fn delete_all(storage: &Storage, names: &[&str]) -> Result<(), StorageError> {
    for name in names {
        if let Ok(key) = name.parse::<Key>() {
            storage.delete(&key).await?;
        }
    }
    Ok(())
}
