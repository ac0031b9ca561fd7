//! `/api/kith/v1/account/delete`: deleting one's own account, and thinking better of it.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use crate::api::kith::auth::credentials;
use crate::app::App;
use crate::caches::{Refusal, Session};
use crate::clock::iso;
use crate::db;
use crate::domain::deletion;
use crate::error::{AppError, AppResult};
use crate::http::auth::{AnyUser, EvenMoved, Scope, outside_scope, scope};
use crate::http::params::{self, Params};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/kith/v1/account/delete", get(show).post(begin))
        .route("/api/kith/v1/account/delete/cancel", post(cancel))
}

/// `Kith::Deletion`: whether and when an account is deleted.
#[derive(Debug, Serialize)]
struct Entity {
    requested_at: Option<String>,
    deletes_at: Option<String>,
}

async fn entity(app: &App, id: i64) -> AppResult<Json<Entity>> {
    let user = app
        .read(move |c| Box::pin(async move { Ok(db::users::by_account(c, id).await?) }))
        .await?
        .ok_or_else(AppError::unauthorized)?;
    Ok(Json(Entity {
        requested_at: user.leaving_at.map(iso),
        deletes_at: user.leaves_at.map(iso),
    }))
}

/// A user in good standing, or one whose account is about to be deleted.
fn admit<S: Scope>(session: &Session) -> AppResult<()> {
    if session.refused != Some(Refusal::Leaving) {
        session.admit()?;
    }
    if session.allows(S::NAME) {
        Ok(())
    } else {
        Err(outside_scope())
    }
}

async fn show(State(app): State<App>, user: AnyUser) -> AppResult<Json<Entity>> {
    admit::<scope::ReadAccounts>(&user.session)?;
    entity(&app, user.account.id).await
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Delete {
    #[serde(deserialize_with = "params::text")]
    password: Option<String>,
    /// A one-time password, or a recovery code.
    #[serde(deserialize_with = "params::text")]
    totp: Option<String>,
}

async fn begin(
    State(app): State<App>,
    EvenMoved { user }: EvenMoved<scope::WriteAccounts>,
    Params(body): Params<Delete>,
) -> AppResult<Json<Entity>> {
    let id = user.account.id;
    credentials::confirm(&app, id, body.password, body.totp).await?;
    let ctx = app.ctx.clone();
    app.write(move |tx| {
        Box::pin(async move {
            let at = ctx.now() + deletion::GRACE;
            deletion::begin(tx, &ctx, id, at).await
        })
    })
    .await?;
    entity(&app, id).await
}

async fn cancel(State(app): State<App>, user: AnyUser) -> AppResult<Json<Entity>> {
    admit::<scope::WriteAccounts>(&user.session)?;
    let (ctx, id) = (app.ctx.clone(), user.account.id);
    app.write(move |tx| Box::pin(async move { deletion::cancel(tx, &ctx, id).await }))
        .await?;
    entity(&app, id).await
}
