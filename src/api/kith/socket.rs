//! `GET /api/kith/v1/streaming/status`, and by its other name `socket/status`.

use std::collections::BTreeSet;

use axum::extract::State;
use serde::Serialize;

use crate::api::entities::Json;
use crate::api::list::json;
use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::domain::presence;
use crate::error::AppResult;
use crate::http::auth::{User, scope};

#[derive(Debug, Serialize)]
struct Status {
    connected: bool,
    streams: BTreeSet<String>,
    server_time: String,
}

/// Whether this token listens, on whichever process, and to what.
pub async fn status(State(app): State<App>, user: User<scope::Read>) -> AppResult<Json> {
    let token = user.session.token_id;
    let running = presence::running(app.origin, app.clock.now_ms());
    let elsewhere = app
        .read(move |c| {
            Box::pin(async move { Ok(db::presence::streams_elsewhere(c, token, running).await?) })
        })
        .await?;
    let here = app.hub.presence(token, user.account.id).streams;
    let connected = here.is_some() || !elsewhere.is_empty();
    let elsewhere = elsewhere.iter().flat_map(|names| names.split(' '));
    let mut streams: BTreeSet<String> = elsewhere
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    streams.extend(here.into_iter().flatten());
    json(&Status {
        connected,
        streams,
        server_time: iso(app.clock.now_ms()),
    })
}
