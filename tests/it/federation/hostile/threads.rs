//! S3, S6, S7 and S11: what threads elsewhere can make us fetch, believe and tell.

use serde_json::{Value, json};

use super::{block, deliver, followed, read, shows};
use crate::support::peer::{Page, Peer, eventually};
use crate::support::{Person, Server, database};

/// What a filling may cost: eight jobs of 150 requests, and 250 posts each.
const MOST_REQUESTS: usize = 8 * 150;
/// A thread of so many posts is not filled any more.
const MOST_POSTS: i64 = 1000;

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

async fn posts(server: &Server) -> i64 {
    let all = "SELECT count(*) AS n FROM statuses";
    database::count(&server.app.config.database_url, all).await
}

async fn is_here(server: &Server, uri: &Value) -> bool {
    let uri = uri.as_str().expect("a URI");
    let sql = format!("SELECT count(*) AS n FROM statuses WHERE uri = '{uri}'");
    database::count(&server.app.config.database_url, &sql).await > 0
}

/// Has `good` tell of a reply to something that leads to everything else.
async fn bait(server: &Server, peer: &Peer, parent: &str) {
    let note = peer.reply("good", "bait", parent);
    deliver(server, &peer.actor_uri("good"), &peer.create("good", &note)).await;
    eventually("the bait is taken", async || {
        is_here(server, &note["id"]).await.then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s6_a_thread_of_a_hundred_thousand_costs_no_more_than_its_budget() {
    let (server, peer, _alice) = followed().await;
    // Each post has a thousand replies on pages without end, by authors without end, and names a
    // collection of the thread that is as bad.
    peer.serve_rest(|origin, path| {
        let context = "https://www.w3.org/ns/activitystreams";
        let id = format!("{origin}{path}");
        if let Some(name) = path.strip_prefix("/users/") {
            return Page::Document(json!({
                "@context": context, "id": id, "type": "Person",
                "preferredUsername": name.replace(['/', '?', '=', '&'], "_"), "inbox": format!("{id}/inbox"),
            }));
        }
        if let Some((list, n)) = path.split_once("?page=") {
            let n: u64 = n.parse().unwrap_or(0);
            let items: Vec<Value> = (0..50).map(|k| json!(format!("{origin}/bomb{list}/{n}_{k}"))).collect();
            return Page::Document(json!({
                "@context": context, "id": id, "type": "CollectionPage", "items": items,
                "next": format!("{origin}{list}?page={}", n + 1),
            }));
        }
        if path.starts_with("/list") {
            return Page::Document(json!({
                "@context": context, "id": id, "type": "Collection", "totalItems": 100_000,
                "first": format!("{id}?page=1"),
            }));
        }
        // A post at /bomb/list/X/1_2 answers what the list of X is of.
        let parent = path.strip_prefix("/bomb/list").and_then(|rest| rest.rsplit_once('/')).map(|(above, _)| above);
        Page::Document(json!({
            "@context": context, "id": id, "type": "Note", "content": "boom",
            "attributedTo": format!("{origin}/users/u{}", path.len() % 7),
            "published": "2026-01-02T03:04:05Z", "to": format!("{context}#Public"),
            "inReplyTo": parent.map(|parent| format!("{origin}{parent}")),
            "context": format!("{origin}/list/top"), "replies": format!("{origin}/list{path}"),
        }))
    });
    let before = peer.requests().len();
    bait(&server, &peer, &format!("{}/top", peer.origin)).await;
    filled(&server).await;
    let made = peer.requests().len() - before;
    // Besides the filling, taking in the activity has its own budget.
    assert!((50..=MOST_REQUESTS + 30).contains(&made), "{made} requests");
    assert!(posts(&server).await <= MOST_POSTS);
    // And that was all, for a while.
    let note = peer.reply("good", "again", &format!("{}/top", peer.origin));
    deliver(
        &server,
        &peer.actor_uri("good"),
        &peer.create("good", &note),
    )
    .await;
    eventually("the next comes", async || {
        is_here(&server, &note["id"]).await.then_some(())
    })
    .await;
    filled(&server).await;
    assert!(peer.requests().len() - before <= made + 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn s7_what_a_page_gives_away_is_bounded_as_well() {
    let (server, peer, _alice) = followed().await;
    let mut first = peer.note("good", "top", "top");
    // Twenty thousand posts that need not be asked for.
    let items: Vec<Value> = (0..20_000)
        .map(|n| {
            json!({"id": format!("{}/n/{n}", peer.origin), "type": "Note", "content": "x", "attributedTo": peer.actor_uri("good"),
                   "inReplyTo": first["id"], "to": "https://www.w3.org/ns/activitystreams#Public"})
        })
        .collect();
    peer.serve_collection("/all", &items, 3000);
    first["replies"] = json!(format!("{}/all", peer.origin));
    peer.serve_object(&first);
    bait(&server, &peer, first["id"].as_str().expect("an id")).await;
    filled(&server).await;
    let kept = posts(&server).await;
    assert!((100..=MOST_POSTS).contains(&kept), "{kept} posts");
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_s11_what_is_listed_is_not_believed_and_not_told() {
    let (server, peer, alice) = followed().await;
    let (victim, blocked) = (Peer::start().await, Peer::start().await);
    victim.add_actor("vic");
    blocked.add_actor("bad");
    block(&server, blocked.domain()).await;
    let mut first = peer.note("good", "top", "top");
    let top = first["id"].as_str().expect("an id").to_owned();
    // Another's post, made up: its origin serves none, or another one.
    let invented = victim.reply("vic", "invented", &top);
    let mut twisted = victim.reply("vic", "twisted", &top);
    victim.serve_object(&twisted);
    twisted["content"] = json!("what vic never said");
    // Of one's own: for followers alone, deleted, of another thread, of a blocked server.
    let mut private = peer.reply("good", "private", &top);
    private["to"] = json!([format!("{}/followers", peer.actor_uri("good"))]);
    private["cc"] = json!([]);
    let mut direct = peer.reply("good", "direct", &top);
    direct["to"] = json!([alice.account.uri]);
    direct["cc"] = json!([]);
    let elsewhere = peer.reply(
        "good",
        "elsewhere",
        &format!("{}/notes/nowhere", peer.origin),
    );
    let loose = peer.note("good", "loose", "loose");
    let deleted = peer.reply("good", "deleted", &top);
    let outlaw = blocked.reply("bad", "1", &top);
    let good = peer.reply("good", "fine", &top);
    for note in [&private, &direct, &elsewhere, &loose, &deleted, &good] {
        peer.serve_object(note);
    }
    blocked.serve_object(&outlaw);
    let delete = super::activity(&peer.actor_uri("good"), "del", "Delete", &deleted["id"]);
    deliver(&server, &peer.actor_uri("good"), &delete).await;
    let items = [
        invented.clone(),
        twisted.clone(),
        private.clone(),
        direct.clone(),
        elsewhere["id"].clone(),
        loose["id"].clone(),
        deleted["id"].clone(),
        outlaw.clone(),
        outlaw["id"].clone(),
        good["id"].clone(),
        json!("javascript:alert(1)"),
        json!({"type": "Note"}),
        json!(null),
        json!(server.url),
    ];
    let collection = peer.serve_collection("/replies", &items, 100);
    first["replies"] = collection["id"].clone();
    // A collection elsewhere is nobody's who is not its owner: it is not asked for.
    let mut other = peer.reply("good", "other", &top);
    other["replies"] = json!(format!("{}/replies", victim.origin));
    victim.serve_collection(
        "/replies",
        &[json!(format!("{}/notes/x", victim.origin))],
        10,
    );
    peer.serve_object(&other);
    peer.serve_object(&first);
    deliver(
        &server,
        &peer.actor_uri("good"),
        &peer.create("good", &other),
    )
    .await;
    eventually("the reply is here", async || {
        is_here(&server, &good["id"]).await.then_some(())
    })
    .await;
    filled(&server).await;
    for note in [
        &invented, &private, &direct, &elsewhere, &loose, &deleted, &outlaw,
    ] {
        assert!(!is_here(&server, &note["id"]).await, "{note}");
    }
    assert_eq!(blocked.requests(), [], "blocked servers are not asked");
    assert_eq!(victim.asked("/replies"), 0);
    let uri = twisted["id"].as_str().expect("an id").to_owned();
    let kept = server
        .app
        .read(move |c| Box::pin(async move { Ok(kith::db::statuses::by_uri(c, &uri).await?) }))
        .await
        .expect("the database answers")
        .expect("what vic did say is here");
    assert_eq!(kept.content, "twisted");
}

/// Everything that a collection of ours lists, page by page.
async fn listed(server: &Server, url: &str) -> Vec<String> {
    let path = url.strip_prefix(&server.url).expect("ours");
    let mut page = read(server, path).await.ok();
    let mut next = page["first"].take();
    let mut items = Vec::new();
    while let Some(url) = next.as_str() {
        page = read(server, url.strip_prefix(&server.url).expect("ours"))
            .await
            .ok();
        items.extend(
            page["orderedItems"]
                .as_array()
                .or(page["items"].as_array())
                .expect("items")
                .clone(),
        );
        next = page["next"].take();
    }
    items
        .iter()
        .map(|item| item.as_str().expect("a URI").to_owned())
        .collect()
}

async fn say(server: &Server, who: &Person, text: &str, to: &Value, visibility: &str) -> Value {
    let post = json!({"status": text, "in_reply_to_id": to["id"], "visibility": visibility});
    server
        .post(who, "/api/v1/statuses", post)
        .await
        .entity("Status")
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_our_collections_of_threads_tell_what_everyone_may_see() {
    let (server, peer, alice) = followed().await;
    let bob = server.person("bob").await;
    let first = server.status(&alice, "first").await;
    let uri = first["uri"].as_str().expect("a URI");
    let context = format!("{uri}/context");
    let one = say(&server, &bob, "one", &first, "public").await;
    let two = say(&server, &alice, "two", &one, "unlisted").await;
    for hidden in ["private", "direct", "mutuals", "local"] {
        say(&server, &bob, hidden, &first, hidden).await;
    }
    let remote = peer.reply("good", "r", uri);
    deliver(
        &server,
        &peer.actor_uri("good"),
        &peer.create("good", &remote),
    )
    .await;
    eventually("the remote reply is here", async || {
        is_here(&server, &remote["id"]).await.then_some(())
    })
    .await;
    let path = uri.strip_prefix(&server.url).expect("ours");
    let note = read(&server, path).await.ok();
    assert_eq!(note["context"], context);
    assert_eq!(note["replies"]["totalItems"], 2);
    for path in [&one, &two] {
        let path = path["uri"].as_str().expect("a URI");
        let answer = read(&server, path.strip_prefix(&server.url).expect("ours"))
            .await
            .ok();
        assert_eq!(
            answer["context"], context,
            "answers stand in the thread of what they answer"
        );
    }
    let head = read(&server, context.strip_prefix(&server.url).expect("ours"))
        .await
        .ok();
    assert_eq!(
        (&head["totalItems"], &head["attributedTo"], &head["type"]),
        (
            &json!(4),
            &json!(alice.account.uri),
            &json!("OrderedCollection")
        )
    );
    let all = listed(&server, &context).await;
    let mut expected: Vec<String> = [&first, &one, &two]
        .iter()
        .map(|s| s["uri"].as_str().expect("a URI").to_owned())
        .collect();
    expected.push(remote["id"].as_str().expect("an id").to_owned());
    let mut sorted = all.clone();
    sorted.sort();
    expected.sort();
    assert_eq!(sorted, expected);
    assert_eq!(listed(&server, &format!("{uri}/replies")).await.len(), 2);
    // An answer begins no thread; a thread for some alone is nobody else's.
    let answer = format!("{}/context", one["uri"].as_str().expect("a URI"));
    read(&server, answer.strip_prefix(&server.url).expect("ours"))
        .await
        .refused(404);
    let secret = server
        .post(
            &alice,
            "/api/v1/statuses",
            json!({"status": "secret", "visibility": "private"}),
        )
        .await
        .entity("Status");
    let secret = format!("{}/context", secret["uri"].as_str().expect("a URI"));
    read(&server, secret.strip_prefix(&server.url).expect("ours"))
        .await
        .refused(404);
    // What is gone is gone with its collections.
    let path = format!("/api/v1/statuses/{}", first["id"].as_str().expect("an id"));
    server.delete(&alice, &path).await.entity("Status");
    for what in ["context", "replies"] {
        let path = format!("{}/{what}", uri.strip_prefix(&server.url).expect("ours"));
        assert_eq!(read(&server, &path).await.status, 410);
    }
    assert!(!shows(&super::home(&server, &alice).await, &first["uri"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn collections_of_threads_are_paged_and_may_want_a_signature() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let first = server.status(&alice, "first").await;
    for n in 0..104 {
        say(&server, &alice, &n.to_string(), &first, "public").await;
    }
    let uri = first["uri"].as_str().expect("a URI");
    let all = listed(&server, &format!("{uri}/context")).await;
    assert_eq!(all.len(), 105);
    assert_eq!(all[0], uri, "the first comes first");
    assert_eq!(listed(&server, &format!("{uri}/replies")).await.len(), 104);
    let strict = Server::start_with(&[("KITH_AUTHORIZED_FETCH", "true")]).await;
    let bob = strict.person("bob").await;
    let post = strict.status(&bob, "first").await;
    let uri = post["uri"].as_str().expect("a URI");
    let path = format!("{}/context", uri.strip_prefix(&strict.url).expect("ours"));
    read(&strict, &path).await.refused(401);
}
