//! The event log.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::schema::events;
use super::{Conn, Result, on_db};
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
        on_db!(conn, |c| diesel::insert_into(events::table)
            .values(row)
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
