//! Federation, over real HTTP.

mod chats;
mod faults;
mod fedify;
mod friends;
mod hostile;
mod outbound;
mod posts;
mod quotes;
mod snapshots;
pub(crate) mod two_servers;
mod votes;
