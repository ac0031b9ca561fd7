//! Attachments that are being prepared for a post.

use super::Ctx;
use crate::db::accounts::Account;
use crate::db::media::Media;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};

/// Longest alt text, in characters.
pub const MAX_DESCRIPTION: usize = 1500;

/// A file that was processed and stored.
#[derive(Debug, Clone)]
pub struct Upload {
    pub kind: String,
    pub mime: String,
    /// Storage keys.
    pub file: String,
    pub preview: String,
    pub blurhash: String,
    pub meta: serde_json::Value,
    pub size: i64,
    pub description: String,
    /// Where to crop, each from -1 to 1.
    pub focus: Option<(f64, f64)>,
}

/// Keeps an upload for its owner, attached to nothing yet.
pub async fn add(tx: &mut Conn, ctx: &Ctx, owner: &Account, upload: Upload) -> AppResult<Media> {
    let mut meta = upload.meta;
    set_focus(&mut meta, upload.focus);
    let row = Media {
        id: ctx.ids.next(),
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

/// An attachment of an account's own.
pub async fn own(tx: &mut Conn, owner: &Account, id: i64) -> AppResult<Media> {
    match db::media::by_ids(tx, &[id]).await?.pop() {
        Some(media) if media.account_id == owner.id && !media.is_given_up() => Ok(media),
        _ => Err(AppError::not_found()),
    }
}

/// Gives up an attachment of one's own that no status holds: nothing can take it up any more,
/// and the caller deletes its files, then its row.
pub async fn give_up(tx: &mut Conn, owner: &Account, id: i64) -> AppResult<Media> {
    let media = own(tx, owner, id).await?;
    if media.status_id.is_some() || !db::scheduled::held(tx, &[id]).await?.is_empty() {
        return Err(AppError::invalid(
            "Media attachment is currently used by a status",
        ));
    }
    db::media::give_up(tx, id).await?;
    Ok(media)
}

/// Changes alt text and focus of an attachment of one's own.
pub async fn change(
    tx: &mut Conn,
    owner: &Account,
    id: i64,
    text: Option<String>,
    focus: Option<(f64, f64)>,
) -> AppResult<Media> {
    let mut media = own(tx, owner, id).await?;
    if let Some(text) = text {
        media.description = description(text)?;
    }
    let mut meta: serde_json::Value = serde_json::from_str(&media.meta).unwrap_or_default();
    set_focus(&mut meta, focus);
    media.meta = meta.to_string();
    db::media::update(tx, &media).await?;
    if let Some(status) = media.status_id {
        tx.emit(Event::of(Kind::StatusCounts, status));
    }
    Ok(media)
}

fn description(text: String) -> AppResult<String> {
    if text.chars().count() > MAX_DESCRIPTION {
        return Err(AppError::invalid(format!(
            "Validation failed: Description is too long (maximum is {MAX_DESCRIPTION} characters)"
        )));
    }
    Ok(text)
}

fn set_focus(meta: &mut serde_json::Value, focus: Option<(f64, f64)>) {
    if let (Some((x, y)), Some(object)) = (focus, meta.as_object_mut()) {
        let focus = serde_json::json!({"x": x.clamp(-1.0, 1.0), "y": y.clamp(-1.0, 1.0)});
        object.insert("focus".to_owned(), focus);
    }
}
