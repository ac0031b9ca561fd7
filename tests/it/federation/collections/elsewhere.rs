//! With a server that writes as Mastodon does.

use serde_json::json;

use super::{
    answer, collection, curator, document, entry, followed, id, notified, of, request, send, shown,
    stamp,
};
use crate::api::collections::make;
use crate::federation::two_servers::resolve;
use crate::support::Server;
use crate::support::peer::{Page, Peer, eventually};

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
async fn s16_an_accept_is_good_with_a_stamp_of_the_one_who_was_asked() {
    let server = Server::start().await;
    let (peer, evil) = (Peer::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let nils = curator(&peer, "nils");
    let mallory = curator(&evil, "mallory");
    let account = resolve(&server, &alice, &format!("@nils@{}", peer.domain())).await;
    let nobody = peer.add_actor("nobody");
    let silent = resolve(&server, &alice, &format!("@nobody@{}", peer.domain())).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn who_is_gone_is_in_no_collection_and_has_none() {
    let server = Server::start().await;
    let peer = Peer::start().await;
    let alice = server.person("alice").await;
    let account = followed(&server, &alice, &peer, "sara").await;
    let sara = peer.actor_uri("sara");
    let own = format!("{}/collections/1", peer.origin);
    let told = collection(&peer, &sara, "1", vec![entry(&own, 1, &sara, "")]);
    let list = format!("{}/lists/sara", peer.origin);
    let add = json!({"type": "Add", "actor": sara, "target": list, "object": told});
    assert_eq!(send(&server, &sara, &add).await, 202);
    eventually("sara's comes", async || {
        of(&server, &alice, &account).await.pop()
    })
    .await;
    let made = make(
        &server,
        &alice,
        json!({"name": "Mine", "account_ids": [account]}),
    )
    .await;
    let asked = eventually("the request comes", async || {
        let mut all = peer.received().into_iter();
        all.find(|a| a["type"] == "FeatureRequest")
    })
    .await;
    let good = stamp(
        &peer,
        "/stamps/good",
        &sara,
        made["uri"].as_str().expect("a URI"),
    );
    let accept = json!({
        "id": format!("{sara}#accept1"), "type": "Accept", "actor": sara, "object": asked["id"], "result": good,
    });
    assert_eq!(send(&server, &sara, &accept).await, 202);
    let items = async || shown(&server, &alice, id(&made)).await["items"].clone();
    eventually("sara is in it", async || {
        (items().await[0]["state"] == "accepted").then_some(())
    })
    .await;
    let gone =
        json!({"id": format!("{sara}#gone"), "type": "Delete", "actor": sara, "object": sara});
    assert_eq!(send(&server, &sara, &gone).await, 202);
    let row = id(&made).parse::<i64>().expect("a number");
    eventually("nothing of sara is left", async || {
        let own = own.clone();
        let (theirs, items) = server
            .app
            .read(move |c| {
                Box::pin(async move {
                    let theirs = kith::db::collections::by_uri(c, &own).await?;
                    Ok((theirs, kith::db::collections::items(c, row).await?))
                })
            })
            .await
            .expect("the database answers");
        (theirs.is_none() && items.is_empty()).then_some(())
    })
    .await;
    assert_eq!(items().await, json!([]));
}
