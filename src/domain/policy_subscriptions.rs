//! Lists of policies that others keep and this server follows.

use std::collections::{HashMap, HashSet};

use url::Url;

use super::Ctx;
use super::jobs::{self, Job};
use super::policies::{self, NOOP, Terms, lets_in, weight_of};
use super::policy_lists::{BATCH, List, parse_severity};
use crate::clock::{DAY, HOUR};
use crate::db::domain_subscriptions::Subscription;
use crate::db::policies::DomainPolicy;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};

/// Lists that may be followed.
const SUBSCRIPTIONS: usize = 100;
/// How often a list is read, and how soon again where it could not be.
const EVERY: i64 = DAY;
const AGAIN: i64 = 6 * HOUR;

/// Follows a list: it is read soon, and every day from then on.
pub async fn subscribe(
    tx: &mut Conn,
    ctx: &Ctx,
    url: &str,
    severity_limit: &str,
) -> AppResult<Subscription> {
    let url = Url::parse(url)
        .ok()
        .filter(|url| matches!(url.scheme(), "https" | "http") && url.host_str().is_some())
        .ok_or_else(|| AppError::invalid(format!("{url:?} is no address of a list")))?;
    let limit = parse_severity(severity_limit)
        .ok_or_else(|| AppError::invalid(format!("{severity_limit:?} is no severity")))?;
    let known = db::domain_subscriptions::all(tx).await?;
    if known.len() >= SUBSCRIPTIONS {
        return Err(AppError::invalid("there are too many subscriptions"));
    }
    if known.iter().any(|other| other.url == url.as_str()) {
        return Err(AppError::invalid("this list is followed already"));
    }
    let row = Subscription {
        id: ctx.ids.next(),
        url: url.into(),
        severity_limit: limit.to_owned(),
        entries: 0,
        fetched_at: None,
        last_error: String::new(),
        created_at: ctx.now(),
    };
    db::domain_subscriptions::insert(tx, &row).await?;
    let subscription_id = row.id;
    jobs::enqueue(tx, ctx, &Job::DomainList { subscription_id }).await?;
    Ok(row)
}

/// Follows a list (by its address or id) no more: its entries are withdrawn soon after. 404 for one
/// that is not followed.
pub async fn unsubscribe(tx: &mut Conn, ctx: &Ctx, wanted: &str) -> AppResult<Subscription> {
    let found = db::domain_subscriptions::all(tx)
        .await?
        .into_iter()
        .find(|one| one.url == wanted || one.id.to_string() == wanted)
        .ok_or_else(AppError::not_found)?;
    db::domain_subscriptions::remove(tx, found.id).await?;
    // The job that finds the list followed no more withdraws its entries.
    let subscription_id = found.id;
    let job = Job::DomainList { subscription_id };
    jobs::cancel(tx, &job).await?;
    jobs::enqueue(tx, ctx, &job).await?;
    Ok(found)
}

/// Withdraws some of the entries of a list; true while there may be more.
pub async fn withdraw(tx: &mut Conn, ctx: &Ctx, subscription_id: i64) -> AppResult<bool> {
    let some = db::policies::of_subscription(tx, subscription_id, BATCH as i64).await?;
    if some.is_empty() {
        return Ok(false);
    }
    let more = some.len() >= BATCH;
    policies::lift_some(tx, ctx, some).await?;
    Ok(more)
}

/// What a list that was read comes to, besides what is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// Entries to write.
    pub put: Vec<(String, Terms)>,
    /// Entries that the list does not have any more.
    pub withdraw: Vec<String>,
    /// How many entries are in force by the list then.
    pub entries: i64,
}

/// Works out what a list comes to that is followed. The admin's own policies, and those that came
/// with another list, stay as they are.
pub fn update(of: &Subscription, list: &List, known: &[DomainPolicy]) -> Update {
    let known: HashMap<&str, &DomainPolicy> =
        known.iter().map(|row| (row.domain.as_str(), row)).collect();
    let mut update = Update::default();
    let mut listed = HashSet::new();
    for (domain, terms) in &list.entries {
        let mut terms = terms.clone();
        if weight_of(&terms.severity) > weight_of(&of.severity_limit) {
            terms.severity.clone_from(&of.severity_limit);
        }
        if terms.severity == NOOP && !terms.reject_media && !terms.reject_reports {
            continue;
        }
        let before = known.get(domain.as_str());
        if before.is_some_and(|row| row.subscription_id != Some(of.id)) {
            continue;
        }
        if lets_in(domain, &terms, |name| known.get(name).copied()) {
            continue;
        }
        listed.insert(domain.as_str());
        if before.is_none_or(|row| Terms::of(row) != terms) {
            update.put.push((domain.clone(), terms));
        }
    }
    update.entries = listed.len() as i64;
    update.withdraw = known
        .values()
        .filter(|row| row.subscription_id == Some(of.id) && !listed.contains(&*row.domain))
        .map(|row| row.domain.clone())
        .collect();
    update
}

/// Writes some entries of a list, [`BATCH`] at most: those that nobody made a policy for meanwhile.
/// False when the list is not followed any more.
pub async fn put_of(
    tx: &mut Conn,
    ctx: &Ctx,
    subscription_id: i64,
    some: Vec<(String, Terms)>,
) -> AppResult<bool> {
    if db::domain_subscriptions::by_id(tx, subscription_id)
        .await?
        .is_none()
    {
        return Ok(false);
    }
    let domains: Vec<String> = some
        .iter()
        .flat_map(|(domain, _)| policies::names(domain))
        .collect();
    let there = db::policies::among(tx, &domains).await?;
    let there: HashMap<&str, &DomainPolicy> =
        there.iter().map(|row| (row.domain.as_str(), row)).collect();
    let free = some
        .into_iter()
        .filter(|(domain, terms)| {
            let others = there
                .get(domain.as_str())
                .is_some_and(|row| row.subscription_id != Some(subscription_id));
            !others && !lets_in(domain, terms, |name| there.get(name).copied())
        })
        .collect();
    policies::put_some(tx, ctx, free, Some(subscription_id)).await?;
    Ok(true)
}

/// Withdraws some entries that the list does not have any more, [`BATCH`] at most.
pub async fn withdraw_some(
    tx: &mut Conn,
    ctx: &Ctx,
    subscription_id: i64,
    domains: &[String],
) -> AppResult<()> {
    let mut rows = db::policies::among(tx, domains).await?;
    rows.retain(|row| row.subscription_id == Some(subscription_id));
    if rows.is_empty() {
        return Ok(());
    }
    policies::lift_some(tx, ctx, rows).await
}

/// Notes how reading a list went (how many entries it has in force, or why it could not be read),
/// and when it is read next.
pub async fn was_read(
    tx: &mut Conn,
    ctx: &Ctx,
    subscription_id: i64,
    outcome: Result<i64, String>,
) -> AppResult<()> {
    let Some(mut row) = db::domain_subscriptions::by_id(tx, subscription_id).await? else {
        return Ok(());
    };
    let now = ctx.now();
    let next = match outcome {
        Ok(entries) => {
            row.entries = entries;
            row.fetched_at = Some(now);
            row.last_error = String::new();
            EVERY
        }
        Err(error) => {
            row.last_error = error;
            AGAIN
        }
    };
    db::domain_subscriptions::update(tx, &row).await?;
    jobs::enqueue_at(tx, ctx, &Job::DomainList { subscription_id }, now + next).await
}

#[cfg(test)]
mod tests {
    use super::super::policies::{BLOCK, LIMIT};
    use super::*;

    fn terms(severity: &str) -> Terms {
        Terms {
            severity: severity.to_owned(),
            ..Terms::default()
        }
    }

    fn row(domain: &str, severity: &str, subscription_id: Option<i64>) -> DomainPolicy {
        DomainPolicy {
            domain: domain.to_owned(),
            severity: severity.to_owned(),
            reject_media: false,
            reject_reports: false,
            public_comment: String::new(),
            private_comment: String::new(),
            created_at: 1,
            id: 1,
            obfuscate: false,
            subscription_id,
        }
    }

    #[test]
    fn a_followed_list_changes_its_own_entries_alone() {
        let of = Subscription {
            id: 7,
            url: String::new(),
            severity_limit: LIMIT.to_owned(),
            entries: 0,
            fetched_at: None,
            last_error: String::new(),
            created_at: 1,
        };
        let known = [
            row("own.example", LIMIT, None),
            row("theirs.example", BLOCK, Some(8)),
            row("gone.example", LIMIT, Some(7)),
            row("same.example", LIMIT, Some(7)),
        ];
        let entries = [
            ("own.example", BLOCK),
            ("theirs.example", LIMIT),
            ("same.example", BLOCK),
            ("new.example", BLOCK),
            ("nothing.example", NOOP),
        ]
        .map(|(domain, severity)| (domain.to_owned(), terms(severity)))
        .into();
        let list = List {
            entries,
            invalid: Vec::new(),
        };
        let update = update(&of, &list, &known);
        assert_eq!(update.put, [("new.example".to_owned(), terms(LIMIT))]);
        assert_eq!(update.withdraw, ["gone.example"]);
        assert_eq!(update.entries, 2);
    }
}
