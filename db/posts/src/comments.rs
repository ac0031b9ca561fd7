//! Comments: the direct replies to a status, in several orders.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::schema::{status_stats, statuses};
use super::{Conn, Result, on_db};

/// Ids of comments on a status between two ids, upwards or downwards.
#[boxed]
pub async fn by_time(
    conn: &mut Conn,
    parent_id: i64,
    above: i64,
    below: i64,
    up: bool,
    limit: i64,
) -> Result<Vec<i64>> {
    let rows = statuses::table
        .filter(statuses::in_reply_to_id.eq(parent_id))
        .filter(statuses::id.gt(above))
        .filter(statuses::id.lt(below))
        .limit(limit)
        .select(statuses::id);
    if up {
        on_db!(conn, |c| rows.order(statuses::id.asc()).load(c).await)
    } else {
        on_db!(conn, |c| rows.order(statuses::id.desc()).load(c).await)
    }
}

/// Ids and scores of comments on a status: the highest score first, of the same score the newest.
/// Those behind a place (id and score) in that order; or, with `back`, those before it, the
/// nearest first.
#[boxed]
pub async fn by_score(
    conn: &mut Conn,
    parent_id: i64,
    (id, score): (i64, i64),
    back: bool,
    limit: i64,
) -> Result<Vec<(i64, i64)>> {
    let rows = status_stats::table
        .filter(status_stats::parent_id.eq(parent_id))
        .limit(limit)
        .select((status_stats::status_id, status_stats::score));
    if back {
        let rows = rows
            .filter(status_stats::score.ge(score))
            .filter(
                status_stats::score
                    .gt(score)
                    .or(status_stats::status_id.gt(id)),
            )
            .order((status_stats::score.asc(), status_stats::status_id.asc()));
        on_db!(conn, |c| rows.load(c).await)
    } else {
        let rows = rows
            .filter(status_stats::score.le(score))
            .filter(
                status_stats::score
                    .lt(score)
                    .or(status_stats::status_id.lt(id)),
            )
            .order((status_stats::score.desc(), status_stats::status_id.desc()));
        on_db!(conn, |c| rows.load(c).await)
    }
}

/// The score of a comment on a status.
#[boxed]
pub async fn score(conn: &mut Conn, parent_id: i64, id: i64) -> Result<Option<i64>> {
    on_db!(conn, |c| status_stats::table
        .find(id)
        .filter(status_stats::parent_id.eq(parent_id))
        .select(status_stats::score)
        .first(c)
        .await
        .optional())
}

/// Some statuses turned out to be comments on another.
#[boxed]
pub async fn put_below(conn: &mut Conn, ids: &[i64], parent_id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        status_stats::table.filter(status_stats::status_id.any_of(ids))
    )
    .set(status_stats::parent_id.eq(parent_id))
    .execute(c)
    .await)?;
    Ok(())
}

/// What the comments were on is gone.
#[boxed]
pub async fn release(conn: &mut Conn, parent_id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        status_stats::table.filter(status_stats::parent_id.eq(parent_id))
    )
    .set(status_stats::parent_id.eq(None::<i64>))
    .execute(c)
    .await)?;
    Ok(())
}
