//! `/api/v1/filters`: the first generation, one keyword each (Mastodon documentation,
//! methods/filters, "Client-side (v1) methods").

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use serde::Deserialize;

use crate::api::entities::{Json, filter};
use crate::api::list::json;
use crate::api::v2::filters::names;
use crate::app::App;
use crate::db;
use crate::domain::filters::{self, LegacyChanges};
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::path_id;
use crate::http::params::{self, Params};

/// Filters listed at most.
const MOST: i64 = 1000;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/filters", get(index).post(create))
        .route(
            "/api/v1/filters/{id}",
            get(show).put(update).patch(update).delete(remove),
        )
}

#[derive(Debug, Deserialize)]
struct Body {
    #[serde(default, deserialize_with = "params::text")]
    phrase: Option<String>,
    context: Option<serde_json::Value>,
    #[serde(default, deserialize_with = "params::flag")]
    irreversible: Option<bool>,
    #[serde(default, deserialize_with = "params::flag")]
    whole_word: Option<bool>,
    #[serde(default, deserialize_with = "params::present_integer")]
    expires_in: Option<Option<i64>>,
}

impl Body {
    fn changes(self) -> AppResult<LegacyChanges> {
        Ok(LegacyChanges {
            phrase: self.phrase,
            context: names(self.context)?,
            irreversible: self.irreversible,
            whole_word: self.whole_word,
            expires_in: self.expires_in,
        })
    }
}

async fn index(State(app): State<App>, user: User<scope::ReadFilters>) -> AppResult<Json> {
    let id = user.account.id;
    let (rows, keywords) = app
        .read(move |c| {
            Box::pin(async move {
                let rows = db::filters::of_account(c, id, MOST).await?;
                let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
                let keywords = db::filters::keywords_of(c, &ids).await?;
                Ok((rows, keywords))
            })
        })
        .await?;
    let entities: Vec<_> = keywords
        .iter()
        .filter_map(|keyword| {
            let row = rows.iter().find(|row| row.id == keyword.filter_id)?;
            Some(filter::legacy(keyword, row))
        })
        .collect();
    json(&entities)
}

async fn show(
    State(app): State<App>,
    user: User<scope::ReadFilters>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let (account, id) = (user.account.id, path_id(&id)?);
    let (keyword, row) = app
        .read(move |c| Box::pin(async move { Ok(db::filters::keyword(c, account, id).await?) }))
        .await?
        .ok_or_else(AppError::not_found)?;
    json(&filter::legacy(&keyword, &row))
}

async fn create(
    State(app): State<App>,
    user: User<scope::WriteFilters>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let (ctx, account) = (app.ctx.clone(), user.account.id);
    let changes = body.changes()?;
    let (keyword, row) = app
        .write(move |tx| {
            Box::pin(async move { filters::create_legacy(tx, &ctx, account, changes).await })
        })
        .await?;
    json(&filter::legacy(&keyword, &row))
}

async fn update(
    State(app): State<App>,
    user: User<scope::WriteFilters>,
    Path(id): Path<String>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let (ctx, account, id) = (app.ctx.clone(), user.account.id, path_id(&id)?);
    let changes = body.changes()?;
    let (keyword, row) = app
        .write(move |tx| {
            Box::pin(async move { filters::change_legacy(tx, &ctx, account, id, changes).await })
        })
        .await?;
    json(&filter::legacy(&keyword, &row))
}

async fn remove(
    State(app): State<App>,
    user: User<scope::WriteFilters>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let (account, id) = (user.account.id, path_id(&id)?);
    app.write(move |tx| Box::pin(filters::remove_legacy(tx, account, id)))
        .await?;
    Ok(Json("{}".to_owned()))
}
