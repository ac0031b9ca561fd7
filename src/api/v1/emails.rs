//! `POST /api/v1/emails/confirmations`: the letter again, perhaps to another address.

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::caches::Refusal;
use crate::domain::users;
use crate::error::{AppError, AppResult};
use crate::http::auth::AnyUser;
use crate::http::client_ip::Caller;
use crate::http::params::{Params, text};
use crate::limits::{Deed, Who};

/// Routes of this area.
pub fn routes() -> Router<App> {
    Router::new().route("/api/v1/emails/confirmations", post(send))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    /// Another address than the one registered with.
    #[serde(deserialize_with = "text")]
    email: Option<String>,
}

async fn send(
    State(app): State<App>,
    user: AnyUser,
    caller: Caller,
    Params(body): Params<Body>,
) -> AppResult<Json<Value>> {
    if user.session.refused != Some(Refusal::Unverified) {
        return Err(AppError::forbidden(
            "This method is only available while the e-mail is awaiting confirmation",
        ));
    }
    caller.count(&app, Deed::Code)?;
    let id = user.account.id;
    let now = app.clock.now_ms();
    app.limits.count(Deed::Code, Who::Account(id), now)?;
    let email = body
        .email
        .map(|email| email.trim().to_owned())
        .filter(|email| !email.is_empty());
    let ctx = app.ctx.clone();
    app.write(move |tx| {
        Box::pin(async move { users::confirm_again(tx, &ctx, id, email.as_deref()).await })
    })
    .await?;
    Ok(Json(json!({})))
}
