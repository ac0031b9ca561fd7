//! Emoji reactions

use std::sync::Arc;

use futures::future::join_all;
use kith::domain::emojis::{self, Picture};
use serde_json::{Value, json};

use crate::support::{Answer, Person, Server, database};

fn path(status: &Value, emoji: &str) -> String {
    let emoji: String = url::form_urlencoded::byte_serialize(emoji.as_bytes()).collect();
    let id = status["id"].as_str().unwrap();
    format!("/api/kith/v1/statuses/{id}/reactions/{emoji}")
}

async fn react(server: &Server, person: &Person, status: &Value, emoji: &str) -> Answer {
    server.put(person, &path(status, emoji), json!({})).await
}

/// Names, counts, and whether they are the reader's.
fn reactions(status: &Value) -> Vec<(String, i64, bool)> {
    let list = status["kith"]["reactions"].as_array().unwrap();
    list.iter()
        .map(|r| {
            (
                r["name"].as_str().unwrap().to_owned(),
                r["count"].as_i64().unwrap(),
                r["me"].as_bool().unwrap(),
            )
        })
        .collect()
}

async fn read(server: &Server, person: &Person, status: &Value) -> Value {
    let path = format!("/api/v1/statuses/{}", status["id"].as_str().unwrap());
    server.get(person, &path).await.entity("Status")
}

async fn add_emoji(server: &Server, shortcode: &'static str) {
    let ctx = server.app.ctx.clone();
    server
        .app
        .write(move |tx| {
            Box::pin(async move {
                let picture = Picture {
                    image: "emoji/a.png".into(),
                    static_image: "emoji/a-still.png".into(),
                    mime: "image/png".into(),
                };
                emojis::add(tx, &ctx, shortcode, picture, "", true).await
            })
        })
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn emoji_of_unicode_and_of_the_server_are_given_and_taken_back() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    add_emoji(&server, "blobcat").await;
    let status = server.status(&alice, "hello").await;
    assert_eq!(status["kith"]["reactions"], json!([]));
    for _ in 0..2 {
        let given = react(&server, &bob, &status, "🔥").await.entity("Status");
        assert_eq!(reactions(&given), [("🔥".into(), 1, true)]);
        assert_eq!(given["kith"]["reactions"][0]["url"], Value::Null);
    }
    for name in ["blobcat", ":blobcat:"] {
        let given = react(&server, &alice, &status, name).await;
        let given = given.entity("Status");
        assert_eq!(
            reactions(&given),
            [("🔥".into(), 1, false), ("blobcat".into(), 1, true)]
        );
        let url = given["kith"]["reactions"][1]["url"].as_str().unwrap();
        assert!(url.ends_with("emoji/a.png"), "{url}");
    }
    // Written with a variation selector or without, it is one emoji.
    react(&server, &alice, &status, "☺").await.entity("Status");
    let both = react(&server, &bob, &status, "☺\u{fe0f}").await;
    assert_eq!(reactions(&both.entity("Status"))[2], ("☺".into(), 2, true));
    let gone = server.delete(&bob, &path(&status, "☺\u{fe0f}")).await;
    assert_eq!(reactions(&gone.entity("Status"))[2], ("☺".into(), 1, false));
    let gone = server.delete(&bob, &path(&status, "🔥")).await;
    assert_eq!(reactions(&gone.entity("Status")).len(), 2);
    // None to take back is no error.
    let again = server.delete(&bob, &path(&status, "🔥")).await;
    again.entity("Status");
    let public = format!("/api/v1/statuses/{}", status["id"].as_str().unwrap());
    let public = server.get_public(&public).await.entity("Status");
    assert_eq!(reactions(&public)[0], ("blobcat".into(), 1, false));
    let home = server.get(&alice, "/api/v1/timelines/home").await;
    assert_eq!(
        reactions(&home.entities("Status")[0])[0],
        ("blobcat".into(), 1, true)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_emoji_or_too_much_is_refused() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let status = server.status(&alice, "hello").await;
    for name in ["x", "thumbsup", "👍👍", "blobcat@peer.example", "@", ":"] {
        react(&server, &bob, &status, name).await.refused(422);
    }
    let smileys: Vec<String> = (0x1f600..0x1f640)
        .filter_map(char::from_u32)
        .map(|c| c.to_string())
        .collect();
    for emoji in &smileys[..8] {
        react(&server, &bob, &status, emoji).await.entity("Status");
    }
    react(&server, &bob, &status, &smileys[8])
        .await
        .refused(422);
    // Those that are there can be joined when there may be no more.
    let mut people = Vec::new();
    for n in 0..6 {
        let person = server.person(&format!("p{n}")).await;
        for emoji in smileys.iter().skip(8 + n * 7).take(7) {
            react(&server, &person, &status, emoji)
                .await
                .entity("Status");
        }
        people.push(person);
    }
    react(&server, &people[0], &status, &smileys[60])
        .await
        .refused(422);
    let joined = react(&server, &people[0], &status, &smileys[0]).await;
    assert_eq!(reactions(&joined.entity("Status"))[0].1, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_exact_whoever_reacts_at_once() {
    let server = Arc::new(Server::start().await);
    let alice = server.person("alice").await;
    let status = server.status(&alice, "hello").await;
    let mut clients = Vec::new();
    for n in 0..6_usize {
        let person = server.person(&format!("p{n}")).await;
        for client in 0..2 {
            let (server, person, status) = (server.clone(), person.clone(), status.clone());
            clients.push(tokio::spawn(async move {
                let emoji = ["🔥", "👍", "🎉"];
                for step in 0..12 {
                    let path = path(&status, emoji[(n + step / 2) % 3]);
                    let answer = if (step + client) % 2 == 0 {
                        server.put(&person, &path, json!({})).await
                    } else {
                        server.delete(&person, &path).await
                    };
                    answer.entity("Status");
                }
            }));
        }
    }
    for done in join_all(clients).await {
        done.unwrap();
    }
    let url = &server.app.config.database_url;
    let rows = database::count(url, "SELECT count(*) AS n FROM emoji_reactions").await;
    let shown = read(&server, &alice, &status).await;
    let told: i64 = reactions(&shown).iter().map(|(_, count, _)| count).sum();
    assert_eq!(told, rows);
    assert!(reactions(&shown).iter().all(|(_, count, _)| *count > 0));
    let stats = "SELECT reactions_count AS n FROM status_stats";
    assert_eq!(database::count(url, stats).await, rows);
    let analytics = format!(
        "/api/kith/v1/statuses/{}/analytics",
        status["id"].as_str().unwrap()
    );
    assert_eq!(server.get(&alice, &analytics).await.ok()["reactions"], rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_author_is_told_once_of_somebodys_reactions() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let status = server.status(&alice, "hello").await;
    for emoji in ["🔥", "👍"] {
        react(&server, &bob, &status, emoji).await.entity("Status");
        react(&server, &alice, &status, emoji)
            .await
            .entity("Status");
    }
    let url = &server.app.config.database_url;
    let told = "SELECT count(*) AS n FROM notifications WHERE kind = 'reaction'";
    assert_eq!(database::count(url, told).await, 1);
    for (emoji, left) in [("🔥", 1), ("👍", 0)] {
        let gone = server.delete(&bob, &path(&status, emoji)).await;
        gone.entity("Status");
        assert_eq!(database::count(url, told).await, left);
    }
}
