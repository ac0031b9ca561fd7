//! Copies of files from elsewhere.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::any::AnyOfExt;
use super::schema::{media, remote_files, remote_files_total};
use super::{Conn, Result, on_db};

/// The one row of `remote_files_total`.
const TOTAL: i64 = 1;

/// A row of `remote_files`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = remote_files)]
pub struct RemoteFile {
    /// Names what it is shown as, and its address.
    pub hash: String,
    pub url: String,
    /// Storage key, or `''` when the fetch failed.
    pub file: String,
    /// Storage key of the thumbnail, or `''`.
    pub preview: String,
    /// Bytes of both; 0 exactly when the fetch failed.
    pub size: i64,
    /// Fetches that failed since the last that did not.
    pub failures: i64,
    pub error: String,
    /// When a failed fetch may be tried again.
    pub retry_at: i64,
    pub fetched_at: i64,
    /// When it was last looked at, to the hour.
    pub used_at: i64,
}

/// One by its hash.
#[boxed]
pub async fn by_hash(conn: &mut Conn, hash: &str) -> Result<Option<RemoteFile>> {
    on_db!(conn, |c| remote_files::table
        .find(hash)
        .first::<RemoteFile>(c)
        .await
        .optional())
}

/// Those of some hashes, in no order.
#[boxed]
pub async fn by_hashes(conn: &mut Conn, hashes: &[String]) -> Result<Vec<RemoteFile>> {
    if hashes.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| remote_files::table
        .filter(remote_files::hash.any_of(hashes))
        .load::<RemoteFile>(c)
        .await)
}

/// Writes down what a fetch came to, in the place of what was known before; gives that back.
#[boxed]
pub async fn put(conn: &mut Conn, row: &RemoteFile) -> Result<Option<RemoteFile>> {
    let before = by_hash(conn, &row.hash).await?;
    on_db!(conn, |c| diesel::insert_into(remote_files::table)
        .values(row)
        .on_conflict(remote_files::hash)
        .do_update()
        .set(row)
        .execute(c)
        .await)?;
    add(conn, row.size - before.as_ref().map_or(0, |b| b.size)).await?;
    Ok(before)
}

/// Notes that a copy was looked at.
#[boxed]
pub async fn touch(conn: &mut Conn, hash: &str, now: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(remote_files::table.find(hash))
        .set(remote_files::used_at.eq(now))
        .execute(c)
        .await)?;
    Ok(())
}

/// Bytes of all copies together.
#[boxed]
pub async fn total(conn: &mut Conn) -> Result<i64> {
    let bytes = on_db!(conn, |c| remote_files_total::table
        .find(TOTAL)
        .select(remote_files_total::bytes)
        .first::<i64>(c)
        .await
        .optional())?;
    Ok(bytes.unwrap_or_default())
}

async fn add(conn: &mut Conn, bytes: i64) -> Result<()> {
    if bytes == 0 {
        return Ok(());
    }
    on_db!(conn, |c| diesel::insert_into(remote_files_total::table)
        .values((
            remote_files_total::id.eq(TOTAL),
            remote_files_total::bytes.eq(bytes)
        ))
        .on_conflict(remote_files_total::id)
        .do_update()
        .set(remote_files_total::bytes.eq(remote_files_total::bytes + bytes))
        .execute(c)
        .await)?;
    Ok(())
}

/// The copies that nobody has looked at for longest.
#[boxed]
pub async fn least_used(conn: &mut Conn, limit: i64) -> Result<Vec<RemoteFile>> {
    on_db!(conn, |c| remote_files::table
        // Spelt out, as the partial index has it.
        .filter(sql::<Bool>("size > 0"))
        .order(remote_files::used_at)
        .limit(limit)
        .load::<RemoteFile>(c)
        .await)
}

/// Copies that nobody has looked at since a time: some of them, those for longest first.
#[boxed]
pub async fn unused_since(conn: &mut Conn, time: i64, limit: i64) -> Result<Vec<RemoteFile>> {
    on_db!(conn, |c| remote_files::table
        .filter(sql::<Bool>("size > 0"))
        .filter(remote_files::used_at.lt(time))
        .order(remote_files::used_at)
        .limit(limit)
        .load::<RemoteFile>(c)
        .await)
}

/// How many copies nobody has looked at since a time, and their bytes.
#[boxed]
pub async fn count_unused_since(conn: &mut Conn, time: i64) -> Result<(i64, i64)> {
    let sizes = sql::<diesel::sql_types::BigInt>("CAST(COALESCE(SUM(size), 0) AS BIGINT)");
    on_db!(conn, |c| remote_files::table
        .filter(sql::<Bool>("size > 0"))
        .filter(remote_files::used_at.lt(time))
        .select((diesel::dsl::count_star(), sizes))
        .first(c)
        .await)
}

/// Attachments of an account that are elsewhere, with their addresses, after an id.
#[boxed]
pub async fn shown_by_account(
    conn: &mut Conn,
    account_id: i64,
    above: i64,
    limit: i64,
) -> Result<Vec<(i64, String)>> {
    on_db!(conn, |c| media::table
        .filter(media::account_id.eq(account_id))
        .filter(media::id.gt(above))
        .filter(media::remote_url.ne(""))
        .order(media::id)
        .limit(limit)
        .select((media::id, media::remote_url))
        .load(c)
        .await)
}

/// Forgets a copy whose files are deleted, unless it was fetched again meanwhile.
#[boxed]
pub async fn remove(conn: &mut Conn, row: &RemoteFile) -> Result<()> {
    let gone = on_db!(conn, |c| diesel::delete(
        remote_files::table
            .find(&row.hash)
            .filter(remote_files::fetched_at.eq(row.fetched_at))
    )
    .execute(c)
    .await)?;
    if gone > 0 {
        add(conn, -row.size).await?;
    }
    Ok(())
}

/// Forgets failures that could have been tried again before a time; says how many.
#[boxed]
pub async fn forget_failures(conn: &mut Conn, before: i64, limit: i64) -> Result<usize> {
    let hashes: Vec<String> = on_db!(conn, |c| remote_files::table
        .filter(sql::<Bool>("size = 0"))
        .filter(remote_files::retry_at.lt(before))
        .order(remote_files::retry_at)
        .limit(limit)
        .select(remote_files::hash)
        .load(c)
        .await)?;
    if hashes.is_empty() {
        return Ok(0);
    }
    on_db!(conn, |c| diesel::delete(
        remote_files::table
            .filter(remote_files::hash.any_of(&hashes))
            .filter(remote_files::size.eq(0))
    )
    .execute(c)
    .await)
}
