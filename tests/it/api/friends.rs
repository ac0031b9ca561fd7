//! `/api/kith/v1/friends` and `/api/kith/v1/friend_requests`

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::server::ids;
use crate::support::{Person, Server};

pub const FRIENDS: &str = "/api/kith/v1/friends";
pub const REQUESTS: &str = "/api/kith/v1/friend_requests";

async fn ask(server: &Server, who: &Person, whom: &Person) -> Value {
    server
        .post(who, REQUESTS, json!({"account_id": whom.id()}))
        .await
        .entity("Kith__FriendRequest")
}

async fn decide(server: &Server, who: &Person, request: &Value, verb: &str) -> Value {
    let path = format!("{REQUESTS}/{}/{verb}", request["id"].as_str().unwrap());
    server
        .post(who, &path, json!({}))
        .await
        .entity("Kith__FriendRequest")
}

/// The requests of one's own as other, direction and state.
pub async fn requests(server: &Server, who: &Person, query: &str) -> Vec<(String, String, String)> {
    let list = server
        .get(who, &format!("{REQUESTS}{query}"))
        .await
        .entities("Kith__FriendRequest");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    list.iter()
        .map(|one| {
            (
                text(&one["account"]["username"]),
                text(&one["direction"]),
                text(&one["status"]),
            )
        })
        .collect()
}

fn row(other: &str, direction: &str, status: &str) -> (String, String, String) {
    (other.to_owned(), direction.to_owned(), status.to_owned())
}

async fn friends(server: &Server, who: &Person) -> Vec<String> {
    ids(&server.get(who, FRIENDS).await.entities("Account"))
}

async fn verb(server: &Server, who: &Person, whom: &Person, verb: &str) {
    let path = format!("/api/v1/accounts/{}/{verb}", whom.id());
    server.post(who, &path, json!({})).await.ok();
}

async fn lock(server: &Server, who: &Person) {
    let path = "/api/v1/accounts/update_credentials";
    let body = json!({"locked": true});
    server
        .send(Method::PATCH, path, Some(&who.token), Some(&body))
        .await
        .ok();
}

async fn relation(server: &Server, who: &Person, whom: &Person) -> (bool, bool, bool, bool) {
    let path = format!("/api/v1/accounts/relationships?id[]={}", whom.id());
    let relation = server
        .get(who, &path)
        .await
        .entities("Relationship")
        .remove(0);
    let is = |what: &str| relation[what].as_bool().unwrap();
    (
        is("following"),
        is("followed_by"),
        is("requested"),
        is("requested_by"),
    )
}

/// Kinds of notifications, the newest first.
async fn told(server: &Server, who: &Person) -> Vec<String> {
    let list = server.get(who, "/api/kith/v1/notifications").await;
    list.entities("Kith__Notification")
        .iter()
        .map(|one| one["type"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_accepted_and_makes_two_friends() {
    let server = Server::start().await;
    for locked in [false, true] {
        let name = |who: &str| format!("{who}{}", u8::from(locked));
        let alice = server.person(&name("alice")).await;
        let bob = server.person(&name("bob")).await;
        if locked {
            lock(&server, &alice).await;
            lock(&server, &bob).await;
        }
        let request = ask(&server, &alice, &bob).await;
        assert_eq!(
            (
                &request["status"],
                &request["direction"],
                &request["account"]["id"]
            ),
            (&json!("pending"), &json!("outgoing"), &json!(bob.id()))
        );
        assert_eq!(request["decided_at"], Value::Null);
        // The follow to an open account stands at once; friends they are not yet.
        assert_eq!(
            relation(&server, &alice, &bob).await,
            (!locked, false, locked, false)
        );
        assert!(friends(&server, &alice).await.is_empty());
        // Asked again, it is the same one.
        assert_eq!(ask(&server, &alice, &bob).await["id"], request["id"]);
        let follow = if locked { "follow_request" } else { "follow" };
        assert_eq!(told(&server, &bob).await, ["friend_request", follow]);
        let seen = server
            .get(&bob, &format!("{REQUESTS}?direction=incoming"))
            .await
            .entities("Kith__FriendRequest");
        assert_eq!(seen[0]["account"]["id"], alice.id());
        assert_eq!(
            (&seen[0]["id"], &seen[0]["direction"]),
            (&request["id"], &json!("incoming"))
        );
        let accepted = decide(&server, &bob, &request, "accept").await;
        assert_eq!(accepted["status"], "accepted");
        assert!(accepted["decided_at"].is_string());
        assert_eq!(friends(&server, &alice).await, [bob.id()]);
        assert_eq!(friends(&server, &bob).await, [alice.id()]);
        assert_eq!(
            relation(&server, &alice, &bob).await,
            (true, true, false, false)
        );
        assert_eq!(told(&server, &alice).await, ["friend_accepted", "follow"]);
        // It stays so, and can neither be refused nor taken back any more.
        assert_eq!(
            decide(&server, &bob, &request, "accept").await["status"],
            "accepted"
        );
        let path = |verb: &str| format!("{REQUESTS}/{}/{verb}", request["id"].as_str().unwrap());
        server
            .post(&bob, &path("reject"), json!({}))
            .await
            .refused(422);
        server
            .post(&alice, &path("cancel"), json!({}))
            .await
            .refused(422);
        let body = json!({"account_id": bob.id()});
        server.post(&alice, REQUESTS, body).await.refused(422);
        // Parting ends both ways.
        let path = format!("{FRIENDS}/{}", alice.id());
        let relation = server.delete(&bob, &path).await.entity("Relationship");
        assert_eq!(
            (&relation["following"], &relation["followed_by"]),
            (&json!(false), &json!(false))
        );
        assert!(friends(&server, &alice).await.is_empty());
        server.delete(&bob, &path).await.refused(404);
        // And one may ask again.
        let second = ask(&server, &bob, &alice).await;
        assert_ne!(second["id"], request["id"]);
        assert_eq!(second["status"], "pending");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_refused_or_taken_back_and_so_is_its_follow() {
    let server = Server::start().await;
    for locked in [false, true] {
        let name = |who: &str| format!("{who}{}", u8::from(locked));
        let alice = server.person(&name("alice")).await;
        let bob = server.person(&name("bob")).await;
        if locked {
            lock(&server, &bob).await;
        }
        for (who, verb, state) in [
            (&bob, "reject", "rejected"),
            (&alice, "cancel", "cancelled"),
        ] {
            let request = ask(&server, &alice, &bob).await;
            let decided = decide(&server, who, &request, verb).await;
            assert_eq!(decided["status"], state);
            assert_eq!(
                relation(&server, &alice, &bob).await,
                (false, false, false, false)
            );
            // Again, nothing changes; and bob is told of nothing any more.
            assert_eq!(decide(&server, who, &request, verb).await["status"], state);
            assert!(told(&server, &bob).await.is_empty());
            let here = row(&bob.account.username, "outgoing", state);
            assert_eq!(requests(&server, &alice, "").await, [here]);
            let there = row(&alice.account.username, "incoming", state);
            assert_eq!(
                requests(&server, &bob, &format!("?status={state}")).await,
                [there]
            );
            assert!(
                requests(&server, &bob, "?status=pending").await.is_empty(),
                "{state}"
            );
            let path = format!("{REQUESTS}/{}/accept", request["id"].as_str().unwrap());
            server.post(&bob, &path, json!({})).await.refused(422);
        }
        assert!(told(&server, &alice).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_whoever_asked_is_a_friend_at_once() {
    let server = Server::start().await;
    for locked in [false, true] {
        let name = |who: &str| format!("{who}{}", u8::from(locked));
        let alice = server.person(&name("alice")).await;
        let bob = server.person(&name("bob")).await;
        if locked {
            lock(&server, &alice).await;
            lock(&server, &bob).await;
        }
        ask(&server, &alice, &bob).await;
        let crossing = ask(&server, &bob, &alice).await;
        assert_eq!(crossing["status"], "accepted");
        assert_eq!(friends(&server, &alice).await, [bob.id()]);
        let states = requests(&server, &alice, "").await;
        assert!(
            states.iter().all(|(_, _, state)| state == "accepted"),
            "{states:?}"
        );
        assert_eq!(states.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn follows_that_meet_are_a_friendship_however_they_came_about() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let carol = server.person("carol").await;
    // Without any request.
    verb(&server, &alice, &bob, "follow").await;
    assert!(friends(&server, &alice).await.is_empty());
    verb(&server, &bob, &alice, "follow").await;
    assert_eq!(friends(&server, &alice).await, [bob.id()]);
    assert!(requests(&server, &alice, "").await.is_empty());
    // A follow in return closes the request.
    let request = ask(&server, &alice, &carol).await;
    verb(&server, &carol, &alice, "follow").await;
    assert_eq!(
        requests(&server, &alice, "").await,
        [row("carol", "outgoing", "accepted")]
    );
    assert_eq!(friends(&server, &alice).await, [carol.id(), bob.id()]);
    let list = server
        .get(&alice, "/api/kith/v1/notifications?types[]=friend_accepted")
        .await
        .entities("Kith__Notification");
    assert_eq!(list[0]["friend_request"]["id"], request["id"]);
    assert_eq!(list[0]["friend_request"]["status"], "accepted");
    // Unfollowing ends it, and a request with it.
    verb(&server, &alice, &carol, "unfollow").await;
    assert_eq!(friends(&server, &alice).await, [bob.id()]);
    verb(&server, &carol, &alice, "unfollow").await;
    ask(&server, &alice, &carol).await;
    verb(&server, &alice, &carol, "unfollow").await;
    assert_eq!(
        requests(&server, &carol, "").await,
        [row("alice", "incoming", "cancelled")]
    );
    // Whoever follows already is a friend when asked.
    verb(&server, &carol, &alice, "follow").await;
    assert_eq!(ask(&server, &alice, &carol).await["status"], "accepted");
    // One removed from the followers is refused.
    let dan = server.person("dan").await;
    ask(&server, &alice, &dan).await;
    verb(&server, &dan, &alice, "remove_from_followers").await;
    assert_eq!(
        requests(&server, &dan, "").await,
        [row("alice", "incoming", "rejected")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_to_a_locked_account_waits_when_the_follow_alone_is_accepted() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    lock(&server, &bob).await;
    ask(&server, &alice, &bob).await;
    let path = format!("/api/v1/follow_requests/{}/authorize", alice.id());
    server
        .post(&bob, &path, json!({}))
        .await
        .entity("Relationship");
    assert_eq!(
        relation(&server, &alice, &bob).await,
        (true, false, false, false)
    );
    assert_eq!(
        requests(&server, &alice, "").await,
        [row("bob", "outgoing", "pending")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_asked_is_not() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let to = |id: &str| json!({"account_id": id});
    server
        .post(&alice, REQUESTS, to(&alice.id()))
        .await
        .refused(403);
    server.post(&alice, REQUESTS, to("17")).await.refused(404);
    server.post(&alice, REQUESTS, json!({})).await.refused(422);
    let answer = server.post(&alice, REQUESTS, to("bob")).await;
    assert!(answer.status.is_client_error(), "{}", answer.text);
    // A block ends a request, and forbids another, either way.
    let request = ask(&server, &alice, &bob).await;
    verb(&server, &bob, &alice, "block").await;
    assert_eq!(
        requests(&server, &alice, "").await,
        [row("bob", "outgoing", "rejected")]
    );
    let path = format!("{REQUESTS}/{}/accept", request["id"].as_str().unwrap());
    server.post(&bob, &path, json!({})).await.refused(422);
    for (who, whom) in [(&alice, &bob), (&bob, &alice)] {
        server
            .post(who, REQUESTS, to(&whom.id()))
            .await
            .refused(403);
    }
    let carol = server.person("carol").await;
    let mut gone = carol.account.clone();
    gone.suspended_at = Some(server.app.clock.now_ms());
    ask(&server, &alice, &carol).await;
    server
        .app
        .write(move |tx| {
            Box::pin(async move {
                let changed = kith::events::Kind::AccountChanged;
                tx.emit(kith::events::Event::of(changed, gone.id));
                Ok(kith::db::accounts::update(tx, &gone).await?)
            })
        })
        .await
        .unwrap();
    server
        .post(&alice, REQUESTS, to(&carol.id()))
        .await
        .refused(404);
    assert_eq!(requests(&server, &alice, "").await.len(), 1);
    for query in ["direction=sideways", "status=perhaps"] {
        let path = format!("{REQUESTS}?{query}");
        server.get(&alice, &path).await.refused(400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_has_anything_to_do_with_a_request() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let mallory = server.person("mallory").await;
    let request = ask(&server, &alice, &bob).await;
    let path = |verb: &str| format!("{REQUESTS}/{}/{verb}", request["id"].as_str().unwrap());
    for verb in ["accept", "reject", "cancel"] {
        server
            .post(&mallory, &path(verb), json!({}))
            .await
            .refused(404);
        let nothing = format!("{REQUESTS}/17/{verb}");
        server
            .post(&mallory, &nothing, json!({}))
            .await
            .refused(404);
        server
            .send(Method::POST, &path(verb), None, None)
            .await
            .refused(401);
    }
    // Who asked cannot say yes, and who was asked cannot take it back.
    server
        .post(&alice, &path("accept"), json!({}))
        .await
        .refused(404);
    server
        .post(&bob, &path("cancel"), json!({}))
        .await
        .refused(404);
    assert!(requests(&server, &mallory, "").await.is_empty());
    server.get_public(REQUESTS).await.refused(401);
    server.get_public(FRIENDS).await.refused(401);
    let unlike = server.token(&alice, "read:statuses write:statuses").await;
    for (method, path) in [
        (Method::GET, FRIENDS.to_owned()),
        (Method::GET, REQUESTS.to_owned()),
        (Method::POST, REQUESTS.to_owned()),
        (Method::POST, path("cancel")),
        (Method::DELETE, format!("{FRIENDS}/{}", bob.id())),
    ] {
        let body = (method == Method::POST).then(|| json!({"account_id": bob.id()}));
        server
            .send(method, &path, Some(&unlike), body.as_ref())
            .await
            .refused(403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_in_pages_at_a_fixed_cost() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let mut asked = Vec::new();
    for n in 0..5 {
        let other = server.person(&format!("friend{n}")).await;
        verb(&server, &alice, &other, "follow").await;
        verb(&server, &other, &alice, "follow").await;
        let other = server.person(&format!("asked{n}")).await;
        asked.push(ask(&server, &alice, &other).await["id"].clone());
        let other = server.person(&format!("asks{n}")).await;
        asked.push(ask(&server, &other, &alice).await["id"].clone());
    }
    asked.reverse();
    for (path, entity, number) in [
        (FRIENDS, "Account", 5),
        (REQUESTS, "Kith__FriendRequest", 10),
    ] {
        let mut all = Vec::new();
        let mut next = Some(format!("{path}?limit=2"));
        let mut last = None;
        while let Some(page) = next {
            let answer = server.get(&alice, &page).await;
            all.extend(answer.entities(entity));
            next = answer.link("next");
            last = answer.link("prev").or(last);
        }
        assert_eq!(all.len(), number, "{path}");
        if entity != "Account" {
            assert_eq!(json!(ids(&all)), json!(asked));
        }
        let back = server.get(&alice, &last.unwrap()).await.entities(entity);
        let end = all.len() - all.len() % 2 - usize::from(all.len() % 2 == 0) * 2;
        assert_eq!(ids(&back), ids(&all[end - 2..end]));
        let cost = async |limit: usize| {
            let path = format!("{path}?limit={limit}");
            server
                .cost(async || {
                    server.get(&alice, &path).await.ok();
                })
                .await
        };
        let (few, many) = (cost(1).await, cost(10).await);
        assert_eq!(few, many, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_limited_in_number_and_in_time() {
    use kith::db::friends::{FriendRequest, put};
    let server = Server::start_with(&[("KITH_RATE_LIMIT", "true")]).await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let carol = server.person("carol").await;
    let (asker, app) = (alice.account.id, server.app.clone());
    let most = kith::domain::friends::MAX_PENDING;
    server
        .app
        .write(move |tx| {
            Box::pin(async move {
                for n in 0..most - 1 {
                    let keys = kith::domain::accounts::KeyPair {
                        private: String::new(),
                        public: String::new(),
                    };
                    let name = format!("person{n}");
                    let account =
                        kith::domain::accounts::create_local(tx, &app.ctx, &name, "Person", &keys)
                            .await?;
                    let row = FriendRequest {
                        id: app.ctx.ids.next(),
                        account_id: asker,
                        target_id: account.id,
                        status: "pending".into(),
                        created_at: app.ctx.now(),
                        decided_at: None,
                    };
                    put(tx, &row).await?;
                }
                Ok(())
            })
        })
        .await
        .unwrap();
    let request = ask(&server, &alice, &bob).await;
    let body = json!({"account_id": carol.id()});
    let refused = server.post(&alice, REQUESTS, body.clone()).await;
    assert!(refused.refused(422).contains("500"));
    decide(&server, &alice, &request, "cancel").await;
    ask(&server, &alice, &carol).await;
    let mut answer = server.post(&alice, REQUESTS, body.clone()).await;
    for _ in 0..60 {
        if answer.status == 429 {
            break;
        }
        answer = server.post(&alice, REQUESTS, body.clone()).await;
    }
    answer.refused(429);
    assert!(answer.headers.contains_key("retry-after"));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_race_leave_one_of_each() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let body = |whom: &Person| json!({"account_id": whom.id()});
    let tries = (0..8).map(|n| {
        let (who, whom) = match n % 2 {
            0 => (&alice, &bob),
            _ => (&bob, &alice),
        };
        server.post(who, REQUESTS, body(whom))
    });
    for answer in futures::future::join_all(tries).await {
        assert!(
            [200, 422].contains(&answer.status.as_u16()),
            "{}",
            answer.text
        );
    }
    assert_eq!(friends(&server, &alice).await, [bob.id()]);
    let states = requests(&server, &bob, "").await;
    assert!(
        states.iter().all(|(_, _, state)| state == "accepted"),
        "{states:?}"
    );
    let told = told(&server, &alice).await;
    assert!(
        told.iter().filter(|kind| *kind == "friend_request").count() <= 1,
        "{told:?}"
    );
}
