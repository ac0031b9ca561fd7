//! Likes and dislikes

use std::sync::Arc;

use futures::future::join_all;
use serde_json::{Value, json};

use super::kith_profile::hear_of_dislikes;
use crate::support::server::ids;
use crate::support::{Person, Server, database};

fn v1(status: &Value, verb: &str) -> String {
    format!("/api/v1/statuses/{}{verb}", status["id"].as_str().unwrap())
}

fn kith(status: &Value, verb: &str) -> String {
    format!(
        "/api/kith/v1/statuses/{}{verb}",
        status["id"].as_str().unwrap()
    )
}

async fn vote(server: &Server, person: &Person, path: &str) -> Value {
    server.post(person, path, json!({})).await.entity("Status")
}

async fn read(server: &Server, person: &Person, status: &Value) -> Value {
    server.get(person, &v1(status, "")).await.entity("Status")
}

/// Likes and dislikes, and whether the reader gave them.
fn votes(status: &Value) -> (i64, i64, bool, bool) {
    (
        status["favourites_count"].as_i64().unwrap(),
        status["kith"]["dislikes_count"].as_i64().unwrap(),
        status["favourited"].as_bool().unwrap(),
        status["kith"]["disliked"].as_bool().unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_like_takes_the_place_of_a_dislike_and_the_reverse() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let root = server.status(&alice, "root").await;
    let body = json!({"status": "a comment", "in_reply_to_id": root["id"]});
    let comment = server.post(&alice, "/api/v1/statuses", body).await;
    let comment = comment.entity("Status");
    for status in [root, comment] {
        for _ in 0..2 {
            let disliked = vote(&server, &bob, &kith(&status, "/dislike")).await;
            assert_eq!(votes(&disliked), (0, 1, false, true));
        }
        let liked = vote(&server, &bob, &v1(&status, "/favourite")).await;
        assert_eq!(votes(&liked), (1, 0, true, false));
        let back = vote(&server, &bob, &kith(&status, "/dislike")).await;
        assert_eq!(votes(&back), (0, 1, false, true));
        let seen = read(&server, &alice, &status).await;
        assert_eq!(votes(&seen), (0, 1, false, false));
        let unliked = vote(&server, &bob, &v1(&status, "/unfavourite")).await;
        assert_eq!(votes(&unliked), (0, 1, false, true));
        for _ in 0..2 {
            let taken_back = vote(&server, &bob, &kith(&status, "/undislike")).await;
            assert_eq!(votes(&taken_back), (0, 0, false, false));
        }
        let public = server.get_public(&v1(&status, "")).await.entity("Status");
        assert_eq!(public["kith"]["dislikes_count"], 0);
        assert_eq!(public["kith"].get("disliked"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_author_alone_sees_who_disliked() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let carol = server.person("carol").await;
    let status = server.status(&alice, "hm").await;
    for person in [&bob, &carol] {
        vote(&server, person, &kith(&status, "/dislike")).await;
    }
    let path = kith(&status, "/disliked_by");
    let list = server.get(&alice, &path).await.entities("Account");
    assert_eq!(ids(&list), [carol.id(), bob.id()]);
    let first = server.get(&alice, &format!("{path}?limit=1")).await;
    assert_eq!(ids(&first.entities("Account")), [carol.id()]);
    let second = server.get(&alice, &first.link("next").unwrap()).await;
    assert_eq!(ids(&second.entities("Account")), [bob.id()]);
    server.get(&bob, &path).await.refused(403);
    server.get_public(&path).await.refused(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_seen_is_not_there() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let body = json!({"status": "for followers", "visibility": "private"});
    let hidden = server.post(&alice, "/api/v1/statuses", body).await;
    let hidden = hidden.entity("Status");
    let nothing = json!({"id": "1"});
    for status in [&hidden, &nothing, &json!({"id": "x"})] {
        for verb in ["/dislike", "/undislike", "/views"] {
            let path = kith(status, verb);
            server.post(&bob, &path, json!({})).await.refused(404);
        }
        for verb in ["/disliked_by", "/analytics", "/comments"] {
            server.get(&bob, &kith(status, verb)).await.refused(404);
        }
        let reaction = kith(status, "/reactions/%F0%9F%91%8D");
        server.put(&bob, &reaction, json!({})).await.refused(404);
        server.delete(&bob, &reaction).await.refused(404);
        // Nor does a bad parameter tell that something is there.
        let odd = kith(status, "/reactions/nothing");
        server.put(&bob, &odd, json!({})).await.refused(404);
        for verb in ["/analytics?from=x", "/comments?sort=x"] {
            server.get(&bob, &kith(status, verb)).await.refused(404);
        }
    }
    assert_eq!(
        server
            .get_public(&kith(&hidden, "/comments"))
            .await
            .refused(404),
        "Record not found"
    );
    let status = server.status(&alice, "hello").await;
    for verb in ["/dislike", "/undislike", "/views"] {
        let path = kith(&status, verb);
        let nobody = server.send(reqwest::Method::POST, &path, None, None).await;
        nobody.refused(401);
    }
    let reader = server.token(&bob, "read").await;
    let path = kith(&status, "/dislike");
    let narrow = server
        .send(reqwest::Method::POST, &path, Some(&reader), None)
        .await;
    narrow.refused(403);
    // Whoever is blocked sees nothing of the author's.
    let block = format!("/api/v1/accounts/{}/block", bob.id());
    server.post(&alice, &block, json!({})).await.ok();
    server.post(&bob, &path, json!({})).await.refused(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_those_of_the_rows_whoever_votes_at_once() {
    let server = Arc::new(Server::start().await);
    let alice = server.person("alice").await;
    let status = server.status(&alice, "vote!").await;
    let mut people = vec![alice.clone()];
    for n in 0..6 {
        people.push(server.person(&format!("p{n}")).await);
    }
    let paths = [
        v1(&status, "/favourite"),
        kith(&status, "/dislike"),
        v1(&status, "/unfavourite"),
        kith(&status, "/dislike"),
        v1(&status, "/favourite"),
        kith(&status, "/undislike"),
    ];
    let mut clients = Vec::new();
    for (n, person) in people.iter().enumerate() {
        // Each from three clients at once.
        for client in 0..3 {
            let (server, person, paths) = (server.clone(), person.clone(), paths.clone());
            clients.push(tokio::spawn(async move {
                for step in 0..15 {
                    let path = &paths[(n + client * 2 + step) % paths.len()];
                    vote(&server, &person, path).await;
                }
            }));
        }
    }
    for done in join_all(clients).await {
        done.unwrap();
    }
    let url = &server.app.config.database_url;
    let count = async |sql: &str| database::count(url, sql).await;
    let likes = count("SELECT count(*) AS n FROM favourites").await;
    let dislikes = count("SELECT count(*) AS n FROM dislikes").await;
    let seen = read(&server, &alice, &status).await;
    assert_eq!((votes(&seen).0, votes(&seen).1), (likes, dislikes));
    let both = "SELECT count(*) AS n FROM favourites f JOIN dislikes d \
                ON d.account_id = f.account_id AND d.status_id = f.status_id";
    assert_eq!(count(both).await, 0, "nobody likes and dislikes at once");
    let score = count("SELECT CAST(SUM(score) AS BIGINT) AS n FROM status_stats").await;
    assert_eq!(score, likes - dislikes);
    let days = server.get(&alice, &kith(&status, "/analytics")).await.ok();
    assert_eq!(
        (&days["likes"], &days["dislikes"]),
        (&json!(likes), &json!(dislikes))
    );
    let given = "SELECT CAST(SUM(likes_given - likes) AS BIGINT) AS n FROM account_days";
    assert_eq!(count(given).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dislike_is_told_to_those_who_want_to_hear_of_it() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let status = server.status(&alice, "hm").await;
    let url = &server.app.config.database_url;
    let told = "SELECT count(*) AS n FROM notifications WHERE kind = 'dislike'";
    vote(&server, &bob, &kith(&status, "/dislike")).await;
    assert_eq!(database::count(url, told).await, 0);
    vote(&server, &bob, &kith(&status, "/undislike")).await;
    hear_of_dislikes(&server, &alice).await;
    vote(&server, &bob, &kith(&status, "/dislike")).await;
    assert_eq!(database::count(url, told).await, 1);
    let mastodon = server.get(&alice, "/api/v1/notifications").await;
    assert_eq!(mastodon.entities("Notification").len(), 0);
    vote(&server, &bob, &v1(&status, "/favourite")).await;
    assert_eq!(
        database::count(url, told).await,
        0,
        "a like took its place, and is told instead"
    );
    let mastodon = server.get(&alice, "/api/v1/notifications").await;
    assert_eq!(mastodon.entities("Notification")[0]["type"], "favourite");
}
