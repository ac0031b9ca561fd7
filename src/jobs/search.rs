//! Keeps the search index: it follows the event log, so that writing a post costs nothing for
//! it, and nothing is lost whenever we stop. What was written before is read in besides, newest
//! first.
//!
//! The index, and how far it has got, are written in one transaction; of several processes the
//! one that is first does it, the others find that it was done. Whoever writes into the index holds the row that
//! says how far it has got, so that whoever was overtaken stops.

use std::collections::BTreeSet;
use std::time::Duration;

use super::JobError;
use crate::app::App;
use crate::clock::DAY;
use crate::db::search::Progress;
use crate::db::{self};
use crate::domain::jobs::{self as domain_jobs, Job};
use crate::domain::search::{self, Entry};
use crate::error::AppResult;
use crate::events::{Cursor, Kind};

/// Posts written into the index in one transaction: few enough that other writers do not wait
/// long.
pub const CHUNK: usize = 100;
/// How long it waits for more before it begins.
const GATHER: Duration = Duration::from_millis(200);
/// How often the log is looked at when nobody rang.
const POLL: Duration = Duration::from_secs(20);
/// Between two steps of reading in what was there before.
const BREATHE: Duration = Duration::from_millis(50);
/// The log keeps its events for a week: whoever has not looked for longer may have missed some.
const MISSED: i64 = 6 * DAY;
/// Accounts read in at a time.
const ACCOUNTS: i64 = 100;

/// Follows the log until the application ends.
pub async fn run(app: App) {
    let mut stop = app.stop.clone();
    while !*stop.borrow() {
        // Registered before looking, so that what happens meanwhile is not missed.
        let woken = app.wake.search.notified();
        let wait = match step(&app).await {
            Ok(Step::More) => continue,
            // Each transaction leaves a piece of the index that is to be merged with others later.
            Ok(Step::Some) => Some(GATHER),
            Ok(Step::Backlog) => Some(BREATHE),
            Ok(Step::Idle) => None,
            Err(error) => {
                tracing::warn!(%error, "the search index cannot be brought up to date");
                Some(POLL)
            }
        };
        tokio::select! {
            () = woken, if wait.is_none() => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep(wait.unwrap_or(POLL)) => {}
            _ = stop.changed() => {}
        }
    }
}

/// What a step found to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// There is more of it.
    More,
    /// All of it was taken in; while posts pour in, there is some again soon.
    Some,
    /// Something from before was read in.
    Backlog,
    Idle,
}

/// Has everything read in again, by whoever takes the next steps: what is right already stays as it is,
/// and is found meanwhile.
pub async fn begin_anew(app: &App) -> AppResult<()> {
    loop {
        let progress = app
            .read(|c| Box::pin(async move { Ok(db::search::progress(c).await?) }))
            .await?;
        let Some(from) = progress else {
            return Ok(());
        };
        let to = Progress {
            statuses_below: i64::MAX,
            accounts_above: 0,
            ..from
        };
        // Otherwise a server has just taken a step.
        if advance(app, from, to, Vec::new()).await? {
            return Ok(());
        }
    }
}

/// Brings the index up to the log's end, or one step nearer.
pub async fn step(app: &App) -> AppResult<Step> {
    let now = app.clock.now_ms();
    let Some(mut progress) = app
        .read(|c| Box::pin(async move { Ok(db::search::progress(c).await?) }))
        .await?
    else {
        return Ok(Step::Idle);
    };
    if progress.seen_at > 0 && progress.seen_at < now - MISSED {
        // Read everything in again; what is right already stays as it is.
        let again = Progress {
            statuses_below: i64::MAX,
            seen_at: now,
            ..progress
        };
        if advance(app, progress, again, Vec::new()).await? {
            progress = again;
        }
    }
    if let Some(step) = follow(app, progress, now).await? {
        return Ok(step);
    }
    if progress.statuses_below > 0 {
        return backlog(app, progress).await;
    }
    if progress.accounts_above < i64::MAX {
        return names(app, progress).await;
    }
    Ok(Step::Idle)
}

/// Takes in the next events; `None` when there are none.
async fn follow(app: &App, from: Progress, now: i64) -> AppResult<Option<Step>> {
    let cursor = Cursor {
        xid: from.xid,
        id: from.event_id,
    };
    let events = app
        .read(move |c| Box::pin(async move { Ok(db::events::after(c, cursor).await?) }))
        .await?;
    let Some(last) = events.last() else {
        if from.seen_at < now - DAY {
            let to = Progress {
                seen_at: now,
                ..from
            };
            advance(app, from, to, Vec::new()).await?;
        }
        return Ok(None);
    };
    let full = events.len() as i64 == db::events::PAGE;
    let to = Progress {
        xid: last.cursor.xid,
        event_id: last.cursor.id,
        seen_at: now,
        ..from
    };
    let mut changed: BTreeSet<i64> = BTreeSet::new();
    for logged in &events {
        let event = &logged.event;
        match event.kind {
            Kind::StatusCreated | Kind::StatusEdited | Kind::StatusDeleted => {
                changed.insert(event.subject_id);
            }
            // A mark of somebody elsewhere lets nobody here find anything.
            Kind::ViewerChanged => {
                if let Some(account) = event.account_id
                    && app.account(account).await?.is_some_and(|a| a.is_local())
                {
                    changed.insert(event.subject_id);
                }
            }
            _ => {}
        }
    }
    let changed: Vec<i64> = changed.into_iter().collect();
    let (last, first) = match changed.chunks(CHUNK).collect::<Vec<_>>().split_last() {
        Some((last, first)) => (last.to_vec(), first.iter().map(|c| c.to_vec()).collect()),
        None => (Vec::new(), Vec::new()),
    };
    for chunk in first {
        let entries = read(app, chunk).await?;
        if !put_at(app, from, entries).await? {
            // Another process was quicker, and may have written what is newer.
            return Ok(Some(Step::More));
        }
    }
    let entries = read(app, last).await?;
    advance(app, from, to, entries).await?;
    Ok(Some(if full { Step::More } else { Step::Some }))
}

async fn read(app: &App, ids: Vec<i64>) -> AppResult<Vec<Entry>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    app.read(move |c| Box::pin(async move { search::entries(c, &ids).await }))
        .await
}

/// Writes entries while the progress is where they were read; false when another process has moved it.
async fn put_at(app: &App, from: Progress, entries: Vec<Entry>) -> AppResult<bool> {
    app.write(move |tx| {
        Box::pin(async move {
            let there = db::search::hold_progress(tx).await?;
            let same = there.is_some_and(|there| {
                Progress {
                    seen_at: from.seen_at,
                    ..there
                } == from
            });
            if same {
                search::put(tx, &entries).await?;
            }
            Ok(same)
        })
    })
    .await
}

/// Writes entries with the progress they make; false when another process was quicker.
async fn advance(app: &App, from: Progress, to: Progress, entries: Vec<Entry>) -> AppResult<bool> {
    app.write(move |tx| {
        Box::pin(async move {
            let moved = db::search::advance(tx, from, to).await?;
            if moved {
                search::put(tx, &entries).await?;
            }
            Ok(moved)
        })
    })
    .await
}

/// Reads in some posts from before.
async fn backlog(app: &App, from: Progress) -> AppResult<Step> {
    let below = from.statuses_below;
    let ids = app
        .read(move |c| {
            Box::pin(
                async move { Ok(db::search::posts_below(c, below, None, CHUNK as i64).await?) },
            )
        })
        .await?;
    let to = Progress {
        statuses_below: ids.last().copied().unwrap_or(0),
        ..from
    };
    let entries = read(app, ids).await?;
    advance(app, from, to, entries).await?;
    Ok(Step::Backlog)
}

/// Reads in some accounts from before. Whoever changes a name meanwhile writes its words: they are read where they are
/// written.
async fn names(app: &App, from: Progress) -> AppResult<Step> {
    app.write(move |tx| {
        Box::pin(async move {
            let found = db::search::accounts_above(tx, from.accounts_above, ACCOUNTS).await?;
            let to = Progress {
                accounts_above: match found.last() {
                    Some(last) if found.len() as i64 == ACCOUNTS => last.id,
                    _ => i64::MAX,
                },
                ..from
            };
            if db::search::advance(tx, from, to).await? {
                for account in db::accounts::to_write(tx, found).await? {
                    db::search::set_words(tx, account.id, &search::names(&account)).await?;
                }
            }
            Ok(())
        })
    })
    .await?;
    Ok(Step::Backlog)
}

/// Puts an account's posts into the index anew, some at a time: the rest is a job of its own.
pub async fn reindex(app: &App, account_id: i64, below: i64) -> Result<(), JobError> {
    let work = async {
        let ids = app
            .read(move |c| {
                Box::pin(async move {
                    let limit = CHUNK as i64;
                    Ok(db::search::posts_below(c, below, Some(account_id), limit).await?)
                })
            })
            .await?;
        let next = ids.last().copied().filter(|_| ids.len() == CHUNK);
        let ctx = app.ctx.clone();
        app.write(move |tx| {
            Box::pin(async move {
                // Whoever follows the log waits, or their newer text was written before this is read.
                db::search::hold_progress(tx).await?;
                let entries = search::entries(tx, &ids).await?;
                search::put(tx, &entries).await?;
                if let Some(below) = next {
                    let job = Job::Reindex { account_id, below };
                    domain_jobs::enqueue(tx, &ctx, &job).await?;
                }
                Ok(())
            })
        })
        .await
    };
    work.await.map_err(JobError::retry)
}
