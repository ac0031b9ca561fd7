//! A collector of traces: takes OTLP over HTTP, and keeps what it got.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::peer::eventually;

/// A running one. It ends with the test.
#[derive(Clone)]
pub struct Collector {
    /// For `KITH_OTLP_URL`.
    pub url: String,
    got: Arc<Mutex<Vec<Request>>>,
    answer: &'static str,
}

/// One request to it.
#[derive(Debug, Clone)]
pub struct Request {
    pub headers: HeaderMap,
    pub body: Value,
}

/// A span with what the protocol wraps it in taken off.
#[derive(Debug, Clone)]
pub struct Span {
    pub name: String,
    pub trace: String,
    pub id: String,
    pub parent: String,
    pub kind: i64,
    pub failed: bool,
    pub fields: serde_json::Map<String, Value>,
}

impl Span {
    fn of(span: &Value) -> Span {
        let text = |name: &str| span[name].as_str().unwrap_or_default().to_owned();
        let nanos = |name: &str| text(name).parse::<u64>().expect("nanoseconds");
        assert!(nanos("startTimeUnixNano") <= nanos("endTimeUnixNano"));
        assert!(nanos("startTimeUnixNano") > 1_700_000_000_000_000_000);
        let fields = span["attributes"].as_array().expect("attributes");
        let fields = fields.iter().map(|field| {
            let value = field["value"].as_object().expect("a value");
            let value = value.values().next().expect("a value").clone();
            (field["key"].as_str().expect("a key").to_owned(), value)
        });
        Span {
            name: text("name"),
            trace: text("traceId"),
            id: text("spanId"),
            parent: text("parentSpanId"),
            kind: span["kind"].as_i64().expect("a kind"),
            failed: span["status"]["code"] == 2,
            fields: fields.collect(),
        }
    }
}

impl Collector {
    /// One that takes everything.
    pub async fn start() -> Collector {
        Collector::answering("{}").await
    }

    /// One that says this of what it took.
    pub async fn answering(answer: &'static str) -> Collector {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let collector = Collector {
            url: format!("http://user:secret@127.0.0.1:{port}"),
            got: Arc::default(),
            answer,
        };
        let router = Router::new()
            .route("/v1/traces", post(take))
            .with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        collector
    }

    /// What it got, oldest first.
    pub fn requests(&self) -> Vec<Request> {
        self.got.lock().expect("no panic in here").clone()
    }

    /// All spans, in the order in which they ended.
    pub fn spans(&self) -> Vec<Span> {
        let mut spans = Vec::new();
        for request in self.requests() {
            let list = &request.body["resourceSpans"][0]["scopeSpans"][0]["spans"];
            spans.extend(list.as_array().expect("spans").iter().map(Span::of));
        }
        spans
    }

    /// Waits for a span.
    pub async fn span(&self, what: &str, fits: impl Fn(&Span) -> bool) -> Span {
        eventually(what, async || self.spans().into_iter().find(|s| fits(s))).await
    }
}

async fn take(
    State(collector): State<Collector>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, &'static str) {
    let body = serde_json::from_str(&body).expect("JSON");
    let request = Request { headers, body };
    collector
        .got
        .lock()
        .expect("no panic in here")
        .push(request);
    (StatusCode::OK, collector.answer)
}
