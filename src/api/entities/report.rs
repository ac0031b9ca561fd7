//! Reports, as those see them who made them.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::{account, raw};
use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::reports::Report;
use crate::domain::notifications::Type;
use crate::error::AppResult;

/// `Report`.
#[derive(Debug, Clone, Serialize)]
pub struct Entity {
    id: String,
    action_taken: bool,
    action_taken_at: Option<String>,
    category: String,
    comment: String,
    forwarded: bool,
    created_at: String,
    status_ids: Option<Vec<String>>,
    collection_ids: [(); 0],
    rule_ids: Option<Vec<String>>,
    target_account: Box<RawValue>,
}

fn texts(ids: &str) -> Option<Vec<String>> {
    let ids: Vec<i64> = serde_json::from_str(ids).unwrap_or_default();
    (!ids.is_empty()).then(|| ids.iter().map(i64::to_string).collect())
}

/// Shows reports by id; those about accounts that are gone are left out.
pub async fn render(app: &App, rows: &[Report]) -> AppResult<HashMap<i64, Entity>> {
    let targets: Vec<i64> = rows.iter().map(|report| report.target_id).collect();
    let accounts = account::json(app, &targets).await?;
    let shown = rows.iter().filter_map(|report| {
        let entity = Entity {
            id: report.id.to_string(),
            action_taken: report.action_taken_at.is_some(),
            action_taken_at: report.action_taken_at.map(iso),
            category: report.category.clone(),
            comment: report.comment.clone(),
            forwarded: report.forwarded,
            created_at: iso(report.created_at),
            status_ids: texts(&report.status_ids),
            collection_ids: [],
            rule_ids: texts(&report.rule_ids),
            target_account: raw(accounts.get(&report.target_id)?)?,
        };
        Some((report.id, entity))
    });
    Ok(shown.collect())
}

/// Whether notifications of a type are about a report.
pub fn is_about(kind: &str) -> bool {
    kind == Type::AdminReport.as_str()
}

/// Reports that notifications are about.
pub async fn by_ids(app: &App, ids: Vec<i64>) -> AppResult<HashMap<i64, Entity>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = app
        .read(move |c| Box::pin(async move { Ok(db::reports::by_ids(c, &ids).await?) }))
        .await?;
    render(app, &rows).await
}
