//! `/api/v1/featured_tags`, `/api/v1/accounts/:id/featured_tags`

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{delete, get};
use serde::Deserialize;

use super::accounts::find;
use crate::api::entities::{Json, tag};
use crate::api::list::json;
use crate::app::App;
use crate::db;
use crate::domain::tags;
use crate::error::{AppError, AppResult};
use crate::http::auth::{MaybeUser, User, scope};
use crate::http::pagination::path_id;
use crate::http::params::{self, Params};

/// Tags that are suggested.
const SUGGESTED: i64 = 10;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/featured_tags", get(index).post(feature))
        .route("/api/v1/featured_tags/suggestions", get(suggestions))
        .route("/api/v1/featured_tags/{id}", delete(unfeature))
        .route("/api/v1/accounts/{id}/featured_tags", get(of_account))
}

async fn list(app: &App, account_id: i64) -> AppResult<Json> {
    let rows = app
        .read(move |c| {
            Box::pin(
                async move { Ok(db::tags::featured(c, account_id, tags::MAX_FEATURED).await?) },
            )
        })
        .await?;
    let entities: Vec<_> = rows
        .iter()
        .map(|row| tag::featured(&app.config, row))
        .collect();
    json(&entities)
}

async fn index(State(app): State<App>, user: User<scope::ReadAccounts>) -> AppResult<Json> {
    list(&app, user.account.id).await
}

async fn of_account(
    State(app): State<App>,
    _: MaybeUser,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let account = find(&app, &id).await?;
    if !account.is_active() {
        return Ok(Json("[]".to_owned()));
    }
    list(&app, account.id).await
}

#[derive(Debug, Deserialize)]
struct Body {
    #[serde(default, deserialize_with = "params::text")]
    name: Option<String>,
}

async fn feature(
    State(app): State<App>,
    user: User<scope::WriteAccounts>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let name = body.name.unwrap_or_default();
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    let made = app
        .write(move |tx| {
            Box::pin(async move {
                let tag = tags::feature(tx, &ctx, &account, &name, true).await?;
                let rows = db::tags::featured(tx, account.id, tags::MAX_FEATURED).await?;
                rows.into_iter()
                    .find(|row| row.tag.id == tag.id)
                    .ok_or_else(AppError::not_found)
            })
        })
        .await?;
    json(&tag::featured(&app.config, &made))
}

async fn unfeature(
    State(app): State<App>,
    user: User<scope::WriteAccounts>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let (id, account) = (path_id(&id)?, user.account.id);
    let gone = app
        .write(move |tx| {
            Box::pin(async move { Ok(db::tags::unfeature_row(tx, account, id).await?) })
        })
        .await?;
    if gone {
        Ok(Json("{}".to_owned()))
    } else {
        Err(AppError::not_found())
    }
}

async fn suggestions(State(app): State<App>, user: User<scope::ReadAccounts>) -> AppResult<Json> {
    let id = user.account.id;
    let tags = app
        .read(move |c| Box::pin(async move { Ok(db::tags::most_used(c, id, SUGGESTED).await?) }))
        .await?;
    json(&tag::render(&app, &tags, Some(id)).await?)
}
