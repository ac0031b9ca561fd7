//! `POST /api/v1/accounts/:id/endorse` (`…/pin`), `…/unendorse` (`…/unpin`), `…/note`,
//! `GET /api/v1/accounts/:id/endorsements`, `GET /api/v1/endorsements`

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;

use super::find;
use super::follow::answer;
use crate::api::entities::Json;
use crate::api::list;
use crate::app::App;
use crate::db;
use crate::domain::endorsements;
use crate::error::AppResult;
use crate::http::auth::{MaybeUser, User, scope};
use crate::http::pagination::Paging;
use crate::http::params::{self, Params};

pub async fn endorse(
    State(app): State<App>,
    user: User<scope::WriteAccounts>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let target = find(&app, &id).await?;
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    let other = target.id;
    app.write(move |tx| {
        Box::pin(async move { endorsements::endorse(tx, &ctx, &account, &target).await })
    })
    .await?;
    answer(&app, user.account.id, other).await
}

pub async fn unendorse(
    State(app): State<App>,
    user: User<scope::WriteAccounts>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let target = find(&app, &id).await?;
    let account = user.account.clone();
    let other = target.id;
    app.write(move |tx| {
        Box::pin(async move { endorsements::unendorse(tx, &account, &target).await })
    })
    .await?;
    answer(&app, user.account.id, other).await
}

#[derive(Debug, Deserialize)]
pub struct Note {
    #[serde(default, deserialize_with = "params::text")]
    comment: Option<String>,
}

pub async fn note(
    State(app): State<App>,
    user: User<scope::WriteAccounts>,
    Path(id): Path<String>,
    Params(body): Params<Note>,
) -> AppResult<Json> {
    let target = find(&app, &id).await?;
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    let other = target.id;
    app.write(move |tx| {
        Box::pin(async move {
            let comment = body.comment.unwrap_or_default();
            endorsements::note(tx, &ctx, &account, &target, &comment).await
        })
    })
    .await?;
    answer(&app, user.account.id, other).await
}

pub async fn of_account(
    State(app): State<App>,
    _: MaybeUser,
    Path(id): Path<String>,
    paging: Paging,
) -> AppResult<Response> {
    let account = find(&app, &id).await?;
    index(app, account.id, paging).await
}

pub async fn own(
    State(app): State<App>,
    user: User<scope::ReadAccounts>,
    paging: Paging,
) -> AppResult<Response> {
    index(app, user.account.id, paging).await
}

async fn index(app: App, id: i64, paging: Paging) -> AppResult<Response> {
    let page = paging.page(40, 80);
    let rows = app
        .read(move |c| Box::pin(async move { Ok(db::personal::endorsed(c, id, page).await?) }))
        .await?;
    list::accounts(&app, rows, &paging, page).await
}
