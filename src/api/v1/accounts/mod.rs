//! `/api/v1/accounts`

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, patch, post};

use crate::app::App;
use crate::db::accounts::Account;
use crate::error::{AppError, AppResult};
use crate::http::pagination::path_id;

mod create;
pub(crate) mod credentials;
mod endorse;
mod familiar;
mod follow;
mod lists;
mod lookup;
mod relationships;
mod show;
mod statuses;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/accounts", get(show::many).post(create::create))
        .route(
            "/api/v1/accounts/verify_credentials",
            get(credentials::verify),
        )
        .route(
            "/api/v1/accounts/update_credentials",
            patch(credentials::update).post(credentials::update),
        )
        .route(
            "/api/v1/profile/avatar",
            axum::routing::delete(credentials::delete_avatar),
        )
        .route(
            "/api/v1/profile/header",
            axum::routing::delete(credentials::delete_header),
        )
        .route(
            "/api/v1/profile",
            get(credentials::profile).patch(credentials::update_profile),
        )
        .route("/api/v1/accounts/relationships", get(relationships::get))
        .route("/api/v1/accounts/familiar_followers", get(familiar::get))
        .route("/api/v1/endorsements", get(endorse::own))
        .route("/api/v1/accounts/lookup", get(lookup::get))
        .route("/api/v1/accounts/search", get(lookup::search))
        .route("/api/v1/accounts/{id}", get(show::get))
        .route("/api/v1/accounts/{id}/statuses", get(statuses::get))
        .route("/api/v1/accounts/{id}/followers", get(lists::followers))
        .route("/api/v1/accounts/{id}/following", get(lists::following))
        .route("/api/v1/accounts/{id}/follow", post(follow::follow))
        .route("/api/v1/accounts/{id}/unfollow", post(follow::unfollow))
        .route("/api/v1/accounts/{id}/block", post(follow::block))
        .route("/api/v1/accounts/{id}/unblock", post(follow::unblock))
        .route("/api/v1/accounts/{id}/mute", post(follow::mute))
        .route("/api/v1/accounts/{id}/unmute", post(follow::unmute))
        .route(
            "/api/v1/accounts/{id}/remove_from_followers",
            post(follow::remove_follower),
        )
        .route("/api/v1/accounts/{id}/note", post(endorse::note))
        .route("/api/v1/accounts/{id}/endorse", post(endorse::endorse))
        .route("/api/v1/accounts/{id}/pin", post(endorse::endorse))
        .route("/api/v1/accounts/{id}/unendorse", post(endorse::unendorse))
        .route("/api/v1/accounts/{id}/unpin", post(endorse::unendorse))
        .route(
            "/api/v1/accounts/{id}/endorsements",
            get(endorse::of_account),
        )
}

/// The account of an id in a path: 404 for none, and for one that is gone.
pub(in crate::api) async fn find(app: &App, id: &str) -> AppResult<Arc<Account>> {
    app.account(path_id(id)?)
        .await?
        .filter(|account| account.deleted_at.is_none() && !is_renamed(account))
        .ok_or_else(AppError::not_found)
}

/// An older holder of a handle that belongs to another actor now.
fn is_renamed(account: &Account) -> bool {
    account.username_lower.contains('#')
}
