//! S19: the same again, old signatures, signatures that cover too little, and what is another's.

use reqwest::header::HeaderValue;
use serde_json::{Value, json};

use super::{activity, deliver, followed, home, settle, shows};
use crate::support::peer::{Delivery, Peer, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn s19_replays_old_signatures_and_others_objects_do_nothing() {
    let (server, peer, alice) = followed().await;
    let good = peer.actor_uri("good");
    let mallory = peer.add_actor("mallory");
    let status = server.status(&alice, "like me").await;
    let path = format!("/api/v1/statuses/{}", status["id"].as_str().expect("an id"));
    let like = json!({"@context": "https://www.w3.org/ns/activitystreams", "id": format!("{good}#like1"), "type": "Like", "actor": good, "object": status["uri"]});
    for _ in 0..3 {
        assert_eq!(Delivery::by(&good).send(&server, &like).await.status, 202);
    }
    let like_count =
        async || server.get(&alice, &path).await.entity("Status")["favourites_count"].clone();
    eventually("the like arrives", async || {
        (like_count().await == 1).then_some(())
    })
    .await;
    // Another one undoes it, deletes good's note and alice's.
    let note = peer.note("good", "mine", "mine");
    Delivery::by(&good)
        .send(&server, &peer.create("good", &note))
        .await;
    settle(&server, &peer, &alice, "mark").await;
    for (n, activity) in [
        json!({"type": "Undo", "object": like}),
        json!({"type": "Undo", "object": {"id": like["id"], "type": "Like", "actor": mallory, "object": status["uri"]}}),
        json!({"type": "Delete", "object": note["id"]}),
        json!({"type": "Delete", "object": status["uri"]}),
        json!({"type": "Delete", "object": good}),
        json!({"type": "Update", "object": {"id": note["id"], "type": "Note", "attributedTo": mallory, "content": "taken", "to": note["to"]}}),
    ]
    .into_iter()
    .enumerate()
    {
        let mut activity = activity;
        activity["id"] = json!(format!("{mallory}#{n}"));
        activity["actor"] = json!(mallory);
        let answer = Delivery::by(&mallory).send(&server, &activity).await;
        assert!(answer.status == 202 || answer.status == 401, "{}", answer.text);
    }
    // The last of mallory's deeds that does show.
    let own = json!({"@context": "https://www.w3.org/ns/activitystreams", "id": format!("{mallory}#like"), "type": "Like", "actor": mallory, "object": status["uri"]});
    assert_eq!(Delivery::by(&mallory).send(&server, &own).await.status, 202);
    eventually("mallory's like arrives", async || {
        (like_count().await == 2).then_some(())
    })
    .await;
    let list = home(&server, &alice).await;
    assert!(
        list.iter()
            .any(|s| s["uri"] == note["id"] && s["content"] == "mine"
                || s["content"] == "<p>mine</p>")
    );
    assert!(list.iter().any(|s| s["uri"] == status["uri"]));
    // Old, tampered or thin signatures.
    let fresh = |n: u32| json!({"@context": "https://www.w3.org/ns/activitystreams", "id": format!("{good}#f{n}"), "type": "Like", "actor": good, "object": status["uri"]});
    for (n, delivery) in [
        Delivery {
            skew: -7_200_000,
            ..Delivery::by(&good)
        },
        Delivery {
            skew: 7_200_000,
            ..Delivery::by(&good)
        },
        Delivery {
            skew: -7_200_000,
            rfc9421: true,
            ..Delivery::by(&good)
        },
        Delivery {
            other_body: Some(fresh(99).to_string()),
            ..Delivery::by(&good)
        },
        Delivery {
            other_body: Some(fresh(98).to_string()),
            rfc9421: true,
            ..Delivery::by(&good)
        },
        Delivery {
            tamper: |h| {
                h.remove("digest");
            },
            ..Delivery::by(&good)
        },
        Delivery {
            tamper: |h| {
                h.remove("signature");
            },
            ..Delivery::by(&good)
        },
        Delivery {
            tamper: |h| {
                h.insert(
                    "date",
                    HeaderValue::from_static("Sat, 21 Nov 2026 00:00:00 GMT"),
                );
            },
            ..Delivery::by(&good)
        },
        Delivery {
            tamper: |h| {
                let thin = h["signature"]
                    .to_str()
                    .expect("text")
                    .replace("(request-target) host date digest", "digest");
                h.insert("signature", HeaderValue::from_str(&thin).expect("a header"));
            },
            ..Delivery::by(&good)
        },
    ]
    .into_iter()
    .enumerate()
    {
        let n = u32::try_from(n).expect("a small number");
        delivery.send(&server, &fresh(n)).await.refused(401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s19_an_id_says_one_thing() {
    let (server, peer, alice) = followed().await;
    let good = peer.actor_uri("good");
    let note = peer.note("good", "one", "first words");
    deliver(&server, &good, &peer.create("good", &note)).await;
    settle(&server, &peer, &alice, "first").await;
    let words = async || {
        let list = home(&server, &alice).await;
        let found: Vec<Value> = list
            .into_iter()
            .filter(|s| s["uri"] == note["id"])
            .collect();
        assert_eq!(found.len(), 1);
        found[0]["content"].as_str().unwrap().to_owned()
    };
    assert!(words().await.contains("first words"));
    // The same activity with other words, and another Create of the same note.
    let mut again = note.clone();
    again["content"] = json!("second words");
    let mut create = peer.create("good", &again);
    deliver(&server, &good, &create).await;
    create["id"] = json!(format!("{good}#again"));
    deliver(&server, &good, &create).await;
    settle(&server, &peer, &alice, "second").await;
    assert!(words().await.contains("first words"));
    // An Update counts; the one before it, under a new id, does not any more.
    let update = |n: &str, said: &str, at: &str| {
        let mut object = note.clone();
        object["content"] = json!(said);
        object["updated"] = json!(at);
        activity(&good, n, "Update", &object)
    };
    deliver(
        &server,
        &good,
        &update("u2", "third words", "2026-01-02T05:00:00Z"),
    )
    .await;
    deliver(
        &server,
        &good,
        &update("u1", "old words", "2026-01-02T04:00:00Z"),
    )
    .await;
    settle(&server, &peer, &alice, "third").await;
    assert!(words().await.contains("third words"));
    // What is deleted stays so, whatever of it is sent again.
    deliver(&server, &good, &activity(&good, "d", "Delete", &note["id"])).await;
    for (n, replayed) in [
        peer.create("good", &note),
        update("u2", "third words", "2026-01-02T05:00:00Z"),
        update("u3", "last words", "2026-01-02T06:00:00Z"),
        activity(&good, "c3", "Create", &note),
        activity(&good, "c4", "Create", &note["id"]),
        activity(&good, "a1", "Announce", &note["id"]),
    ]
    .iter()
    .enumerate()
    {
        let answer = Delivery::by(&good).send(&server, replayed).await;
        assert_eq!(answer.status, 202, "{n}: {}", answer.text);
    }
    let list = settle(&server, &peer, &alice, "fourth").await;
    assert!(!shows(&list, &note["id"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn s19_nobody_undoes_what_another_did() {
    let (server, peer, alice) = followed().await;
    let evil = Peer::start().await;
    let good = peer.actor_uri("good");
    let mallories = [peer.add_actor("mallory"), evil.add_actor("mallory")];
    let status = server.status(&alice, "boost me").await;
    let path = format!("/api/v1/statuses/{}", status["id"].as_str().unwrap());
    let follow = activity(&good, "follow", "Follow", &json!(alice.account.uri));
    let boost = json!({
        "id": format!("{good}#boost"), "type": "Announce", "actor": good, "object": status["uri"],
        "to": "https://www.w3.org/ns/activitystreams#Public",
    });
    let like = activity(&good, "like", "Like", &status["uri"]);
    for deed in [&follow, &boost, &like] {
        deliver(&server, &good, deed).await;
    }
    let stands = async || {
        let status = server.get(&alice, &path).await.entity("Status");
        let mine = format!("/api/v1/accounts/{}", alice.id());
        let account = server.get(&alice, &mine).await.entity("Account");
        (
            status["favourites_count"].as_i64().unwrap(),
            status["reblogs_count"].as_i64().unwrap(),
            account["followers_count"].as_i64().unwrap(),
        )
    };
    eventually("it is all there", async || {
        (stands().await == (1, 1, 1)).then_some(())
    })
    .await;
    for mallory in &mallories {
        for (n, object) in [
            follow.clone(),
            boost.clone(),
            like.clone(),
            follow["id"].clone(),
            boost["id"].clone(),
            like["id"].clone(),
            json!({"id": like["id"]}),
            json!({"id": like["id"], "type": "Like", "object": status["uri"]}),
            json!({"id": boost["id"], "type": "Announce", "object": status["uri"]}),
            json!({"id": follow["id"], "type": "Follow", "object": alice.account.uri}),
            json!({"id": follow["id"], "type": "Follow", "actor": mallory, "object": alice.account.uri}),
        ]
        .iter()
        .enumerate()
        {
            let undo = activity(mallory, &format!("undo{n}"), "Undo", object);
            deliver(&server, mallory, &undo).await;
        }
        for (n, object) in [&boost["id"], &follow["id"], &like["id"]]
            .into_iter()
            .enumerate()
        {
            let delete = activity(mallory, &format!("delete{n}"), "Delete", object);
            deliver(&server, mallory, &delete).await;
        }
        // In somebody else's name.
        for kind in ["Undo", "Reject", "Block", "Remove"] {
            let forged = activity(&good, &format!("{kind}{}", mallory.len()), kind, &like);
            let answer = Delivery::by(mallory).send(&server, &forged).await;
            assert_eq!(answer.status, 401, "{kind}: {}", answer.text);
        }
        let own = activity(mallory, "own", "Like", &status["uri"]);
        deliver(&server, mallory, &own).await;
    }
    eventually("the last of it is worked on", async || {
        (stands().await.0 == 3).then_some(())
    })
    .await;
    assert_eq!(stands().await, (3, 1, 1));
}
