//! F1 to F6: activities in, posts out.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::Method;
use kith::db::accounts::Account;
use kith::db::outgoing::OutgoingActivity;
use kith::domain::outgoing::{Addressing, Outgoing};
use kith::federation::signature::{BodyDigest, PrivateKey, sign_cavage};
use serde_json::json;
use url::Url;

use crate::client::{Connection, load, post};
use crate::peer::{self, Counts};
use crate::process::{Server, resident, until_answering};
use crate::report;
use crate::seed;
use crate::site::{KEY, Site};

/// Who wrote what is there before a flood.
const AUTHORS: usize = 500;
/// Activities of a flood.
const ACTIVITIES: usize = 10_000;

/// A signed request as it goes over the wire.
fn signed(site: &Site, key: &PrivateKey, actor: &str, body: &str) -> Vec<u8> {
    let url = Url::parse(&format!("http://{}/inbox", site.host)).expect("a URL");
    let digest = BodyDigest::new(body.as_bytes(), "application/activity+json");
    let now = site.app.clock.now_ms();
    let key_id = format!("{actor}#main-key");
    let headers =
        sign_cavage(key, &key_id, &Method::POST, &url, Some(&digest), now).expect("signed");
    let mut request = format!("POST /inbox HTTP/1.1\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in &headers {
        request += &format!("{name}: {}\r\n", value.to_str().expect("text"));
    }
    if !headers.contains_key("host") {
        request += &format!("host: {}\r\n", site.host);
    }
    format!("{request}\r\n{body}").into_bytes()
}

/// Signed Creates, as they go over the wire, by sixteen authors whom `reader` follows, in turn.
pub async fn flood(site: &Site, reader: &Account, n: usize) -> (Vec<Account>, Vec<Vec<u8>>) {
    let key = PrivateKey::from_pem(KEY).expect("a key");
    let mut actors = Vec::new();
    for n in 0..16 {
        let actor = site
            .remote("https://remote.example", &format!("u{n}"))
            .await;
        site.follow(reader, &actor).await;
        actors.push(actor);
    }
    let requests = (0..n)
        .map(|n| {
            let actor = &actors[n % actors.len()];
            let id = format!("{}/notes/{n}", actor.uri);
            let note = json!({
                "id": id, "type": "Note", "attributedTo": actor.uri,
                "content": format!("<p>Note {n} of a flood, as long as notes are.</p>"),
                "published": kith::clock::iso_seconds(site.app.clock.now_ms()),
                "to": ["https://www.w3.org/ns/activitystreams#Public"],
                "cc": [actor.followers_url],
            });
            let body = json!({
                "@context": "https://www.w3.org/ns/activitystreams",
                "id": format!("{id}/activity"), "type": "Create", "actor": actor.uri,
                "to": note["to"], "cc": note["cc"], "object": note,
            });
            signed(site, &key, &actor.uri, &body.to_string())
        })
        .collect();
    (actors, requests)
}

pub async fn inbox() {
    let site = Site::start().await;
    let (alice, token) = site.person("alice").await;
    // An empty database, or one with so many statuses.
    let statuses = seed::wanted(0);
    if statuses > 0 {
        let authors = seed::authors(&site, AUTHORS).await;
        seed::statuses(&site, &authors, statuses).await;
    }
    let (actors, requests) = flood(&site, &alice, ACTIVITIES).await;
    let began = Instant::now();
    let run = load(&site.address, 16, 202, requests).await;
    report(
        "F1",
        &format!("signed Create, 16 connections, 202 once durable, {statuses} statuses"),
        run.figure(),
        "≥ 6,000/s",
    );
    let mut connection = Connection::open(&site.address).await;
    let request = crate::client::get(&site.host, "/api/v1/accounts/relationships", &token);
    connection.send(&request).await;
    let ids: Vec<i64> = actors.iter().map(|a| a.id).collect();
    loop {
        let ids = ids.clone();
        let stats = site
            .app
            .read(move |c| {
                Box::pin(async move { Ok(kith::db::accounts::stats_of(c, &ids).await?) })
            })
            .await
            .expect("counts");
        let seen: i64 = stats.iter().map(|s| s.statuses_count).sum();
        if seen as usize == ACTIVITIES {
            break;
        }
        assert!(
            began.elapsed() < Duration::from_secs(120),
            "only {seen} arrived"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let rate = ACTIVITIES as f64 / began.elapsed().as_secs_f64();
    report(
        "F2",
        "the same until all are visible",
        format!("{rate:.0}/s"),
        "≥ 4,000/s",
    );
}

/// One post to followers with inboxes of their own on 50 hosts.
pub async fn fan_out(row: &str, followers: usize, delay_ms: u64, target: &str) {
    let what = format!("{followers} inboxes on 50 hosts, answered after {delay_ms} ms");
    let hosts = Hosts {
        living: 50,
        hanging: 0,
        dead: 0,
    };
    deliver(row, &what, hosts, followers, delay_ms, target).await;
}

/// The same with 30 % of the hosts in trouble, half of them hanging, half of them dead.
pub async fn trouble() {
    let what = "the 700 inboxes of 1,000 whose hosts answer; 8 of 50 hosts hang, 7 are dead";
    let hosts = Hosts {
        living: 35,
        hanging: 8,
        dead: 7,
    };
    deliver("F5", what, hosts, 1000, 0, "≥ F3 / 1.2").await;
}

/// One post to 300 followers on one host.
pub async fn one_host() {
    let what = "300 inboxes on one host, answered after 100 ms";
    let hosts = Hosts {
        living: 1,
        hanging: 0,
        dead: 0,
    };
    deliver("F4", what, hosts, 300, 100, "≥ 300/s").await;
}

/// Waiting deliveries: inboxes on so many hosts, of which one answers, and activities to each.
const INBOXES: usize = 2_000;
const DEAD_HOSTS: usize = 100;
const EACH: usize = 100;

/// A server that starts with 200,000 deliveries waiting.
pub async fn backlog() {
    let site = Site::unserved().await;
    let idle = {
        let server = Server::start(&site.settings);
        until_answering(&site.address, Instant::now()).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        resident(&server)
    };
    let (alice, _) = site.person("alice").await;
    let counts: Counts = Arc::new(Mutex::default());
    let port = peer::listen(1, Duration::ZERO, counts.clone()).await;
    for n in 0..INBOXES {
        let host = n % DEAD_HOSTS + 1;
        let actor = site
            .remote(&format!("http://127.0.0.{host}:{port}"), &format!("u{n}"))
            .await;
        site.follow(&actor, &alice).await;
    }
    let now = site.app.clock.now_ms();
    for n in 0..EACH {
        let uri = format!("{}#likes/{n}", alice.uri);
        let activity = Outgoing::Like {
            uri,
            object: "https://remote.example/notes/1".to_owned(),
            addressing: Addressing::default(),
            authorization: None,
        };
        let row = OutgoingActivity {
            id: site.app.ctx.ids.next(),
            account_id: alice.id,
            kind: "Like".to_owned(),
            payload: serde_json::to_string(&activity).expect("JSON"),
            created_at: now,
            trace: None,
        };
        site.app
            .write(move |tx| {
                Box::pin(async move {
                    kith::db::outgoing::insert(tx, &row).await?;
                    Ok(kith::db::outgoing::to_followers(tx, row.id, row.account_id, now).await?)
                })
            })
            .await
            .expect("deliveries");
    }
    let began = Instant::now();
    let server = Server::start(&site.settings);
    while counts.lock().expect("counts").is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60), "nothing comes");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let seconds = began.elapsed().as_secs_f64();
    report(
        "F6",
        "200,000 deliveries waiting, from the start of the process to the first that arrives",
        format!("{seconds:.2} s"),
        "≤ 2 s",
    );
    let alive = INBOXES / DEAD_HOSTS;
    wait_for(&counts, alive, EACH).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    report(
        "F6",
        "memory above idle, once what can be delivered is",
        format!("{:.1} MiB", resident(&server) - idle),
        "≤ 50 MiB",
    );
}

/// How many hosts do what.
struct Hosts {
    living: u8,
    hanging: u8,
    dead: u8,
}

async fn deliver(
    row: &str,
    what: &str,
    hosts: Hosts,
    followers: usize,
    delay_ms: u64,
    target: &str,
) {
    let site = Site::start().await;
    let (alice, token) = site.person("alice").await;
    let counts: Counts = Arc::new(Mutex::default());
    let delay = Duration::from_millis(delay_ms);
    let port = peer::listen_and_hang(hosts.living, hosts.hanging, delay, counts.clone()).await;
    let all = usize::from(hosts.living + hosts.hanging + hosts.dead);
    let reached = (0..followers).filter(|n| n % all < usize::from(hosts.living));
    let reached = reached.count();
    for n in 0..followers {
        let host = n % all + 1;
        let actor = site
            .remote(&format!("http://127.0.0.{host}:{port}"), &format!("u{n}"))
            .await;
        site.follow(&actor, &alice).await;
    }
    // The Accepts go first.
    wait_for(&counts, reached, 1).await;
    let mut slowest = f64::INFINITY;
    let mut connection = Connection::open(&site.address).await;
    for round in 2..=4 {
        let body = json!({"status": format!("to everyone, round {round}")}).to_string();
        let began = Instant::now();
        let request = post(&site.host, "/api/v1/statuses", &token, &body);
        assert_eq!(connection.send(&request).await.0, 200);
        wait_for(&counts, reached, round).await;
        let rate = reached as f64 / began.elapsed().as_secs_f64();
        slowest = slowest.min(rate);
        if round == 4 {
            let figure = format!("{rate:.0}/s, the slowest of three posts {slowest:.0}/s");
            report(row, what, figure, target);
        }
    }
}

/// Waits until each of `inboxes` paths was posted to `times` times.
async fn wait_for(counts: &Counts, inboxes: usize, times: usize) {
    let began = Instant::now();
    loop {
        let done = counts
            .lock()
            .expect("counts")
            .values()
            .filter(|n| **n >= times)
            .count();
        if done == inboxes {
            return;
        }
        assert!(
            began.elapsed() < Duration::from_secs(120),
            "{done} of {inboxes} inboxes"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
