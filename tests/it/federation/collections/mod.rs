//! Featured collections over the wire (FEP-7aa9): between two servers, and with peers of other
//! manners and of bad ones.

use serde_json::{Value, json};

use crate::support::peer::{Delivery, Page, Peer, eventually};
use crate::support::{Person, Server};

mod elsewhere;
mod hostile;
mod sent;
mod two_servers;

const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";

fn id(entity: &Value) -> &str {
    entity["id"].as_str().expect("an id")
}

async fn document(server: &Server, url: &str) -> (u16, Value) {
    let answer = server
        .http
        .get(url)
        .header("accept", "application/activity+json")
        .send()
        .await
        .expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or_default())
}

async fn shown(server: &Server, who: &Person, id: &str) -> Value {
    let path = format!("/api/v1/collections/{id}");
    let shown = server.get(who, &path).await;
    shown.entity("CollectionWithAccounts")["collection"].clone()
}

/// The collections of an account, as a reader sees them.
async fn of(server: &Server, who: &Person, account: &str) -> Vec<Value> {
    let path = format!("/api/v1/accounts/{account}/collections");
    let found = server.get(who, &path).await.entity("Collections");
    found["collections"].as_array().unwrap().clone()
}

async fn put(server: &Server, who: &Person, collection: &Value, account: &str) -> Value {
    let path = format!("/api/v1/collections/{}/items", id(collection));
    let put = server
        .post(who, &path, json!({"account_id": account}))
        .await;
    put.entity("WrappedCollectionItem")["collection_item"].clone()
}

async fn notified(server: &Server, who: &Person, kind: &str) -> Option<Value> {
    let path = format!("/api/v1/notifications?types[]={kind}");
    server.get(who, &path).await.entities("Notification").pop()
}

/// A featured collection of a peer's actor.
fn collection(peer: &Peer, owner: &str, name: &str, items: Vec<Value>) -> Value {
    json!({
        "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/fep/7aa9"],
        "id": format!("{}/collections/{name}", peer.origin),
        "type": "FeaturedCollection", "attributedTo": owner, "name": name,
        "summary": "<p>Well <script>alert(1)</script>worth it</p>",
        "sensitive": false, "discoverable": true,
        "topic": {"type": "Hashtag", "name": "#cats"},
        "totalItems": items.len(), "orderedItems": items,
        "published": "2026-01-02T03:04:05Z", "updated": "2026-01-03T03:04:05Z",
    })
}

fn entry(collection: &str, n: usize, featured: &str, stamp: &str) -> Value {
    json!({
        "id": format!("{collection}/items/{n}"), "type": "FeaturedItem",
        "featuredObject": featured, "featureAuthorization": stamp,
        "published": "2026-01-02T03:04:05Z",
    })
}

/// Serves a stamp on a peer.
fn stamp(site: &Peer, path: &str, featured: &str, collection: &str) -> String {
    let uri = format!("{}{path}", site.origin);
    let stamp = json!({
        "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/fep/7aa9"],
        "id": uri, "type": "FeatureAuthorization",
        "interactingObject": collection, "interactionTarget": featured,
    });
    site.serve(path, Page::Document(stamp));
    uri
}

/// Adds an actor whose collections are listed, and whom anybody may feature.
fn curator(peer: &Peer, name: &str) -> String {
    let list = format!("{}/lists/{name}", peer.origin);
    peer.add_actor_with(
        name,
        json!({
            "featuredCollections": list,
            "interactionPolicy": {"canFeature": {"automaticApproval": [PUBLIC]}},
        }),
    )
}

async fn send(server: &Server, by: &str, activity: &Value) -> u16 {
    Delivery::by(by)
        .send(server, activity)
        .await
        .status
        .as_u16()
}

fn request(peer: &Peer, owner: &str, n: usize, featured: &Person, instrument: &str) -> Value {
    json!({
        "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/fep/7aa9"],
        "id": format!("{}/requests/{n}", peer.origin), "type": "FeatureRequest",
        "actor": owner, "object": featured.account.uri, "instrument": instrument,
    })
}

/// The answer of that type to a request.
async fn answer(peer: &Peer, kind: &str, request: &Value) -> Value {
    eventually("the request is answered", async || {
        let mut all = peer.received().into_iter();
        all.find(|a| a["type"] == kind && a["object"]["id"] == request["id"])
    })
    .await
}

/// Makes alice follow a peer's actor; its id here.
async fn followed(server: &Server, alice: &Person, peer: &Peer, name: &str) -> String {
    let actor = curator(peer, name);
    let path = format!(
        "/api/v2/search?q=@{name}@{}&resolve=true&type=accounts",
        peer.domain()
    );
    let found = server.get(alice, &path).await.entity("Search");
    let account = id(&found["accounts"][0]).to_owned();
    let path = format!("/api/v1/accounts/{account}/follow");
    server.post(alice, &path, json!({})).await.ok();
    let follow = eventually("the follow comes", async || {
        let mut all = peer.received().into_iter();
        all.find(|a| a["type"] == "Follow" && a["object"] == *actor)
    })
    .await;
    let accept = json!({"id": format!("{actor}#accept"), "type": "Accept", "actor": actor, "object": follow});
    assert_eq!(send(server, &actor, &accept).await, 202);
    account
}
