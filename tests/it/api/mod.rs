//! The client API, by area.

mod accounts;
mod auth;
mod auth_times;
mod filters;
mod filters_streaming;
pub mod media;
mod oauth;
mod people;
mod profile;
mod reports;
mod statuses;
mod streaming;
mod timelines;
