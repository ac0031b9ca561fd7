//! S2: documents that say one thing as JSON and another as JSON-LD, or to another reader.

use serde_json::{Value, json};

use super::{activity, deliver, followed, home, search, settle, shows};
use crate::support::peer::{Delivery, Page, Peer, eventually};

const AS: &str = "https://www.w3.org/ns/activitystreams";

#[tokio::test(flavor = "multi_thread")]
async fn s2_what_two_readers_could_read_differently_is_refused() {
    let (server, peer, alice) = followed().await;
    let (good, mallory) = (peer.actor_uri("good"), peer.add_actor("mallory"));
    let note = peer.note("good", "1", "forged");
    let create = peer.create("good", &note);
    let twice = |name: &str, first: &Value, second: &Value| {
        let mut rest = create.clone();
        rest.as_object_mut().unwrap().remove(name);
        let rest = rest.to_string();
        format!("{{\"{name}\":{first},\"{name}\":{second},{}", &rest[1..])
    };
    let others = [
        ("actor", json!(mallory), json!(good)),
        ("actor", json!(good), json!(mallory)),
        ("id", json!(format!("{mallory}#1")), create["id"].clone()),
        ("type", json!("Create"), json!("Delete")),
        (
            "object",
            note.clone(),
            json!(peer.note("good", "2", "other")),
        ),
    ];
    for (name, first, second) in &others {
        for by in [&good, &mallory] {
            let delivery = Delivery {
                body: Some(twice(name, first, second)),
                ..Delivery::by(by)
            };
            delivery.send(&server, &Value::Null).await.refused(400);
        }
    }
    // Expanded, in a graph, under aliases: nothing says what it is in the words of the context.
    let context =
        json!([AS, {"kind": "@type", "url": "@id", "who": {"@id": "as:actor", "@type": "@id"}}]);
    for activity in [
        json!({"@context": AS, "@graph": [create]}),
        json!([create]),
        json!([{
            "@id": create["id"], "@type": [format!("{AS}#Create")],
            format!("{AS}#actor"): [{"@id": good}], format!("{AS}#object"): [{"@id": note["id"]}],
        }]),
        json!({"@id": create["id"], "@type": "Create", "as:actor": good, "as:object": note}),
        json!({"@context": context, "url": create["id"], "kind": "Create", "who": good, "object": note}),
        json!({"@context": AS, "id": create["id"], "type": "Create", "as:actor": good, "object": note}),
        json!({"@context": AS, "id": {"@value": create["id"]}, "type": "Create", "actor": good, "object": note}),
        json!({"@context": AS, "id": create["id"], "type": "Create", "actor": [mallory, good], "object": note}),
    ] {
        let answer = Delivery::by(&good).send(&server, &activity).await;
        assert_eq!(answer.status, 400, "{activity}: {}", answer.text);
    }
    // A graph beside what is plain is nothing; and a context does not turn mallory into good.
    let context =
        json!([AS, {"actor": "as:instrument", "realActor": {"@id": "as:actor", "@type": "@id"}}]);
    let liked = json!({
        "@context": context, "id": format!("{mallory}#like"), "type": "Like", "actor": mallory,
        "realActor": good, "object": note["id"], "@graph": [create], "@included": [create],
        "@reverse": {"object": create},
    });
    deliver(&server, &mallory, &liked).await;
    assert_eq!(settle(&server, &peer, &alice, "end").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_a_linked_data_signature_or_a_bad_proof_is_not_believed() {
    let (server, peer, alice) = followed().await;
    let (good, mallory) = (peer.actor_uri("good"), peer.add_actor("mallory"));
    let note = peer.note("good", "1", "as it was signed");
    peer.serve("/notes/1", Page::Document(note.clone()));
    // What good signed, turned around, and sent by somebody else.
    let mut turned = note.clone();
    turned["content"] = json!("as it was turned");
    turned["tag"] = json!([{"type": "Hashtag", "name": "#turned"}]);
    let mut create = peer.create("good", &turned);
    create["signature"] = json!({
        "type": "RsaSignature2017", "creator": format!("{good}#main-key"),
        "created": "2026-01-02T03:04:05Z", "signatureValue": "QUFB",
    });
    create["proof"] = json!({
        "type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022", "proofPurpose": "assertionMethod",
        "verificationMethod": format!("{good}#main-key"), "proofValue": "zQUFB",
        "created": kith::clock::iso_seconds(server.app.clock.now_ms()),
    });
    deliver(&server, &mallory, &create).await;
    let status = eventually("it arrives as its origin serves it", async || {
        let list = home(&server, &alice).await;
        list.into_iter().find(|s| s["uri"] == note["id"])
    })
    .await;
    let content = status["content"].as_str().unwrap();
    assert!(content.contains("as it was signed"), "{content}");
    assert_eq!(status["tags"], json!([]));
    // Nor is an Update, a Delete, or an Undo, which nobody forwards.
    let mut update = activity(&good, "update", "Update", &turned);
    let mut delete = activity(&good, "delete", "Delete", &note["id"]);
    let mut undo = activity(
        &good,
        "undo",
        "Undo",
        &json!({"type": "Like", "actor": good}),
    );
    for activity in [&mut update, &mut delete, &mut undo] {
        activity["signature"] = create["signature"].clone();
        activity["proof"] = create["proof"].clone();
    }
    deliver(&server, &mallory, &update).await;
    deliver(&server, &mallory, &delete).await;
    Delivery::by(&mallory)
        .send(&server, &undo)
        .await
        .refused(401);
    // Mallory's are worked on in order: with the last of them, the others are done.
    let mut last = peer.note("mallory", "last", "@alice");
    last["tag"] = json!([{"type": "Mention", "href": alice.account.uri, "name": "@alice"}]);
    deliver(&server, &mallory, &peer.create("mallory", &last)).await;
    eventually("mallory's last arrives", async || {
        let path = "/api/v1/notifications?types[]=mention";
        server
            .get(&alice, path)
            .await
            .entities("Notification")
            .pop()
    })
    .await;
    let list = home(&server, &alice).await;
    let now = list.iter().find(|s| s["uri"] == note["id"]).unwrap();
    assert_eq!(now["content"], status["content"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_documents_are_read_in_their_plain_form_alone() {
    let (server, peer, alice) = followed().await;
    let elsewhere = Peer::start().await;
    let victim = elsewhere.add_actor("victim");
    let good = peer.actor_uri("good");
    let at = |n: u32| format!("{}/odd/{n}", peer.origin);
    let to = format!("{AS}#Public");
    let plain = |n: u32| {
        json!({
            "@context": AS, "id": at(n), "type": "Note", "attributedTo": good, "content": "x", "to": to,
        })
    };
    let odd = [
        json!({"@context": AS, "@graph": [plain(0)]}),
        json!([plain(1)]),
        json!([{
            "@id": at(2), "@type": [format!("{AS}#Note")], format!("{AS}#content"): [{"@value": "x"}],
            format!("{AS}#attributedTo"): [{"@id": good}], format!("{AS}#to"): [{"@id": to}],
        }]),
        json!({"@context": [AS, {"i": "@id", "t": "@type"}], "i": at(3), "t": "Note", "attributedTo": good, "to": to}),
        json!({"@context": AS, "id": at(4), "type": "as:Note", "as:attributedTo": good, "as:content": "x", "to": to}),
        // Whom the context says it is by does not matter; whom it names does.
        json!({
            "@context": [AS, {"attributedTo": "as:generator", "by": {"@id": "as:attributedTo", "@type": "@id"}}],
            "id": at(5), "type": "Note", "by": good, "attributedTo": victim, "content": "x", "to": to,
        }),
    ];
    for (n, document) in odd.iter().enumerate() {
        peer.serve(&format!("/odd/{n}"), Page::Document(document.clone()));
        let found = search(&server, &alice, &at(n as u32)).await;
        assert_eq!(found["statuses"], json!([]), "{document}");
    }
    let plain = plain(6).to_string();
    for (n, second) in [(6, at(6)), (7, format!("{}/notes/1", elsewhere.origin))] {
        let twice = format!("{{\"id\":\"{second}\",{}", &plain[1..]);
        let page = Page::Raw(200, "application/activity+json", twice);
        peer.serve(&format!("/odd/{n}"), page);
        let found = search(&server, &alice, &at(n)).await;
        assert_eq!(found["statuses"], json!([]), "{second}");
    }
    // An object with two ids is the one that we read, or none: never another's.
    let mut note = peer.note("good", "two", "two names");
    note["id"] = json!(format!("{}/notes/1", elsewhere.origin));
    let create = peer.create("good", &note);
    let own = format!("{}/notes/two", peer.origin);
    let foreign = note["id"].as_str().unwrap();
    let mut body = create.to_string();
    body = body.replace(
        &format!("\"id\":\"{foreign}\""),
        &format!("\"id\":\"{foreign}\",\"id\":\"{own}\""),
    );
    body = body.replace(&format!("{foreign}#create"), &format!("{own}#create"));
    assert_eq!(body.matches("\"id\":").count(), 3);
    let delivery = Delivery {
        body: Some(body),
        ..Delivery::by(&good)
    };
    let answer = delivery.send(&server, &Value::Null).await;
    assert!(
        answer.status == 202 || answer.status == 400,
        "{}",
        answer.text
    );
    let list = settle(&server, &peer, &alice, "end").await;
    assert!(!shows(&list, &note["id"]));
    assert!(list.iter().all(|s| s["account"]["uri"] == good));
}
