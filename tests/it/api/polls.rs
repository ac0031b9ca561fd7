//! `/api/v1/polls`, and polls of statuses

use kith::clock::MINUTE;
use serde_json::{Value, json};

use crate::support::peer::eventually;
use crate::support::{Person, Server};

/// Posts a poll of two options that ends in five minutes; the status.
async fn poll(server: &Server, person: &Person, more: Value) -> Value {
    let mut poll = json!({"options": ["red", "blue"], "expires_in": 300});
    poll.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let body = json!({"status": "which?", "poll": poll});
    server
        .post(person, "/api/v1/statuses", body)
        .await
        .entity("Status")
}

fn path(status: &Value) -> String {
    format!("/api/v1/polls/{}", status["poll"]["id"].as_str().unwrap())
}

fn counts(poll: &Value) -> Vec<Value> {
    let options = poll["options"].as_array().unwrap();
    options.iter().map(|o| o["votes_count"].clone()).collect()
}

/// Types and statuses of what a person was notified of.
async fn told(server: &Server, person: &Person) -> Vec<(Value, Value)> {
    server
        .get(person, "/api/v1/notifications")
        .await
        .entities("Notification")
        .iter()
        .map(|n| (n["type"].clone(), n["status"]["id"].clone()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_is_voted_in_once() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let status = poll(&server, &alice, json!({})).await;
    assert_eq!(status["poll"]["voted"], true, "it is the author's own");
    let path = path(&status);
    let before = server.get(&bob, &path).await.entity("Poll");
    assert_eq!(
        (&before["voted"], &before["own_votes"], &before["expired"]),
        (&json!(false), &json!([]), &json!(false))
    );
    let anyone = server.get_public(&path).await.entity("Poll");
    assert!(anyone.get("voted").is_none());
    let votes = format!("{path}/votes");
    for (choices, who, why) in [
        (json!([]), &bob, "nothing chosen"),
        (json!([2]), &bob, "no such option"),
        (json!([-1]), &bob, "no such option"),
        (json!([0, 1]), &bob, "two where one is allowed"),
        (json!([0]), &alice, "one's own"),
        (json!(["x"]), &bob, "no number"),
    ] {
        let answer = server.post(who, &votes, json!({"choices": choices})).await;
        assert!(!answer.refused(422).is_empty(), "{why}");
    }
    let voted = server
        .post(&bob, &votes, json!({"choices": ["1"]}))
        .await
        .entity("Poll");
    assert_eq!(counts(&voted), [0, 1]);
    assert_eq!(
        (&voted["votes_count"], &voted["voters_count"]),
        (&json!(1), &json!(1))
    );
    server
        .post(&bob, &votes, json!({"choices": [0]}))
        .await
        .refused(422);
    // What was in memory says so too, to each in their own way.
    let status_path = format!("/api/v1/statuses/{}", status["id"].as_str().unwrap());
    let his = server.get(&bob, &status_path).await.entity("Status");
    assert_eq!(
        (&his["poll"]["voted"], &his["poll"]["own_votes"]),
        (&json!(true), &json!([1]))
    );
    let hers = server.get(&alice, &status_path).await.entity("Status");
    assert_eq!(hers["poll"]["own_votes"], json!([]));
    assert_eq!(counts(&hers["poll"]), [0, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_choices_count_one_voter() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let status = poll(&server, &alice, json!({"multiple": true})).await;
    let votes = format!("{}/votes", path(&status));
    let voted = server
        .post(&bob, &votes, json!({"choices": [1, 0, 1]}))
        .await
        .entity("Poll");
    assert_eq!(voted["own_votes"], json!([0, 1]));
    assert_eq!(
        (&voted["votes_count"], &voted["voters_count"]),
        (&json!(2), &json!(1))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_vote_however_many_at_once() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let status = poll(&server, &alice, json!({})).await;
    let votes = format!("{}/votes", path(&status));
    let tries = (0..8).map(|n| server.post(&bob, &votes, json!({"choices": [n % 2]})));
    let answers = futures::future::join_all(tries).await;
    let taken = answers.iter().filter(|a| a.status == 200).count();
    assert_eq!(taken, 1);
    let poll = server.get(&bob, &path(&status)).await.entity("Poll");
    assert_eq!(
        (&poll["votes_count"], &poll["voters_count"]),
        (&json!(1), &json!(1))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_poll_is_refused() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let instance = server.get_public("/api/v2/instance").await.ok();
    let limits = &instance["configuration"]["polls"];
    let most = limits["max_options"].as_u64().unwrap() as usize;
    let longest = limits["max_characters_per_option"].as_u64().unwrap() as usize;
    let titles = |n: usize| (0..n).map(|n| n.to_string()).collect::<Vec<_>>();
    for (poll, fine) in [
        (
            json!({"options": titles(most), "expires_in": limits["min_expiration"]}),
            true,
        ),
        (
            json!({"options": ["a", "x".repeat(longest)], "expires_in": limits["max_expiration"]}),
            true,
        ),
        (
            json!({"options": titles(most + 1), "expires_in": 300}),
            false,
        ),
        (
            json!({"options": ["a", "x".repeat(longest + 1)], "expires_in": 300}),
            false,
        ),
        (json!({"options": ["a"], "expires_in": 300}), false),
        (json!({"options": ["a", " "], "expires_in": 300}), false),
        (json!({"options": ["a", "a "], "expires_in": 300}), false),
        (json!({"options": ["a", "b"]}), false),
        (json!({"options": ["a", "b"], "expires_in": 299}), false),
        (
            json!({"options": ["a", "b"], "expires_in": i64::MAX}),
            false,
        ),
        (json!({"options": ["a", "b"], "expires_in": "soon"}), false),
        (json!("yes"), false),
    ] {
        let body = json!({"status": "x", "poll": poll});
        let answer = server.post(&alice, "/api/v1/statuses", body).await;
        assert_eq!(
            answer.status.as_u16(),
            if fine { 200 } else { 422 },
            "{}",
            answer.text
        );
    }
    let nothing = json!({"status": "", "poll": {"options": ["a", "b"], "expires_in": 300}});
    server
        .post(&alice, "/api/v1/statuses", nothing)
        .await
        .refused(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_ends_and_those_who_took_part_hear_of_it() {
    let server = Server::start().await;
    let (alice, bob, carol) = (
        server.person("alice").await,
        server.person("bob").await,
        server.person("carol").await,
    );
    let status = poll(&server, &alice, json!({"hide_totals": true})).await;
    let path = path(&status);
    let votes = format!("{path}/votes");
    let hidden = server
        .post(&bob, &votes, json!({"choices": [0]}))
        .await
        .entity("Poll");
    assert_eq!(counts(&hidden), [Value::Null, Value::Null]);
    server.pass(6 * MINUTE);
    let ended = (json!("poll"), status["id"].clone());
    for person in [&alice, &bob] {
        eventually("the end is told", async || {
            told(&server, person).await.contains(&ended).then_some(())
        })
        .await;
        assert_eq!(
            told(&server, person).await,
            std::slice::from_ref(&ended),
            "and told once"
        );
    }
    assert_eq!(told(&server, &carol).await, []);
    let poll = server.get(&carol, &path).await.entity("Poll");
    assert_eq!(poll["expired"], true);
    assert_eq!(counts(&poll), [1, 0]);
    server
        .post(&carol, &votes, json!({"choices": [0]}))
        .await
        .refused(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_the_options_begins_the_poll_anew() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let status = poll(&server, &alice, json!({})).await;
    let votes = format!("{}/votes", path(&status));
    server
        .post(&bob, &votes, json!({"choices": [0]}))
        .await
        .entity("Poll");
    let one = format!("/api/v1/statuses/{}", status["id"].as_str().unwrap());
    // The text alone: votes stay, whether the poll is sent along or not.
    for body in [
        json!({"status": "which one?"}),
        json!({"status": "which one, then?", "poll": {"options": ["red", "blue"], "expires_in": 600}}),
    ] {
        let edited = server.put(&alice, &one, body).await.entity("Status");
        assert_eq!(counts(&edited["poll"]), [1, 0]);
        assert_eq!(edited["poll"]["id"], status["poll"]["id"]);
    }
    let body = json!({"status": "which one, then?", "poll": {"options": ["red", "green"], "expires_in": 600}});
    let edited = server.put(&alice, &one, body).await.entity("Status");
    assert_eq!(counts(&edited["poll"]), [0, 0]);
    let his = server.get(&bob, &one).await.entity("Status");
    assert_eq!(
        (&his["poll"]["voted"], &his["poll"]["own_votes"]),
        (&json!(false), &json!([]))
    );
    server
        .post(&bob, &votes, json!({"choices": [0]}))
        .await
        .refused(404);
    let body = json!({"status": "never mind", "poll": null});
    let edited = server.put(&alice, &one, body).await.entity("Status");
    assert_eq!(edited["poll"], Value::Null);
    let history = server
        .get(&bob, &format!("{one}/history"))
        .await
        .entities("StatusEdit");
    let options: Vec<Value> = history
        .iter()
        .map(|v| v["poll"]["options"][1]["title"].clone())
        .collect();
    assert_eq!(
        options,
        [
            json!("blue"),
            json!("blue"),
            json!("blue"),
            json!("green"),
            Value::Null
        ]
    );
    // The old poll ends for nobody.
    server.pass(20 * MINUTE);
    let second = poll(&server, &bob, json!({})).await;
    server.pass(6 * MINUTE);
    eventually("a later poll ends", async || {
        let told = told(&server, &bob).await;
        told.contains(&(json!("poll"), second["id"].clone()))
            .then_some(())
    })
    .await;
    assert!(
        told(&server, &bob)
            .await
            .iter()
            .all(|(_, id)| *id != status["id"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_is_seen_by_those_who_see_its_status() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let body = json!({"status": "psst", "visibility": "private", "poll": {"options": ["a", "b"], "expires_in": 300}});
    let status = server
        .post(&alice, "/api/v1/statuses", body)
        .await
        .entity("Status");
    let path = path(&status);
    server.get(&alice, &path).await.entity("Poll");
    server.get(&bob, &path).await.refused(404);
    server.get_public(&path).await.refused(404);
    server
        .post(&bob, &format!("{path}/votes"), json!({"choices": [0]}))
        .await
        .refused(404);
    for id in ["0", "abc", "99999999999999999999"] {
        server
            .get(&bob, &format!("/api/v1/polls/{id}"))
            .await
            .refused(404);
    }
}
