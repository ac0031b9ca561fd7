//! Federation, over real HTTP.

mod fedify;
mod hostile;
mod outbound;
mod two_servers;
