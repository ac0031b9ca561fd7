//! Who listens, on which process, and when accounts were last there.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::schema::{accounts, connections, last_seen, processes};
use super::{Conn, Result, on_db};

/// A row of `connections`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = connections)]
pub struct Connection {
    pub process_id: i64,
    pub token_id: i64,
    pub account_id: i64,
    /// Names of streams, by spaces.
    pub streams: String,
}

/// Which processes count as running: those seen since a time, and the one that asks.
#[derive(Debug, Clone, Copy)]
pub struct Running {
    pub process_id: i64,
    pub since: i64,
}

/// Says that a process runs.
#[boxed]
pub async fn beat(conn: &mut Conn, process_id: i64, now: i64) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(processes::table)
        .values((processes::id.eq(process_id), processes::seen_at.eq(now)))
        .on_conflict(processes::id)
        .do_update()
        .set(processes::seen_at.eq(now))
        .execute(c)
        .await)?;
    Ok(())
}

/// Processes with the time each was last known to run, the latest first, at most a hundred.
#[boxed]
pub async fn processes(conn: &mut Conn) -> Result<Vec<(i64, i64)>> {
    on_db!(conn, |c| processes::table
        .order(processes::seen_at.desc())
        .limit(100)
        .select((processes::id, processes::seen_at))
        .load(c)
        .await)
}

/// Forgets a process that has no connections left.
#[boxed]
pub async fn forget_process(conn: &mut Conn, process_id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(processes::table.find(process_id))
        .execute(c)
        .await)?;
    Ok(())
}

/// Some connections of a process: at most `limit`.
#[boxed]
pub async fn of_process(conn: &mut Conn, process_id: i64, limit: i64) -> Result<Vec<Connection>> {
    on_db!(conn, |c| connections::table
        .filter(connections::process_id.eq(process_id))
        .order(connections::token_id)
        .limit(limit)
        .select(Connection::as_select())
        .load(c)
        .await)
}

/// Writes how tokens listen on a process, in the place of what was there of them.
#[boxed]
pub async fn put(conn: &mut Conn, rows: &[Connection]) -> Result<()> {
    for row in rows {
        on_db!(conn, |c| diesel::insert_into(connections::table)
            .values(row)
            .on_conflict((connections::process_id, connections::token_id))
            .do_update()
            .set((
                connections::account_id.eq(row.account_id),
                connections::streams.eq(&row.streams),
            ))
            .execute(c)
            .await)?;
    }
    Ok(())
}

/// Forgets that tokens listen on a process.
#[boxed]
pub async fn remove(conn: &mut Conn, process_id: i64, tokens: &[i64]) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        connections::table
            .filter(connections::process_id.eq(process_id))
            .filter(connections::token_id.any_of(tokens))
    )
    .execute(c)
    .await)?;
    Ok(())
}

/// Of some accounts, those that listen on a running process, with the latest time that process
/// was known to run.
#[boxed]
pub async fn online(
    conn: &mut Conn,
    ids: &[i64],
    running: Running,
) -> Result<Vec<(i64, Option<i64>)>> {
    on_db!(conn, |c| connections::table
        .left_join(processes::table.on(processes::id.eq(connections::process_id)))
        .filter(connections::account_id.any_of(ids))
        .filter(
            connections::process_id
                .eq(running.process_id)
                .or(processes::seen_at.ge(running.since).assume_not_null()),
        )
        .group_by(connections::account_id)
        .select((
            connections::account_id,
            diesel::dsl::max(processes::seen_at.nullable()),
        ))
        .load(c)
        .await)
}

/// The streams of a token on each running process that it listens on, but for the one that asks;
/// by spaces.
#[boxed]
pub async fn streams_elsewhere(
    conn: &mut Conn,
    token_id: i64,
    running: Running,
) -> Result<Vec<String>> {
    on_db!(conn, |c| connections::table
        .inner_join(processes::table.on(processes::id.eq(connections::process_id)))
        .filter(connections::token_id.eq(token_id))
        .filter(connections::process_id.ne(running.process_id))
        .filter(processes::seen_at.ge(running.since))
        .limit(100)
        .select(connections::streams)
        .load(c)
        .await)
}

/// When accounts were last there, where they ever were.
#[boxed]
pub async fn last_seen(conn: &mut Conn, ids: &[i64]) -> Result<Vec<(i64, i64)>> {
    on_db!(conn, |c| last_seen::table
        .filter(last_seen::account_id.any_of(ids))
        .select((last_seen::account_id, last_seen::seen_at))
        .load(c)
        .await)
}

/// Writes down when accounts were last there. Their rows stay locked until the transaction ends.
#[boxed]
pub async fn set_last_seen(conn: &mut Conn, ids: &[i64], at: i64) -> Result<()> {
    use diesel::sql_types::BigInt;
    on_db!(conn, |c| diesel::insert_into(last_seen::table)
        .values(
            accounts::table
                .filter(accounts::id.any_of(ids))
                .order(accounts::id)
                .select((accounts::id, at.into_sql::<BigInt>()))
        )
        .into_columns((last_seen::account_id, last_seen::seen_at))
        .on_conflict(last_seen::account_id)
        .do_update()
        .set(last_seen::seen_at.eq(at))
        .execute(c)
        .await)?;
    Ok(())
}
