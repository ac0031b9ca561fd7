//! Archives of what users have here.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::media::Media;
use super::schema::{account_archives, favourites, media, statuses};
use super::{Conn, Result, on_db};

/// A row of `account_archives`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = account_archives)]
pub struct Archive {
    pub id: i64,
    pub account_id: i64,
    /// Storage key.
    pub file: String,
    /// Bytes.
    pub size: i64,
    pub created_at: i64,
    pub ready_at: Option<i64>,
    pub expires_at: i64,
}

/// Adds an archive.
#[boxed]
pub async fn insert(conn: &mut Conn, row: &Archive) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(account_archives::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// One archive.
#[boxed]
pub async fn by_id(conn: &mut Conn, id: i64) -> Result<Option<Archive>> {
    on_db!(conn, |c| account_archives::table
        .find(id)
        .select(Archive::as_select())
        .first(c)
        .await
        .optional())
}

/// The newest archive of an account.
#[boxed]
pub async fn newest(conn: &mut Conn, account_id: i64) -> Result<Option<Archive>> {
    on_db!(conn, |c| account_archives::table
        .filter(account_archives::account_id.eq(account_id))
        .order(account_archives::id.desc())
        .select(Archive::as_select())
        .first(c)
        .await
        .optional())
}

/// An archive is written; false where it was before, or is not wanted any more.
#[boxed]
pub async fn ready(conn: &mut Conn, id: i64, size: i64, now: i64, expires_at: i64) -> Result<bool> {
    let changed = on_db!(conn, |c| diesel::update(
        account_archives::table
            .find(id)
            .filter(account_archives::ready_at.is_null())
            .filter(account_archives::expires_at.gt(now))
    )
    .set((
        account_archives::size.eq(size),
        account_archives::ready_at.eq(Some(now)),
        account_archives::expires_at.eq(expires_at),
    ))
    .execute(c)
    .await)?;
    Ok(changed > 0)
}

/// The archives of an account have had their time.
#[boxed]
pub async fn expire_all(conn: &mut Conn, account_id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        account_archives::table.filter(account_archives::account_id.eq(account_id))
    )
    .set(account_archives::expires_at.eq(0))
    .execute(c)
    .await)?;
    Ok(())
}

/// Archives that have had their time, at most `limit`.
#[boxed]
pub async fn expired(conn: &mut Conn, now: i64, limit: i64) -> Result<Vec<Archive>> {
    on_db!(conn, |c| account_archives::table
        .filter(account_archives::expires_at.le(now))
        .order(account_archives::expires_at)
        .limit(limit)
        .select(Archive::as_select())
        .load(c)
        .await)
}

/// Archives that have had their time come after all that had it before `now`.
#[boxed]
pub async fn put_off(conn: &mut Conn, ids: &[i64], now: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        account_archives::table.filter(account_archives::id.any_of(ids))
    )
    .set(account_archives::expires_at.eq(now))
    .execute(c)
    .await)?;
    Ok(())
}

/// Forgets an archive.
#[boxed]
pub async fn delete(conn: &mut Conn, id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(account_archives::table.find(id))
        .execute(c)
        .await)?;
    Ok(())
}

/// Files that an account uploaded, above an id.
#[boxed]
pub async fn files(conn: &mut Conn, account_id: i64, above: i64, limit: i64) -> Result<Vec<Media>> {
    on_db!(conn, |c| media::table
        .filter(media::account_id.eq(account_id))
        .filter(media::id.gt(above))
        .order(media::id)
        .limit(limit)
        .select(Media::as_select())
        .load(c)
        .await)
}

/// Ids of favourites of an account, with the URIs of the statuses, above one.
#[boxed]
pub async fn liked(
    conn: &mut Conn,
    account_id: i64,
    above: i64,
    limit: i64,
) -> Result<Vec<(i64, String)>> {
    on_db!(conn, |c| favourites::table
        .inner_join(statuses::table.on(statuses::id.eq(favourites::status_id)))
        .filter(favourites::account_id.eq(account_id))
        .filter(favourites::id.gt(above))
        .order(favourites::id)
        .limit(limit)
        .select((favourites::id, statuses::uri))
        .load(c)
        .await)
}
