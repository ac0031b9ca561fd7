//! `kith worker`: the work beside the requests, without a listener.

use clap::Command;

use super::Outcome;
use super::serve::open_until_told;
use crate::config::Config;
use crate::reload::Source;
use crate::server;

pub fn command() -> Command {
    Command::new("worker")
        .about("Deliver, take in what came and run jobs, without serving requests")
}

pub async fn run(config: Config, source: Source) -> Outcome {
    server::work(open_until_told(config, source).await?).await
}
