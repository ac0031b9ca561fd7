//! `GET /api/v1/statuses/:id/context`

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::api::entities::status::{self, Mode, Reader};
use crate::api::kith::statuses::views;
use crate::api::list::json;
use crate::api::v1::async_refreshes;
use crate::app::App;
use crate::db;
use crate::domain::filters;
use crate::error::{AppError, AppResult};
use crate::federation;
use crate::http::auth::MaybeUser;
use crate::http::pagination::path_id;

/// Ancestors and descendants for anyone, and for signed-in readers.
const PUBLIC: (usize, usize) = (40, 60);
const SIGNED_IN: (usize, usize) = (4096, 4096);
/// How deep replies to replies are shown to anyone.
const PUBLIC_DEPTH: usize = 20;

#[derive(Serialize)]
struct Context {
    ancestors: Vec<Box<RawValue>>,
    descendants: Vec<Box<RawValue>>,
}

pub async fn get(
    State(app): State<App>,
    user: MaybeUser,
    Path(id): Path<String>,
) -> AppResult<Response> {
    let id = path_id(&id)?;
    let reader = match user.with("read:statuses")? {
        Some(account) => Some(Reader::of(&app, account.id).await?),
        None => None,
    };
    // Whoever opens a thread wants to see what it is of, whatever their filters say.
    let itself = status::page(&app, &[id], reader.as_ref(), Mode::Visible).await?;
    if itself.ids.is_empty() {
        return Err(AppError::not_found());
    }
    let (limits, depth) = match reader {
        Some(_) => (SIGNED_IN, usize::MAX),
        None => (PUBLIC, PUBLIC_DEPTH),
    };
    if let Some(reader) = &reader {
        views::opened(&app, id, reader.account_id).await?;
    }
    let (itself, above, below) = app
        .read(move |c| {
            Box::pin(async move {
                let status = db::statuses::by_id(c, id)
                    .await?
                    .ok_or_else(AppError::not_found)?;
                let above = db::statuses::ancestors(c, &status, limits.0).await?;
                let below = db::statuses::descendants(c, &status, limits.1, depth).await?;
                Ok((status, above, below))
            })
        })
        .await?;
    let from_elsewhere = std::iter::once(&itself)
        .chain(&above)
        .chain(&below)
        .any(|status| !status.local);
    // What other servers know besides is asked for, and is there at the next look.
    let filling = match &reader {
        Some(_) if from_elsewhere => federation::thread_opened(&app, &itself).await?,
        _ => None,
    };
    let reader = reader.map(|reader| reader.within(filters::Context::Thread));
    // Oldest first.
    let above: Vec<i64> = above.iter().rev().map(|s| s.id).collect();
    let below: Vec<i64> = below.iter().map(|s| s.id).collect();
    let ancestors = status::page(&app, &above, reader.as_ref(), Mode::Thread).await?;
    let descendants = status::page(&app, &below, reader.as_ref(), Mode::Thread).await?;
    let context = json(&Context {
        ancestors: ancestors.values(),
        descendants: descendants.values(),
    })?;
    let header = filling.and_then(|row| async_refreshes::header(id, &row));
    Ok((header, context).into_response())
}
