//! Work that one of the processes does from time to time.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::schema::periodic_work;
use super::{Conn, Result, on_db};

/// Takes up work that was last begun before `since`: true for the one who may do it now.
#[boxed]
pub async fn take_up(conn: &mut Conn, name: &str, since: i64, now: i64) -> Result<bool> {
    let added = on_db!(conn, |c| diesel::insert_into(periodic_work::table)
        .values((
            periodic_work::name.eq(name),
            periodic_work::begun_at.eq(now)
        ))
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    if added > 0 {
        return Ok(true);
    }
    let taken = on_db!(conn, |c| diesel::update(
        periodic_work::table
            .find(name)
            .filter(periodic_work::begun_at.le(since))
    )
    .set(periodic_work::begun_at.eq(now))
    .execute(c)
    .await)?;
    Ok(taken > 0)
}
