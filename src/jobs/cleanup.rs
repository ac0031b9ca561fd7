//! Deletes, from time to time, what nobody needs any more: uploads that no post took up, files
//! left half-written, and the rows that [`forget`] knows.

use std::time::Duration;

use super::{forget, remote_files};
use crate::app::App;
use crate::backup::{self, Place};
use crate::clock::DAY;
use crate::db;
use crate::db::archives::Archive;
use crate::db::media::Media;
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

/// One round: what goes wrong with one thing keeps nobody from the others. The first error, at the end.
pub async fn pass(app: &App) -> AppResult<()> {
    let now = app.clock.now_ms();
    let forgotten = forget::pass(app).await.map_err(AppError::from);
    let uploads = abandoned_uploads(app, now - ABANDONED).await;
    // What commands have left that were killed.
    let place = Place::of(&app.config);
    let swept = tokio::task::spawn_blocking(move || backup::sweep(&place, now));
    let swept = swept.await.map(drop).map_err(AppError::internal);
    let half_written = app.storage.sweep_incoming(now).await;
    let half_written = half_written.map_err(AppError::from);
    let replaced = retired_files(app, now - ABANDONED).await;
    let archives = expired_archives(app, now).await;
    let copies = remote_files::pass(app).await;
    let number = |done: &AppResult<usize>| *done.as_ref().unwrap_or(&0);
    let [uploaded, half, retired, expired] =
        [&uploads, &half_written, &replaced, &archives].map(number);
    if uploaded + half + retired + expired > 0 {
        tracing::info!(
            uploads = uploaded,
            half_written = half,
            replaced = retired,
            archives = expired,
            "deleted unused media"
        );
    }
    let counted = [uploads, half_written, replaced, archives];
    let mut done = vec![forgotten, swept, copies];
    done.extend(counted.map(|done| done.map(drop)));
    let mut first = Ok(());
    for error in done.into_iter().filter_map(Result::err) {
        if first.is_ok() {
            first = Err(error);
        } else {
            tracing::warn!(%error, "cleaning up failed, and is tried again later");
        }
    }
    first
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
        let full = batch.len() as i64 == BATCH;
        let swept = sweep::delete_each(&app.storage, batch, |file| vec![file.clone()]).await;
        deleted += swept.gone.len();
        let (gone, failed) = (swept.gone, swept.failed);
        app.write(move |tx| {
            Box::pin(async move {
                db::profiles::unretire_files(tx, &gone).await?;
                // Behind all others, and due again with the next round.
                Ok(db::profiles::put_off(tx, &failed, before - 1).await?)
            })
        })
        .await?;
        if !(full && swept.through) {
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
        let full = batch.len() as i64 == BATCH;
        let swept = sweep::delete_each(&app.storage, batch, |row| vec![row.file.clone()]).await;
        deleted += swept.gone.len();
        let ids = |rows: &[Archive]| rows.iter().map(|row| row.id).collect::<Vec<i64>>();
        let (gone, failed) = (ids(&swept.gone), ids(&swept.failed));
        app.write(move |tx| {
            Box::pin(async move {
                for id in gone {
                    db::archives::delete(tx, id).await?;
                }
                // Behind all others, and past its time still.
                Ok(db::archives::put_off(tx, &failed, now).await?)
            })
        })
        .await?;
        if !(full && swept.through) {
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
        let unfinished: Vec<i64> = batch.iter().map(|media| media.id).collect();
        let work = app
            .read(move |c| Box::pin(async move { Ok(db::media_work::of(c, &unfinished).await?) }))
            .await?;
        let full = batch.len() as i64 == BATCH;
        let swept = sweep::delete_each(&app.storage, batch, |media| {
            let work = work.iter().filter(|work| work.media_id == media.id);
            let mut names = vec![media.file.clone(), media.preview.clone()];
            names.extend(work.flat_map(|work| work.files().map(str::to_owned)));
            names
        });
        let swept = swept.await;
        let remote = swept.gone.iter().map(|media| media.remote_url.as_str());
        let remote: Vec<&str> = remote.filter(|url| !url.is_empty()).collect();
        let left = remote_files::forget(app, &remote).await?;
        let (failed, gone): (Vec<Media>, Vec<Media>) =
            (swept.gone.into_iter()).partition(|media| left.contains(&media.remote_url));
        let through = swept.through && failed.len() < sweep::MOST_FAILED;
        let failed = failed.iter().chain(&swept.failed).map(|media| media.id);
        let failed: Vec<i64> = failed.collect();
        let gone: Vec<i64> = gone.iter().map(|media| media.id).collect();
        deleted += gone.len();
        app.write(move |tx| {
            Box::pin(async move {
                for id in gone {
                    db::media::delete(tx, id).await?;
                }
                // Behind all others, and due again with the next round.
                Ok(db::media::put_off(tx, &failed, before - 1).await?)
            })
        })
        .await?;
        if !(full && through) {
            return Ok(deleted);
        }
    }
}
