//! `/api/kith/v1/notifications`, and that Mastodon's API shows nothing of Kith's own kinds.

use kith::domain::notifications::{self, Subject, Type};
use reqwest::Method;
use serde_json::{Value, json};

use super::kith_profile::hear_of_dislikes;
use crate::support::server::ids;
use crate::support::{Person, Server};

const ALL: &str = "/api/kith/v1/notifications";

/// Notifies `to` of a deed of `from`.
async fn notify(server: &Server, to: &Person, from: &Person, kind: Type, subject: Subject) {
    let (to, from) = (to.account.clone(), from.account.clone());
    let ctx = server.app.ctx.clone();
    server
        .app
        .write(move |tx| {
            Box::pin(
                async move { notifications::notify(tx, &ctx, &to, &from, kind, subject).await },
            )
        })
        .await
        .unwrap();
}

async fn list(server: &Server, who: &Person, query: &str) -> Vec<Value> {
    server
        .get(who, &format!("{ALL}{query}"))
        .await
        .entities("Kith__Notification")
}

fn kinds(list: &[Value]) -> Vec<&str> {
    list.iter().map(|n| n["type"].as_str().unwrap()).collect()
}

async fn unread(server: &Server, who: &Person) -> i64 {
    let path = format!("{ALL}/unread_count");
    server.get(who, &path).await.ok()["count"].as_i64().unwrap()
}

async fn favourite(server: &Server, who: &Person, status: &Value) {
    let path = format!("/api/v1/statuses/{}/favourite", id(status));
    server.post(who, &path, json!({})).await.ok();
}

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

fn number(value: &Value) -> i64 {
    id(value).parse().unwrap()
}

/// One notification of each of Kith's own kinds, and two that Mastodon's API has.
async fn all_kinds(server: &Server, alice: &Person, bob: &Person) -> Value {
    let status = server.status(alice, "a post").await;
    favourite(server, bob, &status).await;
    let on = Subject::Status(number(&status));
    hear_of_dislikes(server, alice).await;
    notify(server, alice, bob, Type::Dislike, on).await;
    notify(server, alice, bob, Type::Reaction, on).await;
    notify(server, alice, bob, Type::ChatMessage, Subject::Other(7)).await;
    let requests = "/api/kith/v1/friend_requests";
    let body = |whom: &Person| json!({"account_id": whom.id()});
    server.post(bob, requests, body(alice)).await.ok();
    notify(server, alice, bob, Type::FriendAccepted, Subject::Other(9)).await;
    status
}

const EVERY: [&str; 7] = [
    "friend_accepted",
    "friend_request",
    "follow",
    "chat_message",
    "reaction",
    "dislike",
    "favourite",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_is_told_in_a_sentence() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let status = all_kinds(&server, &alice, &bob).await;
    let all = list(&server, &alice, "").await;
    assert_eq!(kinds(&all), EVERY);
    for one in &all {
        assert_eq!(one["account"]["id"], bob.id());
        assert_eq!(one["actor_username"], "bob");
        assert_eq!(one["read"], false);
        assert!(one["message"].as_str().unwrap().starts_with("bob "));
        let kind = one["type"].as_str().unwrap();
        let of_status = ["reaction", "dislike", "favourite"].contains(&kind);
        let expected = if of_status {
            &status["id"]
        } else {
            &Value::Null
        };
        assert_eq!(&one["status"]["id"], expected, "{kind}");
        let chat = (kind == "chat_message").then_some("7");
        assert_eq!(one["chat_id"].as_str(), chat, "{kind}");
        let asked = (kind == "friend_request").then_some("pending");
        assert_eq!(one["friend_request"]["status"].as_str(), asked, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mastodons_api_shows_nothing_of_kiths_own_kinds() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    all_kinds(&server, &alice, &bob).await;
    let own: Vec<Value> = list(
        &server,
        &alice,
        "?types[]=dislike&types[]=reaction&types[]=chat_message&types[]=friend_request&types[]=friend_accepted",
    )
    .await;
    assert_eq!(own.len(), 5);
    let v1 = server.get(&alice, "/api/v1/notifications").await;
    assert_eq!(kinds(&v1.entities("Notification")), ["follow", "favourite"]);
    for query in [
        "types[]=dislike",
        "types[]=chat_message&include_filtered=true",
    ] {
        let path = format!("/api/v1/notifications?{query}");
        assert_eq!(server.get(&alice, &path).await.ok(), json!([]));
    }
    let v2 = server
        .get(&alice, "/api/v2/notifications")
        .await
        .entity("GroupedNotificationsResults");
    assert_eq!(v2["notification_groups"].as_array().unwrap().len(), 2);
    for version in ["v1", "v2"] {
        let path = format!("/api/{version}/notifications/unread_count");
        assert_eq!(server.get(&alice, &path).await.ok()["count"], 2);
    }
    for one in &own {
        let path = format!("/api/v1/notifications/{}", id(one));
        server.get(&alice, &path).await.refused(404);
        server.delete(&alice, &path).await.refused(404);
        let dismiss = format!("{path}/dismiss");
        server.post(&alice, &dismiss, json!({})).await.refused(404);
        let group = format!("/api/v2/notifications/ungrouped-{}", id(one));
        server.get(&alice, &group).await.refused(404);
        server
            .get(&alice, &format!("{group}/accounts"))
            .await
            .refused(404);
        let dismiss = format!("{group}/dismiss");
        server.post(&alice, &dismiss, json!({})).await.ok();
        let several = format!("/api/v1/notifications/destroy_multiple?ids[]={}", id(one));
        server.delete(&alice, &several).await.ok();
    }
    assert_eq!(list(&server, &alice, "").await.len(), 7);
    server
        .post(&alice, "/api/v1/notifications/clear", json!({}))
        .await
        .ok();
    assert_eq!(ids(&list(&server, &alice, "").await), ids(&own));
}

#[tokio::test(flavor = "multi_thread")]
async fn dislikes_are_told_to_those_who_want_to_hear_of_them() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let status = server.status(&alice, "a post").await;
    let on = Subject::Status(number(&status));
    notify(&server, &alice, &bob, Type::Dislike, on).await;
    assert!(list(&server, &alice, "").await.is_empty());
    hear_of_dislikes(&server, &alice).await;
    notify(&server, &alice, &bob, Type::Dislike, on).await;
    assert_eq!(kinds(&list(&server, &alice, "").await), ["dislike"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_has_one_notification_its_newest() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let chat = Subject::Other(7);
    notify(&server, &alice, &bob, Type::ChatMessage, chat).await;
    let first = list(&server, &alice, "").await;
    notify(&server, &alice, &bob, Type::ChatMessage, chat).await;
    let second = list(&server, &alice, "").await;
    assert_eq!(second.len(), 1);
    assert_ne!(first[0]["id"], second[0]["id"]);
    assert_eq!(unread(&server, &alice).await, 1);
    let (ctx, to, from) = (server.app.ctx.clone(), alice.account.id, bob.account.id);
    server
        .app
        .write(move |tx| {
            Box::pin(async move { notifications::read_chat(tx, &ctx, to, from, 7).await })
        })
        .await
        .unwrap();
    assert_eq!(unread(&server, &alice).await, 0);
    notify(&server, &alice, &bob, Type::ChatMessage, chat).await;
    assert_eq!(list(&server, &alice, "?unread=true").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_read_one_by_one_or_all_at_once() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    all_kinds(&server, &alice, &bob).await;
    let all = list(&server, &alice, "").await;
    assert_eq!(unread(&server, &alice).await, 7);
    let path = format!("{ALL}/{}/read", id(&all[1]));
    let read = server
        .post(&alice, &path, json!({}))
        .await
        .entity("Kith__Notification");
    assert_eq!((&read["id"], &read["read"]), (&all[1]["id"], &json!(true)));
    let some = json!({"ids": [all[2]["id"], all[6]["id"], "17"]});
    let answer = server.post(&alice, &format!("{ALL}/read"), some).await.ok();
    assert_eq!(answer, json!({"unread": 4}));
    let left = list(&server, &alice, "?unread=true").await;
    assert_eq!(
        kinds(&left),
        ["friend_accepted", "chat_message", "reaction", "dislike"]
    );
    let reads: Vec<bool> = list(&server, &alice, "")
        .await
        .iter()
        .map(|n| n["read"].as_bool().unwrap())
        .collect();
    assert_eq!(reads, [false, true, true, false, false, false, true]);
    // Nothing named is nothing read; nothing said is all.
    let none = server
        .post(&alice, &format!("{ALL}/read"), json!({"ids": []}))
        .await
        .ok();
    assert_eq!(none, json!({"unread": 4}));
    let answer = server
        .post(&alice, &format!("{ALL}/read"), json!({}))
        .await
        .ok();
    assert_eq!(answer, json!({"unread": 0}));
    assert!(list(&server, &alice, "?unread=true").await.is_empty());
    // Mastodon's clients see it too.
    let path = "/api/v1/notifications/unread_count";
    assert_eq!(server.get(&alice, path).await.ok()["count"], 0);
    let status = server.status(&alice, "another").await;
    favourite(&server, &bob, &status).await;
    assert_eq!(unread(&server, &alice).await, 1);
    assert_eq!(server.get(&alice, path).await.ok()["count"], 1);
    let bad = json!({"ids": ["x"]});
    let path = format!("{ALL}/read");
    server.post(&alice, &path, bad).await.refused(400);
    let many: Vec<String> = (0..1001).map(|n| n.to_string()).collect();
    let many = json!({"ids": many});
    server.post(&alice, &path, many).await.refused(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_marker_of_mastodons_clients_reads_what_they_show() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    all_kinds(&server, &alice, &bob).await;
    let all = list(&server, &alice, "").await;
    let newest = json!({"notifications": {"last_read_id": all[0]["id"]}});
    server.post(&alice, "/api/v1/markers", newest).await.ok();
    assert_eq!(unread(&server, &alice).await, 5);
    assert_eq!(
        kinds(&list(&server, &alice, "?unread=true").await),
        [
            "friend_accepted",
            "friend_request",
            "chat_message",
            "reaction",
            "dislike"
        ]
    );
    // Markers show no more than they did.
    let path = format!("{ALL}/read");
    server.post(&alice, &path, json!({})).await.ok();
    let markers = server
        .get(
            &alice,
            "/api/v1/markers?timeline[]=home&timeline[]=notifications&timeline[]=kith.notifications",
        )
        .await
        .ok();
    assert_eq!(markers.as_object().unwrap().len(), 1);
    assert_eq!(markers["notifications"]["last_read_id"], all[0]["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_filtered_paged_and_deleted() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    all_kinds(&server, &alice, &bob).await;
    let all = list(&server, &alice, "").await;
    let some = list(&server, &alice, "?types[]=follow&types[]=reaction").await;
    assert_eq!(kinds(&some), ["follow", "reaction"]);
    let rest = list(
        &server,
        &alice,
        "?exclude_types[]=follow&exclude_types[]=dislike",
    )
    .await;
    assert_eq!(rest.len(), 5);
    let unknown = format!("{ALL}?types[]=nonsense");
    server.get(&alice, &unknown).await.refused(400);
    let mut found = Vec::new();
    let mut next = Some(format!("{ALL}?limit=2&exclude_types[]=poll"));
    let mut previous = None;
    while let Some(page) = next {
        let answer = server.get(&alice, &page).await;
        found.extend(answer.entities("Kith__Notification"));
        next = answer.link("next");
        previous = answer.link("prev").or(previous);
    }
    assert_eq!(ids(&found), ids(&all));
    let back = server.get(&alice, &previous.unwrap()).await;
    assert_eq!(
        ids(&back.entities("Kith__Notification")),
        ids(&all[4..6]),
        "the page before the last"
    );
    let delete = format!("{ALL}/{}", id(&all[0]));
    server.delete(&alice, &delete).await.ok();
    server.delete(&alice, &delete).await.refused(404);
    let delete = format!("{ALL}/{}", id(&all[6]));
    server.delete(&alice, &delete).await.ok();
    assert_eq!(ids(&list(&server, &alice, "").await), ids(&all[1..6]));
    server.delete(&alice, ALL).await.ok();
    assert!(list(&server, &alice, "").await.is_empty());
    let v2 = server.get(&alice, "/api/v2/notifications").await.ok();
    assert_eq!(v2["notification_groups"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_their_owners_alone() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    all_kinds(&server, &alice, &bob).await;
    let all = list(&server, &alice, "").await;
    assert!(list(&server, &bob, "").await.is_empty());
    for one in &all {
        let path = format!("{ALL}/{}", id(one));
        server.delete(&bob, &path).await.refused(404);
        let read = format!("{path}/read");
        server.post(&bob, &read, json!({})).await.refused(404);
    }
    let several = json!({"ids": ids(&all)});
    let path = format!("{ALL}/read");
    assert_eq!(
        server.post(&bob, &path, several).await.ok(),
        json!({"unread": 0})
    );
    server.delete(&bob, ALL).await.ok();
    assert_eq!(unread(&server, &alice).await, 7);
    server.get_public(ALL).await.refused(401);
    let unlike = server.token(&alice, "read:statuses write:statuses").await;
    for (method, path) in [
        (Method::GET, ALL.to_owned()),
        (Method::GET, format!("{ALL}/unread_count")),
        (Method::POST, format!("{ALL}/read")),
        (Method::POST, format!("{ALL}/{}/read", id(&all[0]))),
        (Method::DELETE, format!("{ALL}/{}", id(&all[0]))),
        (Method::DELETE, ALL.to_owned()),
    ] {
        server
            .send(method, &path, Some(&unlike), None)
            .await
            .refused(403);
    }
    // What is out of sight is not shown here either.
    let status = server.status(&alice, "soon gone").await;
    favourite(&server, &bob, &status).await;
    let path = format!("/api/v1/statuses/{}", id(&status));
    server.delete(&alice, &path).await.ok();
    assert_eq!(list(&server, &alice, "").await.len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_costs_the_same_whatever_it_holds() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    all_kinds(&server, &alice, &bob).await;
    let carol = server.person("carol").await;
    let requests = "/api/kith/v1/friend_requests";
    let body = json!({"account_id": alice.id()});
    server.post(&carol, requests, body).await.ok();
    let cost = async |limit: usize| {
        let path =
            format!("{ALL}?limit={limit}&exclude_types[]=follow&exclude_types[]=friend_accepted");
        server
            .cost(async || {
                server.get(&alice, &path).await.ok();
            })
            .await
    };
    assert_eq!(cost(2).await, cost(40).await);
}
