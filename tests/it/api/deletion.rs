//! `/api/kith/v1/account/delete`: an owner deletes an account, or thinks better of it.

use kith::clock::{DAY, HOUR};
use kith::domain::moderation::{self, Actor, Lift};
use reqwest::Method;
use serde_json::{Value, json};

use super::auth;
use super::chats;
use super::media::upload;
use super::moves::{PASSWORD, with_password};
use crate::support::mail::letters;
use crate::support::peer::eventually;
use crate::support::server::ids;
use crate::support::{Answer, Person, Server, database};

pub const DELETE: &str = "/api/kith/v1/account/delete";
pub const CANCEL: &str = "/api/kith/v1/account/delete/cancel";

/// After it, nothing can be taken back any more.
pub const WEEK: i64 = 7 * DAY + HOUR;

pub async fn delete(server: &Server, who: &Person) -> Value {
    let body = json!({"password": PASSWORD});
    server
        .post(who, DELETE, body)
        .await
        .entity("Kith::Deletion")
}

async fn actor(server: &Server, uri: &str) -> Answer {
    let request = server
        .http
        .get(uri)
        .header("accept", "application/activity+json");
    Answer::of(request, uri.to_owned()).await
}

/// Signs in again, as who is leaving has to.
async fn back(server: &Server, who: &Person) -> Person {
    let answer = auth::login(server, &who.account.username, PASSWORD).await;
    Person {
        account: who.account.clone(),
        token: auth::tokens(&answer.ok()).0,
    }
}

async fn count(server: &Server, sql: &str) -> i64 {
    database::count(&server.app.config.database_url, sql).await
}

/// Waits until everything that an account left is erased.
pub async fn erased(server: &Server) {
    let waiting =
        "SELECT count(*) AS n FROM jobs WHERE kind IN ('delete_account', 'erase_account')";
    eventually("all is erased", async || {
        (count(server, waiting).await == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_deletes_an_account_is_hidden_at_once_and_can_come_back_for_a_week() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    with_password(&server, &alice).await;
    let follow = format!("/api/v1/accounts/{}/follow", alice.id());
    server.post(&bob, &follow, json!({})).await.ok();
    let profile = json!({"display_name": "Alice A.", "note": "hello", "discoverable": true});
    let path = "/api/v1/accounts/update_credentials";
    server
        .send(Method::PATCH, path, Some(&alice.token), Some(&profile))
        .await
        .ok();
    let status = server.status(&alice, "a #word for all").await;
    let id = status["id"].as_str().unwrap().to_owned();
    let post = server.status(&bob, "like me").await;
    let like = format!(
        "/api/v1/statuses/{}/favourite",
        post["id"].as_str().unwrap()
    );
    server.post(&alice, &like, json!({})).await.ok();

    for (body, status) in [(json!({}), 422), (json!({"password": "wrong"}), 403)] {
        server.post(&alice, DELETE, body).await.refused(status);
    }
    let read_only = server.token(&alice, "read").await;
    let body = json!({"password": PASSWORD});
    server
        .send(Method::POST, DELETE, Some(&read_only), Some(&body))
        .await
        .refused(403);
    server
        .send(Method::POST, DELETE, None, Some(&body))
        .await
        .refused(401);
    server.post(&alice, CANCEL, json!({})).await.refused(404);
    let before = server.get(&alice, DELETE).await.entity("Kith::Deletion");
    assert_eq!(before["deletes_at"], Value::Null);
    let begun = delete(&server, &alice).await;
    assert!(begun["requested_at"].is_string() && begun["deletes_at"].is_string());
    let letter = letters(&server, 2).await.pop().unwrap();
    let day = &begun["deletes_at"].as_str().unwrap()[..10];
    assert!(letter.text.contains(day), "{}", letter.text);

    // Every session is over, and a new one is good for nothing but coming back.
    server.get(&alice, DELETE).await.refused(401);
    let again = back(&server, &alice).await;
    assert_eq!(server.get(&again, DELETE).await.ok(), begun);
    for (method, path) in [
        (Method::GET, "/api/v1/accounts/verify_credentials"),
        (Method::GET, "/api/v1/timelines/home"),
        (Method::POST, "/api/v1/statuses"),
        (Method::POST, DELETE),
    ] {
        let body = json!({"status": "still here", "password": PASSWORD});
        let body = (method == Method::POST).then_some(&body);
        let error = server.send(method, path, Some(&again.token), body).await;
        assert_eq!(
            error.refused(403),
            "Your account is about to be deleted",
            "{path}"
        );
    }
    // Nobody else finds anything, whichever door they try.
    let account = format!("/api/v1/accounts/{}", alice.id());
    let shown = server.get(&bob, &account).await.entity("Account");
    assert_eq!(
        (&shown["suspended"], &shown["display_name"], &shown["note"]),
        (&json!(true), &json!(""), &json!(""))
    );
    for path in [
        format!("/api/v1/statuses/{id}"),
        format!("/api/v1/statuses/{id}/context"),
        "/@alice".to_owned(),
        format!("/@alice/{id}"),
    ] {
        assert_eq!(server.get_public(&path).await.status, 404, "{path}");
        assert_eq!(server.get(&bob, &path).await.status, 404, "{path}");
    }
    // To other servers it says that it is suspended, and no more.
    let suspended = actor(&server, &alice.account.uri).await;
    assert_eq!(suspended.ok()["suspended"], true);
    assert!(suspended.ok().get("summary").is_none_or(|text| text == ""));
    let outbox = format!("{}/outbox", alice.account.uri);
    assert_eq!(actor(&server, &outbox).await.status, 403);
    assert_eq!(
        actor(&server, status["uri"].as_str().unwrap()).await.status,
        403
    );
    let own = format!("/api/v1/accounts/{}/statuses", alice.id());
    let liked_by = format!(
        "/api/v1/statuses/{}/favourited_by",
        post["id"].as_str().unwrap()
    );
    let following = format!("/api/v1/accounts/{}/following", bob.id());
    for path in [
        own.as_str(),
        liked_by.as_str(),
        following.as_str(),
        "/api/v1/timelines/home",
        "/api/v1/timelines/public",
        "/api/v1/timelines/tag/word",
        "/api/v1/directory",
        "/api/v1/accounts/search?q=alice",
    ] {
        let list = server.get(&bob, path).await.ok();
        let about = list.to_string();
        assert!(!about.contains("alice"), "{path}: {list:#}");
    }
    server.post(&bob, &follow, json!({})).await.refused(404);

    // Moderators lift what is theirs alone.
    let (ctx, leaving) = (server.app.ctx.clone(), alice.account.id);
    let lifted = server.app.write(move |tx| {
        Box::pin(async move {
            let actor = Actor::command("a test");
            moderation::lift(tx, &ctx, &actor, leaving, Lift::Unsuspend, "").await
        })
    });
    lifted.await.expect("it is lifted");
    let shown = server.get(&bob, &account).await.entity("Account");
    assert_eq!(shown["suspended"], true);

    // Nothing was lost.
    let stays = server.post(&again, CANCEL, json!({})).await;
    assert_eq!(stays.entity("Kith::Deletion")["deletes_at"], Value::Null);
    let shown = server.get(&bob, &account).await.entity("Account");
    assert_eq!(
        (&shown["display_name"], &shown["followers_count"]),
        (&json!("Alice A."), &json!(1))
    );
    let home = server.get(&bob, "/api/v1/timelines/home").await;
    assert!(ids(&home.entities("Status")).contains(&id));
    server.status(&again, "I am back").await;
    server.pass(8 * DAY);
    server.status(&bob, "a week later").await;
    let shown = server.get(&bob, &account).await.entity("Account");
    assert_ne!(shown["suspended"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_week_nothing_is_left_but_the_name() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let carol = server.person("carol").await;
    with_password(&server, &alice).await;
    let verb =
        async |who: &Person, path: String, body: Value| server.post(who, &path, body).await.ok();
    for (who, whom) in [(&alice, &bob), (&bob, &alice), (&carol, &alice)] {
        let path = format!("/api/v1/accounts/{}/follow", whom.id());
        verb(who, path, json!({})).await;
    }
    let file = upload(&server, &alice, &super::media::png(32, 32))
        .await
        .ok();
    let body = json!({"status": "see", "media_ids": [file["id"]]});
    let status = verb(&alice, "/api/v1/statuses".to_owned(), body).await;
    let uri = status["uri"].as_str().unwrap();
    let post = server.status(&bob, "what do you think?").await;
    let post_id = post["id"].as_str().unwrap();
    for deed in ["favourite", "reblog", "bookmark"] {
        verb(
            &alice,
            format!("/api/v1/statuses/{post_id}/{deed}"),
            json!({}),
        )
        .await;
    }
    let body = json!({"status": "@bob much", "in_reply_to_id": post_id});
    verb(&alice, "/api/v1/statuses".to_owned(), body).await;
    let boost = format!("/api/v1/statuses/{}/reblog", status["id"].as_str().unwrap());
    verb(&carol, boost, json!({})).await;
    let list = verb(
        &alice,
        "/api/v1/lists".to_owned(),
        json!({"title": "close"}),
    )
    .await;
    let members = format!("/api/v1/lists/{}/accounts", list["id"].as_str().unwrap());
    verb(&alice, members, json!({"account_ids": [bob.id()]})).await;
    let filter =
        json!({"title": "f", "context": ["home"], "keywords_attributes": [{"keyword": "x"}]});
    verb(&alice, "/api/v2/filters".to_owned(), filter).await;
    let chat = chats::open(&server, &alice, &bob.id()).await;
    let messages = format!("/api/kith/v1/chats/{}/messages", chats::id(&chat));
    chats::say(&server, &alice, &chat, json!({"text": "between us"})).await;

    delete(&server, &alice).await;
    server.pass(8 * DAY);
    erased(&server).await;
    let gone = actor(&server, &alice.account.uri).await;
    assert_eq!(gone.status, 410, "{}", gone.text);
    assert_eq!(
        (&gone.json()["type"], &gone.json()["id"]),
        (&json!("Tombstone"), &json!(alice.account.uri))
    );
    let gone = actor(&server, uri).await;
    assert_eq!(
        (gone.status.as_u16(), &gone.json()["type"]),
        (410, &json!("Tombstone"))
    );
    let finger = format!(
        "/.well-known/webfinger?resource=acct:alice@{}",
        server.domain()
    );
    for path in ["/@alice", &finger] {
        assert_eq!(server.get_public(path).await.status, 410, "{path}");
    }
    let path = format!("/api/v1/accounts/{}", alice.id());
    server.get(&bob, &path).await.refused(404);
    auth::login(&server, "alice", PASSWORD).await.refused(401);
    // What is counted of others is what is left.
    let shown = server
        .get(&bob, &format!("/api/v1/statuses/{post_id}"))
        .await;
    let shown = shown.entity("Status");
    for what in ["favourites_count", "reblogs_count", "replies_count"] {
        assert_eq!(shown[what], 0, "{what}");
    }
    for (who, followers, following) in [(&bob, 0, 0), (&carol, 0, 0)] {
        let path = format!("/api/v1/accounts/{}", who.id());
        let shown = server.get(&bob, &path).await.entity("Account");
        assert_eq!(shown["followers_count"], followers);
        assert_eq!(shown["following_count"], following);
    }
    let told = server.get(&bob, "/api/v1/notifications").await;
    assert!(told.entities("Notification").is_empty(), "{}", told.text);
    let said = server
        .get(&bob, &format!("{messages}?include_deleted=true"))
        .await;
    assert!(!said.text.contains("between us"), "{}", said.text);
    let id = &alice.id();
    for table in [
        "users",
        "statuses",
        "follows",
        "favourites",
        "bookmarks",
        "lists",
        "filters",
        "tokens",
        "notifications",
        "home_entries",
        "account_words",
        "refresh_tokens",
    ] {
        let sql = format!("SELECT count(*) AS n FROM {table} WHERE account_id = {id}");
        assert_eq!(count(&server, &sql).await, 0, "{table}");
    }
    let sql = format!("SELECT count(*) AS n FROM follows WHERE target_id = {id}");
    assert_eq!(count(&server, &sql).await, 0);
    // Its keys go once nothing is on its way, and its files with the next sweep.
    server.pass(7 * HOUR);
    let sql = format!("SELECT count(*) AS n FROM account_keys WHERE account_id = {id}");
    eventually("the keys are gone", async || {
        (count(&server, &sql).await == 0).then_some(())
    })
    .await;
    kith::jobs::cleanup::pass(&server.app)
        .await
        .expect("a sweep");
    let sql = format!("SELECT count(*) AS n FROM media WHERE account_id = {id}");
    assert_eq!(count(&server, &sql).await, 0);
    // The name stays taken; the address is free.
    let body = |name: &str| json!({"username": name, "email": "alice@mail.example", "password": PASSWORD, "agreement": true});
    let taken = auth::call(&server, "register", None, body("Alice")).await;
    assert_eq!(
        taken.refused(422),
        "Validation failed: Username has already been taken"
    );
    let other = auth::call(&server, "register", None, body("alice2")).await;
    assert_eq!(other.status, 201, "{}", other.text);
}
