//! The job queue.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::schema::jobs;
use super::{Conn, Result, on_db};

/// A row of `jobs`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = jobs)]
pub struct JobRow {
    pub id: i64,
    pub kind: String,
    /// At most one job of a key waits.
    pub unique_key: Option<String>,
    /// `domain::jobs::Job` as JSON.
    pub payload: String,
    /// How often it was begun.
    pub attempts: i64,
    /// When it is due.
    pub run_at: i64,
    pub leased_until: i64,
    /// When it was given up.
    pub failed_at: Option<i64>,
    pub last_error: String,
    pub created_at: i64,
    /// The process that works on it.
    pub leased_by: i64,
    /// The span that it comes from.
    pub trace: Option<String>,
}

/// Adds a job; false when one of its key waits already.
#[boxed]
pub async fn insert(conn: &mut Conn, row: &JobRow) -> Result<bool> {
    let added = on_db!(conn, |c| diesel::insert_into(jobs::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(added > 0)
}

/// Takes jobs that are due, for no other process to take until `until`. Each counts as an attempt.
#[boxed]
pub async fn lease(
    conn: &mut Conn,
    who: i64,
    now: i64,
    until: i64,
    limit: i64,
) -> Result<Vec<JobRow>> {
    lease_of(conn, who, now, until, Kinds::But(&[]), limit).await
}

/// Which kinds of jobs.
#[derive(Debug, Clone, Copy)]
pub enum Kinds {
    Only(&'static [&'static str]),
    But(&'static [&'static str]),
}

/// The same of some kinds.
#[boxed]
pub async fn lease_of(
    conn: &mut Conn,
    who: i64,
    now: i64,
    until: i64,
    kinds: Kinds,
    limit: i64,
) -> Result<Vec<JobRow>> {
    let due = jobs::table
        .filter(jobs::failed_at.is_null())
        .filter(jobs::run_at.le(now))
        .filter(jobs::leased_until.le(now))
        .order(jobs::run_at)
        .limit(limit)
        .select(jobs::id);
    let ids: Vec<i64> = match kinds {
        Kinds::Only(kinds) => {
            let due = due.filter(jobs::kind.any_of(kinds));
            on_db!(conn, |c| due.load(c).await)?
        }
        Kinds::But(kinds) => {
            let due = due.filter(diesel::dsl::not(jobs::kind.any_of(kinds)));
            on_db!(conn, |c| due.load(c).await)?
        }
    };
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    // Asked again while updating: another process may have been quicker.
    on_db!(conn, |c| diesel::update(
        jobs::table
            .filter(jobs::id.any_of(&ids))
            .filter(jobs::leased_until.le(now))
    )
    .set((
        jobs::leased_until.eq(until),
        jobs::leased_by.eq(who),
        jobs::attempts.eq(jobs::attempts + 1)
    ))
    .returning(JobRow::as_returning())
    .get_results(c)
    .await)
}

/// A job is still under way.
#[boxed]
pub async fn renew(conn: &mut Conn, id: i64, until: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(jobs::table.find(id))
        .set(jobs::leased_until.eq(until))
        .execute(c)
        .await)?;
    Ok(())
}

/// A job is done.
#[boxed]
pub async fn delete(conn: &mut Conn, id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(jobs::table.find(id))
        .execute(c)
        .await)?;
    Ok(())
}

/// A job is to run again at a time.
#[boxed]
pub async fn put_back(conn: &mut Conn, id: i64, run_at: i64, error: &str) -> Result<()> {
    on_db!(conn, |c| diesel::update(jobs::table.find(id))
        .set((
            jobs::run_at.eq(run_at),
            jobs::leased_until.eq(0),
            jobs::last_error.eq(error),
        ))
        .execute(c)
        .await)?;
    Ok(())
}

/// A job is to run again at a time, and this attempt does not count.
#[boxed]
pub async fn put_off(conn: &mut Conn, id: i64, run_at: i64, error: &str) -> Result<()> {
    on_db!(conn, |c| diesel::update(jobs::table.find(id))
        .set((
            jobs::run_at.eq(run_at),
            jobs::leased_until.eq(0),
            jobs::attempts.eq(jobs::attempts - 1),
            jobs::last_error.eq(error),
        ))
        .execute(c)
        .await)?;
    Ok(())
}

/// A job is given up; its key is free again.
#[boxed]
pub async fn give_up(conn: &mut Conn, id: i64, now: i64, error: &str) -> Result<()> {
    on_db!(conn, |c| diesel::update(jobs::table.find(id))
        .set((
            jobs::failed_at.eq(now),
            jobs::unique_key.eq(None::<String>),
            jobs::last_error.eq(error),
        ))
        .execute(c)
        .await)?;
    Ok(())
}

/// Forgets jobs given up before a time; says how many went.
#[boxed]
pub async fn forget_failed(conn: &mut Conn, time: i64) -> Result<usize> {
    on_db!(conn, |c| diesel::delete(
        jobs::table.filter(jobs::failed_at.lt(time))
    )
    .execute(c)
    .await)
}

/// Lets another job of the key be added: what this one saw is all it does.
#[boxed]
pub async fn release_key(conn: &mut Conn, id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(jobs::table.find(id))
        .set(jobs::unique_key.eq(None::<String>))
        .execute(c)
        .await)?;
    Ok(())
}

/// Removes the job of a key that waits; one that is being done goes on.
#[boxed]
pub async fn cancel(conn: &mut Conn, key: &str) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        jobs::table.filter(jobs::unique_key.eq(key))
    )
    .execute(c)
    .await)?;
    Ok(())
}

/// Whether a job is due.
#[boxed]
pub async fn waits(conn: &mut Conn, now: i64) -> Result<bool> {
    let first: Option<i64> = on_db!(conn, |c| jobs::table
        .filter(jobs::failed_at.is_null())
        .filter(jobs::run_at.le(now))
        .filter(jobs::leased_until.le(now))
        .select(jobs::id)
        .limit(1)
        .first(c)
        .await
        .optional())?;
    Ok(first.is_some())
}

/// Jobs of a kind that wait, the next first.
#[boxed]
pub async fn waiting(conn: &mut Conn, kind: &str, limit: i64) -> Result<Vec<JobRow>> {
    on_db!(conn, |c| jobs::table
        .filter(jobs::failed_at.is_null())
        .filter(jobs::kind.eq(kind))
        .order(jobs::run_at)
        .limit(limit)
        .load::<JobRow>(c)
        .await)
}
