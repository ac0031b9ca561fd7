//! `POST /api/v1/accounts`: an app registers a user, and gets the user's token at once. It is
//! good for nothing until the e-mail address is verified.

use axum::extract::State;
use axum::response::{IntoResponse, Response};

use crate::api::kith::auth::register::{Body, run};
use crate::api::oauth::{Secret, TokenEntity};
use crate::app::App;
use crate::domain::sign_in;
use crate::error::{AppError, AppResult};
use crate::http::auth::{AnyToken, outside_scope};
use crate::http::client_ip::Caller;
use crate::http::params::Params;

pub async fn create(
    State(app): State<App>,
    token: AnyToken,
    caller: Caller,
    Params(body): Params<Body>,
) -> AppResult<Response> {
    let session = token.session;
    let app_id = session.app_id.ok_or_else(AppError::unauthorized)?;
    if session.account_id.is_some() {
        return Err(AppError::forbidden(
            "This method requires an client credentials authentication",
        ));
    }
    if !session.allows("write:accounts") {
        return Err(outside_scope());
    }
    let (account, _) = match run(&app, &caller, Some(app_id), body).await? {
        Ok(done) => done,
        Err(refused) => return Ok(refused),
    };
    let ctx = app.ctx.clone();
    let token = app
        .write(move |tx| {
            Box::pin(async move {
                let (user, id) = (Some(account.id), Some(app_id));
                sign_in::open(tx, &ctx, user, id, &session.scopes, "", &caller.origin()).await
            })
        })
        .await?;
    Ok(Secret(TokenEntity::of(&app, &token, None)?).into_response())
}
