//! The versions of edited statuses.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::schema::status_edits;
use super::{Conn, Result, on_db};

/// A row of `status_edits`: what a status said from a time on.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = status_edits)]
pub struct StatusEdit {
    pub id: i64,
    pub status_id: i64,
    /// Clean HTML.
    pub content: String,
    /// Plain text.
    pub spoiler_text: String,
    pub sensitive: bool,
    /// As in [`super::statuses::Status`].
    pub emojis: String,
    /// JSON: `[{"id", "description"}]`.
    pub media: String,
    /// JSON: titles of the poll's options.
    pub options: Option<String>,
    pub created_at: i64,
}

/// Adds a version.
#[boxed]
pub async fn insert(conn: &mut Conn, row: &StatusEdit) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(status_edits::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// The newest version kept.
#[boxed]
pub async fn newest(conn: &mut Conn, status_id: i64) -> Result<Option<StatusEdit>> {
    on_db!(conn, |c| status_edits::table
        .filter(status_edits::status_id.eq(status_id))
        .order(status_edits::id.desc())
        .select(StatusEdit::as_select())
        .first(c)
        .await
        .optional())
}

/// The versions of a status, oldest first, at most `limit`.
#[boxed]
pub async fn of_status(conn: &mut Conn, status_id: i64, limit: i64) -> Result<Vec<StatusEdit>> {
    on_db!(conn, |c| status_edits::table
        .filter(status_edits::status_id.eq(status_id))
        .order(status_edits::id)
        .limit(limit)
        .select(StatusEdit::as_select())
        .load(c)
        .await)
}

/// Forgets versions so that no more than `most` stay: the first and the newest.
#[boxed]
pub async fn trim(conn: &mut Conn, status_id: i64, most: i64) -> Result<()> {
    let ids: Vec<i64> = on_db!(conn, |c| status_edits::table
        .filter(status_edits::status_id.eq(status_id))
        .order(status_edits::id)
        .select(status_edits::id)
        .limit(most + 100)
        .load(c)
        .await)?;
    let over = ids.len().saturating_sub(usize::try_from(most).unwrap_or(1));
    let gone: Vec<i64> = ids.into_iter().skip(1).take(over).collect();
    if gone.is_empty() {
        return Ok(());
    }
    on_db!(conn, |c| diesel::delete(
        status_edits::table.filter(status_edits::id.any_of(&gone))
    )
    .execute(c)
    .await)?;
    Ok(())
}
