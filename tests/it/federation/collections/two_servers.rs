//! Two Kith servers with each other.

use reqwest::Method;
use serde_json::{Value, json};

use super::{document, id, notified, of, put, shown};
use crate::api::collections::make;
use crate::federation::two_servers::Pair;
use crate::support::peer::eventually;

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
