//! S1, S2 and S3: sockets, to a server in a process of its own.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};
use kith::db::users::ChatSettings;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::client::{Connection, post};
use crate::process::{Server, resident, until_answering};
use crate::site::Site;
use crate::{Run, report};

/// Sockets that listen, of so many accounts: one may have a hundred or so.
const LISTENERS: usize = 10_000;
const ACCOUNTS: usize = 500;
/// Sockets that one post reaches.
const REACHED: usize = 9_500;
/// Posts, one after the other.
const POSTS: usize = 10;
/// Pairs that talk, what each says, and how long it then waits.
const PAIRS: usize = 500;
const SAYS: usize = 10;
const WAITS: Duration = Duration::from_secs(1);

type Socket = WebSocketStream<TcpStream>;

async fn listen(address: &str, token: &str, stream: &str) -> Socket {
    let url = format!("ws://{address}/api/v1/streaming?access_token={token}&stream={stream}");
    let tcp = TcpStream::connect(address)
        .await
        .expect("the server listens");
    tcp.set_nodelay(true).expect("a socket option");
    let config = WebSocketConfig::default().read_buffer_size(4 << 10);
    let opened = tokio_tungstenite::client_async_with_config(url, tcp, Some(config)).await;
    opened.expect("a socket").0
}

async fn listeners(site: &Site, people: &[String], number: usize, stream: &str) -> Vec<Socket> {
    let mut sockets = Vec::with_capacity(number);
    for n in 0..number {
        sockets.push(listen(&site.address, &people[n % people.len()], stream).await);
    }
    sockets
}

async fn served(site: &Site) -> Server {
    let server = Server::start(&site.settings);
    until_answering(&site.address, Instant::now()).await;
    server
}

pub async fn idle() {
    let site = Site::unserved().await;
    let people: Vec<String> = site
        .people(ACCOUNTS)
        .await
        .into_iter()
        .map(|p| p.1)
        .collect();
    let server = served(&site).await;
    // What the first ones bring along is there once for all.
    let _first = listeners(&site, &people, 100, "user").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = resident(&server);
    let _sockets = listeners(&site, &people, LISTENERS, "user").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let each = (resident(&server) - before) * 1024.0 / LISTENERS as f64;
    report(
        "S1",
        "10,000 idle WebSockets, memory of each",
        format!("{each:.1} KiB"),
        "≤ 12 KiB",
    );
}

pub async fn one_post_to_many() {
    let site = Site::unserved().await;
    let people: Vec<String> = site
        .people(ACCOUNTS)
        .await
        .into_iter()
        .map(|p| p.1)
        .collect();
    let (_, author) = site.person("author").await;
    let _server = served(&site).await;
    let (heard, mut arrivals) = mpsc::unbounded_channel();
    let (ready, is_ready) = oneshot::channel();
    let site = Arc::new(site);
    // One thread listens for all, so that the server has a core to itself.
    std::thread::spawn({
        let site = site.clone();
        move || hear(&site, &people, ready, &heard)
    });
    is_ready.await.expect("the sockets are open");
    let mut connection = Connection::open(&site.address).await;
    let mut latencies = Vec::with_capacity(POSTS * REACHED);
    for n in 0..POSTS {
        let body =
            json!({"status": format!("to everyone, {n}"), "visibility": "public"}).to_string();
        let request = post(&site.host, "/api/v1/statuses", &author, &body);
        let began = Instant::now();
        assert_eq!(connection.send(&request).await.0, 200);
        let arrived = async {
            for _ in 0..REACHED {
                let at: Instant = arrivals.recv().await.expect("the listeners live");
                latencies.push((at - began).as_secs_f64() * 1000.0);
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(10), arrived).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let missing = POSTS * REACHED - latencies.len();
    let run = Run::new(Instant::now(), latencies);
    report(
        "S2",
        "one post to 9,500 sockets, from the request on, ten times",
        format!("p99 {:.0} ms, {missing} missing", run.percentile(99.0)),
        "1.2 × a bare server's (`kload`: 118 ms on this machine), none missing",
    );
}

/// Opens sockets, says when they are, and tells when each hears of a post.
fn hear(
    site: &Site,
    people: &[String],
    ready: oneshot::Sender<()>,
    heard: &mpsc::UnboundedSender<Instant>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let listening = async {
        let sockets = listeners(site, people, REACHED, "public:local").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let _ = ready.send(());
        let all = sockets.into_iter().map(|mut socket| {
            let heard = heard.clone();
            tokio::task::spawn_local(async move {
                while let Some(Ok(message)) = socket.next().await {
                    if matches!(&message, Message::Text(text) if text.contains("\"update\"")) {
                        let _ = heard.send(Instant::now());
                    }
                }
            })
        });
        futures::future::join_all(all.collect::<Vec<_>>()).await;
    };
    tokio::task::LocalSet::new().block_on(&runtime, listening);
}

pub async fn chat() {
    talk(None, "≤ 20 ms").await;
    match Redis::start() {
        Some(redis) => talk(Some(&redis), "≤ 40 ms").await,
        None => println!("no redis-server here"),
    }
}

/// A Redis of its own, on a unix socket.
struct Redis {
    dir: tempfile::TempDir,
    child: Child,
}

impl Redis {
    fn start() -> Option<Redis> {
        let dir = tempfile::tempdir().expect("a directory");
        let child = Command::new("redis-server")
            .args([
                "--port",
                "0",
                "--save",
                "",
                "--appendonly",
                "no",
                "--unixsocket",
            ])
            .arg(dir.path().join("redis.sock"))
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        Some(Redis { dir, child })
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Every pair's one says something, its other hears it: over two processes where there is Redis.
async fn talk(redis: Option<&Redis>, target: &str) {
    let mut site = Site::unserved().await;
    if let Some(redis) = redis {
        let url = format!("redis+unix://{}/redis.sock", redis.dir.path().display());
        site.settings.insert("KITH_REDIS_URL".to_owned(), url);
    }
    let people = site.people(2 * PAIRS).await;
    let accounts: Vec<i64> = people.iter().map(|(account, _)| account.id).collect();
    site.app
        .write(move |tx| {
            Box::pin(async move {
                for account_id in accounts {
                    let settings = ChatSettings {
                        account_id,
                        chat_policy: "anyone".to_owned(),
                        message_requests: false,
                        read_receipts: true,
                        presence: true,
                        notify_dislikes: false,
                    };
                    kith::db::users::set_chat_settings(tx, &settings).await?;
                }
                Ok(())
            })
        })
        .await
        .expect("settings");
    let _one = served(&site).await;
    let (address, _two) = match redis {
        Some(_) => beside(&site).await,
        None => (site.address.clone(), None),
    };
    let mut tasks = Vec::new();
    let began = Instant::now();
    let site = Arc::new(site);
    for pair in 0..PAIRS {
        let (speaker, listener) = (people[2 * pair].clone(), people[2 * pair + 1].clone());
        let (site, address) = (site.clone(), address.clone());
        tasks.push(tokio::spawn(async move {
            let mut says = listen(&site.address, &speaker.1, "user:chat").await;
            let mut hears = listen(&address, &listener.1, "user:chat").await;
            tokio::time::sleep(Duration::from_secs(5)).await;
            // Nobody begins at the same time as all others.
            tokio::time::sleep(WAITS * pair as u32 / PAIRS as u32).await;
            let mut latencies = Vec::with_capacity(SAYS);
            for n in 0..=SAYS {
                let text = format!("{pair} says {n}");
                let frame = json!({"recipient_id": listener.0.id.to_string(), "text": text});
                let began = Instant::now();
                let frame = Message::Text(frame.to_string().into());
                says.send(frame).await.expect("an open socket");
                loop {
                    let Some(Ok(message)) = hears.next().await else {
                        panic!("the socket ended");
                    };
                    if let Message::Text(frame) = message
                        && frame.contains("chat.message\"")
                        && frame.contains(&text)
                    {
                        break;
                    }
                }
                // The first opens the chat.
                if n > 0 {
                    latencies.push(began.elapsed().as_secs_f64() * 1000.0);
                }
                acknowledged(&mut says).await;
                tokio::time::sleep(WAITS).await;
            }
            latencies
        }));
    }
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.expect("a pair"));
    }
    let run = Run::new(began, latencies);
    let how = match redis {
        Some(_) => "two processes and Redis",
        None => "one process",
    };
    report(
        "S3",
        &format!("chat message, sender to receiver, 500 pairs, {how}"),
        format!(
            "p50 {:.1} ms, p99 {:.1} ms",
            run.percentile(50.0),
            run.percentile(99.0)
        ),
        target,
    );
}

/// Waits for the answer to a frame.
async fn acknowledged(socket: &mut Socket) {
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Text(text) = message {
            let frame: Value = serde_json::from_str(&text).expect("JSON");
            assert_ne!(frame["event"], "error", "{frame}");
            if frame["event"] == "ack" {
                return;
            }
        }
    }
    panic!("the socket ended");
}

/// Another process of the same server.
async fn beside(site: &Site) -> (String, Option<Server>) {
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        free.local_addr().expect("an address").port()
    };
    let address = format!("127.0.0.1:{port}");
    let mut settings: BTreeMap<String, String> = site.settings.clone();
    settings.insert("KITH_LISTEN".to_owned(), address.clone());
    let server = Server::start(&settings);
    until_answering(&address, Instant::now()).await;
    (address, Some(server))
}
