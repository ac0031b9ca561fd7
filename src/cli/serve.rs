//! `kith serve`: the server.

use clap::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::Outcome;
use crate::app::{App, Environment};
use crate::clock::Clock;
use crate::config::Config;
use crate::federation::local_keys;
use crate::random::Random;
use crate::server;

pub fn command() -> Command {
    Command::new("serve").about("Run the server (the same as kith alone)")
}

pub async fn run(config: Config) -> Outcome {
    // The port is taken first: a second server finds out before it touches anything.
    let bound = crate::http::bind(&config.listen).await?;
    server::run(open_until_told(config).await?, bound).await
}

/// Opens the application, which ends when the process is told to.
pub(super) async fn open_until_told(config: Config) -> Result<App, String> {
    let (stopping, stop) = watch::channel(false);
    let environment = Environment {
        clock: Clock::System,
        random: Random::system(),
        keys: local_keys::source(),
        stop,
    };
    let app = App::open(config, environment).await?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|e| e.to_string())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        let _ = stopping.send(true);
    });
    Ok(app)
}
