//! A server scaled out: two that serve, two that work, PostgreSQL, Redis, an object store, and nginx in front.
//!
//! Load runs while one process after the other is killed and started again. What was acknowledged is there
//! at the end, and whoever listened has caught up.

use std::collections::BTreeSet;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use kith::clock::Clock;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;

use crate::api::media;
use crate::clustered::{Redis, payload};
use crate::operation::png;
use crate::support::database;
use crate::support::peer::{Delivery, Peer, eventually};
use crate::support::process::{Process, free_port};
use crate::support::s3::S3;

/// Posts that are acknowledged between one deed and the next.
const BETWEEN: usize = 8;
/// How soon a client asks again.
const AGAIN: Duration = Duration::from_millis(20);

/// nginx by `docker/nginx.conf`, with nothing but addresses replaced.
struct Nginx {
    _dir: TempDir,
    child: Child,
}

impl Nginx {
    fn start(port: u16, servers: &[&Process]) -> Nginx {
        let dir = tempfile::tempdir().expect("a directory");
        let mut site = include_str!("../../docker/nginx.conf").to_owned();
        for (n, server) in servers.iter().enumerate() {
            let there = server.url.trim_start_matches("http://localhost:");
            let named = format!("serve{}:8080", n + 1);
            assert!(site.contains(&named), "{named}");
            site = site.replace(&named, &format!("127.0.0.1:{there}"));
        }
        let site = site.replace("listen 80;", &format!("listen 127.0.0.1:{port};"));
        let at = |name: &str| dir.path().join(name).display().to_string();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("{kind}_temp_path {};\n", at(kind)))
            .collect();
        let whole = format!(
            "daemon off;\nworker_processes 1;\npid {};\nerror_log {} warn;\nevents {{}}\n\
             http {{\naccess_log off;\n{temporary}{site}}}\n",
            at("pid"),
            at("error.log")
        );
        std::fs::write(dir.path().join("nginx.conf"), whole).expect("a configuration");
        let binary = match std::path::Path::new("/usr/sbin/nginx").exists() {
            true => "/usr/sbin/nginx",
            false => "nginx",
        };
        let child = Command::new(binary)
            .args(["-e", &at("error.log"), "-c", &at("nginx.conf")])
            .spawn()
            .expect("nginx is installed (tests/run.sh sees to it)");
        Nginx { _dir: dir, child }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its worker ends with it only when it is told to, and not when it is killed.
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        let _ = self.child.wait();
    }
}

/// What clients do, and what they were told.
#[derive(Clone)]
struct Load {
    http: reqwest::Client,
    url: String,
    stop: Arc<AtomicBool>,
    /// Statuses that were acknowledged.
    posts: Arc<Mutex<BTreeSet<String>>>,
    acknowledged: Arc<AtomicUsize>,
    /// Addresses of files that were acknowledged.
    files: Arc<Mutex<Vec<String>>>,
}

impl Load {
    /// Posts one after the other; asks again, under the same key, where there was no answer.
    async fn post(self, token: String, name: &'static str) {
        let mut n = 0;
        while !self.stop.load(Ordering::Relaxed) {
            n += 1;
            let key = format!("{name}-{n}");
            let body = json!({"status": format!("post {n} of {name}")});
            let status = loop {
                let request = (self.http.post(format!("{}/api/v1/statuses", self.url)))
                    .bearer_auth(&token)
                    .header("idempotency-key", &key)
                    .header("content-type", "application/json")
                    .body(body.to_string());
                match answered(request).await {
                    Some(status) => break status,
                    None => tokio::time::sleep(AGAIN).await,
                }
            };
            let id = status["id"].as_str().expect("an id").to_owned();
            self.posts.lock().unwrap().insert(id);
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn upload(self, token: String) {
        while !self.stop.load(Ordering::Relaxed) {
            let request = (self.http.post(format!("{}/api/v2/media", self.url)))
                .bearer_auth(&token)
                .header("content-type", media::FORM)
                .body(media::form(&[("file", &png())]));
            if let Some(file) = answered(request).await {
                let url = file["url"].as_str().expect("an address").to_owned();
                self.files.lock().unwrap().push(url);
            }
        }
    }

    /// Listens, comes again whenever the socket ends, and reads what it missed by the API.
    async fn listen(self, token: String, seen: Arc<Mutex<BTreeSet<String>>>) {
        let port = self.url.rsplit(':').next().expect("a port").to_owned();
        let url =
            format!("ws://127.0.0.1:{port}/api/v1/streaming?stream=user&access_token={token}");
        let mut newest = "0".to_owned();
        loop {
            let Ok((mut socket, _)) = tokio_tungstenite::connect_async(&url).await else {
                tokio::time::sleep(AGAIN).await;
                continue;
            };
            // Connected first, then read: nothing falls between.
            loop {
                let path = format!("/api/v1/timelines/home?limit=40&min_id={newest}");
                let request = (self.http.get(format!("{}{path}", self.url))).bearer_auth(&token);
                let Some(page) = answered(request).await else {
                    continue;
                };
                let page = page.as_array().expect("a page");
                let Some(first) = page.first() else { break };
                newest = first["id"].as_str().expect("an id").to_owned();
                let ids = page
                    .iter()
                    .map(|it| it["id"].as_str().expect("an id").to_owned());
                seen.lock().unwrap().extend(ids);
            }
            while let Some(Ok(message)) = socket.next().await {
                let Message::Text(text) = message else {
                    continue;
                };
                let frame: Value = serde_json::from_str(&text).expect("JSON");
                if frame["event"] == "update" {
                    let id = payload(&frame)["id"].as_str().expect("an id").to_owned();
                    seen.lock().unwrap().insert(id);
                }
            }
        }
    }
}

/// The answer to a request that succeeded; `None` where there was none, or trouble that passes.
async fn answered(request: reqwest::RequestBuilder) -> Option<Value> {
    let answer = request.timeout(Duration::from_secs(10)).send().await.ok()?;
    let status = answer.status();
    if status.is_success() {
        return serde_json::from_str(&answer.text().await.ok()?).ok();
    }
    assert!(
        status.is_server_error(),
        "{status}: {:?}",
        answer.text().await
    );
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_while_one_process_after_the_other_dies() {
    if !database::is_postgres() {
        // Workers need PostgreSQL: a_worker_works_without_serving holds what they say otherwise.
        return;
    }
    let (redis, store, peer) = (Redis::start(), S3::start().await, Peer::start().await);
    let sara = peer.add_actor("sara");
    let port = free_port();
    let front = format!("http://localhost:{port}");
    let redis_url = redis.url();
    let bucket = store.settings();
    let mut settings = vec![
        ("KITH_PUBLIC_URL", front.as_str()),
        ("KITH_REDIS_URL", redis_url.as_str()),
    ];
    settings.extend(bucket.iter().map(|(name, value)| (*name, value.as_str())));
    let one = Process::start_with(&settings).await;
    let (alice, bob, carol) = (one.person("alice"), one.person("bob"), one.person("carol"));
    let mut two = one.apart();
    two.run().await;
    let nginx = Nginx::start(port, &[&one, &two]);
    let mut workers = [one.apart(), one.apart()];
    for worker in &mut workers {
        worker.run_worker();
    }
    let http = reqwest::Client::builder()
        .no_proxy()
        .resolve("localhost", ([127, 0, 0, 1], port).into())
        .build()
        .expect("an HTTP client");
    eventually("nginx passes on", async || {
        let health = http.get(format!("{front}/health")).send().await.ok()?;
        health.status().is_success().then_some(())
    })
    .await;

    // The peer and two people follow who posts.
    let follow = json!({
        "id": format!("{sara}#follow"), "type": "Follow", "actor": sara,
        "object": format!("{front}/users/alice"),
    });
    let now = Clock::System.now_ms();
    let answer = Delivery::by(&sara)
        .post(&http, &format!("{front}/inbox"), now, &follow)
        .await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let her = one
        .get(&alice, "/api/v1/accounts/verify_credentials")
        .await
        .ok();
    let her = her["id"].as_str().expect("an id");
    for token in [&bob, &carol] {
        let path = format!("/api/v1/accounts/{her}/follow");
        one.post(token, &path, &json!({})).await.ok();
    }
    eventually("the peer is accepted", async || {
        peer.received()
            .iter()
            .any(|a| a["type"] == "Accept")
            .then_some(())
    })
    .await;

    let load = Load {
        http: http.clone(),
        url: front.clone(),
        stop: Arc::default(),
        posts: Arc::default(),
        acknowledged: Arc::default(),
        files: Arc::default(),
    };
    let heard: [Arc<Mutex<BTreeSet<String>>>; 2] = Default::default();
    let listening: Vec<_> = [&bob, &carol]
        .into_iter()
        .zip(&heard)
        .map(|(token, seen)| tokio::spawn(load.clone().listen(token.clone(), seen.clone())))
        .collect();
    let doing = [
        tokio::spawn(load.clone().post(alice.clone(), "one")),
        tokio::spawn(load.clone().post(alice.clone(), "two")),
        tokio::spawn(load.clone().upload(alice.clone())),
    ];
    let some_more = async || {
        let from = load.acknowledged.load(Ordering::Relaxed);
        eventually("posts are acknowledged", async || {
            (load.acknowledged.load(Ordering::Relaxed) >= from + BETWEEN).then_some(())
        })
        .await;
    };
    some_more().await;
    let mut servers = [one, two];
    let [first, second] = &mut workers;
    for (server, worker) in servers.iter_mut().zip([first, second]) {
        server.kill();
        some_more().await;
        server.run().await;
        some_more().await;
        worker.kill();
        some_more().await;
        worker.run_worker();
        some_more().await;
    }
    load.stop.store(true, Ordering::Relaxed);
    for task in doing {
        task.await.expect("the load ends");
    }

    let posts = load.posts.lock().unwrap().clone();
    let files = load.files.lock().unwrap().clone();
    assert!(posts.len() >= 9 * BETWEEN && !files.is_empty());
    for id in &posts {
        let request = http.get(format!("{front}/api/v1/statuses/{id}"));
        assert!(answered(request).await.is_some(), "post {id}");
    }
    for url in &files {
        let answer = http.get(url).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{url}");
        let length: usize = answer.headers()["content-length"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(
            answer.bytes().await.expect("all of it").len(),
            length,
            "{url}"
        );
    }
    for (seen, who) in heard.iter().zip(["bob", "carol"]) {
        eventually(&format!("{who} has caught up"), async || {
            posts.is_subset(&seen.lock().unwrap()).then_some(())
        })
        .await;
    }
    eventually("the peer has every post", async || {
        let received = peer.received();
        let created: BTreeSet<&str> = (received.iter())
            .filter(|activity| activity["type"] == "Create")
            .filter_map(|activity| activity["object"]["id"].as_str())
            .filter_map(|uri| uri.rsplit('/').next())
            .collect();
        posts
            .iter()
            .all(|id| created.contains(id.as_str()))
            .then_some(())
    })
    .await;
    for task in listening {
        task.abort();
    }
    drop((nginx, servers, workers));
}
