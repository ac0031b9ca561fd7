//! Dislikes. A like, which is Mastodon's favourite, and a dislike exclude each other.

use super::interactions::{self, Verb};
use super::notifications::{self, Type};
use super::outgoing::{self, Outgoing};
use super::reactions::{author_of, unfavourite};
use super::{Ctx, analytics, groups};
use crate::db::accounts::Account;
use crate::db::statuses::Status;
use crate::db::votes::Dislike;
use crate::db::{self, Conn};
use crate::error::AppResult;
use crate::events::{Event, Kind};

/// `account` dislikes a status it may see, in the place of a like. `uri` is the Dislike's id when
/// it came from elsewhere. Again is no error; 403 where the status's policy does not let it be
/// liked at once.
pub async fn dislike(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    status: &Status,
    uri: Option<String>,
) -> AppResult<()> {
    let row = Dislike {
        id: ctx.ids.next(),
        account_id: account.id,
        status_id: status.id,
        uri: uri.unwrap_or_else(|| outgoing::activity_uri(ctx, account, "dislikes")),
        created_at: ctx.now(),
    };
    if !interactions::may_vote(tx, account, status).await? {
        return Err(interactions::denied(Verb::Like));
    }
    db::votes::lock(tx, status.id).await?;
    if !account.is_local() {
        groups::forget_vote(tx, status, &account.uri).await?;
    }
    if !db::votes::add(tx, &row).await? {
        return Ok(());
    }
    unfavourite(tx, ctx, account, status).await?;
    db::votes::count(tx, status.id, 1).await?;
    analytics::voted(tx, status, account, row.created_at, 0, 1).await?;
    tx.emit(Event::of(Kind::StatusCounts, status.id));
    tx.emit(Event::to(account.id, Kind::ViewerChanged, status.id));
    let author = author_of(tx, status).await?;
    notifications::notify(tx, ctx, &author, account, Type::Dislike, Some(status.id)).await?;
    if account.is_local() {
        let groups = groups::told(tx, status).await?;
        let activity = Outgoing::Dislike {
            uri: row.uri,
            object: status.uri.clone(),
            addressing: groups::vote_addressing(&author, &groups),
        };
        let audience = groups::vote_audience(&author, &groups);
        outgoing::send(tx, ctx, account, &activity, audience).await?;
    }
    Ok(())
}

/// `account` takes its dislike back. None to take back is no error.
pub async fn undislike(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    status: &Status,
) -> AppResult<()> {
    db::votes::lock(tx, status.id).await?;
    let Some(row) = db::votes::dislike(tx, account.id, status.id).await? else {
        return Ok(());
    };
    if !db::votes::remove(tx, row.id).await? {
        return Ok(());
    }
    db::votes::count(tx, status.id, -1).await?;
    analytics::voted(tx, status, account, row.created_at, 0, -1).await?;
    tx.emit(Event::of(Kind::StatusCounts, status.id));
    tx.emit(Event::to(account.id, Kind::ViewerChanged, status.id));
    let author = author_of(tx, status).await?;
    notifications::retract(tx, &author, account, Type::Dislike, Some(status.id)).await?;
    if account.is_local() {
        let groups = groups::told(tx, status).await?;
        let activity = Outgoing::UndoDislike {
            uri: outgoing::activity_uri(ctx, account, "undo"),
            dislike: row.uri,
            object: status.uri.clone(),
            addressing: groups::vote_addressing(&author, &groups),
        };
        let audience = groups::vote_audience(&author, &groups);
        outgoing::send(tx, ctx, account, &activity, audience).await?;
    }
    Ok(())
}
