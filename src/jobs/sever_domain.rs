//! Ends what follows are left between an account and a domain that it blocks, or those of an account
//! elsewhere that was suspended, some at a time.

use super::JobError;
use crate::app::App;
use crate::db;
use crate::domain::{domain_blocks, moderation};

/// One step; where more are left, it enqueues the next.
pub async fn run(app: &App, account_id: i64, domain: String) -> Result<(), JobError> {
    let ctx = app.ctx.clone();
    app.write(move |tx| {
        Box::pin(async move {
            match db::accounts::by_id(tx, account_id).await? {
                Some(account) => domain_blocks::sever(tx, &ctx, &account, &domain).await,
                None => Ok(()),
            }
        })
    })
    .await
    .map_err(JobError::retry)
}

/// One step of the other kind; where more are left, it enqueues the next.
pub async fn suspended(app: &App, account_id: i64) -> Result<(), JobError> {
    let ctx = app.ctx.clone();
    app.write(move |tx| {
        Box::pin(async move { moderation::sever_followers(tx, &ctx, account_id).await })
    })
    .await
    .map_err(JobError::retry)
}
