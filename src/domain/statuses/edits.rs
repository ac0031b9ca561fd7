//! The history of a status: what it said, from its first version to its newest.

use serde::{Deserialize, Serialize};

use crate::db::edits::StatusEdit;
use crate::db::statuses::Status;
use crate::db::{self, Conn};
use crate::domain::Ctx;
use crate::error::AppResult;

/// Versions kept of a status: the first and the newest.
pub const MAX_VERSIONS: i64 = 100;

/// An attachment as a version had it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaVersion {
    pub id: i64,
    pub description: String,
}

/// What a status says now, as a version of it.
pub(super) async fn version(tx: &mut Conn, ctx: &Ctx, status: &Status) -> AppResult<StatusEdit> {
    let media: Vec<MediaVersion> = db::media::of_statuses(tx, &[status.id])
        .await?
        .into_iter()
        .map(|media| MediaVersion {
            id: media.id,
            description: media.description,
        })
        .collect();
    let options = match db::polls::of_status(tx, status.id).await? {
        Some((_, options)) => {
            let titles: Vec<String> = options.into_iter().map(|option| option.title).collect();
            Some(serde_json::to_string(&titles)?)
        }
        None => None,
    };
    Ok(StatusEdit {
        id: ctx.ids.next(),
        status_id: status.id,
        content: status.content.clone(),
        spoiler_text: status.spoiler_text.clone(),
        sensitive: status.sensitive,
        emojis: status.emojis.clone(),
        media: serde_json::to_string(&media)?,
        options,
        created_at: status.edited_at.unwrap_or(status.created_at),
    })
}

/// Keeps what an edited status says now, and, where nothing was kept yet, what it said `before`.
pub(super) async fn keep(
    tx: &mut Conn,
    ctx: &Ctx,
    before: &StatusEdit,
    status: &Status,
) -> AppResult<()> {
    if db::edits::newest(tx, status.id).await?.is_none() {
        db::edits::insert(tx, before).await?;
    }
    let now = version(tx, ctx, status).await?;
    db::edits::insert(tx, &now).await?;
    Ok(db::edits::trim(tx, status.id, MAX_VERSIONS).await?)
}

/// The versions of a status, oldest first; of one that was never edited, what it says.
pub async fn history(conn: &mut Conn, ctx: &Ctx, status: &Status) -> AppResult<Vec<StatusEdit>> {
    let versions = db::edits::of_status(conn, status.id, MAX_VERSIONS).await?;
    if versions.is_empty() {
        return Ok(vec![version(conn, ctx, status).await?]);
    }
    Ok(versions)
}
