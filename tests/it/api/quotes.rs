use reqwest::Method;
use serde_json::{Value, json};

use crate::support::server::ids;
use crate::support::{Person, Server};

fn id(entity: &Value) -> &str {
    entity["id"].as_str().expect("an id")
}

async fn post(server: &Server, who: &Person, body: Value) -> Value {
    server
        .post(who, "/api/v1/statuses", body)
        .await
        .entity("Status")
}

async fn shown(server: &Server, who: &Person, status: &Value) -> Value {
    let path = format!("/api/v1/statuses/{}", id(status));
    server.get(who, &path).await.entity("Status")
}

async fn notes(server: &Server, who: &Person, kind: &str) -> Vec<Value> {
    let path = format!("/api/v1/notifications?types[]={kind}");
    server.get(who, &path).await.entities("Notification")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_is_shown_counted_told_and_revoked() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let quoted = server.status(&alice, "quotable").await;
    assert_eq!(
        quoted["quote_approval"],
        json!({"automatic": ["public"], "manual": [], "current_user": "automatic"})
    );
    let quote = post(
        &server,
        &bob,
        json!({"status": "look", "quoted_status_id": id(&quoted)}),
    )
    .await;
    assert_eq!(quote["quote"]["state"], "accepted");
    assert_eq!(quote["quote"]["quoted_status"]["id"], quoted["id"]);
    assert_eq!(shown(&server, &alice, &quoted).await["quotes_count"], 1);
    let told = notes(&server, &alice, "quote").await;
    assert_eq!(told[0]["status"]["id"], quote["id"]);
    // A quote of the quote holds the inner one by its id.
    let outer = post(&server, &alice, json!({"quoted_status_id": id(&quote)})).await;
    assert_eq!(
        outer["quote"]["quoted_status"]["quote"],
        json!({"state": "accepted", "quoted_status_id": quoted["id"]})
    );
    let list = format!("/api/v1/statuses/{}/quotes", id(&quoted));
    let quotes = server.get(&bob, &list).await.entities("Status");
    assert_eq!(ids(&quotes), [id(&quote)]);
    server.get_public(&list).await.refused(401);
    // An edit of what is quoted is told to who quotes it, with their own post.
    let path = format!("/api/v1/statuses/{}", id(&quoted));
    let edit = json!({"status": "edited"});
    server
        .send(Method::PUT, &path, Some(&alice.token), Some(&edit))
        .await
        .entity("Status");
    let told = notes(&server, &bob, "quoted_update").await;
    assert_eq!(told[0]["status"]["id"], quote["id"]);
    assert_eq!(
        told[0]["status"]["quote"]["quoted_status"]["content"],
        "<p>edited</p>"
    );
    let revoke = format!("{list}/{}/revoke", id(&quote));
    server.post(&bob, &revoke, json!({})).await.refused(403);
    let unknown = format!("{list}/{}/revoke", id(&quoted));
    server.post(&alice, &unknown, json!({})).await.refused(404);
    let revoked = server
        .post(&alice, &revoke, json!({}))
        .await
        .entity("Status");
    assert_eq!(
        (&revoked["id"], &revoked["quote"]),
        (
            &quote["id"],
            &json!({"state": "revoked", "quoted_status": null})
        )
    );
    assert_eq!(shown(&server, &alice, &quoted).await["quotes_count"], 0);
    assert!(server.get(&bob, &list).await.entities("Status").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_the_policy_decides_who_may_quote() {
    let server = Server::start().await;
    let (alice, bob, carol) = (
        server.person("alice").await,
        server.person("bob").await,
        server.person("carol").await,
    );
    let path = format!("/api/v1/accounts/{}/follow", alice.id());
    server.post(&bob, &path, json!({})).await.ok();
    let body = |policy: &str| json!({"status": "mine", "quote_approval_policy": policy});
    let closed = post(&server, &alice, body("nobody")).await;
    let followers = post(&server, &alice, body("followers")).await;
    let leave = async |who: &Person, status: &Value| {
        shown(&server, who, status).await["quote_approval"]["current_user"].clone()
    };
    for (who, status, wanted) in [
        (&alice, &closed, "automatic"),
        (&bob, &closed, "denied"),
        (&bob, &followers, "automatic"),
        (&carol, &followers, "denied"),
    ] {
        assert_eq!(leave(who, status).await, wanted);
        let quote = json!({"status": "q", "quoted_status_id": id(status)});
        let answer = server.post(who, "/api/v1/statuses", quote).await;
        if wanted == "automatic" {
            assert_eq!(answer.entity("Status")["quote"]["state"], "accepted");
        } else {
            answer.refused(404);
        }
    }
    let change = format!("/api/v1/statuses/{}/interaction_policy", id(&closed));
    let set = async |who: &Person, policy: &str| {
        let body = json!({"quote_approval_policy": policy});
        server
            .send(Method::PUT, &change, Some(&who.token), Some(&body))
            .await
    };
    let changed = set(&alice, "followers").await.entity("Status");
    assert_eq!(changed["quote_approval"]["automatic"], json!(["followers"]));
    set(&bob, "public").await.refused(404);
    set(&alice, "nonsense").await.refused(422);
    assert_eq!(leave(&carol, &closed).await, "denied");
    set(&alice, "public").await.entity("Status");
    assert_eq!(leave(&carol, &closed).await, "automatic");
    // Whoever is blocked neither sees nor quotes it.
    let path = format!("/api/v1/accounts/{}/block", carol.id());
    server.post(&alice, &path, json!({})).await.ok();
    let quote = json!({"status": "q", "quoted_status_id": id(&closed)});
    server
        .post(&carol, "/api/v1/statuses", quote)
        .await
        .refused(404);
    // What one usually wants counts where a post does not say.
    let path = "/api/v1/accounts/update_credentials";
    let source = json!({"source": {"quote_policy": "nobody"}});
    let me = server
        .send(Method::PATCH, path, Some(&alice.token), Some(&source))
        .await
        .ok();
    assert_eq!(me["source"]["quote_policy"], "nobody");
    let usual = server.status(&alice, "as usual").await;
    assert_eq!(usual["quote_approval"]["automatic"], json!([]));
    for body in [
        json!({"status": "x", "quote_approval_policy": "nonsense"}),
        json!({"source": {"quote_policy": "nonsense"}}),
    ] {
        let is_status = body.get("status").is_some();
        let (method, path) = if is_status {
            (Method::POST, "/api/v1/statuses")
        } else {
            (Method::PATCH, "/api/v1/accounts/update_credentials")
        };
        server
            .send(method, path, Some(&alice.token), Some(&body))
            .await
            .refused(422);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_private_posts_are_quoted_for_their_own_readers_alone() {
    let server = Server::start().await;
    let (alice, bob, carol) = (
        server.person("alice").await,
        server.person("bob").await,
        server.person("carol").await,
    );
    let path = format!("/api/v1/accounts/{}/follow", alice.id());
    server.post(&bob, &path, json!({})).await.ok();
    let private = post(
        &server,
        &alice,
        json!({"status": "secret", "visibility": "private"}),
    )
    .await;
    assert_eq!(private["quote_approval"]["automatic"], json!([]));
    for who in [&bob, &carol] {
        let quote = json!({"status": "q", "quoted_status_id": id(&private)});
        server
            .post(who, "/api/v1/statuses", quote)
            .await
            .refused(404);
    }
    let own = json!({"status": "q", "quoted_status_id": id(&private), "visibility": "public"});
    let own = post(&server, &alice, own).await;
    assert_eq!(
        own["visibility"], "private",
        "what is for followers stays for followers"
    );
    let path = format!("/api/v1/statuses/{}", id(&own));
    server.get(&carol, &path).await.refused(404);
    assert_eq!(
        shown(&server, &bob, &own).await["quote"]["quoted_status"]["content"],
        "<p>secret</p>"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_stands_differently_for_each_reader() {
    let server = Server::start().await;
    let (alice, bob, carol) = (
        server.person("alice").await,
        server.person("bob").await,
        server.person("carol").await,
    );
    let quoted = server.status(&alice, "quoted").await;
    let quote = post(
        &server,
        &bob,
        json!({"status": "q", "quoted_status_id": id(&quoted)}),
    )
    .await;
    let state = async |who: &Person| {
        let quote = shown(&server, who, &quote).await["quote"].clone();
        (
            quote["state"].as_str().unwrap().to_owned(),
            quote["quoted_status"].is_object(),
        )
    };
    assert_eq!(state(&carol).await, ("accepted".into(), true));
    let act = async |who: &Person, verb: &str, whom: &Person| {
        let path = format!("/api/v1/accounts/{}/{verb}", whom.id());
        server.post(who, &path, json!({})).await.ok();
    };
    act(&carol, "mute", &alice).await;
    assert_eq!(state(&carol).await, ("muted_account".into(), true));
    act(&carol, "unmute", &alice).await;
    act(&carol, "block", &alice).await;
    assert_eq!(state(&carol).await, ("blocked_account".into(), true));
    act(&carol, "unblock", &alice).await;
    act(&alice, "block", &carol).await;
    assert_eq!(state(&carol).await, ("unauthorized".into(), false));
    let path = format!("/api/v1/statuses/{}", id(&quoted));
    server
        .send(Method::DELETE, &path, Some(&alice.token), None)
        .await
        .ok();
    assert_eq!(state(&bob).await, ("deleted".into(), false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_quotes_costs_a_fixed_number_of_statements() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let mut counts = Vec::new();
    for round in [2, 15] {
        for n in 0..round {
            let quoted = server.status(&alice, &format!("quoted {n} #tag{n}")).await;
            let body = json!({"status": format!("q {n}"), "quoted_status_id": id(&quoted)});
            let quote = post(&server, &bob, body).await;
            let body = json!({"status": "outer", "quoted_status_id": id(&quote)});
            post(&server, &bob, body).await;
        }
        let path = format!("/api/v1/accounts/{}/statuses?limit=40", bob.id());
        let cold = async || {
            server.app.caches.clear();
            server.get(&alice, &path).await.ok();
        };
        counts.push(server.cost(cold).await);
    }
    assert_eq!(
        counts[0], counts[1],
        "the number of statements grows with the page"
    );
}
