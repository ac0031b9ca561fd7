//! `/api/kith/v1/profile`: what it has beyond Mastodon's, and changes of the username.

use kith::clock::{DAY, MINUTE, iso};
use reqwest::Method;
use serde_json::{Value, json};

use crate::federation::two_servers::{Pair, resolve};
use crate::support::peer::eventually;
use crate::support::{Answer, Person, Server};

const PATH: &str = "/api/kith/v1/profile";

/// Turns the notifications of dislikes on.
pub async fn hear_of_dislikes(server: &Server, person: &Person) {
    patch(server, person, json!({"notify_dislikes": true}))
        .await
        .ok();
}

async fn patch(server: &Server, who: &Person, body: Value) -> Answer {
    server
        .send(Method::PATCH, PATH, Some(&who.token), Some(&body))
        .await
}

async fn shown(server: &Server, id: &str) -> Value {
    server
        .get_public(&format!("/api/v1/accounts/{id}"))
        .await
        .entity("Account")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_shows_and_keeps_what_was_chosen() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let usual = server.get(&alice, PATH).await.entity("CredentialAccount");
    assert_eq!(
        usual["kith"],
        json!({
            "location": "", "status": null, "chat_policy": "mutuals", "message_requests": false,
            "read_receipts": true, "presence": true, "notify_dislikes": false, "email_digest": "never",
        })
    );
    let at = iso(server.app.clock.now_ms() + 10 * MINUTE);
    let body = json!({
        "display_name": "Alice", "note": "hello", "location": "Lisbon\u{202e}",
        "status": {"text": "at the sea", "emoji": "🌊", "expires_at": at},
        "chat_policy": "anyone", "message_requests": true, "read_receipts": false,
        "presence": false, "notify_dislikes": true, "email_digest": "weekly", "fields": [{"name": "Web", "value": "https://a.example"}],
    });
    let me = patch(&server, &alice, body)
        .await
        .entity("CredentialAccount");
    let status = json!({"text": "at the sea", "emoji": "🌊", "expires_at": at});
    assert_eq!(
        me["kith"],
        json!({
            "location": "Lisbon", "status": status, "chat_policy": "anyone",
            "message_requests": true, "read_receipts": false, "presence": false,
            "notify_dislikes": true, "email_digest": "weekly",
        })
    );
    assert_eq!(
        (&me["display_name"], &me["source"]["note"]),
        (&json!("Alice"), &json!("hello"))
    );
    assert_eq!(me["fields"][0]["name"], "Web");
    // Others see where and what, and nothing of the settings.
    let seen = shown(&server, &alice.id()).await;
    assert_eq!(
        seen["kith"],
        json!({"location": "Lisbon", "status": status})
    );
    // What is not given stays; time takes the status line away, for everyone.
    patch(&server, &alice, json!({"presence": true})).await.ok();
    server.pass(10 * MINUTE);
    eventually("the status line is gone", async || {
        let seen = shown(&server, &alice.id()).await;
        (seen["kith"] == json!({"location": "Lisbon"})).then_some(())
    })
    .await;
    let me = server.get(&alice, PATH).await.ok();
    assert_eq!(
        (&me["kith"]["status"], &me["kith"]["presence"]),
        (&Value::Null, &json!(true))
    );
    assert_eq!(me["kith"]["chat_policy"], "anyone");
    for gone in [json!(null), json!(""), json!({"text": " ", "emoji": ""})] {
        let body = json!({"status": {"text": "here"}});
        let me = patch(&server, &alice, body).await.ok();
        assert_eq!(me["kith"]["status"]["expires_at"], Value::Null);
        let me = patch(&server, &alice, json!({"status": gone, "location": ""}))
            .await
            .ok();
        assert_eq!(me["kith"]["status"], Value::Null);
    }
    assert_eq!(shown(&server, &alice.id()).await["kith"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_will_not_do_is_refused_and_changes_nothing() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    server.person("bob").await;
    let before = server.get(&alice, PATH).await.ok();
    let past = iso(server.app.clock.now_ms() - MINUTE);
    for body in [
        json!({"chat_policy": "everyone"}),
        json!({"location": "x".repeat(101)}),
        json!({"status": {"text": "x".repeat(101)}}),
        json!({"status": {"emoji": "abc"}}),
        json!({"status": {"text": "x", "expires_at": "tomorrow"}}),
        json!({"status": {"text": "x", "expires_at": past}}),
        json!({"status": ["x"]}),
        json!({"username": ""}),
        json!({"username": "a b"}),
        json!({"username": "admin"}),
        json!({"username": "kith"}),
        json!({"username": "BOB"}),
        json!({"username": "x".repeat(31)}),
        json!({"fields": "x"}),
    ] {
        let answer = patch(&server, &alice, body.clone()).await;
        assert_eq!(answer.status, 422, "{body}: {}", answer.text);
    }
    assert_eq!(server.get(&alice, PATH).await.ok(), before);
    let narrow = server.token(&alice, "read:accounts").await;
    server
        .send(Method::PATCH, PATH, Some(&narrow), Some(&json!({})))
        .await
        .refused(403);
    server.get_public(PATH).await.refused(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_name_leads_to_the_same_account_for_ever() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let bob = server.person("bob").await;
    let uri = alice.account.uri.clone();
    let me = patch(&server, &alice, json!({"username": "Alicia"}))
        .await
        .entity("CredentialAccount");
    assert_eq!(
        (&me["username"], &me["uri"]),
        (&json!("Alicia"), &json!(uri))
    );
    assert_eq!(me["url"], format!("{}/@Alicia", server.url));
    for name in ["alice", "alicia"] {
        let found = server
            .get_public(&format!("/api/v1/accounts/lookup?acct={name}"))
            .await;
        assert_eq!(found.entity("Account")["id"], alice.id());
        let resource = format!("acct:{name}@{}", server.domain());
        let found = server
            .get_public(&format!("/.well-known/webfinger?resource={resource}"))
            .await
            .ok();
        assert_eq!(found["subject"], format!("acct:Alicia@{}", server.domain()));
        assert!(found["aliases"].as_array().unwrap().contains(&json!(uri)));
        assert_eq!(server.get_public(&format!("/@{name}")).await.status, 200);
        let status = server.status(&bob, &format!("hello @{name}")).await;
        assert_eq!(status["mentions"][0]["id"], alice.id());
        assert_eq!(status["mentions"][0]["acct"], "Alicia");
        // Nobody else gets either.
        let body = json!({"username": name});
        patch(&server, &bob, body).await.refused(422);
        let body = json!({
            "username": name, "email": "c@mail.example", "password": "correct horse", "agreement": true,
        });
        let answer = super::auth::call(&server, "register", None, body).await;
        assert_eq!(
            answer.json()["details"]["username"][0]["error"],
            "ERR_TAKEN"
        );
    }
    let actor = server
        .http
        .get(&uri)
        .header("accept", "application/activity+json");
    let actor = Answer::of(actor, "the actor".into()).await.ok();
    assert_eq!(
        (&actor["id"], &actor["preferredUsername"]),
        (&json!(uri), &json!("Alicia"))
    );
    // Not again so soon, not even back.
    let again = patch(&server, &alice, json!({"username": "alice"})).await;
    again.refused(429);
    assert!(again.headers.contains_key("retry-after"));
    server.pass(31 * DAY);
    let me = patch(&server, &alice, json!({"username": "alice"}))
        .await
        .ok();
    assert_eq!(me["username"], "alice");
    let found = server
        .get_public("/api/v1/accounts/lookup?acct=alicia")
        .await;
    assert_eq!(found.entity("Account")["id"], alice.id());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_hears_of_name_place_and_status() {
    let pair = Pair::start().await;
    pair.bob_follows().await;
    let at = iso((pair.one.app.clock.now_ms() / 1000 + 3600) * 1000);
    let body = json!({
        "username": "alicia", "location": "Lisbon",
        "status": {"text": "at the sea", "emoji": "🌊", "expires_at": at},
    });
    patch(&pair.one, &pair.alice, body).await.ok();
    let there = eventually("the change arrives", async || {
        let there = shown(&pair.two, &pair.alice_there).await;
        (there["username"] == "alicia").then_some(there)
    })
    .await;
    assert_eq!(there["uri"], pair.alice.account.uri);
    let status = json!({"text": "at the sea", "emoji": "🌊", "expires_at": at});
    assert_eq!(
        there["kith"],
        json!({"location": "Lisbon", "status": status})
    );
    for name in ["alice", "alicia"] {
        let handle = format!("@{name}@{}", pair.one.domain());
        assert_eq!(
            resolve(&pair.two, &pair.bob, &handle).await,
            pair.alice_there
        );
    }
    pair.two.pass(2 * 60 * MINUTE);
    eventually("the status line is gone there", async || {
        let there = shown(&pair.two, &pair.alice_there).await;
        (there["kith"] == json!({"location": "Lisbon"})).then_some(())
    })
    .await;
}
