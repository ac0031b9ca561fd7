//! S1: a valid signature by a key that is not the actor's.

use serde_json::{Value, json};

use super::{activity, deliver, followed, home, settle};
use crate::support::ACTOR_PUBLIC_KEY;
use crate::support::peer::{Delivery, Page, Peer, eventually};

const OTHER_KEY: &str = include_str!("../../support/keys/other.pem");

#[tokio::test(flavor = "multi_thread")]
async fn s1_a_key_that_is_not_the_actors_is_refused() {
    let (server, peer, alice) = followed().await;
    let mallory = peer.add_actor("mallory");
    let good = peer.actor_uri("good");
    let create = peer.create("good", &peer.note("good", "x", "forged"));
    // A good signature by somebody else: as if forwarded, so that the note is looked for where it
    // should be, and is not there.
    let answer = Delivery::by(&mallory).send(&server, &create).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    // A key on another server that says it is good's.
    let elsewhere = Peer::start().await;
    let liar = elsewhere.add_actor_with("liar", json!({"publicKey": {
        "id": format!("{}#main-key", elsewhere.actor_uri("liar")), "owner": good, "publicKeyPem": ACTOR_PUBLIC_KEY,
    }}));
    Delivery::by(&liar)
        .send(&server, &create)
        .await
        .refused(401);
    // A key document by itself, with an owner that does not list it.
    let key_id = format!("{}/keys/1", peer.origin);
    peer.serve("/keys/1", Page::Document(json!({
        "@context": "https://w3id.org/security/v1", "id": key_id, "owner": good, "publicKeyPem": ACTOR_PUBLIC_KEY,
    })));
    Delivery {
        key_id,
        ..Delivery::by(&good)
    }
    .send(&server, &create)
    .await
    .refused(401);
    // The right key id, another key.
    Delivery {
        key: OTHER_KEY,
        ..Delivery::by(&good)
    }
    .send(&server, &create)
    .await
    .refused(401);
    assert_eq!(settle(&server, &peer, &alice, "end").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn s1_a_key_with_a_page_of_its_own_is_its_listed_owners_alone() {
    let (server, peer, alice) = followed().await;
    let good = peer.actor_uri("good");
    let status = server.status(&alice, "like me").await;
    let path = format!("/api/v1/statuses/{}", status["id"].as_str().unwrap());
    let like = |by: &str, n: &str| activity(by, n, "Like", &status["uri"]);
    // Key ids without a fragment, as some write them.
    let key_id = format!("{}/keys/sara", peer.origin);
    let page = json!({
        "@context": "https://w3id.org/security/v1", "id": key_id,
        "owner": peer.actor_uri("sara"), "publicKeyPem": ACTOR_PUBLIC_KEY,
    });
    let sara = peer.add_actor_with("sara", json!({"publicKey": page}));
    peer.serve("/keys/sara", Page::Document(page));
    let signed = |by: &str| Delivery {
        key_id: by.to_owned(),
        ..Delivery::by(&sara)
    };
    let like_of_good = like(&good, "forged");
    signed(&key_id)
        .send(&server, &like_of_good)
        .await
        .refused(401);
    assert_eq!(
        signed(&key_id)
            .send(&server, &like(&sara, "1"))
            .await
            .status,
        202
    );
    // An actor's id is no key's, whoever signs.
    for by in [&good, &sara] {
        signed(by).send(&server, &like_of_good).await.refused(401);
    }
    // Keys that an actor lists but that say they are another's.
    for (n, (page, fragment, owner)) in [
        ("liar", "main-key", json!("victim")),
        ("victim", "other", json!("victim")),
        ("liar", "other", json!(["liar", "victim"])),
    ]
    .into_iter()
    .enumerate()
    {
        let named = |what: &str| peer.actor_uri(&format!("{what}{n}"));
        let owner = match &owner {
            Value::Array(_) => json!([named("liar"), named("victim")]),
            _ => json!(named("victim")),
        };
        let id = format!("{}#{fragment}", named(page));
        let key = json!({"id": id, "owner": owner, "publicKeyPem": ACTOR_PUBLIC_KEY});
        let liar = peer.add_actor_with(&format!("liar{n}"), json!({"publicKey": [key]}));
        let victim = peer.add_actor(&format!("victim{n}"));
        for by in [&victim, &liar] {
            signed(&id)
                .send(&server, &like(by, "forged"))
                .await
                .refused(401);
        }
    }
    // A key's page that leads to another host.
    let elsewhere = Peer::start().await;
    let victim = peer.add_actor("victim");
    elsewhere.serve(
        "/keys/victim",
        Page::Document(json!({
            "@context": "https://w3id.org/security/v1", "id": format!("{}/keys/moved", peer.origin),
            "owner": victim, "publicKeyPem": ACTOR_PUBLIC_KEY,
        })),
    );
    let there = format!("{}/keys/victim", elsewhere.origin);
    peer.serve("/keys/moved", Page::Redirect(there.clone()));
    for key_id in [format!("{}/keys/moved", peer.origin), there] {
        signed(&key_id)
            .send(&server, &like(&victim, "forged"))
            .await
            .refused(401);
    }
    deliver(&server, &good, &like(&good, "own")).await;
    eventually("the two likes arrive", async || {
        let likes = server.get(&alice, &path).await.entity("Status")["favourites_count"].clone();
        (likes == 2).then_some(())
    })
    .await;
    assert_eq!(home(&server, &alice).await.len(), 1, "alice's own");
}
