//! `/api/kith/v1/drafts`

use kith::clock::DAY;
use reqwest::Method;
use serde_json::{Value, json};

use super::media::{png, upload};
use crate::support::server::ids;
use crate::support::{Person, Server};

const ALL: &str = "/api/kith/v1/drafts";

async fn keep(server: &Server, who: &Person, body: Value) -> Value {
    server.post(who, ALL, body).await.entity("Kith__Draft")
}

fn path(draft: &Value) -> String {
    format!("{ALL}/{}", draft["id"].as_str().unwrap())
}

async fn drafts(server: &Server, who: &Person) -> Vec<Value> {
    server.get(who, ALL).await.entities("Kith__Draft")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_keeps_all_that_a_post_can_say() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let parent = server.status(&bob, "a question").await;
    let picture = upload(&server, &alice, &png(16, 16)).await.ok();
    let body = json!({
        "status": "not quite", "content_type": "text/markdown", "spoiler_text": "cw",
        "sensitive": true, "visibility": "mutuals", "local_only": true, "language": "de",
        "in_reply_to_id": parent["id"], "media_ids": [picture["id"]],
        "quoted_status_id": parent["id"], "quote_approval_policy": "followers",
    });
    let draft = keep(&server, &alice, body).await;
    assert_eq!(
        draft["params"],
        json!({
            "text": "not quite", "content_type": "text/markdown", "poll": null,
            "media_ids": [picture["id"]], "sensitive": true, "spoiler_text": "cw",
            "visibility": "mutuals", "local_only": true, "in_reply_to_id": parent["id"],
            "language": "de", "quoted_status_id": parent["id"], "quote_approval_policy": "followers",
        })
    );
    assert_eq!(draft["media_attachments"][0]["id"], picture["id"]);
    assert_eq!(
        server
            .get(&alice, &path(&draft))
            .await
            .entity("Kith__Draft"),
        draft
    );
    // Written anew, it says nothing of what it said; an unfinished poll will do.
    server.pass(1000);
    let poll = json!({"status": "which?", "poll": {"options": ["this"]}});
    let changed = server
        .put(&alice, &path(&draft), poll)
        .await
        .entity("Kith__Draft");
    assert_eq!(changed["params"]["poll"]["options"], json!(["this"]));
    assert_eq!(changed["params"]["media_ids"], Value::Null);
    assert_eq!(changed["media_attachments"], json!([]));
    assert_eq!(changed["created_at"], draft["created_at"]);
    assert_ne!(changed["updated_at"], draft["updated_at"]);
    assert_eq!(drafts(&server, &alice).await, [changed]);
    // Nothing of it is posted.
    let own = format!("/api/v1/accounts/{}/statuses", alice.id());
    assert_eq!(server.get(&alice, &own).await.ok(), json!([]));
    server.delete(&alice, &path(&draft)).await.ok();
    server.delete(&alice, &path(&draft)).await.refused(404);
    server.get(&alice, &path(&draft)).await.refused(404);
    server
        .put(&alice, &path(&draft), json!({"status": "x"}))
        .await
        .refused(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_gone_when_it_is_posted_or_scheduled() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let picture = upload(&server, &alice, &png(16, 16)).await.ok();
    let body = json!({"status": "soon", "media_ids": [picture["id"]]});
    let draft = keep(&server, &alice, body.clone()).await;
    let other = keep(&server, &bob, json!({"status": "mine"})).await;
    let mut post = body;
    post["draft_id"] = draft["id"].clone();
    // What cannot be posted stays a draft.
    let mut long = post.clone();
    long["status"] = json!("x".repeat(5001));
    server
        .post(&alice, "/api/v1/statuses", long)
        .await
        .refused(422);
    assert_eq!(drafts(&server, &alice).await.len(), 1);
    let status = server
        .post(&alice, "/api/v1/statuses", post)
        .await
        .entity("Status");
    assert_eq!(status["media_attachments"][0]["id"], picture["id"]);
    assert!(drafts(&server, &alice).await.is_empty());
    // Somebody else's is none of one's own.
    let stolen = json!({"status": "ha", "draft_id": other["id"]});
    server
        .post(&alice, "/api/v1/statuses", stolen)
        .await
        .entity("Status");
    assert_eq!(
        ids(&drafts(&server, &bob).await),
        [other["id"].as_str().unwrap()]
    );
    let at = kith::clock::iso(server.app.clock.now_ms() + DAY);
    let later = json!({"status": "later", "draft_id": other["id"], "scheduled_at": at});
    server
        .post(&bob, "/api/v1/statuses", later)
        .await
        .entity("ScheduledStatus");
    assert!(drafts(&server, &bob).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_drafts_stay_as_long_as_the_drafts() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let picture = upload(&server, &alice, &png(16, 16)).await.ok();
    let draft = keep(&server, &alice, json!({"media_ids": [picture["id"]]})).await;
    let media = format!("/api/v1/media/{}", picture["id"].as_str().unwrap());
    for _ in 0..3 {
        server.pass(2 * DAY);
        kith::jobs::cleanup::pass(&server.app).await.unwrap();
    }
    server.get(&alice, &media).await.entity("MediaAttachment");
    let shown = drafts(&server, &alice).await;
    assert_eq!(shown[0]["media_attachments"][0]["id"], picture["id"]);
    server.delete(&alice, &path(&draft)).await.ok();
    kith::jobs::cleanup::pass(&server.app).await.unwrap();
    server.get(&alice, &media).await.refused(404);
    // One that the author deletes is in the draft no more.
    let picture = upload(&server, &alice, &png(16, 16)).await.ok();
    let body = json!({"status": "look", "media_ids": [picture["id"]]});
    keep(&server, &alice, body).await;
    let media = format!("/api/v1/media/{}", picture["id"].as_str().unwrap());
    server.delete(&alice, &media).await.ok();
    let shown = drafts(&server, &alice).await;
    assert_eq!(shown[0]["media_attachments"], json!([]));
    assert_eq!(shown[0]["params"]["media_ids"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_never_be_posted_is_refused() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let secret = json!({"status": "psst", "visibility": "direct"});
    let secret = server
        .post(&bob, "/api/v1/statuses", secret)
        .await
        .entity("Status");
    let his = upload(&server, &bob, &png(16, 16)).await.ok();
    let long: Vec<String> = (0..60).map(|n| n.to_string()).collect();
    for (body, status) in [
        (json!({}), 422),
        (json!({"status": " "}), 422),
        (json!({"status": "x".repeat(5001)}), 422),
        (
            json!({"status": "x", "spoiler_text": "y".repeat(5000)}),
            422,
        ),
        (json!({"status": "x", "content_type": "text/odd"}), 422),
        (json!({"status": "x", "visibility": "nobody"}), 422),
        (json!({"status": "x", "language": "no language"}), 422),
        (json!({"status": "x", "poll": {"options": long}}), 422),
        (json!({"status": "x", "media_ids": [his["id"]]}), 422),
        (json!({"status": "x", "media_ids": ["17"]}), 422),
        (json!({"status": "x", "in_reply_to_id": secret["id"]}), 404),
        (
            json!({"status": "x", "quoted_status_id": secret["id"]}),
            404,
        ),
        (json!({"status": "x", "in_reply_to_id": "17"}), 404),
    ] {
        server.post(&alice, ALL, body).await.refused(status);
    }
    let draft = keep(&server, &alice, json!({"status": "x"})).await;
    let body = json!({"media_ids": [his["id"]]});
    server.put(&alice, &path(&draft), body).await.refused(422);
    // What a post has, or is scheduled to have, no draft can have.
    let taken = upload(&server, &alice, &png(16, 16)).await.ok();
    let body = json!({"status": "x", "media_ids": [taken["id"]]});
    server
        .post(&alice, "/api/v1/statuses", body.clone())
        .await
        .entity("Status");
    server.post(&alice, ALL, body).await.refused(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn drafts_are_their_authors_alone_in_pages_and_not_without_number() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let mut made = Vec::new();
    for n in 0..5 {
        let draft = keep(&server, &alice, json!({"status": format!("draft {n}")})).await;
        made.insert(0, draft["id"].as_str().unwrap().to_owned());
    }
    let mut found = Vec::new();
    let mut next = Some(format!("{ALL}?limit=2"));
    while let Some(page) = next {
        let answer = server.get(&alice, &page).await;
        found.extend(ids(&answer.entities("Kith__Draft")));
        next = answer.link("next");
    }
    assert_eq!(found, made);
    let cost = async |limit: usize| {
        let path = format!("{ALL}?limit={limit}");
        server
            .cost(async || {
                server.get(&alice, &path).await.ok();
            })
            .await
    };
    assert_eq!(cost(1).await, cost(40).await);
    assert!(drafts(&server, &bob).await.is_empty());
    let one = format!("{ALL}/{}", made[0]);
    let body = json!({"status": "mine now"});
    server.get(&bob, &one).await.refused(404);
    server.put(&bob, &one, body.clone()).await.refused(404);
    server.delete(&bob, &one).await.refused(404);
    server.get_public(&one).await.refused(401);
    let unlike = server.token(&alice, "read:follows write:follows").await;
    for (method, path) in [
        (Method::GET, ALL),
        (Method::POST, ALL),
        (Method::GET, &one),
        (Method::PUT, &one),
        (Method::DELETE, &one),
    ] {
        let body = matches!(method, Method::POST | Method::PUT).then_some(&body);
        server
            .send(method, path, Some(&unlike), body)
            .await
            .refused(403);
    }
    let (owner, ids) = (alice.account.id, server.app.ctx.ids.clone());
    server
        .app
        .write(move |tx| {
            Box::pin(async move {
                for _ in 5..kith::domain::drafts::MAX_DRAFTS {
                    let row = kith::db::drafts::DraftRow {
                        id: ids.next(),
                        account_id: owner,
                        draft: "{}".into(),
                        created_at: 1,
                        updated_at: 1,
                    };
                    kith::db::drafts::insert(tx, &row).await?;
                }
                Ok(())
            })
        })
        .await
        .unwrap();
    let refused = server.post(&alice, ALL, body).await.refused(422);
    assert!(refused.contains("300"), "{refused}");
}
