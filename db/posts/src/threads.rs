//! Threads: who has muted them, and what of them is open to everyone.

use super::boxed;
use super::prepared::prepared;
use super::run::RunQueryDsl;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::any::AnyOfExt;
use super::schema::{statuses, thread_mutes, thread_reads};
use super::{Conn, Result, on_db};

/// Mutes a thread; false when it is muted already.
#[boxed]
pub async fn mute(
    conn: &mut Conn,
    account_id: i64,
    conversation_id: i64,
    now: i64,
) -> Result<bool> {
    let added = on_db!(conn, |c| diesel::insert_into(thread_mutes::table)
        .values((
            thread_mutes::account_id.eq(account_id),
            thread_mutes::conversation_id.eq(conversation_id),
            thread_mutes::created_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(added > 0)
}

/// Unmutes a thread; false when it was not muted.
#[boxed]
pub async fn unmute(conn: &mut Conn, account_id: i64, conversation_id: i64) -> Result<bool> {
    let gone = on_db!(conn, |c| diesel::delete(
        thread_mutes::table.find((account_id, conversation_id))
    )
    .execute(c)
    .await)?;
    Ok(gone > 0)
}

/// The threads an account has muted, the last muted first, at most `limit`.
#[boxed]
pub async fn muted_by(conn: &mut Conn, account_id: i64, limit: i64) -> Result<Vec<i64>> {
    on_db!(conn, |c| thread_mutes::table
        .filter(thread_mutes::account_id.eq(account_id))
        .order(thread_mutes::created_at.desc())
        .limit(limit)
        .select(thread_mutes::conversation_id)
        .load(c)
        .await)
}

/// Whether an account has muted the thread of a status.
#[boxed]
pub async fn silences(conn: &mut Conn, account_id: i64, status_id: i64) -> Result<bool> {
    let found: Option<i64> = on_db!(conn, |c| statuses::table
        .inner_join(
            thread_mutes::table.on(thread_mutes::conversation_id.eq(statuses::conversation_id))
        )
        .filter(statuses::id.eq(status_id))
        .filter(thread_mutes::account_id.eq(account_id))
        .select(statuses::id)
        .first(c)
        .await
        .optional())?;
    Ok(found.is_some())
}

/// Threads turned out to be part of another: who muted one of them has muted that. Says who. How
/// they were filled up goes with them.
#[boxed]
pub async fn join(conn: &mut Conn, threads: &[i64], into: i64) -> Result<Vec<i64>> {
    on_db!(conn, |c| diesel::delete(
        thread_reads::table
            .filter(thread_reads::conversation_id.any_of(threads))
            .filter(thread_reads::conversation_id.ne(into))
    )
    .execute(c)
    .await)?;
    let rows: Vec<(i64, i64)> = on_db!(conn, |c| thread_mutes::table
        .filter(thread_mutes::conversation_id.any_of(threads))
        .filter(thread_mutes::conversation_id.ne(into))
        .select((thread_mutes::account_id, thread_mutes::created_at))
        .load(c)
        .await)?;
    for (account_id, created_at) in &rows {
        mute(conn, *account_id, into, *created_at).await?;
    }
    if !rows.is_empty() {
        on_db!(conn, |c| diesel::delete(
            thread_mutes::table
                .filter(thread_mutes::conversation_id.any_of(threads))
                .filter(thread_mutes::conversation_id.ne(into))
        )
        .execute(c)
        .await)?;
    }
    Ok(rows.into_iter().map(|(account, _)| account).collect())
}

/// What everyone may see of statuses joined with their authors, in either of the two forms that
/// need it; literals match the partial indexes.
const OPEN: &str = "statuses.visibility <= 1 AND statuses.local_only = FALSE \
                    AND statuses.reblog_of_id IS NULL AND accounts.suspended_at IS NULL \
                    AND accounts.deleted_at IS NULL";
/// As many are counted at most.
const COUNTED: i64 = 10_000;

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[derive(QueryableByName)]
struct Listed {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = diesel::sql_types::Text)]
    uri: String,
}

/// Which statuses: those of a thread, or those that answer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Among {
    Thread(i64),
    RepliesTo(i64),
}

impl Among {
    fn condition(self) -> (&'static str, i64) {
        match self {
            Among::Thread(id) => ("statuses.conversation_id = $1", id),
            Among::RepliesTo(id) => ("statuses.in_reply_to_id = $1", id),
        }
    }
}

/// Ids and URIs of those that everyone may see, oldest first, after an id.
#[boxed]
pub async fn open(
    conn: &mut Conn,
    among: Among,
    after: i64,
    limit: i64,
) -> Result<Vec<(i64, String)>> {
    let (condition, id) = among.condition();
    let statement = format!(
        "SELECT statuses.id AS id, statuses.uri AS uri FROM statuses \
         JOIN accounts ON accounts.id = statuses.account_id \
         WHERE {condition} AND statuses.id > $2 AND {OPEN} ORDER BY statuses.id LIMIT $3"
    );
    let rows: Vec<Listed> = on_db!(conn, |c| prepared(statement)
        .bind::<BigInt, _>(id)
        .bind::<BigInt, _>(after)
        .bind::<BigInt, _>(limit)
        .load(c)
        .await)?;
    Ok(rows.into_iter().map(|row| (row.id, row.uri)).collect())
}

/// How many everyone may see, up to ten thousand.
#[boxed]
pub async fn count_open(conn: &mut Conn, among: Among) -> Result<i64> {
    let (condition, id) = among.condition();
    let statement = format!(
        "SELECT COUNT(*) AS n FROM (SELECT statuses.id FROM statuses \
         JOIN accounts ON accounts.id = statuses.account_id \
         WHERE {condition} AND {OPEN} LIMIT {COUNTED}) AS counted"
    );
    let counted: Counted = on_db!(conn, |c| prepared(statement)
        .bind::<BigInt, _>(id)
        .get_result(c)
        .await)?;
    Ok(counted.n)
}
