//! `/api/v1/markers`

use serde_json::{Value, json};

use crate::support::Server;
use crate::support::schema;

const PATH: &str = "/api/v1/markers";

#[tokio::test(flavor = "multi_thread")]
async fn markers_remember_how_far_one_has_read() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    assert_eq!(server.get(&alice, PATH).await.ok(), json!({}));
    let set = server
        .post(&alice, PATH, json!({"home": {"last_read_id": "5"}}))
        .await
        .ok();
    assert_eq!(set.as_object().unwrap().len(), 1);
    schema::check("Marker", &set["home"]);
    let both = json!({"home": {"last_read_id": 7}, "notifications": {"last_read_id": "9"}});
    let both = server.post(&alice, PATH, both).await.ok();
    let versions = (
        both["home"]["version"].as_i64(),
        set["home"]["version"].as_i64(),
    );
    assert!(versions.0 > versions.1, "{versions:?}");
    let query = format!("{PATH}?timeline[]=home&timeline[]=notifications&timeline[]=nonsense");
    let read = server.get(&alice, &query).await.ok();
    assert_eq!(read, both);
    assert_eq!(read["home"]["last_read_id"], "7");
    let one = server
        .get(&alice, &format!("{PATH}?timeline[]=notifications"))
        .await
        .ok();
    assert_eq!(one["notifications"]["last_read_id"], "9");
    assert_eq!(one["home"], Value::Null);
    assert_eq!(server.get(&bob, &query).await.ok(), json!({}));
    for bad in [
        json!({"home": {"last_read_id": "x"}}),
        json!({"home": {}}),
        json!({"home": "7"}),
        json!({"notifications": {"last_read_id": -1}}),
    ] {
        server.post(&alice, PATH, bad).await.refused(422);
    }
    let reader = server.token(&alice, "read:statuses").await;
    let body = json!({"home": {"last_read_id": "1"}});
    server
        .send(reqwest::Method::POST, PATH, Some(&reader), Some(&body))
        .await
        .refused(403);
}
