//! What is decided here about an account elsewhere.

use kith::domain::users::Role;
use serde_json::{Value, json};

use super::{act, staff, verb};
use crate::federation::hostile::{activity, block, deliver, followed, home, idle, search};
use crate::support::Server;
use crate::support::peer::{Delivery, Peer, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn s16_who_is_suspended_elsewhere_is_cut_off_and_comes_back() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let moderator = staff(&server, "mod", Role::Moderator).await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let rob = peer.add_actor("rob");
    let found = search(&server, &alice, &rob).await;
    let id = found["accounts"][0]["id"].as_str().unwrap().to_owned();
    server
        .post(&alice, &format!("/api/v1/accounts/{id}/follow"), json!({}))
        .await
        .ok();
    let follow = eventually("the Follow arrives", async || {
        peer.received().into_iter().find(|a| a["type"] == "Follow")
    })
    .await;
    deliver(&server, &rob, &activity(&rob, "accept", "Accept", &follow)).await;
    // Rob follows two here, and asks a third.
    server
        .post(
            &bob,
            "/api/v1/accounts/update_credentials",
            json!({"locked": true}),
        )
        .await
        .ok();
    for (n, who) in [&alice, &bob].into_iter().enumerate() {
        let object = json!(who.account.uri);
        deliver(
            &server,
            &rob,
            &activity(&rob, &format!("follow{n}"), "Follow", &object),
        )
        .await;
    }
    let before = peer.note("rob", "1", "words of before");
    deliver(&server, &rob, &peer.create("rob", &before)).await;
    let shows = async |note: &Value| {
        let list = home(&server, &alice).await;
        list.iter().any(|status| status["uri"] == note["id"])
    };
    eventually("it shows", async || shows(&before).await.then_some(())).await;
    idle(&server).await;

    act(&server, &moderator, &id, json!({"type": "suspend"}))
        .await
        .ok();
    assert!(!shows(&before).await);
    eventually("both are rejected", async || {
        let rejected = |follow: &str| {
            peer.received()
                .iter()
                .any(|a| a["type"] == "Reject" && a["object"]["id"] == format!("{rob}#{follow}"))
        };
        (rejected("follow0") && rejected("follow1")).then_some(())
    })
    .await;
    let relation = async |who| {
        let path = format!("/api/v1/accounts/relationships?id[]={id}");
        server.get(who, &path).await.entities("Relationship")[0].clone()
    };
    assert_eq!(relation(&alice).await["followed_by"], false);
    assert_eq!(relation(&bob).await["requested_by"], false);
    assert_eq!(
        relation(&alice).await["following"],
        true,
        "what comes back needs no new follow"
    );
    let followers = format!("/api/v1/accounts/{}", alice.id());
    assert_eq!(
        server.get(&bob, &followers).await.entity("Account")["followers_count"],
        0
    );
    let during = peer.note("rob", "2", "words of meanwhile");
    Delivery::by(&rob)
        .send(&server, &peer.create("rob", &during))
        .await;
    let object = json!(alice.account.uri);
    Delivery::by(&rob)
        .send(&server, &activity(&rob, "again", "Follow", &object))
        .await;
    idle(&server).await;
    assert_eq!(relation(&alice).await["followed_by"], false);

    let lifted = verb(&server, &moderator, &id, "unsuspend").await;
    assert_eq!(lifted.entity("Admin::Account")["suspended"], false);
    assert!(shows(&before).await && !shows(&during).await);
    let after = peer.note("rob", "3", "words of after");
    deliver(&server, &rob, &peer.create("rob", &after)).await;
    eventually("it is heard again", async || {
        shows(&after).await.then_some(())
    })
    .await;

    // A moderator's word does not undo a policy, nor a policy's end the moderator's.
    block(&server, peer.domain()).await;
    eventually("the policy suspends it", async || {
        let path = format!("/api/v1/admin/accounts/{id}");
        let shown = server.get(&moderator, &path).await.entity("Admin::Account");
        (shown["suspended"] == true).then_some(())
    })
    .await;
    let lifted = verb(&server, &moderator, &id, "unsuspend").await;
    assert_eq!(lifted.entity("Admin::Account")["suspended"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_their_own_server_suspends_is_hidden_here_until_it_thinks_better_of_it() {
    let (server, peer, alice) = followed().await;
    let moderator = staff(&server, "mod", Role::Moderator).await;
    let good = peer.actor_uri("good");
    let found = search(&server, &alice, &good).await;
    let id = found["accounts"][0]["id"].as_str().unwrap().to_owned();
    let note = peer.note("good", "1", "words of before");
    deliver(&server, &good, &peer.create("good", &note)).await;
    let shows = async || !home(&server, &alice).await.is_empty();
    eventually("it shows", async || shows().await.then_some(())).await;
    // What their server says of them now, and that it has changed.
    let says = async |n: &str, suspended: bool| {
        peer.add_actor_with("good", json!({"suspended": suspended}));
        deliver(&server, &good, &activity(&good, n, "Update", &json!(good))).await;
    };
    let path = format!("/api/v1/accounts/{id}");
    let stands = async |suspended: bool| {
        eventually(&format!("suspended: {suspended}"), async || {
            let shown = server.get(&alice, &path).await.entity("Account");
            ((shown["suspended"] == true) == suspended).then_some(())
        })
        .await;
    };
    says("gone", true).await;
    stands(true).await;
    assert!(!shows().await);
    // What was not decided here is not made final here.
    let admin = staff(&server, "admin", Role::Admin).await;
    let erase = format!("/api/v1/admin/accounts/{id}");
    server.delete(&admin, &erase).await.refused(403);
    // No word of moderators here brings them back, nor the end of a policy.
    let lifted = verb(&server, &moderator, &id, "unsuspend").await;
    assert_eq!(lifted.entity("Admin::Account")["suspended"], true);
    says("back", false).await;
    stands(false).await;
    assert!(shows().await, "nothing of theirs was lost");

    // What moderators here decided holds besides.
    act(&server, &moderator, &id, json!({"type": "suspend"}))
        .await
        .ok();
    says("unheard", true).await;
    idle(&server).await;
    verb(&server, &moderator, &id, "unsuspend").await.ok();
    says("again", true).await;
    stands(true).await;
    act(&server, &moderator, &id, json!({"type": "suspend"}))
        .await
        .ok();
    says("better", false).await;
    idle(&server).await;
    let shown = server.get(&alice, &path).await.entity("Account");
    assert_eq!(shown["suspended"], true);
    let lifted = verb(&server, &moderator, &id, "unsuspend").await;
    assert_eq!(lifted.entity("Admin::Account")["suspended"], false);
    act(&server, &moderator, &id, json!({"type": "suspend"}))
        .await
        .ok();

    // That they are gone is heard from whom is suspended.
    deliver(
        &server,
        &good,
        &activity(&good, "delete", "Delete", &json!(good)),
    )
    .await;
    eventually("they are gone", async || {
        let path = format!("/api/v1/admin/accounts/{id}");
        let answer = server.get(&moderator, &path).await;
        (answer.status == 404).then_some(())
    })
    .await;
}
