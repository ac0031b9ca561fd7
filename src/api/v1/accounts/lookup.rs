//! `GET /api/v1/accounts/lookup`, `GET /api/v1/accounts/search`

use axum::extract::State;
use serde::Deserialize;

use crate::api::entities::{Json, featuring};
use crate::api::list::{entity, json};
use crate::api::v2::search;
use crate::app::App;
use crate::db;
use crate::error::{AppError, AppResult};
use crate::federation;
use crate::http::auth::{MaybeUser, User, scope};
use crate::http::pagination::Paging;
use crate::http::params::{self, Params};
use crate::text::names::parse_handle;

#[derive(Debug, Deserialize)]
pub struct Lookup {
    #[serde(default, deserialize_with = "params::text")]
    acct: Option<String>,
}

pub async fn get(
    State(app): State<App>,
    user: MaybeUser,
    Params(query): Params<Lookup>,
) -> AppResult<Json> {
    let handle = query
        .acct
        .as_deref()
        .and_then(parse_handle)
        .ok_or_else(AppError::not_found)?;
    let domain = handle
        .domain
        .filter(|domain| !app.config.is_our_domain(domain))
        .unwrap_or_default();
    let found = app
        .read(move |c| {
            Box::pin(
                async move { Ok(db::accounts::by_handle(c, &handle.username, &domain).await?) },
            )
        })
        .await?
        .filter(|account| account.deleted_at.is_none())
        .ok_or_else(AppError::not_found)?;
    if user.account.is_some() {
        federation::visited(&app, &found).await;
    }
    let rendered = featuring::render(&app, user.account.as_deref(), &[found.id])
        .await?
        .pop()
        .ok_or_else(AppError::not_found)?;
    Ok(entity(&rendered))
}

#[derive(Debug, Deserialize)]
pub struct Search {
    #[serde(default, deserialize_with = "params::text")]
    q: Option<String>,
    #[serde(default, deserialize_with = "params::flag")]
    resolve: Option<bool>,
    #[serde(default, deserialize_with = "params::flag")]
    following: Option<bool>,
}

pub async fn search(
    State(app): State<App>,
    user: User<scope::ReadAccounts>,
    paging: Paging,
    Params(query): Params<Search>,
) -> AppResult<Json> {
    let text = query.q.unwrap_or_default();
    let page = paging.page(40, 80);
    let seek = search::Seek {
        reader: Some(user.account.id),
        following: query.following.unwrap_or(false),
        resolve: query.resolve.unwrap_or(false),
    };
    let ids = search::accounts(&app, &text, seek, page.limit, paging.offset()).await?;
    json(&featuring::render(&app, Some(&user.account), &ids).await?)
}
