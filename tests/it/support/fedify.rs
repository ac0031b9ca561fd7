//! Servers that others wrote, beside Kith: the Fedify peer of `tests/peers/fedify`. One process
//! of each kind serves all tests; each test has actors of its own, so that none sees another's
//! followers.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tokio::sync::OnceCell;
use url::Url;

use super::peer::eventually;

/// RSA-4096 and Ed25519 as Fedify makes them, so that no run waits for keys.
const KEYS: &str = include_str!("keys/fedify.json");

/// Actors that open for whoever follows; each belongs to one test.
const ACTORS: [&str; 20] = [
    "ann", "bea", "cleo", "dora", "edda", "fay", "gwen", "hana", "iris", "june", "kate", "lena",
    "mina", "nora", "olga", "pia", "quin", "rosa", "sina", "tess",
];

/// Actors that the peer adds by itself. This one approves its followers by hand.
pub const LOCKED: &str = "locked";
const OTHERS: [&str; 4] = [LOCKED, "rsaonly", "bot", "group"];

/// The peer as one test sees it.
pub struct Fedify {
    /// `http://localhost:PORT`
    pub origin: String,
    http: reqwest::Client,
    /// The last request that the test has looked at.
    seen: AtomicU64,
}

struct Running {
    origin: String,
    // Its standard input is open as long as this process lives.
    _child: Child,
}

impl Fedify {
    /// The peer, started by whoever comes first. It signs by RFC 9421, and adds integrity proofs.
    pub async fn meet() -> Fedify {
        static RUNNING: OnceCell<Running> = OnceCell::const_new();
        Fedify::running(&RUNNING, false).await
    }

    /// The same as an older server: it signs by draft-cavage only, and its actors have no keys
    /// to make proofs with.
    pub async fn meet_old() -> Fedify {
        static RUNNING: OnceCell<Running> = OnceCell::const_new();
        Fedify::running(&RUNNING, true).await
    }

    async fn running(once: &OnceCell<Running>, old: bool) -> Fedify {
        // Connections are not shared: they end with the runtime of the test that made them.
        let http = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("an HTTP client");
        let running = once.get_or_init(|| start(&http, old)).await;
        Fedify {
            origin: running.origin.clone(),
            http,
            seen: AtomicU64::new(0),
        }
    }

    /// Host and port.
    pub fn domain(&self) -> &str {
        self.origin.trim_start_matches("http://")
    }

    /// An actor's id.
    pub fn actor(&self, name: &str) -> String {
        format!("{}/users/{name}", self.origin)
    }

    /// `@name@host:port`
    pub fn handle(&self, name: &str) -> String {
        format!("@{name}@{}", self.domain())
    }

    /// Has an actor do something, at once; gives what it says of it.
    pub async fn act(&self, name: &str, verb: &str, mut what: Value) -> Value {
        what["as"] = json!(name);
        what["immediate"] = json!(true);
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

    /// The next activity of a type by an actor: correctly signed as the fediverse expects it
    /// first, and understood.
    pub async fn expect(&self, kind: &str, by: &str) -> Value {
        self.expect_signed(kind, by, "cavage").await
    }

    /// The same of several that are sent at the same time, in whatever order they come.
    pub async fn expect_all<const N: usize>(&self, kinds: [&str; N], by: &str) -> [Value; N] {
        let since = self.seen.load(Ordering::Relaxed);
        let mut found = [const { Value::Null }; N];
        for (kind, activity) in kinds.iter().zip(&mut found) {
            *activity = self.next(kind, by, "cavage", since).await;
        }
        found
    }

    /// The next one, signed in a manner (`cavage` or `rfc9421`).
    pub async fn expect_signed(&self, kind: &str, by: &str, signature: &str) -> Value {
        let since = self.seen.load(Ordering::Relaxed);
        self.next(kind, by, signature, since).await
    }

    async fn next(&self, kind: &str, by: &str, signature: &str, since: u64) -> Value {
        let query = [
            ("type", kind),
            ("actor", by),
            ("since", &since.to_string()),
            ("method", "POST"),
            ("wait", "60"),
        ];
        let found = self.look("requests", &query).await;
        let request = found
            .get(0)
            .unwrap_or_else(|| panic!("no {kind} by {by} came"));
        let number = request["n"].as_u64().expect("a number");
        self.seen.fetch_max(number, Ordering::Relaxed);
        assert_eq!(request["sig"], signature, "{request:#}");
        assert_eq!(request["status"], 202, "{request:#}");
        assert_eq!(request["verification"]["http"]["ok"], true, "{request:#}");
        assert_eq!(request["verification"]["http"]["owner"], by, "{request:#}");
        let public = ["to", "cc"].iter().any(|to| {
            request["json"][to]
                .to_string()
                .contains("activitystreams#Public")
        });
        // Only what is public carries a proof.
        assert_eq!(
            request["verification"]["proof"]["ok"].as_bool(),
            public.then_some(true),
            "{request:#}"
        );
        let activity = request["json"].clone();
        let id = activity["id"].as_str().expect("an id");
        let understood = self.look("received", &[("contains", id)]).await;
        assert_eq!(understood[0]["type"], kind, "{understood:#}");
        assert!(understood[0]["error"].is_null(), "{understood:#}");
        activity
    }

    /// What the peer posted to a server.
    pub async fn posted_to(&self, server: &str) -> Vec<Value> {
        let posts = self
            .look("outgoing", &[("method", "POST"), ("path", server)])
            .await;
        posts.as_array().expect("a list").clone()
    }
}

async fn start(http: &reqwest::Client, old: bool) -> Running {
    let dir = directory();
    assert!(
        dir.join("node_modules").is_dir(),
        "{} has no node_modules: tests/run.sh installs the peer (or `npm ci` there)",
        dir.display()
    );
    let (state, knock) = if old {
        ("fedify-old", "cavage")
    } else {
        ("fedify", "rfc9421")
    };
    let state = Path::new(env!("CARGO_TARGET_TMPDIR")).join(state);
    seed(&state, old);
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        free.local_addr().expect("an address").port()
    };
    // However this process ends, its end of the pipe closes, and the peer goes too.
    let mut child = Command::new("sh")
        .args([
            "-c",
            r#"exec 3<&0; (cat <&3 >/dev/null; kill $$) & exec ./run-peer.sh "$@" </dev/null 3<&-"#,
        ])
        .args(["sh", &port.to_string(), "--quiet", "--state-dir"])
        .arg(&state)
        .args(["--actors", &ACTORS.join(","), "--first-knock", knock])
        .current_dir(&dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the peer starts");
    let origin = format!("http://localhost:{port}");
    eventually("the peer answers", async || {
        if let Some(status) = child.try_wait().expect("a child") {
            panic!("the peer ended: {status}");
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

/// Where the peer is.
fn directory() -> PathBuf {
    match std::env::var_os("KITH_TEST_FEDIFY") {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/fedify"),
    }
}

/// Lays down each actor's keys where the peer looks for them.
fn seed(state: &Path, old: bool) {
    std::fs::create_dir_all(state).expect("a directory");
    let all: Vec<Value> = serde_json::from_str(KEYS).expect("keys");
    for name in ACTORS.iter().chain(&OTHERS) {
        let number = if old || *name == "rsaonly" {
            1
        } else {
            all.len()
        };
        let keys = json!(all[..number]).to_string();
        let path = state.join(format!("keys-{name}.json"));
        if std::fs::read_to_string(&path).is_ok_and(|known| known == keys) {
            continue;
        }
        // Another run may be reading it.
        let new = state.join(format!("keys-{name}.{}.new", std::process::id()));
        std::fs::write(&new, keys).expect("keys are written");
        std::fs::rename(&new, &path).expect("keys are in place");
    }
}
