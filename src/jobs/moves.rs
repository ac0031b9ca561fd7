//! Carries over what hangs on an account that moved, some at a time, and compares followers.

use super::JobError;
use crate::app::App;
use crate::domain::moves::{self, Part};
use crate::federation;

/// Begun anew after a failure: what was carried over is passed over.
pub async fn run(app: &App, account_id: i64, target_id: i64) -> Result<(), JobError> {
    for part in Part::ALL {
        let mut after = Some(0);
        while let Some(from) = after {
            let ctx = app.ctx.clone();
            let pair = (account_id, target_id);
            after = app
                .write(move |tx| {
                    Box::pin(async move { moves::carry_over(tx, &ctx, part, pair, from).await })
                })
                .await
                .map_err(JobError::retry)?;
        }
    }
    Ok(())
}

/// Compares the followers here of an account elsewhere with those that its server lists.
pub async fn synchronise(
    app: &App,
    account_id: i64,
    url: &str,
    digest: &str,
) -> Result<(), JobError> {
    match federation::synchronise_followers(app, account_id, url, digest).await {
        Ok(()) => Ok(()),
        Err(error) if error.status.is_client_error() => {
            tracing::debug!(account_id, %error, "followers cannot be compared");
            Ok(())
        }
        Err(error) => Err(JobError::retry(error)),
    }
}
