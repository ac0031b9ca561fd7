//! Accounts elsewhere that their own servers suspended.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::schema::origin_suspensions;
use super::{Conn, Result, on_db};

/// Those of some accounts, with the time since which each is known.
#[boxed]
pub async fn of(conn: &mut Conn, ids: &[i64]) -> Result<Vec<(i64, i64)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| origin_suspensions::table
        .filter(origin_suspensions::account_id.any_of(ids))
        .load(c)
        .await)
}

/// Keeps since when an account is suspended by its own server; `None`: it is not.
#[boxed]
pub async fn set(conn: &mut Conn, account_id: i64, since: Option<i64>) -> Result<()> {
    match since {
        None => on_db!(conn, |c| diesel::delete(
            origin_suspensions::table.find(account_id)
        )
        .execute(c)
        .await)?,
        Some(since) => on_db!(conn, |c| diesel::insert_into(origin_suspensions::table)
            .values((
                origin_suspensions::account_id.eq(account_id),
                origin_suspensions::since.eq(since),
            ))
            .on_conflict_do_nothing()
            .execute(c)
            .await)?,
    };
    Ok(())
}
