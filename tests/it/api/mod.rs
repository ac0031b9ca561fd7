//! The client API, by area.

mod accounts;
mod auth;
mod auth_times;
mod conversations;
mod discovery;
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
mod quotes;
mod reports;
mod scheduled;
mod search;
mod statuses;
mod streaming;
mod tags;
mod threads;
mod timelines;
