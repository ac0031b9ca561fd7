//! What every answer has in common.

use serde_json::json;

use crate::support::{Answer, Server};

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer
        .headers
        .get(name)
        .map(|value| value.to_str().unwrap())
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_the_api_are_named_and_not_kept() {
    let server = Server::start().await;
    let one = server.get_public("/api/v1/instance").await;
    let other = server.get_public("/api/v1/instance/").await;
    assert_eq!(one.ok(), other.ok());
    assert_eq!(header(&one, "x-request-id").len(), 16);
    assert_ne!(header(&one, "x-request-id"), header(&other, "x-request-id"));
    assert_eq!(header(&one, "cache-control"), "private, no-store");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_a_page_for_browsers_alone() {
    let server = Server::start().await;
    for (path, accept, kind) in [
        ("/nonsense", "text/html", "text/html; charset=utf-8"),
        ("/nonsense", "application/json", "application/json"),
        ("/api/v1/nonsense", "text/html", "application/json"),
    ] {
        let request = server.http.get(format!("{}{path}", server.url));
        let answer = Answer::of(request.header("accept", accept), path.to_owned()).await;
        assert_eq!(answer.status, 404);
        assert_eq!(header(&answer, "content-type"), kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_counted_by_token_and_by_address() {
    let server = Server::start_with(&[("KITH_RATE_LIMIT", "true")]).await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let verify = "/api/v1/accounts/verify_credentials";
    for left in [299, 298] {
        let answer = server.get(&alice, verify).await;
        assert_eq!(answer.status, 200);
        assert_eq!(header(&answer, "x-ratelimit-limit"), "300");
        let remaining: i64 = header(&answer, "x-ratelimit-remaining").parse().unwrap();
        // It recovers by one a second.
        assert!((left..=left + 1).contains(&remaining), "{remaining}");
    }
    let mut refused = 0;
    for _ in 0..330 {
        let answer = server.get(&alice, verify).await;
        if answer.status == 429 {
            refused += 1;
            assert!(!header(&answer, "retry-after").is_empty());
            assert_eq!(header(&answer, "access-control-allow-origin"), "*");
        }
    }
    assert!(refused > 0, "nothing was refused");
    assert_eq!(server.get(&bob, verify).await.status, 200);
    let forged = server
        .send(
            reqwest::Method::POST,
            "/api/v1/statuses",
            Some("forged"),
            Some(&json!({})),
        )
        .await;
    assert_eq!(header(&forged, "x-ratelimit-remaining"), "299");
}

#[tokio::test(flavor = "multi_thread")]
async fn s18_metrics_are_for_whoever_keeps_the_server_running() {
    let server = Server::start_with(&[("KITH_METRICS_TOKEN", "open sesame")]).await;
    let alice = server.person("alice").await;
    server.status(&alice, "counted").await;
    let ask = async |headers: &[(&'static str, &str)]| {
        let mut request = server.http.get(format!("{}/metrics", server.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request, "metrics".to_owned()).await
    };
    let seen = ask(&[]).await;
    assert_eq!(seen.status, 200);
    for line in [
        "kith_http_requests_total{surface=\"api\",status=\"2xx\"}",
        "kith_queue_waiting{queue=\"deliveries\"} 0",
        "kith_statuses 1",
        "process_resident_memory_bytes",
    ] {
        assert!(seen.text.contains(line), "{line} is not in\n{}", seen.text);
    }
    let by_proxy = ("x-forwarded-for", "203.0.113.5");
    for (headers, status) in [
        (vec![by_proxy], 404),
        (vec![by_proxy, ("authorization", "Bearer wrong")], 404),
        (
            vec![
                by_proxy,
                ("authorization", &format!("Bearer {}", alice.token)),
            ],
            404,
        ),
        (vec![by_proxy, ("authorization", "Bearer open sesame")], 200),
    ] {
        assert_eq!(ask(&headers).await.status, status, "{headers:?}");
    }
    for path in ["/health/ready", "/health/live"] {
        assert_eq!(server.get_public(path).await.text, "OK");
    }
}
