//! `/api/v1/timelines`

use axum::Router;
use axum::routing::get;

use crate::app::App;

mod home;
mod link;
mod list;
mod public;
mod tag;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/timelines/home", get(home::get))
        .route("/api/v1/timelines/list/{id}", get(list::get))
        .route("/api/v1/timelines/link", get(link::get))
        .route("/api/v1/timelines/public", get(public::get))
        .route("/api/v1/timelines/tag/{hashtag}", get(tag::get))
}
