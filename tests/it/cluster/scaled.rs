//! A server scaled out as `docker/compose.scale.yaml` says: two that serve, two that work, PostgreSQL, Redis, an
//! object store, and nginx in front.
//!
//! Load runs while one service after the other is killed and started again. What was acknowledged is there
//! at the end, and whoever listened has caught up.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use kith::clock::Clock;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::payload;
use crate::api::media;
use crate::operation::png;
use crate::support::composed::Stack;
use crate::support::database;
use crate::support::peer::{Delivery, Peer, eventually};

/// Posts that are acknowledged between one deed and the next.
const BETWEEN: usize = 6;
/// How long a client waits between what it does: the load is there to be disturbed, not to be heavy.
const PACE: Duration = Duration::from_millis(50);

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
    /// Uploads that were not taken.
    refused: Arc<AtomicUsize>,
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
                    None => tokio::time::sleep(PACE).await,
                }
            };
            let id = status["id"].as_str().expect("an id").to_owned();
            self.posts.lock().unwrap().insert(id);
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(PACE).await;
        }
    }

    /// Waits until some more posts are acknowledged.
    async fn goes_on(&self) {
        let from = self.acknowledged.load(Ordering::Relaxed);
        eventually("posts are acknowledged", async || {
            (self.acknowledged.load(Ordering::Relaxed) >= from + BETWEEN).then_some(())
        })
        .await;
    }

    /// The same of a file.
    async fn uploads_go_on(&self) {
        let from = self.files.lock().unwrap().len();
        eventually("files are acknowledged", async || {
            (self.files.lock().unwrap().len() > from).then_some(())
        })
        .await;
    }

    /// Waits until a file was not taken.
    async fn is_refused_files(&self) {
        let from = self.refused.load(Ordering::Relaxed);
        eventually("a file is refused", async || {
            (self.refused.load(Ordering::Relaxed) > from).then_some(())
        })
        .await;
    }

    async fn upload(self, token: String) {
        while !self.stop.load(Ordering::Relaxed) {
            let request = (self.http.post(format!("{}/api/v2/media", self.url)))
                .bearer_auth(&token)
                .header("content-type", media::FORM)
                .body(media::form(&[("file", &png())]));
            match answered(request).await {
                Some(file) => {
                    let url = file["url"].as_str().expect("an address").to_owned();
                    self.files.lock().unwrap().push(url);
                }
                None => {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                }
            }
            tokio::time::sleep(PACE).await;
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
                tokio::time::sleep(PACE).await;
                continue;
            };
            // Connected first, then read: nothing falls between.
            loop {
                let path = format!("/api/v1/timelines/home?limit=40&min_id={newest}");
                let request = (self.http.get(format!("{}{path}", self.url))).bearer_auth(&token);
                let Some(page) = answered(request).await else {
                    tokio::time::sleep(PACE).await;
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
async fn nothing_acknowledged_is_lost_while_one_service_after_the_other_dies() {
    if !database::is_postgres() {
        // Workers need PostgreSQL: a_worker_works_without_serving holds what they say otherwise.
        return;
    }
    let peer = Peer::start().await;
    let sara = peer.add_actor("sara");
    let mut stack = Stack::up().await;
    let (front, http) = (stack.front(), stack.http().clone());
    let (alice, bob, carol) = (
        stack.person("alice"),
        stack.person("bob"),
        stack.person("carol"),
    );

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
    let me = format!("{front}/api/v1/accounts/verify_credentials");
    let me = answered(http.get(me).bearer_auth(&alice)).await;
    let her = me.expect("an account")["id"].as_str().unwrap().to_owned();
    for token in [&bob, &carol] {
        let path = format!("{front}/api/v1/accounts/{her}/follow");
        let followed = answered(http.post(path).bearer_auth(token)).await;
        followed.expect("a relationship");
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
        refused: Arc::default(),
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
    load.goes_on().await;
    load.uploads_go_on().await;
    let (servers, workers) = (stack.named("serve"), stack.named("worker"));
    for name in servers.iter().zip(&workers).flat_map(|(s, w)| [s, w]) {
        stack.kill(name);
        load.goes_on().await;
        stack.start(name).await;
        load.goes_on().await;
    }
    // What Kith's processes stand on: they stay, and come back by themselves.
    let own = [servers.clone(), workers].concat();
    let before: Vec<Option<u32>> = own.iter().map(|name| stack.process(name)).collect();
    for name in ["redis", "store", "nginx"] {
        stack.kill(name);
        match name {
            // Posts need neither.
            "redis" => load.goes_on().await,
            "store" => {
                load.is_refused_files().await;
                load.goes_on().await;
            }
            _ => {}
        }
        for server in &servers {
            assert!(stack.is_ready(server).await, "{server} without {name}");
        }
        stack.start(name).await;
        load.goes_on().await;
        load.uploads_go_on().await;
    }
    stack.kill("postgres");
    for server in &servers {
        eventually("it says that it is not ready", async || {
            (!stack.is_ready(server).await).then_some(())
        })
        .await;
    }
    stack.start("postgres").await;
    for server in &servers {
        eventually("it is ready again", async || {
            stack.is_ready(server).await.then_some(())
        })
        .await;
    }
    load.goes_on().await;
    load.uploads_go_on().await;
    let after: Vec<Option<u32>> = own.iter().map(|name| stack.process(name)).collect();
    assert_eq!(after, before, "{own:?}: not all have stayed");
    load.stop.store(true, Ordering::Relaxed);
    for task in doing {
        task.await.expect("the load ends");
    }

    let posts = load.posts.lock().unwrap().clone();
    let files = load.files.lock().unwrap().clone();
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
}
