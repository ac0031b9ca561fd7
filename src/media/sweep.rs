//! Deleting files that are given up.

use super::storage::{Key, Storage, StorageError};

/// Deletes files; empty names and missing files are no error.
pub async fn delete_files<'a>(
    storage: &Storage,
    names: impl IntoIterator<Item = &'a str>,
) -> Result<(), StorageError> {
    for key in names.into_iter().filter_map(|name| name.parse::<Key>().ok()) {
        storage.delete(&key).await?;
    }
    Ok(())
}
