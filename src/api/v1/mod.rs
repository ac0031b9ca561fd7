//! `/api/v1`

use axum::Router;

use crate::app::App;

mod accounts;
mod apps;
mod bookmarks;
mod emails;
mod favourites;
mod featured_tags;
mod follow_requests;
pub mod instance;
mod notifications;
mod relations;
mod statuses;
mod tags;
mod timelines;
mod trends;

/// The routes of the areas under `/api/v1`.
pub fn routes() -> Router<App> {
    Router::new()
        .merge(accounts::routes())
        .merge(apps::routes())
        .merge(bookmarks::routes())
        .merge(emails::routes())
        .merge(favourites::routes())
        .merge(featured_tags::routes())
        .merge(follow_requests::routes())
        .merge(instance::routes())
        .merge(notifications::routes())
        .merge(relations::routes())
        .merge(statuses::routes())
        .merge(tags::routes())
        .merge(timelines::routes())
        .merge(trends::routes())
}

/// Limits of a profile, in characters; announced in the instance entity.
pub const MAX_DISPLAY_NAME: usize = 30;
pub const MAX_NOTE: usize = 500;
pub const MAX_FIELDS: usize = 4;
pub const MAX_FIELD: usize = 255;
pub const MAX_PICTURE_DESCRIPTION: usize = 150;
