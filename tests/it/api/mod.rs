//! The client API, by area.

mod accounts;
mod auth;
mod auth_times;
mod media;
mod oauth;
mod statuses;
mod streaming;
mod timelines;
