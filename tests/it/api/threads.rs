//! Muted threads

use serde_json::{Value, json};

use crate::support::{Person, Server};

async fn reply(server: &Server, person: &Person, text: &str, to: &Value) -> Value {
    let body = json!({"status": text, "in_reply_to_id": to["id"]});
    server
        .post(person, "/api/v1/statuses", body)
        .await
        .entity("Status")
}

async fn told(server: &Server, person: &Person) -> Vec<Value> {
    server
        .get(person, "/api/v1/notifications")
        .await
        .entities("Notification")
        .iter()
        .map(|n| n["status"]["id"].clone())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_muted_thread_is_heard_of_no_more() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let root = server.status(&alice, "root").await;
    let first = reply(&server, &bob, "@alice one", &root).await;
    assert_eq!(told(&server, &alice).await, [first["id"].clone()]);
    let path = |status: &Value, verb: &str| {
        format!("/api/v1/statuses/{}{verb}", status["id"].as_str().unwrap())
    };
    // Whichever status of the thread is named.
    for _ in 0..2 {
        let muted = server
            .post(&alice, &path(&first, "/mute"), json!({}))
            .await
            .entity("Status");
        assert_eq!(muted["muted"], true);
    }
    let read = server.get(&alice, &path(&root, "")).await.entity("Status");
    assert_eq!(read["muted"], true, "all of it is");
    let read = server.get(&bob, &path(&root, "")).await.entity("Status");
    assert_eq!(read["muted"], false, "for who muted it alone");
    reply(&server, &bob, "@alice two", &first).await;
    server
        .post(&bob, &path(&root, "/favourite"), json!({}))
        .await
        .entity("Status");
    server
        .post(&bob, &path(&root, "/reblog"), json!({}))
        .await
        .entity("Status");
    assert_eq!(told(&server, &alice).await.len(), 1);
    let aside = server.status(&bob, "@alice something else").await;
    assert_eq!(told(&server, &alice).await[0], aside["id"]);
    let back = server
        .post(&alice, &path(&root, "/unmute"), json!({}))
        .await
        .entity("Status");
    assert_eq!(back["muted"], false);
    let last = reply(&server, &bob, "@alice three", &first).await;
    assert_eq!(told(&server, &alice).await[0], last["id"]);
    let secret = json!({"status": "psst", "visibility": "direct"});
    let secret = server
        .post(&bob, "/api/v1/statuses", secret)
        .await
        .entity("Status");
    for verb in ["/mute", "/unmute"] {
        server
            .post(&alice, &path(&secret, verb), json!({}))
            .await
            .refused(404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn anyone_sees_a_thread_so_deep_and_no_deeper() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let root = server.status(&alice, "0").await;
    let mut last = root.clone();
    for n in 1..=22 {
        last = reply(&server, &alice, &n.to_string(), &last).await;
    }
    let path = format!("/api/v1/statuses/{}/context", root["id"].as_str().unwrap());
    let anyone = server.get_public(&path).await.entity("Context");
    assert_eq!(anyone["descendants"].as_array().unwrap().len(), 20);
    let own = server.get(&alice, &path).await.entity("Context");
    assert_eq!(own["descendants"].as_array().unwrap().len(), 22);
    let path = format!("/api/v1/statuses/{}/context", last["id"].as_str().unwrap());
    let above = server.get(&alice, &path).await.entity("Context");
    assert_eq!(above["ancestors"][0]["id"], root["id"], "oldest first");
}
