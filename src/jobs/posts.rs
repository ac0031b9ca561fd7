//! What becomes of posts in time: scheduled ones are posted, polls end.

use super::JobError;
use crate::app::App;
use crate::db;
use crate::domain::{polls, scheduled};
use crate::error::AppError;
use crate::federation;

/// What cannot be done will not be done later either, unless it was the server's fault.
fn failed(error: AppError) -> JobError {
    if error.status.is_client_error() {
        JobError::fail(error)
    } else {
        JobError::retry(error)
    }
}

/// Posts a scheduled status.
pub async fn publish(app: &App, id: i64) -> Result<(), JobError> {
    let text = app
        .read(move |c| Box::pin(async move { scheduled::text(c, id).await }))
        .await
        .map_err(failed)?;
    if let Some(text) = text {
        federation::resolve_mentions(app, &text).await;
    }
    let ctx = app.ctx.clone();
    app.write(move |tx| Box::pin(async move { scheduled::publish(tx, &ctx, id).await }))
        .await
        .map(|_| ())
        .map_err(failed)
}

/// Tells other servers the counts of a poll.
pub async fn tell_counts(app: &App, job: i64, poll_id: i64) -> Result<(), JobError> {
    let ctx = app.ctx.clone();
    app.write(move |tx| {
        Box::pin(async move {
            // Votes that come from here on want a job of their own.
            db::jobs::release_key(tx, job).await?;
            polls::tell_counts(tx, &ctx, poll_id).await
        })
    })
    .await
    .map_err(failed)
}

/// Ends a poll: its voters are told some at a time, so that nobody waits long behind it.
pub async fn end_poll(app: &App, poll_id: i64) -> Result<(), JobError> {
    let mut after = Some(0);
    while let Some(from) = after {
        let ctx = app.ctx.clone();
        after = app
            .write(move |tx| Box::pin(async move { polls::end(tx, &ctx, poll_id, from).await }))
            .await
            .map_err(failed)?;
    }
    Ok(())
}

/// Asks what an account elsewhere has pinned.
pub async fn featured(app: &App, account_id: i64) -> Result<(), JobError> {
    federation::refresh_featured(app, account_id)
        .await
        .map_err(failed)
}
