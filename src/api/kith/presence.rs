//! `GET /api/kith/v1/presence`

use axum::extract::State;
use serde::Deserialize;

use crate::api::entities::Json;
use crate::api::list::json;
use crate::api::streaming::presence::Entity;
use crate::app::App;
use crate::domain::presence;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::params::{self, Params};

/// Accounts in one request at most.
const MAX: usize = 100;

#[derive(Debug, Deserialize)]
pub struct Query {
    #[serde(default, deserialize_with = "params::ids")]
    account_ids: Vec<i64>,
}

/// Whether others are there, as far as the reader may know.
pub async fn get(
    State(app): State<App>,
    user: User<scope::ReadAccounts>,
    Params(query): Params<Query>,
) -> AppResult<Json> {
    let ids = query.account_ids;
    if ids.len() > MAX {
        return Err(AppError::invalid(format!("At most {MAX} accounts")));
    }
    let viewer = user.account.id;
    let relations = app.relations(viewer).await?;
    let running = presence::running(app.origin, app.clock.now_ms());
    let known = app
        .read(move |c| {
            Box::pin(async move { presence::of(c, viewer, relations, &ids, running).await })
        })
        .await?;
    json(&known.into_iter().map(Entity::of).collect::<Vec<_>>())
}
