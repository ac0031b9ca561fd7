//! Reports with what only moderators see of them.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::account;
use crate::api::entities::status::{self, Mode, Reader};
use crate::api::entities::{instance, raw};
use crate::app::App;
use crate::clock::iso;
use crate::db::reports::Report;
use crate::error::AppResult;

/// `Admin::Report`.
#[derive(Debug, Serialize)]
pub struct Entity<'a> {
    id: String,
    action_taken: bool,
    action_taken_at: Option<String>,
    category: &'a str,
    comment: &'a str,
    forwarded: bool,
    created_at: String,
    updated_at: String,
    account: &'a RawValue,
    target_account: &'a RawValue,
    assigned_account: Option<&'a RawValue>,
    action_taken_by_account: Option<&'a RawValue>,
    statuses: Vec<Box<RawValue>>,
    rules: Vec<&'a instance::Rule>,
}

fn ids(json: &str) -> Vec<i64> {
    serde_json::from_str(json).unwrap_or_default()
}

/// Shows reports, in their order, to a moderator: with the posts that they name, whoever may see
/// those.
pub async fn render(app: &App, moderator: i64, rows: &[Report]) -> AppResult<String> {
    let people: Vec<i64> = rows
        .iter()
        .flat_map(|report| {
            [Some(report.account_id), Some(report.target_id)]
                .into_iter()
                .chain([report.assigned_account_id, report.action_taken_by_id])
                .flatten()
        })
        .collect();
    let accounts = account::json_by_ids(app, people).await?;
    let mut wanted: Vec<i64> = rows
        .iter()
        .flat_map(|report| ids(&report.status_ids))
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    let reader = Reader::of(app, moderator).await?;
    let page = status::page(app, &wanted, Some(&reader), Mode::Reported).await?;
    let mut statuses: HashMap<i64, Box<RawValue>> = HashMap::with_capacity(wanted.len());
    for id in &wanted {
        if let Some(json) = page.one(*id).and_then(|json| raw(&json)) {
            statuses.insert(*id, json);
        }
    }
    let about = instance::about(app).await?;
    let shown: Vec<Entity<'_>> = rows
        .iter()
        .filter_map(|report| {
            let person = |id: Option<i64>| accounts.get(&id?).map(|json| &**json);
            let named = ids(&report.rule_ids);
            Some(Entity {
                id: report.id.to_string(),
                action_taken: report.action_taken_at.is_some(),
                action_taken_at: report.action_taken_at.map(iso),
                category: &report.category,
                comment: &report.comment,
                forwarded: report.forwarded,
                created_at: iso(report.created_at),
                updated_at: iso(report.updated_at),
                account: person(Some(report.account_id))?,
                target_account: person(Some(report.target_id))?,
                assigned_account: person(report.assigned_account_id),
                action_taken_by_account: person(report.action_taken_by_id),
                statuses: ids(&report.status_ids)
                    .iter()
                    .filter_map(|id| statuses.get(id).cloned())
                    .collect(),
                rules: about
                    .rules
                    .iter()
                    .filter(|rule| named.iter().any(|id| rule.is(*id)))
                    .collect(),
            })
        })
        .collect();
    Ok(serde_json::to_string(&shown)?)
}
