//! `/api/kith/v1/admin`: what admins see of the server beyond Mastodon's admin API.

use axum::Router;

use crate::app::App;

mod appeals;
mod audit_log;
mod deliveries;
pub mod domain_blocks;

/// Routes of this area.
pub fn routes() -> Router<App> {
    Router::new()
        .merge(appeals::routes())
        .merge(audit_log::routes())
        .merge(deliveries::routes())
        .merge(domain_blocks::routes())
}
