//! What a hostile peer tries; the names are those of the attack classes.

use reqwest::header::HeaderValue;
use serde_json::{Value, json};

use crate::support::peer::{Delivery, Page, Peer, eventually};
use crate::support::{ACTOR_PUBLIC_KEY, Person, Server};

const OTHER_KEY: &str = include_str!("../support/keys/other.pem");

/// A server whose alice follows `good` at the peer.
async fn followed() -> (Server, Peer, Person) {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let good = peer.add_actor("good");
    let handle = format!("@good@{}", peer.domain());
    let found = server
        .get(&alice, &format!("/api/v2/search?q={handle}&resolve=true"))
        .await
        .entity("Search");
    let id = found["accounts"][0]["id"]
        .as_str()
        .expect("good is found")
        .to_owned();
    server
        .post(&alice, &format!("/api/v1/accounts/{id}/follow"), json!({}))
        .await
        .ok();
    let follow = eventually("the Follow arrives", async || {
        peer.received().into_iter().find(|a| a["type"] == "Follow")
    })
    .await;
    let accept = json!({
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": format!("{good}#accept"), "type": "Accept", "actor": good, "object": follow,
    });
    assert_eq!(Delivery::by(&good).send(&server, &accept).await.status, 202);
    eventually("the follow is accepted", async || {
        let path = format!("/api/v1/accounts/relationships?id[]={id}");
        let list = server.get(&alice, &path).await.entities("Relationship");
        list[0]["following"].as_bool()?.then_some(())
    })
    .await;
    (server, peer, alice)
}

async fn home(server: &Server, alice: &Person) -> Vec<Value> {
    server
        .get(alice, "/api/v1/timelines/home")
        .await
        .entities("Status")
}

/// Sends a good note and waits for it: whatever was queued before by the same actor is done too.
async fn settle(server: &Server, peer: &Peer, alice: &Person, mark: &str) -> Vec<Value> {
    let note = peer.note("good", mark, mark);
    let answer = Delivery::by(&peer.actor_uri("good"))
        .send(server, &peer.create("good", &note))
        .await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    eventually("the mark arrives", async || {
        let list = home(server, alice).await;
        list.iter().any(|s| s["uri"] == note["id"]).then_some(list)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn both_signature_kinds_are_accepted() {
    let (server, peer, alice) = followed().await;
    for rfc9421 in [false, true] {
        let note = peer.note("good", if rfc9421 { "a" } else { "b" }, "hi");
        let delivery = Delivery {
            rfc9421,
            ..Delivery::by(&peer.actor_uri("good"))
        };
        assert_eq!(
            delivery
                .send(&server, &peer.create("good", &note))
                .await
                .status,
            202
        );
        eventually("it arrives", async || {
            home(&server, &alice)
                .await
                .iter()
                .any(|s| s["uri"] == note["id"])
                .then_some(())
        })
        .await;
    }
}

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
async fn s3_ids_must_be_where_their_author_is() {
    let (server, peer, alice) = followed().await;
    let elsewhere = Peer::start().await;
    elsewhere.add_actor("victim");
    let good = peer.actor_uri("good");
    // A note with an id on another server.
    let mut note = peer.note("good", "1", "not mine");
    note["id"] = json!(format!("{}/notes/1", elsewhere.origin));
    let mut create = peer.create("good", &note);
    create["id"] = json!(format!("{}/creates/1", peer.origin));
    let first = Delivery::by(&good).send(&server, &create).await;
    assert!(
        first.status.is_success() || first.status == 401,
        "{}",
        first.text
    );
    // A note of somebody else.
    let mut note = peer.note("good", "2", "not mine");
    note["attributedTo"] = json!(elsewhere.actor_uri("victim"));
    Delivery::by(&good)
        .send(&server, &peer.create("good", &note))
        .await;
    // An activity with an id on another server.
    let mut create = peer.create("good", &peer.note("good", "3", "odd"));
    create["id"] = json!(format!("{}/creates/3", elsewhere.origin));
    Delivery::by(&good)
        .send(&server, &create)
        .await
        .refused(401);
    // Only what is good is there.
    assert_eq!(settle(&server, &peer, &alice, "end").await.len(), 1);
    // A document that says it is another one.
    let lie = json!({"@context": "https://www.w3.org/ns/activitystreams", "id": format!("{}/notes/real", elsewhere.origin),
        "type": "Note", "attributedTo": elsewhere.actor_uri("victim"), "content": "spoof",
        "to": "https://www.w3.org/ns/activitystreams#Public"});
    peer.serve("/spoof", Page::Document(lie));
    let found = server
        .get(
            &alice,
            &format!("/api/v2/search?q={}/spoof&resolve=true", peer.origin),
        )
        .await
        .entity("Search");
    assert_eq!(found["statuses"], json!([]));
    // What is served as anything but ActivityPub is none.
    let note = peer.note("good", "html", "x").to_string();
    peer.serve("/notes/html", Page::Raw(200, "text/html", note));
    let found = server
        .get(
            &alice,
            &format!("/api/v2/search?q={}/notes/html&resolve=true", peer.origin),
        )
        .await
        .entity("Search");
    assert_eq!(found["statuses"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn s5_private_addresses_are_not_fetched() {
    let server = Server::start_with(&[("KITH_FEDERATION_ALLOW_PRIVATE", "false")]).await;
    let peer = Peer::start().await;
    let alice = server.person("alice").await;
    let good = peer.add_actor("good");
    for what in [
        good.clone(),
        format!("@good@{}", peer.domain()),
        good.replace("localhost", "127.0.0.1"),
        good.replace("localhost", "0.0.0.0"),
        good.replace("localhost", "[::1]"),
    ] {
        let found = server
            .get(&alice, &format!("/api/v2/search?q={what}&resolve=true"))
            .await;
        assert_eq!(found.entity("Search")["accounts"], json!([]), "{what}");
    }
    let create = peer.create("good", &peer.note("good", "1", "hi"));
    Delivery::by(&good)
        .send(&server, &create)
        .await
        .refused(401);
    assert_eq!(peer.requests(), [], "not one request was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn s6_endless_chains_and_redirects_end() {
    let (server, peer, alice) = followed().await;
    // Every note answers another one that must be fetched.
    peer.serve_rest(|origin, path| {
        let n: u64 = path.rsplit('/').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        if path.starts_with("/loop") {
            return Page::Redirect(format!("{origin}/loop/{}", n + 1));
        }
        Page::Document(json!({
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": format!("{origin}{path}"), "type": "Note", "attributedTo": format!("{origin}/users/good"),
            "content": "again", "inReplyTo": format!("{origin}/chain/{}", n + 1),
            "published": "2026-01-02T03:04:05Z",
            "to": ["https://www.w3.org/ns/activitystreams#Public"],
        }))
    });
    let before = peer.requests().len();
    let mut note = peer.note("good", "0", "top");
    note["inReplyTo"] = json!(format!("{}/chain/1", peer.origin));
    let create = peer.create("good", &note);
    assert_eq!(
        Delivery::by(&peer.actor_uri("good"))
            .send(&server, &create)
            .await
            .status,
        202
    );
    settle(&server, &peer, &alice, "end").await;
    let made = peer.requests().len() - before;
    assert!((1..=60).contains(&made), "{made} requests for one activity");
    let before = peer.requests().len();
    let found = server
        .get(
            &alice,
            &format!("/api/v2/search?q={}/loop/1&resolve=true", peer.origin),
        )
        .await;
    assert_eq!(found.entity("Search")["statuses"], json!([]));
    let made = peer.requests().len() - before;
    assert!(made <= 10, "{made} redirects were followed");
}

#[tokio::test(flavor = "multi_thread")]
async fn s7_what_is_too_much_is_cut_off() {
    let (server, peer, alice) = followed().await;
    let good = peer.actor_uri("good");
    let mut note = peer.note("good", "big", &"x".repeat(2 << 20));
    let answer = Delivery::by(&good)
        .send(&server, &peer.create("good", &note))
        .await;
    answer.refused(413);
    // A thousand mentions and tags.
    let tags: Vec<Value> = (0..3000)
        .map(|n| json!({"type": if n % 2 == 0 { "Mention" } else { "Hashtag" }, "href": format!("{}/users/m{n}", peer.origin), "name": format!("#t{n}")}))
        .collect();
    note = peer.note("good", "many", "many");
    note["tag"] = json!(tags);
    let before = peer.requests().len();
    Delivery::by(&good)
        .send(&server, &peer.create("good", &note))
        .await;
    let list = settle(&server, &peer, &alice, "end").await;
    assert!(
        peer.requests().len() - before < 60,
        "mentions were fetched without bound"
    );
    if let Some(many) = list.iter().find(|s| s["uri"] == note["id"]) {
        assert!(many["tags"].as_array().expect("tags").len() <= 200);
        assert!(many["mentions"].as_array().expect("mentions").len() <= 200);
    }
    // Documents without end.
    peer.serve("/endless", Page::Endless);
    let found = server
        .get(
            &alice,
            &format!("/api/v2/search?q={}/endless&resolve=true", peer.origin),
        )
        .await;
    assert_eq!(found.entity("Search")["statuses"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn s9_html_comes_in_clean() {
    let (server, peer, alice) = followed().await;
    let evil = r#"<p onclick="x()">hi <script>alert(1)</script><a href="javascript:x()">a</a><img src=x onerror=y><iframe src="//e"></iframe><style>*{}</style></p>"#;
    let mut note = peer.note("good", "evil", evil);
    note["summary"] = json!("<b>cw</b><script>x</script>");
    let create = peer.create("good", &note);
    assert_eq!(
        Delivery::by(&peer.actor_uri("good"))
            .send(&server, &create)
            .await
            .status,
        202
    );
    let list = settle(&server, &peer, &alice, "end").await;
    let status = list
        .iter()
        .find(|s| s["uri"] == note["id"])
        .expect("it arrived");
    let content = status["content"].as_str().expect("content");
    for bad in [
        "script",
        "onclick",
        "onerror",
        "javascript",
        "iframe",
        "style",
        "<img",
    ] {
        assert!(!content.contains(bad), "{bad} in {content}");
    }
    assert!(content.contains("hi"));
    assert!(
        !status["spoiler_text"]
            .as_str()
            .expect("a text")
            .contains("<script")
    );
    let name = "<img src=x onerror=y>Eve";
    peer.add_actor_with("eve", json!({"name": name, "summary": evil, "attachment": [{"type": "PropertyValue", "name": "<b>n</b>", "value": evil}]}));
    let found = server
        .get(
            &alice,
            &format!("/api/v2/search?q=@eve@{}&resolve=true", peer.domain()),
        )
        .await
        .entity("Search");
    let text = found["accounts"][0].to_string();
    for bad in ["<script", "onclick", "onerror=", "javascript:", "<iframe"] {
        assert!(!text.contains(bad), "{bad} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_followers_posts_wait_for_the_accept() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let lurker = peer.add_actor("lurker");
    let locked = json!({"locked": true});
    server
        .send(
            reqwest::Method::PATCH,
            "/api/v1/accounts/update_credentials",
            Some(&alice.token),
            Some(&locked),
        )
        .await
        .ok();
    let follow = json!({"@context": "https://www.w3.org/ns/activitystreams", "id": format!("{lurker}#f"), "type": "Follow", "actor": lurker, "object": alice.account.uri});
    assert_eq!(
        Delivery::by(&lurker).send(&server, &follow).await.status,
        202
    );
    eventually("the request arrives", async || {
        let list = server
            .get(&alice, "/api/v1/follow_requests")
            .await
            .entities("Account");
        (!list.is_empty()).then_some(())
    })
    .await;
    let private = json!({"status": "for followers", "visibility": "private"});
    let private = server
        .post(&alice, "/api/v1/statuses", private)
        .await
        .entity("Status");
    // A public one that mentions the lurker goes out; nothing went before it.
    let public = json!({"status": format!("@lurker@{} hi", peer.domain())});
    server
        .post(&alice, "/api/v1/statuses", public)
        .await
        .entity("Status");
    eventually("the mention goes out", async || {
        peer.received()
            .iter()
            .any(|a| a["type"] == "Create")
            .then_some(())
    })
    .await;
    assert!(
        !peer
            .received()
            .iter()
            .any(|a| a["object"]["id"] == private["uri"])
    );
    for path in [
        format!(
            "/users/alice/statuses/{}",
            private["id"].as_str().expect("an id")
        ),
        "/users/alice/outbox?page=true".to_owned(),
    ] {
        let request = server
            .http
            .get(format!("{}{path}", server.url))
            .header("accept", "application/activity+json");
        let answer = crate::support::Answer::of(request, path).await;
        assert!(!answer.text.contains("for followers"), "{}", answer.text);
    }
}

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
