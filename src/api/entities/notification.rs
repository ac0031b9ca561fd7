//! Notifications.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::status::{self, Mode, Reader};
use super::{account, account_warning, collection, raw, report, severance};
use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::notifications::Notification;
use crate::domain::filters::Context;
use crate::error::AppResult;

/// `Notification`.
#[derive(Debug, Serialize)]
pub struct Entity {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    group_key: String,
    created_at: String,
    account: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    collection: Option<collection::Entity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<report::Entity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moderation_warning: Option<account_warning::Entity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<severance::Entity>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    filtered: bool,
}

/// The name of the group that a notification is in; one that stands alone has a name of its own.
pub fn group_key(row: &Notification) -> String {
    if row.group_key.is_empty() {
        format!("ungrouped-{}", row.id)
    } else {
        row.group_key.clone()
    }
}

/// Shows notifications to their owner. One about a status or collection that is gone or out of
/// sight is left out, and so are Kith's own kinds: no client of Mastodon's API knows them.
pub async fn render(app: &App, owner: i64, rows: &[Notification]) -> AppResult<Vec<(i64, Entity)>> {
    let reader = Reader::of(app, owner).await?.within(Context::Notifications);
    let ids: Vec<i64> = rows.iter().filter_map(|n| n.status_id).collect();
    let statuses = status::page(app, &ids, Some(&reader), Mode::Visible).await?;
    let authors: Vec<i64> = rows.iter().map(|n| n.from_account_id).collect();
    let accounts = account::json(app, &authors).await?;
    let mut shown: HashMap<i64, Box<RawValue>> = HashMap::new();
    for id in &ids {
        if let Some(json) = statuses.one(*id).and_then(|json| raw(&json)) {
            shown.insert(*id, json);
        }
    }
    let subjects = rows
        .iter()
        .filter(|row| collection::is_about(&row.kind))
        .filter_map(|row| row.subject_id);
    let collections = collection::by_ids(app, owner, subjects.collect()).await?;
    let subjects = |about: fn(&str) -> bool| -> Vec<i64> {
        let rows = rows.iter().filter(|row| about(&row.kind));
        rows.filter_map(|row| row.subject_id).collect()
    };
    let reports = report::by_ids(app, subjects(report::is_about)).await?;
    let warnings = account_warning::by_ids(app, subjects(account_warning::is_about)).await?;
    let events = severance::by_ids(app, owner, subjects(severance::is_about)).await?;
    let mut entities = Vec::with_capacity(rows.len());
    for row in rows.iter().filter(|row| !row.kith) {
        let Some(account) = accounts
            .get(&row.from_account_id)
            .and_then(|json| raw(json))
        else {
            continue;
        };
        let status = match row.status_id {
            Some(id) => match shown.get(&id) {
                Some(status) => Some(status.clone()),
                None => continue,
            },
            None => None,
        };
        let subject = row.subject_id.filter(|_| collection::is_about(&row.kind));
        let collection = match subject {
            Some(id) => match collections.get(&id) {
                Some(collection) => Some(collection.clone()),
                None => continue,
            },
            None => None,
        };
        let subject = row.subject_id.unwrap_or_default();
        let report = reports
            .get(&subject)
            .filter(|_| report::is_about(&row.kind));
        let warning = warnings
            .get(&subject)
            .filter(|_| account_warning::is_about(&row.kind));
        let event = events
            .get(&subject)
            .filter(|_| severance::is_about(&row.kind));
        // What it is about is gone.
        let lacks = (report::is_about(&row.kind) && report.is_none())
            || (account_warning::is_about(&row.kind) && warning.is_none())
            || (severance::is_about(&row.kind) && event.is_none());
        if lacks {
            continue;
        }
        let entity = Entity {
            id: row.id.to_string(),
            kind: row.kind.clone(),
            group_key: group_key(row),
            created_at: iso(row.created_at),
            account,
            status,
            collection,
            report: report.cloned(),
            moderation_warning: warning.cloned(),
            event: event.cloned(),
            filtered: row.filtered,
        };
        entities.push((row.id, entity));
    }
    Ok(entities)
}

/// One notification of an account, as JSON.
pub async fn render_one(app: &App, owner: i64, id: i64) -> AppResult<Option<Box<RawValue>>> {
    let row = app
        .read(move |c| Box::pin(async move { Ok(db::notifications::by_id(c, owner, id).await?) }))
        .await?;
    let Some(row) = row else { return Ok(None) };
    match render(app, owner, &[row]).await?.pop() {
        Some((_, entity)) => Ok(raw(&serde_json::to_string(&entity)?)),
        None => Ok(None),
    }
}
