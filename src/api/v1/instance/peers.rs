//! `/api/v1/instance/peers`, `/api/v1/peers/search` and `/api/v1/instance/activity`

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::Value;

use crate::api::entities::instance::{about, numbers};
use crate::app::App;
use crate::domain::instance::Shown;
use crate::error::{AppError, AppResult};
use crate::http::params::{self, Params};

/// Domains that a search gives.
const FOUND: usize = 10;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/instance/peers", get(peers))
        .route("/api/v1/peers/search", get(search))
        .route("/api/v1/instance/activity", get(activity))
}

/// 404 where an admin does not show something.
async fn shown(app: &App, name: &str) -> AppResult<()> {
    match about(app).await?.shown(name) {
        Shown::Disabled => Err(AppError::not_found()),
        _ => Ok(()),
    }
}

async fn peers(State(app): State<App>) -> AppResult<Json<Vec<String>>> {
    shown(&app, "peers_shown").await?;
    let policies = app.policies().await?;
    let numbers = numbers(&app).await?;
    let open = numbers.domains.iter().filter(|d| !policies.blocks(d));
    Ok(Json(open.cloned().collect()))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Query {
    #[serde(deserialize_with = "params::text")]
    q: Option<String>,
}

async fn search(
    State(app): State<App>,
    Params(query): Params<Query>,
) -> AppResult<Json<Vec<String>>> {
    shown(&app, "peers_shown").await?;
    let wanted = query.q.unwrap_or_default().trim().to_lowercase();
    if wanted.is_empty() {
        return Ok(Json(Vec::new()));
    }
    let policies = app.policies().await?;
    let numbers = numbers(&app).await?;
    let mut found = Vec::new();
    // Those that begin with it first.
    for begins in [true, false] {
        found.extend(
            numbers
                .domains
                .iter()
                .filter(|domain| !policies.blocks(domain))
                .filter(|domain| domain.contains(&wanted))
                .filter(|domain| domain.starts_with(&wanted) == begins)
                .cloned(),
        );
    }
    found.truncate(FOUND);
    Ok(Json(found))
}

async fn activity(State(app): State<App>) -> AppResult<Json<Value>> {
    shown(&app, "activity_shown").await?;
    Ok(Json(numbers(&app).await?.activity()))
}
