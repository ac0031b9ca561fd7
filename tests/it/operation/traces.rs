//! Traces: what a collector gets, and what it costs when there is none where one should be.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::collector::{Collector, Span};
use crate::support::peer::{Delivery, Peer, eventually};
use crate::support::process::{Process, free_port};

/// A traceparent of somebody else's.
const THEIRS: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_and_what_it_causes_are_one_trace() {
    let collector = Collector::start().await;
    let mut process =
        Process::start_with(&[("KITH_OTLP_URL", &collector.url), ("KITH_LOG", "info")]).await;
    let peer = Peer::start().await;
    let alice = process.person("alice");
    let actor = peer.add_actor("mallory");
    let follow = json!({
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": format!("{}/follows/1", peer.origin),
        "type": "Follow",
        "actor": actor,
        "object": format!("{}/users/alice", process.url),
    });
    let mut delivery = Delivery::by(&actor);
    // What a stranger says of traces is none of ours.
    delivery.tamper = |headers| {
        headers.insert("traceparent", THEIRS.parse().expect("a header"));
    };
    let inbox = format!("{}/users/alice/inbox", process.url);
    let now = kith::clock::Clock::System.now_ms();
    let answer = delivery.post(&process.http, &inbox, now, &follow).await;
    assert_eq!(answer.status, 202, "{}", answer.text);

    let delivered = collector
        .span("the Accept's delivery", |span| {
            span.name == "deliver Accept"
        })
        .await;
    assert_eq!(delivered.kind, 4);
    assert_eq!(delivered.fields["kith.outcome"], "delivered");
    assert_eq!(delivered.fields["server.address"], peer.domain());
    let parent = async |span: &Span| {
        let parent = collector
            .span("its parent", |other| other.id == span.parent)
            .await;
        assert_eq!(parent.trace, span.trace);
        parent
    };
    let activity = parent(&delivered).await;
    assert_eq!((activity.name.as_str(), activity.kind), ("activity", 5));
    assert_eq!(activity.fields["kith.activity.type"], "Follow");
    assert_eq!(activity.fields["kith.outcome"], "applied");
    let request = parent(&activity).await;
    assert_eq!(
        (request.name.as_str(), request.kind),
        ("POST /users/{name}/inbox", 2)
    );
    assert_eq!(request.fields["http.response.status_code"], "202");
    let id = answer.headers["x-request-id"].to_str().expect("text");
    assert_eq!(request.fields["kith.request.id"], id);
    assert_eq!(request.parent, "", "where it begins");
    assert!(!THEIRS.contains(&request.trace));
    for (name, around) in [
        ("POST", &delivered),
        ("database transaction", &activity),
        ("database read", &request),
    ] {
        let child = |span: &Span| span.name == name && span.parent == around.id;
        let child = collector.span(name, child).await;
        assert_eq!(child.trace, request.trace);
        assert!(!child.failed);
    }
    // Others are told nothing of it.
    assert!(
        peer.knocks()
            .iter()
            .all(|knock| knock.traceparent.is_empty())
    );

    // A job belongs to the request that left it.
    let post = json!({"status": format!("look {}/page", peer.origin)});
    process.post(&alice, "/api/v1/statuses", &post).await.ok();
    let job = collector
        .span("the job", |span| span.name == "job card")
        .await;
    assert_eq!(parent(&job).await.name, "POST /api/v1/statuses");

    // What is left is sent at the end.
    let path = format!("/api/v1/accounts/verify_credentials?access_token={alice}");
    let url = format!("{}{path}", process.url);
    assert_eq!(process.http.get(url).send().await.unwrap().status(), 200);
    process.get(&alice, "/api/v1/statuses/1").await.refused(404);
    process.stop();
    let spans = collector.spans();
    let named = |name: &str| spans.iter().find(|span| span.name == name);
    assert!(named("GET /api/v1/accounts/verify_credentials").is_some());
    let missing = named("GET /api/v1/statuses/{id}").expect("a span");
    assert_eq!(missing.fields["http.response.status_code"], "404");
    assert!(!missing.failed, "the client's fault");
    for request in collector.requests() {
        assert_eq!(request.headers["content-type"], "application/json");
        assert_eq!(request.headers["authorization"], "Basic dXNlcjpzZWNyZXQ=");
        let text = request.body.to_string();
        for secret in [
            alice.as_str(),
            "access_token",
            "secret",
            "correct horse",
            "/page",
        ] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    assert_eq!(process.logged("the collector of traces"), 0);
}

/// How many spans became `sent` or `dropped`.
async fn counted(process: &Process, outcome: &str) -> Option<u64> {
    let metrics = process.get("", "/metrics").await.text;
    let name = format!("kith_trace_spans_total{{outcome=\"{outcome}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name))?;
    line.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_or_hangs_costs_nothing() {
    // It takes connections, and says nothing.
    let hangs = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = hangs.local_addr().unwrap().port();
    let mut open = Vec::new();
    let url = format!("http://127.0.0.1:{port}");
    let mut process = Process::start_with(&[("KITH_OTLP_URL", &url)]).await;
    let alice = process.person("alice");
    let home = "/api/v1/timelines/home";
    process.get(&alice, home).await.ok();
    open.push(hangs.accept().await.expect("it is asked"));
    let asked = Instant::now();
    for _ in 0..20 {
        process.get(&alice, home).await.ok();
    }
    assert_eq!(counted(&process, "sent").await, Some(0));
    process.stop();
    // By itself it would take two requests' time, ten seconds each, from the first on.
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(18), "{took:?}");

    process.set(
        "KITH_OTLP_URL",
        &format!("http://127.0.0.1:{}", free_port()),
    );
    // The log goes on, and the one that hung may have been told of.
    let (told, refused) = ("the collector of traces", "onnection refused");
    let earlier = (process.logged(told), process.logged(refused));
    process.run().await;
    let mut before = 0;
    for _ in 0..2 {
        before = eventually("spans are dropped", async || {
            process.get(&alice, home).await.ok();
            let dropped = counted(&process, "dropped").await?;
            (dropped > before).then_some(dropped)
        })
        .await;
    }
    let now = (process.logged(told), process.logged(refused));
    assert_eq!(now.0 - earlier.0, 1, "it is said once");
    assert_eq!(now.1 - earlier.1, 1, "with what is behind it");
    process.stop();

    // One that says all is well, and that it does not want everything.
    let picky = r#"{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too many words"}}"#;
    let picky = Collector::answering(picky).await;
    process.set("KITH_OTLP_URL", &picky.url);
    process.run().await;
    eventually("some are taken, and one is not", async || {
        process.get(&alice, home).await.ok();
        let dropped = counted(&process, "dropped").await?;
        (dropped > 0 && counted(&process, "sent").await? > 0).then_some(())
    })
    .await;
    assert_eq!(process.logged("too many words"), 1);
    process.stop();
    // Where none is configured there is nothing to count.
    process.set("KITH_OTLP_URL", "");
    process.run().await;
    process.get(&alice, home).await.ok();
    assert_eq!(counted(&process, "dropped").await, None);
}
