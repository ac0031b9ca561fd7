//! Hides files that were uploaded for everyone and then sent in a chat: they move to where no public
//! address leads.
//!
//! Whenever the process dies, the job is run again. A copy that no row names yet is marked as held by
//! nothing, as what it replaces is afterwards: no file is ever lost sight of.

use super::JobError;
use crate::app::App;
use crate::db;
use crate::db::media::Media;
use crate::error::{AppError, AppResult};
use crate::media::storage::{Key, in_chat};
use crate::media::sweep;

/// Moves the files of a message.
pub async fn run(app: &App, message_id: i64) -> Result<(), JobError> {
    let files = app
        .read(move |c| {
            Box::pin(async move { Ok(db::chat_files::of_messages(c, &[message_id]).await?) })
        })
        .await
        .map_err(JobError::retry)?;
    for (_, media) in files {
        hide(app, media).await.map_err(JobError::retry)?;
    }
    Ok(())
}

async fn hide(app: &App, media: Media) -> AppResult<()> {
    let (file, preview) = (in_chat(&media.file), in_chat(&media.preview));
    let moves: Vec<(String, Key)> = [(&media.file, &file), (&media.preview, &preview)]
        .into_iter()
        .filter_map(|(old, new)| Some((old.clone(), new.clone()?)))
        .collect();
    if moves.is_empty() {
        return Ok(());
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
