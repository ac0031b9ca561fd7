//! Lists of policies, in the form that Mastodon exports: taken in once, written out, or followed
//! where others keep them.

use std::collections::{HashMap, HashSet};

use url::Url;

use super::Ctx;
use super::jobs::{self, Job};
use super::policies::{self, ALLOW, BLOCK, LIMIT, NOOP, Terms, weight_of};
use crate::clock::{DAY, HOUR};
use crate::db::domain_subscriptions::Subscription;
use crate::db::policies::DomainPolicy;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::text::csv;

/// Entries of a list that are taken.
pub const MOST: usize = 50_000;
/// Policies written in one transaction.
pub const BATCH: usize = 100;
/// Lists that may be followed.
const SUBSCRIPTIONS: usize = 100;
/// How often a list is read, and how soon again where it could not be.
const EVERY: i64 = DAY;
const AGAIN: i64 = 6 * HOUR;
/// Longest comment that is taken from a list, in characters.
const MAX_COMMENT: usize = 1000;
/// The first line of a list.
const HEADER: [&str; 6] = [
    "#domain",
    "#severity",
    "#reject_media",
    "#reject_reports",
    "#public_comment",
    "#obfuscate",
];

/// A list as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct List {
    /// By domain, each once.
    pub entries: Vec<(String, Terms)>,
    /// Lines that are no entry, as they stand.
    pub invalid: Vec<String>,
}

/// Mastodon's name of a severity.
pub fn severity_name(severity: &str) -> &'static str {
    match severity {
        BLOCK => "suspend",
        LIMIT => "silence",
        _ => "noop",
    }
}

/// The severity of one of Mastodon's names, or of our own.
pub fn parse_severity(text: &str) -> Option<&'static str> {
    match text {
        "suspend" | BLOCK => Some(BLOCK),
        "silence" | LIMIT => Some(LIMIT),
        NOOP => Some(NOOP),
        _ => None,
    }
}

/// Reads a list: a table with a line of headings, or one domain a line, which is blocked.
pub fn parse(ctx: &Ctx, text: &str) -> AppResult<List> {
    let mut records = csv::records(text);
    if records.len() > MOST {
        return Err(AppError::invalid(format!(
            "the list has more than {MOST} lines"
        )));
    }
    let heading = |name: &str| name.trim().trim_start_matches('#').to_lowercase();
    let names: Vec<String> = match records.first() {
        Some(first) if first.iter().any(|name| heading(name) == "domain") => {
            let names = first.iter().map(|name| heading(name)).collect();
            records.remove(0);
            names
        }
        _ => vec!["domain".to_owned()],
    };
    let at = |name: &str| names.iter().position(|other| other == name);
    let columns = ["domain", "severity", "reject_media", "reject_reports"].map(at);
    let (comment, obfuscate) = (at("public_comment"), at("obfuscate"));
    let mut list = List::default();
    let mut seen = HashSet::new();
    for record in records {
        let field = |column: Option<usize>| {
            column
                .and_then(|n| record.get(n))
                .map_or("", |text| text.trim())
        };
        let flag = |column| matches!(field(column).to_lowercase().as_str(), "true" | "1" | "t");
        let name = field(columns[0]);
        if name.starts_with('#') {
            continue;
        }
        let severity = match field(columns[1]) {
            "" => Some(BLOCK),
            text => parse_severity(&text.to_lowercase()),
        };
        let domain = policies::proper(ctx, name.trim_start_matches("*.")).ok();
        // A name with stars in it is one that its list does not tell.
        let (Some(domain), Some(severity), false) = (domain, severity, name.contains('*')) else {
            list.invalid.push(record.join(","));
            continue;
        };
        if !seen.insert(domain.clone()) {
            continue;
        }
        let terms = Terms {
            severity: severity.to_owned(),
            reject_media: flag(columns[2]),
            reject_reports: flag(columns[3]),
            public_comment: field(comment).chars().take(MAX_COMMENT).collect(),
            private_comment: String::new(),
            obfuscate: flag(obfuscate),
        };
        list.entries.push((domain, terms));
    }
    Ok(list)
}

/// Writes policies as a list. What is allowed has no place in it.
pub fn export(policies: &[DomainPolicy]) -> String {
    let mut out = csv::line(&HEADER);
    let word = |flag: bool| if flag { "true" } else { "false" };
    for policy in policies.iter().filter(|policy| policy.severity != ALLOW) {
        out.push_str(&csv::line(&[
            &policy.domain,
            severity_name(&policy.severity),
            word(policy.reject_media),
            word(policy.reject_reports),
            &policy.public_comment,
            word(policy.obfuscate),
        ]));
    }
    out
}

/// What taking a list in comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// New policies.
    pub add: Vec<(String, Terms)>,
    /// Policies that keep out more than before, or, where the list replaces, something else.
    pub change: Vec<(String, Terms)>,
    /// Domains whose policies stay, for they keep out as much or more, or allow the domain.
    pub keep: Vec<String>,
}

/// Works out what taking a list in by hand comes to. No rule gets weaker, and what is allowed stays
/// so, unless the list is to `replace` what is there.
pub fn plan(list: &[(String, Terms)], known: &[DomainPolicy], replace: bool) -> Plan {
    let known: HashMap<&str, &DomainPolicy> =
        known.iter().map(|row| (row.domain.as_str(), row)).collect();
    let mut plan = Plan::default();
    for (domain, terms) in list {
        let Some(before) = known.get(domain.as_str()) else {
            plan.add.push((domain.clone(), terms.clone()));
            continue;
        };
        let old = Terms::of(before);
        let new = if replace {
            Terms {
                private_comment: old.private_comment.clone(),
                ..terms.clone()
            }
        } else {
            stricter(&old, terms)
        };
        // What comes with a list that is followed becomes the admin's own.
        if new == old && (before.subscription_id.is_none() || !replace) {
            plan.keep.push(domain.clone());
        } else {
            plan.change.push((domain.clone(), new));
        }
    }
    plan
}

/// A policy made stricter by another's terms; what is allowed by a decision stays.
fn stricter(old: &Terms, new: &Terms) -> Terms {
    if old.severity == ALLOW {
        return old.clone();
    }
    let severer = weight_of(&new.severity) > weight_of(&old.severity);
    Terms {
        severity: if severer {
            &new.severity
        } else {
            &old.severity
        }
        .clone(),
        reject_media: old.reject_media || new.reject_media,
        reject_reports: old.reject_reports || new.reject_reports,
        public_comment: if old.public_comment.is_empty() {
            new.public_comment.clone()
        } else {
            old.public_comment.clone()
        },
        private_comment: old.private_comment.clone(),
        obfuscate: old.obfuscate,
    }
}

/// Writes some entries of a plan, [`BATCH`] at most.
pub async fn put(tx: &mut Conn, ctx: &Ctx, some: Vec<(String, Terms)>) -> AppResult<()> {
    policies::put_some(tx, ctx, some, None).await
}

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
    let domains: Vec<String> = some.iter().map(|(domain, _)| domain.clone()).collect();
    let there = db::policies::among(tx, &domains).await?;
    let others: HashSet<&str> = there
        .iter()
        .filter(|row| row.subscription_id != Some(subscription_id))
        .map(|row| row.domain.as_str())
        .collect();
    let free = some
        .into_iter()
        .filter(|(domain, _)| !others.contains(domain.as_str()))
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
    fn an_import_weakens_nothing_unless_it_replaces() {
        let known = [
            row("blocked.example", BLOCK, None),
            row("limited.example", LIMIT, None),
            row("good.example", ALLOW, None),
        ];
        let list: Vec<(String, Terms)> = [
            ("blocked.example", LIMIT),
            ("limited.example", BLOCK),
            ("good.example", BLOCK),
            ("new.example", LIMIT),
        ]
        .map(|(domain, severity)| (domain.to_owned(), terms(severity)))
        .into();
        let names = |list: &[(String, Terms)]| -> Vec<String> {
            list.iter()
                .map(|(d, t)| format!("{d} {}", t.severity))
                .collect()
        };
        let careful = plan(&list, &known, false);
        assert_eq!(names(&careful.add), ["new.example limit"]);
        assert_eq!(names(&careful.change), ["limited.example block"]);
        assert_eq!(careful.keep, ["blocked.example", "good.example"]);
        let replaced = plan(&list, &known, true);
        assert_eq!(
            names(&replaced.change),
            [
                "blocked.example limit",
                "limited.example block",
                "good.example block"
            ]
        );
        let mut media = terms(LIMIT);
        media.reject_media = true;
        let both = plan(&[("blocked.example".to_owned(), media)], &known, false);
        assert_eq!(both.change[0].1.severity, BLOCK);
        assert!(both.change[0].1.reject_media);
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
