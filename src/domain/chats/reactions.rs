//! Emoji reactions.

use super::send::tell;
use super::{Side, judge, living, lock, member, out, side};
use crate::db::accounts::Account;
use crate::db::chat_messages::{Message, Reaction};
use crate::db::{self, Conn};
use crate::domain::notifications::{self, Subject, Type};
use crate::domain::{Ctx, emojis, outgoing};
use crate::error::{AppError, AppResult};
use crate::events::{ChatReaction, Kind};
use crate::text::emoji::{is_emoji, is_shortcode};

/// Different reactions of one of the two to one message.
const MAX_REACTIONS: usize = 10;

/// `account` reacts to a message with an emoji, or one of this server's by its shortcode. Again
/// is no error.
pub async fn react(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    (chat_id, id): (i64, i64),
    name: &str,
) -> AppResult<Message> {
    let Side { own, other } = side(tx, account, chat_id).await?;
    lock(tx, ctx, chat_id).await?;
    let message = living(tx, &own, id).await?;
    let theirs = member(tx, chat_id, other.id).await?;
    judge(tx, account, &other, theirs.state).await?;
    let name = name.trim_matches(':');
    let custom = match is_shortcode(name) {
        true => emojis::by_name(tx, name).await?,
        false => None,
    };
    if custom.is_none() && !is_emoji(name) {
        return Err(AppError::invalid("Validation failed: Name is no emoji"));
    }
    let row = Reaction {
        message_id: id,
        account_id: account.id,
        name: name.to_owned(),
        url: custom.as_ref().map(|e| e.image.clone()).unwrap_or_default(),
        uri: outgoing::activity_uri(ctx, account, "reactions"),
        created_at: ctx.now(),
    };
    if add(tx, ctx, (account, &other), &message, &row).await? && !other.is_local() {
        out::react(tx, ctx, account, &other, &message, (&row, custom)).await?;
    }
    Ok(message)
}

/// Adds a reaction of either door; false when it was there.
pub(super) async fn add(
    tx: &mut Conn,
    ctx: &Ctx,
    pair: (&Account, &Account),
    message: &Message,
    row: &Reaction,
) -> AppResult<bool> {
    let known = db::chat_messages::reactions(tx, &[message.id]).await?;
    let own = known.iter().filter(|r| r.account_id == row.account_id);
    if own.clone().any(|r| r.name == row.name) {
        return Ok(false);
    }
    if own.count() >= MAX_REACTIONS {
        return Err(AppError::invalid("Validation failed: Too many reactions"));
    }
    let added = db::chat_messages::add_reaction(tx, row).await?;
    if added {
        let (actor, other) = pair;
        if message.account_id == other.id {
            let chat = Subject::Other(message.chat_id);
            notifications::notify(tx, ctx, other, actor, Type::Reaction, chat).await?;
        }
        changed(tx, pair, message, row, true)?;
    }
    Ok(added)
}

/// Tells the two of a change.
fn changed(
    tx: &mut Conn,
    pair: (&Account, &Account),
    message: &Message,
    row: &Reaction,
    added: bool,
) -> AppResult<()> {
    let payload = serde_json::to_string(&ChatReaction {
        chat_id: message.chat_id,
        account_id: row.account_id,
        name: row.name.clone(),
        added,
    })?;
    tell(tx, pair, Kind::ChatReaction, message.id, &payload);
    Ok(())
}

/// Tells the two that a reaction is taken back, and takes back the notification of it.
pub(super) async fn withdrawn(
    tx: &mut Conn,
    pair: (&Account, &Account),
    message: &Message,
    row: &Reaction,
) -> AppResult<()> {
    let (actor, other) = pair;
    if message.account_id == other.id {
        notifications::retract_about(tx, other, actor, Type::Reaction, message.chat_id).await?;
    }
    changed(tx, pair, message, row, false)
}

/// `account` takes a reaction back. None to take back is no error.
pub async fn unreact(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    (chat_id, id): (i64, i64),
    name: &str,
) -> AppResult<Message> {
    let Side { own, other } = side(tx, account, chat_id).await?;
    lock(tx, ctx, chat_id).await?;
    let message = living(tx, &own, id).await?;
    let name = name.trim_matches(':');
    if let Some(row) = db::chat_messages::remove_reaction(tx, id, account.id, name).await? {
        withdrawn(tx, (account, &other), &message, &row).await?;
        if !other.is_local() {
            out::unreact(tx, ctx, account, &other, &message, &row).await?;
        }
    }
    Ok(message)
}
