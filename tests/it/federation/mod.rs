//! Federation, over real HTTP.

mod fedify;
mod hostile;
mod two_servers;
