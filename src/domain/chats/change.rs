//! Editing and deleting.

use super::send::{Encrypted, compose, tell};
use super::{Side, living, lock, member, message_of, out, side};
use crate::clock::{DAY, HOUR};
use crate::db::accounts::Account;
use crate::db::chat_messages::{Message, Version};
use crate::db::chats as rows;
use crate::db::{self, Conn};
use crate::domain::{Ctx, emojis};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};

/// How long a message can be edited.
const EDITABLE: i64 = DAY;
/// Edits of a message within an hour.
const EDITS_AN_HOUR: usize = 5;

/// `author` says a message of theirs anew. What changes nothing is no edit. 429 when it is too
/// old, or was edited too often.
pub async fn edit(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    (chat_id, id): (i64, i64),
    (source, encrypted): (String, Option<Encrypted>),
) -> AppResult<Message> {
    let Side { own, other } = side(tx, author, chat_id).await?;
    lock(tx, ctx, chat_id).await?;
    let before = living(tx, &own, id).await?;
    if before.account_id != author.id {
        return Err(AppError::forbidden("This message is not yours"));
    }
    let theirs = member(tx, chat_id, other.id).await?;
    super::judge(tx, author, &other, theirs.state).await?;
    let (content, _) = compose(&source, &before.source_type)?;
    if let Some(encrypted) = &encrypted {
        encrypted.check()?;
    }
    let encrypted = encrypted
        .as_ref()
        .map(serde_json::to_string)
        .transpose()?
        .or_else(|| before.encrypted.clone());
    let files = db::chat_files::of_messages(tx, &[id]).await?;
    let nothing = source.trim().is_empty()
        && files.is_empty()
        && before.shared_status_id.is_none()
        && encrypted.is_none();
    if nothing {
        return Err(AppError::invalid("Validation failed: Text can't be blank"));
    }
    if source == before.source && encrypted == before.encrypted {
        return Ok(before);
    }
    let now = ctx.now();
    if now - before.created_at > EDITABLE {
        return Err(AppError {
            error: "This message is too old to be edited".into(),
            ..AppError::too_many((EDITABLE / 1000).unsigned_abs())
        });
    }
    let versions = db::chat_messages::versions(tx, id).await?;
    let recent: Vec<i64> = versions
        .iter()
        .skip(1)
        .map(|version| version.created_at)
        .chain(before.edited_at)
        .filter(|at| *at > now - HOUR)
        .collect();
    if let Some(first) = recent.first()
        && recent.len() >= EDITS_AN_HOUR
    {
        let wait = (first + HOUR - now).max(1000).unsigned_abs();
        return Err(AppError {
            error: "This message was edited too often".into(),
            ..AppError::too_many(wait.div_ceil(1000))
        });
    }
    let emojis = emojis::used(tx, ctx, &[&source]).await?;
    let message = Message {
        source,
        content,
        encrypted,
        emojis,
        edited_at: Some(now),
        ..before.clone()
    };
    revised(tx, ctx, (author, &other), &before, &message).await?;
    if !other.is_local() {
        let media: Vec<_> = files.into_iter().map(|(_, media)| media).collect();
        out::update(tx, ctx, author, &other, &message, &media).await?;
    }
    Ok(message)
}

/// Keeps what a message said before and writes what it says now.
pub(super) async fn revised(
    tx: &mut Conn,
    ctx: &Ctx,
    pair: (&Account, &Account),
    before: &Message,
    message: &Message,
) -> AppResult<()> {
    let version = Version {
        id: ctx.ids.next(),
        message_id: message.id,
        source: before.source.clone(),
        content: before.content.clone(),
        created_at: before.edited_at.unwrap_or(before.created_at),
    };
    db::chat_messages::add_version(tx, &version).await?;
    db::chat_messages::update(tx, message).await?;
    let chat = message.chat_id.to_string();
    tell(tx, pair, Kind::ChatMessageEdited, message.id, &chat);
    Ok(())
}

/// All versions of a message, the oldest first, each with when it was written.
pub async fn history(
    tx: &mut Conn,
    account: &Account,
    (chat_id, id): (i64, i64),
) -> AppResult<Vec<Version>> {
    let Side { own, .. } = side(tx, account, chat_id).await?;
    let message = living(tx, &own, id).await?;
    let mut versions = db::chat_messages::versions(tx, id).await?;
    versions.push(Version {
        id,
        message_id: id,
        created_at: message.edited_at.unwrap_or(message.created_at),
        source: message.source,
        content: message.content,
    });
    Ok(versions)
}

/// `account` deletes a message for themselves. Nobody is told.
pub async fn delete(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    (chat_id, id): (i64, i64),
) -> AppResult<()> {
    let Side { own, .. } = side(tx, account, chat_id).await?;
    lock(tx, ctx, chat_id).await?;
    message_of(tx, &own, id).await?;
    db::chat_messages::hide(tx, id, account.id).await?;
    recount(tx, chat_id, account.id).await?;
    let payload = format!("{chat_id} me");
    tx.emit(Event::to(account.id, Kind::ChatMessageDeleted, id).with(payload));
    Ok(())
}

/// `author` takes a message of theirs back, for both. Again is no error.
pub async fn unsend(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    (chat_id, id): (i64, i64),
) -> AppResult<()> {
    let Side { own, other } = side(tx, author, chat_id).await?;
    lock(tx, ctx, chat_id).await?;
    let message = message_of(tx, &own, id).await?;
    if message.account_id != author.id {
        return Err(AppError::forbidden("This message is not yours"));
    }
    if message.deleted_at.is_some() {
        return Ok(());
    }
    erase(tx, ctx, (author, &other), message.clone()).await?;
    if !other.is_local() {
        out::delete(tx, ctx, author, &other, &message).await?;
    }
    Ok(())
}

/// Leaves nothing of a message but that it was there. The chat is locked.
pub(super) async fn erase(
    tx: &mut Conn,
    ctx: &Ctx,
    (author, other): (&Account, &Account),
    mut message: Message,
) -> AppResult<()> {
    db::chat_messages::strip(tx, message.id).await?;
    db::chat_files::give_up_with(tx, message.id).await?;
    message.source = String::new();
    message.content = String::new();
    message.encrypted = None;
    message.emojis = "[]".to_owned();
    message.reply_to_id = None;
    message.quote_id = None;
    message.shared_status_id = None;
    message.deleted_at = Some(ctx.now());
    db::chat_messages::update(tx, &message).await?;
    recount(tx, message.chat_id, other.id).await?;
    let payload = format!("{} everyone", message.chat_id);
    tell(
        tx,
        (author, other),
        Kind::ChatMessageDeleted,
        message.id,
        &payload,
    );
    Ok(())
}

/// Counts what one of the two has not read. The chat is locked.
pub(super) async fn recount(tx: &mut Conn, chat_id: i64, account_id: i64) -> AppResult<()> {
    let mut own = member(tx, chat_id, account_id).await?;
    let after = own.last_read_id.max(own.horizon_id);
    own.unread_count = db::chat_messages::count_unread(tx, chat_id, account_id, after).await?;
    Ok(rows::update_member(tx, &own).await?)
}
