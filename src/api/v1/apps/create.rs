//! `POST /api/v1/apps`: an app registers itself.

use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::Application;
use crate::api::oauth::Secret;
use crate::app::App;
use crate::domain::oauth;
use crate::error::AppResult;
use crate::http::client_ip::Caller;
use crate::http::params::{Params, text, texts};
use crate::limits::Deed;

/// The body, as a form or JSON.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Body {
    #[serde(deserialize_with = "text")]
    client_name: Option<String>,
    /// One, several by white space, or a list.
    #[serde(deserialize_with = "texts")]
    redirect_uris: Vec<String>,
    #[serde(deserialize_with = "text")]
    scopes: Option<String>,
    #[serde(deserialize_with = "text")]
    website: Option<String>,
}

/// `CredentialApplication`.
#[derive(Debug, Serialize)]
pub struct CredentialApplication {
    #[serde(flatten)]
    application: Application,
    client_id: String,
    client_secret: String,
    /// 0: never.
    client_secret_expires_at: i64,
}

pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Params(body): Params<Body>,
) -> AppResult<Secret<CredentialApplication>> {
    caller.count(&app, Deed::App)?;
    let ctx = app.ctx.clone();
    let (client, client_secret) = app
        .write(move |tx| {
            Box::pin(async move {
                let name = body.client_name.unwrap_or_default();
                let scopes = body.scopes.unwrap_or_default();
                let (website, uris) = (body.website, body.redirect_uris);
                oauth::register_app(tx, &ctx, &name, website, uris, &scopes).await
            })
        })
        .await?;
    Ok(Secret(CredentialApplication {
        application: Application::of(&client, app.vapid().await?.public_key()),
        client_id: client.client_id,
        client_secret,
        client_secret_expires_at: 0,
    }))
}
