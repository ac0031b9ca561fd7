//! `/api/kith/v1/admin`: what admins see of the server beyond Mastodon's admin API.

use axum::Router;

use crate::app::App;

mod deliveries;
pub mod domain_blocks;

/// Routes of this area.
pub fn routes() -> Router<App> {
    deliveries::routes().merge(domain_blocks::routes())
}
