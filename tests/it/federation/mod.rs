//! Federation, over real HTTP.

mod fedify;
mod hostile;
mod outbound;
mod posts;
mod quotes;
mod snapshots;
pub(crate) mod two_servers;
