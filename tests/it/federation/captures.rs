//! Documents as other servers published them. An actor goes in by looking it up, an object by
//! searching for it, an activity through the inbox, signed by its actor; each is understood, or
//! refused for a reason that a table names.
//!
//! `KITH_TEST_CAPTURES` is a folder of them, `<software>/…/<name>.json`, and
//! `KITH_TEST_CAPTURES_TABLE` the table: the file and what becomes of it, with a tab between.
//! Without, the project's own few are taken, `tests/captures`. What is not in the table passes when it
//! is understood.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use futures::StreamExt;
use regex::{Captures, Regex};
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use crate::support::peer::{Delivery, Page, Peer, eventually, own_keys, stranger};
use crate::support::{Person, Server};

const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";
const ACTORS: [&str; 5] = ["Person", "Service", "Group", "Application", "Organization"];
/// Hosts that name things and serve none.
const NAMES: [&str; 4] = [
    "www.w3.org",
    "w3id.org",
    "misskey-hub.net",
    "joinpeertube.org",
];
/// How many are tried at a time.
const AT_ONCE: usize = 6;

static ORIGIN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"https?://[A-Za-z0-9._-]+(:\d+)?").expect("a pattern"));

#[tokio::test(flavor = "multi_thread")]
async fn what_was_captured_is_understood_or_refused_for_a_reason() {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let setting = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let dir = setting("KITH_TEST_CAPTURES").unwrap_or_else(|| own.clone());
    let table = setting("KITH_TEST_CAPTURES_TABLE").unwrap_or_else(|| own.join("outcomes.tsv"));
    let table = read_table(&table);
    let captures = read_all(&dir);
    assert!(!captures.is_empty(), "no captures in {}", dir.display());

    let server = Server::start().await;
    let elsewhere = Peer::start().await;
    let outcomes: Vec<(String, String)> = futures::stream::iter(captures.iter())
        .map(|(name, document)| {
            let (server, elsewhere, captures) = (&server, &elsewhere, &captures);
            async move {
                let trial = Trial::new(server, elsewhere, captures, name, document).await;
                (name.clone(), trial.outcome().await)
            }
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    let mut wrong = Vec::new();
    let (mut understood, mut refused) = (0, 0);
    for (name, outcome) in &outcomes {
        println!("{name}\t{outcome}");
        let is_refused = outcome.starts_with("refused: ");
        *(if is_refused {
            &mut refused
        } else {
            &mut understood
        }) += 1;
        match table.get(name) {
            Some(expected) if expected == outcome => {}
            None if !is_refused => {}
            expected => wrong.push(format!("{name}: {outcome} (expected: {expected:?})")),
        }
    }
    println!("captures: {understood} understood, {refused} refused");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    server.end().await.expect("the server ends well");
}

fn read_table(path: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(path).expect("the table of outcomes");
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let (name, outcome) = line.split_once('\t').expect("a name, a tab and an outcome");
            (name.to_owned(), outcome.to_owned())
        })
        .collect()
}

/// All documents below a folder, by their path in it.
fn read_all(dir: &Path) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                let name = path.strip_prefix(dir).expect("below it");
                let text = std::fs::read_to_string(&path).expect("a capture");
                let document = serde_json::from_str(&text).expect("JSON");
                found.insert(name.display().to_string(), document);
            }
        }
    }
    found
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The id of a value that is one or has one.
fn id(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| text(&value["id"]))
}

fn is_actor(document: &Value) -> bool {
    ACTORS.contains(&text(&document["type"])) && document["inbox"].is_string()
}

fn is_activity(document: &Value) -> bool {
    !document["actor"].is_null() && !document["object"].is_null()
}

/// One capture: its server is a peer of its own, every other server one that has nothing.
struct Trial<'a> {
    server: &'a Server,
    peer: Peer,
    alice: Person,
    /// What alice has posted.
    status: Value,
    document: Value,
    /// Actors that the peer serves.
    actors: BTreeMap<String, Value>,
}

impl<'a> Trial<'a> {
    async fn new(
        server: &'a Server,
        elsewhere: &Peer,
        all: &BTreeMap<String, Value>,
        name: &str,
        document: &Value,
    ) -> Trial<'a> {
        let peer = Peer::start().await;
        let username: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        let alice = server
            .person(&username[username.len().saturating_sub(30)..])
            .await;
        let open = json!({"chat_policy": "anyone"});
        let token = Some(alice.token.as_str());
        let path = "/api/kith/v1/profile";
        server
            .send(Method::PATCH, path, token, Some(&open))
            .await
            .ok();
        let status = server.status(&alice, "like me").await;
        let by = match &document["actor"] {
            Value::Null => document,
            actor => actor,
        };
        let own = ORIGIN.find(id(by)).map_or("", |m| m.as_str()).to_owned();
        let mut trial = Trial {
            server,
            document: moved(document, &own, &peer, elsewhere),
            peer,
            alice,
            status,
            actors: BTreeMap::new(),
        };
        // What else of that server was captured is there as well.
        let software = name.split('/').next().unwrap_or_default();
        for (other, document) in all {
            let same = other.split('/').next() == Some(software)
                && !own.is_empty()
                && id(document).starts_with(&own);
            if same && !is_activity(document) {
                let document = moved(document, &own, &trial.peer, elsewhere);
                trial.serve(document);
            }
        }
        trial
    }

    /// Serves an object or actor at its id.
    fn serve(&mut self, mut document: Value) {
        own_keys(&mut document);
        if is_actor(&document) {
            let signs = text(&document["publicKey"]["owner"]) == id(&document);
            if !signs {
                document["publicKey"] = stranger(id(&document), "Person")["publicKey"].clone();
            }
            let name = text(&document["preferredUsername"]).to_owned();
            self.peer.serve_actor(&name, document.clone());
            self.actors
                .insert(id(&document).to_owned(), document.clone());
        }
        let Ok(url) = Url::parse(id(&document)) else {
            return;
        };
        let mut path = url.path().to_owned();
        if let Some(query) = url.query() {
            path = format!("{path}?{query}");
        }
        self.peer.serve(&path, Page::Document(document));
    }

    /// Serves the actor with an id, where that is one of this server's.
    fn actor(&mut self, uri: &str, kind: &str) {
        if uri.starts_with(&self.peer.origin) && !self.actors.contains_key(uri) {
            self.serve(stranger(uri, kind));
        }
    }

    /// What becomes of it.
    async fn outcome(mut self) -> String {
        let document = self.document.clone();
        if is_activity(&document) {
            return self.activity(document).await;
        }
        if is_actor(&document) {
            self.serve(document.clone());
            let found = self.find(id(&document), "accounts", true).await;
            return match found.is_null() {
                true => "refused: no account".to_owned(),
                false => "account".to_owned(),
            };
        }
        for author in one_or_many(&document["attributedTo"]) {
            self.actor(id(&author), "Person");
        }
        self.serve(document.clone());
        let found = self.find(id(&document), "statuses", true).await;
        match text(&document["type"]) {
            _ if !found.is_null() => "status".to_owned(),
            "ChatMessage" => "refused: a message is nobody else's to read".to_owned(),
            kind if kind.contains("Collection") => {
                "refused: a collection is read through whose it is".to_owned()
            }
            "Tombstone" => "refused: gone".to_owned(),
            _ if !is_public(&document) => "refused: not for everyone".to_owned(),
            _ => "refused: no status".to_owned(),
        }
    }

    async fn find(&self, uri: &str, kind: &str, resolve: bool) -> Value {
        let uri: String = url::form_urlencoded::byte_serialize(uri.as_bytes()).collect();
        let path = format!("/api/v2/search?q={uri}&resolve={resolve}&type={kind}");
        self.server.get(&self.alice, &path).await.ok()[kind][0].clone()
    }

    /// Delivers an activity by its actor; says why nothing came of it.
    async fn deliver(&self, activity: &Value) -> String {
        let by = id(&activity["actor"]);
        let key = self.actors.get(by).map(|actor| &actor["publicKey"]["id"]);
        let delivery = Delivery {
            key_id: key.map(text).unwrap_or_default().to_owned(),
            ..Delivery::by("")
        };
        delivery.worked_on(self.server, activity).await
    }

    /// Alice follows an actor; gives back the id of her Follow.
    async fn follow(&self, uri: &str) -> String {
        let there = self.find(uri, "accounts", true).await;
        let path = format!("/api/v1/accounts/{}/follow", id(&there));
        self.server.post(&self.alice, &path, json!({})).await.ok();
        eventually("her Follow arrives", async || {
            let received = self.peer.received();
            let follow = received.iter().find(|a| a["type"] == "Follow")?;
            Some(id(follow).to_owned())
        })
        .await
    }

    async fn follows(&self, uri: &str) {
        let follow = self.follow(uri).await;
        let accept = json!({
            "id": format!("{uri}#accepted"), "type": "Accept", "actor": uri, "object": follow,
        });
        assert_eq!(self.deliver(&accept).await, "");
    }

    async fn activity(mut self, mut activity: Value) -> String {
        let actor = id(&activity["actor"]).to_owned();
        let kind = text(&activity["type"]).to_owned();
        let group = kind == "Announce";
        self.actor(&actor, if group { "Group" } else { "Person" });
        // Of somebody unknown nothing is to be deleted.
        self.find(&actor, "accounts", true).await;
        self.aim(&mut activity);
        let inner = activity["object"].clone();
        match kind.as_str() {
            "Accept" | "Reject" => {
                let follow = self.follow(&actor).await;
                if inner.is_object() {
                    activity["object"]["id"] = json!(follow);
                    activity["object"]["actor"] = json!(self.alice.account.uri);
                } else {
                    activity["object"] = json!(follow);
                }
            }
            "Create" | "Announce" => {
                self.follows(&actor).await;
                let passed_on = match inner["object"].is_object() {
                    true => inner["object"].clone(),
                    false => inner.clone(),
                };
                for author in one_or_many(&passed_on["attributedTo"]) {
                    self.actor(id(&author), "Person");
                }
                if group && passed_on.is_object() {
                    if inner["type"] == "Update" {
                        let mut before = passed_on.clone();
                        before["content"] = json!("<p>before</p>");
                        self.serve(before);
                        self.find(id(&passed_on), "statuses", true).await;
                    }
                    self.serve(passed_on);
                }
            }
            "Update" if !is_actor(&inner) => {
                let mut before = inner.clone();
                before["content"] = json!("<p>before</p>");
                self.bring(&actor, before).await;
            }
            "Delete" if inner != json!(actor) => {
                let before = json!({
                    "id": id(&inner), "type": "Note", "attributedTo": actor, "to": PUBLIC,
                    "content": "<p>to be deleted</p>",
                });
                if id(&inner).starts_with(&self.peer.origin) {
                    self.bring(&actor, before).await;
                }
            }
            "Undo" if ["Follow", "Like", "Dislike"].contains(&text(&inner["type"])) => {
                assert_eq!(
                    self.deliver(&inner).await,
                    "",
                    "what is undone comes before"
                );
            }
            _ => {}
        }
        let reason = self.deliver(&activity).await;
        if !reason.is_empty() {
            return format!("refused: {reason}");
        }
        self.effect(&kind, &activity).await
    }

    /// Delivers the Create of an object of an actor whom alice follows.
    async fn bring(&mut self, actor: &str, object: Value) {
        self.follows(actor).await;
        let create = json!({
            "id": format!("{actor}#before"), "type": "Create", "actor": actor, "object": object,
        });
        self.deliver(&create).await;
    }

    /// Turns what an activity is about into what alice has, and what is for somebody into what is
    /// for her.
    fn aim(&self, activity: &mut Value) {
        let (alice, status) = (json!(self.alice.account.uri), self.status["uri"].clone());
        let undo = activity["type"] == "Undo";
        let deed = if undo {
            &mut activity["object"]
        } else {
            &mut *activity
        };
        match text(&deed["type"]) {
            "Follow" => deed["object"] = alice,
            "Like" | "Dislike" => deed["object"] = status,
            "Flag" => {
                deed["object"] = match deed["object"].is_array() {
                    true => json!([alice, status]),
                    false => status,
                }
            }
            "Create" if !is_public(deed) && !is_public(&deed["object"]) => {
                deed["to"] = json!([alice]);
                deed["object"]["to"] = json!([alice]);
            }
            _ => {}
        }
    }

    /// What alice sees of what was done; that nothing is to be seen is an error.
    async fn effect(&self, kind: &str, activity: &Value) -> String {
        let object = match activity["object"]["object"].is_object() {
            true => &activity["object"]["object"],
            false => &activity["object"],
        };
        let path = format!("/api/v1/statuses/{}", id(&self.status));
        let status = self.server.get(&self.alice, &path).await.ok();
        let there = self.find(id(&activity["actor"]), "accounts", false).await;
        let path = format!("/api/v1/accounts/relationships?id[]={}", id(&there));
        let relation = self.server.get(&self.alice, &path).await.ok()[0].clone();
        let undone = text(&activity["object"]["type"]);
        let (seen, what) = match (kind, undone) {
            ("Create", "ChatMessage") => {
                let chats = self.server.get(&self.alice, "/api/kith/v1/chats").await;
                let requests = "/api/kith/v1/chats?filter=requests";
                let requests = self.server.get(&self.alice, requests).await;
                let some = |answer: Value| answer.as_array().is_some_and(|list| !list.is_empty());
                let known = some(chats.ok()) || (requests.status == 200 && some(requests.json()));
                (known, "chat message")
            }
            ("Update", _) if is_actor(object) => (true, "account"),
            ("Update", _) | ("Announce", "Update") => {
                let found = self.find(id(object), "statuses", false).await;
                let content = text(&found["content"]);
                (!content.is_empty() && !content.contains("before"), "edit")
            }
            ("Create" | "Announce", _) => {
                let found = self.find(id(object), "statuses", false).await;
                (!found.is_null(), "status")
            }
            ("Delete", _) => {
                let gone = self.find(id(object), "statuses", false).await.is_null();
                let whose = object == &activity["actor"];
                (
                    gone,
                    if whose {
                        "end of an account"
                    } else {
                        "end of a status"
                    },
                )
            }
            ("Like", _) => (status["favourites_count"] == 1, "like"),
            ("Dislike", _) => (status["kith"]["dislikes_count"] == 1, "dislike"),
            ("Undo", "Like") => (status["favourites_count"] == 0, "end of a like"),
            ("Undo", "Dislike") => (status["kith"]["dislikes_count"] == 0, "end of a dislike"),
            ("Follow", _) => (relation["followed_by"] == true, "follow"),
            ("Undo", "Follow") => (relation["followed_by"] == false, "end of a follow"),
            ("Accept", _) => (relation["following"] == true, "leave to follow"),
            ("Flag", _) => {
                let alice = self.alice.account.id;
                let reports = self.server.app.read(move |c| {
                    Box::pin(async move { Ok(kith::db::reports::about(c, alice, 10).await?) })
                });
                (!reports.await.expect("reports").is_empty(), "report")
            }
            _ => (false, kind),
        };
        match seen {
            true => what.to_owned(),
            false => format!("refused: nothing is to be seen of {kind}"),
        }
    }
}

fn one_or_many(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    }
}

fn is_public(document: &Value) -> bool {
    ["to", "cc"].iter().any(|name| {
        let list = one_or_many(&document[*name]);
        list.iter().any(|to| to == PUBLIC)
    })
}

/// A document with its own server's addresses turned into the peer's and all others into one that
/// has nothing, so that nobody is asked but those two.
fn moved(document: &Value, own: &str, peer: &Peer, elsewhere: &Peer) -> Value {
    let mut document = document.clone();
    if let Some(members) = document.as_object_mut() {
        let context = json!("https://www.w3.org/ns/activitystreams");
        members.insert("@context".to_owned(), context);
    }
    let bare = |origin: &str| origin.split_once("://").map(|(_, host)| host.to_owned());
    let text = document.to_string();
    let text = ORIGIN.replace_all(&text, |found: &Captures| {
        let host = bare(&found[0]);
        if host == bare(own) {
            peer.origin.clone()
        } else if NAMES.iter().any(|name| host.as_deref() == Some(name)) {
            found[0].to_owned()
        } else {
            elsewhere.origin.clone()
        }
    });
    serde_json::from_str(&text).expect("still JSON")
}
