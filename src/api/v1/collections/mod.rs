//! `/api/v1/collections`

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{delete as delete_method, get, post};
use serde::Deserialize;

use crate::api::entities::{Json, collection};
use crate::api::list::json;
use crate::app::App;
use crate::db;
use crate::db::accounts::Account;
use crate::db::collections::Collection;
use crate::domain::collections::{self, Settings};
use crate::error::{AppError, AppResult};
use crate::http::auth::{MaybeUser, Scope, User, scope};
use crate::http::pagination::path_id;
use crate::http::params::{self, Params};

mod items;
mod of_account;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/collections", post(create))
        .route(
            "/api/v1/collections/{id}",
            get(show).patch(change).delete(delete),
        )
        .route("/api/v1/collections/{id}/items", post(items::add))
        .route(
            "/api/v1/collections/{id}/items/{item_id}",
            delete_method(items::remove),
        )
        .route(
            "/api/v1/collections/{id}/items/{item_id}/revoke",
            post(items::revoke),
        )
        .route("/api/v1/accounts/{id}/collections", get(of_account::get))
        .route(
            "/api/v1_alpha/accounts/{id}/collections",
            get(of_account::get),
        )
        .route(
            "/api/v1/accounts/{id}/in_collections",
            get(of_account::featuring),
        )
}

/// Who reads: 403 where a token came along that may not read collections.
fn reader(user: &MaybeUser) -> AppResult<Option<&Account>> {
    Ok(user
        .with(scope::ReadCollections::NAME)?
        .map(|account| &**account))
}

async fn wrapped(app: &App, reader: &Account, row: Collection) -> AppResult<Json> {
    let collection = collection::render(app, Some(reader), vec![row])
        .await?
        .pop()
        .ok_or_else(AppError::not_found)?;
    json(&collection::Wrapped { collection })
}

async fn show(State(app): State<App>, user: MaybeUser, Path(id): Path<String>) -> AppResult<Json> {
    let reader = reader(&user)?;
    let id = path_id(&id)?;
    let row = app
        .read(move |c| Box::pin(async move { Ok(db::collections::by_id(c, id).await?) }))
        .await?
        .ok_or_else(AppError::not_found)?;
    if let Some(reader) = reader {
        let relations = app.relations(reader.id).await?;
        if relations.blocked_by.contains(&row.account_id) {
            return Err(AppError::not_found());
        }
    }
    let entity = collection::render(&app, reader, vec![row])
        .await?
        .pop()
        .ok_or_else(AppError::not_found)?;
    json(&collection::with_accounts(&app, reader, entity).await?)
}

#[derive(Debug, Clone, Deserialize)]
pub struct Body {
    #[serde(default, deserialize_with = "params::text")]
    name: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    description: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    language: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    tag_name: Option<String>,
    #[serde(default, deserialize_with = "params::flag")]
    sensitive: Option<bool>,
    #[serde(default, deserialize_with = "params::flag")]
    discoverable: Option<bool>,
    /// Of a new one alone.
    #[serde(default, deserialize_with = "params::ids")]
    account_ids: Vec<i64>,
}

impl Body {
    fn settings(self) -> Settings {
        Settings {
            name: self.name,
            description: self.description,
            language: self.language,
            tag: self.tag_name,
            sensitive: self.sensitive,
            discoverable: self.discoverable,
        }
    }
}

async fn create(
    State(app): State<App>,
    user: User<scope::WriteCollections>,
    Params(mut body): Params<Body>,
) -> AppResult<Json> {
    let (ctx, owner) = (app.ctx.clone(), user.account.clone());
    let accounts = std::mem::take(&mut body.account_ids);
    let row = app
        .write(move |tx| {
            Box::pin(async move {
                collections::create(tx, &ctx, &owner, body.settings(), accounts).await
            })
        })
        .await?;
    wrapped(&app, &user.account, row).await
}

async fn change(
    State(app): State<App>,
    user: User<scope::WriteCollections>,
    Path(id): Path<String>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let (ctx, owner) = (app.ctx.clone(), user.account.clone());
    let row = app
        .write(move |tx| {
            Box::pin(
                async move { collections::change(tx, &ctx, &owner, id, body.settings()).await },
            )
        })
        .await?;
    wrapped(&app, &user.account, row).await
}

async fn delete(
    State(app): State<App>,
    user: User<scope::WriteCollections>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let ctx = app.ctx.clone();
    app.write(move |tx| {
        Box::pin(async move { collections::delete(tx, &ctx, &user.account, id).await })
    })
    .await?;
    Ok(Json("{}".to_owned()))
}
