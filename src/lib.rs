//! Kith, a federated social server. `docs/architecture.md` tells how the parts fit.

pub mod api;
pub mod app;
pub mod backup;
pub mod caches;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod disk;
pub mod doctor;
pub mod domain;
pub mod error;
pub mod events;
pub mod federation;
pub mod http;
pub mod ids;
pub mod jobs;
pub mod limits;
pub mod mail;
pub mod media;
pub mod metrics;
pub mod passwords;
pub mod progress;
pub mod random;
pub mod reload;
pub mod seal;
pub mod secret;
pub mod server;
pub mod smtp;
pub mod text;
pub mod totp;
pub mod translate;
pub mod views;
pub mod web;
pub mod webpush;

pub use kith_db as db;
