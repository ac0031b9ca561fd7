//! Editing statuses, and what they said before

use serde_json::{Value, json};

use super::media::{png, upload};
use crate::support::{Person, Server};

async fn history(server: &Server, person: &Person, status: &Value) -> Vec<Value> {
    let path = format!("{}/history", path(status));
    server.get(person, &path).await.entities("StatusEdit")
}

fn path(status: &Value) -> String {
    format!("/api/v1/statuses/{}", status["id"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_version_is_kept() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let picture = upload(&server, &alice, &png(16, 16)).await.ok();
    let body = json!({"status": "one", "media_ids": [picture["id"]]});
    let status = server
        .post(&alice, "/api/v1/statuses", body)
        .await
        .entity("Status");
    let first = history(&server, &bob, &status).await;
    assert_eq!(first.len(), 1, "what was never edited has one version");
    assert_eq!(first[0]["created_at"], status["created_at"]);
    server
        .post(&bob, &format!("{}/reblog", path(&status)), json!({}))
        .await
        .entity("Status");
    // The same again is no edit.
    let same = server
        .put(&alice, &path(&status), json!({"status": "one"}))
        .await
        .entity("Status");
    assert_eq!(same["edited_at"], Value::Null);
    assert_eq!(same["media_attachments"][0]["id"], picture["id"]);
    let edits = [
        json!({"status": "two", "spoiler_text": "cw"}),
        json!({"status": "two", "spoiler_text": "cw", "media_attributes": [{"id": picture["id"], "description": "a square", "focus": "0.5,-0.5"}]}),
        json!({"status": "three", "media_ids": []}),
    ];
    let mut edited = Value::Null;
    for body in edits {
        edited = server
            .put(&alice, &path(&status), body)
            .await
            .entity("Status");
    }
    assert_eq!(edited["media_attachments"], json!([]));
    let versions = history(&server, &bob, &status).await;
    let said = |version: &Value| {
        (
            version["content"].clone(),
            version["spoiler_text"].clone(),
            version["media_attachments"][0]["description"].clone(),
            version["media_attachments"].as_array().unwrap().len(),
        )
    };
    assert_eq!(
        versions.iter().map(said).collect::<Vec<_>>(),
        [
            (json!("<p>one</p>"), json!(""), json!("a gradient"), 1),
            (json!("<p>two</p>"), json!("cw"), json!("a gradient"), 1),
            (json!("<p>two</p>"), json!("cw"), json!("a square"), 1),
            (json!("<p>three</p>"), json!(""), Value::Null, 0),
        ]
    );
    assert_eq!(versions[0]["created_at"], status["created_at"]);
    assert_eq!(versions[3]["created_at"], edited["edited_at"]);
    assert_eq!(versions[0]["account"]["acct"], "alice");
    let told = server
        .get(&bob, "/api/v1/notifications")
        .await
        .entities("Notification");
    assert_eq!(told.len(), 3, "who boosted it hears of each edit");
    assert!(
        told.iter()
            .all(|n| n["type"] == "update" && n["status"]["id"] == status["id"])
    );
    // What the history shows is not swept away, and can be put back.
    server.pass(2 * kith::clock::DAY);
    kith::jobs::cleanup::pass(&server.app).await.unwrap();
    let url = versions[0]["media_attachments"][0]["url"].as_str().unwrap();
    assert_eq!(server.http.get(url).send().await.unwrap().status(), 200);
    let body = json!({"status": "four", "media_ids": [picture["id"]]});
    let back = server
        .put(&alice, &path(&status), body)
        .await
        .entity("Status");
    assert_eq!(back["media_attachments"][0]["id"], picture["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_for_those_who_see_the_status() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let open = server.status(&alice, "open").await;
    server
        .get_public(&format!("{}/history", path(&open)))
        .await
        .entities("StatusEdit");
    let body = json!({"status": "psst", "visibility": "private"});
    let secret = server
        .post(&alice, "/api/v1/statuses", body)
        .await
        .entity("Status");
    let secret = format!("{}/history", path(&secret));
    server.get(&alice, &secret).await.entities("StatusEdit");
    server.get(&bob, &secret).await.refused(404);
    server.get_public(&secret).await.refused(404);
    for bad in ["0", "abc", "-1"] {
        server
            .get(&alice, &format!("/api/v1/statuses/{bad}/history"))
            .await
            .refused(404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_that_will_not_do_change_nothing() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let status = server.status(&alice, "kept").await;
    let theirs = upload(&server, &bob, &png(16, 16)).await.ok();
    for body in [
        json!({"status": " "}),
        json!({"status": "x".repeat(5001)}),
        json!({"status": "x", "media_ids": [theirs["id"]]}),
        json!({"status": "x", "media_ids": ["999999"]}),
        json!({"status": "x", "language": "not a language"}),
        json!({"status": "x", "poll": {"options": ["a"], "expires_in": 300}}),
        json!({"status": "x", "media_attributes": [{"id": "1", "focus": "left"}]}),
    ] {
        server.put(&alice, &path(&status), body).await.refused(422);
    }
    let read = server.get(&alice, &path(&status)).await.entity("Status");
    assert_eq!(
        (&read["content"], &read["edited_at"]),
        (&json!("<p>kept</p>"), &Value::Null)
    );
    assert_eq!(history(&server, &alice, &status).await.len(), 1);
    let mine = upload(&server, &alice, &png(16, 16)).await.ok();
    let both = json!({"status": "x", "media_ids": [mine["id"]], "poll": {"options": ["a", "b"], "expires_in": 300}});
    server
        .put(&alice, &path(&status), both.clone())
        .await
        .refused(422);
    server
        .post(&alice, "/api/v1/statuses", both)
        .await
        .refused(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_keeps_files_for_another_draft_or_not() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    for (query, kept) in [("", true), ("?delete_media=true", false)] {
        let picture = upload(&server, &alice, &png(16, 16)).await.ok();
        let body = json!({"status": "look", "media_ids": [picture["id"]]});
        let status = server
            .post(&alice, "/api/v1/statuses", body)
            .await
            .entity("Status");
        let url = status["media_attachments"][0]["url"]
            .as_str()
            .unwrap()
            .to_owned();
        // However long it stood there.
        server.pass(3 * kith::clock::DAY);
        let gone = server
            .delete(&alice, &format!("{}{query}", path(&status)))
            .await
            .entity("Status");
        assert_eq!(gone["text"], "look");
        kith::jobs::cleanup::pass(&server.app).await.unwrap();
        let file = server.http.get(&url).send().await.unwrap().status();
        assert_eq!(file.as_u16(), if kept { 200 } else { 404 }, "{query}");
        let again = json!({"status": "again", "media_ids": [picture["id"]]});
        let again = server.post(&alice, "/api/v1/statuses", again).await;
        assert_eq!(
            again.status.as_u16(),
            if kept { 200 } else { 422 },
            "{query}"
        );
    }
}
