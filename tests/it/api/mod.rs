//! The client API, by area.

mod accounts;
mod auth;
mod auth_times;
mod conversations;
mod edits;
mod lists;
mod markers;
pub mod media;
mod oauth;
mod pins;
mod polls;
mod scheduled;
mod statuses;
mod streaming;
mod threads;
mod timelines;
