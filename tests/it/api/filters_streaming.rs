//! Filters on streams.

use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Person, Server};

type Socket =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn socket(server: &Server, person: &Person, stream: &str) -> Socket {
    let port = server.url.rsplit(':').next().unwrap();
    let url = format!(
        "ws://127.0.0.1:{port}/api/v1/streaming?access_token={}&stream={stream}",
        person.token
    );
    tokio_tungstenite::connect_async(url).await.unwrap().0
}

async fn frame(socket: &mut Socket) -> Value {
    let next = async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), next)
        .await
        .expect("a frame within five seconds")
}

fn payload(frame: &Value) -> Value {
    serde_json::from_str(frame["payload"].as_str().unwrap()).unwrap()
}

async fn filter(server: &Server, who: &Person, keyword: &str, action: &str) {
    let body = json!({
        "title": keyword, "context": ["home", "public"], "filter_action": action,
        "keywords_attributes": [{"keyword": keyword}],
    });
    server
        .post(who, "/api/v2/filters", body)
        .await
        .entity("Filter");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_filtered_and_told_of_changes() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let path = format!("/api/v1/accounts/{}/follow", bob.id());
    server.post(&alice, &path, json!({})).await.ok();
    let mut home = socket(&server, &alice, "user").await;
    let mut public = socket(&server, &alice, "public").await;
    let mut others = socket(&server, &bob, "public").await;
    for (keyword, action) in [("warned", "warn"), ("hidden", "hide")] {
        filter(&server, &alice, keyword, action).await;
        let told = frame(&mut home).await;
        assert_eq!(
            told,
            json!({"stream": ["user"], "event": "filters_changed"})
        );
    }
    for text in ["is hidden", "is warned", "is plain"] {
        server.status(&bob, text).await;
    }
    for socket in [&mut home, &mut public] {
        for (text, filtered) in [("is warned", 1), ("is plain", 0)] {
            let frame = frame(socket).await;
            assert_eq!(frame["event"], "update");
            let status = payload(&frame);
            assert!(
                status["content"].as_str().unwrap().contains(text),
                "{status}"
            );
            let matches = status["filtered"].as_array().map_or(0, Vec::len);
            assert_eq!(matches, filtered, "{status}");
        }
    }
    for text in ["is hidden", "is warned", "is plain"] {
        let status = payload(&frame(&mut others).await);
        assert!(
            status["content"].as_str().unwrap().contains(text),
            "{status}"
        );
    }
}
