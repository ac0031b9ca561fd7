//! What is to be done later, as values: enqueued in the transaction that wants it.

use serde::{Deserialize, Serialize};

use super::Ctx;
use crate::db::jobs::JobRow;
use crate::db::{self, Conn};
use crate::error::AppResult;
use crate::events::{Event, Kind};
use crate::mail::Mail;

/// A job, as the queue keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case")]
pub enum Job {
    /// A letter to send.
    Mail(Mail),
    /// The preview of a link to fetch.
    Card {
        /// Row of `preview_cards`.
        card_id: i64,
    },
    /// The posts of an account to put into the search index anew, from below an id on.
    Reindex { account_id: i64, below: i64 },
}

impl Job {
    /// Its name in the queue.
    pub fn kind(&self) -> &'static str {
        match self {
            Job::Mail(_) => "mail",
            Job::Card { .. } => "card",
            Job::Reindex { .. } => "reindex",
        }
    }
}

/// Puts a job into the queue, to be run as soon as the transaction is through.
pub async fn enqueue(tx: &mut Conn, ctx: &Ctx, job: &Job) -> AppResult<()> {
    schedule(tx, ctx, job, None, ctx.now()).await
}

/// The same for a time to come, and, with a key, only where no other of the key waits.
pub async fn schedule(
    tx: &mut Conn,
    ctx: &Ctx,
    job: &Job,
    unique_key: Option<String>,
    run_at: i64,
) -> AppResult<()> {
    let now = ctx.now();
    let row = JobRow {
        id: ctx.ids.next(),
        kind: job.kind().to_owned(),
        unique_key,
        payload: serde_json::to_string(job)?,
        attempts: 0,
        run_at,
        leased_until: 0,
        failed_at: None,
        last_error: String::new(),
        created_at: now,
    };
    if db::jobs::insert(tx, &row).await? {
        tx.emit(Event::of(Kind::JobWaiting, row.id));
    }
    Ok(())
}
