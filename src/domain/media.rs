//! Attachments that are being prepared for a post.

use serde_json::Value;

use super::Ctx;
use super::jobs::{self, Job};
use crate::db::accounts::Account;
use crate::db::media::{Changed, Media};
use crate::db::media_work::Work;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};
use crate::media::storage::in_chat;

/// Longest alt text, in characters.
pub const MAX_DESCRIPTION: usize = 1500;

/// A file that was processed.
#[derive(Debug, Clone, Default)]
pub struct Upload {
    /// Given out before; it is in the storage keys.
    pub id: i64,
    pub kind: String,
    pub mime: String,
    /// Storage keys; `file` is `''` for what is still to be worked on.
    pub file: String,
    pub preview: String,
    pub blurhash: String,
    pub meta: Value,
    pub size: i64,
    pub description: String,
    /// Where to crop, each from -1 to 1.
    pub focus: Option<(f64, f64)>,
}

/// What the work on an upload came to.
#[derive(Debug, Clone)]
pub struct Finished {
    pub kind: String,
    pub mime: String,
    pub file: String,
    pub preview: String,
    pub blurhash: String,
    pub meta: Value,
    pub size: i64,
}

/// A thumbnail that the owner chose.
#[derive(Debug, Clone)]
pub struct Thumbnail {
    /// Storage key.
    pub preview: String,
    pub blurhash: String,
    /// Its size, as `meta.small`.
    pub meta: Value,
    pub bytes: i64,
}

/// What an owner changes about an attachment.
#[derive(Debug, Clone, Default)]
pub struct Change {
    pub description: Option<String>,
    pub focus: Option<(f64, f64)>,
    pub thumbnail: Option<Thumbnail>,
}

/// Keeps an upload for its owner, attached to nothing yet.
pub async fn add(tx: &mut Conn, ctx: &Ctx, owner: &Account, upload: Upload) -> AppResult<Media> {
    let mut meta = upload.meta;
    set_focus(&mut meta, upload.focus);
    let row = Media {
        id: upload.id,
        account_id: owner.id,
        status_id: None,
        position: 0,
        kind: upload.kind,
        mime: upload.mime,
        file: upload.file,
        preview: upload.preview,
        remote_url: String::new(),
        description: description(upload.description)?,
        blurhash: upload.blurhash,
        meta: meta.to_string(),
        size: upload.size,
        created_at: ctx.now(),
    };
    db::media::insert(tx, &row).await?;
    Ok(row)
}

/// Keeps an upload that is still to be worked on: its bytes go to `source`, and once they are
/// there, [`begin`] has the work done.
pub async fn announce(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    upload: Upload,
    source: &str,
) -> AppResult<Media> {
    let row = add(tx, ctx, owner, upload).await?;
    let work = Work {
        media_id: row.id,
        source: source.to_owned(),
        file: String::new(),
        preview: String::new(),
        error: String::new(),
        created_at: ctx.now(),
    };
    db::media_work::insert(tx, &work).await?;
    Ok(row)
}

/// Has an announced upload worked on.
pub async fn begin(tx: &mut Conn, ctx: &Ctx, id: i64) -> AppResult<()> {
    jobs::enqueue(tx, ctx, &Job::Media { id }).await
}

/// Ends the work on an upload; what its owner said of it meanwhile stays. False when it was
/// given up, and its files are to go.
pub async fn finish(tx: &mut Conn, id: i64, done: Finished) -> AppResult<bool> {
    let found = db::media::hold(tx, id).await?;
    let Some(media) = found.filter(|media| !media.is_given_up()) else {
        return Ok(false);
    };
    let said: Value = serde_json::from_str(&media.meta).unwrap_or_default();
    let mut meta = done.meta;
    if let (Some(meta), Value::Object(said)) = (meta.as_object_mut(), said) {
        meta.extend(said);
    }
    let changed = Changed {
        kind: Some(done.kind),
        mime: Some(done.mime),
        file: Some(done.file),
        size: Some(media.size + done.size),
        meta: Some(meta.to_string()),
        // A thumbnail that the owner chose is better than ours.
        preview: media.preview.is_empty().then_some(done.preview),
        blurhash: media.blurhash.is_empty().then_some(done.blurhash),
        description: None,
    };
    db::media::change(tx, id, &changed).await?;
    db::media_work::remove(tx, id).await?;
    Ok(true)
}

/// An attachment of an account's own.
pub async fn own(tx: &mut Conn, owner: &Account, id: i64) -> AppResult<Media> {
    if_own(db::media::by_ids(tx, &[id]).await?.pop(), owner)
}

/// The same, which nobody else changes until the transaction is through: conversion writes names and `meta`, and
/// what is sent in a chat moves.
async fn hold_own(tx: &mut Conn, owner: &Account, id: i64) -> AppResult<Media> {
    if_own(db::media::hold(tx, id).await?, owner)
}

fn if_own(found: Option<Media>, owner: &Account) -> AppResult<Media> {
    match found {
        Some(media) if media.account_id == owner.id && !media.is_given_up() => Ok(media),
        _ => Err(AppError::not_found()),
    }
}

/// Gives up an attachment of one's own that no status holds: nothing can take it up any more,
/// and the caller deletes its files, then its row.
pub async fn give_up(tx: &mut Conn, owner: &Account, id: i64) -> AppResult<Media> {
    let media = hold_own(tx, owner, id).await?;
    if media.status_id.is_some() || !db::scheduled::held(tx, &[id]).await?.is_empty() {
        return Err(AppError::invalid(
            "Media attachment is currently used by a status",
        ));
    }
    let held = db::chat_files::among(tx, &[id]).await?;
    if held.iter().any(|file| file.message_id.is_some()) {
        return Err(AppError::invalid(
            "Media attachment is currently used by a chat message",
        ));
    }
    db::media::give_up(tx, id).await?;
    Ok(media)
}

/// Changes alt text, focus and thumbnail of an attachment of one's own; says besides which
/// thumbnail's file is to go. A thumbnail of what a chat holds moves to where that lies.
pub async fn change(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    id: i64,
    change: Change,
) -> AppResult<(Media, Option<String>)> {
    let mut media = hold_own(tx, owner, id).await?;
    let mut changed = Changed::default();
    if let Some(text) = change.description {
        media.description = description(text)?;
        changed.description = Some(media.description.clone());
    }
    let mut meta: Value = serde_json::from_str(&media.meta).unwrap_or_default();
    set_focus(&mut meta, change.focus);
    let mut replaced = None;
    if let Some(thumbnail) = change.thumbnail {
        if let Some(object) = meta.as_object_mut() {
            object.insert("small".to_owned(), thumbnail.meta);
        }
        if media.kind != "image" {
            media.blurhash = thumbnail.blurhash;
            changed.blurhash = Some(media.blurhash.clone());
        }
        // The same picture as before, which has moved since.
        let hidden = in_chat(&thumbnail.preview).is_some_and(|key| key.as_str() == media.preview);
        if hidden {
            replaced = Some(thumbnail.preview);
        } else if media.preview != thumbnail.preview {
            let before = std::mem::replace(&mut media.preview, thumbnail.preview);
            // A small picture and its thumbnail may be one file.
            replaced = Some(before).filter(|key| !key.is_empty() && *key != media.file);
            media.size += thumbnail.bytes;
            changed.preview = Some(media.preview.clone());
            changed.size = Some(media.size);
        }
    }
    let meta = meta.to_string();
    if meta != media.meta {
        media.meta.clone_from(&meta);
        changed.meta = Some(meta);
    }
    db::media::change(tx, id, &changed).await?;
    if changed.preview.is_some() {
        let held = db::chat_files::among(tx, &[id]).await?.pop();
        if let Some(message_id) = held.and_then(|file| file.message_id) {
            jobs::enqueue(tx, ctx, &Job::ChatFiles { message_id }).await?;
        }
    }
    if let Some(status) = media.status_id {
        tx.emit(Event::of(Kind::StatusCounts, status));
    }
    Ok((media, replaced))
}

/// Refuses attachments that are still worked on, or that nothing came of.
pub fn ready(media: &[Media]) -> AppResult<()> {
    let waits = |media: &Media| media.file.is_empty() && media.remote_url.is_empty();
    if media.iter().any(waits) {
        return Err(AppError::invalid(
            "Cannot attach files that have not finished processing. Try again in a moment!",
        ));
    }
    Ok(())
}

fn description(text: String) -> AppResult<String> {
    if text.chars().count() > MAX_DESCRIPTION {
        return Err(AppError::invalid(format!(
            "Validation failed: Description is too long (maximum is {MAX_DESCRIPTION} characters)"
        )));
    }
    Ok(text)
}

fn set_focus(meta: &mut Value, focus: Option<(f64, f64)>) {
    if let (Some((x, y)), Some(object)) = (focus, meta.as_object_mut()) {
        let focus = serde_json::json!({"x": x.clamp(-1.0, 1.0), "y": y.clamp(-1.0, 1.0)});
        object.insert("focus".to_owned(), focus);
    }
}
