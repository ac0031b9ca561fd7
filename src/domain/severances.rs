//! Telling people which of their follows a decision of this server cut off.
//!
//! The follows themselves stay: while their other side is suspended they come to nothing, and when
//! the decision is taken back they are as they were, here and there; but for the follows of a single
//! account elsewhere that is suspended, which moderation ends. What is noted is who was cut off by
//! what, so that each can be told and can take the list along.

use super::Ctx;
use super::jobs::{self, Job};
use super::notifications::{self, Subject, Type};
use crate::db::accounts::Account;
use crate::db::policies::DomainPolicy;
use crate::db::severances::{AccountSeverance, Severance};
use crate::db::{self, Conn};
use crate::error::AppResult;

/// A domain was blocked.
pub const DOMAIN_BLOCK: &str = "domain_block";
/// An account was suspended.
pub const ACCOUNT_SUSPENSION: &str = "account_suspension";

/// People told in one transaction.
const BATCH: i64 = 50;

/// What cut follows off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// [`DOMAIN_BLOCK`] or [`ACCOUNT_SUSPENSION`].
    pub kind: &'static str,
    /// The domain, or the handle.
    pub target_name: String,
    /// When it came about: the same cause is one event.
    pub stamp: i64,
}

/// Notes the follows of and by some accounts as cut off; the event, where there were any.
pub async fn note(
    tx: &mut Conn,
    ctx: &Ctx,
    cause: &Cause,
    accounts: &[i64],
) -> AppResult<Option<i64>> {
    if !db::severances::any_follow(tx, accounts).await? {
        return Ok(None);
    }
    let row = Severance {
        id: ctx.ids.next(),
        kind: cause.kind.to_owned(),
        target_name: cause.target_name.clone(),
        stamp: cause.stamp,
        purged: false,
        created_at: ctx.now(),
    };
    let event = db::severances::ensure(tx, &row).await?;
    db::severances::note(tx, event.id, accounts).await?;
    Ok(Some(event.id))
}

/// Tells some of those who lost follows to an event, from above an id on; the last one looked at,
/// where there may be more. Nobody is told twice.
pub async fn tell(tx: &mut Conn, ctx: &Ctx, event_id: i64, above: i64) -> AppResult<Option<i64>> {
    let lost = db::severances::lost(tx, event_id, above, BATCH).await?;
    let ids: Vec<i64> = lost.iter().map(|one| one.account_id).collect();
    let accounts = db::accounts::by_ids(tx, &ids).await?;
    for one in &lost {
        let account = accounts.iter().find(|a| a.id == one.account_id);
        let Some(account) = account.filter(|a| a.is_local() && a.is_active()) else {
            continue;
        };
        let row = AccountSeverance {
            id: ctx.ids.next(),
            event_id,
            account_id: account.id,
            followers_count: one.followers,
            following_count: one.following,
            created_at: ctx.now(),
        };
        if db::severances::told(tx, &row).await? {
            let (kind, about) = (Type::SeveredRelationships, Subject::Other(row.id));
            notifications::notify(tx, ctx, account, account, kind, about).await?;
        }
    }
    let full = lost.len() as i64 >= BATCH;
    Ok(lost.last().map(|last| last.account_id).filter(|_| full))
}

/// A block is over: what it cut off is there again.
pub(super) async fn over(tx: &mut Conn, policy: &DomainPolicy) -> AppResult<()> {
    Ok(db::severances::purge(tx, DOMAIN_BLOCK, &policy.domain, policy.created_at).await?)
}

/// An account was suspended: those who had to do with it are told soon after. To be called in the
/// transaction that suspends it.
pub async fn suspended(tx: &mut Conn, ctx: &Ctx, account: &Account) -> AppResult<()> {
    let account_id = account.id;
    jobs::enqueue(tx, ctx, &Job::Severed { account_id }).await
}

/// The suspension of an account was lifted: its follows are there again. Those of an account
/// elsewhere were ended, so what it lost here can still be looked up.
pub async fn unsuspended(tx: &mut Conn, account: &Account) -> AppResult<()> {
    if !account.is_local() {
        return Ok(());
    }
    let Some(stamp) = account.suspended_at else {
        return Ok(());
    };
    Ok(db::severances::purge(tx, ACCOUNT_SUSPENSION, &handle(account), stamp).await?)
}

/// [`note`] for the suspension of an account, where it still is suspended.
pub async fn note_suspension(tx: &mut Conn, ctx: &Ctx, account_id: i64) -> AppResult<Option<i64>> {
    let Some(account) = db::accounts::by_id(tx, account_id).await? else {
        return Ok(None);
    };
    let Some(stamp) = account.suspended_at else {
        return Ok(None);
    };
    let cause = Cause {
        kind: ACCOUNT_SUSPENSION,
        target_name: handle(&account),
        stamp,
    };
    note(tx, ctx, &cause, &[account_id]).await
}

fn handle(account: &Account) -> String {
    match account.domain.as_str() {
        "" => account.username.clone(),
        domain => format!("{}@{domain}", account.username),
    }
}
