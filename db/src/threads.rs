//! Threads that accounts have muted.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::schema::{statuses, thread_mutes};
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

/// Threads turned out to be part of another: who muted one of them has muted that. Says who.
#[boxed]
pub async fn join(conn: &mut Conn, threads: &[i64], into: i64) -> Result<Vec<i64>> {
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
