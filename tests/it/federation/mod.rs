//! Federation, over real HTTP.

mod fedify;
mod hostile;
mod outbound;
mod snapshots;
mod two_servers;
