//! `POST /oauth/token`: access tokens for codes, passwords, refresh tokens and apps themselves.

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;

use super::client::{Basic, authenticate};
use super::{Secret, TokenEntity, failure};
use crate::api::kith::auth::credentials::{self, Second};
use crate::app::App;
use crate::domain::{oauth, sign_in};
use crate::error::{AppError, AppResult};
use crate::http::client_ip::Caller;
use crate::http::params::{Params, text};
use crate::limits::Deed;

/// The body, as a form or JSON.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Body {
    #[serde(deserialize_with = "text")]
    grant_type: Option<String>,
    #[serde(deserialize_with = "text")]
    client_id: Option<String>,
    #[serde(deserialize_with = "text")]
    client_secret: Option<String>,
    #[serde(deserialize_with = "text")]
    code: Option<String>,
    #[serde(deserialize_with = "text")]
    redirect_uri: Option<String>,
    #[serde(deserialize_with = "text")]
    code_verifier: Option<String>,
    #[serde(deserialize_with = "text")]
    scope: Option<String>,
    #[serde(deserialize_with = "text")]
    username: Option<String>,
    #[serde(deserialize_with = "text")]
    password: Option<String>,
    #[serde(deserialize_with = "text")]
    refresh_token: Option<String>,
    /// A one-time password, or a recovery code.
    #[serde(deserialize_with = "text")]
    totp: Option<String>,
}

pub async fn token(
    State(app): State<App>,
    caller: Caller,
    basic: Basic,
    Params(body): Params<Body>,
) -> AppResult<Secret<TokenEntity>> {
    caller.count(&app, Deed::Token)?;
    match body.grant_type.as_deref() {
        Some("authorization_code") => by_code(app, caller, basic, body).await,
        Some("client_credentials") => for_app(app, caller, basic, body).await,
        Some("password") => by_password(app, caller, basic, body).await,
        Some("refresh_token") => by_refresh(app, caller, body).await,
        None => Err(missing("grant_type")),
        Some(_) => Err(failure(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            "The authorization grant type is not supported by the authorization server.",
        )),
    }
    .map(Secret)
}

async fn by_code(app: App, caller: Caller, basic: Basic, body: Body) -> AppResult<TokenEntity> {
    let client = authenticate(&app, basic, body.client_id, body.client_secret).await?;
    let code = body.code.ok_or_else(|| missing("code"))?;
    let redirect_uri = oauth::redirect::choose(&client.redirect_uris, body.redirect_uri.as_deref())
        .ok_or_else(invalid_grant)?;
    let ctx = app.ctx.clone();
    let token = app
        .write(move |tx| {
            Box::pin(async move {
                let verifier = body.code_verifier.as_deref();
                let origin = caller.origin();
                oauth::exchange(tx, &ctx, &client, &code, &redirect_uri, verifier, &origin).await
            })
        })
        .await?
        .ok_or_else(invalid_grant)?;
    TokenEntity::of(&app, &token, None)
}

async fn for_app(app: App, caller: Caller, basic: Basic, body: Body) -> AppResult<TokenEntity> {
    let client = authenticate(&app, basic, body.client_id, body.client_secret).await?;
    let scopes =
        oauth::scopes::granted(&client.scopes, body.scope.as_deref()).ok_or_else(invalid_scope)?;
    let ctx = app.ctx.clone();
    let token = app
        .write(move |tx| {
            Box::pin(async move {
                let origin = caller.origin();
                let (id, name) = (Some(client.id), &client.name);
                sign_in::open(tx, &ctx, None, id, &scopes, name, &origin).await
            })
        })
        .await?;
    TokenEntity::of(&app, &token, None)
}

async fn by_password(app: App, caller: Caller, basic: Basic, body: Body) -> AppResult<TokenEntity> {
    let client = authenticate(&app, basic, body.client_id, body.client_secret).await?;
    let scopes =
        oauth::scopes::granted(&client.scopes, body.scope.as_deref()).ok_or_else(invalid_scope)?;
    let username = body.username.ok_or_else(|| missing("username"))?;
    let password = body.password.ok_or_else(|| missing("password"))?;
    let account = credentials::check(&app, &caller, &username, password)
        .await?
        .ok_or_else(invalid_grant)?;
    match credentials::second(&app, account.id, body.totp).await? {
        Second::Passed => {}
        Second::Missing => return Err(second("A one-time password is needed: send it as totp.")),
        Second::Wrong => return Err(second("The one-time password is wrong.")),
    }
    let ctx = app.ctx.clone();
    let token = app
        .write(move |tx| {
            Box::pin(async move {
                let origin = caller.origin();
                let (account, id) = (Some(account.id), Some(client.id));
                sign_in::open(tx, &ctx, account, id, &scopes, &client.name, &origin).await
            })
        })
        .await?;
    TokenEntity::of(&app, &token, None)
}

/// Only sign-ins with Kith's own API have refresh tokens, and they are no app's.
async fn by_refresh(app: App, caller: Caller, body: Body) -> AppResult<TokenEntity> {
    let refresh_token = body.refresh_token.ok_or_else(|| missing("refresh_token"))?;
    let ctx = app.ctx.clone();
    let grant = app
        .write(move |tx| {
            Box::pin(
                async move { sign_in::refresh(tx, &ctx, &refresh_token, &caller.origin()).await },
            )
        })
        .await?
        .ok_or_else(invalid_grant)?;
    TokenEntity::of(&app, &grant.token, grant.refresh_token)
}

fn missing(parameter: &str) -> AppError {
    AppError::bad_request("invalid_request")
        .describe(format!("Missing required parameter: {parameter}."))
}

fn invalid_grant() -> AppError {
    failure(
        StatusCode::BAD_REQUEST,
        "invalid_grant",
        "The provided authorization grant is invalid, expired, revoked, does not match the \
         redirection URI used in the authorization request, or was issued to another client.",
    )
}

fn second(description: &'static str) -> AppError {
    failure(StatusCode::BAD_REQUEST, "invalid_grant", description)
}

fn invalid_scope() -> AppError {
    failure(
        StatusCode::BAD_REQUEST,
        "invalid_scope",
        "The requested scope is invalid, unknown, or malformed.",
    )
}
