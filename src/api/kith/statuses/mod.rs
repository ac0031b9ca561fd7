//! `/api/kith/v1/statuses`: votes, emoji reactions, comments, views and analytics of one.

use axum::Router;
use axum::routing::{get, post, put};

use crate::api::entities::{Json, status};
use crate::app::App;
use crate::db::Conn;
use crate::db::accounts::Account;
use crate::db::statuses::Status;
use crate::domain::reactions::subject;
use crate::error::{AppError, AppResult};

mod analytics;
mod comments;
mod dislike;
mod disliked_by;
mod reactions;
pub mod views;

/// Routes of this area.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/kith/v1/statuses/{id}/dislike", post(dislike::post))
        .route("/api/kith/v1/statuses/{id}/undislike", post(dislike::undo))
        .route(
            "/api/kith/v1/statuses/{id}/disliked_by",
            get(disliked_by::get),
        )
        .route(
            "/api/kith/v1/statuses/{id}/reactions/{emoji}",
            put(reactions::put).delete(reactions::delete),
        )
        .route("/api/kith/v1/statuses/{id}/comments", get(comments::get))
        .route("/api/kith/v1/statuses/{id}/views", post(views::post))
        .route("/api/kith/v1/statuses/{id}/analytics", get(analytics::get))
}

/// A status as its reader sees it now.
async fn answer(app: &App, id: i64, reader: i64) -> AppResult<Json> {
    let shown = status::render_one(app, id, Some(reader))
        .await?
        .ok_or_else(AppError::not_found)?;
    Ok(Json(shown.get().to_owned()))
}

/// A status that is the reader's own: 404 where it may not be seen, 403 where it is another's.
async fn own(conn: &mut Conn, account: &Account, id: i64) -> AppResult<Status> {
    let status = subject(conn, account, id).await?;
    if status.account_id == account.id {
        Ok(status)
    } else {
        Err(AppError::forbidden("This is for the author alone"))
    }
}
