//! `/api/kith/v1/admin/deliveries`: why something has not arrived, as `kith delivery` tells it.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::entities::Json;
use crate::api::list::json as answer;
use crate::app::App;
use crate::domain::deliveries;
use crate::error::{AppError, AppResult};
use crate::federation::explain;
use crate::http::auth::{Admin, scope};
use crate::http::params::Params;

/// Hosts in the list.
const HOSTS: i64 = 200;
/// The longest thing asked about, in bytes.
const MAX_QUERY: usize = 2048;

/// Routes of this area.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/kith/v1/admin/deliveries", get(list))
        .route("/api/kith/v1/admin/deliveries/why", get(why))
        .route("/api/kith/v1/admin/deliveries/retry", post(retry))
}

/// The hosts that something waits for.
async fn list(State(app): State<App>, _admin: Admin<scope::AdminRead>) -> AppResult<Json> {
    let hosts = explain::waiting(&app, HOSTS).await?;
    answer(
        &hosts
            .iter()
            .map(explain::Waiting::json)
            .collect::<Vec<Value>>(),
    )
}

#[derive(Debug, Deserialize)]
struct Why {
    q: String,
}

/// What became of a post, of what an account sent, or of what went to an account or host.
async fn why(
    State(app): State<App>,
    _admin: Admin<scope::AdminRead>,
    Params(query): Params<Why>,
) -> AppResult<Json> {
    let q = query.q.trim();
    if q.is_empty() || q.len() > MAX_QUERY {
        return Err(AppError::invalid(
            "Validation failed: Q is not a post, account or host",
        ));
    }
    let found = explain::explain(&app, q).await?;
    answer(&found.json(app.clock.now_ms()))
}

#[derive(Debug, Deserialize)]
struct Retry {
    host: Option<String>,
    id: Option<String>,
}

/// Tries again now what waits for a host, or one delivery that was given up.
async fn retry(
    State(app): State<App>,
    _admin: Admin<scope::AdminWrite>,
    Params(body): Params<Retry>,
) -> AppResult<Json> {
    let due = match (body.host, body.id) {
        (Some(host), None) => deliveries::hasten_all(&app.db, &app.ctx, &host).await?,
        (None, Some(id)) => {
            let id = id.parse().map_err(|_| AppError::not_found())?;
            let ctx = app.ctx.clone();
            app.write(move |tx| Box::pin(async move { deliveries::revive(tx, &ctx, id).await }))
                .await?;
            1
        }
        _ => {
            return Err(AppError::invalid(
                "Validation failed: either host or id is needed",
            ));
        }
    };
    answer(&json!({"due": due}))
}
