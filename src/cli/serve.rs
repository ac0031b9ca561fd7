//! `kith serve`: the server.

use clap::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::Outcome;
use crate::app::{App, CONNECTIONS, Environment};
use crate::clock::Clock;
use crate::config::Config;
use crate::federation::local_keys;
use crate::random::Random;
use crate::reload::{self, Source};
use crate::server;
use crate::traces::Traces;

pub fn command() -> Command {
    Command::new("serve")
        .about("Run the server (the same as kith alone)")
        .long_about(
            "Run the server (the same as kith alone). It ends well on SIGTERM, and reads its settings \
             again on SIGHUP.",
        )
}

pub async fn run(config: Config, source: Source, traces: Option<Traces>) -> Outcome {
    // The port is taken first: a second server finds out before it touches anything.
    let bound = crate::http::bind(&config.listen).await?;
    server::run(open_until_told(config, source, traces).await?, bound).await
}

/// Opens the application, which ends when the process is told to, and reads its settings again when
/// it is told to.
pub(super) async fn open_until_told(
    config: Config,
    source: Source,
    traces: Option<Traces>,
) -> Result<App, String> {
    let (stopping, stop) = watch::channel(false);
    let environment = Environment {
        clock: Clock::System,
        random: Random::system(),
        keys: local_keys::source(),
        stop,
        connections: CONNECTIONS,
        traces,
    };
    // Caught from here on: otherwise it would end a process that is still opening.
    let mut hangup = signal(SignalKind::hangup()).map_err(|e| e.to_string())?;
    let app = App::open(config, environment).await?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|e| e.to_string())?;
    let served = app.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = tokio::signal::ctrl_c() => break,
                _ = hangup.recv() => reload::on_signal(&served, &source),
            }
        }
        drop(served);
        let _ = stopping.send(true);
    });
    Ok(app)
}
