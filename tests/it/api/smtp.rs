//! Mail goes to a real SMTP server, through the queue.

use std::time::{Duration, Instant};

use kith::db::jobs::JobRow;
use serde_json::{Value, json};

use super::auth::{call, register};
use crate::support::Server;
use crate::support::peer::eventually;
use crate::support::smtp::{Sink, free_port};

async fn server(url: &str) -> Server {
    Server::start_with(&[
        ("KITH_SMTP_URL", url),
        ("KITH_MAIL_FROM", "Kith <post@kith.example>"),
    ])
    .await
}

/// A letter that waits to be tried again.
async fn put_off(server: &Server) -> Option<JobRow> {
    let waiting = server
        .app
        .read(|c| Box::pin(async move { Ok(kith::db::jobs::waiting(c, "mail", 10).await?) }))
        .await
        .unwrap();
    waiting
        .into_iter()
        .find(|job| job.leased_until == 0 && !job.last_error.is_empty())
}

/// The next letter, however often it is put off.
async fn letter(server: &Server, sink: &Sink) -> Value {
    eventually("a letter comes", async || {
        // Not while it is being sent: its lease would run out.
        if let Some(job) = put_off(server).await {
            server.pass((job.run_at - server.app.clock.now_ms()).max(0));
        }
        sink.messages().pop()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_is_sent_as_it_is_and_its_code_is_good() {
    let sink = Sink::start(free_port(), &[]).await;
    let server = server(&format!("smtp://127.0.0.1:{}", sink.port)).await;
    register(&server, "alice", "alice@mail.example").await;
    let letter = eventually("a letter comes", async || sink.messages().pop()).await;
    assert_eq!(letter["from"], "post@kith.example");
    assert_eq!(letter["to"], json!(["alice@mail.example"]));
    assert_eq!(letter["hello"], "kith.example");
    let content = letter["content"].as_str().unwrap();
    let (head, text) = content.split_once("\r\n\r\n").unwrap();
    assert!(
        head.contains("From: Kith <post@kith.example>\r\n"),
        "{head}"
    );
    assert!(head.contains("To: alice@mail.example\r\n"), "{head}");
    let code = text
        .lines()
        .find(|l| l.len() == 6 && l.bytes().all(|b| b.is_ascii_digit()));
    let body = json!({"email": "alice@mail.example", "code": code.unwrap()});
    call(&server, "verify_email", None, body).await.ok();
    // Nothing is written where it is sent.
    assert!(!server.data_dir().join("mail").exists());
    assert_eq!(sink.messages().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_waits_for_a_server_that_is_away_and_no_request_does() {
    // Bound, so that it is nobody else's; who connects is refused, for nobody listens.
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.set_reuseaddr(true).unwrap();
    held.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let port = held.local_addr().unwrap().port();
    let server = server(&format!("smtp://127.0.0.1:{port}")).await;
    let before = Instant::now();
    register(&server, "alice", "alice@mail.example").await;
    assert!(before.elapsed() < Duration::from_secs(10));
    let job = eventually("it was tried", async || put_off(&server).await).await;
    assert!(
        job.last_error.contains("the mail server"),
        "{}",
        job.last_error
    );
    // There, but put off twice; then it comes once.
    drop(held);
    let sink = Sink::start(port, &["--refuse", "2"]).await;
    letter(&server, &sink).await;
    register(&server, "bob", "bob@mail.example").await;
    eventually("the next comes", async || {
        (sink.messages().len() > 1).then_some(())
    })
    .await;
    let to: Vec<Value> = sink.messages().iter().map(|m| m["to"][0].clone()).collect();
    assert_eq!(to, ["alice@mail.example", "bob@mail.example"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_given_where_they_are_asked_for() {
    let sink = Sink::start(free_port(), &["--auth", "kith:a b+c&d"]).await;
    let url = format!("smtp://kith:a%20b+c&d@127.0.0.1:{}", sink.port);
    let server = server(&url).await;
    register(&server, "alice", "alice@mail.example").await;
    let letter = letter(&server, &sink).await;
    assert_eq!(letter["authenticated"], true);
}
