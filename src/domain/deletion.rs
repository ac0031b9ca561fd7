//! Deleting an account that lives here: by its owner, who can think better of it for a while, or by an
//! admin.
//!
//! From the beginning the account is hidden as suspended ones are, at every door. When its time has
//! come it is gone in one transaction, which tells those elsewhere that know it; what it wrote and did
//! is erased afterwards, piece by piece. The row of the account stays, and with it the name.

use super::accounts::{self, INSTANCE_ACTOR};
use super::follows::{self, End};
use super::jobs::{self, Job};
use super::mail::{self, Letter};
use super::outgoing::{self, Audience, Outgoing};
use super::profiles::picture_files;
use super::{Ctx, sign_in, synchronisation};
use crate::clock::{DAY, HOUR, iso};
use crate::db::accounts::Account;
use crate::db::relations::Follow;
use crate::db::users::User;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};

/// How long an owner can take a deletion back.
pub const GRACE: i64 = 7 * DAY;
/// How soon it is looked again whether an account's last words have arrived.
const KEYS_AGAIN: i64 = 6 * HOUR;
/// Rows removed in one transaction, and follows that end in one.
const ROWS: i64 = 200;
const FOLLOWS: i64 = 10;
/// Servers that are told although nobody there follows the account, at most.
pub const SERVERS: i64 = 2_000;

/// Whether an account is suspended because its user wants it deleted, and for nothing else.
pub fn is_leaving(leaving_at: Option<i64>, suspended_at: Option<i64>) -> bool {
    leaving_at.is_some() && leaving_at == suspended_at
}

/// A local account that can be deleted: 404 for any other, and for one that is gone.
async fn living(tx: &mut Conn, account_id: i64) -> AppResult<Account> {
    // One decision at a time.
    db::relations::lock_pair(tx, account_id, account_id).await?;
    db::accounts::by_id(tx, account_id)
        .await?
        .filter(|account| account.is_local() && account.deleted_at.is_none())
        .filter(|account| account.username != INSTANCE_ACTOR)
        .ok_or_else(AppError::not_found)
}

/// An account is to be deleted at a time: it is hidden from now on, and its sessions end. Where that
/// was decided before, the time is another.
pub async fn begin(tx: &mut Conn, ctx: &Ctx, account_id: i64, at: i64) -> AppResult<()> {
    let account = living(tx, account_id).await?;
    let now = ctx.now();
    let user = db::users::by_account(tx, account_id).await?;
    if let Some(user) = &user {
        let hidden = account.suspended_at.is_none().then_some(now);
        let leaving = User {
            leaving_at: hidden.or(user.leaving_at),
            leaves_at: Some(at),
            ..user.clone()
        };
        db::users::update(tx, &leaving).await?;
        tx.emit(Event::of(Kind::UserChanged, account_id));
    }
    if account.suspended_at.is_none() {
        set_hidden(tx, ctx, &account, Some(now)).await?;
    }
    sign_in::end_all(tx, ctx, account_id, None).await?;
    if let Some(user) = user.filter(|_| at > now) {
        let day = iso(at);
        let letter = Letter::Leaving {
            username: &account.username,
            day: day.get(..10),
        };
        mail::send(tx, ctx, &user.email, letter).await?;
    }
    let job = Job::DeleteAccount { account_id };
    jobs::cancel(tx, &job).await?;
    jobs::enqueue_at(tx, ctx, &job, at).await
}

/// An account is to be deleted now, unless that is being done or was done.
pub async fn hasten(tx: &mut Conn, ctx: &Ctx, account_id: i64) -> AppResult<()> {
    let account = match living(tx, account_id).await {
        Ok(account) => account,
        Err(error) if error.status.is_client_error() => return Ok(()),
        Err(error) => return Err(error),
    };
    let begun = match db::users::by_account(tx, account_id).await? {
        Some(user) => user.leaves_at.is_some_and(|at| at <= ctx.now()),
        None => account.suspended_at.is_some(),
    };
    if begun {
        // The job that waits, or runs, stays; where it was given up, there is a new one.
        return jobs::enqueue(tx, ctx, &Job::DeleteAccount { account_id }).await;
    }
    begin(tx, ctx, account_id, ctx.now()).await
}

/// An account is not to be deleted after all; 404 where it was not. Where moderators suspended it, it
/// stays so.
pub async fn cancel(tx: &mut Conn, ctx: &Ctx, account_id: i64) -> AppResult<()> {
    let account = living(tx, account_id).await?;
    let user = db::users::by_account(tx, account_id)
        .await?
        .filter(|user| user.leaves_at.is_some_and(|at| at > ctx.now()))
        .ok_or_else(AppError::not_found)?;
    let staying = User {
        leaving_at: None,
        leaves_at: None,
        ..user.clone()
    };
    db::users::update(tx, &staying).await?;
    tx.emit(Event::of(Kind::UserChanged, account_id));
    if is_leaving(user.leaving_at, account.suspended_at) {
        set_hidden(tx, ctx, &account, None).await?;
        // Whoever looked meanwhile was told that it is suspended.
        let activity = Outgoing::UpdateActor {
            uri: outgoing::activity_uri(ctx, &account, "updates"),
        };
        let audience = Audience {
            followers: true,
            accounts: Vec::new(),
        };
        outgoing::send(tx, ctx, &account, &activity, audience).await?;
    }
    let letter = Letter::Leaving {
        username: &account.username,
        day: None,
    };
    mail::send(tx, ctx, &user.email, letter).await?;
    jobs::cancel(tx, &Job::DeleteAccount { account_id }).await
}

async fn set_hidden(tx: &mut Conn, ctx: &Ctx, account: &Account, at: Option<i64>) -> AppResult<()> {
    db::policies::set_standing(tx, account.id, at, account.silenced_at).await?;
    tx.emit(Event::of(Kind::AccountChanged, account.id));
    if account.indexable {
        let (account_id, below) = (account.id, i64::MAX);
        jobs::enqueue(tx, ctx, &Job::Reindex { account_id, below }).await?;
    }
    Ok(())
}

/// The time has come: the account is gone, those elsewhere that know it are told, and nobody can sign
/// in to it any more. `inboxes`: servers to tell besides. Nothing where that was taken back or put
/// off, or done before.
pub async fn finish(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    inboxes: &[(String, String)],
) -> AppResult<()> {
    let account = match living(tx, account_id).await {
        Ok(account) => account,
        Err(error) if error.status.is_client_error() => return Ok(()),
        Err(error) => return Err(error),
    };
    let due = match db::users::by_account(tx, account_id).await? {
        Some(user) => user.leaves_at.is_some_and(|at| at <= ctx.now()),
        None => account.suspended_at.is_some(),
    };
    if !due {
        return Ok(());
    }
    let delete = Outgoing::DeleteActor {
        uri: outgoing::activity_uri(ctx, &account, "delete"),
    };
    outgoing::tell_all(tx, ctx, &account, &delete, inboxes).await?;
    let pictures = [
        picture_files(&account.avatar),
        picture_files(&account.header),
    ];
    db::profiles::retire_files(tx, &pictures.concat(), ctx.now()).await?;
    db::archives::expire_all(tx, account_id).await?;
    sign_in::end_all(tx, ctx, account_id, None).await?;
    db::deletions::forget_user(tx, account_id).await?;
    tx.emit(Event::of(Kind::UserChanged, account_id));
    accounts::remove(tx, ctx, &account).await
}

/// Erases some of what is left of a local account that is gone, once it has neither statuses nor
/// votes; true while there may be more.
pub(super) async fn erase_some_of(tx: &mut Conn, ctx: &Ctx, account: &Account) -> AppResult<bool> {
    let rows = db::deletions::some_follows(tx, account.id, FOLLOWS).await?;
    if !rows.is_empty() {
        let ids: Vec<i64> = rows
            .iter()
            .map(|row| row.account_id + row.target_id - account.id)
            .collect();
        let others = db::accounts::by_ids(tx, &ids).await?;
        for (row, id) in rows.iter().zip(&ids) {
            let Some(other) = others.iter().find(|other| other.id == *id) else {
                continue;
            };
            if row.account_id == account.id {
                follows::end(tx, ctx, account, other, End::Withdrawn).await?;
            } else {
                follows::end(tx, ctx, other, account, End::Refused).await?;
            }
        }
        return Ok(true);
    }
    if db::deletions::purge_some(tx, account.id, ROWS).await? {
        return Ok(true);
    }
    // What others have of it: blocks, mutes, notes, notifications.
    db::notifications::forget_account(tx, account.id).await?;
    db::accounts::sever(tx, account.id).await?;
    let account_id = account.id;
    jobs::enqueue(tx, ctx, &Job::ForgetKeys { account_id }).await?;
    Ok(false)
}

/// Ends some of what an account elsewhere that was deleted here alone has to do with people here, once it has neither
/// statuses nor votes; true while there may be more. Where it is gone from its own server, nothing is left of it.
pub(super) async fn part_from(tx: &mut Conn, ctx: &Ctx, account: &Account) -> AppResult<bool> {
    let rows = db::deletions::some_follows(tx, account.id, FOLLOWS).await?;
    if rows.is_empty() {
        synchronisation::forget(tx, account).await?;
        db::notifications::forget_account(tx, account.id).await?;
        db::accounts::sever(tx, account.id).await?;
        return Ok(false);
    }
    let other_of = |row: &Follow| row.account_id + row.target_id - account.id;
    let ids: Vec<i64> = rows.iter().map(other_of).collect();
    let others = db::accounts::by_ids(tx, &ids).await?;
    for row in rows {
        let id = other_of(&row);
        let Some(other) = others.iter().find(|other| other.id == id) else {
            continue;
        };
        if row.account_id == account.id {
            follows::cut(tx, ctx, row, account, other).await?;
        } else {
            follows::cut(tx, ctx, row, other, account).await?;
        }
    }
    Ok(true)
}

/// Forgets the keys of an account that is gone, unless something it sent is still on its way and
/// has to be signed: then it is looked again later.
pub async fn forget_keys(tx: &mut Conn, ctx: &Ctx, account_id: i64) -> AppResult<()> {
    let account = db::accounts::by_id(tx, account_id).await?;
    if account.is_none_or(|account| account.deleted_at.is_none()) {
        return Ok(());
    }
    if db::deletions::is_sending(tx, account_id).await? {
        let again = Job::ForgetKeys { account_id };
        return jobs::enqueue_at(tx, ctx, &again, ctx.now() + KEYS_AGAIN).await;
    }
    Ok(db::accounts::set_keys(tx, account_id, &[]).await?)
}
