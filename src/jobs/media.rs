//! Makes uploaded videos, sounds and animations playable.
//!
//! Whenever the process dies, the job is run again: what an earlier try was about to store is
//! written down, and goes when it is not what the last one stored.

use std::time::Duration;

use super::JobError;
use crate::app::App;
use crate::clock::DAY;
use crate::db;
use crate::db::media_work::Work;
use crate::domain::media::{self, Finished};
use crate::error::AppResult;
use crate::media::intake::{Attachment, IntakeError};
use crate::media::sniff::Format;
use crate::media::storage::{Key, is_full};
use crate::media::sweep;

/// Attempts at a file: one that ended this process so often is not tried again.
const ATTEMPTS: i64 = 3;
/// How long an upload waits for a store that is away or closed, or for room on the disk: as long as one that no post
/// took up is kept.
const PATIENCE: i64 = DAY;
/// Waiting for a turn included; each step of the work has a limit of its own.
const TIME: Duration = Duration::from_secs(1800);

/// Works on an upload.
pub async fn run(app: &App, id: i64, attempts: i64) -> Result<(), JobError> {
    let work = app
        .read(move |c| {
            Box::pin(async move {
                let media = db::media::by_ids(c, &[id]).await?.pop();
                let given_up = media.is_none_or(|media| media.is_given_up());
                let work = db::media_work::of(c, &[id]).await?.pop();
                Ok(work.filter(|_| !given_up))
            })
        })
        .await
        .map_err(JobError::retry)?;
    // Done before, or deleted meanwhile, or about to be.
    let Some(work) = work.filter(|work| work.error.is_empty()) else {
        return Ok(());
    };
    if attempts > ATTEMPTS {
        return give_up(app, &work, "The file could not be processed").await;
    }
    let done = match tokio::time::timeout(TIME, make(app, &work)).await {
        Ok(Ok(done)) => done,
        Ok(Err(IntakeError::Refused(reason))) => {
            return give_up(app, &work, &format!("Validation failed: {reason}")).await;
        }
        Ok(Err(error)) if waits(app, &work, &error) => return Err(JobError::later(error)),
        Ok(Err(error)) if attempts == ATTEMPTS => {
            tracing::error!(id, %error, "an upload could not be processed");
            return give_up(app, &work, "The file could not be processed").await;
        }
        Ok(Err(error)) => return Err(JobError::retry(error)),
        Err(_) => return give_up(app, &work, "Processing the file took too long").await,
    };
    store(app, &work, done).await
}

/// What was acknowledged is not lost by a store that is away for a while, nor by a disk that is full.
fn waits(app: &App, work: &Work, error: &IntakeError) -> bool {
    let passes = match error {
        IntakeError::Storage(error) => error.is_unavailable() || error.awaits_admin(),
        IntakeError::File(error) => is_full(error),
        IntakeError::Full => true,
        _ => false,
    };
    passes && app.clock.now_ms() - work.created_at < PATIENCE
}

async fn make(app: &App, work: &Work) -> Result<Attachment, IntakeError> {
    let key: Key = work.source.parse()?;
    // We named it ourselves, after what its bytes said.
    let format = Format::of_name(&work.source).ok_or(IntakeError::Interrupted)?;
    // The upload's request may not have got as far, or the object store may not be in reach.
    let file = app.storage.on_disk(&key).await?;
    let file = file.ok_or(IntakeError::Interrupted)?;
    app.intake.slow(work.media_id, file.path(), format).await
}

async fn store(app: &App, work: &Work, done: Attachment) -> Result<(), JobError> {
    let id = work.media_id;
    let finished = Finished {
        kind: done.kind.to_owned(),
        mime: done.mime.to_owned(),
        file: done.file.to_string(),
        preview: done
            .preview
            .as_ref()
            .map(Key::to_string)
            .unwrap_or_default(),
        blurhash: done.blurhash.clone(),
        meta: done.meta.clone(),
        size: i64::try_from(done.size).unwrap_or(i64::MAX),
    };
    let (file, preview) = (finished.file.clone(), finished.preview.clone());
    let (new_file, new_preview) = (file.clone(), preview.clone());
    let noted: AppResult<()> = app
        .write(move |tx| {
            Box::pin(
                async move { Ok(db::media_work::intend(tx, id, &new_file, &new_preview).await?) },
            )
        })
        .await;
    noted.map_err(JobError::retry)?;
    app.intake
        .store(done)
        .await
        .map_err(|error| match waits(app, work, &error) {
            true => JobError::later(error),
            false => JobError::retry(error),
        })?;
    let kept = app
        .write(move |tx| {
            Box::pin(async move {
                let kept = media::finish(tx, id, finished).await?;
                let media = db::media::by_ids(tx, &[id]).await?.pop();
                Ok(media.filter(|_| kept))
            })
        })
        .await
        .map_err(JobError::retry)?;
    // What is not named by the row has served its time: the upload itself, what an earlier try
    // stored, a thumbnail in whose place the owner has put another.
    let named = |key: &str| {
        kept.as_ref()
            .is_some_and(|m| m.file == key || m.preview == key)
    };
    let mut unused = work.files().to_vec();
    unused.extend([file.as_str(), preview.as_str()]);
    unused.retain(|key| !key.is_empty() && !named(key));
    let Err(error) = sweep::delete_all(&app.storage, &unused).await else {
        return Ok(());
    };
    // No row names them any more: they are noted, to go with the next cleaning.
    tracing::warn!(id, %error, "what an upload left cannot be deleted now");
    let unused: Vec<String> = unused.into_iter().map(str::to_owned).collect();
    let now = app.clock.now_ms();
    let noted: AppResult<()> = app
        .write(move |tx| {
            Box::pin(async move { Ok(db::profiles::retire_files(tx, &unused, now).await?) })
        })
        .await;
    noted.map_err(JobError::retry)
}

/// Says that nothing will come of an upload, and deletes what was stored for it.
async fn give_up(app: &App, work: &Work, why: &str) -> Result<(), JobError> {
    let (id, why) = (work.media_id, why.to_owned());
    let noted: AppResult<()> = app
        .write(move |tx| Box::pin(async move { Ok(db::media_work::fail(tx, id, &why).await?) }))
        .await;
    noted.map_err(JobError::retry)?;
    sweep::delete_all(&app.storage, &work.files())
        .await
        .map_err(JobError::retry)
}
