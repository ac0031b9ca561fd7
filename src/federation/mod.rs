//! ActivityPub: what goes over the wire, and what of it is believed.

pub mod activities;
mod collection;
pub mod collections;
pub mod endpoints;
pub mod explain;
mod featured;
pub mod fetch;
pub mod find;
pub mod inbox;
pub mod keys;
pub mod local_keys;
pub mod objects;
mod polls;
mod profile;
pub mod proof;
pub mod relays;
pub mod render;
pub mod signature;
mod state;
pub mod synchronise;
mod threads;
pub mod value;
pub mod webfinger;

pub use featured::refresh_featured;
pub use fetch::refresh_now as refresh;
pub use find::{Found, find, resolve_mentions};
pub use polls::refresh_poll;
pub use profile::{read_profile, visited};
pub use state::State;
pub use synchronise::synchronise_followers;
pub use threads::{fill_thread, opened as thread_opened};
