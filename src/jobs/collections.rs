//! What other servers are asked about featured collections.

use super::JobError;
use crate::app::App;
use crate::db;
use crate::domain::jobs::{self, Job};
use crate::federation;

/// Asks for the collections of an account elsewhere.
pub async fn refresh(app: &App, account_id: i64) -> Result<(), JobError> {
    federation::collections::refresh(app, account_id)
        .await
        .map_err(JobError::retry)
}

/// Looks at stamps of what waits in a collection elsewhere, some at a time.
pub async fn verify(app: &App, job: i64, collection_id: i64) -> Result<(), JobError> {
    // What comes from here on wants a job of its own.
    app.write(move |tx| Box::pin(async move { Ok(db::jobs::release_key(tx, job).await?) }))
        .await
        .map_err(JobError::retry)?;
    let more = federation::collections::verify(app, collection_id)
        .await
        .map_err(JobError::retry)?;
    if let Some(pause) = more {
        let ctx = app.ctx.clone();
        app.write(move |tx| {
            Box::pin(async move {
                let job = Job::FeaturedItems { collection_id };
                jobs::enqueue_at(tx, &ctx, &job, ctx.now() + pause).await
            })
        })
        .await
        .map_err(JobError::retry)?;
    }
    Ok(())
}
