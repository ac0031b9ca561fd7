//! A peer that serves what a test tells it to and signs what a test wants signed: the hostile
//! side, and the plain one.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use kith::db::inbox::{DONE, SET_ASIDE};
use kith::federation::signature::{BodyDigest, PrivateKey, sign_cavage_with, sign_rfc9421_with};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

use super::server::{Answer, Server};
use super::{ACTOR_KEY, ACTOR_PUBLIC_KEY};

/// What the peer answers on a path.
#[derive(Clone)]
pub enum Page {
    /// An ActivityPub document.
    Document(Value),
    /// Anything: status, content type, body.
    Raw(u16, &'static str, String),
    /// A file: content type and bytes.
    File(&'static str, Vec<u8>),
    Redirect(String),
    /// Bytes without end.
    Endless,
}

/// How an inbox answers.
#[derive(Clone)]
pub enum Inbox {
    /// With a status and maybe `Retry-After`.
    Answers(u16, Option<&'static str>),
    /// Not at all: the request hangs.
    Hangs,
    /// 202 for RFC 9421, 401 for anything else.
    WantsRfc9421,
}

/// A request to an inbox.
#[derive(Debug, Clone)]
pub struct Knock {
    pub path: String,
    /// `rfc9421`, `cavage` or nothing.
    pub signature: &'static str,
    /// What it was answered with; 0 where it was not.
    pub status: u16,
    /// Its `Collection-Synchronization`, and what the signature covers; or nothing.
    pub followers: String,
    pub covered: String,
    /// Its `traceparent`, or nothing.
    pub traceparent: String,
    pub activity: Value,
}

#[derive(Default)]
struct Site {
    pages: HashMap<String, Page>,
    inboxes: HashMap<String, Inbox>,
    /// Answers paths that no page is for.
    fallback: Option<fn(&str, &str) -> Page>,
    requests: Vec<(String, String)>,
    knocks: Vec<Knock>,
}

/// A running peer.
pub struct Peer {
    /// `http://localhost:PORT`
    pub origin: String,
    site: Arc<Mutex<Site>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Shared {
    site: Arc<Mutex<Site>>,
    origin: String,
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let path = request
        .uri()
        .path_and_query()
        .map_or_else(|| "/".to_owned(), ToString::to_string);
    let method = request.method().to_string();
    if method == "POST" {
        return take_in(shared, path, request).await;
    }
    let page = {
        let mut site = shared.site.lock().expect("the site");
        site.requests.push((method, path.clone()));
        let fallback = site.fallback;
        site.pages
            .get(&path)
            .cloned()
            .or_else(|| fallback.map(|make| make(&shared.origin, &path)))
    };
    match page {
        None => axum::http::StatusCode::NOT_FOUND.into_response(),
        Some(Page::Document(value)) => (
            [("content-type", "application/activity+json; charset=utf-8")],
            value.to_string(),
        )
            .into_response(),
        Some(Page::Raw(status, content_type, body)) => (
            axum::http::StatusCode::from_u16(status).expect("a status"),
            [("content-type", content_type)],
            body,
        )
            .into_response(),
        Some(Page::File(content_type, bytes)) => {
            ([("content-type", content_type)], bytes).into_response()
        }
        Some(Page::Redirect(to)) => {
            (axum::http::StatusCode::FOUND, [("location", to)]).into_response()
        }
        Some(Page::Endless) => {
            let chunk = Ok::<_, std::io::Error>(bytes::Bytes::from(vec![b' '; 1 << 16]));
            let body = axum::body::Body::from_stream(futures::stream::repeat_with(move || {
                chunk
                    .as_ref()
                    .map(Clone::clone)
                    .map_err(|_| std::io::Error::other("no"))
            }));
            ([("content-type", "application/activity+json")], body).into_response()
        }
    }
}

async fn take_in(shared: Shared, path: String, request: Request) -> Response {
    let headers = request.headers();
    let signature = if headers.contains_key("signature-input") {
        "rfc9421"
    } else if headers.contains_key("signature") {
        "cavage"
    } else {
        ""
    };
    let text = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let followers = text("collection-synchronization");
    let traceparent = text("traceparent");
    let covered = text("signature-input") + &text("signature");
    let bytes = axum::body::to_bytes(request.into_body(), 1 << 21)
        .await
        .unwrap_or_default();
    let (status, retry_after) = {
        let mut site = shared.site.lock().expect("the site");
        site.requests.push(("POST".to_owned(), path.clone()));
        let (status, retry_after) = match site.inboxes.get(&path) {
            None => (202, None),
            Some(Inbox::Answers(status, retry_after)) => (*status, *retry_after),
            Some(Inbox::Hangs) => (0, None),
            Some(Inbox::WantsRfc9421) if signature == "rfc9421" => (202, None),
            Some(Inbox::WantsRfc9421) => (401, None),
        };
        site.knocks.push(Knock {
            path,
            signature,
            status,
            followers,
            covered,
            traceparent,
            activity: serde_json::from_slice(&bytes).unwrap_or_default(),
        });
        (status, retry_after)
    };
    if status == 0 {
        return std::future::pending().await;
    }
    let mut response = axum::http::StatusCode::from_u16(status)
        .expect("a status")
        .into_response();
    if let Some(wish) = retry_after {
        let wish = wish.parse().expect("a header");
        response.headers_mut().insert("retry-after", wish);
    }
    response
}

/// A free port of ours.
pub async fn listener() -> TcpListener {
    TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .expect("a port")
}

impl Peer {
    pub async fn start() -> Peer {
        let listener = listener().await;
        let port = listener.local_addr().expect("an address").port();
        Peer::on(listener, format!("http://localhost:{port}"))
    }

    /// A peer that the world knows by some origin, whatever it listens on.
    pub fn on(listener: TcpListener, origin: String) -> Peer {
        let site = Arc::new(Mutex::new(Site::default()));
        let shared = Shared {
            site: site.clone(),
            origin: origin.clone(),
        };
        let router = Router::new().fallback(answer).with_state(shared);
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Peer { origin, site, task }
    }

    /// Host and port.
    pub fn domain(&self) -> &str {
        self.origin.trim_start_matches("http://")
    }

    /// Serves a page on a path.
    pub fn serve(&self, path: &str, page: Page) {
        self.site
            .lock()
            .expect("the site")
            .pages
            .insert(path.to_owned(), page);
    }

    /// Answers every other path with what the function makes of origin and path.
    pub fn serve_rest(&self, make: fn(&str, &str) -> Page) {
        self.site.lock().expect("the site").fallback = Some(make);
    }

    /// Id of an actor of that name.
    pub fn actor_uri(&self, name: &str) -> String {
        format!("{}/users/{name}", self.origin)
    }

    /// Serves an actor with the tests' key, and its webfinger.
    pub fn add_actor(&self, name: &str) -> String {
        self.add_actor_with(name, json!({}))
    }

    /// The same with properties in the place of the usual ones.
    pub fn add_actor_with(&self, name: &str, changes: Value) -> String {
        let uri = self.actor_uri(name);
        let mut actor = json!({
            "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"],
            "id": uri,
            "type": "Person",
            "preferredUsername": name,
            "inbox": format!("{uri}/inbox"),
            "outbox": format!("{uri}/outbox"),
            "followers": format!("{uri}/followers"),
            "publicKey": {
                "id": format!("{uri}#main-key"),
                "owner": uri,
                "publicKeyPem": ACTOR_PUBLIC_KEY,
            },
        });
        if let (Some(actor), Value::Object(changes)) = (actor.as_object_mut(), changes) {
            actor.extend(changes);
        }
        self.serve_actor(name, actor);
        uri
    }

    /// Serves an actor's document at its id, and the webfinger of its name.
    pub fn serve_actor(&self, name: &str, actor: Value) {
        let uri = actor["id"].as_str().expect("an id").to_owned();
        let path = uri.strip_prefix(&self.origin).expect("an id of ours");
        self.serve(path, Page::Document(actor));
        let resource = format!("acct:{name}@{}", self.domain());
        let jrd = json!({
            "subject": resource,
            "links": [{"rel": "self", "type": "application/activity+json", "href": uri}],
        });
        let encoded: String = url::form_urlencoded::byte_serialize(resource.as_bytes()).collect();
        for resource in [encoded, resource] {
            self.serve(
                &format!("/.well-known/webfinger?resource={resource}"),
                Page::Raw(200, "application/jrd+json", jrd.to_string()),
            );
        }
    }

    /// How often a path was asked for.
    pub fn asked(&self, path: &str) -> usize {
        let requests = self.requests();
        requests.iter().filter(|(_, asked)| asked == path).count()
    }

    /// Requests that came, as method and path.
    pub fn requests(&self) -> Vec<(String, String)> {
        self.site.lock().expect("the site").requests.clone()
    }

    /// Has the inbox on a path answer like this from now on.
    pub fn set_inbox(&self, path: &str, inbox: Inbox) {
        let mut site = self.site.lock().expect("the site");
        site.inboxes.insert(path.to_owned(), inbox);
    }

    /// Requests to inboxes, whatever they were answered with.
    pub fn knocks(&self) -> Vec<Knock> {
        self.site.lock().expect("the site").knocks.clone()
    }

    /// Activities that were taken, with the inbox they came to.
    pub fn deliveries(&self) -> Vec<(String, Value)> {
        self.knocks()
            .into_iter()
            .filter(|knock| knock.status == 202)
            .map(|knock| (knock.path, knock.activity))
            .collect()
    }

    /// Activities that came.
    pub fn received(&self) -> Vec<Value> {
        self.deliveries()
            .into_iter()
            .map(|(_, activity)| activity)
            .collect()
    }

    /// A public note of an actor.
    pub fn note(&self, name: &str, id: &str, content: &str) -> Value {
        let uri = self.actor_uri(name);
        json!({
            "id": format!("{}/notes/{id}", self.origin),
            "type": "Note",
            "attributedTo": uri,
            "content": content,
            "published": "2026-01-02T03:04:05Z",
            "to": ["https://www.w3.org/ns/activitystreams#Public"],
            "cc": [format!("{uri}/followers")],
        })
    }

    /// A public note of an actor that answers another.
    pub fn reply(&self, name: &str, id: &str, parent: &str) -> Value {
        let mut note = self.note(name, id, id);
        note["inReplyTo"] = json!(parent);
        note
    }

    /// Serves an object at its id.
    pub fn serve_object(&self, object: &Value) {
        let id = object["id"].as_str().expect("an id");
        let path = id.strip_prefix(&self.origin).expect("an id of ours");
        self.serve(path, Page::Document(object.clone()));
    }

    /// Serves a collection on a path, with pages of so many items by URL; its head.
    pub fn serve_collection(&self, path: &str, items: &[Value], per_page: usize) -> Value {
        let id = format!("{}{path}", self.origin);
        let pages = items.chunks(per_page).count();
        for (n, chunk) in items.chunks(per_page).enumerate() {
            let mut page = json!({
                "@context": "https://www.w3.org/ns/activitystreams",
                "id": format!("{id}?page={}", n + 1), "type": "OrderedCollectionPage",
                "partOf": id, "orderedItems": chunk,
            });
            if n + 1 < pages {
                page["next"] = json!(format!("{id}?page={}", n + 2));
            }
            self.serve(&format!("{path}?page={}", n + 1), Page::Document(page));
        }
        let mut head = json!({
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": id, "type": "OrderedCollection", "totalItems": items.len(),
        });
        if pages > 0 {
            head["first"] = json!(format!("{id}?page=1"));
        }
        self.serve(path, Page::Document(head.clone()));
        head
    }

    /// The Create of a note.
    pub fn create(&self, name: &str, note: &Value) -> Value {
        json!({
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": format!("{}#create", note["id"].as_str().expect("an id")),
            "type": "Create",
            "actor": self.actor_uri(name),
            "to": note["to"],
            "cc": note["cc"],
            "object": note,
        })
    }
}

/// How a delivery is signed, and what is wrong with it.
pub struct Delivery<'a> {
    pub key_id: String,
    pub key: &'a str,
    pub rfc9421: bool,
    /// Milliseconds added to the time of signing.
    pub skew: i64,
    /// Changes the headers after signing.
    pub tamper: fn(&mut HeaderMap),
    /// Signed in the place of the activity: what no `Value` can say.
    pub body: Option<String>,
    /// Sent in the place of the signed body.
    pub other_body: Option<String>,
    /// What the request says of the sender's followers, and whether the signature covers that.
    pub followers: Option<(String, bool)>,
}

impl Delivery<'_> {
    /// A good delivery by an actor.
    pub fn by(actor: &str) -> Delivery<'static> {
        Delivery {
            key_id: format!("{actor}#main-key"),
            key: ACTOR_KEY,
            rfc9421: false,
            skew: 0,
            tamper: |_| {},
            body: None,
            other_body: None,
            followers: None,
        }
    }

    /// Sends an activity to a server's shared inbox.
    pub async fn send(self, server: &Server, activity: &Value) -> Answer {
        let inbox = format!("{}/inbox", server.url);
        self.post(&server.http, &inbox, server.app.clock.now_ms(), activity)
            .await
    }

    /// Sends an activity, waits until it is worked on, and says why nothing came of it. A refusal
    /// is told with its status.
    pub async fn worked_on(self, server: &Server, activity: &Value) -> String {
        let answer = self.send(server, activity).await;
        if answer.status != 202 {
            return format!("{}: {}", answer.status, answer.text);
        }
        worked_on(server, activity["id"].as_str().expect("an id")).await
    }

    /// Sends an activity to an inbox.
    pub async fn post(
        self,
        http: &reqwest::Client,
        inbox: &str,
        now: i64,
        activity: &Value,
    ) -> Answer {
        self.try_post(http, inbox, now, activity)
            .await
            .expect("the server answers")
    }

    /// The same to a server that may be dead.
    pub async fn try_post(
        self,
        http: &reqwest::Client,
        inbox: &str,
        now: i64,
        activity: &Value,
    ) -> Option<Answer> {
        let url = Url::parse(inbox).expect("a URL");
        let body = self.body.unwrap_or_else(|| activity.to_string());
        let key = PrivateKey::from_pem(self.key).expect("a key");
        let digest = BodyDigest::new(body.as_bytes(), "application/activity+json");
        let method = reqwest::Method::POST;
        let sign = if self.rfc9421 {
            sign_rfc9421_with
        } else {
            sign_cavage_with
        };
        let name = HeaderName::from_static("collection-synchronization");
        let followers = self.followers.map(|(value, covered)| {
            let value = HeaderValue::try_from(value).expect("a header");
            (value, covered)
        });
        let mut headers = sign(
            &key,
            &self.key_id,
            &method,
            &url,
            Some(&digest),
            now + self.skew,
            followers
                .as_ref()
                .filter(|(_, covered)| *covered)
                .map(|(value, _)| (name.clone(), value)),
        )
        .expect("signed");
        if let Some((value, false)) = followers {
            headers.insert(name, value);
        }
        (self.tamper)(&mut headers);
        let request = http
            .post(url.as_str())
            .headers(headers)
            .body(self.other_body.unwrap_or(body));
        Answer::try_of(request, format!("deliver {}", activity["type"])).await
    }
}

/// An actor of that id, of which nothing else is known.
pub fn stranger(uri: &str, kind: &str) -> Value {
    let name = uri.rsplit('/').find(|part| !part.is_empty());
    let name = name.and_then(|name| name.split(['.', ':', '?', '#']).next());
    let name: String = name
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    json!({
        "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"],
        "id": uri,
        "type": kind,
        "preferredUsername": if name.is_empty() { "somebody" } else { &name },
        "inbox": format!("{uri}/inbox"),
        "publicKey": {
            "id": format!("{uri}#main-key"),
            "owner": uri,
            "publicKeyPem": ACTOR_PUBLIC_KEY,
        },
    })
}

/// Puts the tests' key in the place of those whose private halves nobody has.
pub fn own_keys(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if name == "publicKeyPem" {
                    *member = json!(ACTOR_PUBLIC_KEY);
                } else {
                    own_keys(member);
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(own_keys),
        _ => {}
    }
}

/// Looks until there is something, for at most three minutes: longer than the lease of a dead
/// process, which on PostgreSQL nobody but time ends.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = std::time::Instant::now();
    // Looking may be dear (a connection to PostgreSQL is a process): what takes long is not looked for as often.
    for pause in (10..100).step_by(4).chain(std::iter::repeat(100)) {
        if let Some(found) = look().await {
            return found;
        }
        if begun.elapsed() > Duration::from_secs(180) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    panic!("never happened: {what}");
}

/// Waits until a received activity is worked on, and says why nothing came of it. It is seen done
/// twice: what is kept in memory goes a moment after that is written down.
pub async fn worked_on(server: &Server, uri: &str) -> String {
    let mut seen = false;
    eventually(&format!("{uri} is worked on"), async || {
        for state in [DONE, SET_ASIDE] {
            let rows = server
                .app
                .read(move |c| {
                    Box::pin(
                        async move { Ok(kith::db::inbox::list(c, state, i64::MAX, 500).await?) },
                    )
                })
                .await
                .expect("the queue is read");
            if let Some(row) = rows.into_iter().find(|row| row.activity_uri == uri) {
                let before = std::mem::replace(&mut seen, true);
                return before.then_some(row.last_error);
            }
        }
        None
    })
    .await
}
