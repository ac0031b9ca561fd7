//! `/users/{name}/followers_synchronization`: an actor's followers on the server that asks.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use http::request::Parts;
use serde_json::json;

use super::Ap;
use super::actor::local;
use super::reader::signing_actor;
use crate::app::App;
use crate::db;
use crate::domain::synchronisation::{self, digest_of, origin};
use crate::error::{AppError, AppResult};
use crate::federation::render;
use crate::federation::synchronise::{add_up, list_url};

pub fn routes() -> Router<App> {
    Router::new().route("/users/{name}/followers_synchronization", get(followers))
}

/// To those alone who sign: the followers that have the signer's origin.
async fn followers(
    State(app): State<App>,
    Path(name): Path<String>,
    parts: Parts,
) -> AppResult<Ap> {
    let signer = signing_actor(&app, &parts).await?;
    let asking = origin(&signer).to_owned();
    let (account, followers, kept) = app
        .read({
            let asking = asking.clone();
            move |c| {
                Box::pin(async move {
                    let account = local(c, &name).await?;
                    let followers = synchronisation::list(c, &account, &asking).await?;
                    let kept = db::follower_digests::of(c, &[account.id], &[asking]).await?;
                    Ok((account, followers, kept))
                })
            }
        })
        .await?;
    let items = followers.ok_or_else(AppError::not_found)?;
    // Who asks has found that we do not agree: it should not be our adding up.
    let digest = digest_of(items.iter().map(String::as_str));
    if kept.first().is_some_and(|kept| kept.bits() != digest) {
        add_up(&app, &account, asking).await?;
    }
    let url = list_url(&account.uri);
    Ok(Ap::private(render::plain_document(json!({
        "id": url,
        "type": "OrderedCollection",
        "totalItems": items.len(),
        "orderedItems": items,
    }))))
}
