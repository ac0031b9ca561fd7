//! `/api/v1/conversations`

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};

use crate::api::entities::{Json, conversation};
use crate::api::list::json;
use crate::app::App;
use crate::db;
use crate::domain::conversations;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::{Paging, path_id};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/conversations", get(all))
        .route("/api/v1/conversations/{id}", delete(remove))
        .route("/api/v1/conversations/{id}/read", post(read))
}

async fn all(
    State(app): State<App>,
    user: User<scope::ReadStatuses>,
    paging: Paging,
) -> AppResult<Response> {
    let page = paging.page(20, 40);
    let owner = user.account.id;
    let rows = app
        .read(move |c| Box::pin(async move { Ok(db::conversations::page(c, owner, page).await?) }))
        .await?;
    let links = paging.links(
        rows.first().map(|row| row.last_status_id),
        rows.last().map(|row| row.last_status_id),
        rows.len() as i64 >= page.limit,
    );
    let entities = conversation::render(&app, owner, &rows).await?;
    Ok((links, json(&entities)?).into_response())
}

async fn read(
    State(app): State<App>,
    user: User<scope::WriteConversations>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let account = user.account.clone();
    let row = app
        .write(move |tx| Box::pin(async move { conversations::read(tx, &account, id).await }))
        .await?;
    let entity = conversation::render(&app, user.account.id, &[row])
        .await?
        .pop();
    json(&entity.ok_or_else(AppError::not_found)?)
}

async fn remove(
    State(app): State<App>,
    user: User<scope::WriteConversations>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let account = user.account.clone();
    app.write(move |tx| Box::pin(async move { conversations::remove(tx, &account, id).await }))
        .await?;
    Ok(Json("{}".to_owned()))
}
