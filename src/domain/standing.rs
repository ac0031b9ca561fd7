//! How accounts elsewhere stand under the policies for their domains: those of a blocked domain
//! are suspended, those of a limited one are limited.
//!
//! What a policy did bears the time at which it was made, so that lifting it leaves alone what
//! moderators decided of single accounts.

use std::collections::HashMap;

use super::Ctx;
use super::jobs::{self, Job};
use super::policies::{BLOCK, LIMIT, Policies, names, nearest, severer};
use crate::db::accounts::Account;
use crate::db::policies::DomainPolicy;
use crate::db::{self, Conn};
use crate::error::AppResult;
use crate::events::{Event, Kind};

/// Accounts looked at in one transaction.
pub const BATCH: i64 = 100;

/// Where accounts are that a policy is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Their handles are of it.
    Domain(String),
    /// Their server is it.
    Host(String),
}

/// The domains and hosts whose accounts are known here.
#[derive(Debug, Clone)]
pub struct Known {
    domains: Vec<String>,
    hosts: Vec<String>,
}

impl Known {
    /// Reads them: one look into an index for each.
    pub async fn load(conn: &mut Conn) -> AppResult<Known> {
        Ok(Known {
            domains: db::instance::domains(conn).await?,
            hosts: db::policies::delivery_hosts(conn).await?,
        })
    }

    /// The places that are known under a policy's domain.
    pub fn under(&self, domain: &str) -> Vec<Place> {
        // Most names do not even hold it, which is quicker found out.
        let bare = domain.split(':').next().unwrap_or(domain);
        let under =
            |host: &&String| host.contains(bare) && names(host).iter().any(|name| name == domain);
        let domains = self.domains.iter().filter(under).cloned();
        let hosts = self.hosts.iter().filter(under).cloned();
        domains
            .map(Place::Domain)
            .chain(hosts.map(Place::Host))
            .collect()
    }
}

/// Some accounts of a place, from above an id on.
pub async fn accounts(conn: &mut Conn, place: &Place, above: i64) -> AppResult<Vec<Account>> {
    Ok(match place {
        Place::Domain(domain) => {
            db::policies::accounts_of_domain(conn, domain, above, BATCH).await?
        }
        Place::Host(host) => db::policies::accounts_of_host(conn, host, above, BATCH).await?,
    })
}

/// Suspends or limits (or not any more) some accounts of a place, from above an id on, as the
/// policies say now. `stamp`: when the policy was made that changed. The last account looked at,
/// where there may be more.
pub async fn settle(
    tx: &mut Conn,
    ctx: &Ctx,
    policies: &Policies,
    place: &Place,
    above: i64,
    stamp: i64,
) -> AppResult<Option<i64>> {
    let found = accounts(tx, place, above).await?;
    let full = found.len() as i64 >= BATCH;
    let last = found.last().map(|last| last.id).filter(|_| full);
    // What moderators decide at this moment is to be in them.
    let accounts = db::accounts::to_write(tx, found).await?;
    let suspended = accounts.iter().filter(|a| a.suspended_at.is_some());
    let suspended: Vec<i64> = suspended.map(|account| account.id).collect();
    let by_origin: HashMap<i64, i64> = db::origin_suspensions::of(tx, &suspended)
        .await?
        .into_iter()
        .collect();
    for before in &accounts {
        let mut account = before.clone();
        // What moderators decided stays.
        let stays = |at: &i64| *at != stamp && !policies.made_at(before, *at);
        account.suspended_at = account.suspended_at.filter(stays);
        account.silenced_at = account.silenced_at.filter(stays);
        let since = by_origin.get(&account.id).copied();
        account.suspended_at = account.suspended_at.or(since);
        apply(&mut account, policies.of_account(before));
        if account == *before {
            continue;
        }
        db::policies::set_standing(tx, account.id, account.suspended_at, account.silenced_at)
            .await?;
        tx.emit(Event::of(Kind::AccountChanged, account.id));
        if account.indexable {
            let (account_id, below) = (account.id, i64::MAX);
            jobs::enqueue(tx, ctx, &Job::Reindex { account_id, below }).await?;
        }
    }
    Ok(last)
}

fn apply(account: &mut Account, policy: Option<&DomainPolicy>) {
    let Some(policy) = policy else { return };
    let place = match policy.severity.as_str() {
        BLOCK => &mut account.suspended_at,
        LIMIT => &mut account.silenced_at,
        _ => return,
    };
    place.get_or_insert(policy.created_at);
}

/// Since when an account is suspended by its own server, where it is.
pub async fn suspended_by_origin(conn: &mut Conn, account: &Account) -> AppResult<Option<i64>> {
    if account.is_local() || account.suspended_at.is_none() {
        return Ok(None);
    }
    let found = db::origin_suspensions::of(conn, &[account.id]).await?;
    Ok(found.first().map(|(_, since)| *since))
}

/// An account's own server says whether it is suspended there. What moderators and policies
/// decided here holds besides.
pub(super) async fn origin_said(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &mut Account,
    suspended: bool,
) -> AppResult<()> {
    let since = suspended_by_origin(tx, account).await?;
    match since {
        None if suspended => {
            let now = ctx.now();
            db::origin_suspensions::set(tx, account.id, Some(now)).await?;
            account.suspended_at.get_or_insert(now);
        }
        Some(_) if !suspended => {
            db::origin_suspensions::set(tx, account.id, None).await?;
            account.suspended_at = account.suspended_at.filter(|at| Some(*at) != since);
            begin(tx, account).await?;
        }
        _ => return Ok(()),
    }
    let (account_id, below) = (account.id, i64::MAX);
    jobs::enqueue(tx, ctx, &Job::Reindex { account_id, below }).await
}

/// Has an account that is new here stand as the policies say.
pub(super) async fn begin(tx: &mut Conn, account: &mut Account) -> AppResult<()> {
    let (domain, host) = (names(&account.domain), names(&account.delivery_host));
    let rows = db::policies::among(tx, &[&domain[..], &host[..]].concat()).await?;
    let find = |name: &str| rows.iter().find(|row| row.domain == name);
    apply(
        account,
        severer(nearest(&domain, find), nearest(&host, find)),
    );
    Ok(())
}
