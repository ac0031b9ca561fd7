//! Deleting the files of attachments that are given up.

use super::storage::{Key, Storage, StorageError};

/// Deletes an attachment's files; empty names and missing files are no error.
pub async fn delete_files(
    storage: &Storage,
    file: &str,
    preview: &str,
) -> Result<(), StorageError> {
    for name in [file, preview] {
        if let Ok(key) = name.parse::<Key>() {
            storage.delete(&key).await?;
        }
    }
    Ok(())
}
