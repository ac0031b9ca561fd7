//! Featured collections over the wire (FEP-7aa9): between two servers, and with peers of other
//! manners and of bad ones.

use reqwest::Method;
use serde_json::{Value, json};

use super::two_servers::Pair;
use crate::api::collections::make;
use crate::support::peer::{Delivery, Page, Peer, eventually};
use crate::support::{Person, Server};

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

#[tokio::test(flavor = "multi_thread")]
async fn leave_is_asked_for_given_seen_and_taken_back_across_servers() {
    let pair = Pair::start().await;
    let Pair {
        one,
        two,
        alice,
        bob,
        bob_there,
        alice_there,
    } = &pair;
    let mut made = make(
        one,
        alice,
        json!({"name": "Good people", "description": "Of all sorts"}),
    )
    .await;
    let item = put(one, alice, &made, bob_there).await;
    assert_eq!(item["state"], "pending");
    // Who has not given leave is shown to the owner alone.
    let path = format!("/api/v1/collections/{}", id(&made));
    let all = one.get_public(&path).await.entity("CollectionWithAccounts");
    assert!(all["accounts"].as_array().unwrap().len() <= 2);
    eventually("leave is given", async || {
        made = shown(one, alice, id(&made)).await;
        (made["items"][0]["state"] == "accepted").then_some(())
    })
    .await;
    let told = eventually("bob hears of it", async || {
        notified(two, bob, "added_to_collection").await
    })
    .await;
    let there = told["collection"].clone();
    assert_eq!(
        (
            &there["uri"],
            &there["name"],
            &there["description"],
            &there["local"]
        ),
        (
            &made["uri"],
            &json!("Good people"),
            &json!("Of all sorts"),
            &json!(false)
        )
    );
    assert_eq!(there["url"], made["url"]);
    // The object names the stamp, and the stamp both.
    let (status, object) = document(one, made["uri"].as_str().unwrap()).await;
    assert_eq!(
        (status, &object["type"]),
        (200, &json!("FeaturedCollection"))
    );
    let entry = &object["orderedItems"][0];
    assert_eq!(
        document(one, id(entry)).await.1["featuredObject"],
        entry["featuredObject"]
    );
    let stamp = entry["featureAuthorization"].as_str().unwrap().to_owned();
    let (status, authorization) = document(two, &stamp).await;
    assert_eq!(
        (
            status,
            &authorization["type"],
            &authorization["interactingObject"],
            &authorization["interactionTarget"]
        ),
        (
            200,
            &json!("FeatureAuthorization"),
            &object["id"],
            &entry["featuredObject"]
        )
    );
    // The owner's list has it whole.
    let (_, owner) = document(one, object["attributedTo"].as_str().unwrap()).await;
    let (_, list) = document(one, owner["featuredCollections"].as_str().unwrap()).await;
    assert_eq!(
        (&list["totalItems"], &list["items"][0]["id"]),
        (&json!(1), &object["id"])
    );
    // A change is told to those who are in it.
    let change = json!({"name": "Better people"});
    one.send(Method::PATCH, &path, Some(&alice.token), Some(&change))
        .await
        .ok();
    let told = eventually("bob hears of the change", async || {
        notified(two, bob, "collection_update").await
    })
    .await;
    assert_eq!(told["collection"]["name"], "Better people");
    // Bob leaves: the stamp is gone, and so is he.
    let found = of(two, bob, alice_there).await;
    assert_eq!(found.len(), 1);
    let mine = &found[0]["items"][0];
    let revoke = format!(
        "/api/v1/collections/{}/items/{}/revoke",
        id(&there),
        id(mine)
    );
    two.post(bob, &revoke, json!({})).await.ok();
    assert_eq!(document(two, &stamp).await.0, 410);
    eventually("bob is taken out", async || {
        let now = shown(one, alice, id(&made)).await;
        now["items"].as_array().unwrap().is_empty().then_some(())
    })
    .await;
    assert!(
        shown(two, bob, id(&there)).await["items"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    // He is not to be asked again.
    let items = format!("{path}/items");
    one.post(alice, &items, json!({"account_id": bob_there}))
        .await
        .refused(422);
    one.delete(alice, &path).await.ok();
    assert_eq!(document(one, made["uri"].as_str().unwrap()).await.0, 410);
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_servers_hear_of_collections_and_of_what_becomes_of_them() {
    let pair = Pair::start().await;
    let Pair {
        one,
        two,
        alice,
        bob,
        alice_there,
        ..
    } = &pair;
    pair.bob_follows().await;
    let carol = one.person("carol").await;
    let body = json!({"name": "Ours", "language": "en", "description": "x", "tag_name": "home", "account_ids": [alice.id()]});
    let made = make(one, alice, body).await;
    let first = async |what: &str, fits: &dyn Fn(&Value) -> bool| {
        eventually(what, async || {
            of(two, bob, alice_there)
                .await
                .pop()
                .filter(|found| fits(found))
        })
        .await
    };
    let there = first("the collection comes", &|found| found["item_count"] == 1).await;
    assert_eq!(
        (&there["uri"], &there["language"], &there["tag"]["name"]),
        (&made["uri"], &json!("en"), &json!("home"))
    );
    // Carol's stamp is looked at where she lives.
    let item = put(one, alice, &made, &carol.id()).await;
    first("carol comes", &|found| found["item_count"] == 2).await;
    let item = format!("/api/v1/collections/{}/items/{}", id(&made), id(&item));
    one.delete(alice, &item).await.ok();
    first("carol goes", &|found| found["item_count"] == 1).await;
    one.delete(alice, &format!("/api/v1/collections/{}", id(&made)))
        .await
        .ok();
    eventually("the collection goes", async || {
        of(two, bob, alice_there).await.is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_want_it_refuses_across_servers() {
    let pair = Pair::start().await;
    let Pair {
        one,
        two,
        alice,
        bob,
        bob_there,
        ..
    } = &pair;
    // The other server does not hear of it in time.
    let path = "/api/v1/accounts/update_credentials";
    let hidden = json!({"discoverable": false});
    two.send(Method::PATCH, path, Some(&bob.token), Some(&hidden))
        .await
        .ok();
    let made = make(
        one,
        alice,
        json!({"name": "Mine", "account_ids": [bob_there]}),
    )
    .await;
    assert_eq!(made["items"][0]["state"], "pending");
    eventually("bob refuses", async || {
        let now = shown(one, alice, id(&made)).await;
        now["items"].as_array().unwrap().is_empty().then_some(())
    })
    .await;
    assert!(notified(two, bob, "added_to_collection").await.is_none());
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

#[tokio::test(flavor = "multi_thread")]
async fn a_request_from_elsewhere_is_answered_as_mastodon_writes_it() {
    let server = Server::start().await;
    let peer = Peer::start().await;
    let alice = server.person("alice").await;
    let sara = curator(&peer, "sara");
    let told = collection(&peer, &sara, "1", vec![]);
    peer.serve("/collections/1", Page::Document(told.clone()));
    // Mastodon says nothing of who asks: it is who signs.
    let mut first = request(&peer, &sara, 1, &alice, id(&told));
    first.as_object_mut().unwrap().remove("actor");
    assert_eq!(send(&server, &sara, &first).await, 202);
    let accept = answer(&peer, "Accept", &first).await;
    assert_eq!(accept["object"]["instrument"], told["id"]);
    let stamp = accept["result"].as_str().unwrap().to_owned();
    let (status, authorization) = document(&server, &stamp).await;
    assert_eq!(
        (status, &authorization["interactingObject"]),
        (200, &told["id"])
    );
    let note = eventually("it is told", async || {
        notified(&server, &alice, "added_to_collection").await
    })
    .await;
    let here = note["collection"].clone();
    assert_eq!(
        (&here["uri"], &here["item_count"]),
        (&told["id"], &json!(1))
    );
    assert!(!here["description"].as_str().unwrap().contains("script"));
    // The item comes in an Add without id, as Mastodon sends it.
    let item = entry(id(&told), 1, &alice.account.uri, &stamp);
    let add = json!({"type": "Add", "actor": sara, "target": told["id"], "object": item});
    assert_eq!(send(&server, &sara, &add).await, 202);
    let remove =
        json!({"type": "Remove", "actor": sara, "target": told["id"], "object": item["id"]});
    assert_eq!(send(&server, &sara, &remove).await, 202);
    eventually("the item goes", async || {
        let now = shown(&server, &alice, id(&here)).await;
        now["items"].as_array().unwrap().is_empty().then_some(())
    })
    .await;
    assert!(
        notified(&server, &alice, "added_to_collection")
            .await
            .is_none()
    );
    // Asked again, there is leave again; once taken back, there is none.
    let second = request(&peer, &sara, 2, &alice, id(&told));
    assert_eq!(send(&server, &sara, &second).await, 202);
    let accept = answer(&peer, "Accept", &second).await;
    let item = shown(&server, &alice, id(&here)).await["items"][0].clone();
    let revoke = format!(
        "/api/v1/collections/{}/items/{}/revoke",
        id(&here),
        id(&item)
    );
    server.post(&alice, &revoke, json!({})).await.ok();
    let delete = eventually("the stamp is deleted", async || {
        peer.received().into_iter().find(|a| a["type"] == "Delete")
    })
    .await;
    assert_eq!(delete["object"]["id"], accept["result"]);
    assert_eq!(delete["object"]["type"], "FeatureAuthorization");
    let third = request(&peer, &sara, 3, &alice, id(&told));
    assert_eq!(send(&server, &sara, &third).await, 202);
    answer(&peer, "Reject", &third).await;
    // Nor is it to be had by telling that it was given.
    let mut again = told.clone();
    again["orderedItems"] = json!([entry(
        id(&told),
        9,
        &alice.account.uri,
        accept["result"].as_str().unwrap()
    )]);
    let update =
        json!({"id": format!("{}#u", id(&told)), "type": "Update", "actor": sara, "object": again});
    assert_eq!(send(&server, &sara, &update).await, 202);
    let marker = request(&peer, &sara, 4, &alice, id(&told));
    assert_eq!(send(&server, &sara, &marker).await, 202);
    answer(&peer, "Reject", &marker).await;
    assert!(
        shown(&server, &alice, id(&here)).await["items"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_leave_is_for_the_collection_of_who_asks() {
    let server = Server::start().await;
    let (peer, evil) = (Peer::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let (sara, eve) = (curator(&peer, "sara"), curator(&peer, "eve"));
    let mallory = curator(&evil, "mallory");
    let told = collection(&peer, &sara, "1", vec![]);
    peer.serve("/collections/1", Page::Document(told.clone()));
    // A collection of another's on the same server; one that is none; one that cannot be had.
    peer.serve(
        "/notes/1",
        Page::Document(peer.note("eve", "1", "<p>no collection</p>")),
    );
    let missing = format!("{}/nothing", peer.origin);
    let note = format!("{}/notes/1", peer.origin);
    for (n, instrument) in [id(&told), &note, &missing].into_iter().enumerate() {
        let asked = request(&peer, &eve, n, &alice, instrument);
        assert_eq!(send(&server, &eve, &asked).await, 202);
        answer(&peer, "Reject", &asked).await;
    }
    // One on another server, and a request in another's name.
    let foreign = request(&evil, &mallory, 1, &alice, id(&told));
    assert_eq!(send(&server, &mallory, &foreign).await, 202);
    let forged = request(&peer, &sara, 7, &alice, id(&told));
    assert_eq!(send(&server, &mallory, &forged).await, 401);
    let good = request(&peer, &sara, 8, &alice, id(&told));
    assert_eq!(send(&server, &sara, &good).await, 202);
    let accept = answer(&peer, "Accept", &good).await;
    assert!(evil.received().is_empty());
    // The stamp is good for that collection alone.
    let stolen = collection(
        &peer,
        &eve,
        "2",
        vec![entry(
            &format!("{}/collections/2", peer.origin),
            1,
            &alice.account.uri,
            accept["result"].as_str().unwrap(),
        )],
    );
    let add = json!({
        "id": format!("{eve}#add"), "type": "Add", "actor": eve,
        "target": format!("{}/lists/eve", peer.origin), "object": stolen,
    });
    assert_eq!(send(&server, &eve, &add).await, 202);
    let found = eventually("eve's collection comes", async || {
        let path = format!("/api/v2/search?q=@eve@{}&type=accounts", peer.domain());
        let found = server.get(&alice, &path).await.entity("Search");
        let account = found["accounts"].get(0)?.clone();
        of(&server, &alice, id(&account)).await.pop()
    })
    .await;
    assert_eq!(found["items"], json!([]));
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

#[tokio::test(flavor = "multi_thread")]
async fn s16_in_collections_elsewhere_stand_those_whose_stamps_are_good() {
    let server = Server::start().await;
    let (peer, other, evil) = (
        Peer::start().await,
        Peer::start().await,
        Peer::start().await,
    );
    let alice = server.person("alice").await;
    let account = followed(&server, &alice, &peer, "sara").await;
    let sara = peer.actor_uri("sara");
    let own = format!("{}/collections/1", peer.origin);
    let people: Vec<String> = ["nils", "olga", "pia", "quin"]
        .map(|name| curator(&other, name))
        .into();
    let good = stamp(&other, "/stamps/good", &people[0], &own);
    let elsewhere = stamp(&other, "/stamps/elsewhere", &people[1], &format!("{own}0"));
    let forged = stamp(&evil, "/stamps/forged", &people[3], &own);
    let self_made = stamp(&peer, "/stamps/selfmade", &people[3], &own);
    let items = vec![
        entry(&own, 1, &people[0], &good),
        // A stamp for another collection; one of somebody else's; on other servers; none; himself twice.
        entry(&own, 2, &people[1], &elsewhere),
        entry(&own, 3, &people[2], &good),
        entry(&own, 4, &people[3], &forged),
        entry(&own, 5, &people[3], &self_made),
        entry(&own, 6, &other.actor_uri("none"), ""),
        entry(&own, 7, &people[0], &good),
        // Sara speaks for herself, but not for those who live here, nor in another server's name.
        entry(&own, 8, &sara, ""),
        entry(
            &own,
            9,
            &alice.account.uri,
            &format!("{}/stamps/1", alice.account.uri),
        ),
        entry(
            &format!("{}/collections/1", evil.origin),
            10,
            &people[0],
            &good,
        ),
    ];
    let told = collection(&peer, &sara, "1", items);
    let list = format!("{}/lists/sara", peer.origin);
    let add = json!({"type": "Add", "actor": sara, "target": list, "object": told});
    assert_eq!(send(&server, &sara, &add).await, 202);
    let there = eventually("those with good stamps stand there", async || {
        let found = of(&server, &alice, &account).await.pop()?;
        (found["item_count"] == 2).then_some(found)
    })
    .await;
    let with = server
        .get(&alice, &format!("/api/v1/collections/{}", id(&there)))
        .await;
    let with = with.entity("CollectionWithAccounts");
    let names: Vec<&str> = with["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["username"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["sara", "nils"],
        "each once: the owner is among them"
    );
    // Nobody else changes it, not even from the same server.
    let eve = curator(&peer, "eve");
    let mut renamed = told.clone();
    renamed["name"] = json!("Eve's");
    let mut stolen = renamed.clone();
    stolen["attributedTo"] = json!(eve);
    for (n, object) in [&renamed, &stolen].into_iter().enumerate() {
        let update =
            json!({"id": format!("{eve}#u{n}"), "type": "Update", "actor": eve, "object": object});
        assert_eq!(send(&server, &eve, &update).await, 202);
    }
    for (n, (target, object)) in [
        (own.clone(), format!("{own}/items/1")),
        (list.clone(), own.clone()),
    ]
    .into_iter()
    .enumerate()
    {
        let remove = json!({"id": format!("{eve}#r{n}"), "type": "Remove", "actor": eve, "target": target, "object": object});
        assert_eq!(send(&server, &eve, &remove).await, 202);
    }
    let delete = |by: &str, what: &str| json!({"id": format!("{by}#d"), "type": "Delete", "actor": by, "object": what});
    assert_eq!(send(&server, &eve, &delete(&eve, &own)).await, 202);
    let quin = &people[3];
    assert_eq!(send(&server, quin, &delete(quin, &good)).await, 202);
    // An item of another server's is none of hers.
    let foreign = json!({"id": format!("{sara}#a1"), "type": "Add", "actor": sara, "target": own,
        "object": entry(&format!("{}/collections/1", evil.origin), 11, &people[1], &good)});
    assert_eq!(send(&server, &sara, &foreign).await, 202);
    // Her own Update counts.
    let mut better = told.clone();
    better["name"] = json!("Better");
    let update =
        json!({"id": format!("{own}#u"), "type": "Update", "actor": sara, "object": better});
    assert_eq!(send(&server, &sara, &update).await, 202);
    eventually("the collection has another name", async || {
        let found = of(&server, &alice, &account).await.pop()?;
        (found["name"] == "Better" && found["item_count"] == 2).then_some(())
    })
    .await;
    // Nils deletes his stamp, and is out of it.
    assert_eq!(
        send(&server, &people[0], &delete(&people[0], &good)).await,
        202
    );
    eventually("nils is out", async || {
        let found = of(&server, &alice, &account).await.pop()?;
        (found["item_count"] == 1).then_some(())
    })
    .await;
    // What the list does not have any more goes when it is looked at again.
    peer.serve(
        "/lists/sara",
        Page::Document(json!({
            "id": list, "type": "Collection", "totalItems": 0, "items": [],
        })),
    );
    server.pass(2 * 60 * 60 * 1000);
    let id = account.parse::<i64>().unwrap();
    kith::federation::collections::refresh(&server.app, id)
        .await
        .unwrap();
    assert!(of(&server, &alice, &account).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn s6_a_collection_of_a_hundred_thousand_costs_what_any_does() {
    let server = Server::start().await;
    let (peer, other) = (Peer::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let account = followed(&server, &alice, &peer, "sara").await;
    let sara = peer.actor_uri("sara");
    // Pages without end, of a hundred each, all with stamps to be looked at.
    peer.serve_rest(|origin, path| {
        let number: usize = path
            .rsplit('=')
            .next()
            .and_then(|n| n.parse().ok())
            .unwrap_or(0);
        let own = format!("{origin}/collections/big");
        let items: Vec<Value> = (0..100)
            .map(|n| {
                let n = number * 100 + n;
                entry(
                    &own,
                    n,
                    &format!("{origin}/people/{n}"),
                    &format!("{origin}/stamps/{n}"),
                )
            })
            .collect();
        Page::Document(json!({
            "id": format!("{origin}{path}"), "type": "OrderedCollectionPage", "partOf": own,
            "orderedItems": items, "next": format!("{origin}/pages?page={}", number + 1),
        }))
    });
    let mut told = collection(&peer, &sara, "big", vec![]);
    told["totalItems"] = json!(100_000);
    told["first"] = json!(format!("{}/pages?page=1", peer.origin));
    told.as_object_mut().unwrap().remove("orderedItems");
    let list = format!("{}/lists/sara", peer.origin);
    let add = json!({"id": format!("{sara}#big"), "type": "Add", "actor": sara, "target": list, "object": told});
    assert_eq!(send(&server, &sara, &add).await, 202);
    let found = eventually("it comes", async || {
        of(&server, &alice, &account).await.pop()
    })
    .await;
    assert_eq!(found["items"], json!([]), "nobody without leave");
    let row = id(&found).parse::<i64>().unwrap();
    let kept = server
        .app
        .read(move |c| Box::pin(async move { Ok(kith::db::collections::items(c, row).await?) }))
        .await
        .unwrap();
    assert!(kept.len() <= 150, "{}", kept.len());
    // A million bytes of items are no activity.
    let many: Vec<Value> = (0..20_000)
        .map(|n| entry(id(&told), n, &sara, ""))
        .collect();
    let mut huge = add.clone();
    huge["object"] = collection(&peer, &sara, "huge", many);
    assert_eq!(send(&server, &sara, &huge).await, 413);
    // Endless lists of collections end, too.
    let endless = json!({
        "id": list, "type": "Collection", "first": format!("{}/pages?page=1", peer.origin),
    });
    peer.serve("/lists/sara", Page::Document(endless));
    let before = peer.requests().len();
    let account: i64 = account.parse().unwrap();
    kith::federation::collections::refresh(&server.app, account)
        .await
        .unwrap();
    assert!(peer.requests().len() - before < 60);
    drop(other);
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_an_accept_is_good_with_a_stamp_of_the_one_who_was_asked() {
    let server = Server::start().await;
    let (peer, evil) = (Peer::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let nils = curator(&peer, "nils");
    let mallory = curator(&evil, "mallory");
    let account =
        super::two_servers::resolve(&server, &alice, &format!("@nils@{}", peer.domain())).await;
    let nobody = peer.add_actor("nobody");
    let silent =
        super::two_servers::resolve(&server, &alice, &format!("@nobody@{}", peer.domain())).await;
    let made = make(
        &server,
        &alice,
        json!({"name": "Mine", "account_ids": [account]}),
    )
    .await;
    // Who says nothing of it is never featured.
    let shown_account = server
        .get(&alice, &format!("/api/v1/accounts/{silent}"))
        .await
        .entity("Account");
    assert_eq!(shown_account["feature_approval"]["current_user"], "missing");
    let items = format!("/api/v1/collections/{}/items", id(&made));
    server
        .post(&alice, &items, json!({"account_id": silent}))
        .await
        .refused(422);
    let asked = eventually("the request comes", async || {
        let mut all = peer.received().into_iter();
        all.find(|a| a["type"] == "FeatureRequest")
    })
    .await;
    assert_eq!(
        (&asked["object"], &asked["instrument"], &asked["actor"]),
        (&json!(nils), &made["uri"], &json!(alice.account.uri))
    );
    let own = made["uri"].as_str().unwrap();
    let good = stamp(&peer, "/stamps/good", &nils, own);
    let wrong = stamp(&peer, "/stamps/wrong", &nils, "http://elsewhere.example/c");
    let others = stamp(&peer, "/stamps/others", &nobody, own);
    let forged = stamp(&evil, "/stamps/forged", &nils, own);
    let accept = |by: &str, n: usize, result: &str| json!({"id": format!("{by}#accept{n}"), "type": "Accept", "actor": by, "object": asked["id"], "result": result});
    for (n, (by, result)) in [
        (&nils, &wrong),
        (&nils, &others),
        (&nils, &forged),
        (&mallory, &forged),
        (&nobody, &others),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(send(&server, by, &accept(by, n, result)).await, 202);
    }
    // As Mastodon writes it: the request by its id alone. It comes after all of those.
    eventually("the others are looked at", async || {
        (evil.asked("/stamps/forged") + peer.asked("/stamps/others") >= 2).then_some(())
    })
    .await;
    assert_eq!(
        shown(&server, &alice, id(&made)).await["items"][0]["state"],
        "pending"
    );
    assert_eq!(send(&server, &nils, &accept(&nils, 9, &good)).await, 202);
    eventually("it is accepted", async || {
        let now = shown(&server, &alice, id(&made)).await;
        (now["items"][0]["state"] == "accepted").then_some(())
    })
    .await;
    let add = eventually("nils hears of the item", async || {
        let mut all = peer.received().into_iter();
        all.find(|a| a["type"] == "Add")
    })
    .await;
    assert_eq!(
        (
            &add["target"],
            &add["object"]["featuredObject"],
            &add["object"]["featureAuthorization"]
        ),
        (&made["uri"], &json!(nils), &json!(good))
    );
    // Nils takes it back; others cannot.
    let delete = |by: &str| {
        json!({"id": format!("{by}#d"), "type": "Delete", "actor": by, "object": {
            "id": good, "type": "FeatureAuthorization", "interactingObject": own, "interactionTarget": by,
        }})
    };
    assert_eq!(send(&server, &nobody, &delete(&nobody)).await, 202);
    assert_eq!(send(&server, &nils, &delete(&nils)).await, 202);
    eventually("nils is out", async || {
        let now = shown(&server, &alice, id(&made)).await;
        now["items"].as_array().unwrap().is_empty().then_some(())
    })
    .await;
    let remove = eventually("the Remove comes", async || {
        let mut all = peer.received().into_iter();
        all.find(|a| a["type"] == "Remove")
    })
    .await;
    assert_eq!(
        (&remove["target"], &remove["object"]),
        (&made["uri"], &add["object"]["id"])
    );
}
