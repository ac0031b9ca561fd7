//! OAuth 2: what apps, and the people they send, meet at `/oauth`.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderValue, StatusCode, header};

use crate::app::App;
use crate::db::tokens::Token;
use crate::error::{AppError, AppResult};
use crate::http::auth::write_token;

pub mod authorize;
pub mod browser;
mod client;
mod metadata;
mod revoke;
pub mod sign_in;
mod token;
mod userinfo;

/// Routes of this area.
pub fn routes() -> Router<App> {
    Router::new()
        .route(
            "/oauth/authorize",
            get(authorize::show).post(authorize::decide),
        )
        .route("/oauth/sign_in", post(sign_in::sign_in))
        .route("/oauth/token", post(token::token))
        .route("/oauth/revoke", post(revoke::revoke))
        .route(
            "/oauth/userinfo",
            get(userinfo::userinfo).post(userinfo::userinfo),
        )
        .route(
            "/.well-known/oauth-authorization-server",
            get(metadata::metadata),
        )
}

/// An OAuth error (RFC 6749 section 5.2).
pub(crate) fn failure(
    status: StatusCode,
    error: &'static str,
    description: &'static str,
) -> AppError {
    AppError::new(status, error).describe(description)
}

/// The client's id or secret is not right.
pub(crate) fn invalid_client() -> AppError {
    failure(
        StatusCode::UNAUTHORIZED,
        "invalid_client",
        "Client authentication failed due to unknown client, no client authentication included, \
         or unsupported authentication method.",
    )
}

/// A `Token` (Mastodon documentation, entities/Token), with what a refreshed one has besides.
#[derive(Debug, serde::Serialize)]
pub(crate) struct TokenEntity {
    pub access_token: String,
    pub token_type: &'static str,
    pub scope: String,
    /// Seconds since the epoch.
    pub created_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<i64>,
}

impl TokenEntity {
    /// Shows a token to whom it was just given.
    pub(crate) fn of(app: &App, token: &Token, refresh_token: Option<String>) -> AppResult<Self> {
        Ok(TokenEntity {
            access_token: write_token(app, token.id)?,
            token_type: "Bearer",
            scope: token.scopes.clone(),
            created_at: token.created_at / 1000,
            refresh_token,
            expires_in: token.expires_at.map(|at| (at - token.created_at) / 1000),
        })
    }
}

/// An answer that holds a secret: kept by nobody on the way.
pub(crate) struct Secret<T>(pub T);

impl<T: serde::Serialize> IntoResponse for Secret<T> {
    fn into_response(self) -> Response {
        let mut response = axum::Json(self.0).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
        response
    }
}
