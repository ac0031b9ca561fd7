//! Statuses pinned to their author's profile.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::relations::Page;
use super::schema::pins;
use super::{Conn, Result, on_db};

/// Pins a status; false when it is pinned already.
#[boxed]
pub async fn add(
    conn: &mut Conn,
    id: i64,
    account_id: i64,
    status_id: i64,
    now: i64,
) -> Result<bool> {
    let added = on_db!(conn, |c| diesel::insert_into(pins::table)
        .values((
            pins::id.eq(id),
            pins::account_id.eq(account_id),
            pins::status_id.eq(status_id),
            pins::created_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(added > 0)
}

/// Unpins a status; false when it was not pinned.
#[boxed]
pub async fn remove(conn: &mut Conn, account_id: i64, status_id: i64) -> Result<bool> {
    let gone = on_db!(conn, |c| diesel::delete(
        pins::table
            .filter(pins::status_id.eq(status_id))
            .filter(pins::account_id.eq(account_id))
    )
    .execute(c)
    .await)?;
    Ok(gone > 0)
}

/// How many an account has pinned.
#[boxed]
pub async fn count(conn: &mut Conn, account_id: i64) -> Result<i64> {
    on_db!(conn, |c| pins::table
        .filter(pins::account_id.eq(account_id))
        .count()
        .get_result(c)
        .await)
}

/// One page of an account's pins, the last pinned first: pairs of pin and status.
#[boxed]
pub async fn page(conn: &mut Conn, account_id: i64, page: Page) -> Result<Vec<(i64, i64)>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let rows = pins::table
        .filter(pins::account_id.eq(account_id))
        .filter(pins::id.lt(max))
        .filter(pins::id.gt(min))
        .limit(page.limit)
        .select((pins::id, pins::status_id));
    if page.min_id.is_some() {
        let mut rows: Vec<(i64, i64)> = on_db!(conn, |c| rows.order(pins::id.asc()).load(c).await)?;
        rows.reverse();
        Ok(rows)
    } else {
        on_db!(conn, |c| rows.order(pins::id.desc()).load(c).await)
    }
}

/// Of some statuses, those that an account has pinned.
#[boxed]
pub async fn pinned(conn: &mut Conn, account_id: i64, ids: &[i64]) -> Result<Vec<i64>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| pins::table
        .filter(pins::status_id.any_of(ids))
        .filter(pins::account_id.eq(account_id))
        .select(pins::status_id)
        .load(c)
        .await)
}
