//! `/api/kith/v1`: what no other fediverse server has, and signing in without a browser.

use axum::Router;
use axum::routing::get;

use crate::app::App;

mod account;
pub mod admin;
mod analytics;
pub mod auth;
mod bookmark_folders;
pub mod chats;
mod drafts;
mod events;
mod friends;
mod notifications;
mod presence;
mod profile;
mod severed_relationships;
mod socket;
pub mod statuses;
mod strikes;

/// Routes of this area.
pub fn routes() -> Router<App> {
    Router::new()
        .merge(account::routes())
        .merge(auth::routes())
        .merge(bookmark_folders::routes())
        .merge(drafts::routes())
        .merge(friends::routes())
        .merge(notifications::routes())
        .merge(admin::routes())
        .merge(analytics::routes())
        .merge(chats::routes())
        .merge(profile::routes())
        .merge(severed_relationships::routes())
        .merge(statuses::routes())
        .merge(strikes::routes())
        .route("/api/kith/v1/events", get(events::get))
        .route("/api/kith/v1/presence", get(presence::get))
        .route("/api/kith/v1/socket/status", get(socket::status))
        .route("/api/kith/v1/streaming/status", get(socket::status))
}
