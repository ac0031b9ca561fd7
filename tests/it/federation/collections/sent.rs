//! What Kith sends: the examples of `docs/federation/collections.md`.
//!
//! A block there that begins with ```` ```json NAME ```` is held against what goes out under that
//! name, but for `@context` and `proof` where it has none. Hosts, ids and times are blanked out.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use super::{collection, curator, document, entry, id, request, stamp};
use crate::federation::snapshots::World;
use crate::support::peer::{Page, eventually};

/// The examples by their names.
fn examples() -> BTreeMap<String, Value> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/docs/federation/collections.md"
    );
    let page = std::fs::read_to_string(path).expect("the page");
    let blocks = page.split("\n```json ").skip(1).map(|block| {
        let (name, rest) = block.split_once('\n').expect("a name");
        let json = rest.split("\n```").next().expect("an end");
        let value = serde_json::from_str(json).unwrap_or_else(|e| panic!("{name}: {e}"));
        (name.to_owned(), value)
    });
    blocks.collect()
}

/// What went out, by the names of the examples.
#[derive(Default)]
struct Sent(BTreeMap<String, Value>);

impl Sent {
    fn put(&mut self, world: &World, name: &str, value: &Value) {
        self.0.insert(name.to_owned(), world.blank(value));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_out_is_what_the_documentation_shows() {
    let world = World::new("peer").await;
    let (mut sent, seen) = (Sent::default(), &mut 0);
    let (sara, key) = (curator(&world.peer, "sara"), "sara");
    let key = format!("{}#main-key", world.peer.actor_uri(key));
    let handle = format!("@sara@{}", world.peer.domain());
    let there = world.find(&handle, "accounts").await;
    let follow = json!({
        "@context": "https://www.w3.org/ns/activitystreams", "id": format!("{sara}#follow"),
        "type": "Follow", "actor": sara, "object": world.alice.account.uri,
    });
    world.deliver(&follow, &key).await;
    world.next(seen, "Accept").await;
    let (_, actor) = document(&world.server, &world.alice.account.uri).await;
    let says = json!({
        "id": actor["id"], "type": actor["type"],
        "featuredCollections": actor["featuredCollections"],
        "interactionPolicy": actor["interactionPolicy"],
    });
    sent.put(&world, "actor", &says);

    let body = json!({
        "name": "Good sailors", "description": "They know the sea", "language": "en",
        "tag_name": "#sailing", "account_ids": [world.alice.id()],
    });
    let made = world.post("/api/v1/collections", body).await["collection"].clone();
    let path = format!("/api/v1/collections/{}", id(&made));
    sent.put(
        &world,
        "Add of a collection",
        &world.next(seen, "Add").await,
    );
    let items = format!("{path}/items");
    let item = world.post(&items, json!({"account_id": there["id"]})).await;
    let asked = world.next(seen, "FeatureRequest").await;
    sent.put(&world, "FeatureRequest", &asked);
    let uri = made["uri"].as_str().expect("a URI");
    let accept = json!({
        "@context": "https://www.w3.org/ns/activitystreams", "id": format!("{sara}#accept"),
        "type": "Accept", "actor": sara, "object": asked["id"],
        "result": stamp(&world.peer, "/stamps/1", &sara, uri),
    });
    world.deliver(&accept, &key).await;
    sent.put(&world, "Add of an item", &world.next(seen, "Add").await);
    let change = json!({"name": "Better sailors"});
    world.send(Method::PATCH, &path, change).await;
    sent.put(&world, "Update", &world.next(seen, "Update").await);
    let item = format!("{items}/{}", id(&item["collection_item"]));
    world.send(Method::DELETE, &item, json!({})).await;
    sent.put(
        &world,
        "Remove of an item",
        &world.next(seen, "Remove").await,
    );
    world.send(Method::DELETE, &path, json!({})).await;
    sent.put(
        &world,
        "Remove of a collection",
        &world.next(seen, "Remove").await,
    );

    let own = format!("{}/collections/1", world.peer.origin);
    let told = collection(&world.peer, &sara, "1", vec![entry(&own, 1, &sara, "")]);
    world.peer.serve("/collections/1", Page::Document(told));
    let asks = request(&world.peer, &sara, 1, &world.alice, &own);
    world.deliver(&asks, &key).await;
    let accept = world.next(seen, "Accept").await;
    sent.put(&world, "Accept", &accept);
    let (_, stamp) = document(&world.server, accept["result"].as_str().expect("a stamp")).await;
    sent.put(&world, "FeatureAuthorization", &stamp);
    let featuring = format!("/api/v1/accounts/{}/in_collections", world.alice.id());
    let there = eventually("alice is in it", async || {
        world.get(&featuring).await["collections"].get(0).cloned()
    })
    .await;
    let mine = there["items"].as_array().expect("items").iter();
    let mine = mine
        .clone()
        .find(|item| item["account_id"] == json!(world.alice.id()))
        .expect("alice is in it");
    let revoke = format!(
        "/api/v1/collections/{}/items/{}/revoke",
        id(&there),
        id(mine)
    );
    world.post(&revoke, json!({})).await;
    sent.put(&world, "Delete", &world.next(seen, "Delete").await);
    let again = request(&world.peer, &sara, 2, &world.alice, &own);
    world.deliver(&again, &key).await;
    sent.put(&world, "Reject", &world.next(seen, "Reject").await);

    let examples = examples();
    for (name, value) in &mut sent.0 {
        for member in ["@context", "proof"] {
            let shown = examples.get(name).is_some_and(|e| e.get(member).is_some());
            if !shown && let Some(members) = value.as_object_mut() {
                members.remove(member);
            }
        }
    }
    let names = |map: &BTreeMap<String, Value>| map.keys().cloned().collect::<Vec<_>>();
    let wrong: Vec<String> = sent
        .0
        .iter()
        .filter(|(name, value)| examples.get(*name) != Some(*value))
        .map(|(name, value)| format!("```json {name}\n{value:#}\n```"))
        .collect();
    assert!(wrong.is_empty(), "to be shown is\n{}", wrong.join("\n\n"));
    assert_eq!(names(&examples), names(&sent.0));
}
