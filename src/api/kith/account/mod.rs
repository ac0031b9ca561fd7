//! `/api/kith/v1/account/aliases`, `/api/kith/v1/account/move`: moving in and out; beside it, all that
//! an owner does with the account as a whole.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::{delete, get};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::api::entities::{self, account};
use crate::api::list;
use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::accounts::Account;
use crate::domain::moves;
use crate::error::{AppError, AppResult};
use crate::federation::{self, Found};
use crate::http::auth::{EvenMoved, User, scope};
use crate::http::pagination::path_id;
use crate::http::params::{self, Params};
use crate::limits::{Deed, Who};
use crate::passwords;

mod archive;
mod deletion;
mod exports;
mod imports;

/// Routes of this area.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/kith/v1/account/aliases", get(aliases).post(add))
        .route("/api/kith/v1/account/aliases/{account_id}", delete(remove))
        .route(
            "/api/kith/v1/account/move",
            get(show).post(depart).delete(come_back),
        )
        .merge(archive::routes())
        .merge(deletion::routes())
        .merge(exports::routes())
        .merge(imports::routes())
}

async fn aliases(
    State(app): State<App>,
    user: User<scope::ReadAccounts>,
) -> AppResult<entities::Json> {
    let uris = moves::aliases(&user.account);
    let mut found = app
        .read({
            let uris = uris.clone();
            move |c| Box::pin(async move { Ok(db::accounts::by_uris(c, &uris).await?) })
        })
        .await?;
    // In the order in which they were added.
    found.sort_by_key(|account| uris.iter().position(|uri| *uri == account.uri));
    let ids: Vec<i64> = found.iter().map(|account| account.id).collect();
    list::json(&account::render(&app, &ids).await?)
}

/// The account that a handle or an address names, wherever it lives.
async fn named(app: &App, text: &str) -> AppResult<Option<Arc<Account>>> {
    match federation::find(app, text.trim(), true).await? {
        Some(Found::Account(id)) => Ok(app.account(id).await?.filter(|found| found.is_active())),
        _ => Ok(None),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Alias {
    #[serde(deserialize_with = "params::text")]
    alias: Option<String>,
}

async fn add(
    State(app): State<App>,
    EvenMoved { user }: EvenMoved<scope::WriteAccounts>,
    Params(body): Params<Alias>,
) -> AppResult<Json<Box<RawValue>>> {
    let id = user.account.id;
    let text = body.alias.filter(|text| !text.trim().is_empty());
    let text = text.ok_or_else(|| AppError::invalid("Validation failed: Alias can't be blank"))?;
    let alias = named(&app, &text)
        .await?
        .ok_or_else(|| AppError::invalid("Validation failed: Alias could not be found"))?;
    let (ctx, alias_id) = (app.ctx.clone(), alias.id);
    app.write(move |tx| Box::pin(async move { moves::add_alias(tx, &ctx, id, &alias).await }))
        .await?;
    let entity = account::render_one(&app, alias_id).await?;
    Ok(Json(entity.ok_or_else(AppError::not_found)?))
}

async fn remove(
    State(app): State<App>,
    EvenMoved { user }: EvenMoved<scope::WriteAccounts>,
    Path(alias): Path<String>,
) -> AppResult<Json<Value>> {
    let alias = app
        .account(path_id(&alias)?)
        .await?
        .ok_or_else(AppError::not_found)?;
    let (ctx, id) = (app.ctx.clone(), user.account.id);
    app.write(move |tx| Box::pin(async move { moves::remove_alias(tx, &ctx, id, &alias).await }))
        .await?;
    Ok(Json(json!({})))
}

/// `Kith::Move`: where an account has moved to, and when it may move again.
#[derive(Debug, Serialize)]
struct Entity {
    moved_to: Option<Box<RawValue>>,
    /// When it last moved with its followers, and how many it had.
    moved_at: Option<String>,
    followers_count: Option<i64>,
    /// `None`: now.
    next_move_at: Option<String>,
}

async fn entity(app: &App, id: i64) -> AppResult<Json<Entity>> {
    let ctx = app.ctx.clone();
    let (target, last, next) = app
        .read(move |c| {
            Box::pin(async move {
                let account = db::accounts::by_id(c, id)
                    .await?
                    .ok_or_else(AppError::not_found)?;
                let target = moves::target_of(c, &account).await?;
                let last = db::moves::latest(c, id).await?;
                Ok((target, last, moves::next_move_at(c, &ctx, id).await?))
            })
        })
        .await?;
    let moved_to = match target {
        Some(target) => account::render_one(app, target.id).await?,
        None => None,
    };
    Ok(Json(Entity {
        moved_to,
        moved_at: last.as_ref().map(|row| iso(row.created_at)),
        followers_count: last.map(|row| row.followers),
        next_move_at: next.map(iso),
    }))
}

async fn show(State(app): State<App>, user: User<scope::ReadAccounts>) -> AppResult<Json<Entity>> {
    entity(&app, user.account.id).await
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Move {
    #[serde(deserialize_with = "params::text")]
    target: Option<String>,
    #[serde(deserialize_with = "params::text")]
    password: Option<String>,
    /// Without the followers: only a word on the profile.
    #[serde(deserialize_with = "params::flag")]
    redirect_only: Option<bool>,
}

async fn depart(
    State(app): State<App>,
    EvenMoved { user }: EvenMoved<scope::WriteAccounts>,
    Params(body): Params<Move>,
) -> AppResult<Json<Entity>> {
    let (id, now) = (user.account.id, app.clock.now_ms());
    app.limits.count(Deed::Password, Who::Account(id), now)?;
    let text = body.target.filter(|text| !text.trim().is_empty());
    let text = text.ok_or_else(|| AppError::invalid("Validation failed: Target can't be blank"))?;
    let stored = app
        .read(move |c| Box::pin(async move { Ok(db::users::by_account(c, id).await?) }))
        .await?
        .map(|user| user.password_hash);
    if !passwords::verify(body.password.unwrap_or_default(), stored).await? {
        return Err(AppError::forbidden("The current password is wrong"));
    }
    let unknown = || AppError::invalid("Validation failed: Target could not be found");
    let target = named(&app, &text).await?.ok_or_else(unknown)?;
    if !target.is_local() {
        // Whom it names as aliases now.
        federation::refresh(&app, &target.uri)
            .await
            .map_err(|error| unknown().describe(error.to_string()))?;
    }
    let with_followers = !body.redirect_only.unwrap_or(false);
    let ctx = app.ctx.clone();
    app.write(move |tx| {
        Box::pin(async move { moves::depart(tx, &ctx, id, target.id, with_followers).await })
    })
    .await?;
    entity(&app, id).await
}

async fn come_back(
    State(app): State<App>,
    EvenMoved { user }: EvenMoved<scope::WriteAccounts>,
) -> AppResult<Json<Entity>> {
    let (ctx, id) = (app.ctx.clone(), user.account.id);
    app.write(move |tx| Box::pin(async move { moves::come_back(tx, &ctx, id).await }))
        .await?;
    entity(&app, id).await
}
