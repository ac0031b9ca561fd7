//! A second server that others wrote: the peer on apkit of `tests/peers/apkit`. One process serves
//! all tests. Whoever is asked for is there; each test has actors of its own.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use serde_json::{Value, json};
use tokio::sync::OnceCell;
use url::Url;

use super::peer::eventually;
use super::smtp::{free_port, python};

/// The one whose keys are not everyone's.
pub const MALLORY: &str = "mallory";

/// The peer as one test sees it.
pub struct Apkit {
    /// `http://localhost:PORT`
    pub origin: String,
    http: reqwest::Client,
    /// The last request of each kind that the test has looked at.
    seen: Mutex<HashMap<String, u64>>,
}

struct Running {
    origin: String,
    // Its standard input is open as long as this process lives.
    _child: Child,
}

impl Apkit {
    /// The peer, started by whoever comes first.
    pub async fn meet() -> Apkit {
        static RUNNING: OnceCell<Running> = OnceCell::const_new();
        // Connections are not shared: they end with the runtime of the test that made them.
        let http = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("an HTTP client");
        let running = RUNNING.get_or_init(|| start(&http)).await;
        Apkit {
            origin: running.origin.clone(),
            http,
            seen: Mutex::default(),
        }
    }

    /// An actor's id.
    pub fn actor(&self, name: &str) -> String {
        format!("{}/users/{name}", self.origin)
    }

    /// The id of an actor's key for HTTP signatures.
    pub fn key(&self, name: &str) -> String {
        format!("{}#main-key", self.actor(name))
    }

    /// The id of an actor's key for proofs.
    pub fn proof_key(&self, name: &str) -> String {
        format!("{}#ed25519-key", self.actor(name))
    }

    /// `@name@host:port`
    pub fn handle(&self, name: &str) -> String {
        format!("@{name}@{}", self.origin.trim_start_matches("http://"))
    }

    /// Has an actor do something; returns what came of it, once it was delivered.
    pub async fn act(&self, name: &str, verb: &str, mut what: Value) -> Value {
        what["as"] = json!(name);
        let answer = self
            .http
            .post(format!("{}/control/{verb}", self.origin))
            .header("content-type", "application/json")
            .body(what.to_string())
            .send()
            .await
            .expect("the peer answers");
        let (status, text) = (answer.status(), answer.text().await.expect("a text"));
        assert!(status.is_success(), "{verb} {what}: {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// What the peer remembers under a name (`requests`, `received`, `outgoing`, `followers` …).
    pub async fn look(&self, name: &str, query: &[(&str, &str)]) -> Value {
        let mut url = Url::parse(&format!("{}/control/{name}", self.origin)).expect("a URL");
        url.query_pairs_mut().extend_pairs(query);
        let answer = self.http.get(url).send().await.expect("the peer answers");
        serde_json::from_str(&answer.text().await.expect("a text")).expect("JSON")
    }

    /// The next request that brings an activity of a type by an actor: correctly signed as the
    /// fediverse expects it first, and taken.
    pub async fn expect_request(&self, kind: &str, by: &str) -> Value {
        let since = {
            let seen = self.seen.lock().expect("no panic in here");
            seen.get(kind).copied().unwrap_or_default().to_string()
        };
        let query = [
            ("type", kind),
            ("actor", by),
            ("since", since.as_str()),
            ("method", "POST"),
            ("wait", "60"),
        ];
        let found = self.look("requests", &query).await;
        let request = found
            .get(0)
            .unwrap_or_else(|| panic!("no {kind} by {by} came"));
        let number = request["n"].as_u64().expect("a number");
        self.seen
            .lock()
            .expect("no panic in here")
            .insert(kind.to_owned(), number);
        assert_eq!(request["sig"], "cavage", "{request:#}");
        assert_eq!(request["verification"]["http"]["ok"], true, "{request:#}");
        assert_eq!(request["verification"]["http"]["owner"], by, "{request:#}");
        assert_eq!(request["status"], 202, "{request:#}");
        request.clone()
    }

    /// The next such activity, understood.
    pub async fn expect(&self, kind: &str, by: &str) -> Value {
        let activity = self.expect_request(kind, by).await["json"].clone();
        assert_eq!(
            self.understood(&activity).await["type"],
            kind,
            "{activity:#}"
        );
        activity
    }

    /// What the library made of an activity that it has verified.
    pub async fn understood(&self, activity: &Value) -> Value {
        let id = activity["id"].as_str().expect("an id");
        let received = self.look("received", &[("contains", id)]).await;
        received
            .as_array()
            .and_then(|all| all.iter().find(|one| one["json"]["id"] == id))
            .unwrap_or_else(|| panic!("{id} was not taken: {received:#}"))
            .clone()
    }
}

async fn start(http: &reqwest::Client) -> Running {
    let python = python();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/apkit/peer.py");
    let port = free_port();
    // However this process ends, its end of the pipe closes, and the peer goes too.
    let mut child = Command::new(&python)
        .arg(script)
        .arg(port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| {
            panic!(
                "{} does not start: {error}; tests/run.sh makes it, KITH_TEST_PYTHON names another",
                python.display()
            )
        });
    let origin = format!("http://localhost:{port}");
    eventually("the peer answers", async || {
        if let Some(status) = child.try_wait().expect("a child") {
            panic!("the peer ended: {status}: is apkit installed?");
        }
        let info = http.get(format!("{origin}/control/info")).send().await;
        info.ok().map(|_| ())
    })
    .await;
    Running {
        origin,
        _child: child,
    }
}
