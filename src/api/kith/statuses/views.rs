//! `POST /api/kith/v1/statuses/:id/views`

use axum::extract::{Path, State};

use crate::api::entities::Json;
use crate::app::App;
use crate::db;
use crate::domain::reactions::subject;
use crate::domain::views;
use crate::error::AppResult;
use crate::http::auth::{User, scope};
use crate::http::pagination::path_id;

pub async fn post(
    State(app): State<App>,
    user: User<scope::ReadStatuses>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let account = user.account.clone();
    let status = app
        .read(move |c| Box::pin(async move { subject(c, &account, id).await }))
        .await?;
    if let Some(view) = views::of(&app.ctx, &status, user.account.id) {
        crate::views::seen(&app, view).await?;
    }
    Ok(Json("{}".to_owned()))
}

/// A reader, who may see it, opened the thread of a status.
pub async fn opened(app: &App, id: i64, reader: i64) -> AppResult<()> {
    let status = app
        .read(move |c| {
            Box::pin(async move {
                let status = db::statuses::by_id(c, id).await?;
                match status.as_ref().and_then(|status| status.reblog_of_id) {
                    Some(original) => Ok(db::statuses::by_id(c, original).await?),
                    None => Ok(status),
                }
            })
        })
        .await?;
    if let Some(view) = status.and_then(|status| views::of(&app.ctx, &status, reader)) {
        crate::views::seen(app, view).await?;
    }
    Ok(())
}
