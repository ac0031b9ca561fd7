//! Keeps written down who listens here, and that this process runs.

use std::time::Duration;

use crate::app::App;
use crate::db;
use crate::db::leases::Whose;
use crate::domain::presence;
use crate::error::AppResult;

/// How long comings and goings are gathered: who comes back at once never went.
const GATHER: Duration = Duration::from_millis(250);
/// How often a process says that it runs.
const BEAT: Duration = Duration::from_secs(4);
/// Tokens written down in one transaction.
const BATCH: usize = 200;

/// Works until the application ends.
pub async fn run(app: App) {
    let mut stop = app.stop.clone();
    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !*stop.borrow() {
        let due = tokio::select! {
            () = app.hub.changed.notified() => false,
            _ = beat.tick() => true,
            _ = stop.changed() => return,
        };
        let done = if due {
            self::beat(&app).await
        } else {
            tokio::time::sleep(GATHER).await;
            record(&app).await
        };
        if let Err(error) = done {
            tracing::warn!(%error, "cannot write down who is there");
        }
    }
}

/// Writes down what changed since the last time.
async fn record(app: &App) -> AppResult<()> {
    let changes = app.hub.take_changes();
    let mut batches = changes.chunks(BATCH);
    while let Some(batch) = batches.next() {
        let (ctx, origin, these) = (app.ctx.clone(), app.origin, batch.to_vec());
        let written = app
            .write(move |tx| {
                Box::pin(async move { presence::record(tx, &ctx, origin, &these).await })
            })
            .await;
        if let Err(error) = written {
            // Not lost: it is tried again with what changes next, or at the next beat.
            app.hub.change_again(batch);
            batches.for_each(|rest| app.hub.change_again(rest));
            return Err(error);
        }
    }
    Ok(())
}

/// Says that this process runs.
async fn beat(app: &App) -> AppResult<()> {
    let (ctx, origin) = (app.ctx.clone(), app.origin);
    let (known, company) = app
        .write(move |tx| Box::pin(async move { presence::beat(tx, &ctx, origin).await }))
        .await?;
    app.bus.set_company(company);
    if !known {
        // New, or so long silent that the others took it for dead.
        app.hub.change_all();
    }
    record(app).await
}

/// Takes up what a process that died had leased. SQLite has one process that works: whatever is
/// leased when it starts, a dead one leased. On PostgreSQL it shows by its silence.
pub async fn take_up(app: &App) -> AppResult<()> {
    if app.db.is_postgres() {
        return Ok(());
    }
    let (now, origin) = (app.clock.now_ms(), app.origin);
    let released = app
        .write(move |tx| {
            Box::pin(async move { Ok(db::leases::release(tx, Whose::NotOf(origin), now).await?) })
        })
        .await?;
    if released > 0 {
        tracing::info!(released, "taking up what was under way");
    }
    Ok(())
}

/// Says that this process ends.
pub async fn leave(app: &App) {
    let (ctx, origin) = (app.ctx.clone(), app.origin);
    loop {
        let ctx = ctx.clone();
        let left = app
            .write(move |tx| Box::pin(async move { presence::leave(tx, &ctx, origin).await }))
            .await;
        match left {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot write down that nobody is here any more");
                return;
            }
        }
    }
}
