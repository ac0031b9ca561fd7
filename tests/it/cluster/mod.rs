//! Two processes of one server: with Redis, without, and while it is lost and found.

mod scaled;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures::StreamExt;
use kith::clock::Clock;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;

use crate::api::streaming::Socket;
use crate::support::database;
use crate::support::peer::{Delivery, Peer, eventually};
use crate::support::process::Process;

/// A Redis of its own, on a unix socket.
pub struct Redis {
    dir: TempDir,
    child: Option<Child>,
}

impl Redis {
    pub fn start() -> Redis {
        let dir = tempfile::tempdir().expect("a directory");
        let mut redis = Redis { dir, child: None };
        redis.run();
        redis
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("redis.sock")
    }

    /// For `KITH_REDIS_URL`.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    fn run(&mut self) {
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no"])
            .arg("--unixsocket")
            .arg(self.socket())
            .arg("--dir")
            .arg(self.dir.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed (tests/run.sh sees to it)");
        self.child = Some(child);
    }

    fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("it dies");
        child.wait().expect("it is dead");
        let _ = std::fs::remove_file(self.socket());
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
    }
}

pub async fn listen(process: &Process, token: &str, query: &str) -> Socket {
    let port = process.url.rsplit(':').next().expect("a port");
    let url = format!("ws://127.0.0.1:{port}/api/v1/streaming?token={token}{query}");
    tokio_tungstenite::connect_async(url)
        .await
        .expect("a socket")
        .0
}

/// The next frame of an event; others are passed over.
async fn next(socket: &mut Socket, event: &str) -> Value {
    let wanted = async {
        loop {
            if let Some(Ok(Message::Text(text))) = socket.next().await {
                let frame: Value = serde_json::from_str(&text).expect("JSON");
                if frame["event"] == event {
                    return frame;
                }
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wanted)
        .await
        .expect("it comes")
}

pub fn payload(frame: &Value) -> Value {
    serde_json::from_str(frame["payload"].as_str().expect("a payload")).expect("JSON")
}

/// Two friends, their tokens and their chat.
async fn friends(process: &Process) -> (String, String, String) {
    let (alice, bob) = (process.person("alice"), process.person("bob"));
    let id = async |token: &str| {
        let me = process
            .get(token, "/api/v1/accounts/verify_credentials")
            .await
            .ok();
        me["id"].as_str().expect("an id").to_owned()
    };
    let (her, him) = (id(&alice).await, id(&bob).await);
    for (token, other) in [(&alice, &him), (&bob, &her)] {
        let path = format!("/api/v1/accounts/{other}/follow");
        process.post(token, &path, &json!({})).await.ok();
    }
    let body = json!({"account_id": her});
    process.post(&bob, "/api/kith/v1/chats", &body).await.ok();
    let body = json!({"account_id": him});
    let chat = process.post(&alice, "/api/kith/v1/chats", &body).await.ok();
    let chat = chat["id"].as_str().expect("an id").to_owned();
    (alice, bob, chat)
}

async fn say(process: &Process, token: &str, chat: &str, text: &str) -> String {
    let path = format!("/api/kith/v1/chats/{chat}/messages");
    let message = process
        .post(token, &path, &json!({"text": text}))
        .await
        .ok();
    message["id"].as_str().expect("an id").to_owned()
}

/// A message written through one process is heard on the other.
async fn crosses(from: &Process, bob: &str, hers: &mut Socket, chat: &str, text: &str) -> Duration {
    let began = Instant::now();
    let id = say(from, bob, chat, text).await;
    loop {
        let frame = next(hers, "chat.message").await;
        if payload(&frame)["id"] == id {
            return began.elapsed();
        }
    }
}

/// That somebody types crosses, at the latest when the processes know of each other.
async fn typing_crosses(from: &Process, bob: &str, hers: &mut Socket, chat: &str) {
    let path = format!("/api/kith/v1/chats/{chat}/typing");
    for _ in 0..60 {
        let request = from
            .http
            .request(Method::POST, format!("{}{path}", from.url))
            .bearer_auth(bob);
        assert_eq!(request.send().await.expect("an answer").status(), 202);
        let heard = tokio::time::timeout(Duration::from_millis(500), next(hers, "chat.typing"));
        if let Ok(frame) = heard.await {
            assert_eq!(payload(&frame)["chat_id"], chat);
            return;
        }
    }
    panic!("typing never crossed");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_one_redis_lose_it_and_find_it_again() {
    let mut redis = Redis::start();
    let url = redis.url();
    let settings = [("KITH_REDIS_URL", url.as_str()), ("KITH_LOG", "info")];
    let one = Process::start_with(&settings).await;
    let two = one.beside().await;
    for process in [&one, &two] {
        eventually("Redis is found", async || {
            process.logged("Redis carries events").ge(&1).then_some(())
        })
        .await;
    }
    let (alice, bob, chat) = friends(&one).await;
    let mut hers = listen(&two, &alice, "&stream=user:chat").await;
    eventually("her socket is known of on the other process", async || {
        let status = one.get(&alice, "/api/kith/v1/streaming/status").await.ok();
        (status["connected"] == true && status["streams"] == json!(["user:chat"])).then_some(())
    })
    .await;
    let mut quickest = Duration::MAX;
    for n in 0..20 {
        let took = crosses(&one, &bob, &mut hers, &chat, &format!("by Redis {n}")).await;
        quickest = quickest.min(took);
    }
    assert!(
        quickest < Duration::from_millis(100),
        "the log alone is looked at every 200 ms; the quickest of twenty took {quickest:?}"
    );
    typing_crosses(&one, &bob, &mut hers, &chat).await;
    redis.kill();
    for process in [&one, &two] {
        eventually("it is missed", async || {
            process.logged("Redis is gone").ge(&1).then_some(())
        })
        .await;
    }
    crosses(&one, &bob, &mut hers, &chat, "without Redis").await;
    typing_crosses(&one, &bob, &mut hers, &chat).await;
    redis.run();
    for process in [&one, &two] {
        eventually("it is found again", async || {
            process.logged("Redis carries events").ge(&2).then_some(())
        })
        .await;
    }
    crosses(&one, &bob, &mut hers, &chat, "by Redis again").await;
    typing_crosses(&one, &bob, &mut hers, &chat).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_without_redis_hear_of_each_other_by_the_log() {
    let one = Process::start().await;
    let mut two = one.beside().await;
    let (alice, bob, chat) = friends(&one).await;
    let mut hers = listen(&two, &alice, "&stream=user:chat").await;
    let mut his = listen(&one, &bob, "&stream=user:chat").await;
    crosses(&one, &bob, &mut hers, &chat, "hello").await;
    typing_crosses(&one, &bob, &mut hers, &chat).await;
    // She is there on the other process; and gone when that is killed, once it is missed.
    let me = one
        .get(&alice, "/api/v1/accounts/verify_credentials")
        .await
        .ok();
    let her = me["id"].as_str().expect("an id");
    let path = format!("/api/kith/v1/presence?account_ids[]={her}");
    eventually("she is seen", async || {
        let known = one.get(&bob, &path).await.ok();
        (known[0]["online"] == true).then_some(())
    })
    .await;
    drop(hers);
    loop {
        let said = payload(&next(&mut his, "presence").await);
        if said["account_id"] == her && said["online"] == false {
            break;
        }
    }
    two.kill();
    crosses(&one, &alice, &mut his, &chat, "still here").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_read_on_across_a_restart() {
    let mut process = Process::start().await;
    let (alice, bob, chat) = friends(&process).await;
    let mut hers = listen(&process, &alice, "&stream=user:chat").await;
    say(&process, &bob, &chat, "before").await;
    let frame = next(&mut hers, "chat.message").await;
    let cursor = frame["cursor"].as_str().expect("a cursor").to_owned();
    let missed = say(&process, &bob, &chat, "just before").await;
    next(&mut hers, "chat.message").await;
    process.kill();
    process.run().await;
    let after = say(&process, &bob, &chat, "after").await;
    let query = format!("&stream=user:chat&cursor={cursor}");
    let mut hers = listen(&process, &alice, &query).await;
    for id in [missed, after] {
        assert_eq!(payload(&next(&mut hers, "chat.message").await)["id"], id);
    }
}

/// On PostgreSQL a worker does what no server is there to do; on SQLite it says why it does not.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_works_without_serving() {
    let mut process = Process::start().await;
    if !database::is_postgres() {
        let said = process.cli(&["worker"]);
        assert!(!said.status.success());
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.contains("a worker needs PostgreSQL"), "{said}");
        return;
    }
    let peer = Peer::start().await;
    let sara = peer.add_actor("sara");
    process.person("alice");
    let follow = json!({
        "id": format!("{sara}#follow"), "type": "Follow", "actor": sara,
        "object": format!("{}/users/alice", process.url),
    });
    let (inbox, now) = (format!("{}/inbox", process.url), Clock::System.now_ms());
    let answer = Delivery::by(&sara)
        .post(&process.http, &inbox, now, &follow)
        .await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let came = async |kind: &str| {
        eventually(kind, async || {
            let all = peer.received();
            all.iter().any(|a| a["type"] == kind).then_some(())
        })
        .await;
    };
    came("Accept").await;
    process.kill();
    process.cli_ok(&["user", "rotate-keys", "alice"]);
    let mut worker = process.spawn(&["worker"]);
    came("Update").await;
    let refused = process.http.get(&process.url).send().await;
    assert!(refused.is_err(), "nobody serves");
    // It ends when it is told to.
    assert!(end(&mut worker).await.success());
}

async fn end(child: &mut Child) -> std::process::ExitStatus {
    let killed = Command::new("kill").arg(child.id().to_string()).status();
    assert!(killed.expect("kill runs").success());
    eventually("it ends", async || child.try_wait().expect("a child")).await
}
