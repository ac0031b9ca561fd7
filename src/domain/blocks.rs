//! Blocking and muting.

use super::Ctx;
use super::collections;
use super::follows::{self, End, relation_changed};
use super::outgoing::{self, Audience, Outgoing};
use crate::db::accounts::Account;
use crate::db::relations::{Block, Mute};
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};

/// `blocker` blocks `target`: every follow between them ends, and a remote `target`'s server is
/// told. `uri` is the Block's id when it came from elsewhere.
pub async fn block(
    tx: &mut Conn,
    ctx: &Ctx,
    blocker: &Account,
    target: &Account,
    uri: Option<String>,
) -> AppResult<()> {
    if blocker.id == target.id {
        return Err(AppError::invalid(
            "Validation failed: You cannot block yourself",
        ));
    }
    let row = Block {
        id: ctx.ids.next(),
        account_id: blocker.id,
        target_id: target.id,
        uri: uri.unwrap_or_else(|| outgoing::activity_uri(ctx, blocker, "blocks")),
        created_at: ctx.now(),
    };
    let block_uri = row.uri.clone();
    if !db::relations::add_block(tx, &row).await? {
        return Ok(());
    }
    // The follow of the blocked one is refused by name, that of the blocker undone.
    if blocker.is_local() {
        match follows::reject(tx, ctx, blocker, target).await {
            Err(error) if error.status != http::StatusCode::NOT_FOUND => return Err(error),
            _ => {}
        }
        follows::unfollow(tx, ctx, blocker, target).await?;
    } else {
        follows::end(tx, ctx, target, blocker, End::Refused).await?;
        follows::end(tx, ctx, blocker, target, End::Withdrawn).await?;
    }
    if blocker.is_local() {
        db::timelines::remove_author(tx, blocker.id, target.id).await?;
        tx.emit(Event::to(blocker.id, Kind::HomeChanged, blocker.id));
        if db::personal::forget_notifications_from(tx, blocker.id, target.id).await? > 0 {
            tx.emit(Event::to(blocker.id, Kind::NotificationGone, 0));
        }
    }
    collections::severed(tx, ctx, blocker, target).await?;
    relation_changed(tx, blocker, target);
    if blocker.is_local() && !target.is_local() {
        let activity = Outgoing::Block {
            uri: block_uri,
            object: target.uri.clone(),
        };
        outgoing::send(tx, ctx, blocker, &activity, Audience::one(target.id)).await?;
    }
    Ok(())
}

/// `blocker` lifts its block. Nothing to lift is no error.
pub async fn unblock(
    tx: &mut Conn,
    ctx: &Ctx,
    blocker: &Account,
    target: &Account,
) -> AppResult<()> {
    let Some(row) = db::relations::block(tx, blocker.id, target.id).await? else {
        return Ok(());
    };
    db::relations::remove_block(tx, blocker.id, target.id).await?;
    relation_changed(tx, blocker, target);
    if blocker.is_local() && !target.is_local() {
        let activity = Outgoing::UndoBlock {
            uri: outgoing::activity_uri(ctx, blocker, "undo"),
            block: row.uri,
            object: target.uri.clone(),
        };
        outgoing::send(tx, ctx, blocker, &activity, Audience::one(target.id)).await?;
    }
    Ok(())
}

/// `muter` mutes `target`, for `duration` milliseconds or (`None`) until it unmutes.
/// Nobody is told.
pub async fn mute(
    tx: &mut Conn,
    ctx: &Ctx,
    muter: &Account,
    target: &Account,
    notifications: bool,
    duration: Option<i64>,
) -> AppResult<()> {
    if muter.id == target.id {
        return Err(AppError::invalid(
            "Validation failed: You cannot mute yourself",
        ));
    }
    let now = ctx.now();
    db::relations::remove_mute(tx, muter.id, target.id).await?;
    let row = Mute {
        id: ctx.ids.next(),
        account_id: muter.id,
        target_id: target.id,
        notifications,
        created_at: now,
        expires_at: duration.map(|ms| now.saturating_add(ms)),
    };
    db::relations::add_mute(tx, &row).await?;
    tx.emit(Event::to(muter.id, Kind::RelationChanged, target.id));
    Ok(())
}

/// `muter` unmutes `target`.
pub async fn unmute(tx: &mut Conn, muter: &Account, target: &Account) -> AppResult<()> {
    if db::relations::remove_mute(tx, muter.id, target.id).await? {
        tx.emit(Event::to(muter.id, Kind::RelationChanged, target.id));
    }
    Ok(())
}
