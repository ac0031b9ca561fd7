//! `user:chat`, and what clients say over sockets.

use futures::SinkExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::chats::{PATH, id, messages, open, opens_up, say, settle};
use super::streaming::{Socket, frame, nothing, payload, socket};
use crate::support::{Person, Server};

async fn tell(socket: &mut Socket, frame: Value) {
    let text = frame.to_string();
    socket.send(Message::Text(text.into())).await.unwrap();
}

/// The next frame of an event; others are passed over.
async fn until(socket: &mut Socket, event: &str) -> Value {
    loop {
        let frame = frame(socket).await;
        if frame["event"] == event {
            return frame;
        }
    }
}

async fn chatting(server: &Server) -> (Person, Person, Value) {
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    opens_up(server, &alice).await;
    opens_up(server, &bob).await;
    let chat = open(server, &alice, &bob.id()).await;
    (alice, bob, chat)
}

#[tokio::test(flavor = "multi_thread")]
async fn both_hear_of_everything_in_their_chat_and_nobody_else() {
    let server = Server::start().await;
    let (alice, bob, chat) = chatting(&server).await;
    let eve = server.person("eve").await;
    let mut hers = socket(&server, &alice, "&stream=user:chat").await;
    let mut his = socket(&server, &bob, "&stream=user:chat").await;
    let mut others = socket(&server, &eve, "&stream=user:chat").await;
    let said = say(&server, &alice, &chat, json!({"text": "hi"})).await;
    let heard = until(&mut his, "chat.message").await;
    assert_eq!(heard["stream"], json!(["user:chat"]));
    let message = payload(&heard);
    crate::support::schema::check("Kith::Message", &message);
    assert_eq!(
        (&message["id"], &message["mine"]),
        (&said["id"], &json!(false))
    );
    assert_eq!(
        payload(&until(&mut hers, "chat.message").await)["mine"],
        true
    );
    let delivered = payload(&until(&mut hers, "chat.delivered").await);
    assert_eq!(
        (&delivered["message_id"], &delivered["account_id"]),
        (&said["id"], &json!(bob.id()))
    );
    let one = format!("{PATH}/{}/messages/{}", id(&chat), id(&said));
    let read = format!("{PATH}/{}/read", id(&chat));
    server
        .post(&bob, &read, json!({"message_id": said["id"]}))
        .await
        .ok();
    let read = payload(&until(&mut hers, "chat.read").await);
    assert_eq!(
        (&read["message_id"], &read["chat_id"]),
        (&said["id"], &chat["id"])
    );
    server
        .put(&bob, &format!("{one}/reactions/👍"), json!({}))
        .await
        .ok();
    let reaction = payload(&until(&mut hers, "chat.reaction").await);
    assert_eq!(
        (
            &reaction["name"],
            &reaction["added"],
            &reaction["reactions"][0]["count"]
        ),
        (&json!("👍"), &json!(true), &json!(1))
    );
    let edit = json!({"text": "hi!"});
    let token = Some(alice.token.as_str());
    server
        .send(reqwest::Method::PATCH, &one, token, Some(&edit))
        .await
        .ok();
    assert_eq!(
        payload(&until(&mut his, "chat.message.edited").await)["text"],
        "hi!"
    );
    let typing = format!("{PATH}/{}/typing", id(&chat));
    assert_eq!(server.post(&bob, &typing, json!({})).await.status, 202);
    let typing = payload(&until(&mut hers, "chat.typing").await);
    assert_eq!(
        typing,
        json!({"chat_id": chat["id"], "account_id": bob.id()})
    );
    server
        .delete(&alice, &format!("{one}?scope=everyone"))
        .await
        .ok();
    let gone = payload(&until(&mut his, "chat.message.deleted").await);
    assert_eq!(
        (&gone["message_id"], &gone["scope"]),
        (&said["id"], &json!("everyone"))
    );
    nothing(&mut others).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_say_everything_over_one_socket() {
    let server = Server::start().await;
    let (alice, bob, chat) = chatting(&server).await;
    let url = format!(
        "{}/api/v1/streaming?token={}&stream=user:chat",
        server.url.replace("http://localhost", "ws://127.0.0.1"),
        alice.token
    );
    let mut hers = tokio_tungstenite::connect_async(url).await.unwrap().0;
    let mut his = socket(&server, &bob, "&stream=user:chat").await;
    // Without a type, to a person.
    tell(
        &mut hers,
        json!({"recipient_id": bob.id(), "text": "plain"}),
    )
    .await;
    let ack = until(&mut hers, "ack").await;
    crate::support::schema::check("Kith::Message", &ack["payload"]);
    assert_eq!(
        payload(&until(&mut his, "chat.message").await)["text"],
        "plain"
    );
    // Typed, twice with one key: once.
    let typed = json!({
        "type": "chat.message", "ref": "r1", "chat_id": chat["id"], "text": "typed",
        "reply_to_id": ack["payload"]["id"], "idempotency_key": "k",
    });
    tell(&mut hers, typed.clone()).await;
    let first = until(&mut hers, "ack").await;
    tell(&mut hers, typed).await;
    let second = until(&mut hers, "ack").await;
    assert_eq!(first["ref"], "r1");
    assert_eq!(first["payload"]["id"], second["payload"]["id"]);
    assert_eq!(messages(&server, &bob, &chat, "").await.len(), 2);
    let heard = payload(&until(&mut his, "chat.message").await);
    tell(
        &mut his,
        json!({"type": "chat.typing", "ref": 7, "chat_id": chat["id"]}),
    )
    .await;
    assert_eq!(until(&mut his, "ack").await["ref"], 7);
    until(&mut hers, "chat.typing").await;
    let read = json!({"type": "chat.read", "chat_id": chat["id"], "message_id": heard["id"]});
    tell(&mut his, read).await;
    assert_eq!(until(&mut his, "ack").await["payload"]["unread_count"], 0);
    until(&mut hers, "chat.read").await;
    // What makes no sense gets an answer, and the socket stays.
    for (bad, status) in [
        (json!({"type": "chat.message", "ref": 1, "text": "x"}), 400),
        (
            json!({"type": "chat.message", "ref": 1, "chat_id": "1", "text": "x"}),
            404,
        ),
        (
            json!({"type": "chat.message", "ref": 1, "chat_id": {}, "text": "x"}),
            400,
        ),
        (
            json!({"type": "chat.message", "ref": 1, "chat_id": chat["id"]}),
            422,
        ),
        (
            json!({"type": "chat.message", "ref": 1, "recipient_id": alice.id(), "text": "x"}),
            422,
        ),
        (json!({"type": "chat.nonsense", "ref": 1}), 400),
        (
            json!({"type": "chat.read", "ref": 1, "chat_id": chat["id"]}),
            400,
        ),
    ] {
        tell(&mut hers, bad.clone()).await;
        let error = until(&mut hers, "error").await;
        assert_eq!(
            (&error["ref"], &error["payload"]["status"]),
            (&json!(1), &json!(status)),
            "{bad}"
        );
    }
    hers.send(Message::Text("{nonsense".into())).await.unwrap();
    loop {
        let answer = frame(&mut hers).await;
        if answer["status"] == 400 {
            break;
        }
    }
    tell(
        &mut hers,
        json!({"type": "chat.message", "ref": 2, "chat_id": chat["id"], "text": "still here"}),
    )
    .await;
    assert_eq!(until(&mut hers, "ack").await["ref"], 2);
    // A token that may only read does.
    let reads = server.token(&alice, "read").await;
    let reader = Person {
        token: reads,
        ..alice.clone()
    };
    let mut reader = socket(&server, &reader, "&stream=user:chat").await;
    tell(
        &mut reader,
        json!({"type": "chat.message", "chat_id": chat["id"], "text": "x"}),
    )
    .await;
    assert_eq!(until(&mut reader, "error").await["payload"]["status"], 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_and_typing_can_be_switched_off() {
    let server = Server::start().await;
    let (alice, bob, chat) = chatting(&server).await;
    settle(&server, &bob, "anyone", false, false).await;
    let mut hers = socket(&server, &alice, "&stream=user:chat").await;
    let mut his = socket(&server, &bob, "&stream=user:chat").await;
    let said = say(&server, &alice, &chat, json!({"text": "hi"})).await;
    until(&mut hers, "chat.message").await;
    until(&mut his, "chat.message").await;
    let read = format!("{PATH}/{}/read", id(&chat));
    let after = server
        .post(&bob, &read, json!({"message_id": said["id"]}))
        .await
        .ok();
    assert_eq!(after["unread_count"], 0);
    let typing = format!("{PATH}/{}/typing", id(&chat));
    assert_eq!(server.post(&bob, &typing, json!({})).await.status, 202);
    nothing(&mut hers).await;
    let seen = messages(&server, &alice, &chat, "").await;
    assert_eq!(
        (&seen[0]["read_at"], &seen[0]["delivered_at"]),
        (&Value::Null, &Value::Null)
    );
}
