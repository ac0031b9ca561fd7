use reqwest::Method;
use serde_json::json;

use crate::support::Server;

#[tokio::test(flavor = "multi_thread")]
async fn following_asks_where_the_account_is_locked() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let update =
        json!({"locked": true, "display_name": "Alice <b>", "note": "hi https://a.example"});
    let me = server
        .send(
            Method::PATCH,
            "/api/v1/accounts/update_credentials",
            Some(&alice.token),
            Some(&update),
        )
        .await
        .entity("CredentialAccount");
    assert_eq!(
        (&me["locked"], &me["source"]["note"]),
        (&json!(true), &json!("hi https://a.example"))
    );
    let path = format!("/api/v1/accounts/{}/follow", alice.id());
    let relation = server
        .post(&bob, &path, json!({}))
        .await
        .entity("Relationship");
    assert_eq!(
        (&relation["requested"], &relation["following"]),
        (&json!(true), &json!(false))
    );
    let asking = server
        .get(&alice, "/api/v1/follow_requests")
        .await
        .entities("Account");
    assert_eq!(asking[0]["acct"], "bob");
    let notes = server
        .get(&alice, "/api/v1/notifications")
        .await
        .entities("Notification");
    assert_eq!(notes[0]["type"], "follow_request");
    server
        .post(
            &bob,
            &format!("/api/v1/follow_requests/{}/authorize", alice.id()),
            json!({}),
        )
        .await
        .refused(404);
    let relation = server
        .post(
            &alice,
            &format!("/api/v1/follow_requests/{}/authorize", bob.id()),
            json!({}),
        )
        .await
        .entity("Relationship");
    assert_eq!(relation["followed_by"], true);
    let alice_now = server
        .get_public(&format!("/api/v1/accounts/{}", alice.id()))
        .await
        .entity("Account");
    assert_eq!(alice_now["followers_count"], 1);
    let followers = server
        .get(
            &alice,
            &format!("/api/v1/accounts/{}/followers", alice.id()),
        )
        .await;
    assert_eq!(followers.entities("Account")[0]["acct"], "bob");
    server
        .post(
            &alice,
            &format!("/api/v1/accounts/{}/remove_from_followers", bob.id()),
            json!({}),
        )
        .await
        .ok();
    let following = server
        .get(&bob, &format!("/api/v1/accounts/{}/following", bob.id()))
        .await;
    assert_eq!(following.entities("Account").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_does_not_follow_block_or_mute_oneself() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let path = |verb: &str| format!("/api/v1/accounts/{}/{verb}", alice.id());
    server
        .post(&alice, &path("follow"), json!({}))
        .await
        .refused(403);
    server
        .post(&alice, &path("block"), json!({}))
        .await
        .refused(422);
    server
        .post(&alice, &path("mute"), json!({}))
        .await
        .refused(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_found_by_name_and_handle() {
    let server = Server::start().await;
    let (alice, _) = (server.person("alice").await, server.person("alfred").await);
    for acct in ["alice", "@Alice", &format!("alice@{}", server.domain())] {
        let found = server
            .get_public(&format!("/api/v1/accounts/lookup?acct={acct}"))
            .await
            .entity("Account");
        assert_eq!(found["id"], alice.id());
    }
    server
        .get_public("/api/v1/accounts/lookup?acct=nobody")
        .await
        .refused(404);
    let found = server
        .get(&alice, "/api/v1/accounts/search?q=al")
        .await
        .entities("Account");
    assert_eq!(found.len(), 2);
    let found = server
        .get(&alice, "/api/v2/search?q=%25")
        .await
        .entity("Search");
    assert_eq!(found["accounts"], json!([]), "% is no wildcard");
    let status = server.status(&alice, "#Find me").await;
    let url = status["url"].as_str().unwrap();
    let found = server
        .get(&alice, &format!("/api/v2/search?q={url}"))
        .await
        .entity("Search");
    assert_eq!(found["statuses"][0]["id"], status["id"]);
    let found = server
        .get(&alice, "/api/v2/search?q=%23fin")
        .await
        .entity("Search");
    assert_eq!(found["hashtags"][0]["name"], "find");
    server
        .get_public("/api/v2/search?q=x&resolve=true")
        .await
        .refused(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_instance_says_who_it_is() {
    let server = Server::start().await;
    let v2 = server
        .get_public("/api/v2/instance")
        .await
        .entity("Instance");
    assert!(
        v2["configuration"]["urls"]["streaming"]
            .as_str()
            .unwrap()
            .starts_with("ws://")
    );
    let v1 = server
        .get_public("/api/v1/instance")
        .await
        .entity("V1__Instance");
    assert!(v1["version"].as_str().unwrap().starts_with("4.5.0"));
    server.get_public("/api/v1/nothing").await.refused(404);
}
