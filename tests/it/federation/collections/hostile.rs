//! What is not believed, and what costs no more than anything else.

use serde_json::{Value, json};

use super::{answer, collection, curator, entry, followed, id, of, request, send, stamp};
use crate::support::Server;
use crate::support::peer::{Page, Peer, eventually};

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
