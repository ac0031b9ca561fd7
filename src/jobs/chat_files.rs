//! Hides files that were uploaded for everyone and then sent in a chat: they move to where no public
//! address leads.
//!
//! Whenever the process dies, the job is run again. A copy that no row names yet is marked as held by
//! nothing, as what it replaces is afterwards: no file is ever lost sight of.

use http::StatusCode;

use super::JobError;
use crate::app::App;
use crate::db;
use crate::db::media::Media;
use crate::domain::jobs::{self, Job};
use crate::error::{AppError, AppResult};
use crate::media::storage::{Key, in_chat};
use crate::media::sweep;

/// Files looked at in one run of [`hide_all`], and files moved.
const LOOKED: i64 = 500;
const MOVED: usize = 50;

/// Moves the files of a message. The job's key is free first: who puts another thumbnail on one meanwhile has it moved
/// by a job of its own.
pub async fn run(app: &App, job_id: i64, message_id: i64) -> Result<(), JobError> {
    let files: AppResult<_> = app
        .write(move |tx| {
            Box::pin(async move {
                db::jobs::release_key(tx, job_id).await?;
                Ok(db::chat_files::of_messages(tx, &[message_id]).await?)
            })
        })
        .await;
    let files = files.map_err(JobError::retry)?;
    for (_, media) in files {
        hide(app, media).await.map_err(JobError::retry)?;
    }
    Ok(())
}

/// Moves what messages hold, above an id, some of it, and leaves the rest to a job that it puts in its place. What
/// cannot be moved is left to a job of its message's.
pub async fn hide_all(app: &App, job_id: i64, above: i64) -> Result<(), JobError> {
    let page = app
        .read(move |c| Box::pin(async move { Ok(db::chat_files::above(c, above, LOOKED).await?) }))
        .await
        .map_err(JobError::retry)?;
    let (mut reached, mut moved, mut failed) = (None, 0, Vec::new());
    for (file, media) in page {
        if moved == MOVED {
            break;
        }
        reached = Some(media.id);
        let exposed = in_chat(&media.file).or(in_chat(&media.preview)).is_some();
        let Some(message_id) = file.message_id.filter(|_| exposed && !media.is_given_up()) else {
            continue;
        };
        moved += 1;
        if let Err(error) = hide(app, media).await {
            // Nothing else can be moved now either; what was moved is passed over then.
            if error.status == StatusCode::SERVICE_UNAVAILABLE {
                return Err(JobError::later(error));
            }
            tracing::warn!(message_id, %error, "a file of a chat cannot be moved now");
            failed.push(message_id);
        }
    }
    let Some(above) = reached else {
        return Ok(());
    };
    let ctx = app.ctx.clone();
    app.write(move |tx| {
        let (ctx, failed) = (ctx.clone(), failed.clone());
        Box::pin(async move {
            for message_id in failed {
                jobs::enqueue(tx, &ctx, &Job::ChatFiles { message_id }).await?;
            }
            // At once, so that however often we are killed one of the two is there.
            db::jobs::delete(tx, job_id).await?;
            jobs::enqueue(tx, &ctx, &Job::HideChatFiles { above }).await
        })
    })
    .await
    .map_err(JobError::retry)
}

async fn hide(app: &App, media: Media) -> AppResult<()> {
    let (file, preview) = (in_chat(&media.file), in_chat(&media.preview));
    let moves: Vec<(String, Key)> = [(&media.file, &file), (&media.preview, &preview)]
        .into_iter()
        .filter_map(|(old, new)| Some((old.clone(), new.clone()?)))
        .collect();
    if moves.is_empty() {
        // Another run that moved them may have been marking them when this one was done.
        let live = vec![media.file, media.preview];
        let unmarked = app.write(move |tx| {
            let live = live.clone();
            Box::pin(async move { Ok(db::profiles::unretire_files(tx, &live).await?) })
        });
        return unmarked.await;
    }
    let (old, new): (Vec<String>, Vec<String>) = (moves.iter())
        .map(|(old, new)| (old.clone(), new.to_string()))
        .unzip();
    let (unheld, now) = (new.clone(), app.clock.now_ms());
    app.write(move |tx| {
        Box::pin(async move { Ok(db::profiles::retire_files(tx, &unheld, now).await?) })
    })
    .await?;
    for (from, to) in &moves {
        let Ok(from) = from.parse::<Key>() else {
            continue;
        };
        // One that is gone was given up with its message.
        if let Some(found) = app.storage.on_disk(&from).await? {
            app.storage.send(to, found.path()).await?;
        }
    }
    let id = media.id;
    let name = |new: Option<Key>, old: &str| new.map_or_else(|| old.to_owned(), |k| k.to_string());
    let named = (name(file, &media.file), name(preview, &media.preview));
    let (kept, replaced) = (new.clone(), old.clone());
    let moved = app
        .write(move |tx| {
            Box::pin(async move {
                let moved = db::media::rename(tx, &media, &named.0, &named.1).await?;
                if moved {
                    db::profiles::unretire_files(tx, &kept).await?;
                    db::profiles::retire_files(tx, &replaced, now).await?;
                }
                Ok(moved)
            })
        })
        .await?;
    if moved {
        return drop_files(app, &old, &[]).await;
    }
    // The row has changed meanwhile, or another run was quicker: what it names now stays.
    let row = app
        .read(move |c| Box::pin(async move { Ok(db::media::by_ids(c, &[id]).await?.pop()) }))
        .await?;
    let named = |key: &String| {
        row.as_ref()
            .is_some_and(|row| row.file == *key || row.preview == *key)
    };
    let (live, unused): (Vec<String>, Vec<String>) = new.into_iter().partition(named);
    drop_files(app, &unused, &live).await?;
    match row.is_some_and(|row| in_chat(&row.file).or(in_chat(&row.preview)).is_some()) {
        true => Err(AppError::internal(anyhow::anyhow!(
            "the upload has changed meanwhile"
        ))),
        false => Ok(()),
    }
}

/// Deletes files, and takes the marks from them and from those that are `live`.
async fn drop_files(app: &App, unused: &[String], live: &[String]) -> AppResult<()> {
    let names: Vec<&str> = unused.iter().map(String::as_str).collect();
    sweep::delete_all(&app.storage, &names).await?;
    let marked = [unused, live].concat();
    app.write(move |tx| {
        Box::pin(async move { Ok(db::profiles::unretire_files(tx, &marked).await?) })
    })
    .await
}
