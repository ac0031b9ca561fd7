//! Notifications in groups (Mastodon documentation, methods/grouped_notifications).
//!
//! The newest groups of an account are kept in memory; with them the page is put together from
//! prepared accounts and statuses alone.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use super::account::{self, acct, picture};
use super::status::{self, Mode, Reader};
use super::{account_warning, collection, report, severance};
use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::notifications::{Filter, Group, Notification};
use crate::db::relations::Page;
use crate::domain::notifications::Type;
use crate::error::AppResult;

/// Groups kept in memory for an account: the largest page.
pub const MOST: i64 = 80;

/// A group, or a notification that stands alone, as a page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub key: String,
    pub kind: String,
    pub status_id: Option<i64>,
    /// What else it is about.
    pub subject_id: Option<i64>,
    /// The newest notification; the page goes by it.
    pub newest_id: i64,
    /// The oldest that belongs to the page.
    pub oldest_id: i64,
    pub newest_at: i64,
    pub total: i64,
    /// The newest senders.
    pub senders: Vec<i64>,
}

impl Shown {
    fn of_group(group: Group) -> Shown {
        Shown {
            senders: group.senders(),
            key: group.group_key,
            kind: group.kind,
            status_id: group.status_id,
            // Kinds with another subject are not shown in groups.
            subject_id: None,
            newest_id: group.newest_id,
            oldest_id: group.oldest_id,
            newest_at: group.newest_at,
            total: group.total,
        }
    }

    /// A notification by itself, whatever group it is in.
    fn alone(row: Notification) -> Shown {
        Shown {
            key: format!("ungrouped-{}", row.id),
            kind: row.kind,
            status_id: row.status_id,
            subject_id: row.subject_id,
            newest_id: row.id,
            oldest_id: row.id,
            newest_at: row.created_at,
            total: 1,
            senders: vec![row.from_account_id],
        }
    }
}

/// Of the kinds that are shown in groups, those that a client does not name. `None`: it names
/// none, and takes all.
pub fn apart(grouped_types: Option<&[String]>) -> Vec<String> {
    let Some(wanted) = grouped_types else {
        return Vec::new();
    };
    Type::ALL
        .iter()
        .filter(|kind| kind.is_grouped())
        .map(|kind| kind.as_str().to_owned())
        .filter(|kind| !wanted.contains(kind))
        .collect()
}

/// One page of groups, newest first: from memory where it is the plain first one, else in three
/// statements at most.
pub async fn page(
    app: &App,
    owner: i64,
    filter: Filter,
    apart: Vec<String>,
    page: Page,
) -> AppResult<Arc<Vec<Shown>>> {
    let plain = filter.is_plain()
        && apart.is_empty()
        && (page.max_id, page.since_id, page.min_id) == (None, None, None);
    if !plain {
        return Ok(Arc::new(load(app, owner, filter, apart, page).await?));
    }
    let newest = match app.caches.notification_groups.get(&owner) {
        Some(newest) => newest,
        None => {
            let ticket = app.caches.notification_groups.ticket();
            let most = Page {
                limit: MOST,
                ..page
            };
            let newest = Arc::new(load(app, owner, filter, apart, most).await?);
            app.caches
                .notification_groups
                .put(ticket, owner, newest.clone());
            newest
        }
    };
    let limit = usize::try_from(page.limit).unwrap_or_default();
    if newest.len() <= limit {
        return Ok(newest);
    }
    Ok(Arc::new(newest[..limit].to_vec()))
}

async fn load(
    app: &App,
    owner: i64,
    filter: Filter,
    apart: Vec<String>,
    page: Page,
) -> AppResult<Vec<Shown>> {
    app.read(move |c| {
        Box::pin(async move {
            let groups = db::notifications::groups(c, owner, &filter, &apart, page).await?;
            let alone = db::notifications::alone(c, owner, &filter, &apart, page).await?;
            let mut shown: Vec<Shown> = groups
                .into_iter()
                .map(Shown::of_group)
                .chain(alone.into_iter().map(Shown::alone))
                .collect();
            shown.sort_by_key(|one| std::cmp::Reverse(one.newest_id));
            let limit = usize::try_from(page.limit).unwrap_or_default();
            if page.min_id.is_some() {
                // The page next to the cursor: what is newest is left for the next one.
                shown.drain(..shown.len().saturating_sub(limit));
            } else {
                shown.truncate(limit);
            }
            let Some(after) = page.min_id.or(page.since_id) else {
                return Ok(shown);
            };
            // Of a group that is older than the cursor, the part after it belongs to the page.
            let cut: Vec<String> = shown
                .iter()
                .filter(|one| one.oldest_id <= after)
                .map(|one| one.key.clone())
                .collect();
            let oldest = db::notifications::oldest_after(c, owner, &cut, after).await?;
            let oldest: HashMap<String, i64> = oldest.into_iter().collect();
            for one in &mut shown {
                if let Some(id) = oldest.get(&one.key) {
                    one.oldest_id = *id;
                }
            }
            Ok(shown)
        })
    })
    .await
}

/// The group of a key, if the account has it.
pub async fn one(app: &App, owner: i64, key: String) -> AppResult<Option<Shown>> {
    app.read(move |c| {
        Box::pin(async move {
            if let Some(id) = crate::domain::notifications::ungrouped(&key) {
                let row = db::notifications::by_id(c, owner, id).await?;
                return Ok(row.filter(|row| !row.kith).map(Shown::alone));
            }
            let group = db::notifications::group(c, owner, &key).await?;
            Ok(group.map(Shown::of_group))
        })
    })
    .await
}

/// Which accounts are shown whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expand {
    #[default]
    Full,
    /// The first of each group; of the others what an avatar needs.
    PartialAvatars,
}

#[derive(Serialize)]
struct Entity<'a> {
    group_key: &'a str,
    notifications_count: i64,
    #[serde(rename = "type")]
    kind: &'a str,
    most_recent_notification_id: String,
    page_min_id: String,
    page_max_id: String,
    latest_page_notification_at: String,
    sample_account_ids: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    collection: Option<&'a collection::Entity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<&'a report::Entity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moderation_warning: Option<&'a account_warning::Entity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a severance::Entity>,
}

/// `PartialAccountWithAvatar`.
#[derive(Serialize)]
struct Partial<'a> {
    id: String,
    acct: String,
    url: &'a str,
    avatar: &'a str,
    avatar_static: &'a str,
    avatar_description: &'a str,
    locked: bool,
    bot: bool,
}

/// `GroupedNotificationsResults`, as JSON. Groups about a status that is gone or out of sight
/// are left out.
pub async fn results(app: &App, owner: i64, groups: &[Shown], expand: Expand) -> AppResult<String> {
    let reader = Reader::of(app, owner).await?;
    let mut ids: Vec<i64> = groups.iter().filter_map(|group| group.status_id).collect();
    let mut seen = std::collections::HashSet::with_capacity(ids.len());
    ids.retain(|id| seen.insert(*id));
    let statuses = status::page(app, &ids, Some(&reader), Mode::Visible).await?;
    let visible: std::collections::HashSet<i64> = statuses.ids.iter().copied().collect();
    let subjects = groups
        .iter()
        .filter(|group| collection::is_about(&group.kind))
        .filter_map(|group| group.subject_id);
    let collections = collection::by_ids(app, owner, subjects.collect()).await?;
    let subjects = |about: fn(&str) -> bool| -> Vec<i64> {
        let groups = groups.iter().filter(|group| about(&group.kind));
        groups.filter_map(|group| group.subject_id).collect()
    };
    let reports = report::by_ids(app, subjects(report::is_about)).await?;
    let warnings = account_warning::by_ids(app, subjects(account_warning::is_about)).await?;
    let events = severance::by_ids(app, owner, subjects(severance::is_about)).await?;
    let mut senders: Vec<i64> = groups
        .iter()
        .flat_map(|group| group.senders.iter().copied())
        .collect();
    senders.sort_unstable();
    senders.dedup();
    let known = account::json(app, &senders).await?;
    let mut whole: Vec<i64> = Vec::new();
    let mut partial: Vec<i64> = Vec::new();
    let mut shown = Vec::with_capacity(groups.len());
    for group in groups {
        if group.status_id.is_some_and(|id| !visible.contains(&id)) {
            continue;
        }
        let subject = group
            .subject_id
            .filter(|_| collection::is_about(&group.kind));
        let collection = subject.and_then(|id| collections.get(&id));
        if subject.is_some() && collection.is_none() {
            continue;
        }
        let other = group.subject_id.unwrap_or_default();
        let report = reports
            .get(&other)
            .filter(|_| report::is_about(&group.kind));
        let warning = warnings
            .get(&other)
            .filter(|_| account_warning::is_about(&group.kind));
        let event = events
            .get(&other)
            .filter(|_| severance::is_about(&group.kind));
        let lacks = (report::is_about(&group.kind) && report.is_none())
            || (account_warning::is_about(&group.kind) && warning.is_none())
            || (severance::is_about(&group.kind) && event.is_none());
        if lacks {
            continue;
        }
        let samples: Vec<i64> = group
            .senders
            .iter()
            .copied()
            .filter(|id| known.contains_key(id))
            .collect();
        if samples.is_empty() {
            continue;
        }
        for (n, id) in samples.iter().enumerate() {
            if n == 0 || expand == Expand::Full {
                whole.push(*id);
            } else {
                partial.push(*id);
            }
        }
        shown.push(Entity {
            group_key: &group.key,
            notifications_count: group.total,
            kind: &group.kind,
            most_recent_notification_id: group.newest_id.to_string(),
            page_min_id: group.oldest_id.to_string(),
            page_max_id: group.newest_id.to_string(),
            latest_page_notification_at: iso(group.newest_at),
            sample_account_ids: samples.iter().map(i64::to_string).collect(),
            status_id: group.status_id.map(|id| id.to_string()),
            collection,
            report,
            moderation_warning: warning,
            event,
        });
    }
    whole.sort_unstable();
    whole.dedup();
    partial.sort_unstable();
    partial.dedup();
    partial.retain(|id| whole.binary_search(id).is_err());
    let mut out = String::with_capacity(whole.len() * 1000 + ids.len() * 2500 + 4096);
    out.push_str("{\"accounts\":[");
    let accounts = whole.iter().filter_map(|id| known.get(id));
    for (n, json) in accounts.enumerate() {
        if n > 0 {
            out.push(',');
        }
        out.push_str(json);
    }
    out.push(']');
    if expand == Expand::PartialAvatars {
        out.push_str(",\"partial_accounts\":");
        out.push_str(&partials(app, &partial).await?);
    }
    out.push_str(",\"statuses\":");
    out.push_str(&statuses.json());
    out.push_str(",\"notification_groups\":");
    out.push_str(&serde_json::to_string(&shown)?);
    out.push('}');
    Ok(out)
}

async fn partials(app: &App, ids: &[i64]) -> AppResult<String> {
    let mut people = Vec::with_capacity(ids.len());
    for id in ids {
        people.extend(app.account(*id).await?);
    }
    let pictures: Vec<String> = people
        .iter()
        .map(|account| picture(&app.config, &account.avatar, "/static/avatar.png"))
        .collect();
    let list: Vec<Partial<'_>> = people
        .iter()
        .zip(&pictures)
        .map(|(account, avatar)| Partial {
            id: account.id.to_string(),
            acct: acct(account),
            url: if account.url.is_empty() {
                &account.uri
            } else {
                &account.url
            },
            avatar,
            avatar_static: avatar,
            avatar_description: &account.avatar_description,
            locked: account.locked,
            bot: matches!(account.kind.as_str(), "Service" | "Application"),
        })
        .collect();
    Ok(serde_json::to_string(&list)?)
}

/// How many groups an account has after a position, at most `limit`.
pub async fn count_after(
    app: &App,
    owner: i64,
    filter: Filter,
    apart: Vec<String>,
    after: i64,
    limit: i64,
) -> AppResult<usize> {
    let page = Page {
        since_id: Some(after),
        limit,
        ..Page::default()
    };
    Ok(load(app, owner, filter, apart, page).await?.len())
}
