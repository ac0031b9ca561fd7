//! Friends of different servers: two of Kith's, and others that know nothing of friends.

use reqwest::Method;
use serde_json::{Value, json};

use super::fedify::Meeting;
use super::two_servers::Pair;
use crate::api::friends::{FRIENDS, REQUESTS, requests};
use crate::support::peer::{Delivery, Peer, eventually};
use crate::support::server::ids;
use crate::support::{Person, Server};

/// Waits until a person's requests are like this: other, direction, state.
async fn stand(server: &Server, who: &Person, expected: &[(&str, &str, &str)]) {
    let mut last = Vec::new();
    for _ in 0..1500 {
        last = requests(server, who, "").await;
        let same = last.len() == expected.len()
            && last
                .iter()
                .zip(expected)
                .all(|((a, b, c), (x, y, z))| a == x && b == y && c == z);
        if same {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("never {expected:?}, but {last:?}");
}

async fn has_friends(server: &Server, who: &Person, expected: &[&str]) {
    eventually("the friends are these", async || {
        let list = server.get(who, FRIENDS).await.entities("Account");
        (ids(&list) == expected).then_some(())
    })
    .await;
}

async fn ask(server: &Server, who: &Person, id: &str) -> Value {
    server
        .post(who, REQUESTS, json!({"account_id": id}))
        .await
        .entity("Kith__FriendRequest")
}

async fn newest(server: &Server, who: &Person) -> String {
    let list = server.get(who, REQUESTS).await.ok();
    list[0]["id"].as_str().unwrap().to_owned()
}

async fn decide(server: &Server, who: &Person, verb: &str) {
    let path = format!("{REQUESTS}/{}/{verb}", newest(server, who).await);
    server
        .post(who, &path, json!({}))
        .await
        .entity("Kith__FriendRequest");
}

async fn lock(server: &Server, who: &Person) {
    let path = "/api/v1/accounts/update_credentials";
    let body = json!({"locked": true});
    server
        .send(Method::PATCH, path, Some(&who.token), Some(&body))
        .await
        .ok();
}

async fn told(server: &Server, who: &Person, kind: &str) -> Value {
    let path = format!("/api/kith/v1/notifications?types[]={kind}");
    eventually(kind, async || {
        let list = server.get(who, &path).await.entities("Kith__Notification");
        list.into_iter().next()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_show_the_same_of_every_request() {
    for locked in [false, true] {
        let pair = Pair::start().await;
        let (one, two, alice, bob) = (&pair.one, &pair.two, &pair.alice, &pair.bob);
        if locked {
            lock(one, alice).await;
            lock(two, bob).await;
        }
        for (who, verb, state) in [
            ("bob", "reject", "rejected"),
            ("alice", "cancel", "cancelled"),
            ("bob", "accept", "accepted"),
        ] {
            ask(one, alice, &pair.bob_there).await;
            stand(two, bob, &[("alice", "incoming", "pending")]).await;
            let notice = told(two, bob, "friend_request").await;
            assert_eq!(notice["account"]["id"], pair.alice_there);
            if who == "bob" {
                decide(two, bob, verb).await;
            } else {
                decide(one, alice, verb).await;
            }
            stand(one, alice, &[("bob", "outgoing", state)]).await;
            stand(two, bob, &[("alice", "incoming", state)]).await;
            let expected = state == "accepted";
            let path = |id: &str| format!("/api/v1/accounts/relationships?id[]={id}");
            eventually("the follows are as they should be", async || {
                let there = two.get(bob, &path(&pair.alice_there)).await.ok()[0].clone();
                let here = one.get(alice, &path(&pair.bob_there)).await.ok()[0].clone();
                [&here, &there]
                    .into_iter()
                    .all(|r| {
                        r["following"] == expected
                            && r["followed_by"] == expected
                            && r["requested"] == false
                            && r["requested_by"] == false
                    })
                    .then_some(())
            })
            .await;
        }
        let notice = told(one, alice, "friend_accepted").await;
        assert_eq!(notice["friend_request"]["status"], "accepted");
        has_friends(one, alice, &[&pair.bob_there]).await;
        has_friends(two, bob, &[&pair.alice_there]).await;
        // Parting ends it on both sides.
        let path = format!("{FRIENDS}/{}", pair.bob_there);
        one.delete(alice, &path).await.entity("Relationship");
        has_friends(one, alice, &[]).await;
        has_friends(two, bob, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_cross_make_friends_on_both_servers() {
    for locked in [false, true] {
        let pair = Pair::start().await;
        let (one, two, alice, bob) = (&pair.one, &pair.two, &pair.alice, &pair.bob);
        if locked {
            lock(one, alice).await;
            lock(two, bob).await;
        }
        tokio::join!(
            ask(one, alice, &pair.bob_there),
            ask(two, bob, &pair.alice_there)
        );
        has_friends(one, alice, &[&pair.bob_there]).await;
        has_friends(two, bob, &[&pair.alice_there]).await;
        for (server, who) in [(one, alice), (two, bob)] {
            eventually("no request waits", async || {
                let list = requests(server, who, "").await;
                (!list.is_empty() && list.iter().all(|(_, _, state)| state == "accepted"))
                    .then_some(())
            })
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_one_follows_already_hears_of_the_request_too() {
    let pair = Pair::start().await;
    pair.bob_follows().await;
    ask(&pair.two, &pair.bob, &pair.alice_there).await;
    stand(&pair.one, &pair.alice, &[("bob", "incoming", "pending")]).await;
    decide(&pair.one, &pair.alice, "accept").await;
    stand(&pair.two, &pair.bob, &[("alice", "outgoing", "accepted")]).await;
    has_friends(&pair.two, &pair.bob, &[&pair.alice_there]).await;
    // What stands is undone by the id it has now.
    ask_and_cancel(&pair).await;
}

/// Bob follows alice, asks her, and thinks better of it.
async fn ask_and_cancel(pair: &Pair) {
    let path = format!("{FRIENDS}/{}", pair.alice_there);
    pair.two.delete(&pair.bob, &path).await.ok();
    has_friends(&pair.one, &pair.alice, &[]).await;
    pair.bob_follows().await;
    ask(&pair.two, &pair.bob, &pair.alice_there).await;
    stand(&pair.one, &pair.alice, &[("bob", "incoming", "pending")]).await;
    decide(&pair.two, &pair.bob, "cancel").await;
    stand(&pair.one, &pair.alice, &[("bob", "incoming", "cancelled")]).await;
    let path = format!("/api/v1/accounts/{}/followers", pair.alice.id());
    let followers = pair.one.get(&pair.alice, &path).await.ok();
    assert_eq!(followers, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn software_that_knows_no_friends_is_a_friend_when_it_follows_back() {
    let m = Meeting::with("kate").await;
    let (server, alice) = (&m.server, &m.alice);
    // It accepts by itself: the follow stands, the request waits.
    ask(server, alice, &m.there).await;
    let follow = m.expect("Follow").await;
    assert_eq!(follow["kith:friendRequest"], true);
    m.stands("following", true).await;
    stand(server, alice, &[("kate", "outgoing", "pending")]).await;
    m.act("follow", json!({"target": m.handle()})).await;
    m.expect("Accept").await;
    stand(server, alice, &[("kate", "outgoing", "accepted")]).await;
    has_friends(server, alice, &[&m.there]).await;
    told(server, alice, "friend_accepted").await;
    // It unfollows: no friend any more.
    m.act("unfollow", json!({"target": m.handle()})).await;
    has_friends(server, alice, &[]).await;
    m.to_them("unfollow").await;
    m.expect("Undo").await;
    // It refuses.
    ask(server, alice, &m.there).await;
    m.expect("Follow").await;
    m.stands("following", true).await;
    m.act("reject", json!({"follower": m.uri()})).await;
    stand(server, alice, &[("kate", "outgoing", "rejected")]).await;
    // It is asked, and the request taken back.
    ask(server, alice, &m.there).await;
    m.expect("Follow").await;
    m.stands("following", true).await;
    decide(server, alice, "cancel").await;
    m.expect("Undo").await;
    assert_eq!(m.list("followers").await, json!([]));
    m.all_went_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follow_says_that_it_is_a_friend_request_in_any_way_of_writing_it() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let peer = Peer::start().await;
    let ways = [
        ("short", "kith:friendRequest", json!(true)),
        (
            "long",
            "https://kith.example/ns#friendRequest",
            json!([{"@value": true}]),
        ),
        ("not", "kith:friendRequest", json!(false)),
        ("odd", "kith:friendRequest", json!({"a": [1]})),
        ("text", "friendRequest", json!(true)),
    ];
    for (name, term, value) in &ways {
        let uri = peer.add_actor(name);
        let mut follow = json!({
            "@context": ["https://www.w3.org/ns/activitystreams", {"kith": "https://kith.example/ns#"}],
            "id": format!("{uri}#follow"), "type": "Follow", "actor": uri, "object": alice.account.uri,
        });
        follow[*term] = value.clone();
        let answer = Delivery::by(&uri).send(&server, &follow).await;
        assert_eq!(answer.status, 202);
        eventually("the follow is here", async || {
            let path = format!("/api/v1/accounts/{}/followers", alice.id());
            let list = server.get(&alice, &path).await.entities("Account");
            list.iter().any(|a| a["username"] == *name).then_some(())
        })
        .await;
    }
    stand(
        &server,
        &alice,
        &[
            ("long", "incoming", "pending"),
            ("short", "incoming", "pending"),
        ],
    )
    .await;
    // Accepted, the follow is returned; the request is accepted here at once.
    let list = server.get(&alice, REQUESTS).await.ok();
    let path = format!("{REQUESTS}/{}/accept", list[1]["id"].as_str().unwrap());
    let accepted = server.post(&alice, &path, json!({})).await.ok();
    assert_eq!(accepted["status"], "accepted");
    let returned = eventually("the follow comes back", async || {
        let all = peer.received();
        all.into_iter().find(|a| a["type"] == "Follow")
    })
    .await;
    assert_eq!(returned["object"], peer.actor_uri("short"));
    assert_eq!(returned["kith:friendRequest"], Value::Null);
    // Friends they are once it is accepted there.
    has_friends(&server, &alice, &[]).await;
    let accept = json!({
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": format!("{}#accept", peer.actor_uri("short")), "type": "Accept",
        "actor": peer.actor_uri("short"), "object": returned,
    });
    Delivery::by(&peer.actor_uri("short"))
        .send(&server, &accept)
        .await;
    let id = list[1]["account"]["id"].as_str().unwrap();
    has_friends(&server, &alice, &[id]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_from_elsewhere_ends_with_its_follow_and_not_by_anybody_else() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    lock(&server, &alice).await;
    let peer = Peer::start().await;
    let (bob, mallory) = (peer.add_actor("bob"), peer.add_actor("mallory"));
    let request = |actor: &str, n: usize| {
        json!({
            "@context": ["https://www.w3.org/ns/activitystreams", {"kith": "https://kith.example/ns#"}],
            "id": format!("{actor}#follow-{n}"), "type": "Follow", "actor": actor,
            "object": alice.account.uri, "kith:friendRequest": true,
        })
    };
    Delivery::by(&bob).send(&server, &request(&bob, 1)).await;
    stand(&server, &alice, &[("bob", "incoming", "pending")]).await;
    let undo = |actor: &str, n: usize| {
        json!({
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": format!("{actor}#undo-{n}"), "type": "Undo", "actor": actor, "object": format!("{bob}#follow-{n}"),
        })
    };
    // Somebody else's Undo does nothing; nor does one who is blocked ask.
    Delivery::by(&mallory)
        .send(&server, &undo(&mallory, 1))
        .await;
    Delivery::by(&mallory)
        .send(&server, &request(&mallory, 1))
        .await;
    stand(
        &server,
        &alice,
        &[
            ("mallory", "incoming", "pending"),
            ("bob", "incoming", "pending"),
        ],
    )
    .await;
    let list = server.get(&alice, REQUESTS).await.ok();
    let path = format!(
        "/api/v1/accounts/{}/block",
        list[0]["account"]["id"].as_str().unwrap()
    );
    server.post(&alice, &path, json!({})).await.ok();
    Delivery::by(&mallory)
        .send(&server, &request(&mallory, 2))
        .await;
    // Asked again under another id, it is the same request; the Undo names the newest.
    Delivery::by(&bob).send(&server, &request(&bob, 2)).await;
    Delivery::by(&bob).send(&server, &undo(&bob, 2)).await;
    stand(
        &server,
        &alice,
        &[
            ("mallory", "incoming", "rejected"),
            ("bob", "incoming", "cancelled"),
        ],
    )
    .await;
    eventually("the blocked one is refused", async || {
        let all = peer.received();
        let rejects = all.iter().filter(|a| a["type"] == "Reject").count();
        (rejects == 2).then_some(())
    })
    .await;
}
