//! R6: full-text search.

use std::time::Instant;

use kith::domain::search;

use crate::client::{get, load};
use crate::report;
use crate::seed::{self, scatter, wanted, word};
use crate::site::Site;

/// Posts in the database; `KITH_BENCH_STATUSES` says otherwise.
const STATUSES: usize = 1_000_000;
const AUTHORS: usize = 1_000;

pub async fn search() {
    let statuses = wanted(STATUSES);
    let site = Site::start().await;
    let (alice, token) = site.person("alice").await;
    let mut authors = vec![alice];
    authors.extend(seed::authors(&site, AUTHORS).await);
    let posts = seed::statuses(&site, &authors, statuses).await;
    let all: Vec<i64> = posts.iter().map(|(id, _)| *id).collect();
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
