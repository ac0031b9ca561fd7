//! Threads of other servers fill up by themselves, and cost no more than they may.

use serde_json::{Value, json};

use super::two_servers::{Pair, id};
use crate::support::peer::{Delivery, Page, Peer, eventually};
use crate::support::{Person, Server, database};

/// What a job may ask for, and how many jobs a filling has.
const REQUESTS: usize = 150;
const JOBS: usize = 8;

/// Has an actor tell a server of a note that names alice, whom it concerns therefore.
async fn mention(server: &Server, peer: &Peer, name: &str, note: &mut Value, alice: &Person) {
    note["tag"] = json!([{"type": "Mention", "href": alice.account.uri, "name": "@alice"}]);
    note["cc"] = json!([alice.account.uri]);
    peer.serve_object(note);
    deliver(server, peer, name, note).await;
}

async fn deliver(server: &Server, peer: &Peer, name: &str, note: &Value) {
    let create = peer.create(name, note);
    let answer = Delivery::by(&peer.actor_uri(name))
        .send(server, &create)
        .await;
    assert_eq!(answer.status, 202, "{}", answer.text);
}

/// The status of a URI, once it is here.
async fn arrived(server: &Server, who: &Person, uri: &Value) -> Value {
    let uri = uri.as_str().expect("a URI").to_owned();
    eventually("the status arrives", async || {
        let wanted = uri.clone();
        let found = server
            .app
            .read(move |c| {
                Box::pin(async move { Ok(kith::db::statuses::by_uri(c, &wanted).await?) })
            })
            .await
            .expect("the database answers")?;
        let path = format!("/api/v1/statuses/{}", found.id);
        Some(server.get(who, &path).await.entity("Status"))
    })
    .await
}

async fn thread(server: &Server, who: &Person, status: &Value) -> Value {
    let path = format!("/api/v1/statuses/{}/context", id(status));
    server.get(who, &path).await.entity("Context")
}

/// Waits until no thread is being filled up.
async fn filled(server: &Server) {
    let url = server.app.config.database_url.clone();
    let jobs = "SELECT count(*) AS n FROM jobs WHERE kind = 'thread'";
    let queue = "SELECT count(*) AS n FROM inbox_queue WHERE state = 0 AND next_at = 0";
    eventually("the thread is filled", async || {
        let idle =
            database::count(&url, queue).await == 0 && database::count(&url, jobs).await == 0;
        idle.then_some(())
    })
    .await;
}

/// Gives a note a collection of replies as Mastodon has it: its first page stands in the note.
fn with_replies(peer: &Peer, note: &mut Value, replies: &[Value]) {
    let id = note["id"].as_str().expect("an id").to_owned();
    let path = format!("{}/replies", id.strip_prefix(&peer.origin).expect("ours"));
    peer.serve_collection(&path, replies, 5);
    let collection = format!("{}{path}", peer.origin);
    let mut first = json!({"type": "CollectionPage", "partOf": collection, "items": []});
    if !replies.is_empty() {
        first["next"] = json!(format!("{collection}?page=1"));
    }
    note["replies"] = json!({"id": collection, "type": "Collection", "first": first});
}

fn requests(peers: &[Peer]) -> usize {
    peers.iter().map(|peer| peer.requests().len()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_of_two_hundred_over_three_servers_fills_up_by_itself() {
    const REPLIES: usize = 200;
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let peers = [
        Peer::start().await,
        Peer::start().await,
        Peer::start().await,
    ];
    for peer in &peers {
        peer.add_actor("ann");
        peer.add_actor("ben");
    }
    let name = |n: usize| if n.is_multiple_of(2) { "ann" } else { "ben" };
    let uri = |n: usize| json!(format!("{}/notes/{n}", peers[n % 3].origin));
    // Every post answers one of another server, and its server alone knows what answers it.
    let mut last = Value::Null;
    for n in 0..=REPLIES {
        let peer = &peers[n % 3];
        let mut note = peer.note(name(n), &n.to_string(), &format!("post {n}"));
        note["published"] = json!(format!("2026-01-02T{:02}:{:02}:00Z", 3 + n / 60, n % 60));
        if n > 0 {
            note["inReplyTo"] = uri((n - 1) / 2);
        }
        let children: Vec<Value> = [2 * n + 1, 2 * n + 2]
            .into_iter()
            .filter(|child| *child <= REPLIES)
            .map(uri)
            .collect();
        with_replies(peer, &mut note, &children);
        peer.serve_object(&note);
        last = note;
    }
    mention(
        &server,
        &peers[REPLIES % 3],
        name(REPLIES),
        &mut last,
        &alice,
    )
    .await;
    let last = arrived(&server, &alice, &last["id"]).await;
    let first = eventually("the thread is whole", async || {
        let above = thread(&server, &alice, &last).await["ancestors"].take();
        let first = above.as_array()?.first()?.clone();
        if first["uri"] != uri(0) {
            return None;
        }
        let below = thread(&server, &alice, &first).await["descendants"].take();
        (below.as_array()?.len() == REPLIES).then_some(first)
    })
    .await;
    filled(&server).await;
    let made = requests(&peers);
    assert!(made <= JOBS * REQUESTS, "{made} requests");
    for n in 0..=REPLIES {
        let asked = peers[n % 3].asked(&format!("/notes/{n}"));
        assert!(asked <= 2, "post {n} was asked for {asked} times");
    }
    // They are threaded and counted as if they had come by themselves.
    let path = format!("/api/v1/statuses/{}", id(&first));
    let first = server.get(&alice, &path).await.entity("Status");
    assert_eq!(first["replies_count"], 2);
    let heard = server.get(&alice, "/api/v1/notifications").await;
    assert_eq!(heard.entities("Notification").len(), 1);
    let home = server.get(&alice, "/api/v1/timelines/home").await;
    assert_eq!(home.entities("Status").len(), 0);
    // It is left alone for a while, whoever looks at it.
    thread(&server, &alice, &first).await;
    filled(&server).await;
    assert_eq!(requests(&peers), made);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_collection_of_a_thread_is_read_in_place_of_those_of_replies() {
    const POSTS: usize = 40;
    let (server, peer, other) = (
        Server::start().await,
        Peer::start().await,
        Peer::start().await,
    );
    let alice = server.person("alice").await;
    peer.add_actor("ann");
    other.add_actor("ben");
    let context = format!("{}/contexts/1", peer.origin);
    let mut first = peer.note("ann", "0", "first");
    first["context"] = json!(context);
    with_replies(&peer, &mut first, &[]);
    peer.serve_object(&first);
    let mut items = vec![first["id"].clone()];
    let mut above = first["id"].clone();
    let mut last = Value::Null;
    for n in 1..POSTS {
        let (of, name) = if n % 2 == 0 {
            (&peer, "ann")
        } else {
            (&other, "ben")
        };
        let mut note = of.reply(name, &n.to_string(), above.as_str().expect("an id"));
        note["context"] = json!(context);
        with_replies(of, &mut note, &[json!("http://localhost:1/nothing")]);
        above = note["id"].clone();
        // Its own posts stand in the collection as they are; those are not asked for.
        items.push(if n % 4 == 0 {
            note.clone()
        } else {
            note["id"].clone()
        });
        of.serve_object(&note);
        last = note;
    }
    peer.serve_collection("/contexts/1", &items, 15);
    // The second alone is told of.
    let mut told = other.reply("ben", "told", first["id"].as_str().expect("an id"));
    told["context"] = json!(context);
    mention(&server, &other, "ben", &mut told, &alice).await;
    let end = arrived(&server, &alice, &last["id"]).await;
    let above = thread(&server, &alice, &end).await["ancestors"].take();
    assert_eq!(above.as_array().expect("a list").len(), POSTS - 1);
    filled(&server).await;
    assert_eq!(
        peer.asked("/notes/4"),
        0,
        "what stands in the collection is not asked for"
    );
    let asked = |peer: &Peer| {
        let requests = peer.requests();
        requests
            .iter()
            .filter(|(_, path)| path.contains("/replies"))
            .count()
    };
    assert!(
        asked(&peer) <= 1 && asked(&other) == 0,
        "replies were asked for besides"
    );
    // An answer from here stands in the same thread.
    let answer = json!({"status": "me too", "in_reply_to_id": id(&end)});
    let answer = server
        .post(&alice, "/api/v1/statuses", answer)
        .await
        .entity("Status");
    let document = read(&server, answer["uri"].as_str().expect("a URI")).await;
    assert_eq!(document["context"], context);
}

async fn read(server: &Server, url: &str) -> Value {
    let request = server
        .http
        .get(url)
        .header("accept", "application/activity+json");
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{url}");
    serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_chain_is_climbed() {
    const LENGTH: usize = 60;
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    peer.add_actor("ann");
    let mut note = peer.note("ann", "0", "first");
    peer.serve_object(&note);
    for n in 1..=LENGTH {
        note = peer.reply("ann", &n.to_string(), note["id"].as_str().expect("an id"));
        peer.serve_object(&note);
    }
    mention(&server, &peer, "ann", &mut note, &alice).await;
    let last = arrived(&server, &alice, &note["id"]).await;
    eventually("the beginning is here", async || {
        let above = thread(&server, &alice, &last).await["ancestors"].take();
        (above.as_array()?.len() == LENGTH).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_that_is_opened_fills_up_and_says_so() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    peer.add_actor("ann");
    let mut first = peer.note("ann", "0", "first");
    let reply = |n: &str| peer.reply("ann", n, first["id"].as_str().expect("an id"));
    // The shapes in which software lists replies: a URL, ids alone, one item for a list, pages
    // that lead to themselves.
    let (mut two, three, four) = (reply("2"), reply("3"), reply("4"));
    let mut five = peer.reply("ann", "5", two["id"].as_str().expect("an id"));
    let six = peer.reply("ann", "6", five["id"].as_str().expect("an id"));
    let page = format!("{}/gts/replies?page=true", peer.origin);
    first["replies"] = json!({
        "id": format!("{}/gts/replies", peer.origin), "type": "Collection",
        "first": {"id": page, "type": "CollectionPage", "next": format!("{page}&min_id=1"), "items": two["id"]},
    });
    peer.serve("/gts/replies?page=true&min_id=1", Page::Document(json!({
        "@context": "https://www.w3.org/ns/activitystreams", "id": format!("{page}&min_id=1"),
        "type": "CollectionPage", "next": format!("{page}&min_id=1"), "items": [three["id"], four["id"]],
    })));
    peer.serve_object(&first["replies"]);
    two["replies"] = json!({"type": "Collection", "items": [five["id"]]});
    five["replies"] = json!(format!("{}/mitra/replies", peer.origin));
    peer.serve_collection("/mitra/replies", &[six["id"].clone()], 10);
    for note in [&first, &two, &three, &four, &five, &six] {
        peer.serve_object(note);
    }
    let what: String =
        url::form_urlencoded::byte_serialize(first["id"].as_str().unwrap().as_bytes()).collect();
    let found = server
        .get(&alice, &format!("/api/v2/search?q={what}&resolve=true"))
        .await
        .entity("Search");
    let status = &found["statuses"][0];
    let path = format!("/api/v1/statuses/{}/context", id(status));
    // Strangers have nothing asked for.
    let before = peer.requests().len();
    server.get_public(&path).await.entity("Context");
    filled(&server).await;
    assert_eq!(peer.requests().len(), before);
    let answer = server.get(&alice, &path).await;
    let header = answer.headers["mastodon-async-refresh"]
        .to_str()
        .expect("text")
        .to_owned();
    let told = format!("id=\"{}\", retry=3, result_count=", id(status));
    assert!(header.starts_with(&told), "{header}");
    answer.entity("Context");
    let refresh = format!("/api/v1_alpha/async_refreshes/{}", id(status));
    let refresh = eventually("it has come to an end", async || {
        let shown = server.get(&alice, &refresh).await.ok()["async_refresh"].take();
        crate::support::schema::check("AsyncRefresh", &shown);
        (shown["status"] == "finished").then_some(shown)
    })
    .await;
    assert_eq!(refresh["result_count"], 5);
    let answer = server.get(&alice, &path).await;
    assert!(!answer.headers.contains_key("mastodon-async-refresh"));
    let below = answer.entity("Context")["descendants"].take();
    assert_eq!(below.as_array().expect("a list").len(), 5);
    // What nobody opened, or nobody may see, has no refresh.
    let own = server.status(&alice, "hello").await;
    for nothing in [id(&own), "1", "x"] {
        let path = format!("/api/v1_alpha/async_refreshes/{nothing}");
        server.get(&alice, &path).await.refused(404);
    }
    server
        .get_public(&format!("/api/v1_alpha/async_refreshes/{}", id(status)))
        .await
        .refused(401);
    // A day later a look has it asked for again.
    let before = peer.requests().len();
    server.pass(25 * 60 * 60 * 1000);
    thread(&server, &alice, status).await;
    eventually("it is asked for again", async || {
        (peer.requests().len() > before).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_after_it_was_fetched_is_news() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    peer.add_actor("ann");
    let mut first = peer.note("ann", "0", "first");
    let mut reply = peer.reply("ann", "1", first["id"].as_str().expect("an id"));
    reply["tag"] = json!([{"type": "Mention", "href": alice.account.uri, "name": "@alice"}]);
    with_replies(&peer, &mut first, &[reply["id"].clone()]);
    peer.serve_object(&first);
    peer.serve_object(&reply);
    let mut told = peer.reply("ann", "2", first["id"].as_str().expect("an id"));
    mention(&server, &peer, "ann", &mut told, &alice).await;
    let there = arrived(&server, &alice, &reply["id"]).await;
    filled(&server).await;
    let mentions = async || {
        let list = server
            .get(&alice, "/api/v1/notifications")
            .await
            .entities("Notification");
        list.iter()
            .filter(|n| n["status"]["id"] == there["id"])
            .count()
    };
    assert_eq!(mentions().await, 0, "what is fetched is no news");
    for _ in 0..2 {
        deliver(&server, &peer, "ann", &reply).await;
        eventually("its Create notifies", async || {
            (mentions().await == 1).then_some(())
        })
        .await;
        filled(&server).await;
    }
    assert_eq!(mentions().await, 1, "once");
}

/// Two servers of this kind: what the second was not told of it finds in the first's collection
/// of the thread.
#[tokio::test(flavor = "multi_thread")]
async fn a_thread_of_another_kith_is_as_full_as_there() {
    let pair = Pair::start().await;
    pair.bob_follows().await;
    let (one, two) = (&pair.one, &pair.two);
    let (carol, dave) = (one.person("carol").await, one.person("dave").await);
    let first = one.status(&carol, "first").await;
    let mut above = first.clone();
    let mut said = Vec::new();
    for n in 0..6 {
        let who = if n % 2 == 0 { &dave } else { &carol };
        let to = if n == 3 { &first } else { &above };
        let post = json!({"status": format!("answer {n}"), "in_reply_to_id": to["id"]});
        above = one
            .post(who, "/api/v1/statuses", post)
            .await
            .entity("Status");
        said.push(above["uri"].clone());
    }
    let hidden =
        json!({"status": "not for all", "in_reply_to_id": first["id"], "visibility": "private"});
    let hidden = one
        .post(&carol, "/api/v1/statuses", hidden)
        .await
        .entity("Status");
    // Bob hears of alice's answer alone.
    let last = json!({"status": "mine", "in_reply_to_id": above["id"]});
    let last = one
        .post(&pair.alice, "/api/v1/statuses", last)
        .await
        .entity("Status");
    let there = arrived(two, &pair.bob, &last["uri"]).await;
    let root = eventually("the thread is whole", async || {
        let above = thread(two, &pair.bob, &there).await["ancestors"].take();
        let first_there = above
            .as_array()?
            .iter()
            .find(|s| s["uri"] == first["uri"])?
            .clone();
        let below = thread(two, &pair.bob, &first_there).await["descendants"].take();
        let below: Vec<Value> = below.as_array()?.iter().map(|s| s["uri"].clone()).collect();
        (said.iter().all(|uri| below.contains(uri)) && below.len() == 7).then_some(first_there)
    })
    .await;
    filled(two).await;
    let there_too = format!(
        "SELECT count(*) AS n FROM statuses WHERE uri = '{}'",
        hidden["uri"].as_str().expect("a URI")
    );
    assert_eq!(
        database::count(&two.app.config.database_url, &there_too).await,
        0
    );
    // Bob's answer stands in the same thread, and is in its collection once it has come.
    let answer = json!({"status": "hello", "in_reply_to_id": root["id"]});
    let answer = two
        .post(&pair.bob, "/api/v1/statuses", answer)
        .await
        .entity("Status");
    let context = format!("{}/context", first["uri"].as_str().expect("a URI"));
    let document = read(two, answer["uri"].as_str().expect("a URI")).await;
    assert_eq!(document["context"], context);
    eventually("the answer is in the collection", async || {
        let page = read(one, &format!("{context}?page=true")).await;
        page["orderedItems"]
            .as_array()?
            .contains(&answer["uri"])
            .then_some(())
    })
    .await;
}
