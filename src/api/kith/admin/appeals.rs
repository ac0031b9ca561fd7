//! `/api/kith/v1/admin/appeals`: what is said against strikes.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};

use crate::api::entities::Json;
use crate::api::entities::account_warning::{self, state};
use crate::api::list::json;
use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::account_warnings::{APPROVED, Appeal, PENDING, REJECTED};
use crate::domain::moderation::{self, Permission};
use crate::error::{AppError, AppResult};
use crate::http::auth::{Staff, scope};
use crate::http::pagination::{Paging, path_id};
use crate::http::params::{self, Params};

/// Routes of this area.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/kith/v1/admin/appeals", get(list))
        .route("/api/kith/v1/admin/appeals/{id}/approve", post(approve))
        .route("/api/kith/v1/admin/appeals/{id}/reject", post(reject))
}

#[derive(Serialize)]
struct Entity {
    id: String,
    text: String,
    state: &'static str,
    created_at: String,
    decided_at: Option<String>,
    decided_by_id: Option<String>,
    strike: account_warning::Entity,
}

async fn render(app: &App, rows: &[Appeal]) -> AppResult<Vec<Entity>> {
    let ids = rows.iter().map(|row| row.warning_id).collect();
    let mut strikes = account_warning::by_ids(app, ids).await?;
    let shown = rows.iter().filter_map(|row| {
        Some(Entity {
            id: row.id.to_string(),
            text: row.text.clone(),
            state: state(row),
            created_at: iso(row.created_at),
            decided_at: row.decided_at.map(iso),
            decided_by_id: row.decided_by_id.map(|id| id.to_string()),
            strike: strikes.remove(&row.warning_id)?,
        })
    });
    Ok(shown.collect())
}

#[derive(Debug, Deserialize)]
struct Query {
    #[serde(default, deserialize_with = "params::text")]
    state: Option<String>,
}

async fn list(
    State(app): State<App>,
    staff: Staff<scope::AdminRead>,
    paging: Paging,
    Params(query): Params<Query>,
) -> AppResult<Response> {
    staff.must(Permission::ManageAppeals)?;
    let wanted = match query.state.as_deref() {
        None | Some("" | "pending") => PENDING,
        Some("approved") => APPROVED,
        Some("rejected") => REJECTED,
        Some(_) => return Err(AppError::invalid("Validation failed: Unknown state")),
    };
    let page = paging.page(20, 40);
    let rows = app
        .read(move |c| {
            Box::pin(async move { Ok(db::account_warnings::appeals_page(c, wanted, page).await?) })
        })
        .await?;
    let links = paging.links(
        rows.first().map(|row| row.id),
        rows.last().map(|row| row.id),
        rows.len() as i64 >= page.limit,
    );
    Ok((links, json(&render(&app, &rows).await?)?).into_response())
}

async fn approve(
    state: State<App>,
    staff: Staff<scope::AdminWrite>,
    id: Path<String>,
) -> AppResult<Json> {
    decide(state, staff, id, true).await
}

async fn reject(
    state: State<App>,
    staff: Staff<scope::AdminWrite>,
    id: Path<String>,
) -> AppResult<Json> {
    decide(state, staff, id, false).await
}

async fn decide(
    State(app): State<App>,
    staff: Staff<scope::AdminWrite>,
    Path(id): Path<String>,
    approved: bool,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let (ctx, actor) = (app.ctx.clone(), staff.actor());
    let appeal = app
        .write(move |tx| {
            Box::pin(async move {
                match approved {
                    true => moderation::approve_appeal(tx, &ctx, &actor, id).await,
                    false => moderation::reject_appeal(tx, &ctx, &actor, id).await,
                }
            })
        })
        .await?;
    let shown = render(&app, &[appeal]).await?.pop();
    json(&shown.ok_or_else(AppError::not_found)?)
}
