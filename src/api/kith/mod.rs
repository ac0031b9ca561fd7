//! `/api/kith/v1`: what no other fediverse server has, and signing in without a browser.

use axum::Router;

use crate::app::App;

pub mod auth;
mod profile;

/// Routes of this area.
pub fn routes() -> Router<App> {
    Router::new().merge(auth::routes()).merge(profile::routes())
}
