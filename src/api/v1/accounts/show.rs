//! `GET /api/v1/accounts/:id`

use axum::extract::{Path, State};

use super::find;
use crate::api::entities::{Json, account};
use crate::api::list::entity;
use crate::app::App;
use crate::error::{AppError, AppResult};
use crate::http::auth::MaybeUser;

pub async fn get(State(app): State<App>, _: MaybeUser, Path(id): Path<String>) -> AppResult<Json> {
    let account = find(&app, &id).await?;
    let json = account::render_one(&app, account.id)
        .await?
        .ok_or_else(AppError::not_found)?;
    Ok(entity(&json))
}
