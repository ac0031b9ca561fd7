//! `/api/kith/v1/account/imports`: what an account brings along from elsewhere.

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::imports::{Import, Line};
use crate::domain::exports::Kind;
use crate::domain::imports::{self, MAX_BYTES};
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::{Paging, path_id};
use crate::http::params::{self, Upload};
use crate::limits::{Deed, Who};

/// Failed lines told at a time.
const FAILURES: i64 = 100;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/kith/v1/account/imports", get(list).post(begin))
        .route("/api/kith/v1/account/imports/{id}", get(show))
}

/// `Kith::Import`
#[derive(Debug, Serialize)]
struct Entity {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    mode: &'static str,
    state: &'static str,
    /// Lines in all, those worked off, and those of them of which nothing came.
    total: i64,
    done: i64,
    failed: i64,
    created_at: String,
    finished_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failures: Option<Vec<Failure>>,
}

#[derive(Debug, Serialize)]
struct Failure {
    /// Of the file's lines, but for the one that names the columns; the first is 1.
    line: i64,
    text: String,
    error: String,
}

fn entity(row: Import, failures: Option<Vec<Line>>) -> Entity {
    Entity {
        id: row.id.to_string(),
        mode: if row.overwrite { "overwrite" } else { "merge" },
        state: match (row.finished_at, row.position) {
            (Some(_), _) => "finished",
            (None, 0) => "waiting",
            (None, _) => "running",
        },
        kind: row.kind,
        total: row.total,
        done: row.position,
        failed: row.failed,
        created_at: iso(row.created_at),
        finished_at: row.finished_at.map(iso),
        failures: failures.map(|lines| {
            let failure = |line: Line| Failure {
                line: line.position + 1,
                text: line.text,
                error: line.error,
            };
            lines.into_iter().map(failure).collect()
        }),
    }
}

async fn list(
    State(app): State<App>,
    user: User<scope::Read>,
    paging: Paging,
) -> AppResult<Response> {
    let id = user.account.id;
    let page = paging.page(20, 40);
    let below = page.max_id.unwrap_or(i64::MAX);
    let rows = app
        .read(move |c| {
            Box::pin(async move { Ok(db::imports::of_account(c, id, below, page.limit).await?) })
        })
        .await?;
    let full = rows.len() as i64 == page.limit;
    let last = rows.last().filter(|_| full);
    let next = last.map(|last| format!("max_id={}", last.id));
    let entities: Vec<Entity> = rows.into_iter().map(|row| entity(row, None)).collect();
    Ok((paging.links_to(next, None), Json(entities)).into_response())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct After {
    /// Failures of lines after this one.
    after: Option<i64>,
}

async fn show(
    State(app): State<App>,
    user: User<scope::Read>,
    Path(id): Path<String>,
    Query(asked): Query<After>,
) -> AppResult<Json<Entity>> {
    let (owner, id) = (user.account.id, path_id(&id)?);
    // Lines are told from 1 on.
    let above = asked.after.unwrap_or(0).max(0) - 1;
    let (row, failures) = app
        .read(move |c| {
            Box::pin(async move {
                let row = db::imports::by_id(c, id)
                    .await?
                    .filter(|row| row.account_id == owner)
                    .ok_or_else(AppError::not_found)?;
                Ok((row, db::imports::failures(c, id, above, FAILURES).await?))
            })
        })
        .await?;
    Ok(Json(entity(row, Some(failures))))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Begin {
    #[serde(rename = "type", deserialize_with = "params::text")]
    kind: Option<String>,
    #[serde(deserialize_with = "params::text")]
    mode: Option<String>,
    /// The file's text, where it does not come as a file.
    #[serde(deserialize_with = "params::text")]
    data: Option<String>,
}

async fn begin(
    State(app): State<App>,
    user: User<scope::Write>,
    Upload { params, files }: Upload<Begin, MAX_BYTES>,
) -> AppResult<Json<Entity>> {
    let (id, now) = (user.account.id, app.clock.now_ms());
    app.limits.count(Deed::Export, Who::Account(id), now)?;
    let invalid = |what: &str| AppError::invalid(format!("Validation failed: {what}"));
    let kind = params.kind.as_deref().and_then(Kind::parse);
    let kind = kind.ok_or_else(|| invalid("Type is not included in the list"))?;
    let overwrite = match params.mode.as_deref() {
        None | Some("merge") => false,
        Some("overwrite") => true,
        Some(_) => return Err(invalid("Mode is not included in the list")),
    };
    let body = match files.into_iter().find(|file| file.field == "data") {
        Some(file) => String::from_utf8(file.bytes.into())
            .map_err(|_| invalid("Data is not a text in UTF-8"))?,
        None => params.data.unwrap_or_default(),
    };
    let ctx = app.ctx.clone();
    let row = app
        .write(move |tx| {
            Box::pin(async move { imports::begin(tx, &ctx, id, kind, overwrite, &body).await })
        })
        .await?;
    Ok(Json(entity(row, None)))
}
