//! O1, O2 and D1: the binary by itself.

use std::collections::{BTreeMap, HashSet};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kith::db;

use crate::client::{Connection, get, load};
use crate::federation::flood;
use crate::report;
use crate::site::{Site, settings};

/// Activities that are acknowledged before the server is killed.
const ACTIVITIES: usize = 2_000;

/// The binary at work. It is killed when this goes.
pub struct Server(Child);

impl Server {
    pub fn start(settings: &BTreeMap<String, String>) -> Server {
        let child = Command::new(env!("CARGO_BIN_EXE_kith"))
            .arg("serve")
            .env_remove("KITH_BENCH_STATUSES")
            .envs(settings)
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the server starts");
        Server(child)
    }
}

impl Drop for Server {
    /// SIGKILL: it gets to do nothing more.
    fn drop(&mut self) {
        self.0.kill().expect("the server ends");
        self.0.wait().expect("the server ends");
    }
}

/// Seconds until the instance entity is answered.
pub async fn until_answering(address: &str, began: Instant) -> f64 {
    loop {
        if tokio::net::TcpStream::connect(address).await.is_ok() {
            let mut connection = Connection::open(address).await;
            let request = get("localhost", "/api/v2/instance", "");
            let text = String::from_utf8_lossy(&request).replace("Authorization: Bearer \r\n", "");
            assert_eq!(connection.send(text.as_bytes()).await.0, 200);
            return began.elapsed().as_secs_f64();
        }
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "the server does not answer"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Resident memory in MiB.
pub fn resident(server: &Server) -> f64 {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", server.0.id())).expect("a process");
    let line = status
        .lines()
        .find(|l| l.starts_with("VmRSS:"))
        .expect("a size");
    let kib: f64 = line
        .split_whitespace()
        .nth(1)
        .expect("a size")
        .parse()
        .expect("a number");
    kib / 1024.0
}

pub async fn start_and_memory() {
    let dir = tempfile::tempdir().expect("a directory");
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        free.local_addr().expect("an address").port()
    };
    let settings = settings(dir.path(), port);
    for (what, target) in [
        ("new database", "≤ 0.30 s"),
        ("existing database", "≤ 0.10 s"),
    ] {
        let began = Instant::now();
        let server = Server::start(&settings);
        let seconds = until_answering(&format!("127.0.0.1:{port}"), began).await;
        report(
            "O2",
            &format!("start until /api/v2/instance answers, {what}"),
            format!("{seconds:.3} s"),
            target,
        );
        if what == "existing database" {
            tokio::time::sleep(Duration::from_secs(2)).await;
            report(
                "O1",
                "resident memory, idle",
                format!("{:.1} MiB", resident(&server)),
                "≤ 30 MiB",
            );
        }
    }
    let size = std::fs::metadata(env!("CARGO_BIN_EXE_kith"))
        .expect("the binary")
        .len();
    report(
        "O3",
        "binary",
        format!("{:.1} MiB", size as f64 / 1048576.0),
        "≤ 40 MiB",
    );
}

/// How many received activities have no effect yet, at most `limit`.
async fn waiting(site: &Site, limit: usize) -> usize {
    site.app
        .read(move |c| {
            Box::pin(async move {
                Ok(db::inbox::list(c, db::inbox::WAITING, i64::MAX, limit as i64).await?)
            })
        })
        .await
        .expect("the queue")
        .len()
}

pub async fn killed() {
    let site = Site::unserved().await;
    let (alice, token) = site.person("alice").await;
    let (_, requests) = flood(&site, &alice, ACTIVITIES).await;
    let server = Server::start(&site.settings);
    until_answering(&site.address, Instant::now()).await;
    load(&site.address, 16, 202, requests).await;
    drop(server);
    // With none left to do, nothing was put to the test.
    let left = waiting(&site, ACTIVITIES).await;
    let began = Instant::now();
    let _server = Server::start(&site.settings);
    until_answering(&site.address, began).await;
    while waiting(&site, 1).await > 0 {
        assert!(
            began.elapsed() < Duration::from_secs(120),
            "activities are left"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let seconds = began.elapsed().as_secs_f64();
    let mut connection = Connection::open(&site.address).await;
    let home = connection
        .list(&site.host, "/api/v1/timelines/home", &token)
        .await;
    let uris: HashSet<&str> = home.iter().filter_map(|s| s["uri"].as_str()).collect();
    assert_eq!(uris.len(), home.len(), "something is there twice");
    report(
        "D1",
        &format!("SIGKILL after the last 202, {left} waiting; after {seconds:.1} s in the home"),
        format!("{} of {ACTIVITIES}", uris.len()),
        "2,000 of 2,000",
    );
}
