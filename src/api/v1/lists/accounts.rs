//! `/api/v1/lists/:id/accounts`

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;

use crate::api::entities::Json;
use crate::api::list;
use crate::app::App;
use crate::db;
use crate::domain::follows::MAX_FOLLOWING;
use crate::domain::lists;
use crate::error::AppResult;
use crate::http::auth::{User, scope};
use crate::http::pagination::{Paging, path_id};
use crate::http::params::{self, Params};

pub async fn all(
    State(app): State<App>,
    user: User<scope::ReadLists>,
    Path(id): Path<String>,
    paging: Paging,
) -> AppResult<Response> {
    let id = path_id(&id)?;
    let mut page = paging.page(40, 80);
    if paging.wants_all() {
        page.limit = MAX_FOLLOWING;
    }
    let rows = app
        .read(move |c| {
            Box::pin(async move {
                lists::own(c, &user.account, id).await?;
                Ok(db::lists::members(c, id, page).await?)
            })
        })
        .await?;
    list::accounts(&app, rows, &paging, page).await
}

#[derive(Debug, Deserialize)]
pub struct Body {
    #[serde(default, deserialize_with = "params::ids")]
    account_ids: Vec<i64>,
}

pub async fn add(
    State(app): State<App>,
    user: User<scope::WriteLists>,
    Path(id): Path<String>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let ctx = app.ctx.clone();
    app.write(move |tx| {
        Box::pin(async move { lists::add(tx, &ctx, &user.account, id, &body.account_ids).await })
    })
    .await?;
    Ok(Json("{}".to_owned()))
}

pub async fn remove(
    State(app): State<App>,
    user: User<scope::WriteLists>,
    Path(id): Path<String>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    app.write(move |tx| {
        Box::pin(async move { lists::remove(tx, &user.account, id, &body.account_ids).await })
    })
    .await?;
    Ok(Json("{}".to_owned()))
}
