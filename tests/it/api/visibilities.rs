//! Posts for mutuals, and for this server alone

use serde_json::{Value, json};

use crate::api::streaming::{frame, payload, socket};
use crate::support::server::ids;
use crate::support::{Person, Server};

async fn post(server: &Server, person: &Person, visibility: &str) -> Value {
    let body = json!({"status": format!("for {visibility} #those"), "visibility": visibility});
    server
        .post(person, "/api/v1/statuses", body)
        .await
        .entity("Status")
}

async fn follow(server: &Server, who: &Person, whom: &Person, body: Value) {
    let path = format!("/api/v1/accounts/{}/follow", whom.id());
    server.post(who, &path, body).await.entity("Relationship");
}

fn id(status: &Value) -> &str {
    status["id"].as_str().unwrap()
}

/// Whether a person finds a status in any of the places where it could be.
async fn places(server: &Server, person: &Person, author: &Person, status: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for place in [
        "/api/v1/timelines/home".to_owned(),
        "/api/v1/timelines/public".to_owned(),
        "/api/v1/timelines/tag/those".to_owned(),
        format!("/api/v1/accounts/{}/statuses", author.id()),
    ] {
        let list = server.get(person, &place).await.entities("Status");
        if ids(&list).contains(&id(status).to_owned()) {
            found.push(place);
        }
    }
    let path = format!("/api/v1/statuses/{}", id(status));
    if server.get(person, &path).await.status == 200 {
        found.push("itself".into());
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn mutuals_alone_see_what_is_for_mutuals() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let (carol, dave) = (server.person("carol").await, server.person("dave").await);
    follow(&server, &bob, &alice, json!({"notify": true})).await;
    follow(&server, &carol, &alice, json!({"notify": true})).await;
    follow(&server, &alice, &bob, json!({})).await;
    follow(&server, &alice, &dave, json!({})).await;
    let status = post(&server, &alice, "mutuals").await;
    assert_eq!(
        (&status["visibility"], &status["kith"]["visibility"]),
        (&json!("private"), &json!("mutuals"))
    );
    let profile = format!("/api/v1/accounts/{}/statuses", alice.id());
    let all = [
        "/api/v1/timelines/home".to_owned(),
        profile.clone(),
        "itself".into(),
    ];
    assert_eq!(places(&server, &alice, &alice, &status).await, all);
    assert_eq!(places(&server, &bob, &alice, &status).await, all);
    // Whoever only follows, or is only followed, sees nothing, and is told nothing.
    for other in [&carol, &dave] {
        assert_eq!(
            places(&server, other, &alice, &status).await,
            Vec::<String>::new()
        );
    }
    for (person, number) in [(&bob, 1), (&carol, 0)] {
        let told = server.get(person, "/api/v1/notifications").await;
        let told = told.entities("Notification");
        let told = told.iter().filter(|n| n["type"] == "status");
        assert_eq!(told.count(), number);
    }
    let path = format!("/api/v1/statuses/{}", id(&status));
    server.get_public(&path).await.refused(404);
    for person in [&alice, &bob] {
        server
            .post(person, &format!("{path}/reblog"), json!({}))
            .await
            .refused(403);
    }
    server
        .post(&carol, &format!("{path}/favourite"), json!({}))
        .await
        .refused(404);
    // It is decided when it is read: who is no mutual any more sees it no more.
    let unfollow = format!("/api/v1/accounts/{}/unfollow", bob.id());
    server.post(&alice, &unfollow, json!({})).await.ok();
    assert_eq!(
        places(&server, &bob, &alice, &status).await,
        Vec::<String>::new()
    );
    follow(&server, &alice, &carol, json!({})).await;
    assert_eq!(
        places(&server, &carol, &alice, &status).await,
        [profile, "itself".into()]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_this_server_is_for_those_who_are_signed_in() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let status = post(&server, &alice, "local").await;
    assert_eq!(
        (&status["visibility"], &status["kith"]["visibility"]),
        (&json!("public"), &json!("local"))
    );
    let seen = places(&server, &bob, &alice, &status).await;
    assert_eq!(seen.len(), 4, "everywhere but in a home: {seen:?}");
    let path = format!("/api/v1/statuses/{}", id(&status));
    server.get_public(&path).await.refused(404);
    for place in [
        "/api/v1/timelines/public".to_owned(),
        "/api/v1/timelines/tag/those".to_owned(),
        format!("/api/v1/accounts/{}/statuses", alice.id()),
    ] {
        let list = server.get_public(&place).await.entities("Status");
        assert_eq!(list.len(), 0, "{place}");
    }
    // Nor does ActivityPub, or the page, show it.
    let url = status["uri"].as_str().unwrap();
    for accept in ["application/activity+json", "text/html"] {
        let request = server.http.get(url).header("accept", accept);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 404, "{accept}");
    }
    let outbox = "/users/alice/outbox?page=true";
    let outbox = server.http.get(format!("{}{outbox}", server.url));
    let outbox = outbox.header("accept", "application/activity+json");
    let outbox = outbox.send().await.unwrap().text().await.unwrap();
    assert!(!outbox.contains(url), "{outbox}");
    // An answer to it stays here as well.
    let body = json!({"status": "an answer", "in_reply_to_id": status["id"]});
    let answer = server.post(&bob, "/api/v1/statuses", body).await;
    assert_eq!(answer.entity("Status")["kith"]["visibility"], "local");
}

#[tokio::test(flavor = "multi_thread")]
async fn scheduled_posts_keep_who_they_are_for() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let at = kith::clock::iso(server.app.clock.now_ms() + kith::clock::HOUR);
    for (visibility, shown) in [("mutuals", "private"), ("local", "public")] {
        let body = json!({"status": visibility, "visibility": visibility, "scheduled_at": at});
        let scheduled = server.post(&alice, "/api/v1/statuses", body).await;
        let scheduled = scheduled.entity("ScheduledStatus");
        assert_eq!(scheduled["params"]["visibility"], shown);
    }
    server.pass(2 * kith::clock::HOUR);
    let mut kinds = crate::support::peer::eventually("they are posted", async || {
        let path = format!("/api/v1/accounts/{}/statuses", alice.id());
        let token = server.token(&alice, "read").await;
        let list = server
            .send(reqwest::Method::GET, &path, Some(&token), None)
            .await
            .entities("Status");
        (list.len() == 2).then_some(list)
    })
    .await
    .iter()
    .map(|s| s["kith"]["visibility"].as_str().unwrap().to_owned())
    .collect::<Vec<_>>();
    kinds.sort();
    assert_eq!(kinds, ["local", "mutuals"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_keep_to_who_may_see_it() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let carol = server.person("carol").await;
    for person in [&bob, &carol] {
        follow(&server, person, &alice, json!({})).await;
    }
    follow(&server, &alice, &bob, json!({})).await;
    let mut friend = socket(&server, &bob, "&stream=user").await;
    let mut follower = socket(&server, &carol, "&stream=user").await;
    let mut public = socket(&server, &carol, "&stream=public:local").await;
    let mutuals = post(&server, &alice, "mutuals").await;
    let mut first = frame(&mut friend).await;
    // That alice followed may be told as late as this.
    while first["event"] == "notification" {
        first = frame(&mut friend).await;
    }
    assert_eq!(payload(&first)["id"], mutuals["id"]);
    let local = post(&server, &alice, "local").await;
    for (who, socket) in [
        ("friend", &mut friend),
        ("follower", &mut follower),
        ("public", &mut public),
    ] {
        let frame = frame(socket).await;
        let heard = payload(&frame);
        assert_eq!(heard["id"], local["id"], "{who} heard before it {frame}");
        assert_eq!(heard["kith"]["visibility"], "local");
    }
}
