//! `POST /oauth/revoke` (RFC 7009): an app gives a token back.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Basic, authenticate};
use super::failure;
use crate::app::App;
use crate::db;
use crate::domain::sign_in;
use crate::error::AppResult;
use crate::http::auth::read_token;
use crate::http::params::{Params, text};

/// The body, as a form or JSON.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Body {
    #[serde(deserialize_with = "text")]
    client_id: Option<String>,
    #[serde(deserialize_with = "text")]
    client_secret: Option<String>,
    #[serde(deserialize_with = "text")]
    token: Option<String>,
}

pub async fn revoke(
    State(app): State<App>,
    basic: Basic,
    Params(body): Params<Body>,
) -> AppResult<Json<Value>> {
    let refused = || {
        failure(
            StatusCode::FORBIDDEN,
            "unauthorized_client",
            "You are not authorized to revoke this token",
        )
    };
    let client = authenticate(&app, basic, body.client_id, body.client_secret)
        .await
        .map_err(|error| match error.status {
            // As Mastodon answers; everything that is no fault of the client's stays what it is.
            StatusCode::UNAUTHORIZED => refused(),
            _ => error,
        })?;
    // A token that is none is as good as revoked (RFC 7009 section 2.2).
    let Some(id) = body.token.and_then(|token| read_token(&app, &token)) else {
        return Ok(Json(json!({})));
    };
    let ctx = app.ctx.clone();
    let allowed = app
        .write(move |tx| {
            Box::pin(async move {
                let Some(token) = db::tokens::by_id(tx, id).await? else {
                    return Ok(true);
                };
                if token.app_id != Some(client.id) {
                    return Ok(false);
                }
                sign_in::revoke(tx, &ctx, id).await?;
                Ok(true)
            })
        })
        .await?;
    if allowed {
        Ok(Json(json!({})))
    } else {
        Err(refused())
    }
}
