//! Streams that are read on from a position, and `/api/kith/v1/events`.

use std::time::Duration;

use futures::StreamExt;
use kith::clock::DAY;
use kith::events::hub::{Channel, Message as Said};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio_tungstenite::tungstenite::Message;

use super::streaming::{frame, nothing, payload, socket, subscribe};
use crate::support::peer::eventually;
use crate::support::{Person, Server};

async fn follow(server: &Server, who: &Person, whom: &Person) {
    let path = format!("/api/v1/accounts/{}/follow", whom.id());
    server.post(who, &path, json!({})).await.ok();
}

/// Two who may write to each other, and their chat.
pub async fn friends(server: &Server) -> (Person, Person, String) {
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    follow(server, &alice, &bob).await;
    follow(server, &bob, &alice).await;
    let body = json!({"account_id": bob.id()});
    let chat = server.post(&alice, "/api/kith/v1/chats", body).await.ok();
    let body = json!({"account_id": alice.id()});
    let same = server.post(&bob, "/api/kith/v1/chats", body).await.ok();
    assert_eq!(same["id"], chat["id"]);
    let id = chat["id"].as_str().unwrap().to_owned();
    (alice, bob, id)
}

/// Sends a message; its id.
pub async fn say(server: &Server, who: &Person, chat: &str, text: &str) -> String {
    let path = format!("/api/kith/v1/chats/{chat}/messages");
    let message = server.post(who, &path, json!({"text": text})).await.ok();
    message["id"].as_str().unwrap().to_owned()
}

/// The next message of a chat on a socket, and the frame's cursor.
async fn next_message(socket: &mut super::streaming::Socket) -> (String, String) {
    loop {
        let frame = frame(socket).await;
        let cursor = frame["cursor"].as_str().expect("a cursor").to_owned();
        if frame["event"] == "chat.message" {
            return (payload(&frame)["id"].as_str().unwrap().to_owned(), cursor);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_comes_first_and_once() {
    let server = Server::start().await;
    let (alice, bob, chat) = friends(&server).await;
    let mut hers = socket(&server, &alice, "&stream=user:chat").await;
    // The frame's answer says that the stream was taken up.
    subscribe(
        &mut hers,
        json!({"type": "subscribe", "stream": "user:chat"}),
    )
    .await;
    let first = say(&server, &bob, &chat, "one").await;
    let (got, cursor) = next_message(&mut hers).await;
    assert_eq!(got, first);
    drop(hers);
    let mut missed = Vec::new();
    for n in 0..130 {
        missed.push(say(&server, &bob, &chat, &format!("missed {n}")).await);
    }
    let query = format!("&stream=user:chat&cursor={cursor}");
    let mut hers = socket(&server, &alice, &query).await;
    for id in &missed {
        assert_eq!(&next_message(&mut hers).await.0, id);
    }
    let live = say(&server, &bob, &chat, "live").await;
    assert_eq!(next_message(&mut hers).await.0, live);
    // By a frame as well.
    let mut hers = socket(&server, &alice, "").await;
    let again = json!({"type": "subscribe", "stream": "user:chat", "cursor": cursor});
    futures::SinkExt::send(&mut hers, Message::Text(again.to_string().into()))
        .await
        .unwrap();
    for id in missed.iter().chain([&live]) {
        assert_eq!(&next_message(&mut hers).await.0, id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mastodons_streams_have_cursors_for_those_who_ask() {
    let server = Server::start().await;
    let (alice, bob, _) = friends(&server).await;
    let mut plain = socket(&server, &alice, "&stream=user").await;
    let mut marked = socket(&server, &alice, "&stream=user&cursors=true").await;
    subscribe(
        &mut marked,
        json!({"type": "subscribe", "stream": "direct"}),
    )
    .await;
    server.status(&bob, "first").await;
    assert_eq!(frame(&mut plain).await.get("cursor"), None);
    // That they became friends may still be told before it.
    let cursor = loop {
        let frame = frame(&mut marked).await;
        if frame["event"] == "update" {
            break frame["cursor"].as_str().unwrap().to_owned();
        }
    };
    drop(marked);
    let deleted = server.status(&bob, "deleted").await["id"].clone();
    let edited = server.status(&bob, "to be edited, @alice").await["id"].clone();
    let path = format!("/api/v1/statuses/{}", edited.as_str().unwrap());
    server
        .put(&bob, &path, json!({"status": "edited, @alice"}))
        .await
        .ok();
    let path = format!("/api/v1/statuses/{}", deleted.as_str().unwrap());
    server.delete(&bob, &path).await.ok();
    let mut again = socket(&server, &alice, &format!("&stream=user&cursor={cursor}")).await;
    let mut said = Vec::new();
    for _ in 0..4 {
        let frame = frame(&mut again).await;
        assert_eq!(frame["stream"], json!(["user"]));
        if frame["event"] == "update" {
            // As it is now.
            assert!(frame["payload"].as_str().unwrap().contains("edited, "));
        }
        said.push(frame["event"].as_str().unwrap().to_owned());
    }
    said.sort();
    assert_eq!(said, ["delete", "notification", "status.update", "update"]);
    nothing(&mut again).await;
    // What has no cursor says so, and the socket stays.
    let wrong = json!({"type": "subscribe", "stream": "public", "cursor": cursor});
    futures::SinkExt::send(&mut again, Message::Text(wrong.to_string().into()))
        .await
        .unwrap();
    assert_eq!(frame(&mut again).await["status"], 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_listed_for_their_reader_alone() {
    let server = Server::start().await;
    let (alice, bob, chat) = friends(&server).await;
    let carol = server.person("carol").await;
    let events = "/api/kith/v1/events";
    let begin = server.get(&alice, events).await;
    let from = begin.link("next").expect("where to go on");
    let id = say(&server, &bob, &chat, "hello").await;
    server.status(&bob, "for all").await;
    let secret = say(&server, &bob, &chat, "taken back").await;
    let path = format!("/api/kith/v1/chats/{chat}/messages/{secret}?scope=everyone");
    server.delete(&bob, &path).await.ok();
    let page = eventually("all is in the log", async || {
        let page = server.get(&alice, &from).await;
        let list = page.ok();
        let names = list.as_array().unwrap().iter().map(|e| e["event"].clone());
        let names: Vec<Value> = names.collect();
        names
            .contains(&json!("chat.message.deleted"))
            .then_some(page)
    })
    .await;
    let list = page.ok();
    let messages: Vec<&Value> = list
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["event"] == "chat.message")
        .collect();
    assert_eq!(
        messages.len(),
        1,
        "what was taken back is not shown: {list}"
    );
    assert_eq!(payload(messages[0])["id"], id);
    assert_eq!(messages[0]["stream"], json!(["user:chat"]));
    assert!(
        list.as_array()
            .unwrap()
            .iter()
            .any(|e| e["event"] == "update")
    );
    // The page's end is where the next begins, also where there is nothing.
    let next = page.link("next").unwrap();
    assert_eq!(server.get(&alice, &next).await.ok(), json!([]));
    let his = server.get(&carol, &from).await.ok();
    assert_eq!(his, json!([]), "a stranger hears nothing of it");
    // One at a time, all come, each once.
    let mut path = format!("{from}&limit=1&stream[]=user:chat");
    let mut seen = Vec::new();
    loop {
        let page = server.get(&alice, &path).await;
        let list = page.ok();
        path = page.link("next").unwrap();
        match list[0]["cursor"].as_str() {
            Some(cursor) => seen.push(cursor.to_owned()),
            // What has nothing to say any more leaves its page empty.
            None if seen.len() >= 2 => break,
            None => {}
        }
    }
    let mut once = seen.clone();
    once.dedup();
    assert_eq!(seen, once);
    for (query, status) in [
        ("after=nonsense", 400),
        ("stream[]=public", 400),
        ("after=0-99999999999", 410),
    ] {
        let refused = server.get(&alice, &format!("{events}?{query}")).await;
        refused.refused(status);
    }
    let token = server.token(&alice, "write").await;
    let refused = server.send(Method::GET, events, Some(&token), None).await;
    refused.refused(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_older_than_the_log_says_to_load_anew() {
    let server = Server::start().await;
    let (alice, bob, chat) = friends(&server).await;
    let mut hers = socket(&server, &alice, "&stream=user:chat").await;
    say(&server, &bob, &chat, "long ago").await;
    let (_, cursor) = next_message(&mut hers).await;
    drop(hers);
    server.pass(8 * DAY);
    kith::jobs::cleanup::pass(&server.app).await.unwrap();
    // Heard before the refused one listens: that is in the line of what it is told.
    let mut other = socket(&server, &alice, "&stream=user:chat").await;
    let id = say(&server, &bob, &chat, "today").await;
    assert_eq!(next_message(&mut other).await.0, id);
    drop(other);
    let path = format!("/api/kith/v1/events?after={cursor}");
    server.get(&alice, &path).await.refused(410);
    let path = format!("/api/v1/streaming/user/chat?cursor={cursor}");
    server.get(&alice, &path).await.refused(410);
    let query = format!("&stream=user:chat&cursor={cursor}");
    let mut hers = socket(&server, &alice, &query).await;
    let refused = frame(&mut hers).await;
    assert_eq!(refused["status"], 410, "{refused}");
    // The socket stays, and the stream is taken up without.
    subscribe(
        &mut hers,
        json!({"type": "subscribe", "stream": "user:chat"}),
    )
    .await;
    let id = say(&server, &bob, &chat, "now").await;
    assert_eq!(next_message(&mut hers).await.0, id);
}

#[tokio::test(flavor = "multi_thread")]
async fn server_sent_events_are_read_on_by_their_ids() {
    let server = Server::start().await;
    let (alice, bob, chat) = friends(&server).await;
    let events = server.get(&alice, "/api/kith/v1/events").await;
    let link = events.link("next").unwrap();
    let after = link
        .split("after=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap();
    let one = say(&server, &bob, &chat, "one").await;
    let two = say(&server, &bob, &chat, "two").await;
    let url = format!("{}/api/v1/streaming/user/chat", server.url);
    let request = server.http.get(url).bearer_auth(&alice.token);
    let response = request.header("last-event-id", after).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let mut body = response.bytes_stream();
    let mut got = String::new();
    let read = async {
        while !got.contains(&two) || !got.ends_with("\n\n") {
            got.push_str(std::str::from_utf8(&body.next().await.unwrap().unwrap()).unwrap());
        }
    };
    tokio::time::timeout(Duration::from_secs(5), read)
        .await
        .unwrap();
    assert!(got.find(&one).unwrap() < got.find(&two).unwrap());
    assert!(got.contains("\nid: ") || got.contains("\nid:"), "{got}");
}

/// The position before anything that is said from now on.
async fn position(server: &Server, who: &Person) -> String {
    let begin = server.get(who, "/api/kith/v1/events").await;
    let link = begin.link("next").unwrap();
    let after = link
        .split("after=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap();
    after.to_owned()
}

/// Collects messages from a position on, from sockets that drop again and again, until all are
/// there.
async fn collect(
    server: &Server,
    who: &Person,
    mut cursor: String,
    all: usize,
    drops: usize,
) -> Vec<String> {
    let mut seen = Vec::new();
    let mut dropped = 0;
    let mut dice: u64 = 0x9E37_79B9 ^ who.id().parse::<u64>().unwrap();
    while seen.len() < all {
        let query = format!("&stream=user:chat&cursor={cursor}");
        let mut socket = socket(server, who, &query).await;
        // Some twenty frames until the next drop, now more, now less.
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let mut left = if dropped < drops {
            1 + (dice >> 33) % 19
        } else {
            u64::MAX
        };
        while left > 0 && seen.len() < all {
            let (id, at) = next_message(&mut socket).await;
            seen.push(id);
            cursor = at;
            left -= 1;
        }
        dropped += 1;
    }
    assert!(dropped >= drops, "it dropped {dropped} times");
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_messages_over_a_hundred_dropped_sockets() {
    const EACH: usize = 500;
    let server = Server::start().await;
    let (alice, bob, chat) = friends(&server).await;
    let send = async |who: &Person| {
        for n in 0..EACH {
            say(&server, who, &chat, &format!("{n}")).await;
        }
    };
    let from = position(&server, &alice).await;
    let (hers, his, (), ()) = tokio::join!(
        collect(&server, &alice, from.clone(), 2 * EACH, 50),
        collect(&server, &bob, from, 2 * EACH, 50),
        send(&alice),
        send(&bob),
    );
    assert_eq!(hers, his);
    let mut once = hers.clone();
    once.sort_by_key(|id| id.parse::<i64>().unwrap());
    once.dedup();
    assert_eq!(once.len(), 2 * EACH, "each of them once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_does_not_read_is_cut_off() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let channel = Channel::Home(alice.account.id);
    let mut still = socket(&server, &alice, "&stream=user").await;
    eventually("it listens", async || {
        server.app.hub.has(&channel).then_some(())
    })
    .await;
    // One message, held once, however often it waits.
    let large: Arc<str> = format!("\"{}\"", "x".repeat(64 << 10)).into();
    let message = Arc::new(Said::new(&channel, "update", large));
    eventually("it is cut off", async || {
        for _ in 0..50 {
            server.app.hub.send(&channel, &message, |_, _| true);
        }
        server.app.hub.is_empty().then_some(())
    })
    .await;
    eventually("nothing waits for it any more", async || {
        (Arc::strong_count(&message) == 1).then_some(())
    })
    .await;
    // It may read what was on its way, and no more.
    let rest = async {
        let mut number = 0;
        while let Some(Ok(Message::Text(_))) = still.next().await {
            number += 1;
        }
        number
    };
    let read = tokio::time::timeout(Duration::from_secs(10), rest).await;
    assert!(read.unwrap() < 5000);
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_of_one_token_are_bounded() {
    let server = Server::start_with(&[("KITH_RATE_LIMIT", "true")]).await;
    let alice = server.person("alice").await;
    let mut open = Vec::new();
    for _ in 0..32 {
        open.push(socket(&server, &alice, "").await);
    }
    server
        .get(&alice, "/api/v1/streaming/user")
        .await
        .refused(429);
    open.pop();
    eventually("one may come again", async || {
        (server.app.hub.len() < 32).then_some(())
    })
    .await;
    open.push(socket(&server, &alice, "").await);
}
