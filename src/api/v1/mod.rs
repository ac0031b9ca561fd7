//! `/api/v1`

use axum::Router;

use crate::app::App;

mod accounts;
mod apps;
mod bookmarks;
mod conversations;
mod emails;
mod favourites;
mod follow_requests;
pub mod instance;
mod lists;
mod markers;
mod notifications;
mod polls;
mod relations;
mod scheduled_statuses;
mod statuses;
mod timelines;

/// The routes of the areas under `/api/v1`.
pub fn routes() -> Router<App> {
    Router::new()
        .merge(accounts::routes())
        .merge(apps::routes())
        .merge(bookmarks::routes())
        .merge(conversations::routes())
        .merge(emails::routes())
        .merge(favourites::routes())
        .merge(follow_requests::routes())
        .merge(instance::routes())
        .merge(lists::routes())
        .merge(markers::routes())
        .merge(notifications::routes())
        .merge(polls::routes())
        .merge(relations::routes())
        .merge(scheduled_statuses::routes())
        .merge(statuses::routes())
        .merge(timelines::routes())
}

/// Limits of a profile, in characters; announced in the instance entity.
pub const MAX_DISPLAY_NAME: usize = 30;
pub const MAX_NOTE: usize = 500;
pub const MAX_FIELDS: usize = 4;
pub const MAX_FIELD: usize = 255;
pub const MAX_PICTURE_DESCRIPTION: usize = 150;
