//! Muting a thread: its author and those who take part go on, the muter hears nothing of it.

use super::Ctx;
use crate::db::accounts::Account;
use crate::db::statuses::Status;
use crate::db::{self, Conn};
use crate::error::AppResult;
use crate::events::{Event, Kind};

/// `account` mutes the thread of a status it may see. Again is no error.
pub async fn mute(tx: &mut Conn, ctx: &Ctx, account: &Account, status: &Status) -> AppResult<()> {
    if db::threads::mute(tx, account.id, status.conversation_id, ctx.now()).await? {
        tx.emit(Event::to(account.id, Kind::RelationChanged, account.id));
    }
    Ok(())
}

/// `account` unmutes the thread of a status.
pub async fn unmute(tx: &mut Conn, account: &Account, status: &Status) -> AppResult<()> {
    if db::threads::unmute(tx, account.id, status.conversation_id).await? {
        tx.emit(Event::to(account.id, Kind::RelationChanged, account.id));
    }
    Ok(())
}
