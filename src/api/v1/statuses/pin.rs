//! `POST /api/v1/statuses/:id/pin`, `…/unpin`

use axum::extract::{Path, State};

use super::answer;
use crate::api::entities::Json;
use crate::app::App;
use crate::db::accounts::Account;
use crate::db::statuses::Status;
use crate::db::{self, Conn};
use crate::domain::pins;
use crate::domain::visibility::may_see;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::path_id;

pub async fn post(
    State(app): State<App>,
    user: User<scope::WriteAccounts>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    app.write(move |tx| {
        Box::pin(async move {
            let status = visible(tx, &account, id).await?;
            pins::pin(tx, &ctx, &account, &status).await
        })
    })
    .await?;
    answer(&app, id, user.account.id).await
}

pub async fn undo(
    State(app): State<App>,
    user: User<scope::WriteAccounts>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    app.write(move |tx| {
        Box::pin(async move {
            let status = visible(tx, &account, id).await?;
            pins::unpin(tx, &ctx, &account, &status).await
        })
    })
    .await?;
    answer(&app, id, user.account.id).await
}

/// The status itself, a reblog too: that it cannot be pinned is another answer than 404.
async fn visible(tx: &mut Conn, account: &Account, id: i64) -> AppResult<Status> {
    let status = db::statuses::by_id(tx, id)
        .await?
        .ok_or_else(AppError::not_found)?;
    if may_see(tx, &status, Some(account)).await? {
        Ok(status)
    } else {
        Err(AppError::not_found())
    }
}
