//! Federation, over real HTTP.

mod hostile;
mod quotes;
mod two_servers;
