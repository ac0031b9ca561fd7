//! Conversations: the direct statuses of a thread among the same people.

use super::Ctx;
use crate::db::accounts::Account;
use crate::db::conversations::Conversation;
use crate::db::statuses::Status;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};

/// Puts a direct status into the conversations of the local ones among those it is between.
/// Those who block or mute its author do not get it.
pub async fn add(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    status: &Status,
    mentions: &[Account],
) -> AppResult<()> {
    let mut people: Vec<i64> = mentions.iter().map(|a| a.id).collect();
    people.push(author.id);
    people.sort_unstable();
    people.dedup();
    let local = mentions
        .iter()
        .chain(std::iter::once(author).filter(|a| mentions.iter().all(|m| m.id != a.id)))
        .filter(|account| account.is_local());
    for account in local {
        if account.id != author.id && unwanted(tx, ctx, account, author).await? {
            continue;
        }
        let others: Vec<String> = people
            .iter()
            .filter(|id| **id != account.id)
            .map(ToString::to_string)
            .collect();
        let row = Conversation {
            id: ctx.ids.next(),
            account_id: account.id,
            thread_id: status.conversation_id,
            participants: others.join(","),
            last_status_id: status.id,
            unread: account.id != author.id
                && !db::threads::silences(tx, account.id, status.id).await?,
        };
        let kept = db::conversations::add(tx, &row, status.in_reply_to_id).await?;
        tx.emit(Event::to(account.id, Kind::ConversationChanged, kept.id));
    }
    Ok(())
}

async fn unwanted(tx: &mut Conn, ctx: &Ctx, account: &Account, by: &Account) -> AppResult<bool> {
    if db::relations::block(tx, account.id, by.id).await?.is_some() {
        return Ok(true);
    }
    let mute = db::relations::mute(tx, account.id, by.id).await?;
    Ok(mute.is_some_and(|mute| mute.expires_at.is_none_or(|at| at > ctx.now())))
}

/// A status goes: its conversations fall back to what was said before.
pub async fn forget(tx: &mut Conn, status: &Status) -> AppResult<()> {
    for (account, conversation) in db::conversations::forget_status(tx, status.id).await? {
        tx.emit(Event::to(account, Kind::ConversationChanged, conversation));
    }
    Ok(())
}

/// `account` has read a conversation.
pub async fn read(tx: &mut Conn, account: &Account, id: i64) -> AppResult<Conversation> {
    let mut row = db::conversations::by_id(tx, account.id, id)
        .await?
        .ok_or_else(AppError::not_found)?;
    db::conversations::read(tx, id).await?;
    row.unread = false;
    Ok(row)
}

/// `account` takes a conversation off its list; what was said stays.
pub async fn remove(tx: &mut Conn, account: &Account, id: i64) -> AppResult<()> {
    if db::conversations::delete(tx, account.id, id).await? {
        Ok(())
    } else {
        Err(AppError::not_found())
    }
}
