//! `/api/kith/v1/bookmark_folders`

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};

use crate::api::entities::Json;
use crate::api::entities::status::Reader;
use crate::api::list;
use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::bookmark_folders::Folder;
use crate::domain::bookmark_folders as folders;
use crate::error::AppResult;
use crate::http::auth::{User, scope};
use crate::http::pagination::{Paging, path_id};
use crate::http::params::{self, Params};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/kith/v1/bookmark_folders", get(all).post(create))
        .route(
            "/api/kith/v1/bookmark_folders/{id}",
            get(show).patch(rename).delete(delete),
        )
        .route("/api/kith/v1/bookmark_folders/{id}/statuses", get(statuses))
        .route(
            "/api/kith/v1/bookmark_folders/{id}/statuses/{status_id}",
            post(put).delete(take_out),
        )
}

/// `BookmarkFolder`.
#[derive(Debug, Serialize)]
struct Entity {
    id: String,
    name: String,
    created_at: String,
}

fn entity(folder: Folder) -> Entity {
    Entity {
        id: folder.id.to_string(),
        name: folder.name,
        created_at: iso(folder.created_at),
    }
}

async fn all(
    State(app): State<App>,
    user: User<scope::ReadBookmarks>,
    paging: Paging,
) -> AppResult<Response> {
    let page = paging.page(40, 100);
    let owner = user.account.id;
    let rows = app
        .read(move |c| {
            Box::pin(async move { Ok(db::bookmark_folders::page(c, owner, page).await?) })
        })
        .await?;
    let links = paging.links(
        rows.first().map(|row| row.id),
        rows.last().map(|row| row.id),
        rows.len() as i64 >= page.limit,
    );
    let entities: Vec<Entity> = rows.into_iter().map(entity).collect();
    Ok((links, list::json(&entities)?).into_response())
}

async fn show(
    State(app): State<App>,
    user: User<scope::ReadBookmarks>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let folder = app
        .read(move |c| Box::pin(async move { folders::own(c, &user.account, id).await }))
        .await?;
    list::json(&entity(folder))
}

async fn statuses(
    State(app): State<App>,
    user: User<scope::ReadBookmarks>,
    Path(id): Path<String>,
    paging: Paging,
) -> AppResult<Response> {
    let id = path_id(&id)?;
    let page = paging.page(20, 40);
    let owner = user.account.clone();
    let rows = app
        .read(move |c| {
            Box::pin(async move {
                let folder = folders::own(c, &owner, id).await?;
                Ok(db::bookmark_folders::items(c, folder.id, page).await?)
            })
        })
        .await?;
    let reader = Reader::of(&app, user.account.id).await?;
    list::marked(&app, rows, &reader, &paging, page).await
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    #[serde(deserialize_with = "params::text")]
    name: Option<String>,
}

async fn create(
    State(app): State<App>,
    user: User<scope::WriteBookmarks>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let (ctx, owner) = (app.ctx.clone(), user.account.clone());
    let name = body.name.unwrap_or_default();
    let folder = app
        .write(move |tx| Box::pin(async move { folders::create(tx, &ctx, &owner, &name).await }))
        .await?;
    list::json(&entity(folder))
}

async fn rename(
    State(app): State<App>,
    user: User<scope::WriteBookmarks>,
    Path(id): Path<String>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let (id, owner) = (path_id(&id)?, user.account.clone());
    let name = body.name.unwrap_or_default();
    let folder = app
        .write(move |tx| Box::pin(async move { folders::rename(tx, &owner, id, &name).await }))
        .await?;
    list::json(&entity(folder))
}

async fn delete(
    State(app): State<App>,
    user: User<scope::WriteBookmarks>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let (id, owner) = (path_id(&id)?, user.account.clone());
    app.write(move |tx| Box::pin(async move { folders::delete(tx, &owner, id).await }))
        .await?;
    Ok(Json("{}".to_owned()))
}

async fn put(
    State(app): State<App>,
    user: User<scope::WriteBookmarks>,
    Path((id, status_id)): Path<(String, String)>,
) -> AppResult<Json> {
    let (id, status_id) = (path_id(&id)?, path_id(&status_id)?);
    let (ctx, owner) = (app.ctx.clone(), user.account.clone());
    let folder = app
        .write(move |tx| {
            Box::pin(async move { folders::put(tx, &ctx, &owner, id, status_id).await })
        })
        .await?;
    list::json(&entity(folder))
}

async fn take_out(
    State(app): State<App>,
    user: User<scope::WriteBookmarks>,
    Path((id, status_id)): Path<(String, String)>,
) -> AppResult<Json> {
    let (id, status_id) = (path_id(&id)?, path_id(&status_id)?);
    let owner = user.account.clone();
    let folder = app
        .write(move |tx| {
            Box::pin(async move { folders::take_out(tx, &owner, id, status_id).await })
        })
        .await?;
    list::json(&entity(folder))
}
