//! `/api/v1/scheduled_statuses`

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

use crate::api::entities::{Json, scheduled_status};
use crate::api::list::json;
use crate::app::App;
use crate::clock::parse_iso;
use crate::db;
use crate::db::scheduled::Scheduled;
use crate::domain::scheduled;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::{Paging, path_id};
use crate::http::params::{self, Params};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/scheduled_statuses", get(all))
        .route(
            "/api/v1/scheduled_statuses/{id}",
            get(show).put(change).delete(cancel),
        )
}

/// A moment as a client writes it.
pub fn parse_time(text: &str) -> AppResult<i64> {
    parse_iso(text)
        .ok_or_else(|| AppError::invalid("Validation failed: Scheduled at is not a valid datetime"))
}

/// One scheduled status as its author sees it.
pub async fn answer(app: &App, row: Scheduled) -> AppResult<Json> {
    let entity = scheduled_status::render(app, vec![row]).await?.pop();
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
        .read(move |c| Box::pin(async move { Ok(db::scheduled::page(c, owner, page).await?) }))
        .await?;
    let links = paging.links(
        rows.first().map(|row| row.id),
        rows.last().map(|row| row.id),
        rows.len() as i64 >= page.limit,
    );
    let entities = scheduled_status::render(&app, rows).await?;
    Ok((links, json(&entities)?).into_response())
}

async fn show(
    State(app): State<App>,
    user: User<scope::ReadStatuses>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let (id, owner) = (path_id(&id)?, user.account.id);
    let row = app
        .read(move |c| Box::pin(async move { Ok(db::scheduled::by_id(c, owner, id).await?) }))
        .await?
        .ok_or_else(AppError::not_found)?;
    answer(&app, row).await
}

#[derive(Debug, Deserialize)]
pub struct Body {
    #[serde(default, deserialize_with = "params::text")]
    scheduled_at: Option<String>,
}

async fn change(
    State(app): State<App>,
    user: User<scope::WriteStatuses>,
    Path(id): Path<String>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let (ctx, author) = (app.ctx.clone(), user.account.clone());
    let row = app
        .write(move |tx| {
            Box::pin(async move {
                match body.scheduled_at.filter(|text| !text.is_empty()) {
                    Some(at) => {
                        let known = db::scheduled::by_id(tx, author.id, id).await?;
                        known.ok_or_else(AppError::not_found)?;
                        scheduled::change(tx, &ctx, &author, id, parse_time(&at)?).await
                    }
                    None => db::scheduled::by_id(tx, author.id, id)
                        .await?
                        .ok_or_else(AppError::not_found),
                }
            })
        })
        .await?;
    answer(&app, row).await
}

async fn cancel(
    State(app): State<App>,
    user: User<scope::WriteStatuses>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let author = user.account.clone();
    app.write(move |tx| Box::pin(async move { scheduled::cancel(tx, &author, id).await }))
        .await?;
    Ok(Json("{}".to_owned()))
}
