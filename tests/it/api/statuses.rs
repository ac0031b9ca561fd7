use reqwest::Method;
use serde_json::{Value, json};

use crate::support::server::with_json;
use crate::support::{Answer, Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_status_is_posted_and_read() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let posted = server.status(&alice, "hello").await;
    assert_eq!(posted["content"], "<p>hello</p>");
    assert_eq!(posted["visibility"], "public");
    let id = posted["id"].as_str().unwrap();
    assert!(posted["url"].as_str().unwrap().ends_with(id));
    let read = server
        .get_public(&format!("/api/v1/statuses/{id}"))
        .await
        .entity("Status");
    assert_eq!(read["id"], posted["id"]);
    assert!(
        read.get("favourited").is_none(),
        "nobody's marks are shown to nobody"
    );
    let me = server
        .get(&alice, "/api/v1/accounts/verify_credentials")
        .await
        .entity("CredentialAccount");
    assert_eq!(me["statuses_count"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_may_be_json_form_or_multipart() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let url = format!("{}/api/v1/statuses", server.url);
    let form = server
        .http
        .post(&url)
        .bearer_auth(&alice.token)
        .body("status=form&sensitive=true")
        .header("content-type", "application/x-www-form-urlencoded");
    let form = Answer::of(form, "form".into()).await.entity("Status");
    assert_eq!(
        (&form["content"], &form["sensitive"]),
        (&json!("<p>form</p>"), &json!(true))
    );
    let body = "--x\r\nContent-Disposition: form-data; name=\"status\"\r\n\r\nmulti\r\n--x--\r\n";
    let multi = server
        .http
        .post(&url)
        .bearer_auth(&alice.token)
        .body(body)
        .header("content-type", "multipart/form-data; boundary=x");
    let multi = Answer::of(multi, "multipart".into()).await.entity("Status");
    assert_eq!(multi["content"], "<p>multi</p>");
    for (content_type, body, status) in [
        ("application/json", "{", 400),
        ("application/json", "[]", 400),
        ("application/json", r#"{"status": {"a": 1}}"#, 422),
        (
            "application/json",
            r#"{"status": "x", "media_ids": ["nan"]}"#,
            422,
        ),
        (
            "application/json",
            r#"{"status": "x", "visibility": "secret"}"#,
            422,
        ),
        ("application/json", r#"{"status": ""}"#, 422),
        ("application/json", "{}", 422),
        ("multipart/form-data; boundary=x", "--x\r\nbroken", 400),
        ("text/csv", "a,b", 415),
    ] {
        let request = server
            .http
            .post(&url)
            .bearer_auth(&alice.token)
            .body(body)
            .header("content-type", content_type);
        Answer::of(request, body.into()).await.refused(status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_posts_once() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let request = server
            .http
            .post(format!("{}/api/v1/statuses", server.url))
            .bearer_auth(&alice.token)
            .header("idempotency-key", "k1");
        let request = with_json(request, &json!({"status": "once"}));
        ids.push(Answer::of(request, "post".into()).await.entity("Status")["id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
    let list = server
        .get(&alice, "/api/v1/timelines/home")
        .await
        .entities("Status");
    assert_eq!(list.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_form_a_thread() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let bob = server.person("bob").await;
    let root = server.status(&alice, "root").await;
    let reply = server
        .post(
            &bob,
            "/api/v1/statuses",
            json!({"status": "@alice hi", "in_reply_to_id": root["id"]}),
        )
        .await
        .entity("Status");
    assert_eq!(reply["in_reply_to_id"], root["id"]);
    assert_eq!(reply["in_reply_to_account_id"], alice.id());
    assert_eq!(reply["mentions"][0]["acct"], "alice");
    let deeper = server
        .post(
            &alice,
            "/api/v1/statuses",
            json!({"status": "deeper", "in_reply_to_id": reply["id"]}),
        )
        .await
        .entity("Status");
    let path = |status: &Value| {
        format!(
            "/api/v1/statuses/{}/context",
            status["id"].as_str().unwrap()
        )
    };
    let context = server.get(&alice, &path(&reply)).await.entity("Context");
    assert_eq!(context["ancestors"][0]["id"], root["id"]);
    assert_eq!(context["descendants"][0]["id"], deeper["id"]);
    let context = server.get_public(&path(&root)).await.entity("Context");
    assert_eq!(context["descendants"].as_array().unwrap().len(), 2);
    let root = server
        .get(
            &alice,
            &format!("/api/v1/statuses/{}", root["id"].as_str().unwrap()),
        )
        .await;
    assert_eq!(root.ok()["replies_count"], 1);
    let notes = server
        .get(&alice, "/api/v1/notifications")
        .await
        .entities("Notification");
    assert_eq!(
        (&notes[0]["type"], &notes[0]["status"]["id"]),
        (&json!("mention"), &reply["id"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_is_edited_and_deleted() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let bob = server.person("bob").await;
    let status = server.status(&alice, "first #Tag").await;
    assert_eq!(status["tags"][0]["name"], "tag");
    let path = format!("/api/v1/statuses/{}", status["id"].as_str().unwrap());
    let edit = json!({"status": "second", "spoiler_text": "cw"});
    let edited = server
        .send(Method::PUT, &path, Some(&alice.token), Some(&edit))
        .await
        .entity("Status");
    assert_eq!(edited["content"], "<p>second</p>");
    assert!(edited["edited_at"].is_string());
    assert_eq!(edited["tags"], json!([]));
    let source = server
        .get(&alice, &format!("{path}/source"))
        .await
        .entity("StatusSource");
    assert_eq!(
        (&source["text"], &source["spoiler_text"]),
        (&json!("second"), &json!("cw"))
    );
    server
        .send(Method::PUT, &path, Some(&bob.token), Some(&edit))
        .await
        .refused(404);
    server
        .send(Method::DELETE, &path, Some(&bob.token), None)
        .await
        .refused(404);
    let gone = server
        .send(Method::DELETE, &path, Some(&alice.token), None)
        .await
        .entity("Status");
    assert_eq!(gone["text"], "second");
    server.get(&alice, &path).await.refused(404);
    server
        .send(Method::DELETE, &path, Some(&alice.token), None)
        .await
        .refused(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn favourites_reblogs_and_bookmarks_count_once() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let bob = server.person("bob").await;
    let status = server.status(&alice, "like me").await;
    let path = format!("/api/v1/statuses/{}", status["id"].as_str().unwrap());
    for (verb, count, flag) in [
        ("favourite", "favourites_count", "favourited"),
        ("bookmark", "", "bookmarked"),
    ] {
        for _ in 0..2 {
            let done = server
                .post(&bob, &format!("{path}/{verb}"), json!({}))
                .await
                .entity("Status");
            assert_eq!(done[flag], true);
            if !count.is_empty() {
                assert_eq!(done[count], 1);
            }
        }
        let undone = server
            .post(&bob, &format!("{path}/un{verb}"), json!({}))
            .await
            .entity("Status");
        assert_eq!(undone[flag], false);
    }
    let first = server
        .post(&bob, &format!("{path}/reblog"), json!({}))
        .await
        .entity("Status");
    let again = server
        .post(&bob, &format!("{path}/reblog"), json!({}))
        .await
        .entity("Status");
    assert_eq!(first["id"], again["id"]);
    assert_eq!(first["reblog"]["id"], status["id"]);
    assert_eq!(
        (
            &first["reblog"]["reblogs_count"],
            &first["reblog"]["reblogged"]
        ),
        (&json!(1), &json!(true))
    );
    server
        .post(&bob, &format!("{path}/favourite"), json!({}))
        .await
        .entity("Status");
    let by = server
        .get(&alice, &format!("{path}/favourited_by"))
        .await
        .entities("Account");
    assert_eq!(by[0]["acct"], "bob");
    let by = server
        .get(&alice, &format!("{path}/reblogged_by"))
        .await
        .entities("Account");
    assert_eq!(by[0]["acct"], "bob");
    let list = server
        .get(&bob, "/api/v1/favourites")
        .await
        .entities("Status");
    assert_eq!(list[0]["id"], status["id"]);
    let undone = server
        .post(&bob, &format!("{path}/unreblog"), json!({}))
        .await
        .entity("Status");
    assert_eq!(
        (&undone["reblogs_count"], &undone["reblogged"]),
        (&json!(0), &json!(false))
    );
    let kinds: Vec<Value> = server
        .get(&alice, "/api/v1/notifications")
        .await
        .entities("Notification")
        .iter()
        .map(|n| n["type"].clone())
        .collect();
    assert_eq!(kinds, ["favourite"], "what was undone is taken back");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_see_what() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let friend = server.person("friend").await;
    let stranger = server.person("stranger").await;
    let follow = format!("/api/v1/accounts/{}/follow", alice.id());
    server
        .post(&friend, &follow, json!({}))
        .await
        .entity("Relationship");
    for (visibility, friend_sees, stranger_sees, anyone_sees) in [
        ("public", true, true, true),
        ("unlisted", true, true, true),
        ("private", true, false, false),
        ("mutuals", false, false, false),
        ("direct", false, false, false),
        ("local", true, true, false),
    ] {
        let status = server
            .post(
                &alice,
                "/api/v1/statuses",
                json!({"status": "psst", "visibility": visibility}),
            )
            .await
            .entity("Status");
        assert_eq!(status["kith"]["visibility"], visibility);
        let path = format!("/api/v1/statuses/{}", status["id"].as_str().unwrap());
        for (answer, sees) in [
            (server.get(&friend, &path).await, friend_sees),
            (server.get(&stranger, &path).await, stranger_sees),
            (server.get_public(&path).await, anyone_sees),
        ] {
            assert_eq!(
                answer.status.as_u16(),
                if sees { 200 } else { 404 },
                "{visibility}"
            );
        }
        if !stranger_sees {
            for verb in ["favourite", "reblog", "bookmark"] {
                server
                    .post(&stranger, &format!("{path}/{verb}"), json!({}))
                    .await
                    .refused(404);
            }
            let reply = json!({"status": "x", "in_reply_to_id": status["id"]});
            server
                .post(&stranger, "/api/v1/statuses", reply)
                .await
                .refused(404);
            server
                .get(&stranger, &format!("{path}/context"))
                .await
                .refused(404);
            server
                .get(&stranger, &format!("{path}/favourited_by"))
                .await
                .refused(404);
        }
    }
    let back = format!("/api/v1/accounts/{}/follow", friend.id());
    server
        .post(&alice, &back, json!({}))
        .await
        .entity("Relationship");
    let list = server
        .get(
            &friend,
            &format!("/api/v1/accounts/{}/statuses", alice.id()),
        )
        .await;
    let seen: Vec<Value> = list
        .entities("Status")
        .iter()
        .map(|s| s["kith"]["visibility"].clone())
        .collect();
    assert_eq!(seen, ["local", "mutuals", "private", "unlisted", "public"]);
    let list = server
        .get_public(&format!("/api/v1/accounts/{}/statuses", alice.id()))
        .await;
    let seen: Vec<Value> = list
        .entities("Status")
        .iter()
        .map(|s| s["kith"]["visibility"].clone())
        .collect();
    assert_eq!(seen, ["unlisted", "public"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_do_what_their_scopes_say() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let reader = server.token(&alice, "read:statuses").await;
    let post = json!({"status": "x"});
    server
        .send(Method::POST, "/api/v1/statuses", None, Some(&post))
        .await
        .refused(401);
    server
        .send(
            Method::POST,
            "/api/v1/statuses",
            Some("nonsense"),
            Some(&post),
        )
        .await
        .refused(401);
    server
        .send(Method::POST, "/api/v1/statuses", Some(&reader), Some(&post))
        .await
        .refused(403);
    server
        .send(Method::GET, "/api/v1/timelines/home", Some(&reader), None)
        .await
        .ok();
    server
        .send(Method::GET, "/api/v1/blocks", Some(&reader), None)
        .await
        .refused(403);
    server
        .send(
            Method::GET,
            "/api/v1/timelines/public",
            Some("nonsense"),
            None,
        )
        .await
        .refused(401);
    for id in [
        "0",
        "999999999999999999",
        "abc",
        "-1",
        "99999999999999999999999",
    ] {
        server
            .get(&alice, &format!("/api/v1/statuses/{id}"))
            .await
            .refused(404);
        server
            .get(&alice, &format!("/api/v1/accounts/{id}"))
            .await
            .refused(404);
        server
            .post(
                &alice,
                &format!("/api/v1/statuses/{id}/favourite"),
                json!({}),
            )
            .await
            .refused(404);
    }
}
