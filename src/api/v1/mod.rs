//! `/api/v1`

use axum::Router;

use crate::app::App;

pub(crate) mod accounts;
mod admin;
mod announcements;
mod apps;
pub mod async_refreshes;
mod bookmarks;
mod collections;
mod conversations;
mod custom_emojis;
mod directory;
mod domain_blocks;
mod emails;
mod favourites;
mod featured_tags;
mod filters;
mod follow_requests;
pub mod instance;
mod interaction_policies;
mod interaction_requests;
mod lists;
mod markers;
pub mod notifications;
mod polls;
mod preferences;
mod push;
mod relations;
mod reports;
mod scheduled_statuses;
pub mod statuses;
mod suggestions;
mod tags;
mod timelines;
mod trends;

/// The routes of the areas under `/api/v1`.
pub fn routes() -> Router<App> {
    Router::new()
        .merge(accounts::routes())
        .merge(admin::routes())
        .merge(announcements::routes())
        .merge(async_refreshes::routes())
        .merge(apps::routes())
        .merge(bookmarks::routes())
        .merge(collections::routes())
        .merge(directory::routes())
        .merge(domain_blocks::routes())
        .merge(conversations::routes())
        .merge(custom_emojis::routes())
        .merge(emails::routes())
        .merge(favourites::routes())
        .merge(filters::routes())
        .merge(featured_tags::routes())
        .merge(follow_requests::routes())
        .merge(instance::routes())
        .merge(interaction_policies::routes())
        .merge(interaction_requests::routes())
        .merge(lists::routes())
        .merge(markers::routes())
        .merge(notifications::routes())
        .merge(preferences::routes())
        .merge(push::routes())
        .merge(relations::routes())
        .merge(reports::routes())
        .merge(polls::routes())
        .merge(scheduled_statuses::routes())
        .merge(statuses::routes())
        .merge(suggestions::routes())
        .merge(tags::routes())
        .merge(timelines::routes())
        .merge(trends::routes())
}

pub use crate::domain::profiles::{
    MAX_DISPLAY_NAME, MAX_FIELD, MAX_FIELDS, MAX_NOTE, MAX_PICTURE_DESCRIPTION,
};
