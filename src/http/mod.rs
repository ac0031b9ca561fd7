//! The HTTP side that every route shares: the router, extractors, paging, the listener.

pub mod auth;
pub mod client_ip;
mod files;
pub mod middleware;
pub mod pagination;
pub mod params;
mod router;
mod server;
mod unread;

pub use router::router;
pub use server::{Bound, Peer, bind, serve};
