//! `GET /api/v1/bookmarks`

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

use crate::api::entities::status::Reader;
use crate::api::list;
use crate::app::App;
use crate::db;
use crate::error::AppResult;
use crate::http::auth::{User, scope};
use crate::http::pagination::Paging;

pub fn routes() -> Router<App> {
    Router::new().route("/api/v1/bookmarks", get(index))
}

async fn index(
    State(app): State<App>,
    user: User<scope::ReadBookmarks>,
    paging: Paging,
) -> AppResult<Response> {
    let page = paging.page(20, 40);
    let id = user.account.id;
    let rows = app
        .read(move |c| {
            Box::pin(async move { Ok(db::reactions::marked(c, id, false, page).await?) })
        })
        .await?;
    let reader = Reader::of(&app, id).await?;
    list::marked(&app, rows, &reader, &paging, page).await
}
