//! Federation, over real HTTP.

mod apkit;
mod chats;
mod faults;
mod fedify;
mod friends;
mod hostile;
mod keys;
mod outbound;
mod posts;
mod profiles;
mod quotes;
mod snapshots;
mod threads;
pub(crate) mod two_servers;
mod votes;
