//! `/api/v1/trends`

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::api::entities::status::{self, Mode, Reader};
use crate::api::entities::{Json, card, tag};
use crate::api::list::json;
use crate::app::App;
use crate::db;
use crate::db::trends::Kind;
use crate::error::AppResult;
use crate::http::auth::MaybeUser;
use crate::http::pagination::Paging;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/trends", get(tags))
        .route("/api/v1/trends/tags", get(tags))
        .route("/api/v1/trends/statuses", get(statuses))
        .route("/api/v1/trends/links", get(links))
}

/// Ids of what trends, in their order.
async fn ids(app: &App, kind: Kind, limit: i64, offset: i64) -> AppResult<Vec<i64>> {
    app.read(move |c| Box::pin(async move { Ok(db::trends::list(c, kind, limit, offset).await?) }))
        .await
}

async fn tags(State(app): State<App>, user: MaybeUser, paging: Paging) -> AppResult<Response> {
    let (limit, offset) = (paging.page(10, 20).limit, paging.offset());
    let (found, ids) = app
        .read(move |c| {
            Box::pin(async move {
                let ids = db::trends::list(c, Kind::Tag, limit, offset).await?;
                Ok((db::tags::by_ids(c, &ids).await?, ids))
            })
        })
        .await?;
    let mut found = found;
    found.sort_by_key(|tag| ids.iter().position(|id| *id == tag.id));
    let reader = user.account.as_ref().map(|account| account.id);
    let entities = tag::render(&app, &found, reader).await?;
    let links = paging.offset_links(limit, ids.len());
    Ok((links, json(&entities)?).into_response())
}

async fn statuses(State(app): State<App>, user: MaybeUser, paging: Paging) -> AppResult<Response> {
    let (limit, offset) = (paging.page(20, 40).limit, paging.offset());
    let ids = ids(&app, Kind::Status, limit, offset).await?;
    let reader = match user.account {
        Some(account) => Some(Reader::of(&app, account.id).await?),
        None => None,
    };
    let page = status::page(&app, &ids, reader.as_ref(), Mode::Timeline).await?;
    let links = paging.offset_links(limit, ids.len());
    Ok((links, Json(page.json())).into_response())
}

async fn links(State(app): State<App>, _: MaybeUser, paging: Paging) -> AppResult<Response> {
    let (limit, offset) = (paging.page(10, 20).limit, paging.offset());
    let ids = ids(&app, Kind::Link, limit, offset).await?;
    let links = paging.offset_links(limit, ids.len());
    let entities = card::trending(&app, ids).await?;
    Ok((links, json(&entities)?).into_response())
}
