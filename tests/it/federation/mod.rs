//! Federation, over real HTTP.

mod apkit;
mod captures;
mod chats;
mod collections;
mod faults;
mod fedify;
mod friends;
mod groups;
pub(crate) mod hostile;
mod interactions;
mod keys;
mod moves;
mod outbound;
mod posts;
mod profiles;
mod quotes;
mod relays;
mod snapshots;
mod sync;
mod threads;
pub(crate) mod two_servers;
mod votes;
