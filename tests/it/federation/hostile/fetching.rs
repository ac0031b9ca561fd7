//! S5, S6 and S7: what a peer can make us fetch, how often, and how much of it.

use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{activity, deliver, followed, home, search, settle};
use crate::support::peer::{Delivery, Page, Peer, eventually, listener};
use crate::support::{Server, database};

#[tokio::test(flavor = "multi_thread")]
async fn s5_private_addresses_are_not_fetched() {
    let server = Server::start_with(&[("KITH_FEDERATION_ALLOW_PRIVATE", "false")]).await;
    let peer = Peer::start().await;
    let alice = server.person("alice").await;
    let good = peer.add_actor("good");
    for what in [
        good.clone(),
        format!("@good@{}", peer.domain()),
        good.replace("localhost", "127.0.0.1"),
        good.replace("localhost", "0.0.0.0"),
        good.replace("localhost", "[::1]"),
    ] {
        let found = server
            .get(&alice, &format!("/api/v2/search?q={what}&resolve=true"))
            .await;
        assert_eq!(found.entity("Search")["accounts"], json!([]), "{what}");
    }
    let create = peer.create("good", &peer.note("good", "1", "hi"));
    Delivery::by(&good)
        .send(&server, &create)
        .await
        .refused(401);
    assert_eq!(peer.requests(), [], "not one request was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn s5_no_client_of_ours_reaches_inside() {
    let server = Server::start_with(&[("KITH_FEDERATION_ALLOW_PRIVATE", "false")]).await;
    let alice = server.person("alice").await;
    // Whoever so much as connects is counted.
    let inside = listener().await;
    let port = inside.local_addr().unwrap().port();
    let reached = Arc::new(AtomicUsize::new(0));
    let counted = reached.clone();
    let counting = tokio::spawn(async move {
        while let Ok((_stream, _)) = inside.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let hosts = [
        "localhost",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "localhost.",
    ];
    let url = |scheme: &str, host: &str| format!("{scheme}://{host}:{port}/x");
    for host in hosts {
        for scheme in ["https", "http"] {
            let at = url(scheme, host);
            // Previews, and the search for what is behind an address.
            server.status(&alice, &format!("look at {at}")).await;
            let found = search(&server, &alice, &at).await;
            assert_eq!(found["accounts"], json!([]));
        }
        // Webfinger.
        search(&server, &alice, &format!("@a@{host}:{port}")).await;
    }
    // The check of a profile's links.
    let fields = json!({"fields_attributes": [
        {"name": "a", "value": url("https", "localhost")}, {"name": "b", "value": url("https", "127.0.0.1")},
    ]});
    let path = "/api/v1/accounts/update_credentials";
    let patch = reqwest::Method::PATCH;
    server
        .send(patch, path, Some(&alice.token), Some(&fields))
        .await
        .ok();
    // Push.
    for (host, bob) in [("localhost", "bob"), ("127.0.0.1", "bert")] {
        let keys = json!({
            "p256dh": "BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u-Ts1XbjhazAkj7I99e8QcYP7DkM",
            "auth": "tBHItJI5svbpez7KI4CCXg",
        });
        let wish = json!({
            "subscription": {"endpoint": url("https", host), "keys": keys},
            "data": {"alerts": {"favourite": true}, "policy": "all"},
        });
        let path = "/api/v1/push/subscription";
        server.post(&alice, path, wish).await;
        let bob = server.person(bob).await;
        let status = server.status(&alice, "like me").await;
        let like = format!(
            "/api/v1/statuses/{}/favourite",
            status["id"].as_str().unwrap()
        );
        server.post(&bob, &like, json!({})).await.ok();
    }
    let due = format!(
        "SELECT count(*) AS n FROM jobs WHERE failed_at IS NULL AND run_at <= {}",
        server.app.clock.now_ms() + 1000
    );
    eventually("all that was to be fetched was tried", async || {
        let left = database::count(&server.app.config.database_url, &due).await;
        (left == 0).then_some(())
    })
    .await;
    assert_eq!(reached.load(Ordering::Relaxed), 0);
    counting.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn s6_endless_chains_and_redirects_end() {
    let (server, peer, alice) = followed().await;
    // Every note answers another one that must be fetched.
    peer.serve_rest(|origin, path| {
        let n: u64 = path.rsplit('/').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        if path.starts_with("/loop") {
            return Page::Redirect(format!("{origin}/loop/{}", n + 1));
        }
        Page::Document(json!({
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": format!("{origin}{path}"), "type": "Note", "attributedTo": format!("{origin}/users/good"),
            "content": "again", "inReplyTo": format!("{origin}/chain/{}", n + 1),
            "published": "2026-01-02T03:04:05Z",
            "to": ["https://www.w3.org/ns/activitystreams#Public"],
        }))
    });
    let before = peer.requests().len();
    let mut note = peer.note("good", "0", "top");
    note["inReplyTo"] = json!(format!("{}/chain/1", peer.origin));
    let create = peer.create("good", &note);
    assert_eq!(
        Delivery::by(&peer.actor_uri("good"))
            .send(&server, &create)
            .await
            .status,
        202
    );
    settle(&server, &peer, &alice, "end").await;
    let made = peer.requests().len() - before;
    assert!((1..=60).contains(&made), "{made} requests for one activity");
    let before = peer.requests().len();
    let found = server
        .get(
            &alice,
            &format!("/api/v2/search?q={}/loop/1&resolve=true", peer.origin),
        )
        .await;
    assert_eq!(found.entity("Search")["statuses"], json!([]));
    let made = peer.requests().len() - before;
    assert!(made <= 10, "{made} redirects were followed");
}

#[tokio::test(flavor = "multi_thread")]
async fn s6_an_activity_is_no_bomb() {
    let (server, peer, alice) = followed().await;
    let good = peer.actor_uri("good");
    // Whatever is asked for leads to more of everything: parents, quotes, mentions, pages.
    peer.serve_rest(|origin, path| {
        let context = "https://www.w3.org/ns/activitystreams";
        let id = format!("{origin}{path}");
        if path.starts_with("/users/") {
            let name = path.trim_start_matches("/users/").replace('/', "_");
            return Page::Document(json!({
                "@context": context, "id": id, "type": "Person", "preferredUsername": name,
                "inbox": format!("{id}/inbox"), "featured": format!("{origin}/pages{path}"),
                "movedTo": format!("{id}/a"), "alsoKnownAs": [format!("{id}/b"), format!("{id}/c")],
            }));
        }
        if path.starts_with("/pages/") {
            let item = format!("{origin}/bomb{path}");
            return Page::Document(json!({
                "@context": context, "id": id, "type": "OrderedCollection", "totalItems": 1_000_000_000,
                "first": format!("{id}/a"), "next": format!("{id}/a"), "orderedItems": vec![item; 5000],
            }));
        }
        let mentions: Vec<Value> = (0..10)
            .map(|n| json!({"type": "Mention", "href": format!("{origin}/users/m{}x{n}", path.len())}))
            .collect();
        Page::Document(json!({
            "@context": context, "id": id, "type": "Note", "attributedTo": format!("{origin}/users/u{}", path.len()),
            "content": "boom", "to": format!("{context}#Public"), "tag": mentions,
            "inReplyTo": format!("{id}/r"), "quote": format!("{id}/q"), "quoteAuthorization": format!("{id}/s"),
            "replies": {"type": "Collection", "first": format!("{origin}/pages{path}")},
        }))
    });
    let before = peer.requests().len();
    let mut note = peer.note("good", "bomb", "boom");
    note["inReplyTo"] = json!(format!("{}/bomb/1", peer.origin));
    note["quote"] = json!(format!("{}/bomb/2", peer.origin));
    note["tag"] = (0..10)
        .map(|n| json!({"type": "Mention", "href": format!("{}/users/n{n}", peer.origin)}))
        .collect();
    deliver(&server, &good, &peer.create("good", &note)).await;
    deliver(
        &server,
        &good,
        &activity(
            &good,
            "boost",
            "Announce",
            &json!(format!("{}/bomb/3", peer.origin)),
        ),
    )
    .await;
    settle(&server, &peer, &alice, "end").await;
    let made = peer.requests().len() - before;
    assert!(
        (1..=45).contains(&made),
        "{made} requests for two activities"
    );
    // What somebody has pinned is asked for once they are followed: a page of it.
    let featured = json!({"featured": format!("{}/pages/pinner", peer.origin)});
    let pinner = peer.add_actor_with("pinner", featured);
    let found = search(&server, &alice, &pinner).await;
    let before = peer.requests().len();
    let path = format!(
        "/api/v1/accounts/{}/follow",
        found["accounts"][0]["id"].as_str().unwrap()
    );
    server.post(&alice, &path, json!({})).await.ok();
    let follow = eventually("the Follow arrives", async || {
        let received = peer.received();
        received
            .into_iter()
            .find(|a| a["type"] == "Follow" && a["object"] == pinner)
    })
    .await;
    deliver(&server, &pinner, &activity(&pinner, "a", "Accept", &follow)).await;
    let url = server.app.config.database_url.clone();
    let busy = "SELECT count(*) AS n FROM jobs WHERE kind = 'featured'";
    eventually("what is pinned was asked for", async || {
        let done = database::count(&url, busy).await == 0;
        (done && peer.asked("/pages/pinner") > 0).then_some(())
    })
    .await;
    let made = peer.requests().len() - before;
    assert!(made <= 30, "{made} requests for what is pinned");
}

#[tokio::test(flavor = "multi_thread")]
async fn s7_what_is_too_much_is_cut_off() {
    let (server, peer, alice) = followed().await;
    let good = peer.actor_uri("good");
    let mut note = peer.note("good", "big", &"x".repeat(2 << 20));
    let answer = Delivery::by(&good)
        .send(&server, &peer.create("good", &note))
        .await;
    answer.refused(413);
    // A thousand mentions and tags.
    let tags: Vec<Value> = (0..3000)
        .map(|n| json!({"type": if n % 2 == 0 { "Mention" } else { "Hashtag" }, "href": format!("{}/users/m{n}", peer.origin), "name": format!("#t{n}")}))
        .collect();
    note = peer.note("good", "many", "many");
    note["tag"] = json!(tags);
    let before = peer.requests().len();
    Delivery::by(&good)
        .send(&server, &peer.create("good", &note))
        .await;
    let list = settle(&server, &peer, &alice, "end").await;
    assert!(
        peer.requests().len() - before < 60,
        "mentions were fetched without bound"
    );
    if let Some(many) = list.iter().find(|s| s["uri"] == note["id"]) {
        assert!(many["tags"].as_array().expect("tags").len() <= 200);
        assert!(many["mentions"].as_array().expect("mentions").len() <= 200);
    }
    // Documents without end.
    peer.serve("/endless", Page::Endless);
    let found = server
        .get(
            &alice,
            &format!("/api/v2/search?q={}/endless&resolve=true", peer.origin),
        )
        .await;
    assert_eq!(found.entity("Search")["statuses"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn s7_huge_fields_are_cut_and_deep_ones_refused() {
    let (server, peer, alice) = followed().await;
    let good = peer.actor_uri("good");
    // An actor of nearly a megabyte.
    let many = |n: usize, what: &dyn Fn(usize) -> Value| (0..n).map(what).collect::<Vec<_>>();
    let huge = json!({
        "name": "n".repeat(100_000), "summary": format!("<p>{}</p>", "s".repeat(200_000)),
        "attachment": many(2000, &|n| json!({"type": "PropertyValue", "name": format!("f{n}"), "value": "v".repeat(60)})),
        "tag": many(1000, &|n| json!({"type": "Emoji", "name": format!(":e{n}:"), "icon": {"url": format!("http://localhost/{n}")}})),
        "alsoKnownAs": many(1000, &|n| json!(format!("http://localhost/{n}"))),
    });
    let uri = peer.add_actor_with("huge", huge);
    let found = search(&server, &alice, &uri).await;
    let account = &found["accounts"][0];
    assert_eq!(account["uri"], uri);
    assert!(account["display_name"].as_str().unwrap().len() <= 1000);
    assert!(account["note"].as_str().unwrap().len() <= 25_000);
    assert!(account["fields"].as_array().unwrap().len() <= 20);
    assert!(account["emojis"].as_array().unwrap().len() <= 100);
    // A post with as much of everything as fits.
    let mut note = peer.note("good", "huge", &"<p>x</p>".repeat(25_000));
    note["type"] = json!("Question");
    note["summary"] = json!("w".repeat(50_000));
    note["oneOf"] = json!(many(
        3000,
        &|n| json!({"type": "Note", "name": format!("option {n}")})
    ));
    note["attachment"] = json!(many(
        2000,
        &|n| json!({"type": "Document", "mediaType": "image/png", "url": format!("{}/{n}.png", peer.origin)})
    ));
    note["to"] = json!(many(3000, &|n| match n {
        0 => json!("https://www.w3.org/ns/activitystreams#Public"),
        n => json!(format!("{}/users/t{n}", peer.origin)),
    }));
    let before = peer.requests().len();
    deliver(&server, &good, &peer.create("good", &note)).await;
    let list = settle(&server, &peer, &alice, "end").await;
    assert!(peer.requests().len() - before < 30);
    let status = list.iter().find(|s| s["uri"] == note["id"]).unwrap();
    assert!(status["content"].as_str().unwrap().len() <= 110_000);
    assert!(status["spoiler_text"].as_str().unwrap().len() <= 500);
    assert!(status["media_attachments"].as_array().unwrap().len() <= 16);
    assert!(status["poll"]["options"].as_array().unwrap().len() <= 50);
    // Ids and types that are too long, nesting that is too deep, what is no JSON.
    let long = "l".repeat(5000);
    let mut by_id = activity(&good, &long, "Like", &json!(good));
    Delivery::by(&good).send(&server, &by_id).await.refused(400);
    by_id = activity(&good, "t", &long, &json!(good));
    Delivery::by(&good).send(&server, &by_id).await.refused(400);
    let deep = format!(
        "{{\"id\":\"{good}#deep\",\"type\":\"Like\",\"actor\":\"{good}\",\"object\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    for body in [deep, "{".to_owned(), String::new(), "\u{0}".to_owned()] {
        let delivery = Delivery {
            body: Some(body),
            ..Delivery::by(&good)
        };
        delivery.send(&server, &Value::Null).await.refused(400);
    }
    assert_eq!(home(&server, &alice).await.len(), list.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn s7_senders_that_never_finish_hold_up_nobody() {
    use tokio::io::AsyncWriteExt;

    let (server, peer, alice) = followed().await;
    let address = server.url.trim_start_matches("http://").to_owned();
    let address = address.replace("localhost", "127.0.0.1");
    let mut slow = Vec::new();
    for n in 0..200 {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let head = "POST /inbox HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/activity+json\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        if n % 2 == 0 {
            let rest = b"content-length: 1000000\r\n\r\n{\"id\": \"";
            stream.write_all(rest).await.unwrap();
        }
        slow.push(stream);
    }
    let list = settle(&server, &peer, &alice, "end").await;
    assert_eq!(list.len(), 1);
    // A compressed body is not unpacked, however small it is.
    let bomb = Delivery {
        tamper: |headers| {
            let gzip = reqwest::header::HeaderValue::from_static("gzip");
            headers.insert("content-encoding", gzip);
        },
        other_body: Some("\u{1f}".repeat(100)),
        ..Delivery::by(&peer.actor_uri("good"))
    };
    bomb.send(&server, &Value::Null).await.refused(400);
    drop(slow);
}
