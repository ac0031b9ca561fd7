//! Chats across servers: Kith with Kith, and with servers that know direct Notes alone.

use reqwest::Method;
use serde_json::{Value, json};

use super::fedify::Meeting;
use super::two_servers::Pair;
use crate::api::chats::{PATH, id, messages, open, opens_up, say};
use crate::support::Server;
use crate::support::peer::{Delivery, Peer, eventually};

/// The one chat of a person, with so many messages.
async fn chat_of(
    server: &Server,
    person: &crate::support::Person,
    number: usize,
) -> (Value, Vec<Value>) {
    eventually("the messages arrive", async || {
        let chat = server
            .get(person, PATH)
            .await
            .entities("Kith::Chat")
            .into_iter()
            .next()?;
        let all = messages(server, person, &chat, "").await;
        (all.len() == number).then_some((chat, all))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_chat_with_everything_that_goes_with_it() {
    let pair = Pair::start().await;
    let (one, two) = (&pair.one, &pair.two);
    opens_up(one, &pair.alice).await;
    opens_up(two, &pair.bob).await;
    let hers = open(one, &pair.alice, &pair.bob_there).await;
    assert_eq!(hers["accepts_chat"], true);
    let said = say(
        one,
        &pair.alice,
        &hers,
        json!({"text": "hello *there*", "content_type": "text/markdown"}),
    )
    .await;
    let (his, got) = chat_of(two, &pair.bob, 1).await;
    assert_eq!(
        (&got[0]["html"], &got[0]["id"]),
        (&said["html"], &said["id"])
    );
    assert_eq!(his["unread_count"], 1);
    eventually("her server knows that it arrived", async || {
        messages(one, &pair.alice, &hers, "").await[0]["delivered_at"]
            .as_str()
            .map(str::to_owned)
    })
    .await;
    // An answer, and the same order on both sides.
    for n in 0..3 {
        let reply = json!({"text": format!("b{n}"), "reply_to_id": got[0]["id"]});
        say(two, &pair.bob, &his, reply).await;
        say(one, &pair.alice, &hers, json!({"text": format!("a{n}")})).await;
    }
    let (_, there) = chat_of(two, &pair.bob, 7).await;
    let (_, here) = chat_of(one, &pair.alice, 7).await;
    let order = |list: &[Value]| -> Vec<String> {
        list.iter()
            .map(|m| m["text"].as_str().unwrap().trim().to_owned())
            .collect()
    };
    assert_eq!(order(&there[1..]), order(&here[1..]));
    let answer = here.iter().find(|m| m["text"] == "b0").unwrap();
    assert_eq!(answer["reply_to_id"], said["id"]);
    // A reaction and back, an edit, a receipt, and taken back.
    let there_one = format!("{PATH}/{}/messages/{}", id(&his), id(&got[0]));
    let here_one = format!("{PATH}/{}/messages/{}", id(&hers), id(&said));
    two.put(&pair.bob, &format!("{there_one}/reactions/👍"), json!({}))
        .await
        .entity("Kith::Message");
    let first = async |what: &str, check: fn(&Value) -> bool| {
        eventually(what, async || {
            let list = messages(one, &pair.alice, &hers, "?limit=80").await;
            list.iter()
                .find(|m| m["id"] == said["id"])
                .filter(|m| check(m))
                .map(|_| ())
        })
        .await;
    };
    first("the reaction arrives", |m| {
        m["reactions"][0]["name"] == "👍"
    })
    .await;
    two.delete(&pair.bob, &format!("{there_one}/reactions/👍"))
        .await
        .entity("Kith::Message");
    first("it is taken back", |m| m["reactions"] == json!([])).await;
    let read = format!("{PATH}/{}/read", id(&his));
    two.post(&pair.bob, &read, json!({"message_id": got[0]["id"]}))
        .await
        .entity("Kith::Chat");
    first("it was read", |m| m["read_at"].is_string()).await;
    let edit = json!({"text": "edited"});
    one.send(
        Method::PATCH,
        &here_one,
        Some(&pair.alice.token),
        Some(&edit),
    )
    .await
    .entity("Kith::Message");
    eventually("the edit arrives", async || {
        let list = messages(two, &pair.bob, &his, "?limit=80").await;
        (list[0]["html"] == "<p>edited</p>" && list[0]["edited_at"].is_string()).then_some(())
    })
    .await;
    one.delete(&pair.alice, &format!("{here_one}?scope=everyone"))
        .await
        .ok();
    chat_of(two, &pair.bob, 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_knows_no_chats_gets_direct_posts_and_answers_them() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    opens_up(&server, &alice).await;
    let carol = peer.add_actor("carol");
    let found = server
        .get(
            &alice,
            &format!("/api/v2/search?q={carol}&resolve=true&type=accounts"),
        )
        .await
        .entity("Search");
    let chat = open(&server, &alice, id(&found["accounts"][0])).await;
    assert_eq!(chat["accepts_chat"], false);
    say(&server, &alice, &chat, json!({"text": "hi carol"})).await;
    let create = eventually("the note arrives", async || {
        peer.received().into_iter().find(|a| a["type"] == "Create")
    })
    .await;
    let note = &create["object"];
    assert_eq!(
        (&note["type"], &note["to"]),
        (&json!("Note"), &json!([carol]))
    );
    assert!(
        note["content"].as_str().unwrap().ends_with("hi carol</p>"),
        "{note:#}"
    );
    assert_eq!(note["tag"][0]["href"], carol);
    let mut answer = peer.note(
        "carol",
        "/notes/1",
        "<p><span class=\"h-card\"><a href=\"x\">@alice</a></span> hi alice</p>",
    );
    answer["to"] = json!([alice.account.uri]);
    answer["cc"] = json!([]);
    answer["inReplyTo"] = note["id"].clone();
    let sent = Delivery::by(&carol)
        .send(&server, &peer.create("carol", &answer))
        .await;
    assert_eq!(sent.status, 202);
    let (_, all) = chat_of(&server, &alice, 2).await;
    assert_eq!(all[1]["html"], "<p>hi alice</p>");
    assert_eq!(all[1]["reply_to_id"], all[0]["id"]);
    // Another direct post is one.
    let mut other = peer.note("carol", "/notes/2", "<p>something else</p>");
    other["to"] = json!([alice.account.uri]);
    other["cc"] = json!([]);
    other["tag"] = json!([{"type": "Mention", "href": alice.account.uri, "name": "@alice"}]);
    Delivery::by(&carol)
        .send(&server, &peer.create("carol", &other))
        .await;
    eventually("it is a conversation", async || {
        let list = server
            .get(&alice, "/api/v1/conversations")
            .await
            .entities("Conversation");
        (list.len() == 1).then_some(())
    })
    .await;
    assert_eq!(messages(&server, &alice, &chat, "").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fedify_peer_gets_direct_posts_and_answers_into_the_chat() {
    let m = Meeting::with("ann").await;
    opens_up(&m.server, &m.alice).await;
    let chat = open(&m.server, &m.alice, &m.there).await;
    assert_eq!(chat["accepts_chat"], false);
    let first = say(&m.server, &m.alice, &chat, json!({"text": "hi ann"})).await;
    let note = m.expect("Create").await["object"].clone();
    assert_eq!(note["type"], "Note");
    assert!(note["content"].as_str().unwrap().ends_with("hi ann</p>"));
    let answer = json!({
        "content": "<p>hi alice</p>", "visibility": "direct", "mentions": [m.handle()],
        "inReplyTo": note["id"],
    });
    let answer = m.act("note", answer).await;
    let (_, all) = chat_of(&m.server, &m.alice, 2).await;
    assert_eq!(all[1]["html"], "<p>hi alice</p>");
    assert_eq!(all[1]["reply_to_id"], first["id"]);
    // And back: what answers their post is a post.
    let body = json!({"text": "how are you?", "reply_to_id": all[1]["id"]});
    say(&m.server, &m.alice, &chat, body).await;
    let note = m.expect("Create").await["object"].clone();
    assert_eq!(note["inReplyTo"], answer["objectId"]);
    // The peer tells nobody of the edit of a direct note by itself.
    let ann = m.fedify.actor("ann");
    let activity = |kind: &str, object: Value| {
        json!({
            "activity": {
                "@context": "https://www.w3.org/ns/activitystreams", "type": kind,
                "id": format!("{}#{kind}", answer["objectId"].as_str().unwrap()), "actor": ann,
                "to": [m.uri()], "object": object,
            },
            "deliverTo": [m.handle()],
        })
    };
    let edited = json!({
        "id": answer["objectId"], "type": "Note", "attributedTo": ann, "to": [m.uri()],
        "content": "<p>hello alice</p>", "updated": "2099-01-01T00:00:00Z",
    });
    m.act("send", activity("Update", edited)).await;
    eventually("the edit arrives", async || {
        let all = messages(&m.server, &m.alice, &chat, "").await;
        (all[1]["html"] == "<p>hello alice</p>" && all[1]["edited_at"].is_string()).then_some(())
    })
    .await;
    m.act("send", activity("Delete", answer["objectId"].clone()))
        .await;
    chat_of(&m.server, &m.alice, 2).await;
    m.all_went_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_two_act_on_their_messages() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    opens_up(&server, &alice).await;
    let (carol, mallory) = (peer.add_actor("carol"), peer.add_actor("mallory"));
    let message = |name: &str, actor: &str, number: u32| {
        json!({
            "id": peer.actor_uri(name).replace(&format!("/users/{name}"), &format!("/chats/{number}")),
            "type": "ChatMessage", "attributedTo": actor, "to": [alice.account.uri],
            "content": format!("{number}"), "published": "2026-11-20T10:00:00.123Z",
        })
    };
    let act = async |by: &str, kind: &str, id: &str, object: Value, more: Value| {
        let mut activity = json!({
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": format!("{by}#{id}"), "type": kind, "actor": by, "object": object,
            "to": [alice.account.uri],
        });
        activity
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        Delivery::by(by).send(&server, &activity).await.status
    };
    let first = message("carol", &carol, 1);
    assert_eq!(
        act(&carol, "Create", "c1", first.clone(), json!({})).await,
        202
    );
    let (chat, all) = chat_of(&server, &alice, 1).await;
    // Replayed, as somebody else's, to two at once, edited and deleted by another: nothing comes of it.
    act(&carol, "Create", "c2", first.clone(), json!({})).await;
    act(
        &mallory,
        "Create",
        "c3",
        message("carol", &carol, 2),
        json!({}),
    )
    .await;
    let mut two = message("carol", &carol, 3);
    two["to"] = json!([alice.account.uri, mallory]);
    act(&carol, "Create", "c4", two, json!({})).await;
    let mut edit = first.clone();
    edit["content"] = json!("mine now");
    edit["attributedTo"] = json!(mallory);
    act(&mallory, "Update", "u1", edit, json!({})).await;
    act(&mallory, "Delete", "d1", first["id"].clone(), json!({})).await;
    act(
        &mallory,
        "EmojiReact",
        "e1",
        first["id"].clone(),
        json!({"content": "👎"}),
    )
    .await;
    act(&mallory, "Read", "r1", first["id"].clone(), json!({})).await;
    // The next of carol's own comes after all that.
    act(
        &carol,
        "EmojiReact",
        "e2",
        first["id"].clone(),
        json!({"content": "👍"}),
    )
    .await;
    let done = message("carol", &carol, 9);
    act(&carol, "Create", "c9", done, json!({})).await;
    let mallorys = message("mallory", &mallory, 10);
    act(&mallory, "Create", "c10", mallorys, json!({})).await;
    eventually("mallory has a chat of their own", async || {
        let list = server.get(&alice, PATH).await.entities("Kith::Chat");
        (list.len() == 2).then_some(())
    })
    .await;
    let now = eventually("the last arrives", async || {
        let list = messages(&server, &alice, &chat, "?include_deleted=true").await;
        (list.len() == 2).then_some(list)
    })
    .await;
    let kept = now.iter().find(|m| m["id"] == all[0]["id"]).unwrap();
    assert_eq!(
        (&kept["text"], &kept["deleted_at"]),
        (&json!("1"), &Value::Null)
    );
    assert_eq!(
        kept["reactions"],
        json!([{"name": "👍", "count": 1, "me": false, "url": null}])
    );
    // Blocked, she is not heard any more.
    let block = format!("/api/v1/accounts/{}/block", id(&chat["account"]));
    server
        .post(&alice, &block, json!({}))
        .await
        .entity("Relationship");
    act(
        &carol,
        "Create",
        "c11",
        message("carol", &carol, 11),
        json!({}),
    )
    .await;
    act(
        &mallory,
        "Create",
        "c12",
        message("mallory", &mallory, 12),
        json!({}),
    )
    .await;
    eventually("mallory's second arrives", async || {
        let list = server.get(&alice, PATH).await.entities("Kith::Chat");
        list.iter()
            .any(|c| c["unread_count"] == 2 && c["id"] != chat["id"])
            .then_some(())
    })
    .await;
    assert_eq!(messages(&server, &alice, &chat, "").await.len(), 2);
}
