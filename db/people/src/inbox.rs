//! Received activities: durable before they are acknowledged, worked on in the order of their
//! ids for each actor.

use std::collections::HashMap;

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};

use super::any::AnyOfExt;
use super::conn::Backend;
use super::schema::{inbox_bodies, inbox_queue};
use super::{Conn, Result, kept, on_db, prepared};

/// Waiting to be worked on.
pub const WAITING: i16 = 0;
/// Done, or dropped for a reason that `last_error` tells.
pub const DONE: i16 = 1;
/// Given up: `last_error` tells why.
pub const SET_ASIDE: i16 = 2;

/// A row of `inbox_queue`, and its text, which lies by itself: what becomes of an activity is
/// written without writing that again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub id: i64,
    /// The activity's id; what one actor's server forwarded of another's has the forwarder's
    /// host before it.
    pub activity_uri: String,
    /// Its actor; of what was forwarded, who did that.
    pub actor_uri: String,
    /// The activity's type.
    pub kind: String,
    pub attempts: i64,
    pub received_at: i64,
    /// The activity as it came; empty once it is done.
    pub body: String,
    /// The span that it came with.
    pub trace: Option<String>,
}

#[derive(Insertable)]
#[diesel(table_name = inbox_queue, treat_none_as_default_value = false)]
struct New<'a> {
    id: i64,
    activity_uri: &'a str,
    actor_uri: &'a str,
    kind: &'a str,
    state: i16,
    attempts: i64,
    received_at: i64,
    next_at: i64,
    leased_until: i64,
    leased_by: i64,
    last_error: &'static str,
    trace: Option<&'a str>,
}

impl<'a> New<'a> {
    fn of(row: &'a Received) -> New<'a> {
        New {
            id: row.id,
            activity_uri: &row.activity_uri,
            actor_uri: &row.actor_uri,
            kind: &row.kind,
            state: WAITING,
            attempts: row.attempts,
            received_at: row.received_at,
            next_at: 0,
            leased_until: 0,
            leased_by: 0,
            last_error: "",
            trace: row.trace.as_deref(),
        }
    }
}

/// Adds activities; those whose id is here already are passed over. Says how many were new.
#[boxed]
pub async fn insert(conn: &mut Conn, rows: &[Received]) -> Result<usize> {
    let body = |row: &Received| {
        (
            inbox_bodies::id.eq(row.id),
            inbox_bodies::body.eq(row.body.clone()),
        )
    };
    conn.statements += 2;
    match &mut conn.backend {
        // SQLite has no multi-row statement here that diesel keeps prepared; one row at a time
        // costs microseconds.
        Backend::Sqlite(c) => {
            let mut added = 0;
            for row in rows {
                let new = diesel::insert_into(inbox_queue::table)
                    .values(New::of(row))
                    .on_conflict_do_nothing();
                let new = kept!(new).execute(c).await?;
                if new > 0 {
                    kept!(diesel::insert_into(inbox_bodies::table).values(body(row)))
                        .execute(c)
                        .await?;
                    added += 1;
                }
            }
            Ok(added)
        }
        Backend::Postgres(c) => {
            let added: Vec<i64> = diesel::insert_into(inbox_queue::table)
                .values(rows.iter().map(New::of).collect::<Vec<_>>())
                .on_conflict_do_nothing()
                .returning(inbox_queue::id)
                .get_results(&mut **c)
                .await?;
            let bodies: Vec<_> = rows
                .iter()
                .filter(|row| added.contains(&row.id))
                .map(body)
                .collect();
            diesel::insert_into(inbox_bodies::table)
                .values(bodies)
                .execute(&mut **c)
                .await?;
            Ok(added.len())
        }
    }
}

type Columns = (i64, String, String, String, i64, i64, Option<String>);

/// Adds the texts of rows.
async fn with_bodies(conn: &mut Conn, rows: Vec<Columns>) -> Result<Vec<Received>> {
    let ids: Vec<i64> = rows.iter().map(|row| row.0).collect();
    let mut bodies: HashMap<i64, String> = if ids.is_empty() {
        HashMap::new()
    } else {
        let bodies: Vec<(i64, String)> = on_db!(conn, |c| inbox_bodies::table
            .filter(inbox_bodies::id.any_of(&ids))
            .select((inbox_bodies::id, inbox_bodies::body))
            .load(c)
            .await)?;
        bodies.into_iter().collect()
    };
    let received = rows.into_iter().map(
        |(id, activity_uri, actor_uri, kind, attempts, received_at, trace)| Received {
            id,
            activity_uri,
            actor_uri,
            kind,
            attempts,
            received_at,
            body: bodies.remove(&id).unwrap_or_default(),
            trace,
        },
    );
    Ok(received.collect())
}

/// What [`Columns`] are.
fn columns() -> (
    inbox_queue::id,
    inbox_queue::activity_uri,
    inbox_queue::actor_uri,
    inbox_queue::kind,
    inbox_queue::attempts,
    inbox_queue::received_at,
    inbox_queue::trace,
) {
    (
        inbox_queue::id,
        inbox_queue::activity_uri,
        inbox_queue::actor_uri,
        inbox_queue::kind,
        inbox_queue::attempts,
        inbox_queue::received_at,
        inbox_queue::trace,
    )
}

/// Only a literal matches the partial indexes of what waits.
fn waiting() -> diesel::expression::SqlLiteral<Bool> {
    diesel::dsl::sql::<Bool>("inbox_queue.state = 0")
}

/// Waiting activities that are due, oldest first, at most `limit`, but for those of some actors and
/// for `taken`: for the one process that works on SQLite, which knows what it has at hand and need
/// not write it down.
#[boxed]
pub async fn due(
    conn: &mut Conn,
    now: i64,
    limit: i64,
    except: &[String],
    taken: &[i64],
) -> Result<Vec<Received>> {
    let rows: Vec<Columns> = on_db!(conn, |c| inbox_queue::table
        .filter(waiting())
        .filter(inbox_queue::next_at.le(now))
        .filter(diesel::dsl::not(inbox_queue::actor_uri.any_of(except)))
        .filter(diesel::dsl::not(inbox_queue::id.any_of(taken)))
        .order(inbox_queue::id)
        .limit(limit)
        .select(columns())
        .load(c)
        .await)?;
    with_bodies(conn, rows).await
}

/// Leases waiting activities that are due, oldest first, at most `limit`, but for those of some
/// actors: for the processes that work on PostgreSQL. While another process has an activity of an
/// actor, that actor's others wait; `who` keeps the order of its own.
#[boxed]
pub async fn claim(
    conn: &mut Conn,
    who: i64,
    now: i64,
    until: i64,
    limit: i64,
    except: &[String],
) -> Result<Vec<Received>> {
    if let Backend::Postgres(c) = &mut conn.backend {
        // One claim at a time, or two processes could each take a part of one actor's.
        conn.statements += 1;
        prepared!("SELECT pg_advisory_xact_lock(7204891336)")
            .execute(&mut **c)
            .await?;
    }
    let taken = diesel::alias!(inbox_queue as taken);
    let busy = taken
        .filter(diesel::dsl::sql::<Bool>(
            "taken.state = 0 AND taken.leased_until > 0",
        ))
        .filter(taken.field(inbox_queue::leased_until).gt(now))
        .filter(taken.field(inbox_queue::leased_by).ne(who))
        .filter(
            taken
                .field(inbox_queue::actor_uri)
                .eq(inbox_queue::actor_uri),
        );
    let rows: Vec<Columns> = on_db!(conn, |c| inbox_queue::table
        .filter(waiting())
        .filter(inbox_queue::next_at.le(now))
        .filter(inbox_queue::leased_until.le(now))
        .filter(diesel::dsl::not(diesel::dsl::exists(busy)))
        .filter(diesel::dsl::not(inbox_queue::actor_uri.any_of(except)))
        .order(inbox_queue::id)
        .limit(limit)
        .select(columns())
        .load(c)
        .await)?;
    let ids: Vec<i64> = rows.iter().map(|row| row.0).collect();
    if !ids.is_empty() {
        lease(conn, who, &ids, until).await?;
    }
    with_bodies(conn, rows).await
}

/// Keeps waiting activities leased until a time; 0 gives them back.
#[boxed]
pub async fn lease(conn: &mut Conn, who: i64, ids: &[i64], until: i64) -> Result<()> {
    let mut free = Vec::new();
    let ids = match &mut conn.backend {
        Backend::Sqlite(_) => ids,
        // A row that is locked is being finished. To wait for it, with others locked here, is how
        // two transactions come to wait for each other.
        Backend::Postgres(c) => {
            conn.statements += 1;
            free.extend(
                inbox_queue::table
                    .filter(inbox_queue::id.any_of(ids))
                    .filter(inbox_queue::state.eq(WAITING))
                    .select(inbox_queue::id)
                    .for_update()
                    .skip_locked()
                    .load::<i64>(&mut **c)
                    .await?,
            );
            &free[..]
        }
    };
    on_db!(conn, |c| diesel::update(
        inbox_queue::table
            .filter(inbox_queue::id.any_of(ids))
            .filter(inbox_queue::state.eq(WAITING))
    )
    .set((
        inbox_queue::leased_by.eq(who),
        inbox_queue::leased_until.eq(until),
    ))
    .execute(c)
    .await)?;
    Ok(())
}

/// Marks an activity done, with a reason where it was dropped; false when it was not waiting any
/// more, so that nothing is applied twice. Its text goes with [`forget_bodies`].
#[boxed]
pub async fn finish(conn: &mut Conn, id: i64, reason: &str) -> Result<bool> {
    // As text: diesel's own UPDATE is never kept prepared, and this one runs with every activity.
    let changed = on_db!(conn, |c| prepared!(
        "UPDATE inbox_queue SET state = 1, leased_until = 0, last_error = $1 \
         WHERE id = $2 AND state = 0"
    )
    .bind::<Text, _>(reason)
    .bind::<BigInt, _>(id)
    .execute(c)
    .await)?;
    Ok(changed > 0)
}

/// Marks activities done; says which of them were still waiting, as [`finish`] does of one.
#[boxed]
pub async fn finish_all(conn: &mut Conn, ids: &[i64]) -> Result<Vec<i64>> {
    match ids {
        [] => return Ok(Vec::new()),
        // Quicker without a list.
        [id] => return Ok(Vec::from_iter(finish(conn, *id, "").await?.then_some(*id))),
        _ => {}
    }
    on_db!(conn, |c| kept!(
        diesel::update(
            inbox_queue::table
                .filter(inbox_queue::id.any_of(ids))
                .filter(inbox_queue::state.eq(WAITING))
        )
        .set((
            inbox_queue::state.eq(DONE),
            inbox_queue::leased_until.eq(0),
            inbox_queue::last_error.eq(""),
        ))
        .returning(inbox_queue::id)
    )
    .load(c)
    .await)
}

/// Deletes the texts of activities, of those among them that are done.
#[boxed]
pub async fn forget_bodies(conn: &mut Conn, ids: &[i64]) -> Result<()> {
    let done: Vec<i64> = on_db!(conn, |c| inbox_queue::table
        .filter(inbox_queue::id.any_of(ids))
        .filter(inbox_queue::state.eq(DONE))
        .select(inbox_queue::id)
        .load(c)
        .await)?;
    delete_bodies(conn, &done).await
}

async fn delete_bodies(conn: &mut Conn, ids: &[i64]) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        inbox_bodies::table.filter(inbox_bodies::id.any_of(ids))
    )
    .execute(c)
    .await)?;
    Ok(())
}

/// Deletes texts without an activity that still needs them, of the first `limit` above an id: those
/// that a process left behind that was stopped. Says where to go on; `None`: that was all.
#[boxed]
pub async fn sweep_bodies(conn: &mut Conn, above: i64, limit: i64) -> Result<Option<i64>> {
    let ids: Vec<i64> = on_db!(conn, |c| inbox_bodies::table
        .filter(inbox_bodies::id.gt(above))
        .order(inbox_bodies::id)
        .limit(limit)
        .select(inbox_bodies::id)
        .load(c)
        .await)?;
    let needed: Vec<i64> = on_db!(conn, |c| inbox_queue::table
        .filter(inbox_queue::id.any_of(&ids))
        .filter(inbox_queue::state.ne(DONE))
        .select(inbox_queue::id)
        .load(c)
        .await)?;
    let left: Vec<i64> = ids
        .iter()
        .copied()
        .filter(|id| !needed.contains(id))
        .collect();
    delete_bodies(conn, &left).await?;
    let full = ids.len() as i64 == limit;
    Ok(ids.last().copied().filter(|_| full))
}

/// Counts a failed attempt: again at a time, or (`None`) set aside.
#[boxed]
pub async fn fail(conn: &mut Conn, id: i64, reason: &str, again_at: Option<i64>) -> Result<()> {
    let state = if again_at.is_some() {
        WAITING
    } else {
        SET_ASIDE
    };
    on_db!(conn, |c| diesel::update(
        inbox_queue::table
            .find(id)
            .filter(inbox_queue::state.eq(WAITING))
    )
    .set((
        inbox_queue::state.eq(state),
        inbox_queue::attempts.eq(inbox_queue::attempts + 1),
        inbox_queue::next_at.eq(again_at.unwrap_or(0)),
        inbox_queue::leased_until.eq(0),
        inbox_queue::last_error.eq(reason),
    ))
    .execute(c)
    .await)?;
    Ok(())
}

/// Deletes what was done or set aside and came before a time, at most `limit`; says how many.
#[boxed]
pub async fn forget_before(conn: &mut Conn, time: i64, limit: i64) -> Result<usize> {
    let ids: Vec<i64> = on_db!(conn, |c| inbox_queue::table
        .filter(inbox_queue::received_at.lt(time))
        .filter(diesel::dsl::sql::<Bool>("inbox_queue.state <> 0"))
        .order(inbox_queue::received_at)
        .limit(limit)
        .select(inbox_queue::id)
        .load(c)
        .await)?;
    delete_bodies(conn, &ids).await?;
    on_db!(conn, |c| diesel::delete(
        inbox_queue::table.filter(inbox_queue::id.any_of(&ids))
    )
    .execute(c)
    .await)
}

/// A received activity but for its body.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = inbox_queue)]
pub struct Listed {
    pub id: i64,
    pub activity_uri: String,
    pub actor_uri: String,
    pub kind: String,
    pub state: i16,
    pub attempts: i64,
    pub received_at: i64,
    pub next_at: i64,
    pub last_error: String,
}

/// Received activities in a state below an id, newest first, at most `limit`.
#[boxed]
pub async fn list(conn: &mut Conn, state: i16, below: i64, limit: i64) -> Result<Vec<Listed>> {
    let of_state = match state {
        WAITING => "inbox_queue.state = 0",
        SET_ASIDE => "inbox_queue.state = 2",
        _ => "inbox_queue.state = 1",
    };
    on_db!(conn, |c| inbox_queue::table
        // Only a literal matches a partial index.
        .filter(diesel::dsl::sql::<Bool>(of_state))
        .filter(inbox_queue::id.lt(below))
        .order(inbox_queue::id.desc())
        .limit(limit)
        .select(Listed::as_select())
        .load(c)
        .await)
}

/// One received activity, without its text when it is done.
#[boxed]
pub async fn by_id(conn: &mut Conn, id: i64) -> Result<Option<Received>> {
    let row: Option<(Columns, i16)> = on_db!(conn, |c| inbox_queue::table
        .find(id)
        .select((columns(), inbox_queue::state))
        .first(c)
        .await
        .optional())?;
    let Some((row, state)) = row else {
        return Ok(None);
    };
    let mut received = with_bodies(conn, vec![row]).await?.pop();
    // It may be there for a moment longer.
    if let Some(received) = received.as_mut().filter(|_| state == DONE) {
        received.body.clear();
    }
    Ok(received)
}

/// Lets an activity that was set aside wait again, due now; false when there is no such one.
#[boxed]
pub async fn revive(conn: &mut Conn, id: i64) -> Result<bool> {
    let revived = on_db!(conn, |c| diesel::update(
        inbox_queue::table
            .find(id)
            .filter(inbox_queue::state.eq(SET_ASIDE))
    )
    .set((
        inbox_queue::state.eq(WAITING),
        inbox_queue::attempts.eq(0),
        inbox_queue::next_at.eq(0),
        inbox_queue::leased_until.eq(0),
    ))
    .execute(c)
    .await)?;
    Ok(revived > 0)
}

/// Forgets an activity that was set aside; false when there is no such one.
#[boxed]
pub async fn drop_set_aside(conn: &mut Conn, id: i64) -> Result<bool> {
    let dropped = on_db!(conn, |c| diesel::update(
        inbox_queue::table
            .find(id)
            .filter(inbox_queue::state.eq(SET_ASIDE))
    )
    // The row stays until it is old: should the activity come again, it is known.
    .set(inbox_queue::state.eq(DONE))
    .execute(c)
    .await)?;
    forget_bodies(conn, &[id]).await?;
    Ok(dropped > 0)
}

/// Says why nothing came of an activity that is done.
#[boxed]
pub async fn explain(conn: &mut Conn, id: i64, reason: &str) -> Result<()> {
    on_db!(conn, |c| diesel::update(inbox_queue::table.find(id))
        .set(inbox_queue::last_error.eq(reason))
        .execute(c)
        .await)?;
    Ok(())
}
