//! Keys that change, and what passes through others' hands: between two Fedify peers, one that
//! signs by RFC 9421 with integrity proofs, and one that knows draft-cavage only.

use kith::domain::accounts;
use reqwest::Method;
use serde_json::{Value, json};

use super::fedify::Meeting;
use super::two_servers::Pair;
use crate::support::fedify::Fedify;
use crate::support::peer::{Delivery, Peer, eventually};
use crate::support::{Answer, Server};

const OTHER_KEY: &str = include_str!("../support/keys/other.pem");

/// How often a peer was asked for something.
async fn fetches(fedify: &Fedify, of: &str) -> usize {
    let path = of.replace(&fedify.origin, "");
    let query = [("method", "GET"), ("path", path.as_str())];
    let found = fedify.look("requests", &query).await;
    found.as_array().expect("a list").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_crosses_a_new_server_and_an_old_one() {
    let m = Meeting::with("lena").await;
    let old = Fedify::meet_old().await;
    m.follow().await;
    m.be_followed().await;
    let bea = old.actor("bea");
    let target = json!({"target": m.handle()});
    old.act("bea", "follow", target).await;
    old.expect("Accept", m.uri()).await;

    // What the old one says comes by its signature, at the first knock.
    let said = json!({"content": "<p>by hand</p>", "mentions": [m.handle()]});
    let said = old.act("bea", "note", said).await;
    let theirs = m.arrives(&said["objectId"]).await;
    let posts = old.posted_to(&m.server.url).await;
    let last = posts.last().expect("a delivery");
    assert_eq!(
        (&last["sig"], &last["status"]),
        (&json!("cavage"), &json!(202)),
        "{last:#}"
    );

    // An answer from here reaches both, and both verify it, the new one its proof too.
    let answer = json!({
        "status": format!("@bea@{} {} both of you", old.domain(), m.fedify.handle("lena")),
        "in_reply_to_id": theirs["id"],
    });
    let answer = m.post("/api/v1/statuses", answer).await;
    assert_eq!(m.expect("Create").await["object"]["id"], answer["uri"]);
    let there = old.expect("Create", m.uri()).await;
    assert_eq!(there["object"]["inReplyTo"], said["objectId"]);
    assert!(there["proof"].is_object(), "{there:#}");
    assert_eq!(theirs["account"]["uri"], bea);

    // The new one's answer is passed on by the old one, which cannot vouch for it: it is believed
    // by its proof, and nobody is asked.
    let public = "https://www.w3.org/ns/activitystreams#Public";
    let note = format!("{}/notes/passed-on", m.fedify.actor("lena"));
    let create = json!({
        "@context": ["https://www.w3.org/ns/activitystreams", kith::federation::proof::CONTEXT],
        "id": format!("{note}#create"), "type": "Create", "actor": m.fedify.actor("lena"), "to": public,
        "object": {
            "id": note, "type": "Note", "attributedTo": m.fedify.actor("lena"), "to": public,
            "content": "<p>passed on</p>", "inReplyTo": answer["uri"],
        },
    });
    let inbox = format!("{}/inbox", m.server.url);
    let unsigned = json!({"inbox": inbox, "activity": create, "proof": true, "spec": "none"});
    let sent = m.act("deliver", unsigned).await;
    assert_eq!(sent["status"], 401, "a proof is no signature of a request");
    // What Fedify signs names the public in full; this way of sending does not.
    let body = sent["sent"]["body"].as_str().expect("a body");
    let body = body.replace("\"as:Public\"", &format!("\"{public}\""));
    let signed: Value = serde_json::from_str(&body).expect("JSON");
    let by_bea = async |activity: &Value| {
        let knock = json!({"inbox": inbox, "rawBody": activity.to_string(), "spec": "cavage"});
        old.act("bea", "deliver", knock).await["status"].clone()
    };
    let mut changed = signed.clone();
    changed["object"]["content"] = json!("<p>put into her mouth</p>");
    // It may be looked for where it should be, and is not there.
    by_bea(&changed).await;
    assert_eq!(by_bea(&signed).await, 202);
    let shown = m.arrives(&json!(note)).await;
    assert_eq!(shown["content"], "<p>passed on</p>");
    assert_eq!(shown["in_reply_to_id"], answer["id"]);
    // Once, for what was changed; it is not there.
    assert!(fetches(&m.fedify, &note).await <= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_keys_here_are_told_and_fit() {
    let pair = Pair::start().await;
    pair.bob_follows().await;
    let say = async |text: &str| {
        let post = json!({"status": text});
        let post = pair.one.post(&pair.alice, "/api/v1/statuses", post).await;
        pair.arrives(&post.entity("Status")).await;
    };
    let keys = async || {
        let request = pair.one.http.get(&pair.alice.account.uri);
        let request = request.header("accept", "application/activity+json");
        let document: Value = Answer::of(request, "alice".to_owned()).await.ok();
        [
            document["publicKey"].clone(),
            document["assertionMethod"][0].clone(),
        ]
    };
    say("signed with the first").await;
    let before = keys().await;
    let new = pair.one.app.keys.next().await.expect("keys");
    // What happens while keys are made stays.
    let path = "/api/v1/accounts/update_credentials";
    let name = json!({"display_name": "Alice anew"});
    let renamed = pair
        .one
        .send(Method::PATCH, path, Some(&pair.alice.token), Some(&name));
    renamed.await.ok();
    let (ctx, alice) = (pair.one.app.ctx.clone(), pair.alice.account.id);
    pair.one
        .app
        .write(move |tx| {
            Box::pin(async move { accounts::rotate_keys(tx, &ctx, alice, &new).await })
        })
        .await
        .expect("it is written");
    let shown = format!("/api/v1/accounts/{}", pair.alice.id());
    let shown = pair.one.get_public(&shown).await.ok();
    assert_eq!(shown["display_name"], "Alice anew");
    for (before, after) in before.iter().zip(keys().await) {
        assert!(before["id"].is_string());
        assert_eq!(before["id"], after["id"]);
        assert_ne!(before, &after);
    }
    say("signed with the second").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_keys_elsewhere_are_fetched_when_the_known_one_does_not_fit() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let good = peer.add_actor("good");
    let says = |text: &str| {
        let mut note = peer.note("good", text, text);
        note["cc"] = json!([alice.account.uri]);
        note["tag"] = json!([{"type": "Mention", "href": alice.account.uri}]);
        note
    };
    let arrives = async |note: &Value| {
        eventually("the note arrives", async || {
            let path = "/api/v1/notifications?types[]=mention";
            let list = server.get(&alice, path).await.entities("Notification");
            list.iter()
                .any(|n| n["status"]["uri"] == note["id"])
                .then_some(())
        })
        .await;
    };
    let first = says("first");
    let delivery = Delivery::by(&good);
    let answer = delivery.send(&server, &peer.create("good", &first)).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    arrives(&first).await;

    let public = kith::federation::signature::PrivateKey::from_pem(OTHER_KEY).expect("a key");
    let public = public.public_key().to_pem();
    let key_id = format!("{good}#main-key");
    peer.add_actor_with(
        "good",
        json!({"publicKey": {"id": key_id, "owner": good, "publicKeyPem": public}}),
    );
    let second = says("second");
    let delivery = Delivery {
        key: OTHER_KEY,
        ..Delivery::by(&good)
    };
    let answer = delivery.send(&server, &peer.create("good", &second)).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    arrives(&second).await;
    // The old one is good for nothing any more.
    let third = says("third");
    let delivery = Delivery::by(&good);
    let answer = delivery.send(&server, &peer.create("good", &third)).await;
    answer.refused(401);
}
