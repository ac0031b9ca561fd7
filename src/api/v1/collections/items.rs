//! `/api/v1/collections/:id/items`

use axum::extract::{Path, State};
use serde::Deserialize;

use crate::api::entities::{Json, collection};
use crate::api::list::json;
use crate::app::App;
use crate::domain::collections;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::path_id;
use crate::http::params::{self, Params};

#[derive(Debug, Deserialize)]
pub struct Body {
    #[serde(default, deserialize_with = "params::text")]
    account_id: Option<String>,
}

pub async fn add(
    State(app): State<App>,
    user: User<scope::WriteCollections>,
    Path(id): Path<String>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let account = body
        .account_id
        .filter(|text| !text.is_empty())
        .ok_or_else(|| AppError::invalid("`account_id` parameter is missing"))?;
    let account: i64 = account
        .parse()
        .map_err(|_| AppError::invalid("`account_id` is no account's"))?;
    let ctx = app.ctx.clone();
    let item = app
        .write(move |tx| {
            Box::pin(async move { collections::add(tx, &ctx, &user.account, id, account).await })
        })
        .await?;
    json(&collection::WrappedItem {
        collection_item: collection::item(&item),
    })
}

pub async fn remove(
    State(app): State<App>,
    user: User<scope::WriteCollections>,
    Path((id, item)): Path<(String, String)>,
) -> AppResult<Json> {
    let (id, item) = (path_id(&id)?, path_id(&item)?);
    let ctx = app.ctx.clone();
    app.write(move |tx| {
        Box::pin(async move { collections::remove(tx, &ctx, &user.account, id, item).await })
    })
    .await?;
    Ok(Json("{}".to_owned()))
}

pub async fn revoke(
    State(app): State<App>,
    user: User<scope::WriteCollections>,
    Path((id, item)): Path<(String, String)>,
) -> AppResult<Json> {
    let (id, item) = (path_id(&id)?, path_id(&item)?);
    let ctx = app.ctx.clone();
    app.write(move |tx| {
        Box::pin(async move { collections::revoke(tx, &ctx, &user.account, id, item).await })
    })
    .await?;
    Ok(Json("{}".to_owned()))
}
