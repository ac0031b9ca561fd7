//! Federation, over real HTTP.

mod hostile;
mod two_servers;
