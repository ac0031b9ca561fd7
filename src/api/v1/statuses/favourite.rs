//! `POST /api/v1/statuses/:id/favourite`, `…/unfavourite`

use axum::extract::{Path, State};

use super::answer;
use crate::api::entities::Json;
use crate::app::App;
use crate::domain::interactions::{self, Verb};
use crate::domain::reactions;
use crate::error::AppResult;
use crate::http::auth::{User, scope};
use crate::http::pagination::path_id;

pub async fn post(
    State(app): State<App>,
    user: User<scope::WriteFavourites>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    let subject = app
        .write(move |tx| {
            Box::pin(async move {
                let status = reactions::subject(tx, &account, id).await?;
                let done = interactions::favourite(tx, &ctx, &account, &status, None).await?;
                done.allowed(Verb::Like)?;
                Ok(status.id)
            })
        })
        .await?;
    answer(&app, subject, user.account.id).await
}

pub async fn undo(
    State(app): State<App>,
    user: User<scope::WriteFavourites>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    let subject = app
        .write(move |tx| {
            Box::pin(async move {
                let status = reactions::subject(tx, &account, id).await?;
                reactions::unfavourite(tx, &ctx, &account, &status).await?;
                Ok(status.id)
            })
        })
        .await?;
    answer(&app, subject, user.account.id).await
}
