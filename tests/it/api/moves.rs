//! `/api/kith/v1/account/aliases`, `/api/kith/v1/account/move`: accounts that move.

use kith::clock::DAY;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::peer::eventually;
use crate::support::server::ids;
use crate::support::{Answer, Person, Server};

pub const ALIASES: &str = "/api/kith/v1/account/aliases";
pub const MOVE: &str = "/api/kith/v1/account/move";
pub const PASSWORD: &str = "correct horse";

/// Gives a person a password, as who moves is asked for it.
pub async fn with_password(server: &Server, person: &Person) {
    let hash = kith::passwords::hash(&server.app.random, PASSWORD.to_owned())
        .await
        .expect("a hash");
    let (ctx, id) = (server.app.ctx.clone(), person.account.id);
    let token = kith::http::auth::read_token(&server.app, &person.token);
    server
        .app
        .write(move |tx| {
            Box::pin(async move {
                kith::domain::users::change_password(tx, &ctx, id, hash, token).await
            })
        })
        .await
        .expect("the password is set");
}

pub async fn depart(server: &Server, who: &Person, target: &str) -> Answer {
    let body = json!({"target": target, "password": PASSWORD});
    server.post(who, MOVE, body).await
}

async fn verb(server: &Server, who: &Person, whom: &Person, verb: &str, body: Value) -> Answer {
    let path = format!("/api/v1/accounts/{}/{verb}", whom.id());
    server.post(who, &path, body).await
}

pub async fn relation(server: &Server, who: &Person, id: &str) -> Value {
    let path = format!("/api/v1/accounts/relationships?id[]={id}");
    server
        .get(who, &path)
        .await
        .entities("Relationship")
        .remove(0)
}

async fn account(server: &Server, id: &str) -> Value {
    let path = format!("/api/v1/accounts/{id}");
    server.get_public(&path).await.entity("Account")
}

/// Waits until nothing of a move is left to do.
async fn carried_over(server: &Server) {
    let waiting = "SELECT count(*) AS n FROM jobs WHERE kind = 'move'";
    eventually("all is carried over", async || {
        let url = &server.app.config.database_url;
        let left = crate::support::database::count(url, waiting).await;
        (left == 0).then_some(())
    })
    .await;
}

/// Old and new, who names old as an alias.
async fn two(server: &Server) -> (Person, Person) {
    let (old, new) = (server.person("old").await, server.person("new").await);
    with_password(server, &old).await;
    server
        .post(&new, ALIASES, json!({"alias": "@old"}))
        .await
        .entity("Account");
    (old, new)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_takes_along_whoever_has_to_do_with_the_account() {
    let server = Server::start().await;
    let (old, new) = two(&server).await;
    let fan = server.person("fan").await;
    let both = server.person("both").await;
    let (muter, blocker) = (server.person("muter").await, server.person("blocker").await);
    let options = json!({"notify": true, "reblogs": false, "languages": ["de"]});
    verb(&server, &fan, &old, "follow", options).await.ok();
    for (whom, notify) in [(&old, true), (&new, false)] {
        let options = json!({"notify": notify});
        verb(&server, &both, whom, "follow", options).await.ok();
    }
    let list = server.post(&fan, "/api/v1/lists", json!({"title": "liked"}));
    let list = list.await.entity("List")["id"].as_str().unwrap().to_owned();
    let members = format!("/api/v1/lists/{list}/accounts");
    let body = json!({"account_ids": [old.id()]});
    server.post(&fan, &members, body).await.ok();
    verb(
        &server,
        &muter,
        &old,
        "mute",
        json!({"notifications": false}),
    )
    .await
    .ok();
    verb(&server, &muter, &old, "follow", json!({})).await.ok();
    verb(&server, &blocker, &old, "block", json!({})).await.ok();
    for (who, text) in [(&fan, "a friend of a friend"), (&both, "twice here")] {
        let body = json!({"comment": text});
        verb(&server, who, &old, "note", body).await.ok();
    }
    verb(
        &server,
        &both,
        &new,
        "note",
        json!({"comment": "the new one"}),
    )
    .await
    .ok();
    // Who has blocked the new one stays where it is.
    let hurt = server.person("hurt").await;
    verb(&server, &hurt, &old, "follow", json!({})).await.ok();
    verb(&server, &hurt, &new, "block", json!({})).await.ok();
    // The new one approves its followers by hand, but not those that it brings along.
    let path = "/api/v1/accounts/update_credentials";
    let body = json!({"locked": true});
    server
        .send(Method::PATCH, path, Some(&new.token), Some(&body))
        .await
        .ok();

    let moved = depart(&server, &old, "new").await.entity("Kith::Move");
    assert_eq!(moved["moved_to"]["id"], new.id());
    assert_eq!(moved["followers_count"], 4);
    carried_over(&server).await;
    let shown = account(&server, &old.id()).await;
    assert_eq!(shown["moved"]["id"], new.id());
    assert_eq!(shown["moved"]["moved"], Value::Null);
    assert_eq!(shown["followers_count"], 1);
    let shown = account(&server, &new.id()).await;
    assert_eq!(
        (&shown["moved"], &shown["followers_count"]),
        (&Value::Null, &json!(3))
    );

    let to_new = relation(&server, &fan, &new.id()).await;
    for (what, is) in [
        ("following", true),
        ("notifying", true),
        ("showing_reblogs", false),
    ] {
        assert_eq!(to_new[what], is, "{what}: {to_new}");
    }
    assert_eq!(to_new["languages"], json!(["de"]));
    assert_eq!(
        to_new["note"],
        format!(
            "Moved here from @old@{}. Your note there:\na friend of a friend",
            server.domain()
        )
    );
    assert_eq!(relation(&server, &fan, &old.id()).await["following"], false);
    let on_list = server.get(&fan, &members).await.entities("Account");
    assert_eq!(ids(&on_list), [new.id()]);
    // Its own choices stand.
    let to_new = relation(&server, &both, &new.id()).await;
    assert_eq!(
        (&to_new["following"], &to_new["notifying"]),
        (&json!(true), &json!(false))
    );
    let note = to_new["note"].as_str().unwrap();
    assert!(
        note.contains("twice here") && note.ends_with("the new one"),
        "{note}"
    );
    let to_new = relation(&server, &muter, &new.id()).await;
    assert_eq!(
        (
            &to_new["muting"],
            &to_new["muting_notifications"],
            &to_new["following"]
        ),
        (&json!(true), &json!(false), &json!(true))
    );
    let to_new = relation(&server, &blocker, &new.id()).await;
    assert_eq!(to_new["blocking"], true);
    assert!(
        to_new["note"]
            .as_str()
            .unwrap()
            .contains("whom you had blocked")
    );
    assert_eq!(relation(&server, &hurt, &old.id()).await["following"], true);
    // Nobody is notified of followers that were brought along.
    let told = server
        .get(&new, "/api/v1/notifications?types[]=follow")
        .await;
    assert_eq!(told.entities("Notification").len(), 1, "{}", told.text);
    let page = server.get_public("/@old").await;
    assert!(
        page.text.contains("Moved to <a href=\"/@new\">"),
        "{}",
        page.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_followers_are_taken_along_some_at_a_time() {
    let server = Server::start().await;
    let (old, new) = two(&server).await;
    for n in 0..45 {
        let fan = server.person(&format!("fan{n}")).await;
        verb(&server, &fan, &old, "follow", json!({})).await.ok();
    }
    depart(&server, &old, "@new").await.entity("Kith::Move");
    carried_over(&server).await;
    assert_eq!(account(&server, &new.id()).await["followers_count"], 45);
    assert_eq!(account(&server, &old.id()).await["followers_count"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_has_moved_can_only_read_and_come_back() {
    let server = Server::start().await;
    let (old, new) = two(&server).await;
    let carol = server.person("carol").await;
    let status = server.status(&carol, "hello").await;
    depart(&server, &old, "new").await.entity("Kith::Move");

    let id = status["id"].as_str().unwrap();
    for (path, body) in [
        (
            "/api/v1/statuses".to_owned(),
            json!({"status": "still here"}),
        ),
        (format!("/api/v1/accounts/{}/follow", carol.id()), json!({})),
        (format!("/api/v1/statuses/{id}/favourite"), json!({})),
        (
            "/api/kith/v1/chats".to_owned(),
            json!({"account_id": carol.id()}),
        ),
    ] {
        let error = server.post(&old, &path, body).await.refused(403);
        assert_eq!(error, "Your login is currently disabled", "{path}");
    }
    server.get(&old, "/api/v1/timelines/home").await.ok();
    let own = server
        .get(&old, "/api/v1/accounts/verify_credentials")
        .await;
    assert_eq!(own.entity("CredentialAccount")["moved"]["id"], new.id());
    assert_eq!(
        server.get(&old, MOVE).await.entity("Kith::Move")["moved_to"]["id"],
        new.id()
    );
    // Nobody follows it any more.
    verb(&server, &carol, &old, "follow", json!({}))
        .await
        .refused(403);
    server.get(&old, ALIASES).await.entities("Account");

    let back = server.delete(&old, MOVE).await.entity("Kith::Move");
    assert_eq!(back["moved_to"], Value::Null);
    server.delete(&old, MOVE).await.refused(404);
    server.status(&old, "I am back").await;
    verb(&server, &carol, &old, "follow", json!({})).await.ok();
    assert_eq!(account(&server, &old.id()).await["moved"], Value::Null);
    // Not away again so soon.
    let again = depart(&server, &old, "new").await;
    assert_eq!(again.refused(422), "Validation failed: You are on cooldown");
    assert!(back["next_move_at"].is_string(), "{back}");
    server.pass(31 * DAY);
    depart(&server, &old, "new").await.entity("Kith::Move");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_needs_the_password_and_an_alias() {
    let server = Server::start().await;
    let (old, new) = (server.person("old").await, server.person("new").await);
    with_password(&server, &old).await;
    let third = server.person("third").await;
    for body in [
        json!({"target": "new", "password": "wrong"}),
        json!({"target": "new"}),
    ] {
        server.post(&old, MOVE, body).await.refused(403);
    }
    for (target, error) in [
        ("", "Target can't be blank"),
        ("nobody", "Target could not be found"),
        ("@new@no-such.invalid", "Target could not be found"),
        ("kith", "Target could not be found"),
        ("old", "Target cannot be the current account"),
        ("new", "Target is not an alias of this account"),
    ] {
        let refused = depart(&server, &old, target).await.refused(422);
        assert_eq!(refused, format!("Validation failed: {error}"), "{target}");
    }
    // A redirect alone needs no alias, and takes nobody along.
    verb(&server, &third, &old, "follow", json!({})).await.ok();
    let body = json!({"target": "new", "password": PASSWORD, "redirect_only": true});
    let moved = server
        .post(&old, MOVE, body.clone())
        .await
        .entity("Kith::Move");
    assert_eq!(moved["moved_to"]["id"], new.id());
    assert_eq!(
        (&moved["moved_at"], &moved["next_move_at"]),
        (&Value::Null, &Value::Null)
    );
    let again = server.post(&old, MOVE, body).await.refused(422);
    assert_eq!(
        again,
        "Validation failed: Target is the same account you have already moved to"
    );
    assert_eq!(
        relation(&server, &third, &old.id()).await["following"],
        true
    );
    assert_eq!(account(&server, &old.id()).await["moved"]["id"], new.id());
    // Back and forth: who has moved is no target.
    server.delete(&old, MOVE).await.ok();
    server
        .post(&new, ALIASES, json!({"alias": "old"}))
        .await
        .ok();
    server
        .post(&old, ALIASES, json!({"alias": "new"}))
        .await
        .ok();
    with_password(&server, &new).await;
    depart(&server, &old, "new").await.entity("Kith::Move");
    let error = depart(&server, &new, "old").await.refused(422);
    assert_eq!(error, "Validation failed: Target has moved itself");
    server
        .send(Method::GET, MOVE, None, None)
        .await
        .refused(401);
    let read_only = server.token(&old, "read").await;
    let body = json!({"target": "new", "password": PASSWORD});
    server
        .send(Method::POST, MOVE, Some(&read_only), Some(&body))
        .await
        .refused(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn aliases_are_added_and_removed() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    assert!(
        server
            .get(&alice, ALIASES)
            .await
            .entities("Account")
            .is_empty()
    );
    let add = async |text: &str| server.post(&alice, ALIASES, json!({"alias": text})).await;
    let added = add(&format!("{}/@bob", server.url)).await.entity("Account");
    assert_eq!(added["id"], bob.id());
    // Again changes nothing.
    add("bob").await.entity("Account");
    let list = server.get(&alice, ALIASES).await.entities("Account");
    assert_eq!(ids(&list), [bob.id()]);
    for (text, error) in [
        ("", "Alias can't be blank"),
        ("alice", "Alias cannot be the current account"),
        ("nobody", "Alias could not be found"),
        ("kith", "Alias could not be found"),
    ] {
        let refused = add(text).await.refused(422);
        assert_eq!(refused, format!("Validation failed: {error}"), "{text}");
    }
    let actor = server
        .http
        .get(&alice.account.uri)
        .header("accept", "application/activity+json");
    let actor = Answer::of(actor, "the actor".to_owned()).await.ok();
    assert_eq!(actor["alsoKnownAs"], json!([bob.account.uri]));
    for n in 0..9 {
        let name = format!("other{n}");
        server.person(&name).await;
        add(&name).await.entity("Account");
    }
    server.person("one_more").await;
    let error = add("one_more").await.refused(422);
    assert!(error.contains("more than 10 aliases"), "{error}");
    let path = format!("{ALIASES}/{}", bob.id());
    server.delete(&alice, &path).await.ok();
    server.delete(&alice, &path).await.refused(404);
    server
        .delete(&alice, &format!("{ALIASES}/x"))
        .await
        .refused(404);
    assert_eq!(
        server.get(&alice, ALIASES).await.entities("Account").len(),
        9
    );
}
