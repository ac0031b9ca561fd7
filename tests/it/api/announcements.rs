//! `/api/v1/announcements`, made by the command line's functions.

use kith::clock::{DAY, HOUR};
use kith::domain::announcements::{self, Draft};
use reqwest::Method;
use serde_json::{Value, json};

use super::streaming::{frame, payload, socket};
use crate::support::peer::eventually;
use crate::support::{Answer, Person, Server};

const PATH: &str = "/api/v1/announcements";

async fn announce(server: &Server, draft: Draft) -> String {
    let ctx = server.app.ctx.clone();
    let made = server
        .app
        .write(move |tx| Box::pin(async move { announcements::create(tx, &ctx, draft).await }));
    made.await.expect("an announcement").id.to_string()
}

fn text(text: &str) -> Draft {
    Draft {
        text: text.to_owned(),
        ..Draft::default()
    }
}

async fn list(server: &Server, person: &Person) -> Vec<Value> {
    server.get(person, PATH).await.entities("Announcement")
}

async fn react(server: &Server, person: &Person, method: Method, id: &str, name: &str) -> Answer {
    let path = format!("{PATH}/{id}/reactions/{name}");
    server.send(method, &path, Some(&person.token), None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_shown_read_and_reacted_to() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    server.get_public(PATH).await.refused(401);
    let post = server.status(&bob, "look").await;
    let words = format!(
        "Hello @bob, see {} and #kith <b>",
        post["url"].as_str().unwrap()
    );
    let id = announce(&server, text(&words)).await;
    let all = list(&server, &alice).await;
    assert_eq!(all.len(), 1);
    let one = &all[0];
    assert_eq!((&one["id"], &one["read"]), (&json!(id), &json!(false)));
    let content = one["content"].as_str().unwrap();
    assert!(content.starts_with("<p>Hello ") && content.contains("&lt;b&gt;"));
    assert_eq!(one["mentions"][0]["acct"], "bob");
    assert_eq!(one["statuses"][0]["id"], post["id"]);
    assert_eq!(one["tags"][0]["name"], "kith");
    react(&server, &alice, Method::PUT, &id, "👍").await.ok();
    react(&server, &alice, Method::PUT, &id, "👍").await.ok();
    react(&server, &bob, Method::PUT, &id, "👍").await.ok();
    react(&server, &bob, Method::PUT, &id, "🎉").await.ok();
    let seen = list(&server, &alice).await;
    assert_eq!(
        seen[0]["reactions"],
        json!([
            {"name": "👍", "count": 2, "me": true},
            {"name": "🎉", "count": 1, "me": false},
        ])
    );
    react(&server, &alice, Method::PUT, &id, "nonsense")
        .await
        .refused(422);
    react(&server, &alice, Method::DELETE, &id, "🎉")
        .await
        .refused(404);
    react(&server, &alice, Method::DELETE, &id, "👍").await.ok();
    assert_eq!(list(&server, &alice).await[0]["reactions"][0]["me"], false);
    for name in ["🍎", "🍊", "🍋", "🍌", "🍉", "🍇"] {
        react(&server, &bob, Method::PUT, &id, name).await.ok();
    }
    react(&server, &alice, Method::PUT, &id, "🍓")
        .await
        .refused(422);
    let dismiss = format!("{PATH}/{id}/dismiss");
    server.post(&alice, &dismiss, json!({})).await.ok();
    assert_eq!(list(&server, &alice).await[0]["read"], true);
    assert_eq!(list(&server, &bob).await[0]["read"], false);
    for id in ["1", "x"] {
        let path = format!("{PATH}/{id}/dismiss");
        server.post(&alice, &path, json!({})).await.refused(404);
        react(&server, &alice, Method::PUT, id, "👍")
            .await
            .refused(404);
    }
    let weak = server.token(&alice, "read").await;
    let empty = json!({});
    server
        .send(Method::POST, &dismiss, Some(&weak), Some(&empty))
        .await
        .refused(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_hear_of_them() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let mut socket = socket(&server, &alice, "&stream=user").await;
    let id = announce(&server, text("Hear, hear")).await;
    let said = frame(&mut socket).await;
    assert_eq!(
        (&said["stream"], &said["event"]),
        (&json!(["user"]), &json!("announcement"))
    );
    assert_eq!(payload(&said)["id"], id);
    react(&server, &bob, Method::PUT, &id, "🎉").await.ok();
    let said = frame(&mut socket).await;
    assert_eq!(said["event"], "announcement.reaction");
    assert_eq!(
        payload(&said),
        json!({"name": "🎉", "count": 1, "announcement_id": id})
    );
    react(&server, &bob, Method::DELETE, &id, "🎉").await.ok();
    assert_eq!(payload(&frame(&mut socket).await)["count"], 0);
    let number: i64 = id.parse().unwrap();
    server
        .app
        .write(move |tx| Box::pin(announcements::delete(tx, number)))
        .await
        .unwrap();
    let said = frame(&mut socket).await;
    assert_eq!(
        (&said["event"], &said["payload"]),
        (&json!("announcement.delete"), &json!(id))
    );
    assert!(list(&server, &alice).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn they_come_and_go_in_their_time() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let now = server.app.clock.now_ms();
    let mut socket = socket(&server, &alice, "&stream=user").await;
    announce(
        &server,
        Draft {
            scheduled_at: Some(now + DAY),
            ..text("Later")
        },
    )
    .await;
    let soon = announce(
        &server,
        Draft {
            scheduled_at: Some(now + HOUR),
            ends_at: Some(now + 2 * HOUR),
            starts_at: Some(now),
            ..text("For a moment")
        },
    )
    .await;
    assert!(list(&server, &alice).await.is_empty());
    server.pass(HOUR);
    let said = frame(&mut socket).await;
    assert_eq!(said["event"], "announcement");
    assert_eq!(payload(&said)["id"], soon);
    server.pass(HOUR);
    let said = frame(&mut socket).await;
    assert_eq!(said["event"], "announcement.delete");
    eventually("it is gone", async || {
        list(&server, &alice).await.is_empty().then_some(())
    })
    .await;
    let ctx = server.app.ctx.clone();
    let late = Draft {
        ends_at: Some(now - HOUR),
        ..text("Too late")
    };
    let refused = server
        .app
        .write(move |tx| Box::pin(async move { announcements::create(tx, &ctx, late).await }));
    assert!(refused.await.is_err());
}
