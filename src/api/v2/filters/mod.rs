//! `/api/v2/filters`

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use serde::Deserialize;

use crate::api::entities::{Json, filter};
use crate::api::list::json;
use crate::app::App;
use crate::db;
use crate::db::filters::Filter;
use crate::domain::filters::{self, Changes, KeywordChange};
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::path_id;
use crate::http::params::{self, Params};

mod keywords;
mod statuses;

/// Filters listed at most: nobody has more.
const MOST: i64 = 1000;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v2/filters", get(index).post(create))
        .route(
            "/api/v2/filters/{id}",
            get(show).put(update).patch(update).delete(remove),
        )
        .merge(keywords::routes())
        .merge(statuses::routes())
}

#[derive(Debug, Deserialize)]
struct Body {
    #[serde(default, deserialize_with = "params::text")]
    title: Option<String>,
    context: Option<serde_json::Value>,
    #[serde(default, deserialize_with = "params::text")]
    filter_action: Option<String>,
    #[serde(default, deserialize_with = "params::present_integer")]
    expires_in: Option<Option<i64>>,
    #[serde(default, deserialize_with = "params::list")]
    keywords_attributes: Vec<KeywordBody>,
}

#[derive(Debug, Deserialize)]
struct KeywordBody {
    #[serde(default, deserialize_with = "params::text")]
    id: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    keyword: Option<String>,
    #[serde(default, deserialize_with = "params::flag")]
    whole_word: Option<bool>,
    #[serde(default, rename = "_destroy", deserialize_with = "params::flag")]
    destroy: Option<bool>,
}

/// A list of names that may be absent.
pub fn names(value: Option<serde_json::Value>) -> AppResult<Option<Vec<String>>> {
    value
        .map(params::texts)
        .transpose()
        .map_err(|e| AppError::invalid("Validation failed").describe(e.to_string()))
}

impl Body {
    fn changes(self) -> AppResult<Changes> {
        let mut keywords = Vec::with_capacity(self.keywords_attributes.len());
        for entry in self.keywords_attributes {
            keywords.push(KeywordChange {
                id: match entry.id.as_deref() {
                    None | Some("") => None,
                    Some(id) => Some(path_id(id)?),
                },
                keyword: entry.keyword,
                whole_word: entry.whole_word,
                remove: entry.destroy == Some(true),
            });
        }
        Ok(Changes {
            title: self.title,
            context: names(self.context)?,
            action: self.filter_action.filter(|name| !name.is_empty()),
            expires_in: self.expires_in,
            keywords,
        })
    }
}

async fn answer(app: &App, row: Filter) -> AppResult<Json> {
    let rows = [row];
    let shown = filter::render(app, &rows).await?.pop();
    json(&shown.ok_or_else(AppError::not_found)?)
}

async fn index(State(app): State<App>, user: User<scope::ReadFilters>) -> AppResult<Json> {
    let id = user.account.id;
    let rows = app
        .read(move |c| Box::pin(async move { Ok(db::filters::of_account(c, id, MOST).await?) }))
        .await?;
    json(&filter::render(&app, &rows).await?)
}

/// One of an account's filters; 404 for any other.
async fn own(app: &App, account_id: i64, id: &str) -> AppResult<Filter> {
    let id = path_id(id)?;
    app.read(move |c| Box::pin(async move { Ok(db::filters::by_id(c, account_id, id).await?) }))
        .await?
        .ok_or_else(AppError::not_found)
}

async fn show(
    State(app): State<App>,
    user: User<scope::ReadFilters>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let row = own(&app, user.account.id, &id).await?;
    answer(&app, row).await
}

async fn create(
    State(app): State<App>,
    user: User<scope::WriteFilters>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let (ctx, account) = (app.ctx.clone(), user.account.id);
    let changes = body.changes()?;
    let row = app
        .write(move |tx| Box::pin(async move { filters::create(tx, &ctx, account, changes).await }))
        .await?;
    answer(&app, row).await
}

async fn update(
    State(app): State<App>,
    user: User<scope::WriteFilters>,
    Path(id): Path<String>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let (ctx, account) = (app.ctx.clone(), user.account.id);
    let changes = body.changes()?;
    let row = app
        .write(move |tx| {
            Box::pin(async move { filters::change(tx, &ctx, account, id, changes).await })
        })
        .await?;
    answer(&app, row).await
}

async fn remove(
    State(app): State<App>,
    user: User<scope::WriteFilters>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let (id, account) = (path_id(&id)?, user.account.id);
    app.write(move |tx| Box::pin(filters::remove(tx, account, id)))
        .await?;
    Ok(Json("{}".to_owned()))
}
