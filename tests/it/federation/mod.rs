//! Federation, over real HTTP.

mod apkit;
mod chats;
mod faults;
mod fedify;
mod friends;
mod groups;
mod hostile;
mod keys;
mod outbound;
mod posts;
mod quotes;
mod snapshots;
pub(crate) mod two_servers;
mod votes;
