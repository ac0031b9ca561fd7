//! `DELETE /api/v1/admin/accounts/:id`: what a suspended account has here goes for good.

use kith::domain::users::Role;
use serde_json::json;

use super::{ACCOUNTS, act, staff, verb};
use crate::api::deletion::erased;
use crate::federation::hostile::{activity, deliver, followed, home, search};
use crate::support::peer::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn who_is_suspended_is_deleted_for_good() {
    let (server, peer, alice) = followed().await;
    let admin = staff(&server, "admin", Role::Admin).await;
    let moderator = staff(&server, "mod", Role::Moderator).await;
    let bob = server.person("bob").await;
    let status = server.status(&bob, "words of before").await;
    let good = peer.actor_uri("good");
    let follow = activity(&good, "follow", "Follow", &json!(bob.account.uri));
    deliver(&server, &good, &follow).await;
    let note = peer.note("good", "1", "words from there");
    deliver(&server, &good, &peer.create("good", &note)).await;
    eventually("it shows", async || {
        (!home(&server, &alice).await.is_empty()).then_some(())
    })
    .await;

    let path = format!("{ACCOUNTS}/{}", bob.id());
    server.delete(&admin, &path).await.refused(403);
    let suspend = json!({"type": "suspend"});
    act(&server, &moderator, &bob.id(), suspend.clone())
        .await
        .ok();
    server.delete(&moderator, &path).await.refused(403);
    server.delete(&bob, &path).await.refused(401);
    server
        .delete(&admin, &format!("{ACCOUNTS}/17"))
        .await
        .refused(404);
    let gone = server.delete(&admin, &path).await.entity("Admin::Account");
    assert_eq!(
        (&gone["username"], &gone["suspended"]),
        (&json!("bob"), &json!(true))
    );
    eventually("the Delete arrives", async || {
        peer.received()
            .into_iter()
            .find(|a| a["type"] == "Delete" && a["object"] == bob.account.uri)
    })
    .await;
    erased(&server).await;
    server.get(&admin, &path).await.refused(404);
    server.delete(&admin, &path).await.refused(404);
    let shown = format!("/api/v1/statuses/{}", status["id"].as_str().unwrap());
    server.get(&alice, &shown).await.refused(404);
    let lifted = verb(&server, &admin, &bob.id(), "unsuspend").await;
    lifted.refused(404);

    // Of somebody elsewhere, what is known here goes.
    let found = search(&server, &alice, &good).await;
    let id = found["accounts"][0]["id"].as_str().unwrap().to_owned();
    act(&server, &moderator, &id, suspend).await.ok();
    let path = format!("{ACCOUNTS}/{id}");
    server.delete(&admin, &path).await.entity("Admin::Account");
    erased(&server).await;
    // Its server hears that nobody here follows it any more.
    eventually("the Undo arrives", async || {
        peer.received().into_iter().find(|a| {
            a["type"] == "Undo"
                && a["actor"] == alice.account.uri
                && a["object"]["type"] == "Follow"
                && a["object"]["object"] == good.as_str()
        })
    })
    .await;
    let following = format!("/api/v1/accounts/{}", alice.id());
    assert_eq!(
        server.get_public(&following).await.ok()["following_count"],
        0
    );
    server.get(&admin, &path).await.refused(404);
    let again = peer.note("good", "2", "words of after");
    deliver(&server, &good, &peer.create("good", &again)).await;
    assert!(home(&server, &alice).await.is_empty());

    let log = server
        .get(&admin, "/api/kith/v1/admin/audit_log?action=delete")
        .await
        .ok();
    let deleted: Vec<&str> = log
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["target"].as_str().unwrap())
        .collect();
    let handle = format!("good@{}", peer.domain());
    let own = format!("bob@{}", server.domain());
    assert_eq!(deleted, [handle.as_str(), own.as_str()]);
}
