//! Profiles of other servers are as full as at home once somebody has looked at them.

use serde_json::{Value, json};

use super::two_servers::id;
use crate::support::peer::{Page, Peer, eventually};
use crate::support::{Person, Server, database};

const CONTEXT: &str = "https://www.w3.org/ns/activitystreams";

/// The account of an actor, looked for by its id.
async fn find(server: &Server, who: &Person, uri: &str) -> Value {
    let what: String = url::form_urlencoded::byte_serialize(uri.as_bytes()).collect();
    let found = server
        .get(who, &format!("/api/v2/search?q={what}&resolve=true"))
        .await;
    found.entity("Search")["accounts"][0].clone()
}

/// Waits until no profile is being read.
async fn settled(server: &Server) {
    let busy = "SELECT count(*) AS n FROM jobs WHERE kind = 'profile'";
    let read = "SELECT count(*) AS n FROM account_reads WHERE read_at > 0 OR failures > 0";
    let url = server.app.config.database_url.clone();
    eventually("the profile is read", async || {
        let done = database::count(&url, busy).await == 0 && database::count(&url, read).await > 0;
        done.then_some(())
    })
    .await;
}

async fn shown(server: &Server, who: &Person, account: &Value) -> Value {
    let path = format!("/api/v1/accounts/{}", id(account));
    server.get(who, &path).await.entity("Account")
}

async fn posts(server: &Server, who: &Person, account: &Value, query: &str) -> Vec<Value> {
    let path = format!("/api/v1/accounts/{}/statuses{query}", id(account));
    server.get(who, &path).await.entities("Status")
}

fn uris(list: &[Value]) -> Vec<Value> {
    list.iter().map(|status| status["uri"].clone()).collect()
}

fn create(peer: &Peer, name: &str, n: usize) -> (Value, Value) {
    let mut note = peer.note(name, &n.to_string(), &format!("post {n}"));
    note["published"] = json!(format!("2026-01-02T03:04:{n:02}Z"));
    let create = peer.create(name, &note);
    (note, create)
}

fn total(peer: &Peer, path: &str, number: i64) {
    let id = format!("{}{path}", peer.origin);
    let head = json!({"@context": CONTEXT, "id": id, "type": "OrderedCollection", "totalItems": number, "first": format!("{id}?page=1")});
    peer.serve(path, Page::Document(head));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_like_mastodons_is_read_at_its_first_view() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let path = "/users/ann";
    let uri = format!("{}{path}", peer.origin);
    let changes = json!({"following": format!("{uri}/following"), "featured": format!("{uri}/collections/featured")});
    peer.add_actor_with("ann", changes);
    let (one, first) = create(&peer, "ann", 1);
    let (two, second) = create(&peer, "ann", 2);
    let (pinned, _) = create(&peer, "ann", 0);
    let mut stolen = peer.create("ann", &peer.note("eve", "9", "not hers"));
    stolen["object"]["attributedTo"] = json!(peer.actor_uri("eve"));
    peer.add_actor("eve");
    let boost = json!({"id": format!("{uri}/statuses/3/activity"), "type": "Announce", "actor": uri, "object": format!("{}/notes/77", peer.origin)});
    let outbox = format!("{uri}/outbox");
    total(&peer, "/users/ann/outbox", 321);
    peer.serve(
        "/users/ann/outbox",
        Page::Document(json!({
            "@context": CONTEXT, "id": outbox, "type": "OrderedCollection", "totalItems": 321,
            "first": format!("{outbox}?page=true"), "last": format!("{outbox}?min_id=0&page=true"),
        })),
    );
    peer.serve("/users/ann/outbox?page=true", Page::Document(json!({
        "@context": CONTEXT, "id": format!("{outbox}?page=true"), "type": "OrderedCollectionPage", "partOf": outbox,
        "next": format!("{outbox}?max_id=1&page=true"), "orderedItems": [boost, stolen, second, first],
    })));
    total(&peer, "/users/ann/followers", 1234);
    total(&peer, "/users/ann/following", 56);
    peer.serve_collection(
        "/users/ann/collections/featured",
        std::slice::from_ref(&pinned),
        10,
    );
    let featured = json!({"@context": CONTEXT, "id": format!("{uri}/collections/featured"), "type": "OrderedCollection", "orderedItems": [pinned]});
    peer.serve("/users/ann/collections/featured", Page::Document(featured));
    let account = find(&server, &alice, &uri).await;
    // Nobody waits for what is asked for besides.
    settled(&server).await;
    let full = shown(&server, &alice, &account).await;
    assert_eq!(
        (
            &full["statuses_count"],
            &full["followers_count"],
            &full["following_count"]
        ),
        (&json!(321), &json!(1234), &json!(56))
    );
    let list = posts(&server, &alice, &account, "").await;
    assert_eq!(
        uris(&list),
        [two["id"].clone(), one["id"].clone(), pinned["id"].clone()]
    );
    assert_eq!(
        uris(&posts(&server, &alice, &account, "?pinned=true").await),
        [pinned["id"].clone()]
    );
    assert_eq!(
        peer.asked("/notes/77"),
        0,
        "what people boosted is left alone"
    );
    // None of it is news, and the next look asks for nothing.
    let home = server
        .get(&alice, "/api/v1/timelines/home")
        .await
        .entities("Status");
    assert_eq!(home.len(), 0);
    let made = peer.requests().len();
    shown(&server, &alice, &account).await;
    server
        .get(
            &alice,
            &format!("/api/v1/accounts/lookup?acct=ann@{}", peer.domain()),
        )
        .await
        .entity("Account");
    settled(&server).await;
    assert_eq!(peer.requests().len(), made);
    assert!(made <= 25, "{made} requests for a profile");
    // What follows counts on from there.
    let note = peer.note("ann", "new", "new");
    let delivered = {
        let mut named = note.clone();
        named["tag"] = json!([{"type": "Mention", "href": alice.account.uri, "name": "@alice"}]);
        peer.create("ann", &named)
    };
    crate::support::peer::Delivery::by(&uri)
        .send(&server, &delivered)
        .await;
    eventually("it is counted", async || {
        (shown(&server, &alice, &account).await["statuses_count"] == 322).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outboxes_have_many_shapes() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    // Pleroma: no number, the first page within; GoToSocial: ids of posts, one for a list.
    let (one, first) = create(&peer, "pleroma", 1);
    peer.add_actor("pleroma");
    let outbox = format!("{}/outbox", peer.actor_uri("pleroma"));
    peer.serve("/users/pleroma/outbox", Page::Document(json!({
        "@context": CONTEXT, "id": outbox, "type": "OrderedCollection",
        "first": {"id": format!("{outbox}?page=true"), "type": "OrderedCollectionPage", "partOf": outbox, "orderedItems": [first]},
    })));
    let (two, _) = create(&peer, "gts", 2);
    peer.add_actor("gts");
    peer.serve_object(&two);
    let outbox = format!("{}/outbox", peer.actor_uri("gts"));
    let bare = json!({"id": format!("{outbox}#1"), "type": "Create", "actor": peer.actor_uri("gts"), "object": two["id"]});
    peer.serve("/users/gts/outbox", Page::Document(json!({
        "@context": CONTEXT, "id": outbox, "type": "OrderedCollection", "totalItems": 7, "first": format!("{outbox}?limit=40"),
    })));
    peer.serve("/users/gts/outbox?limit=40", Page::Document(json!({
        "@context": CONTEXT, "id": format!("{outbox}?limit=40"), "type": "OrderedCollectionPage",
        "next": format!("{outbox}?limit=40&max_id=1"), "partOf": outbox, "orderedItems": bare,
    })));
    // PeerTube: videos by an account for a channel.
    peer.add_actor("tube");
    let mut video = peer.note("tube", "v", "a description");
    video["type"] = json!("Video");
    video["name"] = json!("A video");
    video["attributedTo"] = json!([{"type": "Person", "id": peer.actor_uri("tube")}, {"type": "Group", "id": peer.actor_uri("channel")}]);
    let items = [peer.create("tube", &video)];
    peer.serve_collection("/users/tube/outbox", &items, 10);
    for (name, note, count) in [("pleroma", &one, 1), ("gts", &two, 7), ("tube", &video, 1)] {
        let account = find(&server, &alice, &peer.actor_uri(name)).await;
        let list = eventually(name, async || {
            let list = posts(&server, &alice, &account, "").await;
            (!list.is_empty()).then_some(list)
        })
        .await;
        assert_eq!(uris(&list), [note["id"].clone()], "{name}");
        eventually("it is counted", async || {
            (shown(&server, &alice, &account).await["statuses_count"] == count).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_community_shows_what_it_passed_on() {
    let (server, peer, other) = (
        Server::start().await,
        Peer::start().await,
        Peer::start().await,
    );
    let alice = server.person("alice").await;
    let group = peer.add_actor_with("group", json!({"type": "Group"}));
    peer.add_actor("ann");
    other.add_actor("ben");
    let page = |of: &Peer, name: &str, n: usize| {
        let (mut page, _) = create(of, name, n);
        page["type"] = json!("Page");
        page["name"] = json!(format!("title {n}"));
        of.serve_object(&page);
        page
    };
    let (near, far) = (page(&peer, "ann", 1), page(&other, "ben", 2));
    let mut twisted = far.clone();
    twisted["content"] = json!("what ben never said");
    // As Lemmy lists them: in the Creates of their authors.
    let announce = |n: usize, of: &Peer, name: &str, page: &Value| {
        json!({
            "id": format!("{}/activities/announce/{n}", peer.origin), "type": "Announce", "actor": group,
            "to": [format!("{CONTEXT}#Public")], "object": of.create(name, page),
        })
    };
    let items = [
        announce(2, &other, "ben", &twisted),
        announce(1, &peer, "ann", &near),
    ];
    let outbox = format!("{group}/outbox");
    peer.serve("/users/group/outbox", Page::Document(json!({
        "@context": CONTEXT, "id": outbox, "type": "OrderedCollection", "totalItems": 2, "orderedItems": items,
    })));
    let account = find(&server, &alice, &group).await;
    let list = eventually("the community's posts are here", async || {
        let list = posts(&server, &alice, &account, "").await;
        (list.len() == 2).then_some(list)
    })
    .await;
    let passed_on: Vec<Value> = list
        .iter()
        .map(|status| status["reblog"]["uri"].clone())
        .collect();
    assert_eq!(passed_on, [far["id"].clone(), near["id"].clone()]);
    assert!(
        !list[0]["reblog"]["content"]
            .as_str()
            .expect("text")
            .contains("never")
    );
    let heard = server
        .get(&alice, "/api/v1/timelines/home")
        .await
        .entities("Status");
    assert_eq!(heard.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn s6_an_outbox_without_end_costs_little() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let bomb = peer.add_actor_with("bomb", json!({"type": "Group", "following": format!("{}/f", peer.origin), "featured": format!("{}/p", peer.origin)}));
    peer.serve_rest(|origin, path| {
        let id = format!("{origin}{path}");
        let more = format!("{id}x");
        if path.starts_with("/users/") && !path.contains("outbox") {
            let name = path.trim_start_matches("/users/").replace('/', "_");
            return Page::Document(json!({"@context": CONTEXT, "id": id, "type": "Person", "preferredUsername": name, "inbox": format!("{id}/inbox")}));
        }
        let items: Vec<Value> = (0..500)
            .map(|n| json!({"type": "Announce", "id": format!("{id}{n}"), "actor": format!("{origin}/users/bomb"), "object": format!("{origin}/boom/{n}{}", path.len())}))
            .collect();
        Page::Document(json!({
            "@context": CONTEXT, "id": id, "type": "OrderedCollection", "totalItems": u64::MAX,
            "first": more, "next": more, "orderedItems": items,
        }))
    });
    let account = find(&server, &alice, &bomb).await;
    settled(&server).await;
    let made = peer.requests().len();
    assert!(made <= 70, "{made} requests");
    let full = shown(&server, &alice, &account).await;
    assert!(full["followers_count"].as_i64().expect("a number") <= 2_000_000_000);
    // A server that does not answer is left alone for longer and longer.
    let (gone, silent) = (Peer::start().await, "/users/silent");
    let uri = gone.add_actor("silent");
    gone.serve(silent, Page::Document(json!({
        "@context": CONTEXT, "id": uri, "type": "Person", "preferredUsername": "silent", "inbox": format!("{uri}/inbox"), "outbox": format!("{uri}/outbox"),
    })));
    let account = find(&server, &alice, &uri).await;
    let failed = "SELECT count(*) AS n FROM account_reads WHERE failures = 1";
    let url = server.app.config.database_url.clone();
    eventually("it could not be read", async || {
        (database::count(&url, failed).await == 1).then_some(())
    })
    .await;
    assert_eq!(shown(&server, &alice, &account).await["statuses_count"], 0);
}
