//! Forgets deliveries some days after they are finished, and activities with nothing left to
//! deliver.

use std::time::Duration;

use crate::app::App;
use crate::clock::DAY;
use crate::db;
use crate::error::AppResult;

/// How often.
const EVERY: Duration = Duration::from_secs(600);
/// How long an admin can see what became of a delivery.
const KEPT: i64 = 3 * DAY;
/// Rows in one transaction.
const BATCH: i64 = 500;

/// Forgets until the application ends.
pub async fn run(app: App) {
    let mut stop = app.stop.clone();
    while !*stop.borrow() {
        if let Err(error) = pass(&app).await {
            tracing::warn!(%error, "forgetting old deliveries failed, and is tried again later");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.changed() => return,
        }
    }
}

/// One round.
pub async fn pass(app: &App) -> AppResult<()> {
    let before = app.clock.now_ms() - KEPT;
    loop {
        let gone = app
            .write(move |tx| {
                Box::pin(
                    async move { Ok(db::deliveries::forget_finished(tx, before, BATCH).await?) },
                )
            })
            .await?;
        if gone < BATCH as usize || *app.stop.borrow() {
            break;
        }
    }
    loop {
        let gone = app
            .write(move |tx| {
                Box::pin(
                    async move { Ok(db::deliveries::forget_activities(tx, before, BATCH).await?) },
                )
            })
            .await?;
        if gone < BATCH as usize || *app.stop.borrow() {
            return Ok(());
        }
    }
}
