//! Federation, over real HTTP.

mod apkit;
mod chats;
mod collections;
mod faults;
mod fedify;
mod friends;
mod hostile;
mod keys;
mod outbound;
mod posts;
mod quotes;
mod relays;
mod snapshots;
pub(crate) mod two_servers;
mod votes;
