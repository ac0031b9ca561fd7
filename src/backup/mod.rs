//! Backups: everything a server is, in one file that proves itself.
//!
//! A backup is a gzipped tar archive, which needs no Kith to be looked into. Its tables are rows of
//! JSON, the same from SQLite and from PostgreSQL, so that either is restored into either. Every
//! member's size and SHA-256 stand in a listing that follows it, what the listings come to and what
//! each table's rows come to in the manifest at its end.

mod create;
pub(crate) mod leftovers;
mod load;
mod manifest;
mod member;
mod move_database;
mod pending;
mod read;
mod restore;
mod rows;
mod write;

pub use create::{Created, Wanted, create, write_to};
pub use manifest::{Files, Header, InStore, Manifest};
pub use move_database::{Moved, move_database};
pub use pending::settle;
pub use read::verify;
pub use restore::{Absent, Place, Restored, restore, sweep};

/// What a step comes to, or one line for an admin.
pub type Outcome<T> = Result<T, String>;
