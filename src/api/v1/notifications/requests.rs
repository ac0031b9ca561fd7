//! `/api/v1/notifications/requests`: those whom the policy filters ask to be let through.

use std::collections::HashMap;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::api::entities::status::{self, Mode, Reader};
use crate::api::entities::{Json, account, raw};
use crate::api::list;
use crate::app::App;
use crate::clock::iso;
use crate::db::notification_requests::{self as rows, Request};
use crate::domain::notifications;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::{Paging, path_id};
use crate::http::params::{self, Params};

/// Requests closed at once.
const MAX_IDS: usize = 1000;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/notifications/requests", get(index))
        .route("/api/v1/notifications/requests/merged", get(merged))
        .route("/api/v1/notifications/requests/accept", post(accept_some))
        .route("/api/v1/notifications/requests/dismiss", post(dismiss_some))
        .route("/api/v1/notifications/requests/{id}", get(show))
        .route("/api/v1/notifications/requests/{id}/accept", post(accept))
        .route("/api/v1/notifications/requests/{id}/dismiss", post(dismiss))
}

/// `NotificationRequest`.
#[derive(Debug, Serialize)]
struct Entity {
    id: String,
    created_at: String,
    updated_at: String,
    account: Box<RawValue>,
    notifications_count: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_status: Option<Box<RawValue>>,
}

async fn render(app: &App, owner: i64, requests: Vec<Request>) -> AppResult<Vec<Entity>> {
    let senders: Vec<i64> = requests.iter().map(|r| r.from_account_id).collect();
    let asked = senders.clone();
    let counts = app
        .read(move |c| Box::pin(async move { Ok(rows::counts_by_sender(c, owner, &asked).await?) }))
        .await?;
    let counts: HashMap<i64, i64> = counts.into_iter().collect();
    let accounts = account::json(app, &senders).await?;
    let reader = Reader::of(app, owner).await?;
    let ids: Vec<i64> = requests.iter().filter_map(|r| r.last_status_id).collect();
    let statuses = status::page(app, &ids, Some(&reader), Mode::Visible).await?;
    let entity = |request: &Request| {
        let sender = request.from_account_id;
        Some(Entity {
            id: request.id.to_string(),
            created_at: iso(request.created_at),
            updated_at: iso(request.updated_at),
            account: raw(accounts.get(&sender)?)?,
            notifications_count: counts.get(&sender).copied().unwrap_or(0).to_string(),
            last_status: request
                .last_status_id
                .and_then(|id| raw(&statuses.one(id)?)),
        })
    };
    Ok(requests.iter().filter_map(entity).collect())
}

async fn index(
    State(app): State<App>,
    user: User<scope::ReadNotifications>,
    paging: Paging,
) -> AppResult<Response> {
    let page = paging.page(40, 80);
    let owner = user.account.id;
    let requests = app
        .read(move |c| Box::pin(async move { Ok(rows::page(c, owner, page).await?) }))
        .await?;
    let links = paging.links(
        requests.first().map(|r| r.id),
        requests.last().map(|r| r.id),
        requests.len() as i64 >= page.limit,
    );
    let entities = render(&app, owner, requests).await?;
    Ok((links, list::json(&entities)?).into_response())
}

async fn show(
    State(app): State<App>,
    user: User<scope::ReadNotifications>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let (id, owner) = (path_id(&id)?, user.account.id);
    let found = app
        .read(move |c| Box::pin(async move { Ok(rows::by_ids(c, owner, &[id]).await?) }))
        .await?;
    let entity = render(&app, owner, found).await?.pop();
    list::json(&entity.ok_or_else(AppError::not_found)?)
}

async fn merged(State(app): State<App>, user: User<scope::ReadNotifications>) -> AppResult<Json> {
    let owner = user.account.id;
    let merging = app
        .read(move |c| Box::pin(async move { Ok(rows::is_merging(c, owner).await?) }))
        .await?;
    list::json(&json!({"merged": !merging}))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Several {
    #[serde(alias = "ids", deserialize_with = "params::ids")]
    id: Vec<i64>,
}

/// Closes requests; `all`: each must be there.
async fn close(app: &App, owner: i64, ids: Vec<i64>, accept: bool, all: bool) -> AppResult<Json> {
    if ids.len() > MAX_IDS {
        return Err(AppError::invalid("Validation failed: Too many requests"));
    }
    let ctx = app.ctx.clone();
    app.write(move |tx| {
        Box::pin(async move {
            if accept {
                notifications::accept(tx, &ctx, owner, &ids, all).await
            } else {
                notifications::dismiss_requests(tx, &ctx, owner, &ids, all).await
            }
        })
    })
    .await?;
    Ok(Json("{}".to_owned()))
}

async fn accept(
    State(app): State<App>,
    user: User<scope::WriteNotifications>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    close(&app, user.account.id, vec![path_id(&id)?], true, true).await
}

async fn dismiss(
    State(app): State<App>,
    user: User<scope::WriteNotifications>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    close(&app, user.account.id, vec![path_id(&id)?], false, true).await
}

async fn accept_some(
    State(app): State<App>,
    user: User<scope::WriteNotifications>,
    Params(several): Params<Several>,
) -> AppResult<Json> {
    close(&app, user.account.id, several.id, true, false).await
}

async fn dismiss_some(
    State(app): State<App>,
    user: User<scope::WriteNotifications>,
    Params(several): Params<Several>,
) -> AppResult<Json> {
    close(&app, user.account.id, several.id, false, false).await
}
