//! Signatures of either kind, in both directions, and what is wrong with them.

use serde_json::{Value, json};

use super::Meeting;
use crate::support::Server;
use crate::support::fedify::Fedify;

#[tokio::test(flavor = "multi_thread")]
async fn either_signature_is_taken_at_the_first_knock() {
    let m = Meeting::with("edda").await;
    m.follow().await;
    for (spec, by) in [
        ("rfc9421", "edda"),
        ("cavage", "edda"),
        ("rfc9421", "rsaonly"),
        ("cavage", "rsaonly"),
    ] {
        let what =
            json!({"content": format!("<p>{spec}</p>"), "mentions": [m.handle()], "spec": spec});
        let note = m.fedify.act(by, "note", what).await;
        m.arrives(&note["objectId"]).await;
        let posts = m.fedify.posted_to(&m.server.url).await;
        let knocks: Vec<&Value> = posts
            .iter()
            .filter(|post| {
                post["body"]
                    .as_str()
                    .is_some_and(|body| body.contains(note["id"].as_str().expect("an id")))
            })
            .collect();
        assert_eq!(knocks.len(), 1, "{knocks:#?}");
        assert_eq!(
            (&knocks[0]["sig"], &knocks[0]["status"]),
            (&json!(spec), &json!(202))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_tampered_with_is_refused() {
    let m = Meeting::with("fay").await;
    let status = m.server.status(&m.alice, "like me").await;
    let like = json!({"type": "Like", "object": status["uri"]});
    let inbox = format!("{}/inbox", m.uri());
    for spec in ["rfc9421", "cavage"] {
        let mut ways: Vec<Value> = ["body", "digest", "nodigest", "signature", "date"]
            .map(|tamper| json!({"tamper": tamper}))
            .to_vec();
        ways.extend([
            json!({"skewSeconds": 7200}),
            json!({"skewSeconds": -7200}),
            json!({"signAs": "gwen"}),
            json!({"keyId": format!("{}#main-key", m.fedify.actor("gwen"))}),
            json!({"keyId": format!("{}#none", m.fedify.actor("fay"))}),
            // Signed for another host than this one's. (Node's fetch restores a tampered `Host`.)
            json!({"inbox": inbox.replace("localhost", "127.0.0.1")}),
        ]);
        for mut way in ways {
            way["spec"] = json!(spec);
            if way["inbox"].is_null() {
                way["inbox"] = json!(inbox);
            }
            way["activity"] = like.clone();
            let answer = m.act("deliver", way.clone()).await;
            assert_eq!(answer["status"], 401, "{way}: {answer:#}");
        }
    }
    // A signature in the document is none of the request.
    let unsigned =
        json!({"spec": "none", "proof": true, "ld": true, "inbox": inbox, "activity": like});
    assert_eq!(m.act("deliver", unsigned).await["status"], 401);
    // Of what came before, nothing was done: the good one is the first.
    let good = json!({"spec": "rfc9421", "inbox": inbox, "activity": like});
    assert_eq!(m.act("deliver", good).await["status"], 202);
    m.counts(&status, "favourites_count", 1).await;
    let likes = m.get("/api/v1/notifications?types[]=favourite").await;
    assert_eq!(likes.as_array().map(Vec::len), Some(1), "{likes:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_by_rfc_9421_is_verified_there() {
    let (server, fedify) = (Server::start().await, Fedify::meet().await);
    let alice = server.person("alice").await;
    let host = fedify.domain().to_owned();
    // As if the host had refused the other kind before.
    server
        .app
        .write(move |tx| {
            Box::pin(async move { Ok(kith::db::hosts::set_signature(tx, &host, "rfc9421").await?) })
        })
        .await
        .expect("it is written");
    let text = format!("hello {}", fedify.handle("hana"));
    let status = server.status(&alice, &text).await;
    let create = fedify
        .expect_signed("Create", &alice.account.uri, "rfc9421")
        .await;
    assert_eq!(create["object"]["id"], status["uri"]);
    // So are fetches.
    let path = format!("/users/{}", "hana");
    let query = [
        ("method", "GET"),
        ("path", path.as_str()),
        ("contains", server.url.as_str()),
    ];
    let fetches = fedify.look("requests", &query).await;
    assert_eq!(fetches[0]["sig"], "rfc9421", "{fetches:#}");
    assert_eq!(
        fetches[0]["verification"]["http"]["ok"], true,
        "{fetches:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_post_is_served_to_followers_who_sign() {
    let m = Meeting::with("iris").await;
    m.be_followed().await;
    let private = json!({"status": "for followers", "visibility": "private"});
    let private = m.post("/api/v1/statuses", private).await;
    m.expect("Create").await;
    let uri = private["uri"].as_str().expect("a URI");
    for (name, spec, status) in [
        ("iris", "rfc9421", 200),
        ("iris", "cavage", 200),
        ("june", "rfc9421", 404),
        ("june", "cavage", 404),
        ("iris", "none", 404),
    ] {
        let query = [("url", uri), ("as", name), ("spec", spec)];
        let answer = m.fedify.look("fetch", &query).await;
        assert_eq!(answer["status"], status, "{name} by {spec}: {answer:#}");
    }
}
