//! `/api/kith/v1/drafts`

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::api::entities::{Json, draft};
use crate::api::list::json;
use crate::api::v1::statuses::create::Body;
use crate::app::App;
use crate::db;
use crate::db::drafts::DraftRow;
use crate::domain::drafts;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::{Paging, path_id};
use crate::http::params::Params;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/kith/v1/drafts", get(all).post(keep))
        .route(
            "/api/kith/v1/drafts/{id}",
            get(show).put(change).delete(delete),
        )
}

async fn answer(app: &App, row: DraftRow) -> AppResult<Json> {
    let entity = draft::render(app, vec![row]).await?.pop();
    json(&entity.ok_or_else(AppError::not_found)?)
}

async fn all(
    State(app): State<App>,
    user: User<scope::ReadStatuses>,
    paging: Paging,
) -> AppResult<Response> {
    let page = paging.page(20, 40);
    let owner = user.account.id;
    let rows = app
        .read(move |c| Box::pin(async move { Ok(db::drafts::page(c, owner, page).await?) }))
        .await?;
    let links = paging.links(
        rows.first().map(|row| row.id),
        rows.last().map(|row| row.id),
        rows.len() as i64 >= page.limit,
    );
    let entities = draft::render(&app, rows).await?;
    Ok((links, json(&entities)?).into_response())
}

async fn show(
    State(app): State<App>,
    user: User<scope::ReadStatuses>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let (id, owner) = (path_id(&id)?, user.account.id);
    let row = app
        .read(move |c| Box::pin(async move { Ok(db::drafts::by_id(c, owner, id).await?) }))
        .await?
        .ok_or_else(AppError::not_found)?;
    answer(&app, row).await
}

async fn keep(
    State(app): State<App>,
    user: User<scope::WriteStatuses>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let draft = body.draft()?;
    let (ctx, author) = (app.ctx.clone(), user.account.clone());
    let row = app
        .write(move |tx| Box::pin(async move { drafts::keep(tx, &ctx, &author, draft).await }))
        .await?;
    answer(&app, row).await
}

async fn change(
    State(app): State<App>,
    user: User<scope::WriteStatuses>,
    Path(id): Path<String>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let (id, draft) = (path_id(&id)?, body.draft()?);
    let (ctx, author) = (app.ctx.clone(), user.account.clone());
    let row = app
        .write(move |tx| {
            Box::pin(async move { drafts::change(tx, &ctx, &author, id, draft).await })
        })
        .await?;
    answer(&app, row).await
}

async fn delete(
    State(app): State<App>,
    user: User<scope::WriteStatuses>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let author = user.account.clone();
    app.write(move |tx| Box::pin(async move { drafts::delete(tx, &author, id).await }))
        .await?;
    Ok(Json("{}".to_owned()))
}
