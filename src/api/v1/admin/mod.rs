//! `/api/v1/admin`, and what `/api/v2/admin` has besides.

use axum::Router;

use crate::app::App;

mod accounts;
mod action;
mod reports;

/// Routes of this area.
pub fn routes() -> Router<App> {
    Router::new()
        .merge(accounts::routes())
        .merge(action::routes())
        .merge(reports::routes())
}
