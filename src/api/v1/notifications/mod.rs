//! `/api/v1/notifications`

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use serde::Deserialize;
use serde_json::json;

use crate::api::entities::{Json, notification};
use crate::api::list;
use crate::app::App;
use crate::db;
use crate::db::notifications::Filter;
use crate::domain::notifications;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::{Paging, path_id};
use crate::http::params::{self, Params};

pub mod policy;
mod requests;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/notifications", get(index))
        .route("/api/v1/notifications/clear", post(clear))
        .route("/api/v1/notifications/unread_count", get(unread_count))
        .route(
            "/api/v1/notifications/destroy_multiple",
            delete(dismiss_some),
        )
        .route("/api/v1/notifications/{id}", get(show).delete(dismiss))
        .route("/api/v1/notifications/{id}/dismiss", post(dismiss))
        .merge(policy::routes())
        .merge(requests::routes())
}

/// Which notifications a client wants.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    #[serde(deserialize_with = "params::texts")]
    types: Vec<String>,
    #[serde(deserialize_with = "params::texts")]
    exclude_types: Vec<String>,
    #[serde(deserialize_with = "params::integer")]
    account_id: Option<i64>,
    #[serde(deserialize_with = "params::flag")]
    include_filtered: Option<bool>,
}

/// Names of types in one request.
const MAX_TYPES: usize = 50;

impl Wanted {
    /// As a query takes it.
    pub fn filter(self) -> AppResult<Filter> {
        if self.types.len() > MAX_TYPES || self.exclude_types.len() > MAX_TYPES {
            return Err(AppError::bad_request("Too many types"));
        }
        Ok(Filter {
            kinds: self.types,
            exclude: self.exclude_types,
            from: self.account_id,
            filtered: self.include_filtered.unwrap_or(false),
            kith: false,
        })
    }
}

async fn index(
    State(app): State<App>,
    user: User<scope::ReadNotifications>,
    paging: Paging,
    Params(wanted): Params<Wanted>,
) -> AppResult<Response> {
    let page = paging.page(40, 80);
    let id = user.account.id;
    let filter = wanted.filter()?;
    let rows = app
        .read(move |c| {
            Box::pin(async move { Ok(db::notifications::page(c, id, &filter, page).await?) })
        })
        .await?;
    let entities = notification::render(&app, id, &rows).await?;
    let links = paging.links(
        rows.first().map(|n| n.id),
        rows.last().map(|n| n.id),
        rows.len() as i64 >= page.limit,
    );
    let entities: Vec<_> = entities.into_iter().map(|(_, entity)| entity).collect();
    Ok((links, list::json(&entities)?).into_response())
}

async fn show(
    State(app): State<App>,
    user: User<scope::ReadNotifications>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let json = notification::render_one(&app, user.account.id, path_id(&id)?)
        .await?
        .ok_or_else(AppError::not_found)?;
    Ok(list::entity(&json))
}

async fn dismiss(
    State(app): State<App>,
    user: User<scope::WriteNotifications>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let account = user.account.id;
    app.write(move |tx| Box::pin(notifications::dismiss(tx, account, id)))
        .await?;
    Ok(Json("{}".to_owned()))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Several {
    #[serde(deserialize_with = "params::ids")]
    ids: Vec<i64>,
}

async fn dismiss_some(
    State(app): State<App>,
    user: User<scope::WriteNotifications>,
    Params(several): Params<Several>,
) -> AppResult<Json> {
    let account = user.account.id;
    app.write(move |tx| {
        Box::pin(async move { notifications::dismiss_some(tx, account, &several.ids).await })
    })
    .await?;
    Ok(Json("{}".to_owned()))
}

/// `POST …/clear`, of both versions.
pub async fn clear(
    State(app): State<App>,
    user: User<scope::WriteNotifications>,
) -> AppResult<Json> {
    let account = user.account.id;
    app.write(move |tx| Box::pin(notifications::clear(tx, account)))
        .await?;
    Ok(Json("{}".to_owned()))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Counted {
    #[serde(flatten)]
    wanted: Wanted,
    #[serde(deserialize_with = "params::integer")]
    limit: Option<i64>,
}

/// How far notifications are counted.
pub fn count_limit(limit: Option<i64>) -> i64 {
    limit.unwrap_or(100).clamp(1, 1000)
}

/// Where an account's marker in its notifications stands; 0 where it has none.
pub async fn last_read(app: &App, account_id: i64) -> AppResult<i64> {
    app.read(move |c| {
        Box::pin(async move { Ok(db::notifications::last_read(c, account_id).await?) })
    })
    .await
}

async fn unread_count(
    State(app): State<App>,
    user: User<scope::ReadNotifications>,
    Params(counted): Params<Counted>,
) -> AppResult<Json> {
    let id = user.account.id;
    let limit = count_limit(counted.limit);
    let filter = counted.wanted.filter()?;
    let count = app
        .read(move |c| {
            Box::pin(async move {
                let after = db::notifications::last_read(c, id).await?;
                Ok(db::notifications::count_after(c, id, &filter, after, limit).await?)
            })
        })
        .await?;
    list::json(&json!({"count": count}))
}
