//! `kith worker`: the work beside the requests, without a listener.

use clap::Command;

use super::Outcome;
use super::serve::open_until_told;
use crate::config::Config;
use crate::reload::Source;
use crate::server;
use crate::traces::Traces;

pub fn command() -> Command {
    Command::new("worker")
        .about("Deliver, take in what came and run jobs, without serving requests")
}

pub async fn run(config: Config, source: Source, traces: Option<Traces>) -> Outcome {
    server::work(open_until_told(config, source, traces).await?).await
}
