//! `/api/v2/filters/:filter_id/statuses`, `/api/v2/filters/statuses/:id`

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use serde::Deserialize;

use super::own;
use crate::api::entities::Json;
use crate::api::entities::filter::StatusEntity;
use crate::api::list::json;
use crate::app::App;
use crate::db;
use crate::domain::filters;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::path_id;
use crate::http::params::{self, Params};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v2/filters/{id}/statuses", get(index).post(create))
        .route("/api/v2/filters/statuses/{id}", get(show).delete(remove))
}

#[derive(Debug, Deserialize)]
struct Body {
    #[serde(default, deserialize_with = "params::text")]
    status_id: Option<String>,
}

async fn index(
    State(app): State<App>,
    user: User<scope::ReadFilters>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let filter = own(&app, user.account.id, &id).await?.id;
    let rows = app
        .read(move |c| Box::pin(async move { Ok(db::filters::statuses_of(c, &[filter]).await?) }))
        .await?;
    let entities: Vec<StatusEntity> = rows.into_iter().map(Into::into).collect();
    json(&entities)
}

async fn create(
    State(app): State<App>,
    user: User<scope::WriteFilters>,
    Path(id): Path<String>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let (ctx, account, id) = (app.ctx.clone(), user.account.clone(), path_id(&id)?);
    // Its own filter first: what is wrong with the body is told to its owner alone.
    own(&app, account.id, &id.to_string()).await?;
    let status = match body.status_id.as_deref() {
        None | Some("") => {
            return Err(AppError::invalid(
                "Validation failed: Status can't be blank",
            ));
        }
        Some(id) => path_id(id)?,
    };
    let row = app
        .write(move |tx| {
            Box::pin(async move { filters::add_status(tx, &ctx, &account, id, status).await })
        })
        .await?;
    json(&StatusEntity::from(row))
}

async fn show(
    State(app): State<App>,
    user: User<scope::ReadFilters>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let (account, id) = (user.account.id, path_id(&id)?);
    let row = app
        .read(move |c| Box::pin(async move { Ok(db::filters::status(c, account, id).await?) }))
        .await?
        .ok_or_else(AppError::not_found)?;
    json(&StatusEntity::from(row))
}

async fn remove(
    State(app): State<App>,
    user: User<scope::WriteFilters>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let (account, id) = (user.account.id, path_id(&id)?);
    let row = app
        .write(move |tx| Box::pin(filters::remove_status(tx, account, id)))
        .await?;
    json(&StatusEntity::from(row))
}
