//! Federation, over real HTTP.

mod hostile;
mod posts;
mod two_servers;
