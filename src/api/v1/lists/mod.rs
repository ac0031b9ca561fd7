//! `/api/v1/lists`

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use serde::Deserialize;

use crate::api::entities::{Json, list};
use crate::api::list::json;
use crate::app::App;
use crate::db;
use crate::domain::lists::{self, MAX_LISTS, Settings};
use crate::error::AppResult;
use crate::http::auth::{User, scope};
use crate::http::pagination::path_id;
use crate::http::params::{self, Params};

mod accounts;
mod of_account;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/lists", get(all).post(create))
        .route("/api/v1/lists/{id}", get(show).put(change).delete(delete))
        .route(
            "/api/v1/lists/{id}/accounts",
            get(accounts::all)
                .post(accounts::add)
                .delete(accounts::remove),
        )
        .route("/api/v1/accounts/{id}/lists", get(of_account::get))
}

async fn all(State(app): State<App>, user: User<scope::ReadLists>) -> AppResult<Json> {
    let owner = user.account.id;
    let rows = app
        .read(move |c| {
            Box::pin(async move { Ok(db::lists::of_account(c, owner, MAX_LISTS).await?) })
        })
        .await?;
    let entities: Vec<list::Entity> = rows.into_iter().map(list::entity).collect();
    json(&entities)
}

async fn show(
    State(app): State<App>,
    user: User<scope::ReadLists>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let row = app
        .read(move |c| Box::pin(async move { lists::own(c, &user.account, id).await }))
        .await?;
    json(&list::entity(row))
}

#[derive(Debug, Clone, Deserialize)]
pub struct Body {
    #[serde(default, deserialize_with = "params::text")]
    title: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    replies_policy: Option<String>,
    #[serde(default, deserialize_with = "params::flag")]
    exclusive: Option<bool>,
}

impl Body {
    fn settings(self) -> Settings {
        Settings {
            title: self.title,
            replies_policy: self.replies_policy.filter(|policy| !policy.is_empty()),
            exclusive: self.exclusive,
        }
    }
}

async fn create(
    State(app): State<App>,
    user: User<scope::WriteLists>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let ctx = app.ctx.clone();
    let row = app
        .write(move |tx| {
            Box::pin(async move { lists::create(tx, &ctx, &user.account, body.settings()).await })
        })
        .await?;
    json(&list::entity(row))
}

async fn change(
    State(app): State<App>,
    user: User<scope::WriteLists>,
    Path(id): Path<String>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let row = app
        .write(move |tx| {
            Box::pin(async move { lists::change(tx, &user.account, id, body.settings()).await })
        })
        .await?;
    json(&list::entity(row))
}

async fn delete(
    State(app): State<App>,
    user: User<scope::WriteLists>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    app.write(move |tx| Box::pin(async move { lists::delete(tx, &user.account, id).await }))
        .await?;
    Ok(Json("{}".to_owned()))
}
