//! `/api/kith/v1/account/archive`: all that an account has here, in one file.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use serde::Serialize;

use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::archives::Archive;
use crate::domain::archives;
use crate::error::{AppError, AppResult};
use crate::http::auth::{EvenMoved, User, scope};
use crate::media::storage::Key;

const DOWNLOAD: &str = "/api/kith/v1/account/archive/download";

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/kith/v1/account/archive", get(show).post(begin))
        .route(DOWNLOAD, get(download))
}

/// `Kith::Archive`
#[derive(Debug, Serialize)]
struct Entity {
    id: String,
    state: &'static str,
    /// Bytes.
    size: Option<i64>,
    created_at: String,
    ready_at: Option<String>,
    expires_at: String,
    /// Where it is fetched, with the owner's token.
    url: Option<String>,
}

fn entity(app: &App, row: Archive) -> Json<Entity> {
    let ready = row.ready_at.is_some();
    Json(Entity {
        id: row.id.to_string(),
        state: if ready { "ready" } else { "waiting" },
        size: ready.then_some(row.size),
        created_at: iso(row.created_at),
        ready_at: row.ready_at.map(iso),
        expires_at: iso(row.expires_at),
        url: ready.then(|| app.config.url(DOWNLOAD)),
    })
}

/// The newest archive of an account; 404 where it has none, or none any more.
async fn newest(app: &App, id: i64) -> AppResult<Archive> {
    let now = app.clock.now_ms();
    app.read(move |c| Box::pin(async move { Ok(db::archives::newest(c, id).await?) }))
        .await?
        .filter(|row| row.expires_at > now)
        .ok_or_else(AppError::not_found)
}

async fn show(State(app): State<App>, user: User<scope::Read>) -> AppResult<Json<Entity>> {
    let row = newest(&app, user.account.id).await?;
    Ok(entity(&app, row))
}

async fn begin(
    State(app): State<App>,
    EvenMoved { user }: EvenMoved<scope::Write>,
) -> AppResult<Json<Entity>> {
    let (ctx, id) = (app.ctx.clone(), user.account.id);
    let row = app
        .write(move |tx| Box::pin(async move { archives::begin(tx, &ctx, id).await }))
        .await?;
    Ok(entity(&app, row))
}

async fn download(State(app): State<App>, user: User<scope::Read>) -> AppResult<Response> {
    let row = newest(&app, user.account.id).await?;
    if row.ready_at.is_none() {
        return Err(AppError::not_found());
    }
    let key: Key = row.file.parse().map_err(|_| AppError::not_found())?;
    let stored = app.storage.open(&key, None).await?;
    let stored = stored.ok_or_else(AppError::not_found)?;
    let day = iso(row.created_at);
    let day = day.get(..10).unwrap_or_default();
    let name = format!("archive-{}-{day}.zip", user.account.username);
    let headers = [
        (CONTENT_TYPE, "application/zip".to_owned()),
        (CONTENT_LENGTH, stored.size.to_string()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
        (CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    Ok((headers, Body::from_stream(stored.content)).into_response())
}
