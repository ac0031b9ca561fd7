//! `/api/v1/markers`

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::{Deserialize, Serialize};

use crate::api::entities::Json;
use crate::api::list::json;
use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::markers::Marker;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::params::{self, Params};

/// Timelines that have markers.
const TIMELINES: [&str; 2] = ["home", "notifications"];

pub fn routes() -> Router<App> {
    Router::new().route("/api/v1/markers", get(show).post(set))
}

/// `Marker`.
#[derive(Debug, Serialize)]
struct Entity {
    last_read_id: String,
    version: i64,
    updated_at: String,
}

fn answer(markers: Vec<Marker>) -> AppResult<Json> {
    let entities: BTreeMap<String, Entity> = markers
        .into_iter()
        .map(|marker| {
            let entity = Entity {
                last_read_id: marker.last_read_id.to_string(),
                version: marker.version,
                updated_at: iso(marker.updated_at),
            };
            (marker.timeline, entity)
        })
        .collect();
    json(&entities)
}

#[derive(Debug, Deserialize)]
pub struct Query {
    #[serde(default, deserialize_with = "params::texts")]
    timeline: Vec<String>,
}

async fn show(
    State(app): State<App>,
    user: User<scope::ReadStatuses>,
    Params(mut query): Params<Query>,
) -> AppResult<Json> {
    query
        .timeline
        .retain(|name| TIMELINES.contains(&name.as_str()));
    let owner = user.account.id;
    let markers = app
        .read(move |c| {
            Box::pin(async move { Ok(db::markers::of_account(c, owner, &query.timeline).await?) })
        })
        .await?;
    answer(markers)
}

#[derive(Debug, Deserialize)]
pub struct Body {
    home: Option<Position>,
    notifications: Option<Position>,
}

#[derive(Debug, Deserialize)]
struct Position {
    #[serde(default, deserialize_with = "params::integer")]
    last_read_id: Option<i64>,
}

async fn set(
    State(app): State<App>,
    user: User<scope::WriteStatuses>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let mut wanted = Vec::new();
    for (timeline, position) in TIMELINES.into_iter().zip([body.home, body.notifications]) {
        if let Some(position) = position {
            let id = position.last_read_id.filter(|id| *id >= 0).ok_or_else(|| {
                AppError::invalid("Validation failed: Last read id is not a number")
            })?;
            wanted.push((timeline, id));
        }
    }
    let (owner, now) = (user.account.id, app.clock.now_ms());
    let markers = app
        .write(move |tx| {
            Box::pin(async move {
                let mut markers = Vec::with_capacity(wanted.len());
                for (timeline, id) in wanted {
                    markers.push(db::markers::set(tx, owner, timeline, id, now).await?);
                }
                Ok(markers)
            })
        })
        .await?;
    answer(markers)
}
