//! Deletes, from time to time, what nobody needs any more: uploads that no post took up, files
//! left half-written, and the rows that [`forget`] knows.

use std::time::Duration;

use super::{forget, remote_files};
use crate::app::App;
use crate::backup::{self, Place};
use crate::clock::DAY;
use crate::db;
use crate::error::{AppError, AppResult};
use crate::media::sweep;

/// How often.
const EVERY: Duration = Duration::from_secs(600);
/// How long an upload waits for its post.
const ABANDONED: i64 = DAY;
/// Rows at a time.
const BATCH: i64 = 500;

/// Cleans up until the application ends.
pub async fn run(app: App) {
    let mut stop = app.stop.clone();
    while !*stop.borrow() {
        if let Err(error) = pass(&app).await {
            tracing::warn!(%error, "cleaning up failed, and is tried again later");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.changed() => {}
        }
    }
}

/// One round.
pub async fn pass(app: &App) -> AppResult<()> {
    let now = app.clock.now_ms();
    let uploads = abandoned_uploads(app, now - ABANDONED).await?;
    // What commands have left that were killed.
    let place = Place::of(&app.config);
    let swept = tokio::task::spawn_blocking(move || backup::sweep(&place, now));
    swept.await.map_err(AppError::internal)?;
    let half_written = app.storage.sweep_incoming(now).await?;
    let replaced = retired_files(app, now - ABANDONED).await?;
    let archives = expired_archives(app, now).await?;
    if uploads + half_written + replaced + archives > 0 {
        tracing::info!(
            uploads,
            half_written,
            replaced,
            archives,
            "deleted unused media"
        );
    }
    remote_files::pass(app).await?;
    forget::pass(app).await?;
    Ok(())
}

/// Deletes files that nothing has held since before a time: replaced profile pictures, and those
/// that were stored for a change that did not come about.
async fn retired_files(app: &App, before: i64) -> AppResult<usize> {
    let mut deleted = 0;
    loop {
        let batch = app
            .read(move |c| {
                Box::pin(
                    async move { Ok(db::profiles::files_retired_before(c, before, BATCH).await?) },
                )
            })
            .await?;
        for file in &batch {
            sweep::delete_files(&app.storage, file, "").await?;
        }
        let number = batch.len();
        deleted += number;
        app.write(move |tx| {
            Box::pin(async move { Ok(db::profiles::unretire_files(tx, &batch).await?) })
        })
        .await?;
        if number < BATCH as usize {
            return Ok(deleted);
        }
    }
}

/// Deletes archives that have had their time: the file first, then the row.
async fn expired_archives(app: &App, now: i64) -> AppResult<usize> {
    let mut deleted = 0;
    loop {
        let batch = app
            .read(move |c| Box::pin(async move { Ok(db::archives::expired(c, now, BATCH).await?) }))
            .await?;
        for row in &batch {
            sweep::delete_files(&app.storage, &row.file, "").await?;
        }
        let ids: Vec<i64> = batch.iter().map(|row| row.id).collect();
        deleted += ids.len();
        app.write(move |tx| {
            Box::pin(async move {
                for id in ids {
                    db::archives::delete(tx, id).await?;
                }
                Ok(())
            })
        })
        .await?;
        if batch.len() < BATCH as usize {
            return Ok(deleted);
        }
    }
}

/// Deletes uploads made before a time that no post took up. Each is given up first, then its
/// files go, then its row: whenever we stop, nothing is lost sight of.
async fn abandoned_uploads(app: &App, before: i64) -> AppResult<usize> {
    let mut deleted = 0;
    loop {
        let batch = app
            .write(move |tx| {
                Box::pin(async move { Ok(db::media::give_up_abandoned(tx, before, BATCH).await?) })
            })
            .await?;
        let ids: Vec<i64> = batch.iter().map(|media| media.id).collect();
        let unfinished = ids.clone();
        let work = app
            .read(move |c| Box::pin(async move { Ok(db::media_work::of(c, &unfinished).await?) }))
            .await?;
        let mut names: Vec<&str> = Vec::with_capacity(2 * batch.len());
        names.extend(batch.iter().flat_map(|m| [m.file.as_str(), &m.preview]));
        names.extend(work.iter().flat_map(|work| work.files()));
        sweep::delete_all(&app.storage, &names).await?;
        let remote = batch.iter().map(|media| media.remote_url.as_str());
        let remote: Vec<&str> = remote.filter(|url| !url.is_empty()).collect();
        remote_files::forget(app, &remote).await?;
        deleted += ids.len();
        app.write(move |tx| {
            Box::pin(async move {
                for id in ids {
                    db::media::delete(tx, id).await?;
                }
                Ok(())
            })
        })
        .await?;
        if batch.len() < BATCH as usize {
            return Ok(deleted);
        }
    }
}
