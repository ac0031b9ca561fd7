//! Telling people what happened to them.

use super::Ctx;
use crate::db::accounts::Account;
use crate::db::notifications::Notification;
use crate::db::{self, Conn};
use crate::error::AppResult;
use crate::events::{Event, Kind};

/// What a notification is about. The names are the Mastodon API's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Mention,
    /// A followed account that the reader asked to hear of posted.
    Status,
    Reblog,
    Follow,
    FollowRequest,
    Favourite,
    /// A status the reader reblogged was edited.
    Update,
    /// A poll the reader made or voted in has ended.
    Poll,
    /// Somebody quoted a status of the reader's, with leave.
    Quote,
    /// A status the reader quoted was edited.
    QuotedUpdate,
}

impl Type {
    /// As the API names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Type::Mention => "mention",
            Type::Status => "status",
            Type::Reblog => "reblog",
            Type::Follow => "follow",
            Type::FollowRequest => "follow_request",
            Type::Favourite => "favourite",
            Type::Update => "update",
            Type::Poll => "poll",
            Type::Quote => "quote",
            Type::QuotedUpdate => "quoted_update",
        }
    }
}

/// Notifies a local account, unless it is the one who did it, blocks or mutes them or the thread,
/// or was told before.
pub async fn notify(
    tx: &mut Conn,
    ctx: &Ctx,
    to: &Account,
    from: &Account,
    kind: Type,
    status_id: Option<i64>,
) -> AppResult<()> {
    let about_oneself = to.id == from.id && kind != Type::Poll;
    if !to.is_local() || about_oneself || !from.is_active() {
        return Ok(());
    }
    if db::relations::block(tx, to.id, from.id).await?.is_some() {
        return Ok(());
    }
    let now = ctx.now();
    if let Some(mute) = db::relations::mute(tx, to.id, from.id).await?
        && mute.notifications
        && mute.expires_at.is_none_or(|at| at > now)
    {
        return Ok(());
    }
    if !from.is_local() && db::personal::blocks_domain(tx, to.id, &from.domain).await? {
        return Ok(());
    }
    if let Some(status) = status_id
        && db::threads::silences(tx, to.id, status).await?
    {
        return Ok(());
    }
    let row = Notification {
        id: ctx.ids.next(),
        account_id: to.id,
        from_account_id: from.id,
        kind: kind.as_str().to_owned(),
        status_id,
        created_at: now,
        read_at: None,
    };
    if !matches!(kind, Type::Update | Type::QuotedUpdate)
        && db::notifications::exists(tx, &row).await?
    {
        return Ok(());
    }
    db::notifications::insert(tx, &row).await?;
    tx.emit(Event::to(to.id, Kind::Notification, row.id));
    Ok(())
}

/// Takes back what an undone deed had notified.
pub async fn retract(
    tx: &mut Conn,
    to: &Account,
    from: &Account,
    kind: Type,
    status_id: Option<i64>,
) -> AppResult<()> {
    if to.is_local() {
        db::notifications::retract(tx, to.id, from.id, kind.as_str(), status_id).await?;
    }
    Ok(())
}

/// Dismisses one notification.
pub async fn dismiss(tx: &mut Conn, account_id: i64, id: i64) -> AppResult<()> {
    if !db::notifications::delete(tx, account_id, id).await? {
        return Err(crate::error::AppError::not_found());
    }
    tx.emit(Event::to(account_id, Kind::NotificationGone, id));
    Ok(())
}

/// Dismisses all.
pub async fn clear(tx: &mut Conn, account_id: i64) -> AppResult<()> {
    db::notifications::clear(tx, account_id).await?;
    tx.emit(Event::to(account_id, Kind::NotificationGone, 0));
    Ok(())
}
