//! `POST /api/v1/reports`

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use serde::Deserialize;

use crate::api::entities::{Json, report};
use crate::api::list::json;
use crate::app::App;
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
    let filed = app
        .write(move |tx| {
            Box::pin(async move { reports::file(tx, &ctx, &account, &target, filing).await })
        })
        .await?;
    let shown = report::render(&app, std::slice::from_ref(&filed)).await?;
    json(shown.get(&filed.id).ok_or_else(AppError::not_found)?)
}
