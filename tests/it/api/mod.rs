//! The client API, by area.

mod accounts;
mod auth;
mod auth_times;
pub mod media;
pub mod media_av;
mod oauth;
mod statuses;
mod streaming;
mod timelines;
