//! The client API, by area.

mod accounts;
mod auth;
mod auth_times;
pub mod media;
mod oauth;
mod statuses;
mod streaming;
mod timelines;
