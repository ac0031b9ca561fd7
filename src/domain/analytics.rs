//! What an author learns of their posts: numbers by day, kept in the transactions that change
//! what they count.
//!
//! Each deed is counted on the day it was done, and taken from that day when it is taken back: the
//! sum of the days is what is there now. Posts of local authors alone are counted. What somebody
//! gave stays counted when the post it was given to is deleted.

use super::Ctx;
use crate::clock::DAY;
use crate::db::accounts::Account;
use crate::db::analytics::{Counts, Totals};
use crate::db::statuses::Status;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};

/// The longest range that is told, in days.
pub const MAX_DAYS: i64 = 366;
/// The days that are told where no range is asked for.
const USUAL_DAYS: i64 = 30;

/// The number of the day of a moment.
pub fn day_of(at: i64) -> i64 {
    at.div_euclid(DAY)
}

/// Something was done to a status at a time, or taken back that was done then.
pub(super) async fn happened(
    tx: &mut Conn,
    status: &Status,
    at: i64,
    change: Counts,
) -> AppResult<()> {
    if !status.local {
        return Ok(());
    }
    db::analytics::count_status(tx, status.id, day_of(at), &change).await?;
    let totals = Totals {
        received: change,
        ..Totals::default()
    };
    Ok(db::analytics::count_account(tx, status.account_id, day_of(at), &totals).await?)
}

/// A vote on a status, given at a time or taken back that was given then.
pub(super) async fn voted(
    tx: &mut Conn,
    status: &Status,
    by: &Account,
    at: i64,
    likes: i64,
    dislikes: i64,
) -> AppResult<()> {
    let day = day_of(at);
    let received = Counts {
        likes,
        dislikes,
        ..Counts::default()
    };
    if status.local {
        db::analytics::count_status(tx, status.id, day, &received).await?;
    }
    let mut rows = Vec::with_capacity(2);
    if status.local {
        let totals = Totals {
            received,
            ..Totals::default()
        };
        rows.push((status.account_id, totals));
    }
    if by.is_local() {
        let totals = Totals {
            likes_given: likes,
            dislikes_given: dislikes,
            ..Totals::default()
        };
        rows.push((by.id, totals));
    }
    // Two who vote for each other wait for one another in one order.
    rows.sort_by_key(|(account, _)| *account);
    for (account, totals) in rows {
        db::analytics::count_account(tx, account, day, &totals).await?;
    }
    Ok(())
}

/// The days that somebody asks for: both ends are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub from: i64,
    pub to: i64,
    /// None was asked for: totals are of all time.
    pub all: bool,
}

impl Range {
    /// The days from one date to another, each `YYYY-MM-DD`, by UTC. Without a beginning, the
    /// last thirty; without an end, up to today.
    pub fn parse(ctx: &Ctx, from: Option<&str>, to: Option<&str>) -> AppResult<Range> {
        let date = |name: &str, text: Option<&str>| match text.filter(|text| !text.is_empty()) {
            None => Ok(None),
            Some(text) => crate::clock::parse_day(text).map(Some).ok_or_else(|| {
                AppError::invalid(format!(
                    "Validation failed: {name} must be a date like 2026-01-31"
                ))
            }),
        };
        let (from, to) = (date("from", from)?, date("to", to)?);
        let all = from.is_none() && to.is_none();
        let to = to.unwrap_or_else(|| day_of(ctx.now()));
        let from = from.unwrap_or(to - USUAL_DAYS + 1);
        if from > to {
            return Err(AppError::invalid(
                "Validation failed: from must not be after to",
            ));
        }
        if to - from >= MAX_DAYS {
            return Err(AppError::invalid(format!(
                "Validation failed: from and to must be at most {MAX_DAYS} days apart"
            )));
        }
        Ok(Range { from, to, all })
    }

    /// The days to read.
    fn read(&self) -> (i64, i64) {
        if self.all {
            (i64::MIN, i64::MAX)
        } else {
            (self.from, self.to)
        }
    }
}

/// The numbers of a status, by the days that have any.
pub async fn of_status(
    conn: &mut Conn,
    status: &Status,
    range: Range,
) -> AppResult<Vec<(i64, Counts)>> {
    let (from, to) = range.read();
    Ok(db::analytics::of_status(conn, status.id, from, to).await?)
}

/// The numbers of an account, by the days that have any.
pub async fn of_account(
    conn: &mut Conn,
    account_id: i64,
    range: Range,
) -> AppResult<Vec<(i64, Totals)>> {
    let (from, to) = range.read();
    Ok(db::analytics::of_account(conn, account_id, from, to).await?)
}
