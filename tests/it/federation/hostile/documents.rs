//! S3: ids, addresses, authors and hosts that do not go together; names that look like others.

use serde_json::{Value, json};

use super::{activity, deliver, followed, search, settle, shows};
use crate::support::peer::{Delivery, Page, Peer};

#[tokio::test(flavor = "multi_thread")]
async fn s3_ids_must_be_where_their_author_is() {
    let (server, peer, alice) = followed().await;
    let elsewhere = Peer::start().await;
    elsewhere.add_actor("victim");
    let good = peer.actor_uri("good");
    // A note with an id on another server.
    let mut note = peer.note("good", "1", "not mine");
    note["id"] = json!(format!("{}/notes/1", elsewhere.origin));
    let mut create = peer.create("good", &note);
    create["id"] = json!(format!("{}/creates/1", peer.origin));
    let first = Delivery::by(&good).send(&server, &create).await;
    assert!(
        first.status.is_success() || first.status == 401,
        "{}",
        first.text
    );
    // A note of somebody else.
    let mut note = peer.note("good", "2", "not mine");
    note["attributedTo"] = json!(elsewhere.actor_uri("victim"));
    Delivery::by(&good)
        .send(&server, &peer.create("good", &note))
        .await;
    // An activity with an id on another server.
    let mut create = peer.create("good", &peer.note("good", "3", "odd"));
    create["id"] = json!(format!("{}/creates/3", elsewhere.origin));
    Delivery::by(&good)
        .send(&server, &create)
        .await
        .refused(401);
    // Only what is good is there.
    assert_eq!(settle(&server, &peer, &alice, "end").await.len(), 1);
    // A document that says it is another one.
    let lie = json!({"@context": "https://www.w3.org/ns/activitystreams", "id": format!("{}/notes/real", elsewhere.origin),
        "type": "Note", "attributedTo": elsewhere.actor_uri("victim"), "content": "spoof",
        "to": "https://www.w3.org/ns/activitystreams#Public"});
    peer.serve("/spoof", Page::Document(lie));
    let found = server
        .get(
            &alice,
            &format!("/api/v2/search?q={}/spoof&resolve=true", peer.origin),
        )
        .await
        .entity("Search");
    assert_eq!(found["statuses"], json!([]));
    // What is served as anything but ActivityPub is none.
    let note = peer.note("good", "html", "x").to_string();
    peer.serve("/notes/html", Page::Raw(200, "text/html", note));
    let found = server
        .get(
            &alice,
            &format!("/api/v2/search?q={}/notes/html&resolve=true", peer.origin),
        )
        .await
        .entity("Search");
    assert_eq!(found["statuses"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_a_host_has_one_spelling() {
    let (server, peer, alice) = followed().await;
    let (good, own) = (peer.actor_uri("good"), peer.origin.clone());
    let port = own.rsplit(':').next().unwrap();
    let before = peer.requests().len();
    for other in [
        format!("http://LOCALHOST:{port}"),
        format!("HTTP://localhost:{port}"),
        format!("http://localhost.:{port}"),
        format!("http://localhost:0{port}"),
        format!("http://user@localhost:{port}"),
        format!("http://\u{ff4c}ocalhost:{port}"),
        format!("http://loc\u{ad}alhost:{port}"),
        format!("http://localhost:{port}\\@127.0.0.1"),
        format!("http:/localhost:{port}"),
        format!("http:localhost:{port}"),
    ] {
        // As actor, with a key that says so, and as id of what good does.
        let actor = good.replace(&own, &other);
        let note = peer.note("good", "odd", "odd");
        let mut by_other = peer.create("good", &note);
        by_other["actor"] = json!(actor);
        let mut id = peer.create("good", &note);
        id["id"] = json!(format!("{other}/notes/odd#create"));
        for activity in [&by_other, &id] {
            for by in [&good, &actor] {
                if !by.is_ascii() || by.contains('\\') {
                    continue;
                }
                let answer = Delivery::by(by).send(&server, activity).await;
                let refused = answer.status == 400 || answer.status == 401;
                assert!(refused, "{other}: {} {}", answer.status, answer.text);
            }
        }
        // As id of an object.
        let mut object = note.clone();
        object["id"] = json!(format!("{other}/notes/odd"));
        let mut create = peer.create("good", &note);
        create["object"] = object;
        create["id"] = json!(format!("{good}#{}", other.len()));
        Delivery::by(&good).send(&server, &create).await;
    }
    assert_eq!(peer.requests().len(), before, "nobody was asked");
    let list = settle(&server, &peer, &alice, "end").await;
    assert_eq!(list.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_webfinger_gives_nobody_anothers_name() {
    let (server, peer, alice) = followed().await;
    let evil = Peer::start().await;
    let good = peer.actor_uri("good");
    let finger = |site: &Peer, at: &str, subject: &str, href: &str| {
        let jrd = json!({
            "subject": subject,
            "links": [{"rel": "self", "type": "application/activity+json", "href": href}],
        });
        let resource = format!("acct:{at}@{}", site.domain());
        let encoded: String = url::form_urlencoded::byte_serialize(resource.as_bytes()).collect();
        site.serve(
            &format!("/.well-known/webfinger?resource={encoded}"),
            Page::Raw(200, "application/jrd+json", jrd.to_string()),
        );
    };
    // A name at evil that leads to good is good's own name.
    finger(
        &evil,
        "bank",
        &format!("acct:bank@{}", evil.domain()),
        &good,
    );
    let found = search(&server, &alice, &format!("@bank@{}", evil.domain())).await;
    for account in found["accounts"].as_array().unwrap() {
        assert_eq!(account["acct"], format!("good@{}", peer.domain()));
    }
    // Evil says that its mallory is good at the peer, or somebody here: neither agrees.
    for (n, domain) in [peer.domain(), server.domain()].into_iter().enumerate() {
        let name = ["good", "alice"][n];
        let mallory = evil.add_actor(name);
        finger(&evil, name, &format!("acct:{name}@{domain}"), &mallory);
        let found = search(&server, &alice, &mallory).await;
        assert_eq!(
            found["accounts"][0]["acct"],
            format!("{name}@{}", evil.domain())
        );
    }
    // Another actor of the same name as one that webfinger knows.
    for case in ["good", "GOOD"] {
        let double = json!({
            "id": format!("{}/double", peer.origin), "type": "Person", "preferredUsername": case,
            "inbox": format!("{}/double/inbox", peer.origin),
        });
        peer.serve("/double", Page::Document(double));
        let found = search(&server, &alice, &format!("{}/double", peer.origin)).await;
        assert_eq!(found["accounts"], json!([]), "{case}");
    }
    let found = search(&server, &alice, &format!("@good@{}", peer.domain())).await;
    assert_eq!(found["accounts"][0]["uri"], good);
    // Names with letters that look like others.
    for (n, name) in [
        "g\u{43e}\u{43e}d",
        "good\u{200b}",
        "good@x",
        "go od",
        "",
        "../good",
    ]
    .into_iter()
    .enumerate()
    {
        let odd = format!("odd{n}");
        let uri = peer.add_actor_with(&odd, json!({"preferredUsername": name}));
        let found = search(&server, &alice, &uri).await;
        assert_eq!(found["accounts"], json!([]), "{name:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_a_document_is_served_by_its_own_host() {
    let (server, peer, alice) = followed().await;
    let evil = Peer::start().await;
    let (good, mallory) = (peer.actor_uri("good"), evil.add_actor("mallory"));
    // An id of the peer's that leads to evil, which serves what has that id; and the other way
    // round.
    let note = peer.note("good", "away", "not served there");
    let path = |note: &Value, origin: &str| {
        let id = note["id"].as_str().unwrap();
        id.strip_prefix(origin).unwrap().to_owned()
    };
    peer.serve(
        &path(&note, &peer.origin),
        Page::Redirect(format!("{}/copy", evil.origin)),
    );
    evil.serve("/copy", Page::Document(note.clone()));
    let mut own = evil.note("mallory", "own", "x");
    own["attributedTo"] = json!(good);
    evil.serve("/notes/own", Page::Document(own.clone()));
    evil.serve(
        "/away",
        Page::Redirect(format!("{}/notes/missing", peer.origin)),
    );
    for what in [
        note["id"].as_str().unwrap().to_owned(),
        format!("{}/copy", evil.origin),
        own["id"].as_str().unwrap().to_owned(),
        format!("{}/away", evil.origin),
    ] {
        let found = search(&server, &alice, &what).await;
        assert_eq!(found["statuses"], json!([]), "{what}");
    }
    // The same by the inbox.
    deliver(&server, &good, &activity(&good, "a", "Create", &note["id"])).await;
    // What an actor's server is told to do for it stays on that server.
    let inbox = format!("{}/users/good/inbox", peer.origin);
    let thief = evil.add_actor_with("thief", json!({"inbox": inbox}));
    assert_eq!(search(&server, &alice, &thief).await["accounts"], json!([]));
    // A page on another host is not where people are sent for a post.
    let mut linked = evil.note("mallory", "linked", "look @alice");
    linked["url"] = json!([
        {"type": "Link", "mediaType": "text/html", "href": peer.origin.replace("localhost", "127.0.0.1")},
    ]);
    evil.serve("/notes/linked", Page::Document(linked.clone()));
    let found = search(&server, &alice, linked["id"].as_str().unwrap()).await;
    assert_eq!(found["statuses"][0]["uri"], linked["id"]);
    assert_eq!(found["statuses"][0]["url"], linked["id"]);
    assert_eq!(found["statuses"][0]["account"]["uri"], mallory);
    let list = settle(&server, &peer, &alice, "end").await;
    assert!(!shows(&list, &note["id"]));
}
