//! The event log.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::schema::{events, home_entries};
use super::{Conn, Result, kept, on_db};
use crate::event::{Cursor, Event, Logged};

/// Events read at a time.
pub const PAGE: i64 = 1000;

#[derive(Queryable, Selectable)]
#[diesel(table_name = events)]
struct Row {
    id: i64,
    xid: i64,
    origin: i64,
    account_id: Option<i64>,
    kind: String,
    subject_id: i64,
    payload: String,
}

impl Row {
    fn logged(self) -> Logged {
        Logged {
            cursor: Cursor {
                xid: self.xid,
                id: self.id,
            },
            origin: self.origin,
            event: Event {
                account_id: self.account_id,
                kind: self.kind.parse().unwrap_or_default(),
                subject_id: self.subject_id,
                payload: self.payload,
                homes: Vec::new(),
            },
        }
    }
}

/// Writes a transaction's events into the log, in their order.
#[boxed]
pub async fn append(conn: &mut Conn, list: &[Event], origin: i64, now: i64) -> Result<()> {
    for event in list {
        let row = (
            events::origin.eq(origin),
            events::account_id.eq(event.account_id),
            events::kind.eq(event.kind.as_str()),
            events::subject_id.eq(event.subject_id),
            events::payload.eq(&event.payload),
            events::created_at.eq(now),
        );
        on_db!(conn, |c| kept!(
            diesel::insert_into(events::table).values(row)
        )
        .execute(c)
        .await)?;
    }
    Ok(())
}

/// The events after a position, oldest first, at most [`PAGE`].
///
/// On PostgreSQL, ids are given out before commits: only events of transactions older than
/// every running one are read, so that none is ever passed over.
#[boxed]
pub async fn after(conn: &mut Conn, cursor: Cursor) -> Result<Vec<Logged>> {
    let rows: Vec<Row> = if conn.is_postgres() {
        let past = events::xid
            .gt(cursor.xid)
            .or(events::xid.eq(cursor.xid).and(events::id.gt(cursor.id)));
        let settled = diesel::dsl::sql::<diesel::sql_types::Bool>(
            "xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint",
        );
        on_db!(conn, |c| events::table
            .filter(events::xid.ge(cursor.xid))
            .filter(past)
            .filter(settled)
            .order((events::xid, events::id))
            .limit(PAGE)
            .select(Row::as_select())
            .load(c)
            .await)?
    } else {
        // One writer: ids come in the order of commits, and xid is always 0.
        on_db!(conn, |c| events::table
            .filter(events::id.gt(cursor.id))
            .order(events::id)
            .limit(PAGE)
            .select(Row::as_select())
            .load(c)
            .await)?
    };
    Ok(rows.into_iter().map(Row::logged).collect())
}

/// The position after the last event that [`after`] would return now.
#[boxed]
pub async fn end(conn: &mut Conn) -> Result<Cursor> {
    let last: Option<(i64, i64)> = if conn.is_postgres() {
        let settled = diesel::dsl::sql::<diesel::sql_types::Bool>(
            "xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint",
        );
        on_db!(conn, |c| events::table
            .order((events::xid.desc(), events::id.desc()))
            .select((events::xid, events::id))
            .filter(settled)
            .first(c)
            .await
            .optional())?
    } else {
        on_db!(conn, |c| events::table
            .order(events::id.desc())
            .select((events::xid, events::id))
            .first(c)
            .await
            .optional())?
    };
    Ok(last.map_or_else(Cursor::default, |(xid, id)| Cursor { xid, id }))
}

/// A stretch of the log: after a position, up to another and with it.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub after: Cursor,
    pub until: Cursor,
}

/// The position of the oldest event that is still there.
#[boxed]
pub async fn oldest(conn: &mut Conn) -> Result<Option<Cursor>> {
    let first: Option<(i64, i64)> = on_db!(conn, |c| events::table
        .order((events::xid, events::id))
        .select((events::xid, events::id))
        .first(c)
        .await
        .optional())?;
    Ok(first.map(|(xid, id)| Cursor { xid, id }))
}

/// `events` within a [`Span`], oldest first: written so that either database finds it by an index.
macro_rules! within {
    ($span:expr, $postgres:expr) => {{
        let Span { after, until } = $span;
        let rows = events::table.into_boxed();
        if $postgres {
            let behind = events::xid
                .gt(after.xid)
                .or(events::xid.eq(after.xid).and(events::id.gt(after.id)));
            let before = events::xid
                .lt(until.xid)
                .or(events::xid.eq(until.xid).and(events::id.le(until.id)));
            rows.filter(events::xid.ge(after.xid))
                .filter(events::xid.le(until.xid))
                .filter(behind)
                .filter(before)
                .order((events::xid, events::id))
        } else {
            rows.filter(events::xid.eq(0))
                .filter(events::id.gt(after.id))
                .filter(events::id.le(until.id))
                .order(events::id)
        }
    }};
}

/// Whether a stretch holds more than so many events.
#[boxed]
pub async fn exceeds(conn: &mut Conn, span: Span, number: i64) -> Result<bool> {
    let postgres = conn.is_postgres();
    let beyond: Vec<i64> = on_db!(conn, |c| within!(span, postgres)
        .offset(number)
        .limit(1)
        .select(events::id)
        .load(c)
        .await)?;
    Ok(!beyond.is_empty())
}

/// The events of some kinds that are for one account alone, oldest first.
#[boxed]
pub async fn of_account(
    conn: &mut Conn,
    account_id: i64,
    span: Span,
    kinds: &[&str],
    limit: i64,
) -> Result<Vec<Logged>> {
    let postgres = conn.is_postgres();
    let rows: Vec<Row> = on_db!(conn, |c| within!(span, postgres)
        .filter(events::account_id.eq(account_id))
        .filter(events::kind.any_of(kinds))
        .limit(limit)
        .select(Row::as_select())
        .load(c)
        .await)?;
    Ok(rows.into_iter().map(Row::logged).collect())
}

/// The newest events of some kinds that are for one account alone, oldest first.
#[boxed]
pub async fn newest_of_account(
    conn: &mut Conn,
    account_id: i64,
    until: Cursor,
    kinds: &[&str],
    limit: i64,
) -> Result<Vec<Logged>> {
    let rows: Vec<Row> = on_db!(conn, |c| events::table
        .filter(events::account_id.eq(account_id))
        .filter(events::kind.any_of(kinds))
        .filter(events::xid.le(until.xid))
        .order((events::xid.desc(), events::id.desc()))
        .limit(limit)
        .select(Row::as_select())
        .load(c)
        .await)?;
    let logged = rows.into_iter().map(Row::logged);
    let mut logged: Vec<Logged> = logged.filter(|one| one.cursor <= until).collect();
    logged.reverse();
    Ok(logged)
}

/// The events about statuses that are in the home of an account, of these kinds, oldest first.
#[boxed]
pub async fn of_home(
    conn: &mut Conn,
    account_id: i64,
    span: Span,
    kinds: &[&str],
    limit: i64,
) -> Result<Vec<Logged>> {
    let there = home_entries::table
        .filter(home_entries::account_id.eq(account_id))
        .filter(home_entries::status_id.eq(events::subject_id));
    let postgres = conn.is_postgres();
    let rows: Vec<Row> = on_db!(conn, |c| within!(span, postgres)
        .filter(events::account_id.is_null())
        .filter(events::kind.any_of(kinds))
        .filter(diesel::dsl::exists(there))
        .limit(limit)
        .select(Row::as_select())
        .load(c)
        .await)?;
    Ok(rows.into_iter().map(Row::logged).collect())
}

/// The events of these kinds that are for everyone, oldest first; where `naming` is given, only
/// those whose payload holds that number.
#[boxed]
pub async fn of_everyone(
    conn: &mut Conn,
    naming: Option<i64>,
    span: Span,
    kinds: &[&str],
    limit: i64,
) -> Result<Vec<Logged>> {
    let pattern = naming.map_or_else(|| "%".to_owned(), |id| format!("%{id}%"));
    let postgres = conn.is_postgres();
    let rows: Vec<Row> = on_db!(conn, |c| within!(span, postgres)
        .filter(events::account_id.is_null())
        .filter(events::kind.any_of(kinds))
        .filter(events::payload.like(&pattern))
        .limit(limit)
        .select(Row::as_select())
        .load(c)
        .await)?;
    Ok(rows.into_iter().map(Row::logged).collect())
}

/// Forgets events older than a time, at most `limit` of them; says how many went.
#[boxed]
pub async fn forget_before(conn: &mut Conn, time: i64, limit: i64) -> Result<usize> {
    let old = events::table
        .filter(events::created_at.lt(time))
        .order(events::created_at)
        .limit(limit)
        .select(events::id);
    let ids: Vec<i64> = on_db!(conn, |c| old.load(c).await)?;
    on_db!(conn, |c| diesel::delete(
        events::table.filter(events::id.any_of(&ids))
    )
    .execute(c)
    .await)
}
