//! `/api/kith/v1/auth`: accounts and sign-in.

use axum::Router;
use axum::routing::{delete, get, post};

use crate::app::App;

pub mod credentials;
mod login;
mod password;
pub mod register;
mod sessions;
mod totp;
mod verify;

/// Routes of this area.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/kith/v1/auth/register", post(register::register))
        .route("/api/kith/v1/auth/verify_email", post(verify::verify_email))
        .route("/api/kith/v1/auth/resend_code", post(verify::resend_code))
        .route("/api/kith/v1/auth/login", post(login::login))
        .route("/api/kith/v1/auth/refresh", post(login::refresh))
        .route("/api/kith/v1/auth/logout", post(login::logout))
        .route("/api/kith/v1/auth/password/change", post(password::change))
        .route("/api/kith/v1/auth/password/forgot", post(password::forgot))
        .route("/api/kith/v1/auth/password/reset", post(password::reset))
        .route("/api/kith/v1/auth/sessions", get(sessions::list))
        .route("/api/kith/v1/auth/sessions/{id}", delete(sessions::end))
        .route(
            "/api/kith/v1/auth/totp",
            post(totp::begin).delete(totp::stop),
        )
        .route("/api/kith/v1/auth/totp/confirm", post(totp::confirm))
}
