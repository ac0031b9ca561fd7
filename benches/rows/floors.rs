//! What the parts cost by themselves on this machine.

use std::time::Instant;

use axum::Router;
use axum::routing::get as route;
use kith::federation::signature::PrivateKey;

use crate::client::{get, load};
use crate::report;
use crate::site::{KEY, Site};

pub async fn run() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let body = "x".repeat(41_000);
    let router: Router = Router::new().route("/", route(move || std::future::ready(body.clone())));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let request = get("localhost", "/", "x");
    let run = load(&address, 16, 200, vec![request; 60_000]).await;
    report(
        "floor",
        "bare axum handler, 41 kB, 16 connections",
        run.figure(),
        "",
    );

    let site = Site::start().await;
    let began = Instant::now();
    let mut tasks = Vec::new();
    for task in 0..64i64 {
        let app = site.app.clone();
        tasks.push(tokio::spawn(async move {
            for n in 0..500 {
                let uri = format!("https://floor.example/{task}/{n}");
                app.write(move |tx| {
                    Box::pin(async move { Ok(kith::db::statuses::bury(tx, &uri, 1, 1).await?) })
                })
                .await
                .expect("an insert");
            }
        }));
    }
    for task in tasks {
        task.await.expect("a task");
    }
    let rate = 32_000.0 / began.elapsed().as_secs_f64();
    report(
        "floor",
        "SQLite, one-insert transactions from 64 tasks",
        format!("{rate:.0}/s"),
        "",
    );

    let key = PrivateKey::from_pem(KEY).expect("a key");
    let began = Instant::now();
    for n in 0..1000u32 {
        key.sign(&n.to_le_bytes()).expect("a signature");
    }
    let micros = began.elapsed().as_secs_f64() * 1000.0;
    report(
        "floor",
        "RSA-2048 signature, one core",
        format!("{micros:.0} µs"),
        "",
    );
}
