//! R1, R2 and R5: reading timelines, posting.

use kith::db;
use serde_json::json;

use crate::client::{Connection, get, load, post};
use crate::report;
use crate::seed::{self, CHUNK, scatter, wanted};
use crate::site::Site;

/// Posts in the larger database of R2; `KITH_BENCH_STATUSES` says otherwise.
const STATUSES: usize = 100_000;
/// Posts in the one that it is compared with.
const FEW: usize = 10_000;
/// Whom the reader follows, and how many of them are from here.
const AUTHORS: usize = 500;
const LOCAL_AUTHORS: usize = 50;
/// How far down a page is deep.
const DEEP: usize = 1_000;
/// Statuses that are read for a page of twenty, some to stand in for what is not shown.
const READ: usize = 40;

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
        run.figure(),
        "≥ 16,000/s, p99 ≤ 5 ms",
    );
}

/// R2, in two databases.
pub async fn deep_and_public() {
    let few = deep_and_public_among(FEW, &[]).await;
    deep_and_public_among(wanted(STATUSES).max(FEW), &few).await;
}

/// Reads the pages of R2 among so many statuses. Gives the rates; `before`, the rates that they
/// are compared with.
async fn deep_and_public_among(statuses: usize, before: &[f64]) -> Vec<f64> {
    let site = Site::start().await;
    let (alice, token) = site.person("alice").await;
    let mut authors = seed::authors(&site, AUTHORS - LOCAL_AUTHORS).await;
    authors.extend(site.people(LOCAL_AUTHORS).await.into_iter().map(|p| p.0));
    for author in &authors {
        site.follow(&alice, author).await;
    }
    let posts = seed::statuses(&site, &authors, statuses).await;
    for chunk in posts.chunks(CHUNK) {
        let chunk = chunk.to_vec();
        site.app
            .write(move |tx| {
                Box::pin(async move {
                    for (id, author) in chunk {
                        db::timelines::fan_out(tx, id, author, None, false, Some("en")).await?;
                    }
                    Ok(())
                })
            })
            .await
            .expect("home entries");
    }
    let below = |depth: usize| {
        let (id, _) = posts[statuses - 1 - depth];
        format!("/api/v1/timelines/home?limit=20&max_id={id}")
    };
    // Page after page, none with a status of the one before: when the first comes again, its
    // statuses have long made room in memory for others.
    let cold: Vec<String> = (DEEP..FEW - READ).step_by(READ).map(below).collect();
    // A thousand places: which ids follow is read from the database each time, the statuses come
    // from memory, which has room for these.
    let deep = (0..DEEP).map(|n| below(DEEP + scatter(n as u64) as usize % DEEP));
    let first = |path: &str| vec![path.to_owned()];
    let rows = [
        ("home, 1,000 posts deep", deep.collect()),
        ("home, 1,000 deep and more, no status in memory", cold),
        ("public", first("/api/v1/timelines/public?limit=20")),
        (
            "public, local",
            first("/api/v1/timelines/public?limit=20&local=true"),
        ),
    ];
    let mut connection = Connection::open(&site.address).await;
    let mut rates = Vec::new();
    for (n, (what, paths)) in rows.into_iter().enumerate() {
        let paths: Vec<Vec<u8>> = paths.iter().map(|p| get(&site.host, p, &token)).collect();
        let page = connection.json(&paths[0]).await;
        assert_eq!(page.as_array().map(Vec::len), Some(20), "{what}: a page");
        let requests = |n: usize| paths.iter().cycle().take(n).cloned().collect();
        load(&site.address, 16, 200, requests(2_000)).await;
        let run = load(&site.address, 16, 200, requests(20_000)).await;
        let ratio = before.get(n).map(|few| few / run.rate());
        report(
            "R2",
            &format!("{what}, among {statuses} statuses"),
            match ratio {
                Some(ratio) => format!("{}, {ratio:.2}× of {FEW}'s", run.figure()),
                None => run.figure(),
            },
            match ratio {
                Some(_) => "≥ 4,000/s, p99 ≤ 15 ms, ≤ 1.3×",
                None => "≥ 4,000/s, p99 ≤ 15 ms",
            },
        );
        rates.push(run.rate());
    }
    rates
}

pub async fn posting() {
    let site = Site::start().await;
    let (alice, token) = site.person("alice").await;
    let (bob, bobs) = site.person("bob").await;
    site.follow(&bob, &alice).await;
    posts(&site, &token, 1000).await;
    posts(&site, &bobs, 320).await;
    let mut connection = Connection::open(&site.address).await;
    let path = format!("/api/v1/accounts/{}/statuses", bob.id);
    let bobs = connection.list(&site.host, &path, &token).await;
    let ids: Vec<&str> = bobs.iter().filter_map(|s| s["id"].as_str()).collect();
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
        run.figure(),
        "≥ 2,500/s, p99 ≤ 20 ms",
    );
    let run = posts(&site, &token, 10_000).await;
    report("R5", "the same 10,000 posts later", run.figure(), "flat");
}
