//! `POST /api/kith/v1/auth/login`, `refresh`, `logout`.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::credentials::{self, Second};
use crate::api::oauth::{Secret, TokenEntity};
use crate::app::App;
use crate::db;
use crate::domain::sign_in;
use crate::error::{AppError, AppResult};
use crate::http::auth::AnyUser;
use crate::http::client_ip::Caller;
use crate::http::params::{Params, text};
use crate::limits::Deed;

#[derive(Debug, Deserialize)]
pub struct Login {
    /// Username or e-mail address.
    login: String,
    password: String,
    /// A one-time password, or a recovery code.
    #[serde(default, deserialize_with = "text")]
    totp: Option<String>,
}

pub async fn login(
    State(app): State<App>,
    caller: Caller,
    Params(body): Params<Login>,
) -> AppResult<Secret<TokenEntity>> {
    let account = credentials::check_even_leaving(&app, &caller, &body.login, body.password)
        .await?
        .ok_or_else(|| {
            AppError::new(
                StatusCode::UNAUTHORIZED,
                "The name, the e-mail address or the password is wrong",
            )
        })?;
    let denied = |text, description: &str| {
        Err(AppError::new(StatusCode::UNAUTHORIZED, text).describe(description))
    };
    match credentials::second(&app, account.id, body.totp).await? {
        Second::Passed => {}
        Second::Missing => return denied("A one-time password is needed", "totp_required"),
        Second::Wrong => return denied("The one-time password is wrong", "totp_wrong"),
    }
    let ctx = app.ctx.clone();
    let grant = app
        .write(move |tx| {
            Box::pin(
                async move { sign_in::open_family(tx, &ctx, account.id, &caller.origin()).await },
            )
        })
        .await?;
    TokenEntity::of(&app, &grant.token, grant.refresh_token).map(Secret)
}

#[derive(Debug, Deserialize)]
pub struct Refresh {
    refresh_token: String,
}

pub async fn refresh(
    State(app): State<App>,
    caller: Caller,
    Params(body): Params<Refresh>,
) -> AppResult<Secret<TokenEntity>> {
    caller.count(&app, Deed::Token)?;
    let ctx = app.ctx.clone();
    let grant = app
        .write(move |tx| {
            Box::pin(async move {
                sign_in::refresh(tx, &ctx, &body.refresh_token, &caller.origin()).await
            })
        })
        .await?
        .ok_or_else(|| AppError::new(StatusCode::UNAUTHORIZED, "The refresh token is invalid"))?;
    TokenEntity::of(&app, &grant.token, grant.refresh_token).map(Secret)
}

/// Ends the session of the token that comes along.
pub async fn logout(State(app): State<App>, user: AnyUser) -> AppResult<Json<Value>> {
    let ctx = app.ctx.clone();
    let id = user.session.token_id;
    app.write(move |tx| {
        Box::pin(async move {
            if let Some(token) = db::tokens::by_id(tx, id).await? {
                sign_in::end(tx, &ctx, &token).await?;
            }
            Ok(())
        })
    })
    .await?;
    Ok(Json(json!({})))
}
