//! Reading and dismissing notifications of all kinds, as Kith's own API does.

use super::Type;
use crate::db::{self, Conn};
use crate::domain::Ctx;
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};

/// Marks some of an account's notifications as read; those that are not there are passed over.
pub async fn read_some(tx: &mut Conn, ctx: &Ctx, account_id: i64, ids: &[i64]) -> AppResult<()> {
    db::kith_notifications::read_some(tx, account_id, ids, ctx.now()).await?;
    Ok(())
}

/// Marks all of an account's notifications as read, for Mastodon's clients too.
pub async fn read_all(tx: &mut Conn, ctx: &Ctx, account_id: i64) -> AppResult<()> {
    Ok(db::kith_notifications::read_all(tx, account_id, ctx.now()).await?)
}

/// Marks as read what `to` was told of a chat with `from`: it has read the chat.
pub async fn read_chat(
    tx: &mut Conn,
    ctx: &Ctx,
    to: i64,
    from: i64,
    chat_id: i64,
) -> AppResult<()> {
    let kinds = [Type::ChatMessage.as_str(), Type::Reaction.as_str()];
    db::kith_notifications::read_about(tx, to, from, &kinds, chat_id, ctx.now()).await?;
    Ok(())
}

/// Dismisses one notification of any kind.
pub async fn dismiss_any(tx: &mut Conn, account_id: i64, id: i64) -> AppResult<()> {
    if !db::notifications::delete(tx, account_id, id).await? {
        return Err(AppError::not_found());
    }
    tx.emit(Event::to(account_id, Kind::NotificationGone, id));
    Ok(())
}

/// Dismisses all of every kind.
pub async fn clear_all(tx: &mut Conn, account_id: i64) -> AppResult<()> {
    db::notifications::clear_all(tx, account_id).await?;
    tx.emit(Event::to(account_id, Kind::NotificationGone, 0));
    Ok(())
}
