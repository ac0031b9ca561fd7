//! `POST` and `DELETE /api/kith/v1/auth/totp`, `POST …/totp/confirm`.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::verify::wrong_code;
use crate::api::oauth::Secret;
use crate::app::App;
use crate::domain::totp::{self, Verdict};
use crate::error::{AppError, AppResult};
use crate::http::auth::{EvenMoved, scope};
use crate::http::params::{Params, text};

/// What is shown once.
#[derive(Debug, Serialize)]
pub struct Begun {
    secret: String,
    uri: String,
    recovery_codes: Vec<String>,
}

pub async fn begin(
    State(app): State<App>,
    EvenMoved { user }: EvenMoved<scope::WriteAccounts>,
) -> AppResult<Secret<Begun>> {
    let (ctx, key, id) = (app.ctx.clone(), app.totp_key(), user.account.id);
    let begun = app
        .write(move |tx| Box::pin(async move { totp::begin(tx, &ctx, &key, id).await }))
        .await?;
    Ok(Secret(Begun {
        secret: begun.secret,
        uri: begun.uri,
        recovery_codes: begun.recovery_codes,
    }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Body {
    #[serde(deserialize_with = "text")]
    code: Option<String>,
}

fn answer(verdict: Verdict) -> AppResult<Json<Value>> {
    match verdict {
        Verdict::Passed => Ok(Json(json!({}))),
        Verdict::Missing | Verdict::Wrong => Err(wrong_code()),
        Verdict::Wait(seconds) => Err(AppError::too_many(seconds)),
    }
}

/// Every other session ends.
pub async fn confirm(
    State(app): State<App>,
    EvenMoved { user }: EvenMoved<scope::WriteAccounts>,
    Params(body): Params<Body>,
) -> AppResult<Json<Value>> {
    let (ctx, key, id) = (app.ctx.clone(), app.totp_key(), user.account.id);
    let token = user.session.token_id;
    let code = body.code.unwrap_or_default();
    let verdict = app
        .write(move |tx| {
            Box::pin(async move { totp::confirm(tx, &ctx, &key, id, &code, token).await })
        })
        .await?;
    answer(verdict)
}

/// Every other session ends.
pub async fn stop(
    State(app): State<App>,
    EvenMoved { user }: EvenMoved<scope::WriteAccounts>,
    Params(body): Params<Body>,
) -> AppResult<Json<Value>> {
    let (ctx, key, id) = (app.ctx.clone(), app.totp_key(), user.account.id);
    let token = user.session.token_id;
    let code = body.code.unwrap_or_default();
    let verdict = app
        .write(move |tx| {
            Box::pin(async move { totp::stop(tx, &ctx, &key, id, &code, token).await })
        })
        .await?;
    answer(verdict)
}
