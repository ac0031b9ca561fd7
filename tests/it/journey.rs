//! Two people and all that they do with each other (features D2, C3, C4, C6, F1 to F5, G1), each of
//! it heard over a socket: on two processes of one server that meet in Redis, and on two servers.

use std::sync::{Arc, Mutex};

use futures::{SinkExt, StreamExt};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

use crate::api::media::{FORM, form, png};
use crate::api::media_av::made;
use crate::cluster::{Redis, listen, payload};
use crate::support::Answer;
use crate::support::peer::eventually;
use crate::support::process::Process;
use crate::support::schema;
use crate::support::server::ids;

const CHATS: &str = "/api/kith/v1/chats";
const REQUESTS: &str = "/api/kith/v1/friend_requests";
const NOTIFICATIONS: &str = "/api/kith/v1/notifications";

/// One of the two.
struct Side<'a> {
    process: &'a Process,
    name: &'static str,
    token: String,
    /// The other's id on this side's server.
    other: String,
    socket: Option<JoinHandle<()>>,
    /// What the socket said and nobody asked for yet.
    heard: Arc<Mutex<Vec<Value>>>,
}

fn id(entity: &Value) -> &str {
    entity["id"].as_str().expect("an id")
}

impl Side<'_> {
    /// Connects, and waits until the streams are known of.
    async fn connect(&mut self, cursor: &str) {
        let query = format!("&stream=user:chat&cursor={cursor}");
        let mut socket = listen(self.process, &self.token, &query).await;
        let more = json!({"type": "subscribe", "stream": "user:notification:kith"});
        let more = Message::Text(more.to_string().into());
        socket.send(more).await.expect("an open socket");
        let heard = self.heard.clone();
        self.socket = Some(tokio::spawn(async move {
            while let Some(Ok(message)) = socket.next().await {
                if let Message::Text(text) = message {
                    let frame = serde_json::from_str(&text).expect("JSON");
                    heard.lock().expect("no panic").push(frame);
                }
            }
        }));
        eventually("the streams are open", async || {
            let status = self.get("/api/kith/v1/streaming/status").await.ok();
            (status["streams"] == json!(["user:chat", "user:notification:kith"])).then_some(())
        })
        .await;
    }

    async fn disconnect(&mut self) {
        let socket = self.socket.take().expect("a socket");
        socket.abort();
        let _ = socket.await;
        eventually("the socket is gone", async || {
            let status = self.get("/api/kith/v1/streaming/status").await.ok();
            (status["connected"] == false).then_some(())
        })
        .await;
    }

    /// The payload of the next frame of an event that is as wanted.
    async fn hears(&self, event: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let what = format!("{} hears {event}", self.name);
        payload(&self.frame(&what, event, wanted).await)
    }

    async fn frame(&self, what: &str, event: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(what, async || {
            let mut heard = self.heard.lock().expect("no panic");
            let at = heard
                .iter()
                .position(|frame| frame["event"] == event && wanted(&payload(frame)))?;
            Some(heard.remove(at))
        })
        .await
    }

    /// Whether a frame of an event came that nobody asked for.
    fn heard_also(&self, event: &str) -> bool {
        let heard = self.heard.lock().expect("no panic");
        heard.iter().any(|frame| frame["event"] == event)
    }

    /// The next notification of a type.
    async fn is_told(&self, kind: &str) -> Value {
        let what = format!("{} is told of a {kind}", self.name);
        let frame = self
            .frame(&what, "notification", |n| n["type"] == kind)
            .await;
        let told = payload(&frame);
        schema::check("Kith__Notification", &told);
        assert_eq!(id(&told["account"]), self.other, "{told:#}");
        told
    }

    async fn get(&self, path: &str) -> Answer {
        self.process.get(&self.token, path).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, body).await
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> Answer {
        self.process.send(&self.token, method, path, &body).await
    }

    async fn settles(&self, settings: Value) {
        let path = "/api/kith/v1/profile";
        self.send(Method::PATCH, path, settings).await.ok();
    }

    /// The chat with the other, opened if it was not yet.
    async fn chat(&self) -> Value {
        let body = json!({"account_id": self.other});
        self.post(CHATS, body).await.entity("Kith__Chat")
    }

    async fn path(&self) -> String {
        format!("{CHATS}/{}/messages", id(&self.chat().await))
    }

    async fn says(&self, message: Value) -> Value {
        let answer = self.post(&self.path().await, message).await;
        answer.entity("Kith__Message")
    }

    /// A message of the other's, by its text.
    async fn reads(&self, text: &str) -> Value {
        let heard = self.hears("chat.message", |m| m["text"] == text).await;
        schema::check("Kith__Message", &heard);
        heard
    }

    async fn page(&self, query: &str) -> Vec<Value> {
        let path = format!("{}{query}", self.path().await);
        self.get(&path).await.entities("Kith__Message")
    }

    async fn message(&self, message: &Value) -> String {
        format!("{}/{}", self.path().await, id(message))
    }

    async fn uploads(&self, bytes: &[u8]) -> Value {
        let request = self
            .process
            .http
            .request(Method::POST, format!("{}/api/v2/media", self.process.url))
            .bearer_auth(&self.token)
            .header("content-type", FORM)
            .body(form(&[("file", bytes)]));
        let media = Answer::of(request, "/api/v2/media".to_owned()).await.ok();
        let path = format!("/api/v1/media/{}", id(&media));
        eventually("the file is processed", async || {
            let answer = self.get(&path).await;
            (answer.status == 200).then_some(())
        })
        .await;
        media["id"].clone()
    }

    /// The newest request between the two.
    async fn request(&self) -> Value {
        let list = self.get(REQUESTS).await.entities("Kith__FriendRequest");
        list.into_iter().next().expect("a request")
    }

    async fn decides(&self, verb: &str) {
        let path = format!("{REQUESTS}/{}/{verb}", id(&self.request().await));
        self.post(&path, json!({}))
            .await
            .entity("Kith__FriendRequest");
    }

    /// Waits until the newest request is as said.
    async fn knows_of_a_request(&self, direction: &str, status: &str) {
        eventually(&format!("{} sees it {status}", self.name), async || {
            let request = self.request().await;
            (request["direction"] == direction && request["status"] == status).then_some(())
        })
        .await;
    }

    /// A post of the other's, by what it says, once it is here.
    async fn finds(&self, content: &str) -> Value {
        eventually("the post is here", async || {
            let home = self.get("/api/v1/timelines/home").await.entities("Status");
            home.into_iter().find(|status| status["content"] == content)
        })
        .await
    }

    async fn does(&self, status: &Value, verb: &str) {
        let path = format!("{}/{verb}", on(status));
        self.post(&path, json!({})).await.entity("Status");
    }

    /// Waits until a post of one's own is as wanted.
    async fn sees(&self, what: &str, status: &Value, wanted: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/api/v1/statuses/{}", id(status));
        eventually(what, async || {
            let status = self.get(&path).await.entity("Status");
            wanted(&status).then_some(status)
        })
        .await
    }
}

fn on(status: &Value) -> String {
    format!("/api/v1/statuses/{}", id(status))
}

fn kith(status: &Value) -> String {
    format!("/api/kith/v1/statuses/{}", id(status))
}

/// A person on a process, who knows the other by a handle.
async fn side<'a>(
    process: &'a Process,
    name: &'static str,
    token: String,
    other: &str,
) -> Side<'a> {
    let query = format!("/api/v2/search?q={other}&resolve=true&type=accounts");
    let found = process.get(&token, &query).await.entity("Search");
    Side {
        process,
        name,
        token,
        other: id(&found["accounts"][0]).to_owned(),
        socket: None,
        heard: Arc::default(),
    }
}

/// F5: who does not know one asks.
async fn asks_to_write(alice: &Side<'_>, bob: &Side<'_>, apart: bool) {
    if !apart {
        let body = json!({"account_id": alice.other});
        alice.post(CHATS, body).await.refused(403);
    }
    bob.settles(json!({"message_requests": true})).await;
    alice.says(json!({"text": "may I?"})).await;
    let path = format!("{CHATS}?filter=requests");
    let request = eventually("it is a request", async || {
        bob.get(&path).await.entities("Kith__Chat").pop()
    })
    .await;
    assert_eq!(request["last_message"]["text"], "may I?");
    let path = format!("{CHATS}/{}/accept", id(&request));
    bob.post(&path, json!({})).await.entity("Kith__Chat");
    bob.says(json!({"text": "you may"})).await;
    alice.reads("you may").await;
}

/// D2: a request is cancelled, one rejected, one accepted.
async fn become_friends(alice: &Side<'_>, bob: &Side<'_>) {
    let ask = async |who: &Side<'_>, other: &Side<'_>| {
        who.post(REQUESTS, json!({"account_id": who.other}))
            .await
            .entity("Kith__FriendRequest");
        let told = other.is_told("friend_request").await;
        assert_eq!(told["friend_request"]["status"], "pending");
        who.knows_of_a_request("outgoing", "pending").await;
        other.knows_of_a_request("incoming", "pending").await;
    };
    ask(alice, bob).await;
    alice.decides("cancel").await;
    alice.knows_of_a_request("outgoing", "cancelled").await;
    bob.knows_of_a_request("incoming", "cancelled").await;
    ask(bob, alice).await;
    alice.decides("reject").await;
    alice.knows_of_a_request("incoming", "rejected").await;
    bob.knows_of_a_request("outgoing", "rejected").await;
    ask(alice, bob).await;
    bob.decides("accept").await;
    alice.is_told("friend_accepted").await;
    for side in [alice, bob] {
        eventually("they are friends", async || {
            let friends = side.get("/api/kith/v1/friends").await.entities("Account");
            (ids(&friends) == [side.other.as_str()]).then_some(())
        })
        .await;
    }
}

/// F1: at once, or on return, in order, each once; in pages.
async fn talk(alice: &Side<'_>, bob: &mut Side<'_>) {
    let said = alice.says(json!({"text": "at once"})).await;
    let frame = bob
        .frame("bob hears it", "chat.message", |m| m["text"] == "at once")
        .await;
    let heard = payload(&frame);
    assert_eq!(heard["mine"], false);
    let delivered = |d: &Value| d["message_id"] == said["id"];
    alice.hears("chat.delivered", delivered).await;
    bob.disconnect().await;
    for n in 0..3 {
        alice.says(json!({"text": format!("away {n}")})).await;
    }
    // Where the two servers are two, they are there once the chat says so.
    eventually("all three are there", async || {
        let newest = bob.chat().await;
        (newest["last_message"]["text"] == "away 2").then_some(())
    })
    .await;
    bob.heard.lock().expect("no panic").clear();
    bob.connect(frame["cursor"].as_str().expect("a cursor"))
        .await;
    bob.hears("chat.message", |m| m["text"] == "away 2").await;
    let heard: Vec<Value> = bob.heard.lock().expect("no panic").drain(..).collect();
    let of_chat = heard.iter().filter(|f| f["event"] == "chat.message");
    let texts: Vec<Value> = of_chat.map(|f| payload(f)["text"].clone()).collect();
    assert_eq!(texts, ["away 0", "away 1"]);
    let path = format!("{}?limit=2", bob.path().await);
    let page = bob.get(&path).await;
    let texts = |page: &Answer| -> Vec<Value> {
        let list = page.entities("Kith__Message");
        list.iter().map(|m| m["text"].clone()).collect()
    };
    assert_eq!(texts(&page), ["away 1", "away 2"]);
    let older = bob.get(&page.link("next").expect("a page")).await;
    assert_eq!(texts(&older), ["at once", "away 0"]);
}

/// F2, C5: files of every kind, and a post.
async fn send_things(alice: &Side<'_>, bob: &Side<'_>) {
    let lavfi = |source: &'static str, name: &str| made(name, &["-f", "lavfi", "-i", source]);
    let files = [
        ("image", png(40, 30)),
        (
            "video",
            lavfi("testsrc=size=64x48:rate=10:duration=1", "v.mp4"),
        ),
        ("audio", lavfi("sine=frequency=440:duration=1", "a.mp3")),
        (
            "unknown",
            b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n".to_vec(),
        ),
    ];
    for (kind, bytes) in files {
        let media = alice.uploads(&bytes).await;
        let text = format!("a file, {kind}");
        alice
            .says(json!({"text": text, "media_ids": [media]}))
            .await;
        let heard = bob.reads(&text).await;
        let file = &heard["attachments"][0];
        assert_eq!(file["type"], kind, "{file:#}");
        let url = file["url"].as_str().expect("a URL");
        let path = url
            .strip_prefix("http://localhost:")
            .expect("a URL of this server");
        let path = &path[path.find('/').expect("a path")..];
        let got = eventually(&format!("the {kind} at {url} is served"), async || {
            let request = bob.process.http.get(format!("{}{path}", bob.process.url));
            let got = request.send().await.ok()?;
            (got.status() == 200).then_some(got)
        })
        .await;
        // Not by the address that everyone may have: the name of the stored file is in the ETag.
        let etag = got.headers()["etag"]
            .to_str()
            .expect("text")
            .trim_matches('"');
        let digest = etag.rsplit('-').next().expect("a digest");
        for area in ["remote", "remote-chats", "chats", "attachments"] {
            let open = format!("/media/{area}/{}/{}/{etag}", &digest[..2], &digest[2..4]);
            assert_eq!(bob.get(&open).await.status, 404, "{open}");
        }
        let disposition = got.headers().get("content-disposition");
        let download = disposition.is_some_and(|d| d.as_bytes().starts_with(b"attachment"));
        assert_eq!(download, kind == "unknown", "{kind}: {disposition:?}");
    }
    let post = json!({"status": "worth reading"});
    let post = alice.post("/api/v1/statuses", post).await.entity("Status");
    bob.finds("<p>worth reading</p>").await;
    alice
        .says(json!({"text": "look", "shared_status_id": post["id"]}))
        .await;
    let shared = bob.reads("look").await["shared_status"].clone();
    assert_eq!(shared["content"], "<p>worth reading</p>");
}

/// F3: typing, who is there, what was read; and neither where it is switched off.
async fn notice_each_other(alice: &Side<'_>, bob: &mut Side<'_>, apart: bool) {
    let typing = format!("{CHATS}/{}/typing", id(&bob.chat().await));
    if !apart {
        assert_eq!(bob.post(&typing, json!({})).await.status, 202);
        alice
            .hears("chat.typing", |t| t["account_id"] == alice.other)
            .await;
        bob.disconnect().await;
        let of_bob =
            |p: &Value, online: bool| p["account_id"] == alice.other && p["online"] == online;
        let gone = alice.hears("presence", |p| of_bob(p, false)).await;
        assert!(gone["last_seen_at"].is_string(), "{gone}");
        bob.connect("").await;
        alice.hears("presence", |p| of_bob(p, true)).await;
    }
    let reads = async |text: &str| {
        let said = alice.says(json!({"text": text})).await;
        let heard = bob.reads(text).await;
        let path = format!("{CHATS}/{}/read", id(&bob.chat().await));
        let body = json!({"message_id": heard["id"]});
        bob.post(&path, body).await.entity("Kith__Chat");
        said
    };
    let said = reads("read this").await;
    alice
        .hears("chat.read", |r| r["message_id"] == said["id"])
        .await;
    bob.settles(json!({"read_receipts": false, "presence": false}))
        .await;
    reads("read it quietly").await;
    assert_eq!(bob.post(&typing, json!({})).await.status, 202);
    // What comes after comes; of what came before nothing is told.
    bob.says(json!({"text": "done"})).await;
    alice.reads("done").await;
    assert!(!alice.heard_also("chat.read") && !alice.heard_also("chat.typing"));
    bob.settles(json!({"read_receipts": true, "presence": true}))
        .await;
}

/// F4: reactions, answers, quotations, edits, and taking back.
async fn go_on_about_messages(alice: &Side<'_>, bob: &Side<'_>) {
    let said = alice.says(json!({"text": "a thought"})).await;
    let heard = bob.reads("a thought").await;
    let reaction = format!("{}/reactions/👍", bob.message(&heard).await);
    bob.send(Method::PUT, &reaction, json!({}))
        .await
        .entity("Kith__Message");
    let added = |added: bool| {
        let said = said["id"].clone();
        move |r: &Value| r["message_id"] == said && r["added"] == added && r["name"] == "👍"
    };
    alice.hears("chat.reaction", added(true)).await;
    alice.is_told("reaction").await;
    bob.send(Method::DELETE, &reaction, json!({}))
        .await
        .entity("Kith__Message");
    alice.hears("chat.reaction", added(false)).await;
    let path = format!("{NOTIFICATIONS}?types[]=reaction");
    let told = alice.get(&path).await.entities("Kith__Notification");
    assert!(told.is_empty(), "what is taken back is told no more");

    bob.says(json!({"text": "an answer", "reply_to_id": heard["id"]}))
        .await;
    assert_eq!(alice.reads("an answer").await["reply_to_id"], said["id"]);
    bob.says(json!({"text": "as you said", "quote_id": heard["id"]}))
        .await;
    assert_eq!(alice.reads("as you said").await["quote_id"], said["id"]);

    let mine = alice.message(&said).await;
    let edit = json!({"text": "a better thought"});
    alice
        .send(Method::PATCH, &mine, edit)
        .await
        .entity("Kith__Message");
    let edited = bob
        .hears("chat.message.edited", |m| m["id"] == heard["id"])
        .await;
    assert_eq!(edited["text"], "a better thought");
    assert!(edited["edited_at"].is_string());
    let history = bob
        .get(&format!("{}/history", bob.message(&heard).await))
        .await
        .ok();
    let texts: Vec<&Value> = history
        .as_array()
        .expect("a list")
        .iter()
        .map(|v| &v["text"])
        .collect();
    assert_eq!(texts, ["a thought", "a better thought"]);

    // For oneself alone, then for both.
    let his = bob.message(&heard).await;
    bob.send(Method::DELETE, &format!("{his}?scope=me"), json!({}))
        .await
        .ok();
    bob.hears("chat.message.deleted", |d| d["scope"] == "me")
        .await;
    let here = |list: &[Value], message: &Value| list.iter().any(|m| m["id"] == message["id"]);
    assert!(!here(&bob.page("").await, &heard) && here(&alice.page("").await, &said));
    let said = alice.says(json!({"text": "never mind"})).await;
    let heard = bob.reads("never mind").await;
    let mine = alice.message(&said).await;
    alice
        .send(Method::DELETE, &format!("{mine}?scope=everyone"), json!({}))
        .await
        .ok();
    bob.hears("chat.message.deleted", |d| {
        d["scope"] == "everyone" && d["message_id"] == heard["id"]
    })
    .await;
    assert!(!here(&bob.page("").await, &heard) && !here(&alice.page("").await, &said));
}

/// C3, C4, C6: comments, votes, reactions, views, and what the author learns of it.
async fn react_to_a_post(alice: &Side<'_>, bob: &Side<'_>, apart: bool) {
    alice.settles(json!({"notify_dislikes": true})).await;
    let post = json!({"status": "an opinion"});
    let post = alice.post("/api/v1/statuses", post).await.entity("Status");
    let seen = bob.finds("<p>an opinion</p>").await;
    let comment = async |text: &str| {
        let body = json!({"status": text, "in_reply_to_id": seen["id"], "visibility": "public"});
        bob.post("/api/v1/statuses", body).await.entity("Status")
    };
    let (first, second) = (comment("I see").await, comment("I disagree").await);
    alice
        .sees("two comments", &post, |s| s["replies_count"] == 2)
        .await;
    let comments = async |query: &str| -> Vec<Value> {
        let path = format!("{}/comments?{query}", kith(&post));
        let list = alice.get(&path).await.entities("Status");
        list.iter().map(|c| c["content"].clone()).collect()
    };
    let mut both = comments("sort=oldest").await;
    if apart {
        // Posts from elsewhere tell their time to the second.
        both.sort_by_key(|content| content != "<p>I see</p>");
    } else {
        let newest = comments("sort=newest&limit=1").await;
        assert_eq!(newest, ["<p>I disagree</p>"]);
    }
    assert_eq!(both, ["<p>I see</p>", "<p>I disagree</p>"]);
    let path = format!("{}/comments", kith(&post));
    let listed = alice.get(&path).await.entities("Status");
    let disagrees = |comment: &&Value| comment["content"] == "<p>I disagree</p>";
    let liked = listed.iter().find(disagrees).expect("the comment");
    alice.does(liked, "favourite").await;
    bob.is_told("favourite").await;
    assert_eq!(comments("sort=top&limit=1").await, ["<p>I disagree</p>"]);
    let edit = json!({"status": "I agree"});
    bob.send(Method::PUT, &on(&second), edit)
        .await
        .entity("Status");
    eventually("the comment is edited", async || {
        let all = comments("sort=newest").await;
        all.contains(&json!("<p>I agree</p>")).then_some(())
    })
    .await;
    bob.send(Method::DELETE, &on(&first), json!({})).await.ok();
    alice
        .sees("one comment", &post, |s| s["replies_count"] == 1)
        .await;

    bob.does(&seen, "favourite").await;
    alice.is_told("favourite").await;
    let path = format!("{}/dislike", kith(&seen));
    bob.post(&path, json!({})).await.entity("Status");
    alice.is_told("dislike").await;
    alice
        .sees("a dislike in the place of the like", &post, |s| {
            s["favourites_count"] == 0 && s["kith"]["dislikes_count"] == 1
        })
        .await;
    let path = format!("{}/disliked_by", kith(&post));
    let who = alice.get(&path).await.entities("Account");
    assert_eq!(ids(&who), [alice.other.as_str()]);
    bob.get(&format!("{}/disliked_by", kith(&seen)))
        .await
        .refused(403);
    let path = format!("{}/reactions/🔥", kith(&seen));
    bob.send(Method::PUT, &path, json!({}))
        .await
        .entity("Status");
    let told = alice.is_told("reaction").await;
    assert_eq!(told["status"]["id"], post["id"]);
    bob.does(&seen, "reblog").await;
    alice.is_told("reblog").await;
    // Views elsewhere are not told of.
    bob.post(&format!("{}/views", kith(&seen)), json!({}))
        .await
        .ok();
    let views = i64::from(!apart);
    let path = format!("{}/analytics", kith(&post));
    let whole = eventually("the author sees it all", async || {
        let of_post = alice.get(&path).await.ok();
        let wanted = [
            ("views", views),
            ("likes", 0),
            ("dislikes", 1),
            ("comments", 1),
            ("shares", 1),
            ("reactions", 1),
        ];
        wanted
            .iter()
            .all(|(name, number)| of_post[name] == *number)
            .then_some(of_post)
    })
    .await;
    let days = whole["days"].as_array().expect("days");
    let dislikes: i64 = days.iter().filter_map(|day| day["dislikes"].as_i64()).sum();
    assert_eq!(dislikes, 1);
    let mine = alice.get("/api/kith/v1/analytics").await.ok();
    assert_eq!(
        (&mine["dislikes"], &mine["likes_given"]),
        (&json!(1), &json!(1))
    );
    let path = format!("{}/analytics", kith(&seen));
    bob.get(&path).await.refused(403);
}

/// G1: notifications are filtered, read, and deleted, one or all.
async fn look_at_notifications(alice: &Side<'_>) {
    let list = async |query: &str| {
        let path = format!("{NOTIFICATIONS}{query}");
        alice.get(&path).await.entities("Kith__Notification")
    };
    let unread = async || {
        let path = format!("{NOTIFICATIONS}/unread_count");
        alice.get(&path).await.ok()["count"]
            .as_u64()
            .expect("a count")
    };
    let dislikes = list("?types[]=dislike&unread=true").await;
    assert_eq!(dislikes.len(), 1);
    let before = unread().await;
    let path = format!("{NOTIFICATIONS}/{}/read", id(&dislikes[0]));
    let read = alice
        .post(&path, json!({}))
        .await
        .entity("Kith__Notification");
    assert_eq!(read["read"], true);
    assert_eq!(unread().await, before - 1);
    assert!(list("?types[]=dislike&unread=true").await.is_empty());
    let path = format!("{NOTIFICATIONS}/read");
    let all = alice.post(&path, json!({})).await.ok();
    assert_eq!((all, unread().await), (json!({"unread": 0}), 0));
    let path = format!("{NOTIFICATIONS}/{}", id(&dislikes[0]));
    alice.send(Method::DELETE, &path, json!({})).await.ok();
    assert!(list("?types[]=dislike").await.is_empty());
    assert!(!list("?exclude_types[]=dislike").await.is_empty());
    alice
        .send(Method::DELETE, NOTIFICATIONS, json!({}))
        .await
        .ok();
    assert!(list("").await.is_empty());
}

/// F5: reported, muted, blocked.
async fn fall_out(alice: &Side<'_>, bob: &Side<'_>) {
    let body = json!({"account_id": bob.other, "comment": "rude"});
    bob.post("/api/v1/reports", body).await.entity("Report");
    let account = format!("/api/v1/accounts/{}", bob.other);
    let heard = bob.heard.clone();
    bob.post(&format!("{account}/mute"), json!({}))
        .await
        .entity("Relationship");
    heard.lock().expect("no panic").clear();
    alice.says(json!({"text": "hello?"})).await;
    bob.reads("hello?").await;
    bob.post(&format!("{account}/block"), json!({}))
        .await
        .entity("Relationship");
    eventually("the block holds", async || {
        let path = alice.path_or_refusal().await?;
        let answer = alice.post(&path, json!({"text": "hello??"})).await;
        (answer.status == 403).then_some(())
    })
    .await;
    assert!(
        !bob.heard_also("notification"),
        "whom one mutes rings no bell"
    );
}

impl Side<'_> {
    /// Where messages go, though the chat may not be opened any more.
    async fn path_or_refusal(&self) -> Option<String> {
        let chats = self.get(CHATS).await.entities("Kith__Chat");
        let chat = chats
            .iter()
            .find(|chat| chat["account"]["id"] == self.other.as_str())?;
        Some(format!("{CHATS}/{}/messages", id(chat)))
    }
}

async fn live_through_everything(mut alice: Side<'_>, mut bob: Side<'_>, apart: bool) {
    alice.connect("").await;
    bob.connect("").await;
    asks_to_write(&alice, &bob, apart).await;
    become_friends(&alice, &bob).await;
    talk(&alice, &mut bob).await;
    send_things(&alice, &bob).await;
    notice_each_other(&alice, &mut bob, apart).await;
    go_on_about_messages(&alice, &bob).await;
    react_to_a_post(&alice, &bob, apart).await;
    look_at_notifications(&alice).await;
    fall_out(&alice, &bob).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_on_two_processes_of_one_server() {
    let redis = Redis::start();
    let url = redis.url();
    let path = std::env::var("PATH").expect("a PATH");
    let settings = [("KITH_REDIS_URL", url.as_str()), ("PATH", &path)];
    let one = Process::start_with(&settings).await;
    let two = one.beside().await;
    let (alice, bob) = (one.person("alice"), one.person("bob"));
    let alice = side(&one, "alice", alice, "bob").await;
    let bob = side(&two, "bob", bob, "alice").await;
    live_through_everything(alice, bob, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_on_two_servers() {
    let (one, two) = tokio::join!(Process::start(), Process::start());
    let (alice, bob) = (one.person("alice"), two.person("bob"));
    let domain = |process: &Process| process.url["http://".len()..].to_owned();
    let his = format!("@bob@{}", domain(&two));
    let hers = format!("@alice@{}", domain(&one));
    let alice = side(&one, "alice", alice, &his).await;
    let bob = side(&two, "bob", bob, &hers).await;
    live_through_everything(alice, bob, true).await;
}
