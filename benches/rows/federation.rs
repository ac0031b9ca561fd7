//! F1 to F4: activities in, posts out.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::Method;
use kith::db::accounts::Account;
use kith::federation::signature::{BodyDigest, PrivateKey, sign_cavage};
use serde_json::json;
use url::Url;

use crate::client::{Connection, load, post};
use crate::peer::{self, Counts};
use crate::report;
use crate::site::{KEY, Site};

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
    let (actors, requests) = flood(&site, &alice, ACTIVITIES).await;
    let began = Instant::now();
    let run = load(&site.address, 16, 202, requests).await;
    report(
        "F1",
        "signed Create, 16 connections, 202 once durable",
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

/// One post to 1,000 followers with inboxes of their own on 50 hosts.
pub async fn fan_out(row: &str, delay_ms: u64, target: &str) {
    let what = format!("1,000 inboxes on 50 hosts, answered after {delay_ms} ms");
    deliver(row, &what, 50, 1000, delay_ms, target).await;
}

/// One post to 300 followers on one host.
pub async fn one_host() {
    deliver(
        "F4",
        "300 inboxes on one host, answered after 100 ms",
        1,
        300,
        100,
        "≥ 300/s",
    )
    .await;
}

async fn deliver(row: &str, what: &str, hosts: u8, followers: usize, delay_ms: u64, target: &str) {
    let site = Site::start().await;
    let (alice, token) = site.person("alice").await;
    let counts: Counts = Arc::new(Mutex::default());
    let port = peer::listen(hosts, Duration::from_millis(delay_ms), counts.clone()).await;
    for n in 0..followers {
        let host = n % usize::from(hosts) + 1;
        let actor = site
            .remote(&format!("http://127.0.0.{host}:{port}"), &format!("u{n}"))
            .await;
        site.follow(&actor, &alice).await;
    }
    // The Accepts go first.
    wait_for(&counts, followers, 1).await;
    let mut connection = Connection::open(&site.address).await;
    for round in 2..=4 {
        let body = json!({"status": format!("to everyone, round {round}")}).to_string();
        let began = Instant::now();
        let request = post(&site.host, "/api/v1/statuses", &token, &body);
        assert_eq!(connection.send(&request).await.0, 200);
        wait_for(&counts, followers, round).await;
        let rate = followers as f64 / began.elapsed().as_secs_f64();
        if round == 4 {
            report(row, what, format!("{rate:.0}/s"), target);
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
