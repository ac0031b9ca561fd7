//! Statuses that may be posted some day.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::media::Media;
use super::relations::Page;
use super::schema::{draft_media, drafts, media};
use super::{Conn, Result, on_db};

/// A row of `drafts`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = drafts)]
pub struct DraftRow {
    pub id: i64,
    pub account_id: i64,
    /// `domain::statuses::Draft` as JSON.
    pub draft: String,
    pub created_at: i64,
    pub updated_at: i64,
}

/// Adds one.
#[boxed]
pub async fn insert(conn: &mut Conn, row: &DraftRow) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(drafts::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Writes what one says anew.
#[boxed]
pub async fn update(conn: &mut Conn, row: &DraftRow) -> Result<()> {
    on_db!(conn, |c| diesel::update(drafts::table.find(row.id))
        .set((
            drafts::draft.eq(&row.draft),
            drafts::updated_at.eq(row.updated_at),
        ))
        .execute(c)
        .await)?;
    Ok(())
}

/// One of an account's.
#[boxed]
pub async fn by_id(conn: &mut Conn, account_id: i64, id: i64) -> Result<Option<DraftRow>> {
    on_db!(conn, |c| drafts::table
        .find(id)
        .filter(drafts::account_id.eq(account_id))
        .select(DraftRow::as_select())
        .first(c)
        .await
        .optional())
}

/// How many an account has.
#[boxed]
pub async fn count(conn: &mut Conn, account_id: i64) -> Result<i64> {
    on_db!(conn, |c| drafts::table
        .filter(drafts::account_id.eq(account_id))
        .count()
        .get_result(c)
        .await)
}

/// One page of an account's, the newest made first.
#[boxed]
pub async fn page(conn: &mut Conn, account_id: i64, page: Page) -> Result<Vec<DraftRow>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let rows = drafts::table
        .filter(drafts::account_id.eq(account_id))
        .filter(drafts::id.lt(max))
        .filter(drafts::id.gt(min))
        .limit(page.limit);
    if page.min_id.is_some() {
        let mut rows: Vec<DraftRow> = on_db!(conn, |c| rows
            .order(drafts::id.asc())
            .select(DraftRow::as_select())
            .load(c)
            .await)?;
        rows.reverse();
        Ok(rows)
    } else {
        on_db!(conn, |c| rows
            .order(drafts::id.desc())
            .select(DraftRow::as_select())
            .load(c)
            .await)
    }
}

/// Removes one of an account's; false when it is not there (any more).
#[boxed]
pub async fn delete(conn: &mut Conn, account_id: i64, id: i64) -> Result<bool> {
    let gone = on_db!(conn, |c| diesel::delete(
        drafts::table
            .find(id)
            .filter(drafts::account_id.eq(account_id))
    )
    .execute(c)
    .await)?;
    Ok(gone > 0)
}

/// Keeps these uploads for a draft, and no others.
#[boxed]
pub async fn hold_media(conn: &mut Conn, id: i64, ids: &[i64]) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        draft_media::table.filter(draft_media::draft_id.eq(id))
    )
    .execute(c)
    .await)?;
    for media_id in ids {
        on_db!(conn, |c| diesel::insert_into(draft_media::table)
            .values((
                draft_media::draft_id.eq(id),
                draft_media::media_id.eq(media_id),
            ))
            .on_conflict_do_nothing()
            .execute(c)
            .await)?;
    }
    Ok(())
}

/// The uploads of some drafts that are still to be had: pairs of draft and upload.
#[boxed]
pub async fn media_of(conn: &mut Conn, ids: &[i64]) -> Result<Vec<(i64, Media)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| draft_media::table
        .inner_join(media::table.on(media::id.eq(draft_media::media_id)))
        .filter(draft_media::draft_id.any_of(ids))
        .filter(media::status_id.is_null())
        .filter(media::position.ge(0))
        .select((draft_media::draft_id, Media::as_select()))
        .load(c)
        .await)
}
