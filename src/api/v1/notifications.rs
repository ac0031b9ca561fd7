//! `/api/v1/notifications`

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use crate::api::entities::{Json, notification};
use crate::api::list;
use crate::app::App;
use crate::db;
use crate::domain::notifications;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::{Paging, path_id};
use crate::http::params::{self, Params};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/notifications", get(index))
        .route("/api/v1/notifications/clear", post(clear))
        .route("/api/v1/notifications/{id}", get(show))
        .route("/api/v1/notifications/{id}/dismiss", post(dismiss))
}

#[derive(Debug, Deserialize)]
struct Query {
    #[serde(default, deserialize_with = "params::texts")]
    types: Vec<String>,
    #[serde(default, deserialize_with = "params::texts")]
    exclude_types: Vec<String>,
    #[serde(default, deserialize_with = "params::integer")]
    account_id: Option<i64>,
}

async fn index(
    State(app): State<App>,
    user: User<scope::ReadNotifications>,
    paging: Paging,
    Params(query): Params<Query>,
) -> AppResult<Response> {
    let page = paging.page(40, 80);
    let id = user.account.id;
    let rows = app
        .read(move |c| {
            Box::pin(async move {
                let (types, exclude) = (&query.types, &query.exclude_types);
                Ok(db::notifications::page(c, id, types, exclude, query.account_id, page).await?)
            })
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

async fn clear(State(app): State<App>, user: User<scope::WriteNotifications>) -> AppResult<Json> {
    let account = user.account.id;
    app.write(move |tx| Box::pin(notifications::clear(tx, account)))
        .await?;
    Ok(Json("{}".to_owned()))
}
