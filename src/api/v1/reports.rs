//! `POST /api/v1/reports`

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::api::entities::{Json, account};
use crate::api::list::json;
use crate::app::App;
use crate::clock::iso;
use crate::db::reports::Report;
use crate::domain::reports::{self, Filing};
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::path_id;
use crate::http::params::{self, Params};

pub fn routes() -> Router<App> {
    Router::new().route("/api/v1/reports", post(create))
}

#[derive(Debug, Deserialize)]
struct Body {
    #[serde(default, deserialize_with = "params::text")]
    account_id: Option<String>,
    #[serde(default, deserialize_with = "params::texts")]
    status_ids: Vec<String>,
    #[serde(default, deserialize_with = "params::text")]
    comment: Option<String>,
    #[serde(default, deserialize_with = "params::flag")]
    forward: Option<bool>,
    /// Whose servers are told: that of who is reported, and those of whom the posts answer.
    #[serde(default, deserialize_with = "params::texts")]
    forward_to_domains: Vec<String>,
    #[serde(default, deserialize_with = "params::text")]
    category: Option<String>,
    #[serde(default, deserialize_with = "params::ids")]
    rule_ids: Vec<i64>,
}

/// `Report`
#[derive(Serialize)]
struct Entity<'a> {
    id: String,
    action_taken: bool,
    action_taken_at: Option<String>,
    category: &'a str,
    comment: &'a str,
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

async fn render(app: &App, report: &Report) -> AppResult<Json> {
    let target_account = account::render_one(app, report.target_id)
        .await?
        .ok_or_else(AppError::not_found)?;
    json(&Entity {
        id: report.id.to_string(),
        action_taken: report.action_taken_at.is_some(),
        action_taken_at: report.action_taken_at.map(iso),
        category: &report.category,
        comment: &report.comment,
        forwarded: report.forwarded,
        created_at: iso(report.created_at),
        status_ids: texts(&report.status_ids),
        collection_ids: [],
        rule_ids: texts(&report.rule_ids),
        target_account,
    })
}

async fn create(
    State(app): State<App>,
    user: User<scope::WriteReports>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let target =
        super::accounts::find(&app, body.account_id.as_deref().unwrap_or_default()).await?;
    let mut status_ids = Vec::with_capacity(body.status_ids.len());
    for id in body.status_ids.iter().filter(|id| !id.is_empty()) {
        status_ids.push(path_id(id)?);
    }
    let filing = Filing {
        status_ids,
        comment: body.comment.unwrap_or_default(),
        category: body.category,
        rule_ids: body.rule_ids,
        forward: body.forward.unwrap_or(false),
        forward_to_domains: body.forward_to_domains,
    };
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    let report = app
        .write(move |tx| {
            Box::pin(async move { reports::file(tx, &ctx, &account, &target, filing).await })
        })
        .await?;
    render(&app, &report).await
}
