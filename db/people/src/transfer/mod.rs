//! Whole databases, row by row: out of one as it was at one moment, and into another.
//!
//! Which tables there are, with which columns, is asked of the database itself, so that none is
//! forgotten. A row is a JSON array, the same from SQLite and from PostgreSQL.

mod catalog;
mod digest;
mod snapshot;
mod target;

pub use catalog::{Column, ColumnKind, LEFT_OUT, NOT_BACKED_UP, REMOTE_COPIES, Table};
pub use digest::RowsDigest;
pub use snapshot::{Held, Snapshot, hold, in_use};
pub use target::{Occupied, Target, occupied};

use super::{MigrateError, OpenError, boxed};

/// The setting that holds the mark of the restore that made a database.
const MARK: &str = "restore_mark";

/// The mark that a database was given when it was made, empty where it was given none; `None` where no
/// database of Kith's is.
///
/// # Errors
/// Those of the connection: what cannot be asked may be anything.
#[boxed]
pub async fn mark(url: &str) -> Result<Option<String>, TransferError> {
    if sqlite_path(url).is_some_and(|path| !std::path::Path::new(path).exists()) {
        return Ok(None);
    }
    let mut conn = snapshot::connect(url).await?;
    let known = match conn.is_postgres() {
        true => {
            "SELECT count(*) AS n FROM pg_class WHERE relname = 'settings' \
             AND relnamespace = current_schema()::regnamespace"
        }
        false => {
            "SELECT count(*) AS n FROM sqlite_master WHERE type = 'table' AND name = 'settings'"
        }
    };
    if snapshot::number(&mut conn, known).await? == 0 {
        return Ok(None);
    }
    let mark = super::policies::setting(&mut conn, MARK).await?;
    Ok(Some(mark.unwrap_or_default()))
}

/// Why a database could not be read out or written, in one line for an admin.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    #[error("the database: {0}")]
    Query(#[from] super::Error),
    #[error("{0}")]
    Unfit(String),
}

impl TransferError {
    fn unfit(text: impl Into<String>) -> TransferError {
        TransferError::Unfit(text.into())
    }
}

/// The file of a SQLite URL; `None` for another kind of database.
pub fn sqlite_path(url: &str) -> Option<&str> {
    let path = url.strip_prefix("sqlite:")?;
    Some(path.strip_prefix("//").unwrap_or(path))
}
