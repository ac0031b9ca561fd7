//! `/users/{name}`: a local account as an actor.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::HeaderMap;

use super::{Ap, Reader, wants_activity};
use crate::app::App;
use crate::db;
use crate::db::Conn;
use crate::db::accounts::Account;
use crate::domain::accounts::INSTANCE_ACTOR;
use crate::error::{AppError, AppResult};
use crate::federation::local_keys;
use crate::federation::render::{self, ActorDocument};

pub fn routes() -> Router<App> {
    Router::new().route("/users/{name}", get(show))
}

/// A local account by name; 404 for one that never was, 410 for one that is gone, and 403 for one
/// that is suspended: 410 would have others forget what may come back.
pub async fn local(conn: &mut Conn, name: &str) -> AppResult<Account> {
    let account = not_gone(even_gone(conn, name).await?)?;
    match account.suspended_at {
        None => Ok(account),
        Some(_) => Err(AppError::forbidden("The account is suspended")),
    }
}

/// A local account by name, also one that is gone.
async fn even_gone(conn: &mut Conn, name: &str) -> AppResult<Account> {
    db::accounts::by_handle(conn, name, "")
        .await?
        .ok_or_else(AppError::not_found)
}

/// The account, unless it is gone.
pub(super) fn not_gone(account: Account) -> AppResult<Account> {
    match account.deleted_at {
        None => Ok(account),
        Some(_) => Err(AppError::gone()),
    }
}

async fn show(
    State(app): State<App>,
    Path(name): Path<String>,
    headers: HeaderMap,
    reader: Reader,
) -> AppResult<Response> {
    let (account, profile) = app
        .read(move |c| {
            Box::pin(async move {
                // Of one that is suspended the document says so, and has the key that Updates are signed
                // with; of one that is gone there is a tombstone.
                let account = even_gone(c, &name).await?;
                let profile = db::profiles::of(c, &[account.id]).await?.pop();
                Ok((account, profile))
            })
        })
        .await?;
    if let Some(deleted_at) = account.deleted_at
        && wants_activity(&headers)
    {
        let tombstone = render::tombstone(&account.uri, deleted_at);
        return Ok(Ap::gone(tombstone).into_response());
    }
    let account = not_gone(account)?;
    if !wants_activity(&headers) {
        return Ok(with_vary(Redirect::to(&account.url)));
    }
    // Other servers verify our signatures by the instance's key: it is open to all.
    if account.username != INSTANCE_ACTOR {
        reader.admit()?;
    }
    let keys = local_keys::of(&app, account.id)
        .await?
        .ok_or_else(|| AppError::internal(anyhow::anyhow!("a local actor has no key")))?;
    let document = ActorDocument {
        config: &app.config,
        account: &account,
        profile: profile.as_ref(),
        keys: &keys,
    }
    .document();
    Ok(Ap::open(document).into_response())
}

/// 302, which the `Accept` header decided on.
pub fn with_vary(redirect: Redirect) -> Response {
    let mut response = redirect.into_response();
    *response.status_mut() = http::StatusCode::FOUND;
    response.headers_mut().insert(
        http::header::VARY,
        http::HeaderValue::from_static("Accept, Signature"),
    );
    response
}
