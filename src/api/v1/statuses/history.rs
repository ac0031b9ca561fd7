//! `GET /api/v1/statuses/:id/history`

use axum::extract::{Path, State};

use super::shown;
use crate::api::entities::{Json, status_edit};
use crate::api::list::json;
use crate::app::App;
use crate::db;
use crate::domain::statuses;
use crate::error::{AppError, AppResult};
use crate::http::auth::MaybeUser;
use crate::http::pagination::path_id;

pub async fn get(
    State(app): State<App>,
    user: MaybeUser,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let reader = user.with("read:statuses")?.map(|account| account.id);
    shown(&app, id, reader).await?;
    let ctx = app.ctx.clone();
    let (author, versions) = app
        .read(move |c| {
            Box::pin(async move {
                let status = db::statuses::by_id(c, id)
                    .await?
                    .filter(|status| status.reblog_of_id.is_none())
                    .ok_or_else(AppError::not_found)?;
                let versions = statuses::history(c, &ctx, &status).await?;
                Ok((status.account_id, versions))
            })
        })
        .await?;
    json(&status_edit::render(&app, author, versions).await?)
}
