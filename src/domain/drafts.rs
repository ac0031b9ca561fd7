//! Drafts: statuses that may be posted some day. What is unfinished may be kept: only what could
//! never be posted is refused.

use super::Ctx;
use super::polls;
use super::reactions;
use super::statuses::{Draft, LIMITS, source_type};
use crate::db::accounts::Account;
use crate::db::drafts::DraftRow;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::text::plain::char_count;

/// Drafts of one account at most.
pub const MAX_DRAFTS: i64 = 300;

/// `author` keeps a draft.
pub async fn keep(tx: &mut Conn, ctx: &Ctx, author: &Account, draft: Draft) -> AppResult<DraftRow> {
    if db::drafts::count(tx, author.id).await? >= MAX_DRAFTS {
        return Err(AppError::invalid(format!(
            "Validation failed: You have reached the limit of {MAX_DRAFTS} drafts"
        )));
    }
    check(tx, author, &draft).await?;
    let now = ctx.now();
    let row = DraftRow {
        id: ctx.ids.next(),
        account_id: author.id,
        draft: serde_json::to_string(&draft)?,
        created_at: now,
        updated_at: now,
    };
    db::drafts::insert(tx, &row).await?;
    db::drafts::hold_media(tx, row.id, &draft.media_ids).await?;
    Ok(row)
}

/// `author` writes a draft anew.
pub async fn change(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    id: i64,
    draft: Draft,
) -> AppResult<DraftRow> {
    let mut row = db::drafts::by_id(tx, author.id, id)
        .await?
        .ok_or_else(AppError::not_found)?;
    check(tx, author, &draft).await?;
    row.draft = serde_json::to_string(&draft)?;
    row.updated_at = ctx.now();
    db::drafts::update(tx, &row).await?;
    db::drafts::hold_media(tx, row.id, &draft.media_ids).await?;
    Ok(row)
}

/// `author` throws a draft away.
pub async fn delete(tx: &mut Conn, author: &Account, id: i64) -> AppResult<()> {
    if !db::drafts::delete(tx, author.id, id).await? {
        return Err(AppError::not_found());
    }
    Ok(())
}

/// A draft was posted. One that is not there (any more) is passed over: the same post may be
/// sent twice.
pub async fn posted(tx: &mut Conn, author: &Account, id: i64) -> AppResult<()> {
    db::drafts::delete(tx, author.id, id).await?;
    Ok(())
}

async fn check(tx: &mut Conn, author: &Account, draft: &Draft) -> AppResult<()> {
    let invalid = |why: String| Err(AppError::invalid(format!("Validation failed: {why}")));
    let empty = draft.text.trim().is_empty()
        && draft.spoiler_text.trim().is_empty()
        && draft.media_ids.is_empty()
        && draft.poll.is_none()
        && draft.quoted_status_id.is_none();
    if empty {
        return invalid("Text can't be blank".to_owned());
    }
    if char_count(&draft.text) + char_count(&draft.spoiler_text) > LIMITS.max_characters {
        return invalid(format!(
            "Text character limit of {} exceeded",
            LIMITS.max_characters
        ));
    }
    source_type(&draft.content_type)?;
    if let Some(poll) = &draft.poll {
        let long = |option: &String| option.chars().count() > polls::LIMITS.max_characters;
        if poll.options.len() > polls::LIMITS.max_options || poll.options.iter().any(long) {
            return invalid("Poll has too many or too long items".to_owned());
        }
    }
    for id in [draft.in_reply_to_id, draft.quoted_status_id]
        .into_iter()
        .flatten()
    {
        reactions::subject(tx, author, id).await?;
    }
    check_media(tx, author, &draft.media_ids).await
}

/// Uploads in a draft are the author's own, and of no status that is posted or scheduled. They
/// may still be worked on.
async fn check_media(tx: &mut Conn, author: &Account, ids: &[i64]) -> AppResult<()> {
    if ids.len() > LIMITS.max_media {
        return Err(AppError::invalid(format!(
            "Validation failed: Cannot attach more than {} files",
            LIMITS.max_media
        )));
    }
    let found = db::media::by_ids(tx, ids).await?;
    let free = found
        .iter()
        .all(|m| m.account_id == author.id && m.status_id.is_none() && !m.is_given_up());
    let held = db::scheduled::held(tx, ids).await?;
    if found.len() != ids.len() || !free || !held.is_empty() {
        return Err(AppError::invalid(
            "Validation failed: Media attachment not found",
        ));
    }
    Ok(())
}
