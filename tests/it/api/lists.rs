//! `/api/v1/lists`, their timelines, and the `list` stream

use serde_json::{Value, json};

use super::streaming::{frame, nothing, payload, socket, subscribe};
use crate::support::server::ids;
use crate::support::{Person, Server};

const PATH: &str = "/api/v1/lists";

async fn follow(server: &Server, who: &Person, whom: &Person) {
    let path = format!("/api/v1/accounts/{}/follow", whom.id());
    server
        .post(who, &path, json!({}))
        .await
        .entity("Relationship");
}

/// A list of alice's with a member whom she follows.
async fn list_of(server: &Server, alice: &Person, member: &Person, settings: Value) -> String {
    follow(server, alice, member).await;
    let mut body = json!({"title": "a list"});
    body.as_object_mut()
        .unwrap()
        .extend(settings.as_object().unwrap().clone());
    let list = server.post(alice, PATH, body).await.entity("List");
    let path = format!("{PATH}/{}", list["id"].as_str().unwrap());
    let members = json!({"account_ids": [member.id()]});
    server
        .post(alice, &format!("{path}/accounts"), members)
        .await
        .ok();
    path
}

async fn timeline(server: &Server, person: &Person, list: &str) -> Vec<String> {
    let path = list.replace("/lists/", "/timelines/list/");
    ids(&server.get(person, &path).await.entities("Status"))
}

async fn home(server: &Server, person: &Person) -> Vec<String> {
    ids(&server
        .get(person, "/api/v1/timelines/home")
        .await
        .entities("Status"))
}

fn id(status: &Value) -> String {
    status["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_made_changed_and_deleted() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let list = server
        .post(&alice, PATH, json!({"title": " friends "}))
        .await
        .entity("List");
    assert_eq!(
        (&list["title"], &list["replies_policy"], &list["exclusive"]),
        (&json!("friends"), &json!("list"), &json!(false))
    );
    for bad in [
        json!({}),
        json!({"title": " "}),
        json!({"title": "x".repeat(300)}),
        json!({"title": "x", "replies_policy": "all"}),
    ] {
        server.post(&alice, PATH, bad).await.refused(422);
    }
    let one = format!("{PATH}/{}", list["id"].as_str().unwrap());
    let changed = json!({"title": "close friends", "replies_policy": "none", "exclusive": true});
    let changed = server.put(&alice, &one, changed).await.entity("List");
    assert_eq!(server.get(&alice, &one).await.entity("List"), changed);
    let changed = server
        .put(&alice, &one, json!({"title": "pals"}))
        .await
        .entity("List");
    assert_eq!(
        (&changed["replies_policy"], &changed["exclusive"]),
        (&json!("none"), &json!(true))
    );
    server
        .put(&alice, &one, json!({"title": ""}))
        .await
        .refused(422);
    for answer in [
        server.get(&bob, &one).await,
        server.put(&bob, &one, json!({"title": "mine"})).await,
        server.delete(&bob, &one).await,
        server.get(&bob, &format!("{one}/accounts")).await,
        server
            .post(
                &bob,
                &format!("{one}/accounts"),
                json!({"account_ids": [alice.id()]}),
            )
            .await,
        server
            .get(&bob, &one.replace("/lists/", "/timelines/list/"))
            .await,
    ] {
        answer.refused(404);
    }
    assert_eq!(server.get(&bob, PATH).await.entities("List").len(), 0);
    for n in 1..50 {
        server
            .post(&alice, PATH, json!({"title": n.to_string()}))
            .await
            .entity("List");
    }
    server
        .post(&alice, PATH, json!({"title": "one too many"}))
        .await
        .refused(422);
    assert_eq!(server.get(&alice, PATH).await.entities("List").len(), 50);
    server.delete(&alice, &one).await.ok();
    server.get(&alice, &one).await.refused(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_those_one_follows() {
    let server = Server::start().await;
    let (alice, bob, carol) = (
        server.person("alice").await,
        server.person("bob").await,
        server.person("carol").await,
    );
    let before = server.status(&bob, "before").await;
    let list = list_of(&server, &alice, &bob, json!({})).await;
    let accounts = format!("{list}/accounts");
    assert_eq!(
        timeline(&server, &alice, &list).await,
        [id(&before)],
        "it begins with what is there"
    );
    for (who, status) in [(bob.id(), 422), (carol.id(), 404), ("1".to_owned(), 404)] {
        let body = json!({"account_ids": [who]});
        server.post(&alice, &accounts, body).await.refused(status);
    }
    follow(&server, &alice, &carol).await;
    server
        .post(&alice, &accounts, json!({"account_ids": [carol.id()]}))
        .await
        .ok();
    let first = server.get(&alice, &format!("{accounts}?limit=1")).await;
    assert_eq!(ids(&first.entities("Account")), [carol.id()]);
    let next = server.get(&alice, &first.link("next").unwrap()).await;
    assert_eq!(ids(&next.entities("Account")), [bob.id()]);
    let all = server.get(&alice, &format!("{accounts}?limit=0")).await;
    assert_eq!(all.entities("Account").len(), 2);
    let with = format!("/api/v1/accounts/{}/lists", bob.id());
    let with = server.get(&alice, &with).await.entities("List");
    assert_eq!(with[0]["title"], "a list");
    let none = format!("/api/v1/accounts/{}/lists", alice.id());
    assert_eq!(server.get(&bob, &none).await.entities("List").len(), 0);
    let named = format!("{accounts}?account_ids[]={}", carol.id());
    server.delete(&alice, &named).await.ok();
    assert_eq!(
        ids(&server.get(&alice, &accounts).await.entities("Account")),
        [bob.id()]
    );
    // Who is not followed any more is on no list.
    let path = format!("/api/v1/accounts/{}/unfollow", bob.id());
    server
        .post(&alice, &path, json!({}))
        .await
        .entity("Relationship");
    assert_eq!(
        server
            .get(&alice, &accounts)
            .await
            .entities("Account")
            .len(),
        0
    );
    server.status(&bob, "after").await;
    assert_eq!(timeline(&server, &alice, &list).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lists_timeline_holds_what_its_members_post() {
    let server = Server::start().await;
    let (alice, bob, carol) = (
        server.person("alice").await,
        server.person("bob").await,
        server.person("carol").await,
    );
    let list = list_of(&server, &alice, &bob, json!({})).await;
    follow(&server, &alice, &carol).await;
    let mut posted = Vec::new();
    for n in 0..6 {
        posted.push(id(&server.status(&bob, &n.to_string()).await));
    }
    let private = json!({"status": "for followers", "visibility": "private"});
    posted.push(id(&server
        .post(&bob, "/api/v1/statuses", private)
        .await
        .entity("Status")));
    let other = server.status(&carol, "not in it").await;
    server.status(&alice, "nor is this").await;
    let direct = json!({"status": "@alice psst", "visibility": "direct"});
    server
        .post(&bob, "/api/v1/statuses", direct)
        .await
        .entity("Status");
    let reblog = format!("/api/v1/statuses/{}/reblog", id(&other));
    posted.push(id(&server
        .post(&bob, &reblog, json!({}))
        .await
        .entity("Status")));
    posted.reverse();
    assert_eq!(timeline(&server, &alice, &list).await, posted);
    let path = format!("{}?limit=3", list.replace("/lists/", "/timelines/list/"));
    let first = server.get(&alice, &path).await;
    assert_eq!(ids(&first.entities("Status")), posted[..3]);
    let next = server.get(&alice, &first.link("next").unwrap()).await;
    assert_eq!(ids(&next.entities("Status")), posted[3..6]);
    let back = server.get(&alice, &next.link("prev").unwrap()).await;
    assert_eq!(ids(&back.entities("Status")), posted[..3]);
    let mute = format!("/api/v1/accounts/{}/mute", bob.id());
    server
        .post(&alice, &mute, json!({}))
        .await
        .entity("Relationship");
    assert_eq!(
        timeline(&server, &alice, &list).await.len(),
        0,
        "the muted are left out"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_says_which_replies_are_in_it() {
    let server = Server::start().await;
    let (alice, bob, fellow, friend, stranger) = (
        server.person("alice").await,
        server.person("bob").await,
        server.person("fellow").await,
        server.person("friend").await,
        server.person("stranger").await,
    );
    follow(&server, &alice, &friend).await;
    let mut lists = Vec::new();
    for policy in ["none", "list", "followed"] {
        let list = list_of(&server, &alice, &bob, json!({"replies_policy": policy})).await;
        follow(&server, &alice, &fellow).await;
        let members = json!({"account_ids": [fellow.id()]});
        server
            .post(&alice, &format!("{list}/accounts"), members)
            .await
            .ok();
        lists.push(list);
    }
    for (to, shown) in [
        (&alice, [true, true, true]),
        (&bob, [true, true, true]),
        (&fellow, [false, true, true]),
        (&friend, [false, false, true]),
        (&stranger, [false, false, false]),
    ] {
        let parent = server.status(to, "what do you think?").await;
        let body = json!({"status": "hm", "in_reply_to_id": parent["id"]});
        let reply = server
            .post(&bob, "/api/v1/statuses", body)
            .await
            .entity("Status");
        for (list, shown) in lists.iter().zip(shown) {
            let held = timeline(&server, &alice, list).await.contains(&id(&reply));
            assert_eq!(held, shown, "reply to {} in {list}", to.account.username);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_an_exclusive_list_is_not_in_the_home() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let list = list_of(&server, &alice, &bob, json!({})).await;
    let first = server.status(&bob, "first").await;
    assert_eq!(home(&server, &alice).await, [id(&first)]);
    let set = async |exclusive: bool| {
        let body = json!({"title": "a list", "exclusive": exclusive});
        server.put(&alice, &list, body).await.entity("List")
    };
    set(true).await;
    assert_eq!(home(&server, &alice).await, Vec::<String>::new());
    let second = server.status(&bob, "second").await;
    assert_eq!(home(&server, &alice).await, Vec::<String>::new());
    assert_eq!(
        timeline(&server, &alice, &list).await,
        [id(&second), id(&first)]
    );
    set(false).await;
    assert_eq!(home(&server, &alice).await, [id(&second), id(&first)]);
    set(true).await;
    server.delete(&alice, &list).await.ok();
    assert_eq!(home(&server, &alice).await, [id(&second), id(&first)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_stream_carries_what_the_list_holds() {
    let server = Server::start().await;
    let (alice, bob, carol) = (
        server.person("alice").await,
        server.person("bob").await,
        server.person("carol").await,
    );
    let list = list_of(&server, &alice, &bob, json!({})).await;
    let list_id = list.rsplit('/').next().unwrap().to_owned();
    follow(&server, &alice, &carol).await;
    let mut hers = socket(&server, &alice, "").await;
    subscribe(
        &mut hers,
        json!({"type": "subscribe", "stream": "list", "list": list_id}),
    )
    .await;
    server.status(&carol, "not in it").await;
    let status = server.status(&bob, "hello").await;
    let heard = frame(&mut hers).await;
    assert_eq!(
        (&heard["stream"], &heard["event"]),
        (&json!(["list", list_id]), &json!("update"))
    );
    assert_eq!(payload(&heard)["id"], status["id"]);
    let path = format!("/api/v1/statuses/{}", id(&status));
    server
        .put(&bob, &path, json!({"status": "hello again"}))
        .await
        .entity("Status");
    assert_eq!(frame(&mut hers).await["event"], "status.update");
    server.delete(&bob, &path).await.entity("Status");
    assert_eq!(frame(&mut hers).await["event"], "delete");
    // Nobody listens to another's list, nor to none.
    let mut his = socket(&server, &bob, "").await;
    for (of, status) in [
        (json!(list_id), 404),
        (json!(null), 400),
        (json!("abc"), 400),
    ] {
        let ask = json!({"type": "subscribe", "stream": "list", "list": of}).to_string();
        futures::SinkExt::send(
            &mut his,
            tokio_tungstenite::tungstenite::Message::Text(ask.into()),
        )
        .await
        .unwrap();
        assert_eq!(frame(&mut his).await["status"], status);
    }
    server.status(&bob, "quiet").await;
    nothing(&mut his).await;
}
