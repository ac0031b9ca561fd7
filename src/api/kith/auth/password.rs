//! `POST /api/kith/v1/auth/password/change`, `forgot`, `reset`.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::db;
use crate::domain::users;
use crate::error::{AppError, AppResult};
use crate::http::auth::{EvenMoved, scope};
use crate::http::client_ip::Caller;
use crate::http::params::{Params, text};
use crate::limits::{Deed, Who};
use crate::passwords;

fn new_hash_problem(password: &str) -> AppResult<()> {
    match passwords::problem(password) {
        Some(text) => Err(AppError::invalid(format!(
            "Validation failed: Password {text}"
        ))),
        None => Ok(()),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Change {
    #[serde(deserialize_with = "text")]
    current_password: Option<String>,
    #[serde(deserialize_with = "text")]
    code: Option<String>,
    #[serde(deserialize_with = "text")]
    new_password: Option<String>,
}

/// Every other session ends, and every app's access.
pub async fn change(
    State(app): State<App>,
    EvenMoved { user }: EvenMoved<scope::WriteAccounts>,
    Params(body): Params<Change>,
) -> AppResult<Json<Value>> {
    let id = user.account.id;
    let now = app.clock.now_ms();
    app.limits.count(Deed::Password, Who::Account(id), now)?;
    let new_password = body.new_password.unwrap_or_default();
    new_hash_problem(&new_password)?;
    let wrong = || AppError::forbidden("The current password or the code is wrong");
    let token = user.session.token_id;
    let ctx = app.ctx.clone();
    if let Some(current) = body.current_password {
        let stored = app
            .read(move |c| Box::pin(async move { Ok(db::users::by_account(c, id).await?) }))
            .await?
            .map(|user| user.password_hash);
        if !passwords::verify(current, stored).await? {
            return Err(wrong());
        }
        let hash = passwords::hash(&app.random, new_password).await?;
        app.write(move |tx| {
            Box::pin(async move { users::change_password(tx, &ctx, id, hash, Some(token)).await })
        })
        .await?;
    } else {
        let code = body.code.ok_or_else(wrong)?;
        let hash = passwords::hash(&app.random, new_password).await?;
        let changed = app
            .write(move |tx| {
                Box::pin(async move {
                    users::change_password_by_code(tx, &ctx, id, &code, hash, token).await
                })
            })
            .await?;
        if !changed {
            return Err(wrong());
        }
    }
    Ok(Json(json!({})))
}

#[derive(Debug, Deserialize)]
pub struct Forgot {
    email: String,
}

/// Answers the same whoever asks.
pub async fn forgot(
    State(app): State<App>,
    caller: Caller,
    Params(body): Params<Forgot>,
) -> AppResult<(StatusCode, Json<Value>)> {
    caller.count(&app, Deed::Code)?;
    let now = app.clock.now_ms();
    app.limits.count(Deed::Code, Who::name(&body.email), now)?;
    let ctx = app.ctx.clone();
    app.write(move |tx| {
        Box::pin(async move { users::forgot_password(tx, &ctx, body.email.trim()).await })
    })
    .await?;
    Ok((StatusCode::ACCEPTED, Json(json!({}))))
}

#[derive(Debug, Deserialize)]
pub struct Reset {
    email: String,
    #[serde(deserialize_with = "text")]
    code: Option<String>,
    new_password: String,
}

/// Every session ends.
pub async fn reset(
    State(app): State<App>,
    caller: Caller,
    Params(body): Params<Reset>,
) -> AppResult<Json<Value>> {
    caller.count(&app, Deed::Code)?;
    let now = app.clock.now_ms();
    app.limits.count(Deed::Code, Who::name(&body.email), now)?;
    new_hash_problem(&body.new_password)?;
    let hash = passwords::hash(&app.random, body.new_password).await?;
    let ctx = app.ctx.clone();
    let done = app
        .write(move |tx| {
            Box::pin(async move {
                let code = body.code.unwrap_or_default();
                users::reset_password(tx, &ctx, body.email.trim(), &code, hash).await
            })
        })
        .await?;
    if !done {
        return Err(super::verify::wrong_code());
    }
    Ok(Json(json!({})))
}
