//! Reckons from time to time what trends; of several processes, one does it.

use std::time::Duration;

use crate::app::App;
use crate::clock::{DAY, MINUTE};
use crate::db;
use crate::domain::trends;
use crate::error::AppResult;

/// How often.
const EVERY: i64 = 5 * MINUTE;
/// How often it is looked whether it is time.
const LOOK: Duration = Duration::from_secs(60);
/// Days for which use is kept.
const KEEP: i64 = 9;
/// Rows forgotten at a time.
const BATCH: i64 = 500;
/// How long translations and unused previews are kept.
const TRANSLATIONS: i64 = 30 * DAY;
const CARDS: i64 = 30 * DAY;

/// Works until the application ends.
pub async fn run(app: App) {
    let mut stop = app.stop.clone();
    while !*stop.borrow() {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = stop.changed() => return,
        }
        let now = app.clock.now_ms();
        let mine = app
            .write(move |tx| {
                Box::pin(
                    async move { Ok(db::periodic::take_up(tx, "trends", now - EVERY, now).await?) },
                )
            })
            .await;
        let done = match mine {
            Ok(true) => pass(&app).await,
            Ok(false) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            tracing::warn!(%error, "what trends could not be reckoned");
        }
    }
}

/// Reckons what trends now, and forgets what is too old to matter.
pub async fn pass(app: &App) -> AppResult<()> {
    let now = app.clock.now_ms();
    let lists = app
        .read(move |c| Box::pin(async move { trends::reckon(c, now).await }))
        .await?;
    app.write(move |tx| Box::pin(async move { trends::put(tx, lists).await }))
        .await?;
    let day = trends::day_of(now) - KEEP;
    loop {
        let gone = app
            .write(move |tx| {
                Box::pin(async move { Ok(db::trends::forget_before(tx, day, BATCH).await?) })
            })
            .await?;
        if gone < BATCH as usize {
            break;
        }
    }
    loop {
        let gone = app
            .write(move |tx| {
                Box::pin(async move {
                    let before = now - TRANSLATIONS;
                    Ok(db::translations::forget_before(tx, before, BATCH).await?)
                })
            })
            .await?;
        if gone < BATCH as usize {
            break;
        }
    }
    forget_cards(app, now).await
}

/// Deletes previews that no post shows. Their pictures are noted in the same transaction, and go with the next
/// cleaning.
async fn forget_cards(app: &App, now: i64) -> AppResult<()> {
    let before = now - CARDS;
    let cards = app
        .read(move |c| Box::pin(async move { Ok(db::cards::unused(c, before, BATCH).await?) }))
        .await?;
    for card in cards {
        app.write(move |tx| {
            let card = card.clone();
            Box::pin(async move {
                if db::cards::delete_unused(tx, card.id).await? && !card.image.is_empty() {
                    db::profiles::retire_files(tx, &[card.image], now).await?;
                }
                Ok(())
            })
        })
        .await?;
    }
    Ok(())
}
