//! `/api/v1/admin/reports`

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::entities::Json;
use crate::api::entities::admin::report;
use crate::app::App;
use crate::db;
use crate::db::reports::{Filter, Report};
use crate::domain::moderation::{self, Change, Permission, Triage};
use crate::error::{AppError, AppResult};
use crate::http::auth::{Staff, scope};
use crate::http::pagination::{Paging, path_id};
use crate::http::params::{self, Params};

/// Routes of this area.
pub fn routes() -> Router<App> {
    let path = |verb: &str| format!("/api/v1/admin/reports/{{id}}/{verb}");
    Router::new()
        .route("/api/v1/admin/reports", get(list))
        .route("/api/v1/admin/reports/{id}", get(show).put(update))
        .route(&path("assign_to_self"), post(assign))
        .route(&path("unassign"), post(unassign))
        .route(&path("resolve"), post(resolve))
        .route(&path("reopen"), post(reopen))
}

type Reader = Staff<scope::AdminReadReports>;
type Writer = Staff<scope::AdminWriteReports>;

#[derive(Debug, Deserialize)]
struct Query {
    #[serde(default, deserialize_with = "params::flag")]
    resolved: Option<bool>,
    #[serde(default, deserialize_with = "params::text")]
    account_id: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    target_account_id: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    by_target_domain: Option<String>,
}

async fn list(
    State(app): State<App>,
    staff: Reader,
    paging: Paging,
    Params(query): Params<Query>,
) -> AppResult<Response> {
    staff.must(Permission::ManageReports)?;
    let id = |text: Option<String>| match text.as_deref() {
        None | Some("") => Ok(None),
        Some(id) => path_id(id).map(Some),
    };
    let filter = Filter {
        // Open ones, unless the others are asked for.
        resolved: Some(query.resolved.unwrap_or(false)),
        account_id: id(query.account_id)?,
        target_id: id(query.target_account_id)?,
        target_domain: query.by_target_domain.filter(|domain| !domain.is_empty()),
        assigned_id: None,
    };
    let page = paging.page(100, 200);
    let rows = app
        .read(move |c| Box::pin(async move { Ok(db::reports::page(c, &filter, page).await?) }))
        .await?;
    let links = paging.links(
        rows.first().map(|row| row.id),
        rows.last().map(|row| row.id),
        rows.len() as i64 >= page.limit,
    );
    let shown = report::render(&app, staff.user.account.id, &rows).await?;
    Ok((links, Json(shown)).into_response())
}

async fn show(State(app): State<App>, staff: Reader, Path(id): Path<String>) -> AppResult<Json> {
    staff.must(Permission::ManageReports)?;
    let id = path_id(&id)?;
    let row = app
        .read(move |c| Box::pin(async move { Ok(db::reports::by_id(c, id).await?) }))
        .await?
        .ok_or_else(AppError::not_found)?;
    answer(&app, staff.user.account.id, row).await
}

async fn answer(app: &App, moderator: i64, row: Report) -> AppResult<Json> {
    let shown = report::render(app, moderator, &[row]).await?;
    let mut shown: Vec<Box<RawValue>> = serde_json::from_str(&shown)?;
    let one = shown.pop().ok_or_else(AppError::not_found)?;
    Ok(crate::api::list::entity(&one))
}

#[derive(Debug, Deserialize)]
struct Body {
    #[serde(default, deserialize_with = "params::text")]
    category: Option<String>,
    #[serde(default, deserialize_with = "params::ids_or_none")]
    rule_ids: Option<Vec<i64>>,
}

async fn update(
    State(app): State<App>,
    staff: Writer,
    Path(id): Path<String>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let change = Change {
        category: body.category.filter(|category| !category.is_empty()),
        rule_ids: body.rule_ids,
    };
    let (ctx, actor) = (app.ctx.clone(), staff.actor());
    let row = app
        .write(move |tx| {
            Box::pin(async move {
                moderation::change_report(tx, &ctx, &actor, id, change.clone()).await
            })
        })
        .await?;
    answer(&app, staff.user.account.id, row).await
}

async fn assign(state: State<App>, staff: Writer, id: Path<String>) -> AppResult<Json> {
    let own = staff.user.account.id;
    triage(state, staff, id, Triage::Assign(own)).await
}

async fn unassign(state: State<App>, staff: Writer, id: Path<String>) -> AppResult<Json> {
    triage(state, staff, id, Triage::Unassign).await
}

async fn resolve(state: State<App>, staff: Writer, id: Path<String>) -> AppResult<Json> {
    triage(state, staff, id, Triage::Resolve).await
}

async fn reopen(state: State<App>, staff: Writer, id: Path<String>) -> AppResult<Json> {
    triage(state, staff, id, Triage::Reopen).await
}

async fn triage(
    State(app): State<App>,
    staff: Writer,
    Path(id): Path<String>,
    what: Triage,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let (ctx, actor) = (app.ctx.clone(), staff.actor());
    let row = app
        .write(move |tx| {
            Box::pin(async move { moderation::triage(tx, &ctx, &actor, id, what).await })
        })
        .await?;
    answer(&app, staff.user.account.id, row).await
}
