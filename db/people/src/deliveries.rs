//! Deliveries: which wait, who works on them, how they ended.
//!
//! A lease moves `next_at` to the lease's end, so that one index, by host and time, says what
//! is due; `leased_until` marks a row as leased. A row that nobody came back to is due again
//! when its lease ends.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};

use super::any::AnyOfExt;
use super::schema::{deliveries, outgoing_activities};
use super::{Conn, Result, on_db};

/// `state` of a delivery.
pub mod state {
    pub const WAITING: i16 = 0;
    pub const DELIVERED: i16 = 1;
    pub const GIVEN_UP: i16 = 2;
}

/// Only a literal matches the partial indexes of what waits.
fn waiting() -> diesel::expression::SqlLiteral<Bool> {
    diesel::dsl::sql::<Bool>("deliveries.state = 0")
}

/// Only a literal matches the partial index of what is finished.
fn finished() -> diesel::expression::SqlLiteral<Bool> {
    diesel::dsl::sql::<Bool>("deliveries.state <> 0")
}

/// A delivery that is being worked on.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = deliveries)]
pub struct Delivery {
    pub id: i64,
    pub activity_id: i64,
    pub inbox: String,
    pub host: String,
    pub attempts: i64,
    /// The end of the lease, milliseconds since the epoch.
    pub leased_until: i64,
}

/// A host with waiting deliveries.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct WaitingHost {
    #[diesel(sql_type = Text)]
    pub host: String,
    /// When the first of them is due.
    #[diesel(sql_type = BigInt)]
    pub next_at: i64,
}

/// Every host with waiting deliveries, at most `limit`: two index look-ups each, however many
/// deliveries wait.
#[boxed]
pub async fn waiting_hosts(conn: &mut Conn, limit: i64) -> Result<Vec<WaitingHost>> {
    let sql = format!(
        "WITH RECURSIVE waiting (host) AS (
             SELECT * FROM (
                 SELECT host FROM deliveries WHERE state = 0 ORDER BY host LIMIT 1
             ) AS first
             UNION ALL
             SELECT (
                 SELECT d.host FROM deliveries d
                 WHERE d.state = 0 AND d.host > waiting.host ORDER BY d.host LIMIT 1
             ) FROM waiting WHERE waiting.host IS NOT NULL
         )
         SELECT waiting.host AS host, (
             SELECT d.next_at FROM deliveries d
             WHERE d.state = 0 AND d.host = waiting.host ORDER BY d.next_at LIMIT 1
         ) AS next_at
         FROM waiting WHERE waiting.host IS NOT NULL LIMIT {limit}"
    );
    on_db!(conn, |c| diesel::sql_query(&sql).load(c).await)
}

/// Leases the deliveries to a host that are due to a process, oldest first, at most `limit`.
#[boxed]
pub async fn lease(
    conn: &mut Conn,
    who: i64,
    host: &str,
    limit: i64,
    now: i64,
    until: i64,
) -> Result<Vec<Delivery>> {
    let due = diesel::alias!(deliveries as due);
    let ids = due
        .filter(diesel::dsl::sql::<Bool>("due.state = 0"))
        .filter(due.field(deliveries::host).eq(host))
        .filter(due.field(deliveries::next_at).le(now))
        .order((due.field(deliveries::next_at), due.field(deliveries::id)))
        .limit(limit)
        .select(due.field(deliveries::id));
    // Should another process have leased one meanwhile, the outer condition finds it not due.
    let mut rows: Vec<Delivery> = on_db!(conn, |c| diesel::update(
        deliveries::table
            .filter(deliveries::id.eq_any(ids))
            .filter(deliveries::next_at.le(now))
    )
    .set((
        deliveries::next_at.eq(until),
        deliveries::leased_until.eq(until),
        deliveries::leased_by.eq(who),
    ))
    .returning(Delivery::as_returning())
    .get_results(c)
    .await)?;
    rows.sort_unstable_by_key(|row| row.id);
    Ok(rows)
}

/// Gives back what a process may have leased for some hosts until a time: it does not know whether it did.
#[boxed]
pub async fn unlease(
    conn: &mut Conn,
    who: i64,
    hosts: &[String],
    until: i64,
    now: i64,
) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        deliveries::table
            .filter(waiting())
            .filter(deliveries::host.any_of(hosts))
            .filter(deliveries::next_at.eq(until))
            .filter(deliveries::leased_by.eq(who))
    )
    .set((deliveries::next_at.eq(now), deliveries::leased_until.eq(0)))
    .execute(c)
    .await)?;
    Ok(())
}

/// Gives leased deliveries back, to be made from a time on.
#[boxed]
pub async fn release(conn: &mut Conn, ids: &[i64], next_at: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        deliveries::table
            .filter(deliveries::id.any_of(ids))
            .filter(deliveries::state.eq(state::WAITING))
    )
    .set((
        deliveries::next_at.eq(next_at),
        deliveries::leased_until.eq(0),
    ))
    .execute(c)
    .await)?;
    Ok(())
}

/// Marks deliveries as made, all with the same answer (an HTTP status).
#[boxed]
pub async fn delivered(conn: &mut Conn, ids: &[i64], answer: i64, now: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        deliveries::table.filter(deliveries::id.any_of(ids))
    )
    .set((
        deliveries::state.eq(state::DELIVERED),
        deliveries::attempts.eq(deliveries::attempts + 1),
        deliveries::leased_until.eq(0),
        deliveries::done_at.eq(now),
        deliveries::answer.eq(answer),
        deliveries::last_error.eq(""),
    ))
    .execute(c)
    .await)?;
    Ok(())
}

/// Marks a delivery as tried in vain, to be tried again at a time.
#[boxed]
pub async fn retry(
    conn: &mut Conn,
    id: i64,
    next_at: i64,
    answer: Option<i64>,
    error: &str,
) -> Result<()> {
    on_db!(conn, |c| diesel::update(deliveries::table.find(id))
        .set((
            deliveries::attempts.eq(deliveries::attempts + 1),
            deliveries::next_at.eq(next_at),
            deliveries::leased_until.eq(0),
            deliveries::answer.eq(answer),
            deliveries::last_error.eq(error),
        ))
        .execute(c)
        .await)?;
    Ok(())
}

/// Marks a delivery as given up after one more attempt.
#[boxed]
pub async fn give_up(
    conn: &mut Conn,
    id: i64,
    answer: Option<i64>,
    error: &str,
    now: i64,
) -> Result<()> {
    on_db!(conn, |c| diesel::update(deliveries::table.find(id))
        .set((
            deliveries::state.eq(state::GIVEN_UP),
            deliveries::attempts.eq(deliveries::attempts + 1),
            deliveries::leased_until.eq(0),
            deliveries::done_at.eq(now),
            deliveries::answer.eq(answer),
            deliveries::last_error.eq(error),
        ))
        .execute(c)
        .await)?;
    Ok(())
}

/// Gives up deliveries to a host that have been due since before a time, but for those that are
/// being made, at most `limit`; says how many.
#[boxed]
pub async fn give_up_host(
    conn: &mut Conn,
    host: &str,
    due_before: i64,
    error: &str,
    now: i64,
    limit: i64,
) -> Result<usize> {
    let ids: Vec<i64> = on_db!(conn, |c| deliveries::table
        .filter(waiting())
        .filter(deliveries::host.eq(host))
        .filter(deliveries::next_at.lt(due_before))
        .filter(deliveries::leased_until.le(now))
        .order(deliveries::next_at)
        .limit(limit)
        .select(deliveries::id)
        .load(c)
        .await)?;
    if ids.is_empty() {
        return Ok(0);
    }
    on_db!(conn, |c| diesel::update(
        deliveries::table
            .filter(deliveries::id.any_of(&ids))
            .filter(deliveries::state.eq(state::WAITING))
    )
    .set((
        deliveries::state.eq(state::GIVEN_UP),
        deliveries::leased_until.eq(0),
        deliveries::done_at.eq(now),
        deliveries::last_error.eq(error),
    ))
    .execute(c)
    .await)
}

/// Makes deliveries to a host that wait for their next attempt due now, at most `limit`: it
/// answers again.
#[boxed]
pub async fn hasten(conn: &mut Conn, host: &str, now: i64, limit: i64) -> Result<usize> {
    let ids: Vec<i64> = on_db!(conn, |c| deliveries::table
        .filter(waiting())
        .filter(deliveries::host.eq(host))
        .filter(deliveries::next_at.gt(now))
        .filter(deliveries::leased_until.eq(0))
        .order(deliveries::next_at)
        .limit(limit)
        .select(deliveries::id)
        .load(c)
        .await)?;
    if ids.is_empty() {
        return Ok(0);
    }
    on_db!(conn, |c| diesel::update(
        deliveries::table
            .filter(deliveries::id.any_of(&ids))
            .filter(deliveries::leased_until.eq(0))
    )
    .set(deliveries::next_at.eq(now))
    .execute(c)
    .await)
}

/// A delivery as those see it who ask what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = deliveries)]
pub struct Standing {
    pub id: i64,
    pub activity_id: i64,
    pub inbox: String,
    pub host: String,
    /// As in [`state`].
    pub state: i16,
    pub attempts: i64,
    /// When it is tried next, or its lease ends.
    pub next_at: i64,
    pub leased_until: i64,
    pub done_at: Option<i64>,
    /// The HTTP status of the last answer.
    pub answer: Option<i64>,
    pub last_error: String,
}

/// How an activity's deliveries stand, those that were made last, at most `limit`.
#[boxed]
pub async fn of_activity(conn: &mut Conn, activity_id: i64, limit: i64) -> Result<Vec<Standing>> {
    on_db!(conn, |c| deliveries::table
        .filter(deliveries::activity_id.eq(activity_id))
        .order((
            deliveries::state.eq(state::DELIVERED),
            deliveries::state,
            deliveries::inbox,
        ))
        .limit(limit)
        .select(Standing::as_select())
        .load(c)
        .await)
}

/// How many deliveries of an activity stand how: pairs of state and number.
#[boxed]
pub async fn counts_of(conn: &mut Conn, activity_id: i64) -> Result<Vec<(i16, i64)>> {
    on_db!(conn, |c| deliveries::table
        .filter(deliveries::activity_id.eq(activity_id))
        .group_by(deliveries::state)
        .select((deliveries::state, diesel::dsl::count_star()))
        .load(c)
        .await)
}

/// What waits for a host, or for one inbox there, the first due first, at most `limit`.
#[boxed]
pub async fn waiting_for(
    conn: &mut Conn,
    host: &str,
    inbox: Option<&str>,
    limit: i64,
) -> Result<Vec<Standing>> {
    let any = inbox.is_none().into_sql::<Bool>();
    on_db!(conn, |c| deliveries::table
        .filter(waiting())
        .filter(deliveries::host.eq(host))
        .filter(deliveries::inbox.eq(inbox.unwrap_or_default()).or(any))
        .order((deliveries::next_at, deliveries::id))
        .limit(limit)
        .select(Standing::as_select())
        .load(c)
        .await)
}

/// The newest of the last `among` finished deliveries that went to a host, or to one inbox there,
/// at most `limit`.
#[boxed]
pub async fn finished_for(
    conn: &mut Conn,
    host: &str,
    inbox: Option<&str>,
    among: i64,
    limit: i64,
) -> Result<Vec<Standing>> {
    let ids: Vec<(i64, String, String)> = on_db!(conn, |c| deliveries::table
        .filter(finished())
        .order(deliveries::done_at.desc())
        .limit(among)
        .select((deliveries::id, deliveries::host, deliveries::inbox))
        .load(c)
        .await)?;
    let ids: Vec<i64> = ids
        .into_iter()
        .filter(|(_, to, at)| to == host && inbox.is_none_or(|inbox| at == inbox))
        .map(|(id, ..)| id)
        .take(usize::try_from(limit).unwrap_or(0))
        .collect();
    let mut rows: Vec<Standing> = on_db!(conn, |c| deliveries::table
        .filter(deliveries::id.any_of(&ids))
        .select(Standing::as_select())
        .load(c)
        .await)?;
    rows.sort_by_key(|row| std::cmp::Reverse((row.done_at, row.id)));
    Ok(rows)
}

/// How many deliveries wait for each host, the most first, at most `limit` hosts.
#[boxed]
pub async fn backlog(conn: &mut Conn, limit: i64) -> Result<Vec<(String, i64)>> {
    on_db!(conn, |c| deliveries::table
        .filter(waiting())
        .group_by(deliveries::host)
        .order(diesel::dsl::count_star().desc())
        .limit(limit)
        .select((deliveries::host, diesel::dsl::count_star()))
        .load(c)
        .await)
}

/// Makes a delivery that was given up wait again, due now; false when there is no such one.
#[boxed]
pub async fn revive(conn: &mut Conn, id: i64, now: i64) -> Result<bool> {
    let revived = on_db!(conn, |c| diesel::update(
        deliveries::table
            .find(id)
            .filter(deliveries::state.eq(state::GIVEN_UP))
    )
    .set((
        deliveries::state.eq(state::WAITING),
        deliveries::attempts.eq(0),
        deliveries::next_at.eq(now),
        deliveries::leased_until.eq(0),
        deliveries::done_at.eq(None::<i64>),
    ))
    .execute(c)
    .await)?;
    Ok(revived > 0)
}

/// Forgets finished deliveries older than a time, at most `limit`; says how many went.
#[boxed]
pub async fn forget_finished(conn: &mut Conn, before: i64, limit: i64) -> Result<usize> {
    let ids: Vec<i64> = on_db!(conn, |c| deliveries::table
        .filter(finished())
        .filter(deliveries::done_at.lt(before))
        .order(deliveries::done_at)
        .limit(limit)
        .select(deliveries::id)
        .load(c)
        .await)?;
    if ids.is_empty() {
        return Ok(0);
    }
    on_db!(conn, |c| diesel::delete(
        deliveries::table.filter(deliveries::id.any_of(&ids))
    )
    .execute(c)
    .await)
}

/// Forgets activities older than a time that have no delivery left, at most `limit`; says how
/// many went.
#[boxed]
pub async fn forget_activities(conn: &mut Conn, before: i64, limit: i64) -> Result<usize> {
    let ids: Vec<i64> = on_db!(conn, |c| outgoing_activities::table
        .filter(outgoing_activities::created_at.lt(before))
        .filter(diesel::dsl::not(diesel::dsl::exists(
            deliveries::table.filter(deliveries::activity_id.eq(outgoing_activities::id))
        )))
        .order(outgoing_activities::created_at)
        .limit(limit)
        .select(outgoing_activities::id)
        .load(c)
        .await)?;
    if ids.is_empty() {
        return Ok(0);
    }
    on_db!(conn, |c| diesel::delete(
        outgoing_activities::table.filter(outgoing_activities::id.any_of(&ids))
    )
    .execute(c)
    .await)
}
