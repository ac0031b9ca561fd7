//! R1 and R5: reading home, posting.

use serde_json::json;

use crate::client::{Connection, get, load, post};
use crate::report;
use crate::site::Site;

/// About 41 kB for a page of twenty.
const TEXT: &str = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor \
incididunt ut labore et dolore magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation \
ullamco laboris nisi ut aliquip ex ea commodo consequat.";

/// `n` posts over eight connections.
async fn posts(site: &Site, token: &str, n: usize) -> crate::Run {
    let requests = (0..n)
        .map(|k| {
            let body = json!({"status": format!("{k} {TEXT}")}).to_string();
            post(&site.host, "/api/v1/statuses", token, &body)
        })
        .collect();
    load(&site.address, 8, 200, requests).await
}

pub async fn home() {
    let site = Site::start().await;
    let (alice, token) = site.person("alice").await;
    let (bob, bobs) = site.person("bob").await;
    site.follow(&alice, &bob).await;
    posts(&site, &bobs, 1000).await;
    let request = get(&site.host, "/api/v1/timelines/home?limit=20", &token);
    let mut connection = Connection::open(&site.address).await;
    let (_, length) = connection.send(&request).await;
    load(&site.address, 16, 200, vec![request.clone(); 2_000]).await;
    let run = load(&site.address, 16, 200, vec![request; 60_000]).await;
    report(
        "R1",
        &format!("home, newest 20, {} kB, 16 connections", length / 1000),
        format!("{:.0}/s, p99 {:.1} ms", run.rate(), run.percentile(99.0)),
        "≥ 16,000/s, p99 ≤ 5 ms",
    );
}

pub async fn posting() {
    let site = Site::start().await;
    let (alice, token) = site.person("alice").await;
    let (bob, bobs) = site.person("bob").await;
    site.follow(&bob, &alice).await;
    posts(&site, &token, 1000).await;
    posts(&site, &bobs, 320).await;
    let mut connection = Connection::open(&site.address).await;
    let path = format!("/api/v1/accounts/{}/statuses?limit=40", bob.id);
    let mut path = Some(path);
    let mut ids: Vec<String> = Vec::new();
    while let Some(next) = path.take() {
        connection.send(&get(&site.host, &next, &token)).await;
        let page: Vec<serde_json::Value> =
            serde_json::from_slice(connection.body()).expect("statuses");
        ids.extend(
            page.iter()
                .map(|s| s["id"].as_str().expect("an id").to_owned()),
        );
        if let Some(last) = page.last() {
            let last = last["id"].as_str().expect("an id");
            path = Some(format!(
                "/api/v1/accounts/{}/statuses?limit=40&max_id={last}",
                bob.id
            ));
        }
    }
    for id in &ids {
        let boost = post(
            &site.host,
            &format!("/api/v1/statuses/{id}/reblog"),
            &token,
            "{}",
        );
        assert_eq!(connection.send(&boost).await.0, 200);
        let reply = json!({"status": "indeed", "in_reply_to_id": id}).to_string();
        let reply = post(&site.host, "/api/v1/statuses", &token, &reply);
        assert_eq!(connection.send(&reply).await.0, 200);
    }
    let run = posts(&site, &token, 10_000).await;
    report(
        "R5",
        &format!(
            "POST statuses, 8 connections, 1,000 posts, {0} boosts, {0} replies",
            ids.len()
        ),
        format!("{:.0}/s, p99 {:.1} ms", run.rate(), run.percentile(99.0)),
        "≥ 2,500/s, p99 ≤ 20 ms",
    );
    let run = posts(&site, &token, 10_000).await;
    report(
        "R5",
        "the same 10,000 posts later",
        format!("{:.0}/s, p99 {:.1} ms", run.rate(), run.percentile(99.0)),
        "flat",
    );
}
