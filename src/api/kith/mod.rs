//! `/api/kith/v1`: what no other fediverse server has, and signing in without a browser.

use axum::Router;

use crate::app::App;

mod analytics;
pub mod auth;
pub mod statuses;

/// Routes of this area.
pub fn routes() -> Router<App> {
    Router::new()
        .merge(analytics::routes())
        .merge(auth::routes())
        .merge(statuses::routes())
}
