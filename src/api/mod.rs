//! The client API: a file for each route or verb, its path the URL's.

use axum::Router;

use crate::app::App;

mod docs;
pub mod entities;
pub mod kith;
pub mod list;
pub mod media;
pub mod oauth;
pub mod streaming;
pub mod v1;
pub mod v2;

/// All routes of the client API.
pub fn routes() -> Router<App> {
    Router::new()
        .merge(docs::routes())
        .merge(kith::routes())
        .merge(media::routes())
        .merge(streaming::routes())
        .merge(oauth::routes())
        .merge(v1::routes())
        .merge(v2::routes())
}
