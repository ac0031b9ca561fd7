//! What a backup says of itself: at its beginning what it is of, at its end what it comes to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The format that this version writes, and the only one it reads.
pub const FORMAT: u32 = 1;

/// Missing files that are named.
const NAMED: usize = 100;

/// The first member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    pub format: u32,
    /// The version of Kith that made it.
    pub kith: String,
    /// ISO 8601.
    pub created_at: String,
    /// `sqlite` or `postgres`: where it is from.
    pub database: String,
    pub public_url: String,
    pub account_domain: String,
    /// The schema: versions of the migrations that made it.
    pub migrations: Vec<String>,
    /// Where the event log had got.
    pub last_event: i64,
    /// Whether copies of files from elsewhere are in it.
    pub remote_media: bool,
    /// Each after those that it refers to.
    pub tables: Vec<TableColumns>,
}

/// A table, and the order of its rows' values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableColumns {
    pub name: String,
    pub columns: Vec<String>,
}

/// The last member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    pub tables: BTreeMap<String, TableRows>,
    pub files: Files,
    /// Members before this one, but for the listings.
    pub members: u64,
    /// Their bytes.
    pub bytes: u64,
    /// SHA-256 of all listings in a row.
    pub sha256: String,
}

/// What a table's rows come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRows {
    pub rows: u64,
    /// Their hashes added up, whatever their order.
    pub digest: String,
}

/// Media files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    pub count: u64,
    pub bytes: u64,
    /// Files that the database names and that were not there.
    pub missing: u64,
    /// The first hundred of those.
    pub missing_names: Vec<String>,
    /// Files that are not in the backup: they were left where they are, and it says which they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_store: Option<InStore>,
}

impl Files {
    /// A file that is named and is not there.
    pub fn miss(&mut self, name: &str) {
        self.missing += 1;
        if self.missing_names.len() < NAMED {
            self.missing_names.push(name.to_owned());
        }
    }
}

/// Files that stayed in an object store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InStore {
    /// Which bucket of which store.
    pub store: String,
    pub count: u64,
    pub bytes: u64,
}

/// A file that stayed in an object store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreFile {
    pub key: String,
    /// Bytes.
    pub size: u64,
}

impl Manifest {
    /// Rows of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.values().map(|table| table.rows).sum()
    }
}
