//! The HTTP side that every route shares: the router, extractors, paging, the listener.

pub mod auth;
mod chat_files;
pub mod client_ip;
mod files;
pub mod middleware;
mod operation;
pub mod pagination;
pub mod params;
pub mod proxy;
mod router;
pub mod seen;
mod server;
pub mod spool;
pub mod staff;
mod unread;

pub use router::{router, routes};
pub use server::{Bound, Peer, bind, serve};
