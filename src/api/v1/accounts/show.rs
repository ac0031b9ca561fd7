//! `GET /api/v1/accounts/:id`, `GET /api/v1/accounts`

use axum::extract::{Path, State};
use serde::Deserialize;

use super::find;
use crate::api::entities::{Json, account, featuring};
use crate::api::list::{entity, json};
use crate::app::App;
use crate::error::{AppError, AppResult};
use crate::federation;
use crate::http::auth::MaybeUser;
use crate::http::params::{self, Params};

/// Accounts in one request at most.
const MAX: usize = 40;

pub async fn get(
    State(app): State<App>,
    user: MaybeUser,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let account = find(&app, &id).await?;
    if user.account.is_some() {
        federation::visited(&app, &account).await;
    }
    let json = featuring::render(&app, user.account.as_deref(), &[account.id])
        .await?
        .pop()
        .ok_or_else(AppError::not_found)?;
    Ok(entity(&json))
}

#[derive(Debug, Deserialize)]
pub struct Many {
    #[serde(default, deserialize_with = "params::ids")]
    id: Vec<i64>,
}

pub async fn many(
    State(app): State<App>,
    user: MaybeUser,
    Params(query): Params<Many>,
) -> AppResult<Json> {
    let ids = query.id;
    if ids.len() > MAX {
        return Err(AppError::invalid(format!("At most {MAX} accounts")));
    }
    // Loaded once for all, then from memory.
    account::json(&app, &ids).await?;
    let mut known = Vec::with_capacity(ids.len());
    for id in ids {
        if !known.contains(&id) && find(&app, &id.to_string()).await.is_ok() {
            known.push(id);
        }
    }
    json(&featuring::render(&app, user.account.as_deref(), &known).await?)
}
