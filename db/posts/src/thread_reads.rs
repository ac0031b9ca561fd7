//! How threads are filled up with what other servers know of them.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::any::AnyOfExt;
use super::schema::{quiet_statuses, replies_reads, statuses, thread_reads, tombstones};
use super::{Conn, Result, on_db, prepared};

/// A row of `thread_reads`.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset,
)]
#[diesel(table_name = thread_reads)]
pub struct ThreadRead {
    pub conversation_id: i64,
    /// Whether it is being filled up.
    pub active: bool,
    /// The job that is at it, and until when nobody else is to be.
    pub job_id: i64,
    pub busy_until: i64,
    /// Jobs that this filling has taken.
    pub jobs: i64,
    /// Statuses that it has brought.
    pub found: i64,
    /// Fillings in a row that brought nothing.
    pub fruitless: i64,
    pub begun_at: i64,
    /// No other filling before.
    pub next_at: i64,
}

/// How a thread is being filled up, or was.
#[boxed]
pub async fn of(conn: &mut Conn, conversation_id: i64) -> Result<Option<ThreadRead>> {
    on_db!(conn, |c| thread_reads::table
        .find(conversation_id)
        .select(ThreadRead::as_select())
        .first(c)
        .await
        .optional())
}

/// Writes how a thread is being filled up.
#[boxed]
pub async fn put(conn: &mut Conn, row: &ThreadRead) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(thread_reads::table)
        .values(row)
        .on_conflict(thread_reads::conversation_id)
        .do_update()
        .set(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Forgets fillings begun before a time, at most `limit`; says how many went.
#[boxed]
pub async fn forget_before(conn: &mut Conn, time: i64, limit: i64) -> Result<usize> {
    on_db!(conn, |c| prepared!(
        "DELETE FROM thread_reads WHERE conversation_id IN \
         (SELECT conversation_id FROM thread_reads WHERE begun_at < $1 LIMIT $2)"
    )
    .bind::<BigInt, _>(time)
    .bind::<BigInt, _>(limit)
    .execute(c)
    .await)
}

/// A status of a thread, as far as the thread needs it.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = statuses)]
pub struct Part {
    pub id: i64,
    pub uri: String,
    pub local: bool,
    pub visibility: i16,
    pub in_reply_to_id: Option<i64>,
    pub in_reply_to_uri: Option<String>,
    pub context: String,
}

/// The statuses of a thread, oldest first, at most `limit`.
#[boxed]
pub async fn parts(conn: &mut Conn, conversation_id: i64, limit: i64) -> Result<Vec<Part>> {
    on_db!(conn, |c| statuses::table
        .filter(statuses::conversation_id.eq(conversation_id))
        .order(statuses::id)
        .limit(limit)
        .select(Part::as_select())
        .load(c)
        .await)
}

/// A status whose replies are to be asked for.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Unread {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub uri: String,
    #[diesel(sql_type = Text)]
    pub replies: String,
}

/// Open statuses of a thread whose replies have not been asked for since a time, oldest first. The
/// older one was when it was last asked about, the longer it is left alone: a quarter of its age, up
/// to a day.
#[boxed]
pub async fn unread(
    conn: &mut Conn,
    conversation_id: i64,
    since: i64,
    limit: i64,
) -> Result<Vec<Unread>> {
    on_db!(conn, |c| prepared!(
        "SELECT statuses.id AS id, statuses.uri AS uri, statuses.replies AS replies FROM statuses \
         LEFT JOIN replies_reads ON replies_reads.status_id = statuses.id \
         WHERE statuses.conversation_id = $1 AND statuses.local = FALSE \
         AND statuses.visibility <= 1 AND statuses.replies <> '' \
         AND (replies_reads.read_at IS NULL OR (replies_reads.read_at < $2 \
         AND (($2 - replies_reads.read_at) * 4 > replies_reads.read_at - statuses.created_at \
         OR $2 - replies_reads.read_at > 86400000))) \
         ORDER BY statuses.id LIMIT $3"
    )
    .bind::<BigInt, _>(conversation_id)
    .bind::<BigInt, _>(since)
    .bind::<BigInt, _>(limit)
    .load(c)
    .await)
}

/// The replies to statuses were asked for.
#[boxed]
pub async fn mark_read(conn: &mut Conn, ids: &[i64], now: i64) -> Result<()> {
    for id in ids {
        on_db!(conn, |c| diesel::insert_into(replies_reads::table)
            .values((
                replies_reads::status_id.eq(id),
                replies_reads::read_at.eq(now)
            ))
            .on_conflict(replies_reads::status_id)
            .do_update()
            .set(replies_reads::read_at.eq(now))
            .execute(c)
            .await)?;
    }
    Ok(())
}

/// Of some URIs, those of statuses that are here, and of what was deleted.
#[boxed]
pub async fn known_among(conn: &mut Conn, uris: &[String]) -> Result<Vec<String>> {
    if uris.is_empty() {
        return Ok(Vec::new());
    }
    let mut known: Vec<String> = on_db!(conn, |c| statuses::table
        .filter(statuses::uri.any_of(uris))
        .select(statuses::uri)
        .load(c)
        .await)?;
    let buried: Vec<String> = on_db!(conn, |c| tombstones::table
        .filter(tombstones::uri.any_of(uris))
        .select(tombstones::uri)
        .load(c)
        .await)?;
    known.extend(buried);
    Ok(known)
}

/// Nobody was told of a status.
#[boxed]
pub async fn keep_quiet(conn: &mut Conn, status_id: i64, now: i64) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(quiet_statuses::table)
        .values((
            quiet_statuses::status_id.eq(status_id),
            quiet_statuses::taken_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(())
}

/// A status is to be told of; false when that was done already.
#[boxed]
pub async fn end_quiet(conn: &mut Conn, status_id: i64) -> Result<bool> {
    let gone = on_db!(conn, |c| diesel::delete(
        quiet_statuses::table.find(status_id)
    )
    .execute(c)
    .await)?;
    Ok(gone > 0)
}

/// Forgets that nobody was told of statuses taken in before a time, at most `limit`; says how many
/// that were.
#[boxed]
pub async fn forget_quiet(conn: &mut Conn, time: i64, limit: i64) -> Result<usize> {
    on_db!(conn, |c| prepared!(
        "DELETE FROM quiet_statuses WHERE status_id IN \
         (SELECT status_id FROM quiet_statuses WHERE taken_at < $1 LIMIT $2)"
    )
    .bind::<BigInt, _>(time)
    .bind::<BigInt, _>(limit)
    .execute(c)
    .await)
}
