//! `/api/v2/filters/:filter_id/keywords`, `/api/v2/filters/keywords/:id`

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use serde::Deserialize;

use super::own;
use crate::api::entities::Json;
use crate::api::entities::filter::KeywordEntity;
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
        .route("/api/v2/filters/{id}/keywords", get(index).post(create))
        .route(
            "/api/v2/filters/keywords/{id}",
            get(show).put(update).patch(update).delete(remove),
        )
}

#[derive(Debug, Deserialize)]
struct Body {
    #[serde(default, deserialize_with = "params::text")]
    keyword: Option<String>,
    #[serde(default, deserialize_with = "params::flag")]
    whole_word: Option<bool>,
}

async fn index(
    State(app): State<App>,
    user: User<scope::ReadFilters>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let filter = own(&app, user.account.id, &id).await?.id;
    let rows = app
        .read(move |c| Box::pin(async move { Ok(db::filters::keywords_of(c, &[filter]).await?) }))
        .await?;
    let entities: Vec<KeywordEntity> = rows.into_iter().map(Into::into).collect();
    json(&entities)
}

async fn create(
    State(app): State<App>,
    user: User<scope::WriteFilters>,
    Path(id): Path<String>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let (ctx, account, id) = (app.ctx.clone(), user.account.id, path_id(&id)?);
    let row = app
        .write(move |tx| {
            Box::pin(async move {
                let text = body.keyword.as_deref();
                filters::add_keyword(tx, &ctx, account, id, text, body.whole_word).await
            })
        })
        .await?;
    json(&KeywordEntity::from(row))
}

async fn show(
    State(app): State<App>,
    user: User<scope::ReadFilters>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let (account, id) = (user.account.id, path_id(&id)?);
    let (row, _) = app
        .read(move |c| Box::pin(async move { Ok(db::filters::keyword(c, account, id).await?) }))
        .await?
        .ok_or_else(AppError::not_found)?;
    json(&KeywordEntity::from(row))
}

async fn update(
    State(app): State<App>,
    user: User<scope::WriteFilters>,
    Path(id): Path<String>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let (account, id) = (user.account.id, path_id(&id)?);
    let row = app
        .write(move |tx| {
            Box::pin(async move {
                let text = body.keyword.as_deref();
                filters::change_keyword(tx, account, id, text, body.whole_word).await
            })
        })
        .await?;
    json(&KeywordEntity::from(row))
}

async fn remove(
    State(app): State<App>,
    user: User<scope::WriteFilters>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let (account, id) = (user.account.id, path_id(&id)?);
    app.write(move |tx| Box::pin(filters::remove_keyword(tx, account, id)))
        .await?;
    Ok(Json("{}".to_owned()))
}
