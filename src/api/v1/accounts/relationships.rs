//! `GET /api/v1/accounts/relationships`

use axum::extract::State;
use serde::Deserialize;

use crate::api::entities::{Json, account, relationship};
use crate::api::list::json;
use crate::app::App;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::params::{self, Params};

/// Accounts in one request at most.
const MAX: usize = 100;

#[derive(Debug, Deserialize)]
pub struct Query {
    #[serde(default, deserialize_with = "params::ids")]
    id: Vec<i64>,
}

pub async fn get(
    State(app): State<App>,
    user: User<scope::ReadFollows>,
    Params(query): Params<Query>,
) -> AppResult<Json> {
    if query.id.len() > MAX {
        return Err(AppError::invalid(format!("At most {MAX} accounts")));
    }
    // Loaded once for all, then from memory.
    account::json(&app, &query.id).await?;
    let mut known = Vec::with_capacity(query.id.len());
    for id in query.id {
        if app.account(id).await?.is_some() && !known.contains(&id) {
            known.push(id);
        }
    }
    json(&relationship::render(&app, user.account.id, &known).await?)
}
