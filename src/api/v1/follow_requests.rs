//! `/api/v1/follow_requests`

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};

use crate::api::entities::{Json, relationship};
use crate::api::list;
use crate::app::App;
use crate::db;
use crate::db::relations::List;
use crate::domain::follows;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::{Paging, path_id};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/follow_requests", get(index))
        .route("/api/v1/follow_requests/{id}/authorize", post(authorize))
        .route("/api/v1/follow_requests/{id}/reject", post(reject))
}

async fn index(
    State(app): State<App>,
    user: User<scope::ReadFollows>,
    paging: Paging,
) -> AppResult<Response> {
    let page = paging.page(40, 80);
    let id = user.account.id;
    let rows = app
        .read(move |c| {
            Box::pin(async move { Ok(db::relations::page(c, List::Requests, id, page).await?) })
        })
        .await?;
    list::accounts(&app, rows, &paging, page).await
}

async fn authorize(
    State(app): State<App>,
    user: User<scope::WriteFollows>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    decide(app, user, &id, true).await
}

async fn reject(
    State(app): State<App>,
    user: User<scope::WriteFollows>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    decide(app, user, &id, false).await
}

async fn decide(
    app: App,
    user: User<scope::WriteFollows>,
    id: &str,
    accept: bool,
) -> AppResult<Json> {
    let id = path_id(id)?;
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    app.write(move |tx| {
        Box::pin(async move {
            let follower = db::accounts::by_id(tx, id)
                .await?
                .ok_or_else(AppError::not_found)?;
            let asked = db::relations::request(tx, follower.id, account.id).await?;
            if asked.is_none() {
                return Err(AppError::not_found());
            }
            if accept {
                follows::accept(tx, &ctx, &account, &follower).await
            } else {
                follows::reject(tx, &ctx, &account, &follower).await
            }
        })
    })
    .await?;
    let entity = relationship::render(&app, user.account.id, &[id])
        .await?
        .pop();
    list::json(&entity.ok_or_else(AppError::not_found)?)
}
