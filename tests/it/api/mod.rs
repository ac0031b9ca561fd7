//! The client API, by area.

mod accounts;
mod auth;
mod auth_times;
mod conversations;
mod edits;
mod filters;
mod filters_streaming;
mod lists;
mod markers;
pub mod media;
pub mod media_av;
mod oauth;
mod people;
mod pins;
mod polls;
mod profile;
mod reports;
mod scheduled;
mod statuses;
mod streaming;
mod threads;
mod timelines;
