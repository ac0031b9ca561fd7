//! `GET /api/v1/statuses/:id/favourited_by`, `…/reblogged_by`

use axum::extract::{Path, State};
use axum::response::Response;

use super::shown;
use crate::api::list;
use crate::app::App;
use crate::db;
use crate::error::AppResult;
use crate::http::auth::MaybeUser;
use crate::http::pagination::{Paging, path_id};

pub async fn favourited(
    State(app): State<App>,
    user: MaybeUser,
    Path(id): Path<String>,
    paging: Paging,
) -> AppResult<Response> {
    let id = visible(&app, &user, &id).await?;
    let page = paging.page(40, 80);
    let rows = app
        .read(move |c| {
            Box::pin(async move { Ok(db::reactions::favourited_by(c, id, page).await?) })
        })
        .await?;
    list::accounts(&app, rows, &paging, page).await
}

pub async fn reblogged(
    State(app): State<App>,
    user: MaybeUser,
    Path(id): Path<String>,
    paging: Paging,
) -> AppResult<Response> {
    let id = visible(&app, &user, &id).await?;
    let page = paging.page(40, 80);
    let rows = app
        .read(move |c| Box::pin(async move { Ok(db::reactions::reblogged_by(c, id, page).await?) }))
        .await?;
    list::accounts(&app, rows, &paging, page).await
}

async fn visible(app: &App, user: &MaybeUser, id: &str) -> AppResult<i64> {
    let id = path_id(id)?;
    let reader = user.with("read:statuses")?.map(|account| account.id);
    shown(app, id, reader).await?;
    Ok(id)
}
