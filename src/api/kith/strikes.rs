//! `/api/kith/v1/strikes`: what moderators did to one's account, and appealing against it.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use crate::api::entities::{Json, account_warning};
use crate::api::list::json;
use crate::app::App;
use crate::db;
use crate::db::account_warnings::AccountWarning;
use crate::domain::moderation;
use crate::error::{AppError, AppResult};
use crate::http::auth::{EvenMoved, User, scope};
use crate::http::client_ip::Caller;
use crate::http::pagination::{Paging, path_id};
use crate::http::params::{self, Params};
use crate::limits::Deed;

/// Routes of this area.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/kith/v1/strikes", get(list))
        .route("/api/kith/v1/strikes/appeal", post(appeal_by_letter))
        .route("/api/kith/v1/strikes/{id}", get(show))
        .route("/api/kith/v1/strikes/{id}/appeal", post(appeal))
}

async fn list(
    State(app): State<App>,
    user: User<scope::ReadAccounts>,
    paging: Paging,
) -> AppResult<Response> {
    let page = paging.page(20, 40);
    let own = user.account.id;
    let rows = app
        .read(move |c| Box::pin(async move { Ok(db::account_warnings::page(c, own, page).await?) }))
        .await?;
    let links = paging.links(
        rows.first().map(|row| row.id),
        rows.last().map(|row| row.id),
        rows.len() as i64 >= page.limit,
    );
    let shown = account_warning::render(&app, &rows).await?;
    let shown: Vec<_> = shown.iter().map(|(_, entity)| entity).collect();
    Ok((links, json(&shown)?).into_response())
}

/// A strike against an account: 404 for those of others.
async fn find(app: &App, own: i64, id: &str) -> AppResult<AccountWarning> {
    let id = path_id(id)?;
    app.read(move |c| Box::pin(async move { Ok(db::account_warnings::by_id(c, id).await?) }))
        .await?
        .filter(|warning| warning.target_id == own)
        .ok_or_else(AppError::not_found)
}

async fn answer(app: &App, warning: AccountWarning) -> AppResult<Json> {
    let shown = account_warning::render(app, &[warning]).await?.pop();
    json(&shown.ok_or_else(AppError::not_found)?.1)
}

async fn show(
    State(app): State<App>,
    user: User<scope::ReadAccounts>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let warning = find(&app, user.account.id, &id).await?;
    answer(&app, warning).await
}

#[derive(Debug, Deserialize)]
struct Body {
    #[serde(default, deserialize_with = "params::text")]
    text: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    token: Option<String>,
}

async fn appeal(
    State(app): State<App>,
    EvenMoved { user }: EvenMoved<scope::WriteAccounts>,
    Path(id): Path<String>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let warning = find(&app, user.account.id, &id).await?;
    file(&app, warning, body.text).await
}

/// For those who cannot sign in any more: by the secret in the letter that told them so.
async fn appeal_by_letter(
    State(app): State<App>,
    caller: Caller,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    caller.count(&app, Deed::Code)?;
    let secret = body.token.unwrap_or_default();
    let warning = app
        .read(move |c| Box::pin(async move { moderation::find_by_secret(c, &secret).await }))
        .await?
        .ok_or_else(AppError::not_found)?;
    file(&app, warning, body.text).await
}

async fn file(app: &App, warning: AccountWarning, text: Option<String>) -> AppResult<Json> {
    let (ctx, text, against) = (app.ctx.clone(), text.unwrap_or_default(), warning.clone());
    app.write(move |tx| {
        Box::pin(async move {
            moderation::appeal(tx, &ctx, &against, &text)
                .await
                .map(|_| ())
        })
    })
    .await?;
    answer(app, warning).await
}
