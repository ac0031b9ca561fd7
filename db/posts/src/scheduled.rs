//! Statuses that are to be posted later.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::media::Media;
use super::relations::Page;
use super::schema::{media, scheduled_media, scheduled_statuses};
use super::{Conn, Result, on_db};

/// A row of `scheduled_statuses`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = scheduled_statuses)]
pub struct Scheduled {
    pub id: i64,
    pub account_id: i64,
    pub scheduled_at: i64,
    /// `domain::statuses::Draft` as JSON.
    pub draft: String,
    pub created_at: i64,
}

/// Adds one.
#[boxed]
pub async fn insert(conn: &mut Conn, row: &Scheduled) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(scheduled_statuses::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// One of an account's.
#[boxed]
pub async fn by_id(conn: &mut Conn, account_id: i64, id: i64) -> Result<Option<Scheduled>> {
    on_db!(conn, |c| scheduled_statuses::table
        .find(id)
        .filter(scheduled_statuses::account_id.eq(account_id))
        .select(Scheduled::as_select())
        .first(c)
        .await
        .optional())
}

/// The draft of one, whosever it is.
#[boxed]
pub async fn draft(conn: &mut Conn, id: i64) -> Result<Option<String>> {
    on_db!(conn, |c| scheduled_statuses::table
        .find(id)
        .select(scheduled_statuses::draft)
        .first(c)
        .await
        .optional())
}

/// One page of an account's, the newest made first.
#[boxed]
pub async fn page(conn: &mut Conn, account_id: i64, page: Page) -> Result<Vec<Scheduled>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let rows = scheduled_statuses::table
        .filter(scheduled_statuses::account_id.eq(account_id))
        .filter(scheduled_statuses::id.lt(max))
        .filter(scheduled_statuses::id.gt(min))
        .limit(page.limit);
    if page.min_id.is_some() {
        let mut rows: Vec<Scheduled> = on_db!(conn, |c| rows
            .order(scheduled_statuses::id.asc())
            .select(Scheduled::as_select())
            .load(c)
            .await)?;
        rows.reverse();
        Ok(rows)
    } else {
        on_db!(conn, |c| rows
            .order(scheduled_statuses::id.desc())
            .select(Scheduled::as_select())
            .load(c)
            .await)
    }
}

/// How many an account has, in all and between two times.
#[boxed]
pub async fn count(conn: &mut Conn, account_id: i64, from: i64, to: i64) -> Result<(i64, i64)> {
    let all = on_db!(conn, |c| scheduled_statuses::table
        .filter(scheduled_statuses::account_id.eq(account_id))
        .count()
        .get_result(c)
        .await)?;
    let then = on_db!(conn, |c| scheduled_statuses::table
        .filter(scheduled_statuses::account_id.eq(account_id))
        .filter(scheduled_statuses::scheduled_at.ge(from))
        .filter(scheduled_statuses::scheduled_at.lt(to))
        .count()
        .get_result(c)
        .await)?;
    Ok((all, then))
}

/// Changes when one is due; false when it is not there (any more).
#[boxed]
pub async fn move_to(conn: &mut Conn, account_id: i64, id: i64, scheduled_at: i64) -> Result<bool> {
    let moved = on_db!(conn, |c| diesel::update(
        scheduled_statuses::table
            .find(id)
            .filter(scheduled_statuses::account_id.eq(account_id))
    )
    .set(scheduled_statuses::scheduled_at.eq(scheduled_at))
    .execute(c)
    .await)?;
    Ok(moved > 0)
}

/// Removes one of an account's; false when it is not there (any more).
#[boxed]
pub async fn delete(conn: &mut Conn, account_id: i64, id: i64) -> Result<bool> {
    let gone = on_db!(conn, |c| diesel::delete(
        scheduled_statuses::table
            .find(id)
            .filter(scheduled_statuses::account_id.eq(account_id))
    )
    .execute(c)
    .await)?;
    Ok(gone > 0)
}

/// Takes one that is due at a time out of the table: of all who try, one gets it.
#[boxed]
pub async fn take(conn: &mut Conn, id: i64, now: i64) -> Result<Option<Scheduled>> {
    on_db!(conn, |c| diesel::delete(
        scheduled_statuses::table
            .find(id)
            .filter(scheduled_statuses::scheduled_at.le(now))
    )
    .returning(Scheduled::as_returning())
    .get_result(c)
    .await
    .optional())
}

/// Keeps uploads for one.
#[boxed]
pub async fn hold_media(conn: &mut Conn, id: i64, ids: &[i64]) -> Result<()> {
    for media_id in ids {
        on_db!(conn, |c| diesel::insert_into(scheduled_media::table)
            .values((
                scheduled_media::media_id.eq(media_id),
                scheduled_media::scheduled_status_id.eq(id),
            ))
            .execute(c)
            .await)?;
    }
    Ok(())
}

/// Of some uploads, those that wait for a scheduled status.
#[boxed]
pub async fn held(conn: &mut Conn, ids: &[i64]) -> Result<Vec<i64>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| scheduled_media::table
        .filter(scheduled_media::media_id.any_of(ids))
        .select(scheduled_media::media_id)
        .load(c)
        .await)
}

/// The uploads of some: pairs of scheduled status and upload.
#[boxed]
pub async fn media_of(conn: &mut Conn, ids: &[i64]) -> Result<Vec<(i64, Media)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| scheduled_media::table
        .inner_join(media::table.on(media::id.eq(scheduled_media::media_id)))
        .filter(scheduled_media::scheduled_status_id.any_of(ids))
        .select((scheduled_media::scheduled_status_id, Media::as_select()))
        .load(c)
        .await)
}
