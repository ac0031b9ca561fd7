//! Chats: what two people say to each other.
//!
//! There is one chat for each two people. Each of the two sees it in their own way: how much is
//! unread, what they deleted for themselves, whether the other's messages are a request that
//! waits for them. Whoever writes locks the chat's row first, so that its messages have one order.

use super::Ctx;
use crate::db::accounts::Account;
use crate::db::chat_messages::Message;
use crate::db::chats::{self as rows, Chat, Member};
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};

mod change;
mod marks;
mod out;
mod policy;
mod reactions;
mod remote;
mod send;

pub use change::{delete, edit, history, unsend};
pub use marks::{arrived, delivered, read, typing};
pub use out::ChatNote;
pub use policy::{Verdict, accepts_chat, judge};
pub use reactions::{react, unreact};
pub use remote::{
    RemoteMessage, answered, forget_author, partner_read, react_remote, receive, remove, revise,
    unreact_remote,
};
pub use send::{Draft, Encrypted, MAX_CHARACTERS, MAX_ENCRYPTED, MAX_FILES, send};

/// A chat as one of its two sees it.
#[derive(Debug, Clone)]
pub struct Side {
    pub own: Member,
    pub other: Account,
}

/// The chat of an id as an account sees it; 404 for everyone but its two, and for who deleted it.
pub async fn side(tx: &mut Conn, account: &Account, chat_id: i64) -> AppResult<Side> {
    let own = rows::member(tx, chat_id, account.id)
        .await?
        .filter(|member| member.visible)
        .ok_or_else(AppError::not_found)?;
    let other = db::accounts::by_id(tx, own.other_id)
        .await?
        .ok_or_else(AppError::not_found)?;
    Ok(Side { own, other })
}

/// A message of a chat that one of the two still sees, deleted for both or not.
async fn message_of(tx: &mut Conn, own: &Member, id: i64) -> AppResult<Message> {
    let message = db::chat_messages::by_ids(tx, &[id])
        .await?
        .pop()
        .filter(|message| message.chat_id == own.chat_id && message.id > own.horizon_id)
        .ok_or_else(AppError::not_found)?;
    if db::chat_messages::is_hidden(tx, id, own.account_id).await? {
        return Err(AppError::not_found());
    }
    Ok(message)
}

/// The same, of those that say something.
async fn living(tx: &mut Conn, own: &Member, id: i64) -> AppResult<Message> {
    let message = message_of(tx, own, id).await?;
    match message.deleted_at {
        None => Ok(message),
        Some(_) => Err(AppError::not_found()),
    }
}

/// The chat that an account has with another, made at first use: the same again later.
pub async fn open(tx: &mut Conn, ctx: &Ctx, account: &Account, other_id: i64) -> AppResult<Member> {
    if account.id == other_id {
        return Err(AppError::invalid(
            "Validation failed: You cannot chat with yourself",
        ));
    }
    let other = db::accounts::by_id(tx, other_id)
        .await?
        .filter(Account::is_active)
        .ok_or_else(AppError::not_found)?;
    let known = rows::of_pair(tx, account.id, other_id).await?;
    let theirs = match &known {
        Some(chat) => {
            if let Some(own) = rows::member(tx, chat.id, account.id).await?
                && own.visible
            {
                return Ok(own);
            }
            rows::member(tx, chat.id, other_id).await?
        }
        None => None,
    };
    let state = theirs.map_or(rows::NEW, |member| member.state);
    judge(tx, account, &other, state).await?;
    let chat = ensure(tx, ctx, account.id, other_id).await?;
    let mut own = member(tx, chat.id, account.id).await?;
    if !own.visible {
        own.visible = true;
        own.position = ctx.ids.next().max(chat.last_id);
        rows::update_member(tx, &own).await?;
    }
    Ok(own)
}

/// The chat of two people, locked.
async fn ensure(tx: &mut Conn, ctx: &Ctx, one: i64, other: i64) -> AppResult<Chat> {
    let now = ctx.now();
    let row = Chat {
        id: ctx.ids.next(),
        low_id: one.min(other),
        high_id: one.max(other),
        last_id: 0,
        created_at: now,
        updated_at: now,
    };
    let chat = rows::ensure(tx, &row).await?;
    lock(tx, ctx, chat.id).await
}

async fn lock(tx: &mut Conn, ctx: &Ctx, chat_id: i64) -> AppResult<Chat> {
    rows::lock(tx, chat_id, ctx.now())
        .await?
        .ok_or_else(AppError::not_found)
}

/// How one of the two of a chat that is there stands to it.
async fn member(tx: &mut Conn, chat_id: i64, account_id: i64) -> AppResult<Member> {
    rows::member(tx, chat_id, account_id)
        .await?
        .ok_or_else(AppError::not_found)
}

/// `account` deletes a chat for themselves; it comes back with the next message. A request that
/// waited is declined.
pub async fn leave(tx: &mut Conn, ctx: &Ctx, account: &Account, chat_id: i64) -> AppResult<()> {
    side(tx, account, chat_id).await?;
    let chat = lock(tx, ctx, chat_id).await?;
    let mut own = member(tx, chat_id, account.id).await?;
    own.visible = false;
    own.horizon_id = own.horizon_id.max(chat.last_id);
    own.last_read_id = own.last_read_id.max(chat.last_id);
    own.unread_count = 0;
    if own.state == rows::REQUESTED {
        own.state = rows::DECLINED;
    }
    Ok(rows::update_member(tx, &own).await?)
}

/// `account` accepts that the other writes. Again is no error.
pub async fn accept(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    chat_id: i64,
) -> AppResult<Member> {
    side(tx, account, chat_id).await?;
    lock(tx, ctx, chat_id).await?;
    let mut own = member(tx, chat_id, account.id).await?;
    if own.state != rows::ACCEPTED {
        own.state = rows::ACCEPTED;
        rows::update_member(tx, &own).await?;
    }
    Ok(own)
}
