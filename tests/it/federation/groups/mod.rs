//! Groups (FEP-1b12): Lemmy's communities and what is like them.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::two_servers::{id, resolve};
use crate::support::peer::{Delivery, Page, Peer, eventually};
use crate::support::{ACTOR_PUBLIC_KEY, Person, Server};

mod hostile;
mod inbound;
mod moderation;
mod outbound;
mod software;

pub(super) const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";

/// Alice here, and a community on a peer with sara, who posts there.
struct World {
    server: Server,
    peer: Peer,
    alice: Person,
    /// The community's actor id, and its id here.
    boats: String,
    boats_here: String,
    sara: String,
}

/// A server, and a peer with a community and some people.
async fn community(changes: Value) -> World {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let boats = peer.actor_uri("boats");
    let mut group = json!({
        "type": "Group",
        "attributedTo": format!("{boats}/moderators"),
        "featured": format!("{boats}/featured"),
    });
    if let (Some(group), Value::Object(changes)) = (group.as_object_mut(), changes) {
        group.extend(changes);
    }
    peer.add_actor_with("boats", group);
    let sara = peer.add_actor("sara");
    let handle = format!("@boats@{}", peer.domain());
    let boats_here = resolve(&server, &alice, &handle).await;
    World {
        server,
        peer,
        alice,
        boats,
        boats_here,
        sara,
    }
}

/// The same, and alice follows the community.
async fn followed() -> World {
    let world = community(json!({})).await;
    world.follow(&world.alice).await;
    world
}

impl World {
    /// Follows the community, which accepts.
    async fn follow(&self, person: &Person) {
        self.ask(person).await;
        self.answer(person, "Accept").await;
        self.stands(person, "following", true).await;
    }

    /// Asks to follow the community.
    async fn ask(&self, person: &Person) {
        let path = format!("/api/v1/accounts/{}/follow", self.boats_here);
        self.server
            .post(person, &path, json!({}))
            .await
            .entity("Relationship");
    }

    /// The community answers a person's last Follow.
    async fn answer(&self, person: &Person, verb: &str) {
        let uri = &person.account.uri;
        let follow = eventually("the Follow arrives", async || {
            let received = self.peer.received();
            let theirs = |a: &&Value| a["type"] == "Follow" && a["actor"] == *uri;
            received.iter().rfind(theirs).cloned()
        })
        .await;
        let answer = json!({
            "id": format!("{}#{verb}/{}", self.boats, self.peer.received().len()),
            "type": verb, "actor": self.boats, "object": follow,
        });
        assert_eq!(self.deliver(&self.boats, answer).await, "");
    }

    /// Waits until a person stands to the community as said.
    async fn stands(&self, person: &Person, name: &str, wanted: bool) {
        let path = format!("/api/v1/accounts/relationships?id[]={}", self.boats_here);
        eventually(name, async || {
            let list = self.server.get(person, &path).await;
            (list.entities("Relationship")[0][name] == wanted).then_some(())
        })
        .await;
    }

    /// Delivers an activity by an actor, waits until it is worked on, and says why nothing came of
    /// it.
    async fn deliver(&self, by: &str, activity: Value) -> String {
        deliver(&self.server, by, &format!("{by}#main-key"), activity).await
    }

    /// The community passes something on.
    async fn announce(&self, object: Value) -> String {
        self.deliver(&self.boats, self.announced(object)).await
    }

    /// An Announce by the community.
    fn announced(&self, object: Value) -> Value {
        let of = object["id"].as_str().or(object.as_str()).expect("an id");
        json!({
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": format!("{}#announce/{}", self.boats, of.replace(['/', ':', '#'], "-")),
            "type": "Announce", "actor": self.boats,
            "to": [PUBLIC], "cc": [format!("{}/followers", self.boats)],
            "object": object,
        })
    }

    /// A post of sara's to the community, served by its origin.
    fn page(&self, name: &str) -> Value {
        let page = json!({
            "id": format!("{}/post/{name}", self.peer.origin),
            "type": "Page", "attributedTo": self.sara,
            "to": [self.boats, PUBLIC], "cc": [], "audience": self.boats,
            "name": format!("About {name}"), "content": "<p>She is fast</p>",
            "published": "2026-01-02T03:04:05.123456Z",
        });
        self.serve(&page);
        page
    }

    /// A comment of sara's, served by its origin.
    fn comment(&self, name: &str, on: &Value) -> Value {
        let comment = json!({
            "id": format!("{}/comment/{name}", self.peer.origin),
            "type": "Note", "attributedTo": self.sara, "inReplyTo": on,
            "to": [PUBLIC], "cc": [self.boats], "audience": self.boats,
            "content": format!("<p>{name}</p>"), "published": "2026-01-02T03:05:05.123456Z",
        });
        self.serve(&comment);
        comment
    }

    fn serve(&self, object: &Value) {
        let path = id(object)
            .strip_prefix(&self.peer.origin)
            .expect("the peer's");
        self.peer.serve(path, Page::Document(object.clone()));
    }

    /// What sara does, as the community passes it on.
    fn by_sara(&self, verb: &str, object: &Value) -> Value {
        self.done(&self.sara, verb, object)
    }

    fn done(&self, by: &str, verb: &str, object: &Value) -> Value {
        let of = object["id"].as_str().or(object.as_str()).expect("an id");
        json!({
            "id": format!("{by}#{verb}/{}", of.replace(['/', ':', '#'], "-")),
            "type": verb, "actor": by, "object": object,
            "to": [PUBLIC], "cc": [self.boats], "audience": self.boats,
        })
    }

    /// Sara posts to the community, which passes it on; the post as alice sees it.
    async fn posted(&self, name: &str) -> Value {
        let page = self.page(name);
        assert_eq!(self.announce(self.by_sara("Create", &page)).await, "");
        self.status(&page["id"]).await.expect("the post is here")
    }

    /// Sara comments in the community; the comment as alice sees it.
    async fn commented(&self, name: &str, on: &Value) -> Value {
        let comment = self.comment(name, on);
        assert_eq!(self.announce(self.by_sara("Create", &comment)).await, "");
        self.status(&comment["id"])
            .await
            .expect("the comment is here")
    }

    /// A status by its URI, as alice sees it.
    async fn status(&self, uri: &Value) -> Option<Value> {
        let uri = uri.as_str().expect("a URI");
        let query: String = url::form_urlencoded::byte_serialize(uri.as_bytes()).collect();
        let path = format!("/api/v2/search?q={query}&type=statuses");
        let found = self.server.get(&self.alice, &path).await.entity("Search");
        found["statuses"].get(0).cloned()
    }

    /// The same, read again.
    async fn again(&self, status: &Value) -> Value {
        let path = format!("/api/v1/statuses/{}", id(status));
        self.server.get(&self.alice, &path).await.entity("Status")
    }

    async fn home(&self, person: &Person) -> Vec<Value> {
        self.server
            .get(person, "/api/v1/timelines/home?limit=40")
            .await
            .entities("Status")
    }

    /// URIs of what follows a status.
    async fn below(&self, person: &Person, status: &Value) -> Vec<Value> {
        let path = format!("/api/v1/statuses/{}/context", id(status));
        let context = self.server.get(person, &path).await.entity("Context");
        let list = context["descendants"].as_array().expect("a list");
        list.iter().map(|status| status["uri"].clone()).collect()
    }

    /// Alice does something through the API.
    async fn post(&self, path: &str, body: Value) -> Value {
        self.server
            .post(&self.alice, path, body)
            .await
            .entity("Status")
    }

    /// Alice posts to the community.
    async fn post_to_boats(&self, text: &str) -> Value {
        let text = format!("@boats@{} {text}", self.peer.domain());
        self.post("/api/v1/statuses", json!({"status": text})).await
    }

    /// Kinds of alice's notifications, with who caused them.
    async fn told(&self) -> Vec<(String, String)> {
        let list = self
            .server
            .get(&self.alice, "/api/v1/notifications")
            .await
            .entities("Notification");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        list.iter()
            .map(|n| (text(&n["type"]), text(&n["account"]["username"])))
            .collect()
    }

    /// The next activity of a type about an object that came to the community's inbox.
    async fn sent(&self, kind: &str, object: &Value) -> Value {
        let inbox = "/users/boats/inbox";
        let of = |a: &Value| {
            let object = &a["object"];
            let inner = &object["object"];
            [object, &object["id"], inner, &inner["id"]]
                .into_iter()
                .find(|id| id.is_string())
                .cloned()
        };
        let about = |a: &Value| {
            a["type"] == kind
                && (of(a).as_ref() == Some(object) || a["object"]["object"] == *object)
        };
        eventually(kind, async || {
            let came = self.peer.deliveries();
            let mut came = came.into_iter().filter(|(path, _)| path == inbox);
            came.find(|(_, activity)| about(activity))
                .map(|(_, activity)| activity)
        })
        .await
    }
}

/// Delivers an activity, waits until it is worked on, and says why nothing came of it.
async fn deliver(server: &Server, by: &str, key_id: &str, activity: Value) -> String {
    let delivery = Delivery {
        key_id: key_id.to_owned(),
        ..Delivery::by(by)
    };
    delivery.worked_on(server, &activity).await
}

/// A fixture of a software with the hosts and keys of this run.
fn fixture(software: &str, name: &str, server: &Server, peer: &Peer) -> Option<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/groups")
        .join(software)
        .join(format!("{name}.json"));
    let text = std::fs::read_to_string(path).ok()?;
    let host = format!("{software}.example");
    let text = text
        .replace("https://kith.example", &server.url)
        .replace(&format!("https://{host}"), &peer.origin)
        .replace(&host, peer.domain());
    let mut value: Value = serde_json::from_str(&text).expect("JSON");
    if let Some(key) = value.pointer_mut("/publicKey/publicKeyPem") {
        *key = json!(ACTOR_PUBLIC_KEY);
    }
    Some(value)
}
