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

/// A local account by name; 404 for one that never was or is suspended, which may pass, 410 for one
/// that is gone.
pub async fn local(conn: &mut Conn, name: &str) -> AppResult<Account> {
    standing(known(conn, name).await?)
}

async fn known(conn: &mut Conn, name: &str) -> AppResult<Account> {
    db::accounts::by_handle(conn, name, "")
        .await?
        .ok_or_else(AppError::not_found)
}

/// The account, where it may be seen.
pub(super) fn standing(account: Account) -> AppResult<Account> {
    match account {
        account if account.is_active() => Ok(account),
        account if account.deleted_at.is_some() => Err(AppError::gone()),
        _ => Err(AppError::not_found()),
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
                let account = known(c, &name).await?;
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
    let account = standing(account)?;
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
