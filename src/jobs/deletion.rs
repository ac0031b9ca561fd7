//! Accounts go: those of ours when their time has come, and what any account leaves behind.

use super::JobError;
use crate::app::App;
use crate::db;
use crate::domain::{accounts, deletion};

/// Deletes an account of ours whose time has come.
pub async fn delete(app: &App, account_id: i64) -> Result<(), JobError> {
    let servers = app
        .read(move |c| {
            Box::pin(async move { Ok(db::deletions::shared_inboxes(c, deletion::SERVERS).await?) })
        })
        .await
        .map_err(JobError::retry)?;
    let inboxes: Vec<(String, String)> = servers
        .into_iter()
        .map(|server| (server.inbox, server.host))
        .collect();
    let ctx = app.ctx.clone();
    app.write(move |tx| {
        Box::pin(async move { deletion::finish(tx, &ctx, account_id, &inboxes).await })
    })
    .await
    .map_err(JobError::retry)
}

/// Erases what an account that is gone has left, one thing at a time: begun anew after a failure, it
/// goes on with the rest.
pub async fn erase(app: &App, account_id: i64) -> Result<(), JobError> {
    loop {
        let ctx = app.ctx.clone();
        let more = app
            .write(move |tx| {
                Box::pin(async move { accounts::erase_one(tx, &ctx, account_id).await })
            })
            .await
            .map_err(JobError::retry)?;
        if !more {
            return Ok(());
        }
    }
}

/// Forgets the keys of an account that is erased.
pub async fn forget_keys(app: &App, account_id: i64) -> Result<(), JobError> {
    let ctx = app.ctx.clone();
    app.write(move |tx| Box::pin(async move { deletion::forget_keys(tx, &ctx, account_id).await }))
        .await
        .map_err(JobError::retry)
}
