//! `/api/v1/streaming`

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use kith::error::AppError;
use kith::events::{Event, Kind};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::peer::eventually;
use crate::support::{Answer, Person, Server, database};

pub type Socket =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

fn port(server: &Server) -> &str {
    server.url.rsplit(':').next().unwrap()
}

/// Posts; the status's id.
async fn post(server: &Server, person: &Person, text: &str, visibility: &str) -> String {
    let body = json!({"status": text, "visibility": visibility});
    let status = server.post(person, "/api/v1/statuses", body).await.ok();
    status["id"].as_str().unwrap().to_owned()
}

/// Waits until what has happened is told: who listens from now on does not hear of it.
async fn caught_up(server: &Server) {
    eventually("the log is told", async || {
        let at = server.app.hub.position();
        let later = format!(
            "SELECT count(*) AS n FROM events WHERE (xid, id) > ({}, {})",
            at.xid, at.id
        );
        (database::count(&server.app.config.database_url, &later).await == 0).then_some(())
    })
    .await;
}

/// Opens server-sent events.
async fn events(server: &Server, path: &str, token: &str) -> reqwest::Response {
    caught_up(server).await;
    let url = format!("{}{path}", server.url);
    let request = server.http.get(url).bearer_auth(token);
    request.send().await.unwrap()
}

pub async fn socket(server: &Server, person: &Person, query: &str) -> Socket {
    caught_up(server).await;
    let url = format!(
        "ws://127.0.0.1:{}/api/v1/streaming?access_token={}{query}",
        port(server),
        person.token
    );
    tokio_tungstenite::connect_async(url).await.unwrap().0
}

/// Why a socket is ended; what comes before that is passed over.
pub async fn farewell(socket: &mut Socket) -> String {
    loop {
        if let Message::Close(Some(close)) = next(socket).await {
            return close.reason.to_string();
        }
    }
}

pub(super) async fn next(socket: &mut Socket) -> Message {
    tokio::time::timeout(Duration::from_secs(5), async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => return message,
                Some(Err(error)) => panic!("{error}"),
                None => panic!("the socket ended"),
            }
        }
    })
    .await
    .expect("a frame within five seconds")
}

pub async fn frame(socket: &mut Socket) -> Value {
    match next(socket).await {
        Message::Text(text) => serde_json::from_str(&text).unwrap(),
        other => panic!("{other:?}"),
    }
}

pub(super) async fn nothing(socket: &mut Socket) {
    let more = tokio::time::timeout(Duration::from_millis(700), socket.next()).await;
    assert!(more.is_err(), "{more:?}");
}

pub(super) async fn subscribe(socket: &mut Socket, frame: Value) {
    socket
        .send(Message::Text(frame.to_string().into()))
        .await
        .unwrap();
    // Frames are heard in order: an answer to the next says that this one was.
    socket
        .send(Message::Text("{\"type\":\"?\"}".into()))
        .await
        .unwrap();
    let answer = self::frame(socket).await;
    assert_eq!(answer["status"], 400, "{answer}");
}

pub fn payload(frame: &Value) -> Value {
    serde_json::from_str(frame["payload"].as_str().unwrap()).unwrap()
}

async fn follow(server: &Server, who: &Person, whom: &Person) {
    let path = format!("/api/v1/accounts/{}/follow", whom.id());
    server.post(who, &path, json!({})).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_hears_of_new_changed_and_deleted_posts() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    follow(&server, &alice, &bob).await;
    let mut socket = socket(&server, &alice, "&stream=user").await;
    subscribe(
        &mut socket,
        json!({"type": "subscribe", "stream": "user:notification"}),
    )
    .await;
    let id = post(&server, &bob, "hello @alice", "public").await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let frame = frame(&mut socket).await;
        seen.push(format!(
            "{}/{}",
            frame["stream"][0].as_str().unwrap(),
            frame["event"].as_str().unwrap()
        ));
        if frame["event"] == "update" {
            assert_eq!(payload(&frame)["id"], id);
            assert_eq!(payload(&frame)["favourited"], false);
        }
    }
    seen.sort();
    assert_eq!(
        seen,
        [
            "user/notification",
            "user/update",
            "user:notification/notification"
        ]
    );
    let path = format!("/api/v1/statuses/{id}");
    let edit = json!({"status": "hello again"});
    let token = Some(bob.token.as_str());
    server
        .send(Method::PUT, &path, token, Some(&edit))
        .await
        .ok();
    let changed = frame(&mut socket).await;
    assert_eq!(changed["event"], "status.update");
    assert_eq!(payload(&changed)["content"], "<p>hello again</p>");
    server.send(Method::DELETE, &path, token, None).await.ok();
    let deleted = frame(&mut socket).await;
    assert_eq!(
        deleted,
        json!({"stream": ["user"], "event": "delete", "payload": id})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_hold_what_their_timelines_hold() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let mut socket = socket(&server, &alice, "").await;
    for stream in ["public", "public:local", "public:remote", "user"] {
        subscribe(&mut socket, json!({"type": "subscribe", "stream": stream})).await;
    }
    subscribe(
        &mut socket,
        json!({"type": "subscribe", "stream": "hashtag", "tag": "Cats"}),
    )
    .await;
    for visibility in ["unlisted", "private", "direct"] {
        post(&server, &bob, "not for all #cats", visibility).await;
    }
    nothing(&mut socket).await;
    post(&server, &bob, "look at my #cats", "public").await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        let frame = frame(&mut socket).await;
        assert_eq!(frame["event"], "update");
        assert!(payload(&frame).get("favourited").is_none());
        streams.push(frame["stream"].clone());
    }
    streams.sort_by_key(Value::to_string);
    assert_eq!(
        streams,
        [
            json!(["hashtag", "cats"]),
            json!(["public"]),
            json!(["public:local"])
        ]
    );
    nothing(&mut socket).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_and_mutes_count_at_once() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let mut socket = socket(&server, &alice, "&stream=public").await;
    post(&server, &bob, "one", "public").await;
    assert_eq!(frame(&mut socket).await["event"], "update");
    let path = format!("/api/v1/accounts/{}/block", bob.id());
    server.post(&alice, &path, json!({})).await.ok();
    post(&server, &bob, "two", "public").await;
    nothing(&mut socket).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_ends_its_sockets_at_once() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let mut hers = socket(&server, &alice, "&stream=user").await;
    let mut his = socket(&server, &bob, "&stream=user").await;
    let events = events(&server, "/api/v1/streaming/user", &alice.token).await;
    assert_eq!(events.status(), 200);
    let token = kith::http::auth::read_token(&server.app, &alice.token).unwrap();
    server
        .app
        .write(move |tx| {
            Box::pin(async move {
                tx.emit(Event::of(Kind::TokenRevoked, token));
                Ok::<_, AppError>(())
            })
        })
        .await
        .unwrap();
    assert_eq!(farewell(&mut hers).await, "access token revoked");
    let rest = tokio::time::timeout(Duration::from_secs(5), events.text()).await;
    let rest = rest.unwrap().unwrap();
    assert!(rest.starts_with(":)\n"), "{rest}");
    let last = "event: end\ndata: access token revoked\n\n";
    assert!(rest.ends_with(last), "{rest}");
    nothing(&mut his).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_streams_without_a_good_token() {
    let server = Server::start().await;
    for path in ["/api/v1/streaming/user", "/api/v1/streaming/public"] {
        server.get_public(path).await.refused(401);
        assert_eq!(events(&server, path, "abc").await.status(), 401);
    }
    let refused = tokio_tungstenite::connect_async(format!(
        "ws://127.0.0.1:{}/api/v1/streaming",
        port(&server)
    ))
    .await;
    assert!(refused.unwrap_err().to_string().contains("401"));
    let health: Answer = server.get_public("/api/v1/streaming/health").await;
    assert_eq!(health.text, "OK");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_protocol_may_carry_the_token_and_is_echoed() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let mut request = format!("ws://127.0.0.1:{}/api/v1/streaming", port(&server))
        .into_client_request()
        .unwrap();
    request
        .headers_mut()
        .insert("sec-websocket-protocol", alice.token.parse().unwrap());
    let (_, answer) = tokio_tungstenite::connect_async(request).await.unwrap();
    assert_eq!(
        answer.headers()["sec-websocket-protocol"],
        alice.token.as_str()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_frames_are_answered_and_the_socket_stays() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let mut socket = socket(&server, &alice, "").await;
    for bad in [
        "not json",
        "{}",
        "{\"type\":\"subscribe\",\"stream\":\"nonsense\"}",
        "{\"type\":\"subscribe\",\"stream\":\"hashtag\"}",
    ] {
        socket.send(Message::Text(bad.into())).await.unwrap();
        let answer = frame(&mut socket).await;
        assert_eq!(answer["status"], 400, "{bad}: {answer}");
    }
    socket
        .send(Message::Binary(vec![1, 2, 3].into()))
        .await
        .unwrap();
    assert_eq!(frame(&mut socket).await["status"], 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn server_sent_events_carry_the_same() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let url = format!("{}/api/v1/streaming/user?token={}", server.url, alice.token);
    let response = server.http.get(url).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.bytes_stream();
    let mut got = String::new();
    let id = post(&server, &alice, "to myself", "public").await;
    let read = async {
        while !got.ends_with("\n\n") {
            got.push_str(std::str::from_utf8(&body.next().await.unwrap().unwrap()).unwrap());
        }
    };
    tokio::time::timeout(Duration::from_secs(5), read)
        .await
        .unwrap();
    assert!(
        got.starts_with(":)\nevent: update\ndata: {\"id\":\""),
        "{got}"
    );
    assert!(got.contains(&id));
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_are_told_when_the_server_ends() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let mut socket = socket(&server, &alice, "&stream=user").await;
    let events = events(&server, "/api/v1/streaming/user", &alice.token).await;
    let ending = tokio::spawn(server.end());
    match next(&mut socket).await {
        Message::Close(Some(close)) => assert_eq!(u16::from(close.code), 1001),
        other => panic!("{other:?}"),
    }
    drop(events);
    let ended = tokio::time::timeout(Duration::from_secs(10), ending).await;
    ended.unwrap().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_hears_when_accepted_notifications_are_merged() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let policy = json!({"for_not_following": "filter"});
    let path = "/api/v2/notifications/policy";
    server
        .send(Method::PATCH, path, Some(&alice.token), Some(&policy))
        .await
        .ok();
    let mut socket = socket(&server, &alice, "&stream=user:notification").await;
    post(&server, &bob, "@alice let me in", "public").await;
    let requests = "/api/v1/notifications/requests";
    let asking = server.get(&alice, requests).await.ok();
    let path = format!("{requests}/{}/accept", asking[0]["id"].as_str().unwrap());
    server.post(&alice, &path, json!({})).await.ok();
    // What was filtered was no event; that it was let through is one.
    let said = frame(&mut socket).await;
    assert_eq!(
        (&said["stream"], &said["event"]),
        (
            &json!(["user:notification"]),
            &json!("notifications_merged")
        )
    );
    nothing(&mut socket).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_told_holds_up_no_other() {
    let server = Server::start().await;
    let (alice, bob, eve) = (
        server.person("alice").await,
        server.person("bob").await,
        server.person("eve").await,
    );
    let mut socket = socket(&server, &alice, "&stream=public:local").await;
    // Whoever adds these up panics: overflow is checked.
    let sql = format!(
        "UPDATE account_stats SET followers_count = 1, followers_beyond = {} WHERE account_id = {}",
        i64::MAX,
        eve.id()
    );
    database::change(&server.app.config.database_url, &sql).await;
    let body = json!({"status": "unheard"});
    let answer = server.post(&eve, "/api/v1/statuses", body).await;
    assert!(answer.status.is_server_error(), "{}", answer.text);
    server.status(&bob, "heard").await;
    let heard = frame(&mut socket).await;
    let payload = heard["payload"].as_str().unwrap();
    assert!(payload.contains("heard") && !payload.contains("unheard"));
}
