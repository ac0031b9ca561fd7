//! `POST /api/v1/admin/accounts/:id/action`, and what takes an action back or decides on a
//! registration.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::post;
use serde::Deserialize;
use serde_json::json;

use super::accounts::answer;
use crate::api::entities::Json;
use crate::app::App;
use crate::domain::moderation::{self, Deed, Lift, Sanction};
use crate::error::{AppError, AppResult};
use crate::http::auth::{Staff, scope};
use crate::http::pagination::path_id;
use crate::http::params::{self, Params};

/// Routes of this area.
pub fn routes() -> Router<App> {
    let path = |verb: &str| format!("/api/v1/admin/accounts/{{id}}/{verb}");
    Router::new()
        .route(&path("action"), post(act))
        .route(&path("approve"), post(approve))
        .route(&path("reject"), post(reject))
        .route(&path("enable"), post(enable))
        .route(&path("unsensitive"), post(unsensitive))
        .route(&path("unsilence"), post(unsilence))
        .route(&path("unsuspend"), post(unsuspend))
}

type Writer = Staff<scope::AdminWriteAccounts>;

#[derive(Debug, Deserialize)]
struct Body {
    #[serde(default, rename = "type", deserialize_with = "params::text")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    report_id: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    text: Option<String>,
    #[serde(default, deserialize_with = "params::flag")]
    send_email_notification: Option<bool>,
}

async fn act(
    State(app): State<App>,
    staff: Writer,
    Path(id): Path<String>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let kind = body.kind.unwrap_or_default();
    let deed = Deed::parse(&kind)
        .ok_or_else(|| AppError::invalid("Validation failed: Type is not included in the list"))?;
    let report_id = match body.report_id.as_deref() {
        None | Some("") => None,
        Some(id) => Some(path_id(id)?),
    };
    let sanction = Sanction {
        deed,
        text: body.text.unwrap_or_default(),
        report_id,
        letter: body.send_email_notification.unwrap_or(true),
    };
    let (ctx, actor) = (app.ctx.clone(), staff.actor());
    app.write(move |tx| {
        Box::pin(async move { moderation::act(tx, &ctx, &actor, id, sanction).await })
    })
    .await?;
    Ok(Json(json!({}).to_string()))
}

async fn approve(State(app): State<App>, staff: Writer, Path(id): Path<String>) -> AppResult<Json> {
    let id = path_id(&id)?;
    let (ctx, actor) = (app.ctx.clone(), staff.actor());
    app.write(move |tx| Box::pin(async move { moderation::approve(tx, &ctx, &actor, id).await }))
        .await?;
    answer(&app, id).await
}

/// Answers with the account as it was: it is gone after.
async fn reject(State(app): State<App>, staff: Writer, Path(id): Path<String>) -> AppResult<Json> {
    let id = path_id(&id)?;
    let was = answer(&app, id).await?;
    let (ctx, actor) = (app.ctx.clone(), staff.actor());
    app.write(move |tx| Box::pin(async move { moderation::reject(tx, &ctx, &actor, id).await }))
        .await?;
    Ok(was)
}

async fn enable(state: State<App>, staff: Writer, id: Path<String>) -> AppResult<Json> {
    lift(state, staff, id, Lift::Enable).await
}

async fn unsensitive(state: State<App>, staff: Writer, id: Path<String>) -> AppResult<Json> {
    lift(state, staff, id, Lift::Unsensitive).await
}

async fn unsilence(state: State<App>, staff: Writer, id: Path<String>) -> AppResult<Json> {
    lift(state, staff, id, Lift::Unsilence).await
}

async fn unsuspend(state: State<App>, staff: Writer, id: Path<String>) -> AppResult<Json> {
    lift(state, staff, id, Lift::Unsuspend).await
}

async fn lift(
    State(app): State<App>,
    staff: Writer,
    Path(id): Path<String>,
    what: Lift,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let (ctx, actor) = (app.ctx.clone(), staff.actor());
    app.write(move |tx| {
        Box::pin(async move { moderation::lift(tx, &ctx, &actor, id, what, "").await })
    })
    .await?;
    answer(&app, id).await
}
