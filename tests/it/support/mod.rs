//! Servers, people and answers for the tests.

pub mod apkit;
pub mod collector;
pub mod composed;
pub mod database;
pub mod faulty;
pub mod fedify;
pub mod front;
pub mod keys;
pub mod mail;
pub mod peer;
pub mod process;
pub mod s3;
pub mod schema;
pub mod server;
pub mod smtp;
mod staff;

pub use keys::fixed_keys;
pub use server::{Answer, Person, Server};

/// An actor's key pair, so that no test waits for one to be made.
pub const ACTOR_KEY: &str = include_str!("keys/actor.pem");
pub const ACTOR_PUBLIC_KEY: &str = include_str!("keys/actor.pub.pem");
