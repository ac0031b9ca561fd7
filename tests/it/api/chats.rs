//! `/api/kith/v1/chats`

use kith::db::users::ChatSettings;
use reqwest::Method;
use serde_json::{Value, json};

use super::media::{png, send, upload};
use crate::support::peer::eventually;
use crate::support::server::{Answer, ids, with_json};
use crate::support::{Person, Server, database};

pub const PATH: &str = "/api/kith/v1/chats";

/// Lets anyone write to a person.
pub async fn opens_up(server: &Server, person: &Person) {
    settle(server, person, "anyone", false, true).await;
}

pub async fn settle(server: &Server, person: &Person, policy: &str, asks: bool, receipts: bool) {
    let row = ChatSettings {
        account_id: person.account.id,
        chat_policy: policy.to_owned(),
        message_requests: asks,
        read_receipts: receipts,
        presence: receipts,
        notify_dislikes: false,
    };
    server
        .app
        .write(move |tx| {
            Box::pin(async move { Ok(kith::db::users::set_chat_settings(tx, &row).await?) })
        })
        .await
        .unwrap();
}

pub fn id(entity: &Value) -> &str {
    entity["id"].as_str().expect("an id")
}

/// The chat of a person with another.
pub async fn open(server: &Server, person: &Person, with: &str) -> Value {
    let chat = server.post(person, PATH, json!({"account_id": with})).await;
    chat.entity("Kith::Chat")
}

pub async fn say(server: &Server, person: &Person, chat: &Value, body: Value) -> Value {
    let path = format!("{PATH}/{}/messages", id(chat));
    server
        .post(person, &path, body)
        .await
        .entity("Kith::Message")
}

pub async fn messages(server: &Server, person: &Person, chat: &Value, query: &str) -> Vec<Value> {
    let path = format!("{PATH}/{}/messages{query}", id(chat));
    server.get(person, &path).await.entities("Kith::Message")
}

async fn list(server: &Server, person: &Person, query: &str) -> Vec<Value> {
    let path = format!("{PATH}{query}");
    server.get(person, &path).await.entities("Kith::Chat")
}

fn texts(messages: &[Value]) -> Vec<&str> {
    messages
        .iter()
        .map(|m| m["text"].as_str().unwrap())
        .collect()
}

async fn send_as(
    server: &Server,
    person: &Person,
    method: Method,
    path: &str,
    body: Value,
) -> Answer {
    server
        .send(method, path, Some(&person.token), Some(&body))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_talk_and_see_it_each_in_their_way() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    opens_up(&server, &bob).await;
    let chat = open(&server, &alice, &bob.id()).await;
    assert_eq!(chat["account"]["id"], bob.id());
    assert_eq!(
        (
            &chat["accepts_chat"],
            &chat["request"],
            &chat["last_message"]
        ),
        (&json!(true), &json!(false), &Value::Null)
    );
    assert_eq!(id(&open(&server, &alice, &bob.id()).await), id(&chat));
    assert!(list(&server, &bob, "").await.is_empty(), "nothing was said");
    let mut said = Vec::new();
    for n in 0..5 {
        said.push(say(&server, &alice, &chat, json!({"text": format!("{n}")})).await);
    }
    assert_eq!(said[0]["html"], "<p>0</p>");
    assert_eq!(
        (&said[0]["mine"], &said[0]["delivered_at"]),
        (&json!(true), &Value::Null)
    );
    let his = list(&server, &bob, "").await;
    assert_eq!(
        (&his[0]["unread_count"], id(&his[0])),
        (&json!(5), id(&chat))
    );
    assert_eq!(his[0]["last_message"]["text"], "4");
    assert_eq!(his[0]["last_message"]["mine"], false);
    // Pages, the oldest first within each.
    let path = format!("{PATH}/{}/messages?limit=2", id(&chat));
    let newest = server.get(&bob, &path).await;
    assert_eq!(texts(&newest.entities("Kith::Message")), ["3", "4"]);
    let older = server.get(&bob, &newest.link("next").unwrap()).await;
    assert_eq!(texts(&older.entities("Kith::Message")), ["1", "2"]);
    let newer = server.get(&bob, &older.link("prev").unwrap()).await;
    assert_eq!(texts(&newer.entities("Kith::Message")), ["3", "4"]);
    // What was fetched is delivered; read is what is said to be read.
    let seen = messages(&server, &alice, &chat, "").await;
    let marks = |m: &Value| (m["delivered_at"].is_string(), m["read_at"].is_string());
    let marks: Vec<_> = seen.iter().map(marks).collect();
    assert_eq!(marks[0], (false, false));
    assert_eq!(marks[4], (true, false));
    let read = format!("{PATH}/{}/read", id(&chat));
    let after = server
        .post(&bob, &read, json!({"message_id": said[2]["id"]}))
        .await;
    assert_eq!(after.entity("Kith::Chat")["unread_count"], 2);
    let seen = messages(&server, &alice, &chat, "").await;
    let read: Vec<bool> = seen.iter().map(|m| m["read_at"].is_string()).collect();
    assert_eq!(read, [true, true, true, false, false]);
    assert!(
        seen[0]["delivered_at"].is_string(),
        "who has read it has got it"
    );
    // An answer and a quote, a reaction, an edit.
    let answer = json!({"text": "yes", "reply_to_id": said[1]["id"], "quote_id": said[0]["id"]});
    let answer = say(&server, &bob, &chat, answer).await;
    assert_eq!(
        (&answer["reply_to_id"], &answer["quote_id"]),
        (&said[1]["id"], &said[0]["id"])
    );
    let one = format!("{PATH}/{}/messages/{}", id(&chat), id(&answer));
    let like = format!("{one}/reactions/👍");
    let liked = send_as(&server, &alice, Method::PUT, &like, json!({})).await;
    let liked = liked.entity("Kith::Message");
    assert_eq!(
        liked["reactions"],
        json!([{"name": "👍", "count": 1, "me": true, "url": null}])
    );
    let bad = format!("{one}/reactions/nonsense");
    send_as(&server, &alice, Method::PUT, &bad, json!({}))
        .await
        .refused(422);
    let gone = server.delete(&alice, &format!("{one}/reactions/👍")).await;
    assert_eq!(gone.entity("Kith::Message")["reactions"], json!([]));
    let edited = send_as(&server, &bob, Method::PATCH, &one, json!({"text": "yes!"})).await;
    assert!(edited.entity("Kith::Message")["edited_at"].is_string());
    let versions = server.get(&alice, &format!("{one}/history")).await.ok();
    assert_eq!(
        (&versions[0]["text"], &versions[1]["text"]),
        (&json!("yes"), &json!("yes!"))
    );
    send_as(&server, &alice, Method::PATCH, &one, json!({"text": "no"}))
        .await
        .refused(403);
    // Deleted for one, taken back for both.
    server.delete(&alice, &format!("{one}?scope=me")).await.ok();
    assert_eq!(messages(&server, &alice, &chat, "").await.len(), 5);
    assert_eq!(messages(&server, &bob, &chat, "").await.len(), 6);
    let last = format!("{PATH}/{}/messages/{}", id(&chat), id(&said[4]));
    server
        .delete(&bob, &format!("{last}?scope=everyone"))
        .await
        .refused(403);
    server
        .delete(&alice, &format!("{last}?scope=all"))
        .await
        .refused(422);
    server
        .delete(&alice, &format!("{last}?scope=everyone"))
        .await
        .ok();
    server
        .delete(&alice, &format!("{last}?scope=everyone"))
        .await
        .ok();
    assert_eq!(messages(&server, &bob, &chat, "").await.len(), 5);
    let all = messages(&server, &bob, &chat, "?include_deleted=true").await;
    let stone = all.iter().find(|m| m["id"] == said[4]["id"]).unwrap();
    assert_eq!(
        (&stone["text"], stone["deleted_at"].is_string()),
        (&json!(""), true)
    );
    assert_eq!(list(&server, &bob, "").await[0]["unread_count"], 1);
    // The chat goes for one, and comes back with what is said next.
    server
        .delete(&bob, &format!("{PATH}/{}", id(&chat)))
        .await
        .ok();
    server
        .get(&bob, &format!("{PATH}/{}", id(&chat)))
        .await
        .refused(404);
    assert!(list(&server, &bob, "").await.is_empty());
    say(&server, &alice, &chat, json!({"text": "back"})).await;
    assert_eq!(texts(&messages(&server, &bob, &chat, "").await), ["back"]);
    assert_eq!(messages(&server, &alice, &chat, "").await.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_sent_once_however_often_it_is_sent() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    opens_up(&server, &bob).await;
    let chat = open(&server, &alice, &bob.id()).await;
    let path = format!("{PATH}/{}/messages", id(&chat));
    let send = async |text: &str, key: &str| {
        let request = server.http.post(format!("{}{path}", server.url));
        let request = request
            .bearer_auth(&alice.token)
            .header("idempotency-key", key);
        let request = with_json(request, &json!({"text": text}));
        Answer::of(request, path.clone())
            .await
            .entity("Kith::Message")
    };
    let (one, again, other) = tokio::join!(send("a", "k1"), send("a", "k1"), send("b", "k2"));
    assert_eq!(one["id"], again["id"]);
    assert_ne!(one["id"], other["id"]);
    assert_eq!(messages(&server, &bob, &chat, "").await.len(), 2);
    // Written by many at once, everybody sees the same order, and it does not change.
    opens_up(&server, &alice).await;
    let writes = (0..40).map(|n| {
        let (server, chat) = (&server, &chat);
        let who = if n % 2 == 0 { &alice } else { &bob };
        async move { say(server, who, chat, json!({"text": n.to_string()})).await }
    });
    futures::future::join_all(writes).await;
    let hers = messages(&server, &alice, &chat, "?limit=80").await;
    let his = messages(&server, &bob, &chat, "?limit=80").await;
    assert_eq!((hers.len(), ids(&hers)), (42, ids(&his)));
    let times: Vec<&str> = hers
        .iter()
        .map(|m| m["created_at"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_write_is_for_the_other_to_say() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let with = |person: &Person| json!({"account_id": person.id()});
    server.post(&alice, PATH, with(&alice)).await.refused(422);
    server.post(&alice, PATH, with(&bob)).await.refused(403);
    server
        .post(&alice, PATH, json!({"account_id": "1"}))
        .await
        .refused(404);
    server.post(&alice, PATH, json!({})).await.refused(422);
    let follow = async |who: &Person, whom: &Person| {
        let path = format!("/api/v1/accounts/{}/follow", whom.id());
        server
            .post(who, &path, json!({}))
            .await
            .entity("Relationship")
    };
    follow(&alice, &bob).await;
    server.post(&alice, PATH, with(&bob)).await.refused(403);
    settle(&server, &bob, "followers", false, true).await;
    open(&server, &alice, &bob.id()).await;
    settle(&server, &bob, "mutuals", false, true).await;
    follow(&bob, &alice).await;
    let chat = open(&server, &alice, &bob.id()).await;
    say(&server, &alice, &chat, json!({"text": "friends"})).await;
    // A block ends it, on both sides.
    let block = format!("/api/v1/accounts/{}/block", alice.id());
    server
        .post(&bob, &block, json!({}))
        .await
        .entity("Relationship");
    let path = format!("{PATH}/{}/messages", id(&chat));
    for person in [&alice, &bob] {
        server
            .post(person, &path, json!({"text": "x"}))
            .await
            .refused(403);
        let typing = format!("{PATH}/{}/typing", id(&chat));
        server.post(person, &typing, json!({})).await.refused(403);
    }
    // A stranger asks, where that is wanted.
    let carol = server.person("carol").await;
    settle(&server, &carol, "mutuals", true, true).await;
    let asked = open(&server, &alice, &carol.id()).await;
    let path = format!("{PATH}/{}/messages", id(&asked));
    for n in 0..10 {
        say(&server, &alice, &asked, json!({"text": n.to_string()})).await;
    }
    server
        .post(&alice, &path, json!({"text": "11"}))
        .await
        .refused(403);
    assert!(list(&server, &carol, "").await.is_empty());
    let requests = list(&server, &carol, "?filter=requests").await;
    assert_eq!(
        (&requests[0]["request"], id(&requests[0])),
        (&json!(true), id(&asked))
    );
    server
        .get(&carol, &format!("{PATH}?filter=x"))
        .await
        .refused(422);
    messages(&server, &carol, &asked, "").await;
    let seen = messages(&server, &alice, &asked, "").await;
    assert_eq!(
        seen[0]["delivered_at"],
        Value::Null,
        "she gives nothing away yet"
    );
    let accepted = server
        .post(&carol, &format!("{PATH}/{}/accept", id(&asked)), json!({}))
        .await;
    assert_eq!(accepted.entity("Kith::Chat")["request"], false);
    say(&server, &alice, &asked, json!({"text": "thanks"})).await;
    assert_eq!(list(&server, &carol, "").await.len(), 1);
    // A declined one asks no more.
    let dave = server.person("dave").await;
    settle(&server, &dave, "mutuals", true, true).await;
    let asked = open(&server, &alice, &dave.id()).await;
    say(&server, &alice, &asked, json!({"text": "hi"})).await;
    server
        .delete(&dave, &format!("{PATH}/{}", id(&asked)))
        .await
        .ok();
    let path = format!("{PATH}/{}/messages", id(&asked));
    server
        .post(&alice, &path, json!({"text": "hello?"}))
        .await
        .refused(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn outsiders_find_no_chat_and_tokens_need_scopes() {
    let server = Server::start().await;
    let (alice, bob, eve) = (
        server.person("alice").await,
        server.person("bob").await,
        server.person("eve").await,
    );
    opens_up(&server, &bob).await;
    let chat = open(&server, &alice, &bob.id()).await;
    let message = say(&server, &alice, &chat, json!({"text": "secret"})).await;
    let chat = format!("{PATH}/{}", id(&chat));
    let one = format!("{chat}/messages/{}", id(&message));
    let routes = [
        (Method::GET, chat.clone(), json!({})),
        (Method::DELETE, chat.clone(), json!({})),
        (Method::POST, format!("{chat}/accept"), json!({})),
        (Method::GET, format!("{chat}/messages"), json!({})),
        (
            Method::POST,
            format!("{chat}/messages"),
            json!({"text": "x"}),
        ),
        (Method::PATCH, one.clone(), json!({"text": "x"})),
        (Method::GET, format!("{one}/history"), json!({})),
        (Method::DELETE, format!("{one}?scope=everyone"), json!({})),
        (Method::DELETE, format!("{one}?scope=me"), json!({})),
        (Method::PUT, format!("{one}/reactions/👍"), json!({})),
        (Method::DELETE, format!("{one}/reactions/👍"), json!({})),
        (
            Method::POST,
            format!("{chat}/read"),
            json!({"message_id": message["id"]}),
        ),
        (Method::POST, format!("{chat}/typing"), json!({})),
    ];
    let follows = server.token(&alice, "follow push").await;
    for (method, path, body) in routes {
        let missing = path.replace(&*chat, &format!("{PATH}/1"));
        send_as(&server, &eve, method.clone(), &path, body.clone())
            .await
            .refused(404);
        send_as(&server, &alice, method.clone(), &missing, body.clone())
            .await
            .refused(404);
        server
            .send(method.clone(), &path, None, Some(&body))
            .await
            .refused(401);
        server
            .send(method, &path, Some(&follows), Some(&body))
            .await
            .refused(403);
    }
    let seen = messages(&server, &bob, &json!({"id": chat.rsplit('/').next()}), "").await;
    assert_eq!(texts(&seen), ["secret"]);
    // Nor does what eve has elsewhere open it: ids of another chat name nothing here.
    opens_up(&server, &eve).await;
    let other = open(&server, &alice, &eve.id()).await;
    let path = format!("{PATH}/{}/messages", id(&other));
    for (field, value) in [
        ("reply_to_id", &message["id"]),
        ("quote_id", &message["id"]),
        ("shared_status_id", &json!("1")),
    ] {
        server
            .post(&eve, &path, json!({"text": "x", field: value}))
            .await
            .refused(404);
    }
    let long = "x".repeat(5001);
    for body in [
        json!({"text": long}),
        json!({"text": " "}),
        json!({}),
        json!({"text": "x", "media_ids": ["1"]}),
    ] {
        server.post(&alice, &path, body).await.refused(422);
    }
    let many: Vec<String> = (0..11).map(|n| n.to_string()).collect();
    server
        .post(&alice, &path, json!({"media_ids": many}))
        .await
        .refused(422);
    let key = json!({"text": "x", "idempotency_key": "k".repeat(300)});
    server.post(&alice, &path, key).await.refused(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_comes_neither_too_often_nor_too_late() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    opens_up(&server, &bob).await;
    let chat = open(&server, &alice, &bob.id()).await;
    let message = say(&server, &alice, &chat, json!({"text": "0"})).await;
    let one = format!("{PATH}/{}/messages/{}", id(&chat), id(&message));
    for n in 1..=5 {
        let edit = json!({"text": n.to_string()});
        send_as(&server, &alice, Method::PATCH, &one, edit)
            .await
            .entity("Kith::Message");
    }
    let refused = send_as(&server, &alice, Method::PATCH, &one, json!({"text": "6"})).await;
    let wait: i64 = refused.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    refused.refused(429);
    assert!((1..=3600).contains(&wait), "{wait}");
    server.pass((wait + 1) * 1000);
    send_as(&server, &alice, Method::PATCH, &one, json!({"text": "6"}))
        .await
        .ok();
    server.pass(kith::clock::DAY);
    let late = send_as(&server, &alice, Method::PATCH, &one, json!({"text": "7"})).await;
    assert!(late.headers.contains_key("retry-after"));
    late.refused(429);
    let versions = server.get(&bob, &format!("{one}/history")).await.ok();
    assert_eq!(versions.as_array().unwrap().len(), 7);
}

/// Uploads any file at all.
async fn send_form(server: &Server, person: &Person, bytes: &[u8]) -> Answer {
    let files = [("file", bytes)];
    let path = "/api/v2/media?purpose=chat";
    super::media::send(server, person, Method::POST, path, &files).await
}

#[tokio::test(flavor = "multi_thread")]
async fn files_and_posts_go_along_for_the_two_alone() {
    let server = Server::start().await;
    let (alice, bob, eve) = (
        server.person("alice").await,
        server.person("bob").await,
        server.person("eve").await,
    );
    opens_up(&server, &bob).await;
    let chat = open(&server, &alice, &bob.id()).await;
    let picture = upload(&server, &alice, &png(16, 16)).await.ok();
    let public = picture["url"].as_str().unwrap().replace(&server.url, "");
    assert_eq!(
        server
            .http
            .get(format!("{}{public}", server.url))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    let post = server.status(&alice, "look at this").await;
    let body = json!({"media_ids": [picture["id"]], "shared_status_id": post["id"]});
    let message = say(&server, &alice, &chat, body).await;
    assert_eq!(message["shared_status"]["id"], post["id"]);
    let file = message["attachments"][0].clone();
    assert_eq!(
        (&file["id"], &file["type"]),
        (&picture["id"], &json!("image"))
    );
    let fetch = async |url: &str| {
        let path = url.replace(&server.url, "");
        server
            .http
            .get(format!("{}{path}", server.url))
            .send()
            .await
            .unwrap()
    };
    let got = fetch(file["url"].as_str().unwrap()).await;
    assert_eq!(got.status(), 200);
    assert!(
        got.headers()["cache-control"]
            .to_str()
            .unwrap()
            .starts_with("private")
    );
    assert_eq!(got.headers()["x-content-type-options"], "nosniff");
    assert!(
        got.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("sandbox")
    );
    assert_eq!(
        fetch(&public).await.status(),
        404,
        "not by its public address any more"
    );
    // Signed for one reader: nothing in the address can be changed.
    let url = file["url"].as_str().unwrap();
    let forged = url.replace(&format!("-{}-", alice.id()), &format!("-{}-", eve.id()));
    assert_eq!(fetch(&forged).await.status(), 404);
    let his = messages(&server, &bob, &chat, "").await.remove(0);
    let his = his["attachments"][0]["url"].as_str().unwrap().to_owned();
    assert_ne!(his, url);
    assert_eq!(fetch(&his).await.status(), 200);
    // One thing holds a file.
    let twice = json!({"status": "x", "media_ids": [picture["id"]]});
    server
        .post(&alice, "/api/v1/statuses", twice)
        .await
        .refused(422);
    let path = format!("{PATH}/{}/messages", id(&chat));
    server
        .post(&alice, &path, json!({"media_ids": [picture["id"]]}))
        .await
        .refused(422);
    let one = format!("/api/v1/media/{}", id(&picture));
    server.delete(&alice, &one).await.refused(422);
    let posted = upload(&server, &alice, &png(8, 8)).await.ok();
    let status = json!({"status": "x", "media_ids": [posted["id"]]});
    server
        .post(&alice, "/api/v1/statuses", status)
        .await
        .entity("Status");
    server
        .post(&alice, &path, json!({"media_ids": [posted["id"]]}))
        .await
        .refused(422);
    // Sealed texts pass through.
    let sealed = json!({"encrypted": {"type": "message/mls", "content": "AAEC"}});
    let sealed = say(&server, &alice, &chat, sealed).await;
    assert_eq!(
        sealed["encrypted"],
        json!({"type": "message/mls", "content": "AAEC"})
    );
    let big = json!({"encrypted": {"type": "message/mls", "content": "A".repeat(70_000)}});
    server.post(&alice, &path, big).await.refused(422);
    // What is taken back takes its files along.
    let message = format!("{path}/{}?scope=everyone", id(&message));
    server.delete(&alice, &message).await.ok();
    assert_eq!(fetch(&his).await.status(), 404);
    assert_eq!(fetch(&public).await.status(), 404);
    // Documents are downloads.
    let pdf = upload(&server, &alice, b"%PDF-1.7 hello").await.ok();
    assert_eq!(pdf["type"], "unknown");
    let status = json!({"status": "x", "media_ids": [pdf["id"]]});
    server
        .post(&alice, "/api/v1/statuses", status)
        .await
        .refused(422);
    let sent = say(&server, &alice, &chat, json!({"media_ids": [pdf["id"]]})).await;
    let document = &sent["attachments"][0];
    assert_eq!(document["kith"]["mime"], "application/pdf");
    let got = fetch(document["url"].as_str().unwrap()).await;
    assert_eq!(got.headers()["content-type"], "application/pdf");
    let how = got.headers()["content-disposition"].to_str().unwrap();
    assert!(how.starts_with("attachment; filename"), "{how}");
    let page = send_form(&server, &alice, b"<html><script>alert(1)</script>")
        .await
        .ok();
    let sent = say(&server, &alice, &chat, json!({"media_ids": [page["id"]]})).await;
    let got = fetch(sent["attachments"][0]["url"].as_str().unwrap()).await;
    assert_eq!(got.headers()["content-type"], "application/octet-stream");
    assert!(
        got.headers()["content-disposition"]
            .to_str()
            .unwrap()
            .starts_with("attachment")
    );
    // Addresses end.
    let again = upload(&server, &alice, &png(9, 9)).await.ok();
    let again = say(&server, &alice, &chat, json!({"media_ids": [again["id"]]})).await;
    let url = again["attachments"][0]["url"].as_str().unwrap();
    assert_eq!(fetch(url).await.status(), 200);
    server.pass(3 * kith::clock::DAY);
    assert_eq!(fetch(url).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_costs_the_same_however_long_it_is() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    opens_up(&server, &bob).await;
    let chat = open(&server, &alice, &bob.id()).await;
    let path = format!("{PATH}/{}/messages?limit=80", id(&chat));
    let mut costs = Vec::new();
    for _ in 0..2 {
        for n in 0..10 {
            say(&server, &alice, &chat, json!({"text": n.to_string()})).await;
        }
        messages(&server, &bob, &chat, "?limit=80").await;
        let cost = async || {
            server.get(&bob, &path).await.entities("Kith::Message");
            server.get(&bob, PATH).await.entities("Kith::Chat");
        };
        costs.push(server.cost(cost).await);
    }
    assert_eq!(costs[0], costs[1]);
}

/// The row of an upload.
async fn media(server: &Server, id: i64) -> kith::db::media::Media {
    let app = &server.app;
    let read = app
        .read(move |c| Box::pin(async move { Ok(kith::db::media::by_ids(c, &[id]).await?.pop()) }));
    read.await.unwrap().expect("it is there")
}

/// Waits until both files of an upload lie in the area of chats; their names.
async fn hidden(server: &Server, id: i64) -> [String; 2] {
    eventually("the file has moved", async || {
        let row = media(server, id).await;
        let names = [row.file, row.preview];
        let moved = names.iter().all(|name| name.starts_with("chats/"));
        moved.then_some(names)
    })
    .await
}

async fn exists(server: &Server, name: &str) -> bool {
    let key = name.parse().expect("a key");
    server
        .app
        .storage
        .exists(&key)
        .await
        .expect("it is looked at")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_chat_holds_leaves_the_public_area_whenever_it_came() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    opens_up(&server, &bob).await;
    let chat = open(&server, &alice, &bob.id()).await;
    let mut sent = Vec::new();
    // Of the first, the thumbnail is another file.
    for size in [800, 24] {
        let picture = upload(&server, &alice, &png(size, size)).await.ok();
        let id: i64 = id(&picture).parse().unwrap();
        say(
            &server,
            &alice,
            &chat,
            json!({"media_ids": [picture["id"]]}),
        )
        .await;
        sent.push((id, hidden(&server, id).await));
    }
    // A thumbnail that is put on afterwards.
    let (id, [_, before]) = sent[0].clone();
    let one = format!("/api/v1/media/{id}");
    let (other, files) = (png(40, 20), async |bytes: &[u8]| {
        let answer = send(&server, &alice, Method::PUT, &one, &[("thumbnail", bytes)]).await;
        answer.entity("MediaAttachment")
    });
    files(&other[..]).await;
    let chosen = eventually("it has moved, too", async || {
        let preview = media(&server, id).await.preview;
        (preview.starts_with("chats/") && preview != before).then_some(preview)
    })
    .await;
    assert!(exists(&server, &chosen).await);
    eventually("the one before is gone", async || {
        (!exists(&server, &before).await).then_some(())
    })
    .await;
    // The same once more: it is where it was.
    files(&other[..]).await;
    assert_eq!(media(&server, id).await.preview, chosen);
    assert!(exists(&server, &chosen).await);
    let public = |name: &str, area: &str| name.replacen("chats/", area, 1);
    assert!(!exists(&server, &public(&chosen, "previews/")).await);

    // As it was with servers that moved nothing: the migration has it done.
    let (id, names) = sent[1].clone();
    let mut exposed = Vec::new();
    for (name, area) in names.iter().zip(["attachments/", "previews/"]) {
        let (from, to) = (name.parse().unwrap(), public(name, area));
        let content = server.app.storage.get(&from).await.unwrap().unwrap();
        let key = to.parse().unwrap();
        server.app.storage.put(&key, content).await.unwrap();
        exposed.push(to);
    }
    for name in &names {
        server
            .app
            .storage
            .delete(&name.parse().unwrap())
            .await
            .unwrap();
    }
    let url = &server.app.config.database_url;
    let (file, preview) = (&exposed[0], &exposed[1]);
    let sql = format!("UPDATE media SET file = '{file}', preview = '{preview}' WHERE id = {id}");
    database::change(url, &sql).await;
    let backend = if database::is_postgres() {
        "postgres"
    } else {
        "sqlite"
    };
    let up = format!(
        "{}/migrations/{backend}/2026-11-28-000211_exposed_chat_files/up.sql",
        env!("CARGO_MANIFEST_DIR")
    );
    database::change(url, &std::fs::read_to_string(up).unwrap()).await;
    assert_eq!(hidden(&server, id).await, names);
    for (name, public) in names.iter().zip(&exposed) {
        assert!(exists(&server, name).await);
        eventually("the public one is gone", async || {
            (!exists(&server, public).await).then_some(())
        })
        .await;
    }
    eventually("there is nothing more to do", async || {
        let sql = "SELECT count(*) AS n FROM jobs WHERE kind = 'hide_chat_files'";
        (database::count(url, sql).await == 0).then_some(())
    })
    .await;
}
