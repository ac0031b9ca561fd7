//! `kith demo`: two servers in this process that know nothing of each other but what federation
//! tells them, with people on both who follow, post, answer, like and boost.
//!
//! Everything goes through the doors that apps use. The data lives in a temporary directory and
//! goes with the demo.

mod script;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Arg, ArgMatches, Command, value_parser};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Outcome;
use crate::app::{App, CONNECTIONS, Environment};
use crate::clock::Clock;
use crate::config::{Config, Listen};
use crate::federation::local_keys;
use crate::http::Bound;
use crate::random::Random;
use crate::server;

pub fn command() -> Command {
    Command::new("demo")
        .about("Run two servers with a few people on each, to look at; nothing is kept")
        .arg(
            Arg::new("pace")
                .long("pace")
                .value_name("MILLISECONDS")
                .value_parser(value_parser!(u64))
                .default_value("2500")
                .help("How long the people wait between one thing and the next"),
        )
}

/// A directory that goes when this is dropped.
struct Temporary(PathBuf);

impl Temporary {
    fn new(random: &Random) -> Result<Temporary, String> {
        let name = format!("kith-demo-{:016x}", u64::from_be_bytes(random.bytes()));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Temporary(path))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// One of the two servers.
struct Running {
    /// `http://localhost:PORT`
    url: String,
    /// `http://127.0.0.1:PORT`, for us: the server listens there and nowhere else.
    address: String,
    served: JoinHandle<Outcome>,
}

pub async fn run(matches: &ArgMatches) -> Outcome {
    let pace = matches.get_one("pace").copied().unwrap_or(2500);
    let random = Random::system();
    let data = Temporary::new(&random)?;
    let (stopping, stop) = watch::channel(false);
    let mut servers = Vec::new();
    for (name, port) in [("one", 8080), ("two", 8081)] {
        let dir = data.0.join(name);
        servers.push(start(&dir, port, &random, stop.clone()).await?);
    }
    let mut terminate = signal(SignalKind::terminate()).map_err(|e| e.to_string())?;
    let ended = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    let outcome = {
        let [one, two] = &servers[..] else {
            return Err("the demo needs two servers".to_owned());
        };
        let play = async {
            script::play(
                [&one.address, &two.address],
                [&one.url, &two.url],
                Duration::from_millis(pace),
            )
            .await?;
            std::future::pending::<Outcome>().await
        };
        tokio::select! {
            () = ended => Ok(()),
            outcome = play => outcome,
        }
    };
    let _ = stopping.send(true);
    for server in servers {
        match server.served.await {
            Ok(served) => served?,
            Err(error) => return Err(error.to_string()),
        }
    }
    outcome
}

/// Starts a server on a port, or on another when that is taken.
async fn start(
    dir: &Path,
    port: u16,
    random: &Random,
    stop: watch::Receiver<bool>,
) -> Result<Running, String> {
    let bound = match bind(port).await {
        Ok(bound) => bound,
        Err(_) => bind(0).await?,
    };
    let port = bound.address().ok_or("no port")?.port();
    let url = format!("http://localhost:{port}");
    let settings = [
        ("data_dir", dir.display().to_string()),
        ("listen", format!("127.0.0.1:{port}")),
        ("public_url", url.clone()),
        ("registration", "open".to_owned()),
        ("email_verification", "false".to_owned()),
        ("federation_allow_private", "true".to_owned()),
        ("rate_limit", "false".to_owned()),
    ];
    let settings: BTreeMap<String, String> = settings
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let config = Config::load(settings, std::iter::empty(), None).map_err(|e| e.to_string())?;
    let environment = Environment {
        clock: Clock::System,
        random: random.clone(),
        keys: local_keys::source(),
        stop,
        connections: CONNECTIONS,
        traces: None,
    };
    let app = App::open(config, environment).await?;
    Ok(Running {
        url,
        address: format!("http://127.0.0.1:{port}"),
        served: tokio::spawn(server::run(app, bound)),
    })
}

async fn bind(port: u16) -> Result<Bound, String> {
    crate::http::bind(&Listen::Tcp(format!("127.0.0.1:{port}"))).await
}
