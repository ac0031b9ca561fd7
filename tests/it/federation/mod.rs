//! Federation, over real HTTP.

mod fedify;
mod hostile;
mod outbound;
mod quotes;
mod snapshots;
mod two_servers;
