//! Leases of a process that is gone: on deliveries, received activities and jobs. What it had is
//! given back at once, long before the leases end by themselves.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::schema::{deliveries, inbox_queue, jobs};
use super::{Conn, Result, on_db};

/// Whose leases are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Those of one process.
    Of(i64),
    /// Those of all but one.
    NotOf(i64),
}

/// Gives back what is leased; says how much that was. It looks at everything that waits.
#[boxed]
pub async fn release(conn: &mut Conn, whose: Whose, now: i64) -> Result<usize> {
    let (Whose::Of(process) | Whose::NotOf(process)) = whose;
    let of = matches!(whose, Whose::Of(_)).into_sql::<Bool>();
    let deliveries = on_db!(conn, |c| diesel::update(
        deliveries::table
            // Only a literal matches the partial index of what waits; here and below.
            .filter(diesel::dsl::sql::<Bool>("deliveries.state = 0"))
            .filter(deliveries::leased_until.gt(0))
            .filter(deliveries::leased_by.eq(process).eq(of))
    )
    .set((deliveries::next_at.eq(now), deliveries::leased_until.eq(0)))
    .execute(c)
    .await)?;
    let received = on_db!(conn, |c| diesel::update(
        inbox_queue::table
            .filter(diesel::dsl::sql::<Bool>(
                "inbox_queue.state = 0 AND inbox_queue.leased_until > 0"
            ))
            .filter(inbox_queue::leased_by.eq(process).eq(of))
    )
    .set(inbox_queue::leased_until.eq(0))
    .execute(c)
    .await)?;
    let jobs = on_db!(conn, |c| diesel::update(
        jobs::table
            .filter(jobs::failed_at.is_null())
            .filter(jobs::leased_until.gt(0))
            .filter(jobs::leased_by.eq(process).eq(of))
    )
    .set(jobs::leased_until.eq(0))
    .execute(c)
    .await)?;
    Ok(deliveries + received + jobs)
}
