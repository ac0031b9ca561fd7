//! How far somebody has come: what was delivered, read, and that they are writing.

use super::{Side, Verdict, judge, lock, member, message_of, out, side};
use crate::db::accounts::Account;
use crate::db::chat_messages::Message;
use crate::db::chats::{self as rows, Member};
use crate::db::{self, Conn};
use crate::domain::Ctx;
use crate::error::{AppError, AppResult};
use crate::events::{ChatMark, Event, Kind};

/// Whether an account lets its partner know what it got and read.
async fn tells(tx: &mut Conn, own: &Member) -> AppResult<bool> {
    if own.state == rows::REQUESTED || own.state == rows::DECLINED {
        return Ok(false);
    }
    let settings = db::users::chat_settings(tx, &[own.account_id]).await?;
    Ok(settings.first().is_some_and(|s| s.read_receipts))
}

/// `account` has read a chat up to a message.
pub async fn read(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    (chat_id, id): (i64, i64),
) -> AppResult<Member> {
    let Side { own, other } = side(tx, account, chat_id).await?;
    let message = message_of(tx, &own, id).await?;
    lock(tx, ctx, chat_id).await?;
    let mut own = member(tx, chat_id, account.id).await?;
    let before = own.last_read_id;
    own.last_read_id = before.max(id);
    let after = own.last_read_id.max(own.horizon_id);
    own.unread_count = db::chat_messages::count_unread(tx, chat_id, account.id, after).await?;
    rows::update_member(tx, &own).await?;
    let now = ctx.now();
    let mark = ChatMark {
        chat_id,
        account_id: account.id,
        at: now,
    };
    let payload = serde_json::to_string(&mark)?;
    tx.emit(Event::to(account.id, Kind::ChatRead, id).with(payload.as_str()));
    if tells(tx, &own).await? {
        let span = (before.min(id - 1), id);
        let marked = db::chat_messages::read(tx, chat_id, other.id, span, now).await?;
        if marked > 0 && other.is_local() {
            tx.emit(Event::to(other.id, Kind::ChatRead, id).with(payload));
        } else if marked > 0 {
            out::read(tx, ctx, account, &other, &message).await?;
        }
    }
    Ok(own)
}

/// Messages reached `recipient`, whose they are not; their authors learn of it if they may.
pub async fn delivered(
    tx: &mut Conn,
    ctx: &Ctx,
    recipient: i64,
    chat_id: i64,
    ids: &[i64],
) -> AppResult<()> {
    let own = member(tx, chat_id, recipient).await?;
    if !tells(tx, &own).await? {
        return Ok(());
    }
    arrived(tx, ctx, ids).await
}

/// Messages reached the other of the two, or their server.
pub async fn arrived(tx: &mut Conn, ctx: &Ctx, ids: &[i64]) -> AppResult<()> {
    let now = ctx.now();
    let fresh: Vec<Message> = db::chat_messages::delivered(tx, ids, now).await?;
    for message in fresh {
        let chats = rows::by_ids(tx, &[message.chat_id]).await?;
        let Some(chat) = chats.first() else { continue };
        let account_id = chat.low_id + chat.high_id - message.account_id;
        let mark = ChatMark {
            chat_id: message.chat_id,
            account_id,
            at: now,
        };
        let payload = serde_json::to_string(&mark)?;
        let event = Event::to(message.account_id, Kind::ChatDelivered, message.id);
        tx.emit(event.with(payload));
    }
    Ok(())
}

/// Whom to tell that `account` is writing: the other, where they live here, have accepted its
/// messages, and it lets others see that it is there.
pub async fn typing(tx: &mut Conn, account: &Account, chat_id: i64) -> AppResult<Option<i64>> {
    let Side { other, .. } = side(tx, account, chat_id).await?;
    let theirs = member(tx, chat_id, other.id).await?;
    let verdict = judge(tx, account, &other, theirs.state).await?;
    let settings = db::users::chat_settings(tx, &[account.id]).await?;
    let shows = settings.first().ok_or_else(AppError::not_found)?.presence;
    Ok(Some(other.id).filter(|_| shows && other.is_local() && verdict == Verdict::Allowed))
}
