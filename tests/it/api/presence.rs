//! `/api/kith/v1/presence`, and whether a token's socket is up.

use serde_json::{Value, json};

use super::resume::{friends, say};
use super::streaming::{frame, nothing, payload, socket, subscribe};
use crate::support::peer::eventually;
use crate::support::{Person, Server};

/// The next presence that a socket hears of.
async fn heard(socket: &mut super::streaming::Socket) -> Value {
    loop {
        let frame = frame(socket).await;
        if frame["event"] == "presence" {
            assert_eq!(frame["stream"], json!(["user:chat"]));
            assert!(frame["cursor"].is_string());
            return payload(&frame);
        }
    }
}

async fn listening(server: &Server, who: &Person) -> super::streaming::Socket {
    let mut socket = socket(server, who, "").await;
    subscribe(
        &mut socket,
        json!({"type": "subscribe", "stream": "user:chat"}),
    )
    .await;
    socket
}

#[tokio::test(flavor = "multi_thread")]
async fn friends_hear_of_each_other_and_strangers_do_not() {
    let server = Server::start().await;
    let (alice, bob, _) = friends(&server).await;
    let carol = server.person("carol").await;
    let mut hers = listening(&server, &alice).await;
    let mut strange = listening(&server, &carol).await;
    let his = listening(&server, &bob).await;
    let came = heard(&mut hers).await;
    assert_eq!(came["account_id"], bob.id());
    assert_eq!(came["online"], true);
    let path = format!("/api/kith/v1/presence?account_ids[]={}", bob.id());
    let known = server.get(&alice, &path).await.ok();
    assert_eq!(known[0]["online"], true, "{known}");
    assert_eq!(server.get(&carol, &path).await.ok(), json!([]));
    drop(his);
    let left = heard(&mut hers).await;
    assert_eq!(
        (&left["account_id"], &left["online"]),
        (&json!(bob.id()), &json!(false))
    );
    assert!(left["last_seen_at"].is_string());
    let known = server.get(&alice, &path).await.ok();
    assert_eq!(known[0]["online"], false);
    assert_eq!(known[0]["last_seen_at"], left["last_seen_at"]);
    nothing(&mut strange).await;
    let many = (0..101).map(|n| format!("account_ids[]={n}"));
    let many = many.collect::<Vec<_>>().join("&");
    let refused = server
        .get(&alice, &format!("/api/kith/v1/presence?{many}"))
        .await;
    refused.refused(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_keeps_it_to_themselves_is_not_seen() {
    let server = Server::start().await;
    let (alice, bob, chat) = friends(&server).await;
    say(&server, &bob, &chat, "hello").await;
    let id = bob.account.id;
    server
        .app
        .write(move |tx| {
            Box::pin(async move {
                let mut settings = kith::db::users::chat_settings(tx, &[id]).await?.remove(0);
                settings.presence = false;
                Ok::<_, kith::error::AppError>(
                    kith::db::users::set_chat_settings(tx, &settings).await?,
                )
            })
        })
        .await
        .unwrap();
    let mut hers = listening(&server, &alice).await;
    let _his = listening(&server, &bob).await;
    nothing(&mut hers).await;
    let path = format!("/api/kith/v1/presence?account_ids[]={}", bob.id());
    assert_eq!(server.get(&alice, &path).await.ok(), json!([]));
    // Oneself one may always ask about.
    assert_eq!(server.get(&bob, &path).await.ok()[0]["online"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_ends_it() {
    let server = Server::start().await;
    let (alice, bob, chat) = friends(&server).await;
    for who in [&alice, &bob] {
        say(&server, who, &chat, "hello").await;
    }
    let path = format!("/api/v1/accounts/{}/unfollow", bob.id());
    server.post(&alice, &path, json!({})).await.ok();
    let path = format!("/api/kith/v1/presence?account_ids[]={}", bob.id());
    let known = server.get(&alice, &path).await.ok();
    assert_eq!(known[0]["online"], false, "who chats knows: {known}");
    let block = format!("/api/v1/accounts/{}/block", alice.id());
    server.post(&bob, &block, json!({})).await.ok();
    assert_eq!(server.get(&alice, &path).await.ok(), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_learns_whether_its_socket_is_up() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    for path in [
        "/api/kith/v1/streaming/status",
        "/api/kith/v1/socket/status",
    ] {
        let status = server.get(&alice, path).await.ok();
        assert_eq!(
            (&status["connected"], &status["streams"]),
            (&json!(false), &json!([]))
        );
    }
    let mut hers = listening(&server, &alice).await;
    let tag = json!({"type": "subscribe", "stream": "hashtag", "tag": "Cats"});
    subscribe(&mut hers, tag).await;
    let path = "/api/kith/v1/streaming/status";
    let status = server.get(&alice, path).await.ok();
    assert_eq!(status["connected"], true);
    assert_eq!(status["streams"], json!(["hashtag:cats", "user:chat"]));
    assert!(status["server_time"].is_string());
    // Another token of hers does not listen.
    let token = server.token(&alice, "read").await;
    let other = Person {
        token,
        ..alice.clone()
    };
    assert_eq!(server.get(&other, path).await.ok()["connected"], false);
    drop(hers);
    eventually("it is down", async || {
        let status = server.get(&alice, path).await.ok();
        (status["connected"] == false).then_some(())
    })
    .await;
}
