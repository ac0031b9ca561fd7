//! `GET /api/kith/v1/account/exports/:kind.csv`: what an account takes along elsewhere.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use futures::{StreamExt, stream};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};

use crate::app::App;
use crate::domain::exports::{self, Kind, PAGE, Place};
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::limits::{Deed, Who};
use crate::text::csv::write_row;

pub fn routes() -> Router<App> {
    Router::new().route("/api/kith/v1/account/exports/{file}", get(show))
}

/// Written page by page: each is read when the one before is on its way.
async fn show(
    State(app): State<App>,
    user: User<scope::Read>,
    Path(file): Path<String>,
) -> AppResult<Response> {
    let kind = file
        .strip_suffix(".csv")
        .and_then(Kind::parse)
        .ok_or_else(AppError::not_found)?;
    let (id, now) = (user.account.id, app.clock.now_ms());
    app.limits.count(Deed::Export, Who::Account(id), now)?;
    let (head, next) = chunk(&app, id, kind, Place::default()).await?;
    let mut first = String::new();
    if !kind.header().is_empty() {
        write_row(&mut first, kind.header().iter().copied());
    }
    first.push_str(&head);
    let rest = stream::try_unfold(next, move |next| {
        let app = app.clone();
        async move {
            let Some(place) = next else { return Ok(None) };
            let (text, next) = chunk(&app, id, kind, place).await?;
            Ok::<_, AppError>(Some((Bytes::from(text), next)))
        }
    });
    let all = stream::once(async { Ok(Bytes::from(first)) }).chain(rest);
    let name = format!("attachment; filename=\"{}\"", kind.file_name());
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (CONTENT_DISPOSITION, name),
        (CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    Ok((headers, Body::from_stream(all)).into_response())
}

async fn chunk(app: &App, id: i64, kind: Kind, after: Place) -> AppResult<(String, Option<Place>)> {
    let ctx = app.ctx.clone();
    let (lines, next) = app
        .read(move |c| Box::pin(async move { exports::page(c, &ctx, id, kind, after, PAGE).await }))
        .await?;
    let mut text = String::new();
    for line in &lines {
        write_row(&mut text, line.fields.iter().map(String::as_str));
    }
    Ok((text, next))
}
