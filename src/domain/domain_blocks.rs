//! Wanting nothing of a domain, for oneself: what is from there is not shown, nobody from there
//! follows or notifies, and one follows nobody there.

use super::Ctx;
use super::follows;
use super::jobs::{self, Job};
use crate::db::accounts::Account;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};
use crate::text::names::normalize_domain;

/// Domains that one may block.
const MOST: i64 = 10_000;
/// Follows ended in one transaction, each way: nobody is to wait long behind it.
const BATCH: i64 = 50;

/// The domain that a user named, in its usual form.
pub fn parse(domain: Option<&str>) -> AppResult<String> {
    let domain = domain.unwrap_or_default().trim();
    if domain.is_empty() {
        return Err(AppError::invalid(
            "Validation failed: Domain can't be blank",
        ));
    }
    normalize_domain(domain)
        .ok_or_else(|| AppError::invalid("Validation failed: Domain is not a valid domain name"))
}

/// `account` blocks a domain: follows both ways end (the first at once, the rest soon after), and
/// what is from there goes from its notifications. Blocked already is no error.
pub async fn block(tx: &mut Conn, ctx: &Ctx, account: &Account, domain: &str) -> AppResult<()> {
    let known = db::personal::blocked_domains(tx, account.id, MOST).await?;
    if known.len() as i64 >= MOST {
        return Err(AppError::invalid(format!(
            "Validation failed: You cannot block more than {MOST} domains"
        )));
    }
    let now = ctx.now();
    if !db::personal::block_domain(tx, ctx.ids.next(), account.id, domain, now).await? {
        return Ok(());
    }
    tx.emit(Event::to(account.id, Kind::RelationChanged, account.id));
    if db::personal::forget_notifications_of_domain(tx, account.id, domain).await? > 0 {
        tx.emit(Event::to(account.id, Kind::NotificationGone, 0));
    }
    sever(tx, ctx, account, domain).await
}

/// Ends some of the follows between an account and a domain that it still blocks, and leaves the
/// rest to a job.
pub async fn sever(tx: &mut Conn, ctx: &Ctx, account: &Account, domain: &str) -> AppResult<()> {
    if !db::personal::blocks_domain(tx, account.id, domain).await? {
        return Ok(());
    }
    let followed = db::personal::followed_of_domain(tx, account.id, domain, BATCH).await?;
    let followers = db::personal::followers_of_domain(tx, account.id, domain, BATCH).await?;
    for target in &followed {
        follows::unfollow(tx, ctx, account, target).await?;
    }
    for follower in &followers {
        match follows::reject(tx, ctx, account, follower).await {
            Err(error) if error.status != http::StatusCode::NOT_FOUND => return Err(error),
            _ => {}
        }
    }
    if followed.len() as i64 >= BATCH || followers.len() as i64 >= BATCH {
        let job = Job::SeverDomain {
            account_id: account.id,
            domain: domain.to_owned(),
        };
        jobs::enqueue(tx, ctx, &job).await?;
    }
    Ok(())
}

/// `account` lifts its block. Nothing to lift is no error; what was severed stays so.
pub async fn unblock(tx: &mut Conn, account: &Account, domain: &str) -> AppResult<()> {
    if db::personal::unblock_domain(tx, account.id, domain).await? {
        tx.emit(Event::to(account.id, Kind::RelationChanged, account.id));
    }
    Ok(())
}

/// Whether either of two accounts blocks the domain of the other.
pub async fn between(conn: &mut Conn, a: &Account, b: &Account) -> AppResult<bool> {
    for (one, other) in [(a, b), (b, a)] {
        if one.is_local()
            && !other.is_local()
            && db::personal::blocks_domain(conn, one.id, &other.domain).await?
        {
            return Ok(true);
        }
    }
    Ok(false)
}
