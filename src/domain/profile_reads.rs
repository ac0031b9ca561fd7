//! When the profiles of accounts elsewhere are read there: at their first view, and again when
//! somebody looks at them after a while.

use super::Ctx;
use super::jobs::{self, Job};
use crate::clock::{DAY, HOUR};
use crate::db::account_reads::{AccountRead, Told};
use crate::db::accounts::Account;
use crate::db::{self, Conn};
use crate::error::AppResult;
use crate::events::{Event, Kind};

/// How long what was read is good for.
const FRESH: i64 = 12 * HOUR;
/// Until one that could not be had is asked for again, doubled each time.
const RETRY: i64 = HOUR;
const LONGEST_RETRY: i64 = 7 * DAY;
/// A job that has not ended by now never will.
const STALE: i64 = HOUR;

/// Whether a profile is to be read now.
pub fn is_due(row: Option<&AccountRead>, now: i64) -> bool {
    row.is_none_or(|row| row.next_at <= now)
}

/// Has the profile of an account elsewhere read, unless that was done lately.
pub async fn begin(tx: &mut Conn, ctx: &Ctx, account: &Account) -> AppResult<()> {
    let now = ctx.now();
    let known = db::account_reads::of(tx, account.id).await?;
    if account.is_local() || !account.is_active() || !is_due(known.as_ref(), now) {
        return Ok(());
    }
    let row = AccountRead {
        account_id: account.id,
        next_at: now + STALE,
        ..known.unwrap_or_default()
    };
    db::account_reads::put(tx, &row).await?;
    let account_id = account.id;
    jobs::enqueue(tx, ctx, &Job::Profile { account_id }).await
}

/// A profile was read, or could not be: `told` is what its server counts.
pub async fn ended(tx: &mut Conn, ctx: &Ctx, account_id: i64, told: Option<Told>) -> AppResult<()> {
    let now = ctx.now();
    if db::accounts::by_id(tx, account_id).await?.is_none() {
        return Ok(());
    }
    let known = db::account_reads::of(tx, account_id).await?;
    let mut row = AccountRead {
        account_id,
        ..known.unwrap_or_default()
    };
    match told {
        Some(told) => {
            row.read_at = now;
            row.next_at = now + FRESH;
            row.failures = 0;
            if told != Told::default() {
                db::account_reads::set_told(tx, account_id, told).await?;
                tx.emit(Event::of(Kind::AccountChanged, account_id));
            }
        }
        None => {
            row.next_at = now + (RETRY << row.failures.clamp(0, 10)).min(LONGEST_RETRY);
            row.failures += 1;
        }
    }
    Ok(db::account_reads::put(tx, &row).await?)
}
