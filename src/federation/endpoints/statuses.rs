//! `/users/{name}/statuses/{id}` and what hangs on it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::actor::{local, with_vary};
use super::{Ap, Reader, wants_activity};
use crate::app::App;
use crate::db;
use crate::db::Conn;
use crate::db::accounts::Account;
use crate::db::statuses::Status;
use crate::db::threads::{self, Among};
use crate::domain::Ctx;
use crate::domain::interactions::{Verb, stamp_of_boost};
use crate::domain::reactions::announce_addressing;
use crate::domain::statuses::{note_of, owns_thread};
use crate::domain::visibility::{Visibility, may_see};
use crate::error::{AppError, AppResult};
use crate::federation::render;
use crate::federation::render::collection::{self, Order};
use crate::federation::render::note::{self, Counts};

/// Replies, or posts of a thread, named on one page.
const LISTED: i64 = 100;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/users/{name}/statuses/{id}", get(show))
        .route("/users/{name}/statuses/{id}/activity", get(activity))
        .route("/users/{name}/statuses/{id}/replies", get(replies))
        .route("/users/{name}/statuses/{id}/context", get(context))
        .route("/users/{name}/statuses/{id}/likes", get(likes))
        .route("/users/{name}/statuses/{id}/shares", get(shares))
}

/// What stands at a URI of ours.
enum Found {
    Here(Box<Account>, Box<Status>),
    Deleted(Value),
}

/// The status with exactly this URI that the reader may see; 404 for what they may not, or
/// that never was.
async fn find(
    conn: &mut Conn,
    name: &str,
    uri: &str,
    viewer: Option<&Account>,
) -> AppResult<Found> {
    let author = match local(conn, name).await {
        // What its author left behind went with it.
        Err(error) if error.status == StatusCode::GONE => {
            let deleted_at = db::statuses::buried(conn, uri).await?.ok_or(error)?;
            return Ok(Found::Deleted(render::tombstone(uri, deleted_at)));
        }
        author => author?,
    };
    match db::statuses::by_uri(conn, uri).await? {
        Some(status) if status.local && status.account_id == author.id => {
            if status.local_only || !may_see(conn, &status, viewer).await? {
                return Err(AppError::not_found());
            }
            Ok(Found::Here(Box::new(author), Box::new(status)))
        }
        Some(_) => Err(AppError::not_found()),
        None => {
            let deleted_at = db::statuses::buried(conn, uri)
                .await?
                .ok_or_else(AppError::not_found)?;
            Ok(Found::Deleted(render::tombstone(uri, deleted_at)))
        }
    }
}

/// The URI in the path; what is no number names nothing.
fn uri_of(ctx: &Ctx, name: &str, id: &str) -> AppResult<String> {
    let id: i64 = id.parse().map_err(|_| AppError::not_found())?;
    Ok(ctx.config.status_uri(name, id))
}

fn answer(status: &Status, document: Value) -> Response {
    if Visibility::from_db(status.visibility).is_open() {
        Ap::open(document).into_response()
    } else {
        Ap::private(document).into_response()
    }
}

/// A note with its counts.
async fn note_object(
    conn: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    status: &Status,
) -> AppResult<(crate::domain::outgoing::Note, Value)> {
    let stats = db::statuses::stats_of(conn, &[status.id]).await?;
    let replies = threads::count_open(conn, Among::RepliesTo(status.id)).await?;
    let counts = stats.first().map_or_else(Counts::default, |s| Counts {
        likes: s.favourites_count,
        shares: s.reblogs_count,
        replies,
    });
    let value = note_of(conn, ctx, author, status).await?;
    let object = note::object(&value, Some(counts));
    Ok((value, object))
}

async fn show(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    headers: HeaderMap,
    reader: Reader,
) -> AppResult<Response> {
    let page = !wants_activity(&headers);
    if !page {
        reader.admit()?;
    }
    let uri = uri_of(&app.ctx, &name, &id)?;
    let ctx = app.ctx.clone();
    app.read(move |c| {
        Box::pin(async move {
            let viewer = reader.account.as_deref();
            match find(c, &name, &uri, viewer).await? {
                Found::Deleted(tombstone) => Ok(Ap::gone(tombstone).into_response()),
                Found::Here(_, status) if page => Ok(with_vary(Redirect::to(&status.url))),
                Found::Here(author, status) => {
                    let (value, object) = note_object(c, &ctx, &author, &status).await?;
                    let context = note::context_of(&value);
                    Ok(answer(&status, render::document(context, object)))
                }
            }
        })
    })
    .await
}

/// The Create of a status, or a reblog's Announce.
async fn activity(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    reader: Reader,
) -> AppResult<Response> {
    reader.admit()?;
    let uri = uri_of(&app.ctx, &name, &id)?;
    let ctx = app.ctx.clone();
    app.read(move |c| {
        Box::pin(async move {
            let viewer = reader.account.as_deref();
            match find(c, &name, &uri, viewer).await {
                Ok(Found::Deleted(tombstone)) => return Ok(Ap::gone(tombstone).into_response()),
                Ok(Found::Here(author, status)) => {
                    let (value, object) = note_object(c, &ctx, &author, &status).await?;
                    let create = render::create(&value, object, &author.uri);
                    let context = note::context_of(&value);
                    return Ok(answer(&status, render::document(context, create)));
                }
                Err(error) if error.status == http::StatusCode::NOT_FOUND => {}
                Err(error) => return Err(error),
            }
            let uri = format!("{uri}/activity");
            match find(c, &name, &uri, viewer).await? {
                Found::Deleted(tombstone) => Ok(Ap::gone(tombstone).into_response()),
                Found::Here(account, reblog) => {
                    let announce = announce_of(c, &account, &reblog)
                        .await?
                        .ok_or_else(AppError::not_found)?;
                    let stamp = stamp_of_boost(c, &reblog).await?;
                    let stamp = stamp.as_deref();
                    let document = render::interaction::stamped(announce, Verb::Announce, stamp);
                    Ok(answer(&reblog, document))
                }
            }
        })
    })
    .await
}

/// A reblog's Announce, without context; `None` when what it is of is gone.
async fn announce_of(
    conn: &mut Conn,
    account: &Account,
    reblog: &Status,
) -> AppResult<Option<Value>> {
    let Some(original) = reblog.reblog_of_id else {
        return Ok(None);
    };
    let Some(original) = db::statuses::by_id(conn, original).await? else {
        return Ok(None);
    };
    let Some(author) = db::accounts::by_id(conn, original.account_id).await? else {
        return Ok(None);
    };
    let visibility = Visibility::from_db(reblog.visibility);
    let addressing = announce_addressing(account, visibility, &author);
    Ok(Some(render::announce(
        &reblog.uri,
        &account.uri,
        &original.uri,
        reblog.created_at,
        &addressing,
    )))
}

#[derive(Deserialize)]
struct ListPage {
    page: Option<String>,
    min_id: Option<i64>,
}

/// Ids of open replies, oldest first.
async fn replies(
    state: State<App>,
    path: Path<(String, String)>,
    query: Query<ListPage>,
    reader: Reader,
) -> AppResult<Response> {
    list(state, path, query, reader, What::Replies).await
}

/// Ids of what everyone may see of the thread that a status begins, oldest first (FEP-7888,
/// FEP-f228).
async fn context(
    state: State<App>,
    path: Path<(String, String)>,
    query: Query<ListPage>,
    reader: Reader,
) -> AppResult<Response> {
    list(state, path, query, reader, What::Context).await
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Replies,
    Context,
}

/// A collection of open statuses that hangs on a status, or a page of it.
async fn list(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    Query(query): Query<ListPage>,
    reader: Reader,
    what: What,
) -> AppResult<Response> {
    reader.admit()?;
    let uri = uri_of(&app.ctx, &name, &id)?;
    app.read(move |c| {
        Box::pin(async move {
            let (author, status) = match find(c, &name, &uri, reader.account.as_deref()).await? {
                Found::Deleted(tombstone) => return Ok(Ap::gone(tombstone).into_response()),
                Found::Here(author, status) => (author, status),
            };
            let (base, order, among) = match what {
                What::Replies => (
                    format!("{uri}/replies"),
                    Order::Unordered,
                    Among::RepliesTo(status.id),
                ),
                What::Context if owns_thread(&status) => (
                    format!("{uri}/context"),
                    Order::Oldest,
                    Among::Thread(status.conversation_id),
                ),
                // An answer stands in somebody's thread, and has none of its own.
                What::Context => return Err(AppError::not_found()),
            };
            if query.page.is_none() {
                let first = format!("{base}?page=true");
                let total = threads::count_open(c, among).await?;
                let mut head = collection::head(&base, order, Some(total), Some(&first));
                if what == What::Context {
                    head["attributedTo"] = json!(author.uri);
                }
                return Ok(answer(&status, head));
            }
            let after = query.min_id.unwrap_or(0);
            let listed = threads::open(c, among, after, LISTED).await?;
            let next = listed
                .last()
                .filter(|_| listed.len() == LISTED as usize)
                .map(|(id, _)| format!("{base}?page=true&min_id={id}"));
            let own = match query.min_id {
                Some(id) => format!("{base}?page=true&min_id={id}"),
                None => format!("{base}?page=true"),
            };
            let items = listed.into_iter().map(|(_, uri)| json!(uri)).collect();
            let page = collection::page(&own, &base, order, next.as_deref(), items);
            Ok(answer(&status, render::plain_document(page)))
        })
    })
    .await
}

async fn likes(
    state: State<App>,
    path: Path<(String, String)>,
    reader: Reader,
) -> AppResult<Response> {
    total(state, path, reader, "likes", |s| s.favourites_count).await
}

async fn shares(
    state: State<App>,
    path: Path<(String, String)>,
    reader: Reader,
) -> AppResult<Response> {
    total(state, path, reader, "shares", |s| s.reblogs_count).await
}

/// A collection of which the number alone is told: who it was is theirs.
async fn total(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    reader: Reader,
    what: &'static str,
    number: fn(&db::statuses::StatusStats) -> i64,
) -> AppResult<Response> {
    reader.admit()?;
    let uri = uri_of(&app.ctx, &name, &id)?;
    let viewer: Option<Arc<Account>> = reader.account;
    app.read(move |c| {
        Box::pin(async move {
            let status = match find(c, &name, &uri, viewer.as_deref()).await? {
                Found::Deleted(tombstone) => return Ok(Ap::gone(tombstone).into_response()),
                Found::Here(_, status) => status,
            };
            let stats = db::statuses::stats_of(c, &[status.id]).await?;
            let total = stats.first().map_or(0, number);
            let head = collection::head(
                &format!("{uri}/{what}"),
                Order::Unordered,
                Some(total),
                None,
            );
            Ok(answer(&status, head))
        })
    })
    .await
}
