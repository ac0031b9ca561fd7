//! How far accounts have read their timelines.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::schema::markers;
use super::{Conn, Result, on_db};

/// A row of `markers`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = markers)]
pub struct Marker {
    pub account_id: i64,
    /// `home` or `notifications`.
    pub timeline: String,
    pub last_read_id: i64,
    /// How often it was set.
    pub version: i64,
    pub updated_at: i64,
}

/// An account's markers of some timelines.
#[boxed]
pub async fn of_account(
    conn: &mut Conn,
    account_id: i64,
    timelines: &[String],
) -> Result<Vec<Marker>> {
    on_db!(conn, |c| markers::table
        .filter(markers::account_id.eq(account_id))
        .filter(markers::timeline.any_of(timelines))
        .select(Marker::as_select())
        .load(c)
        .await)
}

/// Sets a marker.
#[boxed]
pub async fn set(
    conn: &mut Conn,
    account_id: i64,
    timeline: &str,
    last_read_id: i64,
    now: i64,
) -> Result<Marker> {
    let row = Marker {
        account_id,
        timeline: timeline.to_owned(),
        last_read_id,
        version: 1,
        updated_at: now,
    };
    on_db!(conn, |c| diesel::insert_into(markers::table)
        .values(&row)
        .on_conflict((markers::account_id, markers::timeline))
        .do_update()
        .set((
            markers::last_read_id.eq(last_read_id),
            markers::version.eq(markers::version + 1),
            markers::updated_at.eq(now),
        ))
        .returning(Marker::as_returning())
        .get_result(c)
        .await)
}
