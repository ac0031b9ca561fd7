//! Strikes against an account, as its owner sees them, and what became of appeals.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::{account, raw};
use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::account_warnings::{APPROVED, AccountWarning, Appeal, REJECTED};
use crate::domain::notifications::Type;
use crate::error::AppResult;

/// `AccountWarning`.
#[derive(Debug, Clone, Serialize)]
pub struct Entity {
    id: String,
    action: String,
    text: String,
    status_ids: Option<Vec<String>>,
    target_account: Box<RawValue>,
    appeal: Option<AppealEntity>,
    created_at: String,
}

/// `Appeal`.
#[derive(Debug, Clone, Serialize)]
pub struct AppealEntity {
    text: String,
    state: &'static str,
}

/// How an appeal's state is called.
pub fn state(appeal: &Appeal) -> &'static str {
    match appeal.state {
        APPROVED => "approved",
        REJECTED => "rejected",
        _ => "pending",
    }
}

/// Shows strikes in their order.
pub async fn render(app: &App, rows: &[AccountWarning]) -> AppResult<Vec<(i64, Entity)>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let targets: Vec<i64> = rows.iter().map(|row| row.target_id).collect();
    let accounts = account::json(app, &targets).await?;
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let appeals = app
        .read(move |c| {
            Box::pin(async move { Ok(db::account_warnings::appeals_of(c, &ids).await?) })
        })
        .await?;
    let shown = rows.iter().filter_map(|row| {
        let statuses: Vec<i64> = serde_json::from_str(&row.status_ids).unwrap_or_default();
        let appeal = appeals.iter().find(|appeal| appeal.warning_id == row.id);
        let entity = Entity {
            id: row.id.to_string(),
            action: row.action.clone(),
            text: row.text.clone(),
            status_ids: (!statuses.is_empty())
                .then(|| statuses.iter().map(i64::to_string).collect()),
            target_account: raw(accounts.get(&row.target_id)?)?,
            appeal: appeal.map(|appeal| AppealEntity {
                text: appeal.text.clone(),
                state: state(appeal),
            }),
            created_at: iso(row.created_at),
        };
        Some((row.id, entity))
    });
    Ok(shown.collect())
}

/// Whether notifications of a type are about a strike.
pub fn is_about(kind: &str) -> bool {
    kind == Type::ModerationWarning.as_str()
}

/// Strikes that notifications are about.
pub async fn by_ids(app: &App, ids: Vec<i64>) -> AppResult<HashMap<i64, Entity>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = app
        .read(move |c| Box::pin(async move { Ok(db::account_warnings::by_ids(c, &ids).await?) }))
        .await?;
    Ok(render(app, &rows).await?.into_iter().collect())
}
