//! What those look at who keep the server running: whether it lives, whether it can work, what it
//! has done.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use serde_json::json;
use url::Url;

use super::auth::token_of;
use super::router::nothing_here;
use super::server::Peer;
use crate::app::App;
use crate::config::is_loopback as is_loopback_url;
use crate::db;
use crate::error::{AppError, AppResult};
use crate::metrics::{self, Looked};
use crate::secret;

/// How long the database may take to answer before the server counts as not ready.
const PATIENCE: Duration = Duration::from_secs(2);
/// What a proxy adds: whoever has one of these was not asked from here.
const FORWARDED: [HeaderName; 4] = [
    header::FORWARDED,
    header::VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-real-ip"),
];

pub fn routes() -> Router<App> {
    Router::new()
        .route("/health", get(live))
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
}

/// That the server answers.
async fn live(headers: HeaderMap) -> Response {
    said(&headers, StatusCode::OK, "OK", "")
}

/// Whether requests are to be sent here: 503 while the database does not answer, or the process is
/// about to end. What it can do without (Redis, mail) does not count.
async fn ready(State(app): State<App>, headers: HeaderMap) -> Response {
    let unavailable = |why| {
        said(
            &headers,
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            why,
        )
    };
    if *app.stop.borrow() {
        return unavailable("the process is about to end");
    }
    let asked = app.read(|c| Box::pin(async move { Ok(db::users::any(c).await?) }));
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(_)) => said(&headers, StatusCode::OK, "OK", ""),
        Ok(Err(_)) => unavailable("the database answers with an error"),
        Err(_) => unavailable("the database does not answer"),
    }
}

/// JSON for who asks for it, else words.
fn said(headers: &HeaderMap, status: StatusCode, word: &str, why: &str) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("json")) {
        let mut body = json!({"status": word});
        if !why.is_empty() {
            body["reason"] = why.into();
        }
        return (status, Json(body)).into_response();
    }
    let text = match why {
        "" => word.to_owned(),
        why => format!("{word}: {why}"),
    };
    (status, text).into_response()
}

/// What was counted, for whoever asks from this machine, or has the token. To everyone else there
/// is nothing here (threat S18).
async fn metrics(
    State(app): State<App>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    headers: HeaderMap,
    uri: Uri,
) -> AppResult<Response> {
    let bears = match &app.config.live.now().metrics_token {
        Some(token) => token_of(&headers, None).is_some_and(|given| secret::same(&given, token)),
        None => false,
    };
    // A Unix socket's peer has no port: that is a proxy. So is who asks for another name than this
    // machine's: a tunnel or a proxy that adds no header.
    let here = is_loopback(peer.ip()) && peer.port() != 0 && names_loopback(&headers);
    if !bears && (!here || FORWARDED.iter().any(|name| headers.contains_key(name))) {
        return Ok(nothing_here(State(app), uri, headers).await);
    }
    let now = app.clock.now_ms();
    let mut looked: Looked = app
        .read(move |c| {
            Box::pin(async move {
                let queues = db::health::queues(c).await?;
                let waiting = db::health::waiting(c).await?;
                let late = |since: Option<i64>| match since {
                    Some(since) => now.saturating_sub(since).max(0) as f64 / 1000.0,
                    None => 0.0,
                };
                Ok::<_, AppError>(Looked {
                    queues: [
                        ("inbox", waiting.inbox, late(queues.inbox_since)),
                        (
                            "deliveries",
                            waiting.deliveries,
                            late(queues.deliveries_since),
                        ),
                        ("jobs", waiting.jobs, late(queues.jobs_since)),
                    ],
                    set_aside: queues.set_aside,
                    failed_jobs: queues.failed_jobs,
                    users: db::accounts::count_local(c).await?,
                    statuses: db::statuses::count_local(c).await?,
                    ..Looked::default()
                })
            })
        })
        .await?;
    looked.statements = app.db.statements();
    looked.streams = app.hub.len();
    looked.spans = app.traces.as_ref().map(|traces| traces.counts());
    let kind = [(header::CONTENT_TYPE, metrics::CONTENT_TYPE)];
    Ok((kind, app.metrics.text(&looked)).into_response())
}

/// Whether a request is for a name or address that this machine alone goes by.
fn names_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|v| v.to_str().ok());
    host.and_then(|host| Url::parse(&format!("http://{host}")).ok())
        .is_some_and(|url| is_loopback_url(&url))
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}
