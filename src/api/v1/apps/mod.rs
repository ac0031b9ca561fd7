//! `/api/v1/apps`

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

mod create;
mod verify_credentials;

/// Routes of this area.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/apps", post(create::create))
        .route(
            "/api/v1/apps/verify_credentials",
            get(verify_credentials::show),
        )
}

/// `Application` (Mastodon documentation, entities/Application).
#[derive(Debug, serde::Serialize)]
struct Application {
    id: String,
    name: String,
    website: Option<String>,
    scopes: Vec<String>,
    redirect_uris: Vec<String>,
    /// Deprecated: all of them, by newlines.
    redirect_uri: String,
    /// For push subscriptions.
    vapid_key: String,
}

impl Application {
    fn of(app: &crate::db::tokens::App, vapid_key: &str) -> Application {
        Application {
            vapid_key: vapid_key.to_owned(),
            id: app.id.to_string(),
            name: app.name.clone(),
            website: app.website.clone(),
            scopes: app
                .scopes
                .split_ascii_whitespace()
                .map(str::to_owned)
                .collect(),
            redirect_uris: app.redirect_uris.lines().map(str::to_owned).collect(),
            redirect_uri: app.redirect_uris.clone(),
        }
    }
}
