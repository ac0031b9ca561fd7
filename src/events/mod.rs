//! What every process hears of: the event log, and the bus that follows it.
//!
//! A transaction writes its events as rows of the log ([`crate::db::Conn::emit`]). After the
//! commit this process's caches drop what changed before the caller is answered; the log's
//! follower ([`log`]) then hands each event, in the log's order, to streams here and does the
//! same for events of other processes.

pub mod bus;
pub mod hub;
pub mod log;
pub mod message;
pub mod passing;

pub use kith_db::event::{ChatMark, ChatReaction, Cursor, Event, Gone, Kind, Logged};
