//! `GET /api/v1_alpha/async_refreshes/:id`: how far what is fetched beside a request has come.
//!
//! So far that is a thread that was opened; the id is that of the status it was opened at.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::AppendHeaders;
use axum::routing::get;
use serde::Serialize;

use crate::api::entities::Json;
use crate::api::entities::status::{self, Mode, Reader};
use crate::api::list::json;
use crate::app::App;
use crate::db;
use crate::db::thread_reads::ThreadRead;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::path_id;

/// Seconds after which it is worth looking again.
const RETRY: i64 = 3;

pub fn routes() -> Router<App> {
    Router::new().route("/api/v1_alpha/async_refreshes/{id}", get(show))
}

/// The header of an answer that there will be more of.
pub type Header = AppendHeaders<[(&'static str, String); 1]>;

/// Says that the thread of a status is being filled up, while it is.
pub fn header(status_id: i64, row: &ThreadRead) -> Option<Header> {
    let text = format!(
        "id=\"{status_id}\", retry={RETRY}, result_count={}",
        row.found
    );
    row.active
        .then_some(AppendHeaders([("mastodon-async-refresh", text)]))
}

#[derive(Serialize)]
struct Answer {
    async_refresh: AsyncRefresh,
}

#[derive(Serialize)]
struct AsyncRefresh {
    id: String,
    status: &'static str,
    result_count: Option<i64>,
}

async fn show(
    State(app): State<App>,
    user: User<scope::Read>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let reader = Reader::of(&app, user.account.id).await?;
    let seen = status::page(&app, &[id], Some(&reader), Mode::Visible).await?;
    if seen.ids.is_empty() {
        return Err(AppError::not_found());
    }
    let row = app
        .read(move |c| {
            Box::pin(async move {
                let status = db::statuses::by_id(c, id).await?;
                let status = status.ok_or_else(AppError::not_found)?;
                Ok(db::thread_reads::of(c, status.conversation_id).await?)
            })
        })
        .await?
        .ok_or_else(AppError::not_found)?;
    json(&Answer {
        async_refresh: AsyncRefresh {
            id: id.to_string(),
            status: if row.active { "running" } else { "finished" },
            result_count: Some(row.found),
        },
    })
}
