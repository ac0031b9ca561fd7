//! S13, S16: what is decided about a local account holds at each door, at once, and can be taken
//! back.

use kith::domain::users::Role;
use reqwest::Method;
use serde_json::{Value, json};

use super::{act, staff, verb};
use crate::api::auth::{call, login, me, member, tokens};
use crate::api::media;
use crate::api::streaming::{farewell, socket};
use crate::federation::hostile::read;
use crate::support::mail::letters;
use crate::support::peer::{Delivery, Peer, eventually};
use crate::support::{Person, Server};

/// A person of that name by what a sign-in gave.
async fn signed_in(server: &Server, name: &str, token: String) -> Person {
    let name = name.to_owned();
    let account = server
        .app
        .read(move |c| {
            Box::pin(async move {
                Ok::<_, kith::error::AppError>(kith::db::accounts::by_handle(c, &name, "").await?)
            })
        })
        .await
        .unwrap()
        .unwrap();
    Person { account, token }
}

#[tokio::test(flavor = "multi_thread")]
async fn s13_s16_a_suspension_shuts_every_door_until_it_is_lifted() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let moderator = staff(&server, "mod", Role::Moderator).await;
    let bob = server.person("bob").await;
    let (token, refresh) = member(&server, "alice", 1).await;
    let alice = signed_in(&server, "alice", token).await;
    let follow = format!("/api/v1/accounts/{}/follow", alice.id());
    server.post(&bob, &follow, json!({})).await.ok();
    let rob = peer.add_actor("rob");
    let followed = json!({
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": format!("{rob}#follow"), "type": "Follow", "actor": rob, "object": alice.account.uri,
    });
    Delivery::by(&rob).send(&server, &followed).await;
    let status = server.status(&alice, "searchable #words").await;
    let id = status["id"].as_str().unwrap().to_owned();
    server
        .post(&bob, &format!("/api/v1/statuses/{id}/reblog"), json!({}))
        .await
        .ok();
    server
        .post(
            &bob,
            "/api/v1/statuses",
            json!({"status": "so?", "in_reply_to_id": id}),
        )
        .await
        .ok();
    let mut socket = socket(&server, &alice, "&stream=user").await;
    let picture = media::upload(&server, &alice, &media::png(9, 9)).await.ok();
    let (avatar, header) = (media::png(40, 40), media::png(90, 30));
    let pictures = [("avatar", &avatar[..]), ("header", &header[..])];
    let profile = "/api/v1/accounts/update_credentials";
    let profile = media::send(&server, &alice, Method::PATCH, profile, &pictures).await;
    let profile = profile.ok();
    let files = [
        &picture["url"],
        &picture["preview_url"],
        &profile["avatar"],
        &profile["header"],
    ];
    let served = async || {
        let mut served = Vec::new();
        for file in files {
            let url = file.as_str().expect("an address");
            served.push(server.http.get(url).send().await.unwrap().status().as_u16());
        }
        served
    };

    // What everyone, and bob, may see of it.
    let places = [
        format!("/api/v1/statuses/{id}"),
        format!("/@alice/{id}"),
        format!("/@alice/{id}/embed"),
        "/@alice".to_owned(),
        format!("/users/alice/statuses/{id}"),
        "/users/alice/outbox".to_owned(),
        "/users/alice/followers".to_owned(),
        "/users/alice/collections/featured".to_owned(),
    ];
    let lists = [
        "/api/v1/timelines/home".to_owned(),
        "/api/v1/timelines/public".to_owned(),
        "/api/v1/timelines/tag/words".to_owned(),
        format!("/api/v1/accounts/{}/statuses", alice.id()),
        format!("/api/v1/accounts/{}/statuses", bob.id()),
    ];
    let shown = async || {
        let mut seen = Vec::new();
        for path in &places {
            let api = path.starts_with("/api");
            let answer = match api || path.starts_with("/@") {
                true => server.get_public(path).await,
                false => read(&server, path).await,
            };
            if answer.status == 200 {
                seen.push(path.clone());
            }
        }
        for path in &lists {
            if server.get(&bob, path).await.text.contains("searchable") {
                seen.push(path.clone());
            }
        }
        let found = server
            .get(&bob, "/api/v2/search?q=alice")
            .await
            .entity("Search");
        if found["accounts"] != json!([]) {
            seen.push("search".to_owned());
        }
        seen
    };
    let all = places.len() + lists.len() + 1;
    eventually("all is open", async || {
        (shown().await.len() == all).then_some(())
    })
    .await;

    assert_eq!(served().await, [200; 4]);
    let body = json!({"type": "suspend", "text": "Enough of that"});
    act(&server, &moderator, &alice.id(), body).await.ok();
    assert_eq!(served().await, [404; 4]);
    assert_eq!(shown().await, Vec::<String>::new());
    // Tokens, refresh tokens and streams are dead, and no password opens another.
    me(&server, &alice.token).await.refused(401);
    call(&server, "refresh", None, json!({"refresh_token": refresh}))
        .await
        .refused(401);
    assert!(
        login(&server, "alice", "correct horse")
            .await
            .refused(403)
            .contains("suspended")
    );
    assert_eq!(farewell(&mut socket).await, "no_access: account suspended");
    // An account that is there still, for those who follow it, and its actor, which says so.
    let account = format!("/api/v1/accounts/{}", alice.id());
    let shown_of_it = server.get(&bob, &account).await.entity("Account");
    assert_eq!(
        (&shown_of_it["suspended"], &shown_of_it["note"]),
        (&json!(true), &json!(""))
    );
    let actor = read(&server, "/users/alice").await.ok();
    assert_eq!(
        (&actor["suspended"], &actor["summary"]),
        (&json!(true), &json!(""))
    );
    assert!(actor["publicKey"]["publicKeyPem"].is_string());
    read(&server, "/users/alice/outbox").await.refused(403);
    let found = format!(
        "/.well-known/webfinger?resource=acct:alice@{}",
        server.domain()
    );
    server.get_public(&found).await.ok();
    let update = async |suspended: Value| {
        eventually("its followers' servers are told", async || {
            let last = peer
                .received()
                .into_iter()
                .rfind(|a| a["type"] == "Update")?;
            (last["object"]["suspended"] == suspended).then_some(())
        })
        .await;
    };
    update(json!(true)).await;
    let letter = letters(&server, 2).await.pop().unwrap();
    assert!(letter.subject.contains("suspended"), "{}", letter.subject);
    assert!(letter.text.contains("Enough of that"), "{}", letter.text);
    // Nobody else can do anything for it.
    let post = json!({"status": "@alice hello"});
    let mention = server
        .post(&bob, "/api/v1/statuses", post)
        .await
        .entity("Status");
    assert_eq!(mention["mentions"], json!([]));
    server.post(&bob, &follow, json!({})).await.refused(404);

    let lifted = verb(&server, &moderator, &alice.id(), "unsuspend").await;
    assert_eq!(lifted.entity("Admin::Account")["suspended"], false);
    update(Value::Null).await;
    eventually("all is open again", async || {
        (shown().await.len() == all).then_some(())
    })
    .await;
    assert_eq!(served().await, [200; 4]);
    me(&server, &alice.token).await.refused(401);
    let (token, _) = tokens(&login(&server, "alice", "correct horse").await.ok());
    let told = server.send(
        Method::GET,
        "/api/v1/notifications?types[]=moderation_warning",
        Some(&token),
        None,
    );
    let told = told.await.entities("Notification");
    assert_eq!(told[0]["moderation_warning"]["action"], "suspend");
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_limits_sensitive_files_and_disabled_users() {
    let server = Server::start().await;
    let moderator = staff(&server, "mod", Role::Moderator).await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let carol = server.person("carol").await;
    let follow = format!("/api/v1/accounts/{}/follow", alice.id());
    server.post(&bob, &follow, json!({})).await.ok();
    let status = server.status(&alice, "some #words").await;
    let id = status["id"].as_str().unwrap().to_owned();
    let in_list =
        async |who: &Person, path: &str| server.get(who, path).await.text.contains("some ");
    let public = "/api/v1/timelines/public";

    act(&server, &moderator, &alice.id(), json!({"type": "silence"}))
        .await
        .ok();
    assert!(
        in_list(&bob, "/api/v1/timelines/home").await,
        "followers see it"
    );
    for path in [public, "/api/v1/timelines/tag/words", "/api/v1/directory"] {
        assert!(!in_list(&carol, path).await, "{path}");
    }
    // By itself it is there, and who is limited asks before following.
    let path = format!("/api/v1/statuses/{id}");
    let shown = server.get(&carol, &path).await.entity("Status");
    assert_eq!(shown["account"]["limited"], true);
    let follow = format!("/api/v1/accounts/{}/follow", carol.id());
    let relation = server
        .post(&alice, &follow, json!({}))
        .await
        .entity("Relationship");
    assert_eq!(
        (&relation["following"], &relation["requested"]),
        (&json!(false), &json!(true))
    );
    verb(&server, &moderator, &alice.id(), "unsilence")
        .await
        .entity("Admin::Account");
    assert!(in_list(&carol, public).await);

    act(
        &server,
        &moderator,
        &alice.id(),
        json!({"type": "sensitive"}),
    )
    .await
    .ok();
    assert_eq!(
        server.get(&bob, &path).await.entity("Status")["sensitive"],
        true
    );
    let note = read(&server, &format!("/users/alice/statuses/{id}"))
        .await
        .ok();
    assert_eq!(note["sensitive"], true);
    let later = server.status(&alice, "more").await;
    assert_eq!(later["sensitive"], true);
    verb(&server, &moderator, &alice.id(), "unsensitive")
        .await
        .entity("Admin::Account");
    assert_eq!(
        server.get(&bob, &path).await.entity("Status")["sensitive"],
        false
    );

    let mut socket = socket(&server, &alice, "&stream=user").await;
    let events = server
        .http
        .get(format!("{}/api/v1/streaming/user", server.url))
        .bearer_auth(&alice.token);
    let events = events.send().await.expect("a stream");
    act(&server, &moderator, &alice.id(), json!({"type": "disable"}))
        .await
        .ok();
    me(&server, &alice.token).await.refused(401);
    let why = "no_access: login disabled";
    assert_eq!(farewell(&mut socket).await, why);
    let told = events.text().await.expect("it ends");
    assert!(
        told.ends_with(&format!("event: end\ndata: {why}\n\n")),
        "{told}"
    );
    server.get(&bob, &path).await.entity("Status");
    let enabled = verb(&server, &moderator, &alice.id(), "enable").await;
    assert_eq!(enabled.entity("Admin::Account")["disabled"], false);
}
