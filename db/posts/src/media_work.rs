//! Uploads that are still worked on, and what became of those that failed.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::schema::media_work;
use super::{Conn, Result, on_db};

/// A row of `media_work`: its attachment has no file yet.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = media_work)]
pub struct Work {
    pub media_id: i64,
    /// Storage key of what was uploaded.
    pub source: String,
    /// Storage keys of what is about to be stored, or `''`.
    pub file: String,
    pub preview: String,
    /// Why nothing came of it; `''` while it is worked on.
    pub error: String,
    pub created_at: i64,
}

impl Work {
    /// The storage keys that belong to it.
    pub fn files(&self) -> [&str; 3] {
        [&self.source, &self.file, &self.preview]
    }
}

/// Adds one.
#[boxed]
pub async fn insert(conn: &mut Conn, row: &Work) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(media_work::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// The work on attachments, in no order; none for those that are done.
#[boxed]
pub async fn of(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Work>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| media_work::table
        .filter(media_work::media_id.any_of(ids))
        .load::<Work>(c)
        .await)
}

/// Notes what is about to be stored.
#[boxed]
pub async fn intend(conn: &mut Conn, id: i64, file: &str, preview: &str) -> Result<()> {
    on_db!(conn, |c| diesel::update(media_work::table.find(id))
        .set((media_work::file.eq(file), media_work::preview.eq(preview)))
        .execute(c)
        .await)?;
    Ok(())
}

/// Nothing will come of it.
#[boxed]
pub async fn fail(conn: &mut Conn, id: i64, error: &str) -> Result<()> {
    on_db!(conn, |c| diesel::update(media_work::table.find(id))
        .set(media_work::error.eq(error))
        .execute(c)
        .await)?;
    Ok(())
}

/// It is done.
#[boxed]
pub async fn remove(conn: &mut Conn, id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(media_work::table.find(id))
        .execute(c)
        .await)?;
    Ok(())
}
