//! `/api/v1/statuses`

use axum::Router;
use axum::routing::{get, post, put};
use serde_json::value::RawValue;

use crate::api::entities::{Json, status};
use crate::app::App;
use crate::error::{AppError, AppResult};

mod bookmark;
mod by;
mod context;
pub mod create;
mod delete;
mod edit;
mod favourite;
mod history;
mod mute;
mod pin;
mod quotes;
mod reblog;
mod show;
mod source;
mod translate;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/statuses", post(create::post).get(show::many))
        .route(
            "/api/v1/statuses/{id}",
            get(show::get)
                .delete(delete::delete)
                .put(edit::put)
                .patch(edit::put),
        )
        .route("/api/v1/statuses/{id}/context", get(context::get))
        .route("/api/v1/statuses/{id}/history", get(history::get))
        .route("/api/v1/statuses/{id}/source", get(source::get))
        .route("/api/v1/statuses/{id}/favourite", post(favourite::post))
        .route("/api/v1/statuses/{id}/unfavourite", post(favourite::undo))
        .route("/api/v1/statuses/{id}/reblog", post(reblog::post))
        .route("/api/v1/statuses/{id}/unreblog", post(reblog::undo))
        .route("/api/v1/statuses/{id}/bookmark", post(bookmark::post))
        .route("/api/v1/statuses/{id}/unbookmark", post(bookmark::undo))
        .route("/api/v1/statuses/{id}/pin", post(pin::post))
        .route("/api/v1/statuses/{id}/unpin", post(pin::undo))
        .route("/api/v1/statuses/{id}/mute", post(mute::post))
        .route("/api/v1/statuses/{id}/unmute", post(mute::undo))
        .route("/api/v1/statuses/{id}/favourited_by", get(by::favourited))
        .route("/api/v1/statuses/{id}/reblogged_by", get(by::reblogged))
        .route("/api/v1/statuses/{id}/quotes", get(quotes::get))
        .route(
            "/api/v1/statuses/{id}/quotes/{quoting_id}/revoke",
            post(quotes::revoke),
        )
        .route(
            "/api/v1/statuses/{id}/interaction_policy",
            put(quotes::policy),
        )
        .route("/api/v1/statuses/{id}/translate", post(translate::post))
        .route(
            "/api/v1/instance/translation_languages",
            get(translate::languages),
        )
}

/// A status as its reader sees it now, or 404.
async fn shown(app: &App, id: i64, reader: Option<i64>) -> AppResult<Box<RawValue>> {
    status::render_one(app, id, reader)
        .await?
        .ok_or_else(AppError::not_found)
}

/// The same as an answer.
async fn answer(app: &App, id: i64, reader: i64) -> AppResult<Json> {
    Ok(Json(shown(app, id, Some(reader)).await?.get().to_owned()))
}
