//! `POST /api/kith/v1/auth/verify_email`, `resend_code`.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::domain::users;
use crate::error::{AppError, AppResult};
use crate::http::client_ip::Caller;
use crate::http::params::{Params, text};
use crate::limits::{Deed, Who};

/// The same for a wrong code, one that is used up or too old, and an address nobody has.
pub fn wrong_code() -> AppError {
    AppError::invalid("The code is wrong or has expired")
}

#[derive(Debug, Deserialize)]
pub struct Verify {
    email: String,
    #[serde(deserialize_with = "text")]
    code: Option<String>,
}

pub async fn verify_email(
    State(app): State<App>,
    caller: Caller,
    Params(body): Params<Verify>,
) -> AppResult<Json<Value>> {
    caller.count(&app, Deed::Code)?;
    let now = app.clock.now_ms();
    app.limits.count(Deed::Code, Who::name(&body.email), now)?;
    let ctx = app.ctx.clone();
    let verified = app
        .write(move |tx| {
            Box::pin(async move {
                let code = body.code.unwrap_or_default();
                users::verify_email(tx, &ctx, body.email.trim(), &code).await
            })
        })
        .await?;
    if !verified {
        return Err(wrong_code());
    }
    Ok(Json(json!({})))
}

#[derive(Debug, Deserialize)]
pub struct Resend {
    email: String,
}

/// Answers the same whoever asks.
pub async fn resend_code(
    State(app): State<App>,
    caller: Caller,
    Params(body): Params<Resend>,
) -> AppResult<(StatusCode, Json<Value>)> {
    caller.count(&app, Deed::Code)?;
    let now = app.clock.now_ms();
    app.limits.count(Deed::Code, Who::name(&body.email), now)?;
    let ctx = app.ctx.clone();
    app.write(move |tx| {
        Box::pin(async move { users::resend_code(tx, &ctx, body.email.trim()).await })
    })
    .await?;
    Ok((StatusCode::ACCEPTED, Json(json!({}))))
}
