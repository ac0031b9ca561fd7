//! Polls, edits, pins and direct conversations across servers.

use kith::clock::MINUTE;
use reqwest::Method;
use serde_json::{Value, json};

use super::two_servers::{Pair, id};
use crate::support::peer::{Delivery, Page, Peer, eventually};
use crate::support::{Person, Server};

/// A status of a server as another reads it: ActivityPub.
async fn object(server: &Server, url: &Value) -> Value {
    let url = url.as_str().unwrap().to_owned();
    let request = server
        .http
        .get(url)
        .header("accept", "application/activity+json");
    let text = request.send().await.unwrap().text().await.unwrap();
    serde_json::from_str(&text).unwrap()
}

fn counts(poll: &Value) -> Vec<i64> {
    let options = poll["options"].as_array().unwrap();
    options
        .iter()
        .map(|o| o["votes_count"].as_i64().unwrap())
        .collect()
}

async fn told(server: &Server, person: &Person, kind: &str) -> bool {
    let list = server
        .get(person, "/api/v1/notifications")
        .await
        .entities("Notification");
    list.iter().any(|n| n["type"] == kind)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_is_voted_in_from_elsewhere_and_its_counts_go_back() {
    let pair = Pair::start().await;
    pair.bob_follows().await;
    let body = json!({"status": "which?", "poll": {"options": ["red", "blue"], "expires_in": 600, "multiple": true}});
    let status = pair
        .one
        .post(&pair.alice, "/api/v1/statuses", body)
        .await
        .entity("Status");
    let there = pair.arrives(&status).await;
    assert_eq!(there["poll"]["options"][1]["title"], "blue");
    assert_eq!(
        (
            &there["poll"]["multiple"],
            &there["poll"]["expires_at"],
            &there["poll"]["voted"]
        ),
        (&json!(true), &status["poll"]["expires_at"], &json!(false))
    );
    let votes = format!(
        "/api/v1/polls/{}/votes",
        there["poll"]["id"].as_str().unwrap()
    );
    let voted = pair
        .two
        .post(&pair.bob, &votes, json!({"choices": [0, 1]}))
        .await
        .entity("Poll");
    assert_eq!(
        (counts(&voted), &voted["own_votes"]),
        (vec![1, 1], &json!([0, 1]))
    );
    eventually("the votes arrive", async || {
        let own = pair.own(&status).await;
        (counts(&own["poll"]) == [1, 1] && own["poll"]["voters_count"] == 1).then_some(())
    })
    .await;
    // Somebody on the first server votes, and after a while the second hears of it.
    let carol = pair.one.person("carol").await;
    let votes = format!(
        "/api/v1/polls/{}/votes",
        status["poll"]["id"].as_str().unwrap()
    );
    pair.one
        .post(&carol, &votes, json!({"choices": [1]}))
        .await
        .entity("Poll");
    pair.one.pass(MINUTE);
    let path = format!("/api/v1/statuses/{}", id(&there));
    let seen = eventually("the counts arrive", async || {
        let seen = pair.two.get(&pair.bob, &path).await.entity("Status");
        (counts(&seen["poll"]) == [1, 2]).then_some(seen)
    })
    .await;
    assert_eq!(seen["edited_at"], Value::Null, "new counts are no edit");
    assert_eq!(seen["poll"]["own_votes"], json!([0, 1]));
    let question = object(&pair.one, &status["uri"]).await;
    assert_eq!(
        (
            &question["type"],
            &question["votersCount"],
            &question["anyOf"][1]["replies"]["totalItems"]
        ),
        (&json!("Question"), &json!(2), &json!(2))
    );
    // The end is told to who voted, wherever the poll is from.
    for server in [&pair.one, &pair.two] {
        server.pass(20 * MINUTE);
    }
    for (server, person) in [
        (&pair.one, &pair.alice),
        (&pair.one, &carol),
        (&pair.two, &pair.bob),
    ] {
        eventually("the end is told", async || {
            told(server, person, "poll").await.then_some(())
        })
        .await;
    }
    let question = object(&pair.one, &status["uri"]).await;
    assert!(question["closed"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_from_elsewhere_are_kept() {
    let pair = Pair::start().await;
    pair.bob_follows().await;
    let body = json!({"status": "one", "poll": {"options": ["a", "b"], "expires_in": 600}});
    let status = pair
        .one
        .post(&pair.alice, "/api/v1/statuses", body)
        .await
        .entity("Status");
    let there = pair.arrives(&status).await;
    let votes = format!(
        "/api/v1/polls/{}/votes",
        there["poll"]["id"].as_str().unwrap()
    );
    pair.two
        .post(&pair.bob, &votes, json!({"choices": [0]}))
        .await
        .entity("Poll");
    let path = format!("/api/v1/statuses/{}", id(&status));
    for (text, second) in [("two", "b"), ("two", "c")] {
        let body = json!({"status": text, "poll": {"options": ["a", second], "expires_in": 600}});
        pair.one
            .send(Method::PUT, &path, Some(&pair.alice.token), Some(&body))
            .await
            .entity("Status");
    }
    let history = format!("/api/v1/statuses/{}/history", id(&there));
    let versions = eventually("the edits arrive", async || {
        let versions = pair
            .two
            .get(&pair.bob, &history)
            .await
            .entities("StatusEdit");
        (versions.len() == 3).then_some(versions)
    })
    .await;
    let said: Vec<(Value, Value)> = versions
        .iter()
        .map(|v| {
            (
                v["content"].clone(),
                v["poll"]["options"][1]["title"].clone(),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            (json!("<p>one</p>"), json!("b")),
            (json!("<p>two</p>"), json!("b")),
            (json!("<p>two</p>"), json!("c")),
        ]
    );
    let there_path = format!("/api/v1/statuses/{}", id(&there));
    let now = pair.two.get(&pair.bob, &there_path).await.entity("Status");
    assert_eq!(
        (counts(&now["poll"]), &now["poll"]["voted"]),
        (vec![0, 0], &json!(false))
    );
}

/// Who writes times to the second says of an early edit that it is no later than the post; the
/// next edit is later than that, though long past when we hear of the first.
#[tokio::test(flavor = "multi_thread")]
async fn edits_are_in_order_by_their_origins_clock() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let good = peer.add_actor("good");
    let mut note = peer.note("good", "n", "<p>one</p>");
    note["tag"] = json!([{"type": "Mention", "href": format!("{}/users/alice", server.url), "name": "@alice"}]);
    Delivery::by(&good)
        .send(&server, &peer.create("good", &note))
        .await;
    let there = eventually("the post arrives", async || {
        let list = server
            .get(&alice, "/api/v1/notifications")
            .await
            .entities("Notification");
        list.first().map(|first| first["status"].clone())
    })
    .await;
    let history = format!("/api/v1/statuses/{}/history", id(&there));
    let mut texts = vec!["<p>one</p>"];
    for (text, updated, kept) in [
        ("<p>two</p>", "2026-01-02T03:04:05Z", true),
        ("<p>three</p>", "2026-01-02T03:04:06Z", true),
        ("<p>older</p>", "2026-01-02T03:04:05Z", false),
        ("<p>four</p>", "2026-01-02T03:04:06Z", true),
    ] {
        note["content"] = json!(text);
        note["updated"] = json!(updated);
        let update = json!({
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": format!("{good}#updates/{}", &text[3..6]), "type": "Update", "actor": good,
            "to": note["to"], "object": note,
        });
        let answer = Delivery::by(&good).send(&server, &update).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        if kept {
            texts.push(text);
        }
        eventually(text, async || {
            let versions = server.get(&alice, &history).await.entities("StatusEdit");
            let said: Vec<&str> = versions
                .iter()
                .filter_map(|version| version["content"].as_str())
                .collect();
            (said == texts).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pins_are_told_elsewhere() {
    let pair = Pair::start().await;
    pair.bob_follows().await;
    let status = pair.one.status(&pair.alice, "pin me").await;
    let there = pair.arrives(&status).await;
    let pinned = format!("/api/v1/accounts/{}/statuses?pinned=true", pair.alice_there);
    for (verb, number) in [("pin", 1), ("unpin", 0)] {
        let path = format!("/api/v1/statuses/{}/{verb}", id(&status));
        pair.one
            .post(&pair.alice, &path, json!({}))
            .await
            .entity("Status");
        eventually("it is heard of", async || {
            let list = pair.two.get(&pair.bob, &pinned).await.entities("Status");
            (list.len() == number && list.iter().all(|s| s["id"] == there["id"])).then_some(())
        })
        .await;
        let actor = object(&pair.one, &json!(format!("{}/users/alice", pair.one.url))).await;
        let featured = object(&pair.one, &actor["featured"]).await;
        assert_eq!(
            (&featured["type"], &featured["totalItems"]),
            (&json!("OrderedCollection"), &json!(number))
        );
        if number == 1 {
            assert_eq!(featured["orderedItems"][0]["id"], status["uri"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_crosses_servers() {
    let pair = Pair::start().await;
    let body =
        json!({"status": format!("@bob@{} psst", pair.two.domain()), "visibility": "direct"});
    let said = pair
        .one
        .post(&pair.alice, "/api/v1/statuses", body)
        .await
        .entity("Status");
    let path = "/api/v1/conversations";
    let theirs = eventually("it arrives", async || {
        pair.two
            .get(&pair.bob, path)
            .await
            .entities("Conversation")
            .pop()
    })
    .await;
    assert_eq!(theirs["unread"], true);
    assert_eq!(theirs["accounts"][0]["id"], pair.alice_there);
    assert_eq!(theirs["last_status"]["uri"], said["uri"]);
    let body = json!({
        "status": format!("@alice@{} yes?", pair.one.domain()), "visibility": "direct",
        "in_reply_to_id": theirs["last_status"]["id"],
    });
    let answer = pair
        .two
        .post(&pair.bob, "/api/v1/statuses", body)
        .await
        .entity("Status");
    let hers = eventually("the answer arrives", async || {
        let list = pair
            .one
            .get(&pair.alice, path)
            .await
            .entities("Conversation");
        (list[0]["last_status"]["uri"] == answer["uri"]).then_some(list)
    })
    .await;
    assert_eq!(
        (hers.len(), &hers[0]["unread"]),
        (1, &json!(true)),
        "it is the same one"
    );
}

/// A Question as Mastodon publishes it, of an actor of the peer.
fn question(peer: &Peer, key: &str, counts: [i64; 2]) -> Value {
    let mut note = peer.note("good", "q", "<p>which?</p>");
    let option = |(name, votes)| json!({"type": "Note", "name": name, "replies": {"type": "Collection", "totalItems": votes}});
    note["type"] = json!("Question");
    note["published"] = json!("2026-11-20T10:00:00Z");
    note["endTime"] = json!("2100-01-01T00:00:00Z");
    note["votersCount"] = json!(counts[0] + counts[1]);
    note[key] = json!([option(("Red", counts[0])), option(("Blue", counts[1]))]);
    note
}

#[tokio::test(flavor = "multi_thread")]
async fn votes_and_questions_as_others_write_them() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let good = peer.add_actor("good");
    let deliver = async |activity: &Value| {
        let answer = Delivery::by(&good).send(&server, activity).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
    };
    // Votes that come one by one, as Note and as Answer; a second one in a single choice, and
    // what is no option, come to nothing.
    let body = json!({"status": "which?", "poll": {"options": ["Red", "Blue"], "expires_in": 600}});
    let status = server
        .post(&alice, "/api/v1/statuses", body)
        .await
        .entity("Status");
    let vote = |n: u32, kind: &str, name: &str| {
        json!({
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": format!("{good}#votes/{n}/activity"), "type": "Create", "actor": good,
            "to": [format!("{}/users/alice", server.url)],
            "object": {
                "id": format!("{good}#votes/{n}"), "type": kind, "name": name, "attributedTo": good,
                "to": [format!("{}/users/alice", server.url)], "inReplyTo": status["uri"],
            },
        })
    };
    deliver(&vote(1, "Note", "Green")).await;
    deliver(&vote(2, "Answer", "Blue")).await;
    deliver(&vote(3, "Note", "Red")).await;
    deliver(&vote(4, "Note", "Blue")).await;
    let path = format!("/api/v1/statuses/{}", id(&status));
    let seen = eventually("the vote counts", async || {
        let seen = server.get(&alice, &path).await.entity("Status");
        (seen["poll"]["votes_count"] == 1).then_some(seen)
    })
    .await;
    assert_eq!(
        (counts(&seen["poll"]), &seen["replies_count"]),
        (vec![0, 1], &json!(0))
    );
    assert!(!told(&server, &alice, "mention").await, "a vote is no post");

    // A Question, known by a mention; alice votes, and the peer gets a Note with the name.
    let mut note = question(&peer, "oneOf", [2, 1]);
    note["tag"] = json!([{"type": "Mention", "href": format!("{}/users/alice", server.url), "name": "@alice"}]);
    deliver(&peer.create("good", &note)).await;
    let there = eventually("the question arrives", async || {
        let list = server
            .get(&alice, "/api/v1/notifications")
            .await
            .entities("Notification");
        list.into_iter()
            .find(|n| n["type"] == "mention")
            .map(|n| n["status"].clone())
    })
    .await;
    assert_eq!(
        (counts(&there["poll"]), &there["poll"]["voters_count"]),
        (vec![2, 1], &json!(3))
    );
    // What came before it has been worked on: one vote counts.
    let seen = server.get(&alice, &path).await.entity("Status");
    assert_eq!(counts(&seen["poll"]), [0, 1]);
    let poll = format!("/api/v1/polls/{}", there["poll"]["id"].as_str().unwrap());
    server
        .post(&alice, &format!("{poll}/votes"), json!({"choices": [1]}))
        .await
        .entity("Poll");
    let sent = eventually("the vote is delivered", async || {
        peer.received()
            .into_iter()
            .find(|a| a["object"]["name"] == "Blue")
    })
    .await;
    assert_eq!(
        (
            &sent["type"],
            &sent["object"]["type"],
            &sent["object"]["inReplyTo"],
            &sent["to"],
            &sent["object"]["content"]
        ),
        (
            &json!("Create"),
            &json!("Note"),
            &note["id"],
            &json!(good),
            &Value::Null
        )
    );
    // Asked for later, the counts are fetched again.
    let mut newer = question(&peer, "oneOf", [5, 4]);
    newer["id"] = note["id"].clone();
    newer["@context"] = json!("https://www.w3.org/ns/activitystreams");
    peer.serve("/notes/q", Page::Document(newer));
    server.pass(4 * MINUTE);
    let fresh = server.get(&alice, &poll).await.entity("Poll");
    assert_eq!(
        (counts(&fresh), &fresh["own_votes"]),
        (vec![5, 4], &json!([1]))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pinned_elsewhere_is_the_actors_own() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let good = peer.add_actor_with(
        "good",
        json!({"featured": format!("{}/users/good/featured", peer.origin)}),
    );
    let other = peer.add_actor("other");
    let tag = json!([{"type": "Mention", "href": format!("{}/users/alice", server.url), "name": "@alice"}]);
    let mut mine = peer.note("good", "mine", "mine");
    let mut theirs = peer.note("other", "theirs", "theirs");
    for (by, name, note) in [(&good, "good", &mut mine), (&other, "other", &mut theirs)] {
        note["tag"] = tag.clone();
        Delivery::by(by)
            .send(&server, &peer.create(name, note))
            .await;
    }
    let author = eventually("both arrive", async || {
        let list = server
            .get(&alice, "/api/v1/notifications")
            .await
            .entities("Notification");
        let found = list.iter().find(|n| n["status"]["uri"] == mine["id"])?;
        (list.len() == 2).then(|| found["account"]["id"].as_str().unwrap().to_owned())
    })
    .await;
    let add = |n: u32, kind: &str, note: &Value, target: &str| {
        json!({
            "@context": "https://www.w3.org/ns/activitystreams", "id": format!("{good}#add/{n}"),
            "type": kind, "actor": good, "object": note["id"], "target": format!("{}{target}", peer.origin),
        })
    };
    for activity in [
        add(1, "Add", &theirs, "/users/good/featured"),
        add(2, "Add", &mine, "/users/other/featured"),
        add(3, "Add", &mine, "/users/good/featured"),
    ] {
        assert_eq!(
            Delivery::by(&good).send(&server, &activity).await.status,
            202
        );
    }
    let pinned = async |of: &str| {
        let path = format!("/api/v1/accounts/{of}/statuses?pinned=true");
        server.get(&alice, &path).await.entities("Status")
    };
    eventually("one's own is pinned", async || {
        let list = pinned(&author).await;
        (list.len() == 1 && list[0]["uri"] == mine["id"]).then_some(())
    })
    .await;
    let remove = add(4, "Remove", &mine, "/users/good/featured");
    assert_eq!(Delivery::by(&good).send(&server, &remove).await.status, 202);
    eventually("it is unpinned", async || {
        pinned(&author).await.is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pinned_elsewhere_shows_once_followed() {
    let pair = Pair::start().await;
    for text in ["one", "two", "three"] {
        let status = pair.one.status(&pair.alice, text).await;
        if text != "two" {
            let path = format!("/api/v1/statuses/{}/pin", id(&status));
            pair.one
                .post(&pair.alice, &path, json!({}))
                .await
                .entity("Status");
        }
    }
    pair.bob_follows().await;
    let pinned = format!("/api/v1/accounts/{}/statuses?pinned=true", pair.alice_there);
    eventually("the pins are there", async || {
        let list = pair.two.get(&pair.bob, &pinned).await.entities("Status");
        let texts: Vec<&str> = list
            .iter()
            .map(|s| s["content"].as_str().unwrap())
            .collect();
        (texts == ["<p>three</p>", "<p>one</p>"]).then_some(())
    })
    .await;
}
