//! Pinned statuses

use serde_json::{Value, json};

use crate::support::server::ids;
use crate::support::{Person, Server};

async fn pin(server: &Server, person: &Person, status: &Value) -> crate::support::Answer {
    let path = format!("/api/v1/statuses/{}/pin", status["id"].as_str().unwrap());
    server.post(person, &path, json!({})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn pins_show_on_the_profile_the_last_first() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let mut statuses = Vec::new();
    for n in 0..5 {
        statuses.push(server.status(&alice, &n.to_string()).await);
    }
    // In another order than they were posted; twice is once.
    for n in [3, 0, 4, 0] {
        let pinned = pin(&server, &alice, &statuses[n]).await.entity("Status");
        assert_eq!(pinned["pinned"], true);
    }
    let path = format!("/api/v1/accounts/{}/statuses?pinned=true", alice.id());
    let expected: Vec<Value> = [4, 0, 3].map(|n: usize| statuses[n]["id"].clone()).to_vec();
    for list in [
        server.get(&bob, &path).await.entities("Status"),
        server.get_public(&path).await.entities("Status"),
    ] {
        assert_eq!(ids(&list), expected);
    }
    let first = server.get(&bob, &format!("{path}&limit=2")).await;
    assert_eq!(ids(&first.entities("Status")), expected[..2]);
    let next = server.get(&bob, &first.link("next").unwrap()).await;
    assert_eq!(ids(&next.entities("Status")), expected[2..]);
    let undo = format!(
        "/api/v1/statuses/{}/unpin",
        statuses[0]["id"].as_str().unwrap()
    );
    for _ in 0..2 {
        let unpinned = server.post(&alice, &undo, json!({})).await.entity("Status");
        assert_eq!(unpinned["pinned"], false);
    }
    assert_eq!(server.get(&bob, &path).await.entities("Status").len(), 2);
    // On the page of the profile they stand first.
    let page = server.get_public("/@alice").await.text;
    assert_eq!(page.matches("Pinned").count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_pinned_is_refused() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let theirs = server.status(&bob, "theirs").await;
    pin(&server, &alice, &theirs).await.refused(422);
    let reblog = format!("/api/v1/statuses/{}/reblog", theirs["id"].as_str().unwrap());
    let reblog = server
        .post(&alice, &reblog, json!({}))
        .await
        .entity("Status");
    pin(&server, &alice, &reblog).await.refused(422);
    let post = |visibility: &str| json!({"status": "x", "visibility": visibility});
    let direct = server
        .post(&alice, "/api/v1/statuses", post("direct"))
        .await
        .entity("Status");
    pin(&server, &alice, &direct).await.refused(422);
    pin(&server, &bob, &direct).await.refused(404);
    pin(&server, &alice, &json!({"id": "1"})).await.refused(404);
    let private = server
        .post(&alice, "/api/v1/statuses", post("private"))
        .await
        .entity("Status");
    pin(&server, &alice, &private).await.entity("Status");
    let list = format!("/api/v1/accounts/{}/statuses?pinned=true", alice.id());
    assert_eq!(server.get(&alice, &list).await.entities("Status").len(), 1);
    assert_eq!(
        server.get(&bob, &list).await.entities("Status").len(),
        0,
        "not for strangers"
    );
    let most = server.get_public("/api/v2/instance").await.ok();
    let most = most["configuration"]["accounts"]["max_pinned_statuses"]
        .as_u64()
        .unwrap();
    for _ in 1..most {
        let status = server.status(&alice, "more").await;
        pin(&server, &alice, &status).await.entity("Status");
    }
    let over = server.status(&alice, "one too many").await;
    pin(&server, &alice, &over).await.refused(422);
    let path = format!("/api/v1/statuses/{}", private["id"].as_str().unwrap());
    server.delete(&alice, &path).await.entity("Status");
    pin(&server, &alice, &over).await.entity("Status");
}
