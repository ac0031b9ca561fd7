//! `GET /api/kith/v1/admin/audit_log`: who did what to what.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::api::entities::raw;
use crate::api::list::json;
use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::audit::Filter;
use crate::domain::moderation::Permission;
use crate::error::AppResult;
use crate::http::auth::{Staff, scope};
use crate::http::pagination::{Paging, path_id};
use crate::http::params::{self, Params};

/// Routes of this area.
pub fn routes() -> Router<App> {
    Router::new().route("/api/kith/v1/admin/audit_log", get(list))
}

#[derive(Debug, Deserialize)]
struct Query {
    #[serde(default, deserialize_with = "params::text")]
    account_id: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    action: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    target_type: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    target_id: Option<String>,
}

#[derive(Serialize)]
struct Entity<'a> {
    id: String,
    account_id: Option<String>,
    actor: &'a str,
    action: &'a str,
    target_type: &'a str,
    target_id: Option<String>,
    target: &'a str,
    details: Option<Box<RawValue>>,
    created_at: String,
}

async fn list(
    State(app): State<App>,
    staff: Staff<scope::AdminRead>,
    paging: Paging,
    Params(query): Params<Query>,
) -> AppResult<Response> {
    staff.must(Permission::ViewAuditLog)?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let id = |text: Option<String>| given(text).map(|id| path_id(&id)).transpose();
    let filter = Filter {
        account_id: id(query.account_id)?,
        action: given(query.action),
        target_type: given(query.target_type),
        target_id: id(query.target_id)?,
    };
    let page = paging.page(40, 200);
    let rows = app
        .read(move |c| Box::pin(async move { Ok(db::audit::page(c, &filter, page).await?) }))
        .await?;
    let links = paging.links(
        rows.first().map(|row| row.id),
        rows.last().map(|row| row.id),
        rows.len() as i64 >= page.limit,
    );
    let shown: Vec<Entity<'_>> = rows
        .iter()
        .map(|row| Entity {
            id: row.id.to_string(),
            account_id: row.account_id.map(|id| id.to_string()),
            actor: &row.actor,
            action: &row.action,
            target_type: &row.target_type,
            target_id: row.target_id.map(|id| id.to_string()),
            target: &row.target,
            details: raw(&row.details),
            created_at: iso(row.created_at),
        })
        .collect();
    Ok((links, json(&shown)?).into_response())
}
