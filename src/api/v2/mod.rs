//! `/api/v2`

use axum::Router;
use axum::routing::get;

use crate::app::App;

pub mod filters;
pub mod instance;
pub mod search;

/// The routes of the areas under `/api/v2`.
pub fn routes() -> Router<App> {
    Router::new()
        .merge(filters::routes())
        .route("/api/v2/instance", get(instance::get))
        .route("/api/v2/search", get(search::get))
}
