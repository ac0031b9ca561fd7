//! When threads are filled up with what other servers know of them.
//!
//! A filling is a series of jobs, one at a time, that ends when nothing is left to ask for or its
//! share is used up. Whoever opens a thread begins one, and so does an answer in a thread of
//! another server that concerns somebody here; then the thread is left alone for a while, and for
//! longer each time that nothing new was found.

use super::Ctx;
use super::jobs::{self, Job};
use super::visibility::Visibility;
use crate::clock::{DAY, MINUTE, SECOND};
use crate::db::statuses::Status;
use crate::db::thread_reads::ThreadRead;
use crate::db::{self, Conn};
use crate::error::AppResult;

/// Jobs of one filling.
pub const MAX_JOBS: i64 = 8;
/// Between two of them.
const BREATHE: i64 = 2 * SECOND;
/// Until a thread may be filled again, doubled with each filling that brings nothing.
const PAUSE: i64 = 15 * MINUTE;
const LONGEST_PAUSE: i64 = DAY;
/// As long as this, nobody else takes up what a job is at. A job takes a minute at most.
const BUSY: i64 = 3 * MINUTE;
/// A filling that has not ended by now never will: its job was given up.
const STALE: i64 = 60 * MINUTE;
/// Before the first job after an answer has come, at most: its server tells many others of it, and
/// not all are to ask at once.
const SPREAD: i64 = 8 * SECOND;

/// Whether a thread may be filled now.
pub fn is_due(row: Option<&ThreadRead>, now: i64) -> bool {
    row.is_none_or(|row| match row.active {
        true => row.begun_at < now - STALE,
        false => row.next_at <= now,
    })
}

/// Begins to fill a thread, unless that is being done or was lately. Says how it stands then.
pub async fn begin(
    tx: &mut Conn,
    ctx: &Ctx,
    status: &Status,
    delay: i64,
) -> AppResult<Option<ThreadRead>> {
    let now = ctx.now();
    let conversation_id = status.conversation_id;
    let known = db::thread_reads::of(tx, conversation_id).await?;
    if !is_due(known.as_ref(), now) {
        return Ok(known);
    }
    let row = ThreadRead {
        conversation_id,
        active: true,
        begun_at: now,
        fruitless: known.map_or(0, |row| row.fruitless),
        ..ThreadRead::default()
    };
    db::thread_reads::put(tx, &row).await?;
    let job = Job::Thread {
        conversation_id,
        status_id: status.id,
    };
    jobs::enqueue_at(tx, ctx, &job, now + delay).await?;
    Ok(Some(row))
}

/// An answer from elsewhere came that concerns somebody here: what else is said in its thread is
/// asked for, where the thread is not ours, whose answers come to us by themselves.
pub async fn answer_came(tx: &mut Conn, ctx: &Ctx, status: &Status) -> AppResult<()> {
    let open = Visibility::from_db(status.visibility).is_open();
    if status.local || !open || status.in_reply_to_uri.is_none() {
        return Ok(());
    }
    let first = db::statuses::by_id(tx, status.conversation_id).await?;
    if first.is_some_and(|first| first.local) {
        return Ok(());
    }
    let delay = (SPREAD as f64 * ctx.random.unit()) as i64;
    begin(tx, ctx, status, delay).await.map(|_| ())
}

/// A job takes up the thread of a status, as it stands now; `None` where the status is gone, or
/// another job is at it.
pub async fn claim(
    tx: &mut Conn,
    ctx: &Ctx,
    job_id: i64,
    status_id: i64,
) -> AppResult<Option<ThreadRead>> {
    let now = ctx.now();
    let Some(status) = db::statuses::by_id(tx, status_id).await? else {
        return Ok(None);
    };
    let conversation_id = status.conversation_id;
    let known = db::thread_reads::of(tx, conversation_id).await?;
    if known.is_some_and(|row| row.busy_until > now && row.job_id != job_id) {
        return Ok(None);
    }
    let usual = ThreadRead {
        conversation_id,
        begun_at: now,
        ..ThreadRead::default()
    };
    let row = ThreadRead {
        active: true,
        job_id,
        busy_until: now + BUSY,
        ..known.unwrap_or(usual)
    };
    db::thread_reads::put(tx, &row).await?;
    Ok(Some(row))
}

/// A job is through with its share: `found` statuses are new, and `more` is left to ask for.
pub async fn ended(
    tx: &mut Conn,
    ctx: &Ctx,
    claimed: &ThreadRead,
    status_id: i64,
    found: i64,
    more: bool,
) -> AppResult<()> {
    let now = ctx.now();
    let Some(status) = db::statuses::by_id(tx, status_id).await? else {
        return Ok(());
    };
    // It may be part of another thread by now.
    let conversation_id = status.conversation_id;
    let known = db::thread_reads::of(tx, conversation_id).await?;
    if known.is_some_and(|row| row.busy_until > now && row.job_id != claimed.job_id) {
        return Ok(());
    }
    let mut row = ThreadRead {
        conversation_id,
        jobs: claimed.jobs + 1,
        found: claimed.found + found,
        busy_until: 0,
        ..*claimed
    };
    if more && row.jobs < MAX_JOBS {
        db::thread_reads::put(tx, &row).await?;
        // The job that runs has the key of the next.
        db::jobs::release_key(tx, claimed.job_id).await?;
        let job = Job::Thread {
            conversation_id,
            status_id,
        };
        return jobs::enqueue_at(tx, ctx, &job, now + BREATHE).await;
    }
    row.active = false;
    row.fruitless = match row.found {
        0 => claimed.fruitless + 1,
        _ => 0,
    };
    row.next_at = now + pause(row.fruitless);
    Ok(db::thread_reads::put(tx, &row).await?)
}

/// How long a thread is left alone.
fn pause(fruitless: i64) -> i64 {
    (PAUSE << fruitless.clamp(0, 10)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_day() {
        assert_eq!(pause(0), PAUSE);
        assert_eq!(pause(1), 2 * PAUSE);
        assert_eq!(pause(1000), LONGEST_PAUSE);
        let row = |active, begun_at, next_at| ThreadRead {
            active,
            begun_at,
            next_at,
            ..ThreadRead::default()
        };
        assert!(is_due(None, 0));
        assert!(!is_due(Some(&row(true, DAY, 0)), DAY));
        assert!(is_due(Some(&row(true, 0, 0)), DAY));
        assert!(!is_due(Some(&row(false, 0, DAY)), DAY - 1));
        assert!(is_due(Some(&row(false, 0, DAY)), DAY));
    }
}
