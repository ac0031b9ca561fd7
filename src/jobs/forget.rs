//! Forgets rows that have had their time.

use crate::app::App;
use crate::clock::{DAY, HOUR};
use crate::db;
use crate::domain::analytics::day_of;

/// Rows removed in one transaction, so that nobody waits long behind it.
const BATCH: i64 = 500;

/// The event log is kept this long: a stream may be resumed from anywhere in it.
const EVENTS: i64 = 7 * DAY;
/// An idempotency key is good for this long (the API promises an hour).
const IDEMPOTENCY_KEYS: i64 = DAY;
/// One-time codes count against the day's number.
const CODES: i64 = 2 * DAY;
/// Authorisation codes are kept a while after they expired, to notice their reuse.
const OAUTH_CODES: i64 = DAY;
/// Access tokens of sign-ins and the refresh tokens of their families.
const TOKENS: i64 = 8 * DAY;
/// Jobs given up, for an admin to look at.
const FAILED_JOBS: i64 = 30 * DAY;
/// How threads were filled up: longer than any of them is left alone.
const THREAD_READS: i64 = 30 * DAY;
/// A Create that comes later than this is no news any more.
const QUIET: i64 = 14 * DAY;
/// Registrations whose address was never verified give their name back.
const UNCONFIRMED: i64 = 2 * DAY;

/// Days for which it is known who was here: thirteen months, for the statistics of a year.
const ACTIVE_DAYS: i64 = 400;

/// Removes everything that has had its time.
pub async fn pass(app: &App) -> Result<(), db::Error> {
    let now = app.clock.now_ms();
    macro_rules! forget {
        ($($path:path, $before:expr;)*) => {$(
            loop {
                let before = $before;
                let gone: usize = app
                    .db
                    .write(move |tx| Box::pin(async move { $path(tx, before, BATCH).await }))
                    .await?;
                if gone < BATCH as usize || *app.stop.borrow() {
                    break;
                }
            }
        )*};
    }
    forget! {
        db::events::forget_before, now - EVENTS;
        db::statuses::forget_idempotency_keys, now - IDEMPOTENCY_KEYS;
        db::users::forget_codes, now - CODES;
        db::tokens::forget_codes, now - OAUTH_CODES;
        db::tokens::forget_refresh_tokens, now - HOUR;
        db::tokens::forget_tokens, now - TOKENS;
        db::tokens::forget_web_sessions, now;
        db::users::forget_unconfirmed, now - UNCONFIRMED;
        db::relations::forget_mutes, now;
        db::thread_reads::forget_before, now - THREAD_READS;
        db::thread_reads::forget_quiet, now - QUIET;
        // Yesterday's stay: what waited at midnight is written a little later.
        db::views::forget_before, day_of(now) - 1;
        db::dashboard::forget_active, day_of(now) - ACTIVE_DAYS;
        db::severances::forget_purged, now;
    }
    app.db
        .write(move |tx| {
            Box::pin(async move { db::jobs::forget_failed(tx, now - FAILED_JOBS).await })
        })
        .await?;
    Ok(())
}
