//! Federation, over real HTTP.

mod apkit;
mod captures;
mod chats;
mod faults;
mod fedify;
mod friends;
mod hostile;
mod keys;
mod outbound;
mod posts;
mod quotes;
mod snapshots;
pub(crate) mod two_servers;
mod votes;
