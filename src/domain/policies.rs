//! What this server wants of other servers: policies for domains, and the relays it listens to.

use std::collections::{HashMap, HashSet};

use url::Url;

use super::Ctx;
use super::jobs::{self, Job};
use super::{relays, severances};
use crate::db::accounts::Account;
use crate::db::policies::DomainPolicy;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};
use crate::text::names::normalize_domain;

#[cfg(test)]
mod tests;

/// Nothing is exchanged with the domain.
pub const BLOCK: &str = "block";
/// The domain's people are shown to their followers alone.
pub const LIMIT: &str = "limit";
/// All is exchanged but what the policy's other terms say, also where only what is on the list is.
pub const ALLOW: &str = "allow";

/// Nothing but what the policy's other terms say.
pub const NOOP: &str = "noop";

/// The setting that says with whom this server federates, and its value for an allow-list.
const MODE: &str = "federation_mode";
/// The setting that says since when this server is at its end.
pub(super) const SELF_DESTRUCT: &str = "self_destruct";
const ALLOW_LIST: &str = "allow-list";
const OPEN: &str = "open";

/// The policies in force, kept in memory and read anew when they change.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    by_domain: HashMap<String, DomainPolicy>,
    /// Nothing is exchanged but with domains that are allowed.
    allow_list: bool,
    /// This server is at its end.
    closing: bool,
    /// Actors of the relays that were asked for posts and agreed.
    relays: HashSet<String>,
}

/// What a policy for a host may be named: the host as it is, itself without its port, and the
/// domains above it. A dot at the end is passed over.
pub(super) fn names(host: &str) -> Vec<String> {
    let host = host.to_lowercase().replacen(".:", ":", 1);
    let mut name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host.as_str(),
    };
    name = name.strip_suffix('.').unwrap_or(name);
    let mut names = vec![host.clone()];
    loop {
        if names[0] != name {
            names.push(name.to_owned());
        }
        match name.split_once('.') {
            Some((_, above)) => name = above,
            None => return names,
        }
    }
}

/// How much a severity keeps out.
pub(super) fn weight_of(severity: &str) -> u8 {
    match severity {
        BLOCK => 2,
        LIMIT => 1,
        _ => 0,
    }
}

/// How much a policy keeps out.
fn weight(policy: &DomainPolicy) -> u8 {
    weight_of(&policy.severity)
}

/// The policy of a host among some that have been looked up: its own, else the next one above.
pub(super) fn nearest<'a>(
    names: &[String],
    find: impl Fn(&str) -> Option<&'a DomainPolicy>,
) -> Option<&'a DomainPolicy> {
    names.iter().find_map(|name| find(name))
}

/// The severer one of the policies for an account's two sides: the domain of its handle, and the
/// host of its server.
pub(super) fn severer<'a>(
    a: Option<&'a DomainPolicy>,
    b: Option<&'a DomainPolicy>,
) -> Option<&'a DomainPolicy> {
    match (a, b) {
        (Some(a), Some(b)) if weight(b) > weight(a) => Some(b),
        (Some(a), _) => Some(a),
        (None, b) => b,
    }
}

/// Host and port of a URL.
fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

impl Policies {
    /// Reads them all.
    pub async fn load(conn: &mut Conn) -> AppResult<Policies> {
        let rows = db::policies::all(conn).await?;
        let relays = db::relays::all(conn).await?.into_iter();
        Ok(Policies {
            by_domain: rows.into_iter().map(|p| (p.domain.clone(), p)).collect(),
            allow_list: db::policies::setting(conn, MODE).await?.as_deref() == Some(ALLOW_LIST),
            closing: db::policies::setting(conn, SELF_DESTRUCT).await?.is_some(),
            relays: relays
                .filter(|relay| relay.state == relays::ACCEPTED)
                .map(|relay| relay.actor_uri)
                .collect(),
        })
    }

    /// All of them, in no order.
    pub fn all(&self) -> impl Iterator<Item = &DomainPolicy> {
        self.by_domain.values()
    }

    /// Whether nothing is exchanged but with domains that are allowed.
    pub fn is_allow_list(&self) -> bool {
        self.allow_list
    }

    /// Whether this server is at its end: nobody comes in any more.
    pub fn is_closing(&self) -> bool {
        self.closing
    }

    /// Whether an actor speaks for a relay that was asked for posts and agreed.
    pub fn is_relay(&self, actor: &str) -> bool {
        self.relays.contains(actor)
    }

    /// The policy for a host or domain: its own, or that of a domain above it. A port is
    /// passed over unless the policy names it, and a dot at the end is.
    pub fn of(&self, host: &str) -> Option<&DomainPolicy> {
        if self.by_domain.is_empty() {
            return None;
        }
        nearest(&names(host), |name| self.by_domain.get(name))
    }

    /// The policy for an account elsewhere.
    pub fn of_account(&self, account: &Account) -> Option<&DomainPolicy> {
        severer(self.of(&account.domain), self.of(&account.delivery_host))
    }

    /// Whether a time at which an account was suspended or limited is that of a policy for it.
    pub fn made_at(&self, account: &Account, at: i64) -> bool {
        [&account.domain, &account.delivery_host]
            .iter()
            .flat_map(|host| names(host))
            .any(|name| {
                self.by_domain
                    .get(&name)
                    .is_some_and(|p| p.created_at == at)
            })
    }

    /// Whether nothing is exchanged with a host.
    pub fn blocks(&self, host: &str) -> bool {
        match self.of(host) {
            Some(policy) if self.allow_list => policy.severity != ALLOW,
            Some(policy) => policy.severity == BLOCK,
            None => self.allow_list,
        }
    }

    /// Whether a policy blocks a host by its name, whichever servers federate with this one: what
    /// is asked of pages that are linked to.
    pub fn shuns(&self, host: &str) -> bool {
        self.of(host).is_some_and(|p| p.severity == BLOCK)
    }

    /// Whether no files are taken from a host, nor any of its people's.
    pub fn rejects_media(&self, host: &str) -> bool {
        self.of(host)
            .is_some_and(|p| p.reject_media || p.severity == BLOCK)
    }

    /// Whether no files of an account elsewhere are taken.
    pub fn rejects_media_of(&self, account: &Account) -> bool {
        !account.is_local()
            && [&account.domain, &account.delivery_host]
                .iter()
                .any(|host| self.rejects_media(host) || self.blocks(host))
    }

    /// Whether a file is not to be fetched: by where it is. What people of an allowed server show
    /// may be kept anywhere.
    pub fn rejects_file(&self, url: &Url) -> bool {
        self.rejects_media(&host_of(url))
    }

    /// Whether reports from an account elsewhere are not taken.
    pub fn rejects_reports_of(&self, account: &Account) -> bool {
        [&account.domain, &account.delivery_host]
            .iter()
            .filter_map(|host| self.of(host))
            .any(|policy| policy.reject_reports)
    }
}

/// What a policy says besides which domain it is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// `noop`, `allow`, `limit` or `block`.
    pub severity: String,
    pub reject_media: bool,
    pub reject_reports: bool,
    /// Why, for everyone to read.
    pub public_comment: String,
    /// Why, for admins.
    pub private_comment: String,
    /// Whether the public list shows a part of the name alone.
    pub obfuscate: bool,
}

impl Terms {
    /// Those of a policy.
    pub fn of(policy: &DomainPolicy) -> Terms {
        Terms {
            severity: policy.severity.clone(),
            reject_media: policy.reject_media,
            reject_reports: policy.reject_reports,
            public_comment: policy.public_comment.clone(),
            private_comment: policy.private_comment.clone(),
            obfuscate: policy.obfuscate,
        }
    }

    /// Whether they keep out more than a policy does, or as much, with no term weaker.
    fn cover(&self, policy: &DomainPolicy) -> bool {
        if self.severity == BLOCK {
            return true;
        }
        weight_of(&self.severity) >= weight(policy)
            && (self.reject_media || !policy.reject_media)
            && (self.reject_reports || !policy.reject_reports)
    }
}

/// Whether terms for a domain would let in what the policy for a domain above it keeps out: of a
/// host's names the nearest counts alone.
pub(super) fn lets_in<'a>(
    domain: &str,
    terms: &Terms,
    find: impl Fn(&str) -> Option<&'a DomainPolicy>,
) -> bool {
    nearest(names(domain).get(1..).unwrap_or_default(), find)
        .is_some_and(|above| above.severity != ALLOW && !terms.cover(above))
}

/// Longest comment, in characters.
const MAX_COMMENT: usize = 2000;

/// Sets the policy for a domain (and those under it), in the place of the one it had.
pub async fn set(
    tx: &mut Conn,
    ctx: &Ctx,
    domain: &str,
    severity: &str,
    public_comment: &str,
    private_comment: &str,
) -> AppResult<DomainPolicy> {
    let terms = Terms {
        severity: severity.to_owned(),
        public_comment: public_comment.to_owned(),
        private_comment: private_comment.to_owned(),
        ..Terms::default()
    };
    put(tx, ctx, domain, terms).await
}

/// The same with all its terms. Accounts that are known here stand as it says soon after.
pub async fn put(tx: &mut Conn, ctx: &Ctx, domain: &str, terms: Terms) -> AppResult<DomainPolicy> {
    let domain = proper(ctx, domain)?;
    let (row, changed) = store(tx, ctx, domain, terms, None).await?;
    if changed {
        stand(tx, ctx, &row).await?;
    }
    Ok(row)
}

/// The same of some domains in one transaction, all in the usual form and of the same list, or the
/// admin's own; gives the policies.
pub(super) async fn put_some(
    tx: &mut Conn,
    ctx: &Ctx,
    some: Vec<(String, Terms)>,
    subscription_id: Option<i64>,
) -> AppResult<Vec<DomainPolicy>> {
    let (mut rows, mut changed) = (Vec::with_capacity(some.len()), Vec::new());
    for (domain, terms) in some {
        let (row, moved) = store(tx, ctx, domain, terms, subscription_id).await?;
        if moved {
            changed.push((row.domain.clone(), row.created_at));
        }
        rows.push(row);
    }
    stand_all(tx, ctx, changed).await?;
    Ok(rows)
}

/// A domain in its usual form, of which there can be a policy.
pub fn proper(ctx: &Ctx, domain: &str) -> AppResult<String> {
    let domain = normalize_domain(domain.trim())
        .ok_or_else(|| AppError::invalid(format!("{domain:?} is no domain")))?;
    if ctx.config.is_our_domain(&domain) {
        return Err(AppError::invalid("This is our own domain"));
    }
    Ok(domain)
}

/// Writes a policy; whether accounts stand differently under it.
async fn store(
    tx: &mut Conn,
    ctx: &Ctx,
    domain: String,
    terms: Terms,
    subscription_id: Option<i64>,
) -> AppResult<(DomainPolicy, bool)> {
    let long = |text: &str| text.chars().count() > MAX_COMMENT;
    if long(&terms.public_comment) || long(&terms.private_comment) {
        return Err(AppError::invalid(format!(
            "Validation failed: Comment is too long (maximum is {MAX_COMMENT} characters)"
        )));
    }
    let before = of_proper(tx, &domain).await?;
    let row = DomainPolicy {
        domain,
        severity: terms.severity,
        reject_media: terms.reject_media,
        reject_reports: terms.reject_reports,
        public_comment: terms.public_comment,
        private_comment: terms.private_comment,
        // Accounts that it suspended or limited bear this time.
        created_at: before
            .as_ref()
            .map_or(ctx.now(), |policy| policy.created_at),
        id: before
            .as_ref()
            .map_or_else(|| ctx.ids.next(), |policy| policy.id),
        obfuscate: terms.obfuscate,
        subscription_id,
    };
    db::policies::set(tx, &row).await?;
    tx.emit(Event::of(Kind::PolicyChanged, 0));
    if let Some(before) = &before
        && before.severity == BLOCK
        && row.severity != BLOCK
    {
        severances::over(tx, before).await?;
    }
    let changed = before.is_none_or(|policy| policy.severity != row.severity);
    Ok((row, changed))
}

/// What became of a policy that an admin wanted to make.
#[derive(Debug)]
pub enum Created {
    Done(Box<DomainPolicy>),
    /// The domain has one, or is under one that keeps out more: this one.
    Exists(Box<DomainPolicy>),
}

/// Makes a policy for a domain that has none yet, or one that allows it: what the admin API does.
pub async fn create(tx: &mut Conn, ctx: &Ctx, domain: &str, terms: Terms) -> AppResult<Created> {
    let domain = proper(ctx, domain)?;
    let names = names(&domain);
    let rows = db::policies::among(tx, &names).await?;
    let blocks: Vec<DomainPolicy> = rows
        .into_iter()
        .filter(|row| row.severity != ALLOW)
        .collect();
    let found = nearest(&names, |name| blocks.iter().find(|row| row.domain == name));
    if let Some(existing) = found
        && (existing.domain == domain || !terms.cover(existing))
    {
        return Ok(Created::Exists(Box::new(existing.clone())));
    }
    let policy = put(tx, ctx, &domain, terms).await?;
    Ok(Created::Done(Box::new(policy)))
}

/// Allows a domain; one that is allowed already stays as it is, one that has another policy is
/// refused, so that nothing is weakened unseen.
pub async fn allow(tx: &mut Conn, ctx: &Ctx, domain: &str) -> AppResult<DomainPolicy> {
    let domain = proper(ctx, domain)?;
    match of_proper(tx, &domain).await? {
        Some(policy) if policy.severity == ALLOW => Ok(policy),
        Some(_) => Err(AppError::invalid(
            "Validation failed: Domain is blocked, lift its block first",
        )),
        None => {
            let terms = Terms {
                severity: ALLOW.to_owned(),
                ..Terms::default()
            };
            put(tx, ctx, &domain, terms).await
        }
    }
}

/// The policy for a domain itself, however it is written; 422 for what is no domain.
pub async fn of_domain(conn: &mut Conn, domain: &str) -> AppResult<Option<DomainPolicy>> {
    let domain = normalize_domain(domain.trim())
        .ok_or_else(|| AppError::invalid(format!("{domain:?} is no domain")))?;
    of_proper(conn, &domain).await
}

async fn of_proper(conn: &mut Conn, domain: &str) -> AppResult<Option<DomainPolicy>> {
    let rows = db::policies::among(conn, &[domain.to_owned()]).await?;
    Ok(rows.into_iter().next())
}

/// Has the accounts that a policy is about stand as the policies say.
async fn stand(tx: &mut Conn, ctx: &Ctx, policy: &DomainPolicy) -> AppResult<()> {
    let job = Job::Standing {
        domain: policy.domain.clone(),
        stamp: policy.created_at,
    };
    jobs::enqueue(tx, ctx, &job).await
}

/// The same of some domains, with the times at which their policies were made: one job, for looking
/// which domains are known here is most of its work.
async fn stand_all(tx: &mut Conn, ctx: &Ctx, changed: Vec<(String, i64)>) -> AppResult<()> {
    if changed.is_empty() {
        return Ok(());
    }
    jobs::enqueue(tx, ctx, &Job::Standings { changed }).await
}

/// Says that no files are to be taken from a domain that has a policy, or that they are again;
/// 404 where it has none.
pub async fn reject_media(tx: &mut Conn, domain: &str, reject: bool) -> AppResult<DomainPolicy> {
    let policy = of_proper(tx, domain)
        .await?
        .ok_or_else(AppError::not_found)?;
    let row = DomainPolicy {
        reject_media: reject,
        ..policy
    };
    db::policies::set(tx, &row).await?;
    tx.emit(Event::of(Kind::PolicyChanged, 0));
    Ok(row)
}

/// Lifts a domain's policy; false when there was none. Accounts stand as before soon after.
pub async fn lift(tx: &mut Conn, ctx: &Ctx, domain: &str) -> AppResult<bool> {
    let Some(policy) = of_domain(tx, domain).await? else {
        return Ok(false);
    };
    lift_some(tx, ctx, vec![policy]).await?;
    Ok(true)
}

/// Lifts some policies in one transaction.
pub(super) async fn lift_some(tx: &mut Conn, ctx: &Ctx, some: Vec<DomainPolicy>) -> AppResult<()> {
    let mut changed = Vec::with_capacity(some.len());
    for policy in some {
        db::policies::remove(tx, &policy.domain).await?;
        if policy.severity == BLOCK {
            severances::over(tx, &policy).await?;
        }
        changed.push((policy.domain, policy.created_at));
    }
    tx.emit(Event::of(Kind::PolicyChanged, 0));
    stand_all(tx, ctx, changed).await
}

/// Says with whom this server federates: with all that no policy blocks (`open`), or with those
/// alone that are allowed (`allow-list`).
pub async fn set_mode(tx: &mut Conn, mode: &str) -> AppResult<()> {
    if ![OPEN, ALLOW_LIST].contains(&mode) {
        return Err(AppError::invalid(format!(
            "{mode:?} is neither {OPEN} nor {ALLOW_LIST}"
        )));
    }
    db::policies::set_setting(tx, MODE, mode).await?;
    tx.emit(Event::of(Kind::PolicyChanged, 0));
    Ok(())
}

/// The mode in force.
pub fn mode(policies: &Policies) -> &'static str {
    if policies.is_allow_list() {
        ALLOW_LIST
    } else {
        OPEN
    }
}
