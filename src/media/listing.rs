//! What a bucket holds, by its own list: asking for each file would take a request each.

use std::collections::HashMap;

use futures::TryStreamExt;

use super::audit::{AREAS, mark};
use super::storage::{Key, Storage, StorageError};

/// How often a store is asked that says nothing.
const TRIES: usize = 3;

/// The files that a bucket listed, sixteen bytes for each. What two names share by chance is taken for one.
#[derive(Debug, Default)]
pub struct Listing(HashMap<u64, u64>);

impl Listing {
    /// Has a bucket list its files. A directory lists nothing: its files are looked at one by one.
    ///
    /// # Errors
    /// The store's.
    pub async fn of(storage: &Storage) -> Result<Listing, StorageError> {
        let mut listing = Listing::default();
        if storage.is_local() {
            return Ok(listing);
        }
        for area in AREAS {
            let mut tries = 1;
            while let Err(error) = listing.add(storage, area).await {
                if tries == TRIES || !error.is_silence() {
                    return Err(error);
                }
                tries += 1;
            }
        }
        Ok(listing)
    }

    async fn add(&mut self, storage: &Storage, area: &str) -> Result<(), StorageError> {
        let mut files = storage.list(area);
        while let Some(file) = files.try_next().await? {
            self.0.insert(mark(file.key.as_str()), file.size);
        }
        Ok(())
    }

    /// Bytes of a file of that storage; `None` when there is none. What was not listed may have come since, and
    /// is asked for.
    ///
    /// # Errors
    /// The store's.
    pub async fn size(&self, storage: &Storage, key: &Key) -> Result<Option<u64>, StorageError> {
        if let Some(size) = self.0.get(&mark(key.as_str())) {
            return Ok(Some(*size));
        }
        let mut tries = 1;
        loop {
            match storage.size(key).await {
                Err(error) if tries < TRIES && error.is_silence() => tries += 1,
                answer => return answer,
            }
        }
    }
}
