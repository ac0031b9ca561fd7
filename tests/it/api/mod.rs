//! The client API, by area.

mod accounts;
mod auth;
mod auth_times;
mod discovery;
pub mod media;
mod oauth;
mod quotes;
mod search;
mod statuses;
mod streaming;
mod tags;
mod timelines;
