//! `/api/v1/conversations`, and the `direct` stream

use serde_json::{Value, json};

use super::streaming::{frame, nothing, payload, socket};
use crate::support::server::ids;
use crate::support::{Person, Server};

const PATH: &str = "/api/v1/conversations";

async fn say(server: &Server, person: &Person, text: &str, to: Option<&Value>) -> Value {
    let body =
        json!({"status": text, "visibility": "direct", "in_reply_to_id": to.map(|to| &to["id"])});
    server
        .post(person, "/api/v1/statuses", body)
        .await
        .entity("Status")
}

async fn list(server: &Server, person: &Person) -> Vec<Value> {
    server.get(person, PATH).await.entities("Conversation")
}

fn names(conversation: &Value) -> Vec<&str> {
    let accounts = conversation["accounts"].as_array().unwrap();
    let mut names: Vec<&str> = accounts
        .iter()
        .map(|a| a["acct"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_directly_is_a_conversation() {
    let server = Server::start().await;
    let (alice, bob, carol) = (
        server.person("alice").await,
        server.person("bob").await,
        server.person("carol").await,
    );
    let first = say(&server, &bob, "@alice hi", None).await;
    let hers = list(&server, &alice).await;
    assert_eq!(hers.len(), 1);
    assert_eq!(names(&hers[0]), ["bob"]);
    assert_eq!(
        (&hers[0]["unread"], &hers[0]["last_status"]["id"]),
        (&json!(true), &first["id"])
    );
    let his = list(&server, &bob).await;
    assert_eq!(
        (&his[0]["unread"], names(&his[0])),
        (&json!(false), vec!["alice"])
    );
    assert_eq!(list(&server, &carol).await.len(), 0);
    // An answer goes on with it, and has been read by who gave it.
    let answer = say(&server, &alice, "@bob hello", Some(&first)).await;
    let again = list(&server, &alice).await;
    assert_eq!(ids(&again), ids(&hers));
    assert_eq!(
        (&again[0]["unread"], &again[0]["last_status"]["id"]),
        (&json!(false), &answer["id"])
    );
    assert_eq!(list(&server, &bob).await[0]["unread"], true);
    let read = format!("{PATH}/{}/read", his[0]["id"].as_str().unwrap());
    assert_eq!(
        server
            .post(&bob, &read, json!({}))
            .await
            .entity("Conversation")["unread"],
        false
    );
    assert_eq!(list(&server, &bob).await[0]["unread"], false);
    // With one more person it is another one.
    say(&server, &alice, "@bob @carol all of us", Some(&answer)).await;
    let now = list(&server, &alice).await;
    assert_eq!(now.len(), 2);
    assert_eq!(names(&now[0]), ["bob", "carol"]);
    assert_eq!(names(&list(&server, &carol).await[0]), ["alice", "bob"]);
    // To oneself.
    say(&server, &carol, "note to self", None).await;
    assert_eq!(names(&list(&server, &carol).await[0]), ["carol"]);
    server.status(&bob, "@alice in public").await;
    assert_eq!(list(&server, &alice).await.len(), 2);
    server
        .get(&alice, &format!("{PATH}?limit=x"))
        .await
        .entities("Conversation");
}

#[tokio::test(flavor = "multi_thread")]
async fn conversations_page_go_and_fall_back() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let mut said = Vec::new();
    for n in 0..5 {
        said.push(say(&server, &bob, &format!("@alice {n}"), None).await);
    }
    said.reverse();
    let first = server.get(&alice, &format!("{PATH}?limit=2")).await;
    let last = |page: &[Value]| {
        page.iter()
            .map(|c| c["last_status"]["id"].clone())
            .collect::<Vec<_>>()
    };
    let all: Vec<Value> = said.iter().map(|s| s["id"].clone()).collect();
    assert_eq!(last(&first.entities("Conversation")), all[..2]);
    let next = server.get(&alice, &first.link("next").unwrap()).await;
    assert_eq!(last(&next.entities("Conversation")), all[2..4]);
    let back = server.get(&alice, &next.link("prev").unwrap()).await;
    assert_eq!(last(&back.entities("Conversation")), all[..2]);
    let one = format!("{PATH}/{}", first.json()[0]["id"].as_str().unwrap());
    server.delete(&bob, &one).await.refused(404);
    server
        .post(&bob, &format!("{one}/read"), json!({}))
        .await
        .refused(404);
    server.delete(&alice, &one).await.ok();
    server.delete(&alice, &one).await.refused(404);
    assert_eq!(list(&server, &alice).await.len(), 4);
    assert_eq!(list(&server, &bob).await.len(), 5, "his own stays");
    // A deleted message uncovers the one before; with the last, the conversation goes.
    let second = say(&server, &bob, "@alice more", Some(&said[1])).await;
    assert_eq!(
        list(&server, &alice).await[0]["last_status"]["id"],
        second["id"]
    );
    let path = |status: &Value| format!("/api/v1/statuses/{}", status["id"].as_str().unwrap());
    server.delete(&bob, &path(&second)).await.entity("Status");
    assert_eq!(
        list(&server, &alice).await[0]["last_status"]["id"],
        said[1]["id"]
    );
    server.delete(&bob, &path(&said[1])).await.entity("Status");
    assert_eq!(last(&list(&server, &alice).await), all[2..]);
    // One taken off the list comes back with what is said next.
    let again = say(&server, &bob, "@alice still there?", Some(&said[0])).await;
    assert_eq!(
        list(&server, &alice).await[0]["last_status"]["id"],
        again["id"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_blocked_start_none() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let block = format!("/api/v1/accounts/{}/block", bob.id());
    server
        .post(&alice, &block, json!({}))
        .await
        .entity("Relationship");
    say(&server, &bob, "@alice hi", None).await;
    assert_eq!(list(&server, &alice).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_direct_stream_carries_conversations() {
    let server = Server::start().await;
    let (alice, bob, carol) = (
        server.person("alice").await,
        server.person("bob").await,
        server.person("carol").await,
    );
    let mut hers = socket(&server, &alice, "&stream=direct").await;
    let mut others = socket(&server, &carol, "&stream=direct").await;
    let said = say(&server, &bob, "@alice psst", None).await;
    let heard = frame(&mut hers).await;
    assert_eq!(
        (&heard["stream"], &heard["event"]),
        (&json!(["direct"]), &json!("conversation"))
    );
    let conversation = payload(&heard);
    crate::support::schema::check("Conversation", &conversation);
    assert_eq!(
        (&conversation["unread"], &conversation["last_status"]["id"]),
        (&json!(true), &said["id"])
    );
    nothing(&mut others).await;
}
