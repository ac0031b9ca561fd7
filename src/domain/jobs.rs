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
    /// An uploaded file to make playable.
    Media { id: i64 },
}

impl Job {
    /// Its name in the queue.
    pub fn kind(&self) -> &'static str {
        match self {
            Job::Mail(_) => "mail",
            Job::Media { .. } => "media",
        }
    }
}

/// Puts a job into the queue, to be run as soon as the transaction is through.
pub async fn enqueue(tx: &mut Conn, ctx: &Ctx, job: &Job) -> AppResult<()> {
    let now = ctx.now();
    let row = JobRow {
        id: ctx.ids.next(),
        kind: job.kind().to_owned(),
        unique_key: None,
        payload: serde_json::to_string(job)?,
        attempts: 0,
        run_at: now,
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
