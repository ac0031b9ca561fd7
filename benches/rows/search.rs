//! R6: full-text search.

use std::time::Instant;

use kith::db;
use kith::db::statuses::Status;
use kith::domain::search;

use crate::client::{get, load};
use crate::report;
use crate::site::Site;

/// Posts in the database; `KITH_BENCH_STATUSES` says otherwise.
const STATUSES: usize = 1_000_000;
const AUTHORS: usize = 1_000;
const WORDS: usize = 30_000;
/// Posts written in one transaction.
const CHUNK: usize = 200;

/// A number that follows from another: seeded, so that every run has the same posts.
fn scatter(n: u64) -> u64 {
    let mut x = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The word of a rank.
fn word(rank: usize) -> String {
    let syllables = ["ba", "ke", "li", "mo", "nu", "ra", "se", "ti", "vo", "zu"];
    let mut word = String::new();
    let mut left = rank + 10;
    while left > 0 {
        word.push_str(syllables[left % 10]);
        left /= 10;
    }
    word
}

/// A post's text: 24 words, a word of rank r about 1/r as often as the first.
fn text(n: usize) -> String {
    let words: Vec<String> = (0..24)
        .map(|k| {
            let unit = scatter((n * 24 + k) as u64) as f64 / u64::MAX as f64;
            word((WORDS as f64).powf(unit) as usize)
        })
        .collect();
    words.join(" ")
}

#[expect(
    clippy::disallowed_methods,
    reason = "a setting of the bench, not of the server"
)]
pub async fn search() {
    let statuses = std::env::var("KITH_BENCH_STATUSES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(STATUSES);
    let site = Site::start().await;
    let (alice, token) = site.person("alice").await;
    let mut authors = vec![alice.clone()];
    for n in 0..AUTHORS {
        authors.push(
            site.remote("http://remote.example", &format!("author{n}"))
                .await,
        );
    }
    let ids: Vec<i64> = authors.iter().map(|account| account.id).collect();
    let first = site.app.ctx.ids.next();
    let mut all = Vec::with_capacity(statuses);
    for from in (0..statuses).step_by(CHUNK) {
        let rows: Vec<Status> = (from..(from + CHUNK).min(statuses))
            .map(|n| {
                let id = first - ((statuses - n) as i64) * 1_000_000;
                status(id, ids[scatter(n as u64) as usize % ids.len()], n)
            })
            .collect();
        all.extend(rows.iter().map(|row| row.id));
        let written: Result<(), db::Error> = site
            .app
            .db
            .write(move |tx| {
                Box::pin(async move {
                    for mut row in rows {
                        db::statuses::insert(tx, &mut row).await?;
                    }
                    Ok(())
                })
            })
            .await;
        written.expect("statuses");
    }
    let mut writing = 0.0;
    for chunk in all.chunks(50) {
        let chunk = chunk.to_vec();
        let entries = site
            .app
            .read(move |c| Box::pin(async move { search::entries(c, &chunk).await }))
            .await
            .expect("entries");
        let began = Instant::now();
        site.app
            .write(move |tx| Box::pin(async move { search::put(tx, &entries).await }))
            .await
            .expect("indexed");
        writing += began.elapsed().as_secs_f64();
    }
    report(
        "R6",
        "the search index, each post",
        format!("{:.0} µs of the writer", writing / statuses as f64 * 1e6),
        "",
    );
    let ranks = [1, 2, 5, 10, 30, 100, 300, 1000, 3000, 10_000, 29_000];
    let mut queries: Vec<String> = Vec::new();
    for (n, rank) in ranks.iter().enumerate() {
        let (word, other) = (word(*rank), word(ranks[(n + 3) % ranks.len()]));
        queries.push(word.clone());
        queries.push(format!("{word} {other}"));
        queries.push(format!("%22{word} {other}%22"));
        queries.push(format!("{word} -{other}"));
        queries.push(format!("{word} from:author{n}@remote.example"));
        queries.push(format!("{word} from:me"));
        queries.push(format!("{word} has:media"));
        queries.push(format!("{word} before:2020-01-01"));
    }
    for query in &queries {
        let requests: Vec<Vec<u8>> = (0..30)
            .map(|_| get(&site.host, &path(query), &token))
            .collect();
        let run = load(&site.address, 1, 200, requests).await;
        if run.percentile(50.0) > 5.0 {
            println!("|  | {query} | p50 {:.1} ms | |", run.percentile(50.0));
        }
    }
    let requests = (0..8_000)
        .map(|n| {
            let query = &queries[scatter(n as u64) as usize % queries.len()];
            get(&site.host, &path(query), &token)
        })
        .collect();
    let run = load(&site.address, 4, 200, requests).await;
    report(
        "R6",
        &format!("full-text search in {statuses} statuses, 4 connections"),
        format!(
            "{:.0}/s, p50 {:.1} ms, p99 {:.1} ms",
            run.rate(),
            run.percentile(50.0),
            run.percentile(99.0)
        ),
        "p99 ≤ 30 ms",
    );
}

fn path(query: &str) -> String {
    format!(
        "/api/v2/search?type=statuses&q={}",
        query.replace(' ', "%20")
    )
}

fn status(id: i64, account_id: i64, n: usize) -> Status {
    Status {
        id,
        uri: format!("http://remote.example/notes/{n}"),
        url: String::new(),
        account_id,
        local: false,
        local_only: false,
        visibility: 0,
        kind: "Note".into(),
        title: String::new(),
        content: format!("<p>{}</p>", text(n)),
        source: String::new(),
        source_type: "text/html".into(),
        spoiler_text: String::new(),
        sensitive: false,
        language: Some("en".into()),
        in_reply_to_id: None,
        in_reply_to_account_id: None,
        in_reply_to_uri: None,
        reblog_of_id: None,
        conversation_id: id,
        app_id: None,
        emojis: "[]".into(),
        created_at: 1,
        edited_at: None,
        fetched_at: None,
    }
}
