//! `GET /api/kith/v1/statuses/:id/disliked_by`, for the author alone

use axum::extract::{Path, State};
use axum::response::Response;

use super::own;
use crate::api::list;
use crate::app::App;
use crate::db;
use crate::error::AppResult;
use crate::http::auth::{User, scope};
use crate::http::pagination::{Paging, path_id};

pub async fn get(
    State(app): State<App>,
    user: User<scope::ReadStatuses>,
    Path(id): Path<String>,
    paging: Paging,
) -> AppResult<Response> {
    let id = path_id(&id)?;
    let page = paging.page(40, 80);
    let account = user.account.clone();
    let rows = app
        .read(move |c| {
            Box::pin(async move {
                let status = own(c, &account, id).await?;
                Ok(db::votes::disliked_by(c, status.id, page).await?)
            })
        })
        .await?;
    list::accounts(&app, rows, &paging, page).await
}
