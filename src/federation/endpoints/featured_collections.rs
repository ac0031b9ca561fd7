//! `/users/{name}/featured_collections` with what is in them, and
//! `/users/{name}/feature_authorizations/{id}`: the stamps of local accounts (FEP-7aa9).

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::HeaderMap;
use serde_json::{Value, json};

use super::actor::{local, with_vary};
use super::{Ap, Reader, wants_activity};
use crate::app::App;
use crate::db;
use crate::db::Conn;
use crate::db::accounts::Account;
use crate::db::collections::{ACCEPTED, Collection};
use crate::domain::collections::{MAX_COLLECTIONS, describe, describe_item, list_uri, stamp_uri};
use crate::error::{AppError, AppResult};
use crate::federation::render::{self, featured};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/users/{name}/featured_collections", get(list))
        .route("/users/{name}/featured_collections/{id}", get(show))
        .route(
            "/users/{name}/featured_collections/{id}/items/{item}",
            get(item),
        )
        .route("/users/{name}/feature_authorizations/{id}", get(stamp))
}

/// All collections of an account, the newest first, whole: they are few.
async fn list(State(app): State<App>, Path(name): Path<String>, reader: Reader) -> AppResult<Ap> {
    reader.admit()?;
    let ctx = app.ctx.clone();
    app.read(move |c| {
        Box::pin(async move {
            let owner = local(c, &name).await?;
            let rows = visible(c, &owner, &reader).await?;
            let described = describe(c, &ctx, &owner, &rows).await?;
            let items: Vec<Value> = described.iter().map(featured::object).collect();
            let list = json!({
                "id": list_uri(&owner),
                "type": "Collection",
                "totalItems": items.len(),
                "items": items,
            });
            Ok(shown(&reader, render::document(featured::context(), list)))
        })
    })
    .await
}

/// What a reader sees of an account's collections: nothing, where the account blocks it.
async fn visible(c: &mut Conn, owner: &Account, reader: &Reader) -> AppResult<Vec<Collection>> {
    if blocks(c, owner, reader).await? {
        return Err(AppError::not_found());
    }
    Ok(db::collections::of_account(c, owner.id, false, 0, MAX_COLLECTIONS).await?)
}

async fn blocks(c: &mut Conn, owner: &Account, reader: &Reader) -> AppResult<bool> {
    match &reader.account {
        Some(account) => Ok(db::relations::block(c, owner.id, account.id)
            .await?
            .is_some()),
        None => Ok(false),
    }
}

/// For everyone; where somebody signed, not to be kept for others.
fn shown(reader: &Reader, document: Value) -> Ap {
    match reader.account {
        Some(_) => Ap::private(document),
        None => Ap::open(document),
    }
}

/// A collection of a local account.
async fn find(
    c: &mut Conn,
    name: &str,
    id: &str,
    reader: &Reader,
) -> AppResult<(Account, Collection)> {
    let id: i64 = id.parse().map_err(|_| AppError::not_found())?;
    let owner = local(c, name).await?;
    let row = db::collections::by_id(c, id)
        .await?
        .filter(|row| row.account_id == owner.id && row.local)
        .ok_or_else(AppError::not_found)?;
    if blocks(c, &owner, reader).await? {
        return Err(AppError::not_found());
    }
    Ok((owner, row))
}

/// A collection; for people its page, and 410 where it was deleted.
async fn show(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    headers: HeaderMap,
    reader: Reader,
) -> AppResult<Response> {
    let ctx = app.ctx.clone();
    let page = !wants_activity(&headers);
    if !page {
        reader.admit()?;
    }
    app.read(move |c| {
        Box::pin(async move {
            let (owner, row) = match find(c, &name, &id, &reader).await {
                Ok(found) => found,
                Err(error) => {
                    let owner = local(c, &name).await?;
                    let uri = format!("{}/{id}", list_uri(&owner));
                    let deleted_at = db::statuses::buried(c, &uri).await?.ok_or(error)?;
                    return Ok(Ap::gone(render::tombstone(&uri, deleted_at)).into_response());
                }
            };
            if page {
                return Ok(with_vary(Redirect::to(&row.url)));
            }
            let described = describe(c, &ctx, &owner, &[row]).await?;
            let object = described.first().map(featured::object);
            let object = object.ok_or_else(AppError::not_found)?;
            let document = render::document(featured::context(), object);
            Ok(shown(&reader, document).into_response())
        })
    })
    .await
}

async fn item(
    State(app): State<App>,
    Path((name, id, item)): Path<(String, String, String)>,
    reader: Reader,
) -> AppResult<Ap> {
    reader.admit()?;
    let item: i64 = item.parse().map_err(|_| AppError::not_found())?;
    app.read(move |c| {
        Box::pin(async move {
            let (_, row) = find(c, &name, &id, &reader).await?;
            let members = db::collections::members(c, &[row.id]).await?;
            let (found, _) = members
                .into_iter()
                .find(|(found, _)| found.id == item && found.state == ACCEPTED)
                .ok_or_else(AppError::not_found)?;
            let object = featured::item(&describe_item(&found));
            Ok(shown(
                &reader,
                render::document(featured::context(), object),
            ))
        })
    })
    .await
}

/// A stamp, for whoever has it named to them; 410 where it was taken back.
async fn stamp(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    reader: Reader,
) -> AppResult<Ap> {
    reader.admit()?;
    let id: i64 = id.parse().map_err(|_| AppError::not_found())?;
    app.read(move |c| {
        Box::pin(async move {
            let account = local(c, &name).await?;
            let stamp = db::collections::stamp_by_id(c, id)
                .await?
                .filter(|stamp| stamp.account_id == account.id)
                .ok_or_else(AppError::not_found)?;
            let uri = stamp_uri(&account, id);
            Ok(match stamp.revoked_at {
                Some(at) => Ap::gone(render::tombstone(&uri, at)),
                None => Ap::open(featured::authorization(
                    &uri,
                    &account.uri,
                    &stamp.collection_uri,
                )),
            })
        })
    })
    .await
}
