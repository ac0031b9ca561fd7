//! `PUT /api/kith/v1/statuses/:id/reactions/:emoji`, and `DELETE`

use axum::extract::{Path, State};

use super::answer;
use crate::api::entities::Json;
use crate::app::App;
use crate::domain::emoji_reactions::{self, Name};
use crate::domain::reactions::subject;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::path_id;

pub async fn put(
    State(app): State<App>,
    user: User<scope::WriteFavourites>,
    Path((id, emoji)): Path<(String, String)>,
) -> AppResult<Json> {
    let (id, name) = (path_id(&id)?, Name::parse(&app.config, &emoji));
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    let subject = app
        .write(move |tx| {
            Box::pin(async move {
                // Whether it is there comes before whether the emoji is one.
                let status = subject(tx, &account, id).await?;
                emoji_reactions::react(tx, &ctx, &account, &status, &known(name)?).await?;
                Ok(status.id)
            })
        })
        .await?;
    answer(&app, subject, user.account.id).await
}

pub async fn delete(
    State(app): State<App>,
    user: User<scope::WriteFavourites>,
    Path((id, emoji)): Path<(String, String)>,
) -> AppResult<Json> {
    let (id, name) = (path_id(&id)?, Name::parse(&app.config, &emoji));
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    let subject = app
        .write(move |tx| {
            Box::pin(async move {
                let status = subject(tx, &account, id).await?;
                emoji_reactions::unreact(tx, &ctx, &account, &status, &known(name)?).await?;
                Ok(status.id)
            })
        })
        .await?;
    answer(&app, subject, user.account.id).await
}

fn known(name: Option<Name>) -> AppResult<Name> {
    name.ok_or_else(|| AppError::invalid("Validation failed: Name is not a recognized emoji"))
}
