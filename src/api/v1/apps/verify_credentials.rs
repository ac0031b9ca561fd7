//! `GET /api/v1/apps/verify_credentials`: the app of a token, its own or a user's.

use axum::Json;
use axum::extract::State;

use super::Application;
use crate::app::App;
use crate::db;
use crate::error::{AppError, AppResult};
use crate::http::auth::AnyToken;

pub async fn show(State(app): State<App>, token: AnyToken) -> AppResult<Json<Application>> {
    let id = token.session.app_id.ok_or_else(AppError::unauthorized)?;
    let found = app
        .read(move |c| Box::pin(async move { Ok(db::tokens::apps_by_ids(c, &[id]).await?) }))
        .await?
        .pop()
        .ok_or_else(AppError::unauthorized)?;
    Ok(Json(Application::of(
        &found,
        app.vapid().await?.public_key(),
    )))
}
