//! `/api/v1/announcements`

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post, put};

use crate::api::entities::{Json, announcement};
use crate::api::list;
use crate::app::App;
use crate::db;
use crate::domain::announcements;
use crate::error::AppResult;
use crate::http::auth::{AnyUser, User, scope};
use crate::http::pagination::path_id;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/announcements", get(index))
        .route("/api/v1/announcements/{id}/dismiss", post(dismiss))
        .route(
            "/api/v1/announcements/{id}/reactions/{name}",
            put(react).delete(unreact),
        )
}

async fn index(State(app): State<App>, user: AnyUser) -> AppResult<Json> {
    user.session.admit()?;
    let now = app.clock.now_ms();
    let rows = app
        .read(move |c| Box::pin(async move { Ok(db::announcements::current(c, now).await?) }))
        .await?;
    list::json(&announcement::render(&app, rows, Some(user.account.id)).await?)
}

async fn dismiss(
    State(app): State<App>,
    user: User<scope::WriteAccounts>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let (id, account, ctx) = (path_id(&id)?, user.account.id, app.ctx.clone());
    app.write(move |tx| {
        Box::pin(async move { announcements::dismiss(tx, &ctx, account, id).await })
    })
    .await?;
    Ok(Json("{}".to_owned()))
}

async fn react(
    State(app): State<App>,
    user: User<scope::WriteFavourites>,
    Path((id, name)): Path<(String, String)>,
) -> AppResult<Json> {
    let (id, account, ctx) = (path_id(&id)?, user.account.id, app.ctx.clone());
    app.write(move |tx| {
        Box::pin(async move { announcements::react(tx, &ctx, account, id, &name).await })
    })
    .await?;
    Ok(Json("{}".to_owned()))
}

async fn unreact(
    State(app): State<App>,
    user: User<scope::WriteFavourites>,
    Path((id, name)): Path<(String, String)>,
) -> AppResult<Json> {
    let (id, account, ctx) = (path_id(&id)?, user.account.id, app.ctx.clone());
    app.write(move |tx| {
        Box::pin(async move { announcements::unreact(tx, &ctx, account, id, &name).await })
    })
    .await?;
    Ok(Json("{}".to_owned()))
}
