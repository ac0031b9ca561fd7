//! `POST /api/kith/v1/statuses/:id/dislike`, `…/undislike`

use axum::extract::{Path, State};

use super::answer;
use crate::api::entities::Json;
use crate::app::App;
use crate::domain::reactions::subject;
use crate::domain::votes;
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
                let status = subject(tx, &account, id).await?;
                votes::dislike(tx, &ctx, &account, &status, None).await?;
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
                let status = subject(tx, &account, id).await?;
                votes::undislike(tx, &ctx, &account, &status).await?;
                Ok(status.id)
            })
        })
        .await?;
    answer(&app, subject, user.account.id).await
}
