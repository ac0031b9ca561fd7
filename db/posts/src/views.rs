//! Who saw what on which day.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::any::AnyOfExt;
use super::schema::{status_views, statuses};
use super::{Conn, Result, on_db, prepared};

/// A row of `status_views`: an account saw a status on a day.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Queryable, Selectable, Insertable,
)]
#[diesel(table_name = status_views)]
pub struct View {
    pub status_id: i64,
    pub account_id: i64,
    /// Days since the epoch.
    pub day: i64,
}

/// Adds a view; false when it is there already.
#[boxed]
pub async fn add(conn: &mut Conn, view: &View) -> Result<bool> {
    let added = on_db!(conn, |c| diesel::insert_into(status_views::table)
        .values(view)
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(added > 0)
}

/// Of some statuses, those that are there, with their authors.
#[boxed]
pub async fn authors(conn: &mut Conn, ids: &[i64]) -> Result<Vec<(i64, i64)>> {
    on_db!(conn, |c| statuses::table
        .filter(statuses::id.any_of(ids))
        .select((statuses::id, statuses::account_id))
        .load(c)
        .await)
}

/// Adds to the number of a status's views.
#[boxed]
pub async fn count(conn: &mut Conn, status_id: i64, views: i64) -> Result<()> {
    on_db!(conn, |c| prepared!(
        "UPDATE status_stats SET views_count = views_count + $1 WHERE status_id = $2"
    )
    .bind::<BigInt, _>(views)
    .bind::<BigInt, _>(status_id)
    .execute(c)
    .await)?;
    Ok(())
}

/// Forgets who saw what before a day, at most `limit` rows; says how many went.
#[boxed]
pub async fn forget_before(conn: &mut Conn, day: i64, limit: i64) -> Result<usize> {
    on_db!(conn, |c| prepared!(
        "DELETE FROM status_views WHERE (status_id, account_id, day) IN \
         (SELECT status_id, account_id, day FROM status_views WHERE day < $1 LIMIT $2)"
    )
    .bind::<BigInt, _>(day)
    .bind::<BigInt, _>(limit)
    .execute(c)
    .await)
}
