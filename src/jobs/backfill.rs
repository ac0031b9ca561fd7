//! What other servers know is asked for beside the requests: threads, and profiles.

use super::JobError;
use crate::app::App;
use crate::domain::{profile_reads, thread_reads};
use crate::error::AppResult;
use crate::federation;

/// Fills up the thread of a status for as long as one job may; the next goes on.
pub async fn thread(app: &App, job_id: i64, status_id: i64) -> Result<(), JobError> {
    fill(app, job_id, status_id).await.map_err(JobError::retry)
}

async fn fill(app: &App, job_id: i64, status_id: i64) -> AppResult<()> {
    let ctx = app.ctx.clone();
    let claimed = app
        .write(move |tx| {
            Box::pin(async move { thread_reads::claim(tx, &ctx, job_id, status_id).await })
        })
        .await?;
    let Some(row) = claimed else {
        return Ok(());
    };
    let filled = federation::fill_thread(app, &row, status_id).await?;
    let ctx = app.ctx.clone();
    app.write(move |tx| {
        Box::pin(async move {
            thread_reads::ended(tx, &ctx, &row, status_id, filled.found, filled.more).await
        })
    })
    .await
}

/// Reads the profile of an account elsewhere.
pub async fn profile(app: &App, account_id: i64) -> Result<(), JobError> {
    read(app, account_id).await.map_err(JobError::retry)
}

async fn read(app: &App, account_id: i64) -> AppResult<()> {
    let found = federation::read_profile(app, account_id).await?;
    let ctx = app.ctx.clone();
    app.write(move |tx| {
        Box::pin(async move { profile_reads::ended(tx, &ctx, account_id, found).await })
    })
    .await
}
