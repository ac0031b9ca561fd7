//! S16: ways around a moderator's decision.

use serde_json::{Value, json};

use super::{activity, block, deliver, followed, home, idle, search, settle, shows, suspend};
use crate::support::peer::{Delivery, Page, Peer, eventually};
use crate::support::{ACTOR_KEY, Answer, Server};

const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";

#[tokio::test(flavor = "multi_thread")]
async fn s16_a_suspended_actor_has_no_other_door() {
    let (server, peer, alice) = followed().await;
    let friend = Peer::start().await;
    let good = peer.actor_uri("good");
    // Bad is followed too; what it wrote is here and boosted before it is suspended.
    let bad = peer.add_actor_with("bad", json!({"name": "Before"}));
    let bad_id = search(&server, &alice, &bad).await["accounts"][0]["id"].clone();
    let bad_id = bad_id.as_str().unwrap();
    let old = peer.note("bad", "old", "old words");
    peer.serve("/notes/old", Page::Document(old.clone()));
    search(&server, &alice, old["id"].as_str().unwrap()).await;
    let boost = |n: &str, object: &Value| {
        let mut boost = activity(&good, n, "Announce", object);
        boost["to"] = json!(PUBLIC);
        boost
    };
    deliver(&server, &good, &boost("boost1", &old["id"])).await;
    eventually("the boost shows", async || {
        let list = home(&server, &alice).await;
        list.iter()
            .any(|s| s["reblog"]["uri"] == old["id"])
            .then_some(())
    })
    .await;
    suspend(&server, &bad).await;

    let fresh = peer.note("bad", "fresh", "fresh words @alice");
    peer.serve("/notes/fresh", Page::Document(fresh.clone()));
    peer.add_actor_with("bad", json!({"name": "After", "id": bad}));
    let mut mention = fresh.clone();
    mention["tag"] = json!([{"type": "Mention", "href": alice.account.uri, "name": "@alice"}]);
    let mut update = old.clone();
    update["content"] = json!("new words");
    update["updated"] = json!("2026-02-02T03:04:05Z");
    let actor = json!({"id": bad, "type": "Person", "preferredUsername": "bad", "name": "After"});
    // By itself.
    for (n, (kind, object)) in [
        ("Create", mention.clone()),
        ("Create", fresh["id"].clone()),
        ("Update", update.clone()),
        ("Update", actor.clone()),
        ("Update", json!(bad)),
        ("Follow", json!(alice.account.uri)),
        ("Announce", old["id"].clone()),
        ("Flag", json!(alice.account.uri)),
        (
            "Undo",
            json!({"type": "Block", "actor": bad, "object": alice.account.uri}),
        ),
    ]
    .iter()
    .enumerate()
    {
        let deed = activity(&bad, &format!("deed{n}"), kind, object);
        Delivery::by(&bad).send(&server, &deed).await;
    }
    // By others: forwarded, boosted, passed on by a group, quoted, answered, as a parent.
    let mallory = friend.add_actor("mallory");
    for (n, (kind, object)) in [
        ("Create", &mention),
        ("Create", &fresh["id"]),
        ("Update", &update),
        ("Announce", &fresh["id"]),
    ]
    .into_iter()
    .enumerate()
    {
        let deed = activity(&bad, &format!("forwarded{n}"), kind, object);
        Delivery::by(&mallory).send(&server, &deed).await;
    }
    deliver(&server, &good, &boost("boost2", &fresh["id"])).await;
    deliver(&server, &good, &boost("boost3", &old["id"])).await;
    let passed_on = activity(&bad, "passed on", "Create", &mention);
    let passed_on = boost(
        "group",
        &json!({
            "id": passed_on["id"], "type": "Create", "actor": bad, "object": fresh,
        }),
    );
    deliver(&server, &good, &passed_on).await;
    let mut quote = peer.note("good", "quote", "look what it says");
    quote["quote"] = fresh["id"].clone();
    let mut reply = peer.note("good", "reply", "so they say");
    reply["inReplyTo"] = fresh["id"].clone();
    reply["tag"] = json!([{"type": "Mention", "href": bad, "name": "@bad"}]);
    for note in [&quote, &reply] {
        deliver(&server, &good, &peer.create("good", note)).await;
    }
    idle(&server).await;
    let list = settle(&server, &peer, &alice, "end").await;
    for what in [&quote["id"], &reply["id"]] {
        assert!(shows(&list, what), "what good says is there");
    }
    let text = serde_json::to_string(&list).unwrap();
    for words in ["old words", "fresh words", "new words"] {
        assert!(!text.contains(words), "{words}");
    }
    // Nor by asking, and asking anew.
    for what in [
        fresh["id"].as_str().unwrap(),
        old["id"].as_str().unwrap(),
        &bad,
        &format!("@bad@{}", peer.domain()),
    ] {
        let found = search(&server, &alice, what).await;
        assert_eq!(found["statuses"], json!([]), "{what}");
        let text = found["accounts"].to_string();
        assert!(!text.contains("After"), "{what}: {text}");
    }
    let notes = server
        .get(&alice, "/api/v1/notifications")
        .await
        .entities("Notification");
    assert!(notes.iter().all(|n| n["account"]["uri"] != bad));
    let posts = server
        .get(&alice, &format!("/api/v1/accounts/{bad_id}/statuses"))
        .await;
    assert!(!posts.text.contains("words"), "{}", posts.text);
    let uri = bad.clone();
    let stands = server
        .app
        .read(move |c| Box::pin(async move { Ok(kith::db::accounts::by_uri(c, &uri).await?) }))
        .await
        .unwrap()
        .unwrap();
    assert!(stands.suspended_at.is_some());
    assert_eq!(stands.display_name, "Before", "an Update is not taken");
    let by = "SELECT count(*) AS n FROM statuses WHERE content LIKE '%fresh words%' OR content LIKE '%new words%'";
    let url = &server.app.config.database_url;
    assert_eq!(crate::support::database::count(url, by).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_an_account_that_is_gone_does_not_come_back() {
    let (server, peer, alice) = followed().await;
    let leaver = peer.add_actor("leaver");
    let note = peer.note("leaver", "1", "@alice");
    let mut mention = note.clone();
    mention["tag"] = json!([{"type": "Mention", "href": alice.account.uri, "name": "@alice"}]);
    deliver(&server, &leaver, &peer.create("leaver", &mention)).await;
    let told = async || {
        let path = "/api/v1/notifications?types[]=mention";
        let list = server.get(&alice, path).await.entities("Notification");
        list.len()
    };
    eventually("alice is told", async || (told().await == 1).then_some(())).await;
    deliver(
        &server,
        &leaver,
        &activity(&leaver, "d", "Delete", &json!(leaver)),
    )
    .await;
    eventually("it is gone", async || (told().await == 0).then_some(())).await;
    // It signs as before, its server serves it as before.
    let mut again = peer.note("leaver", "2", "@alice again");
    again["tag"] = mention["tag"].clone();
    peer.serve("/notes/2", Page::Document(again.clone()));
    for (n, (kind, object)) in [
        ("Update", json!(leaver)),
        ("Create", again.clone()),
        ("Create", again["id"].clone()),
        ("Follow", json!(alice.account.uri)),
        ("Create", mention.clone()),
    ]
    .iter()
    .enumerate()
    {
        let deed = activity(&leaver, &format!("again{n}"), kind, object);
        Delivery::by(&leaver).send(&server, &deed).await;
    }
    let mut boost = activity(&peer.actor_uri("good"), "b", "Announce", &again["id"]);
    boost["to"] = json!(PUBLIC);
    deliver(&server, &peer.actor_uri("good"), &boost).await;
    idle(&server).await;
    let list = settle(&server, &peer, &alice, "end").await;
    assert_eq!(list.len(), 1);
    assert_eq!(told().await, 0);
    for what in [&leaver, again["id"].as_str().unwrap()] {
        let found = search(&server, &alice, what).await;
        assert_eq!(
            (&found["accounts"], &found["statuses"]),
            (&json!([]), &json!([]))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_a_blocked_domain_has_no_other_name() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    block(&server, "localhost").await;
    let (good, own) = (peer.add_actor("good"), peer.origin.clone());
    let port = own.rsplit(':').next().unwrap();
    for other in [
        own.clone(),
        "http://localhost".to_owned(),
        format!("http://sub.localhost:{port}"),
        format!("http://a.b.localhost:{port}"),
        format!("http://localhost.:{port}"),
        format!("http://sub.localhost.:{port}"),
        format!("http://LocalHost:{port}"),
        format!("http://\u{ff4c}ocalhost:{port}"),
        format!("http://sub\u{3002}localhost:{port}"),
        format!("http://loc\u{ad}alhost:{port}"),
    ] {
        let note = peer.note("good", "1", "hi");
        let create = peer.create("good", &note).to_string().replace(&own, &other);
        let create: Value = serde_json::from_str(&create).unwrap();
        let actor = good.replace(&own, &other);
        let by = if actor.is_ascii() { &actor } else { &good };
        let answer = Delivery::by(by).send(&server, &create).await;
        // Not for want of a key, which nobody is asked for.
        let refused = [400, 403].contains(&answer.status.as_u16());
        assert!(refused, "{other}: {} {}", answer.status, answer.text);
        for what in [
            actor.clone(),
            actor
                .replace("http://", "@good@")
                .replace("/users/good", ""),
        ] {
            let found = search(&server, &alice, &what).await;
            assert_eq!(found["accounts"], json!([]), "{what}");
            assert_eq!(found["statuses"], json!([]), "{what}");
        }
    }
    assert_eq!(peer.requests(), [], "not one request was made");
    // What is elsewhere and leads there. (Peers listen on 127.0.0.1, which is not blocked.)
    let there = own.replace("localhost", "127.0.0.1");
    let note = peer.note("good", "1", "hi");
    peer.serve("/notes/1", Page::Document(note.clone()));
    peer.serve("/away", Page::Redirect(format!("{own}/notes/1")));
    let page = format!(
        "<link rel=\"alternate\" type=\"application/activity+json\" href=\"{own}/notes/1\">"
    );
    peer.serve("/page", Page::Raw(200, "text/html", page));
    for path in ["/away", "/page", "/notes/1"] {
        let found = search(&server, &alice, &format!("{there}{path}")).await;
        assert_eq!(found["statuses"], json!([]), "{path}");
    }
}

/// GETs a status, signed by an actor.
pub(super) async fn read_as(server: &Server, actor: &str, uri: &str) -> Answer {
    use kith::federation::signature::{PrivateKey, sign_cavage};
    let url = url::Url::parse(uri).expect("a URL");
    let key = PrivateKey::from_pem(ACTOR_KEY).expect("a key");
    let (key_id, get) = (format!("{actor}#main-key"), reqwest::Method::GET);
    let now = server.app.clock.now_ms();
    let headers = sign_cavage(&key, &key_id, &get, &url, None, now).expect("signed");
    let request = server.http.get(url.as_str()).headers(headers);
    let request = request.header("accept", "application/activity+json");
    Answer::of(request, uri.to_owned()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_a_blocked_server_does_not_read_by_a_handle_of_another_domain() {
    let (server, host, names) = (
        Server::start().await,
        Peer::start().await,
        Peer::start().await,
    );
    let alice = server.person("alice").await;
    let spy = host.add_actor("spy");
    // Its handle is of another domain, which agrees.
    for site in [&host, &names] {
        let resource = format!("acct:spy@{}", site.domain());
        let jrd = json!({
            "subject": format!("acct:spy@{}", names.domain()),
            "links": [{"rel": "self", "type": "application/activity+json", "href": spy}],
        });
        let encoded: String = url::form_urlencoded::byte_serialize(resource.as_bytes()).collect();
        let path = format!("/.well-known/webfinger?resource={encoded}");
        site.serve(
            &path,
            Page::Raw(200, "application/jrd+json", jrd.to_string()),
        );
    }
    deliver(
        &server,
        &spy,
        &activity(&spy, "f", "Follow", &json!(alice.account.uri)),
    )
    .await;
    eventually("the follow is accepted", async || {
        host.received()
            .iter()
            .any(|a| a["type"] == "Accept")
            .then_some(())
    })
    .await;
    let found = search(&server, &alice, &spy).await;
    assert_eq!(
        found["accounts"][0]["acct"],
        format!("spy@{}", names.domain())
    );
    let body = json!({"status": "for followers", "visibility": "private"});
    let private = server
        .post(&alice, "/api/v1/statuses", body)
        .await
        .entity("Status");
    let uri = private["uri"].as_str().unwrap();
    assert_eq!(read_as(&server, &spy, uri).await.status, 200);
    block(&server, host.domain()).await;
    assert_eq!(read_as(&server, &spy, uri).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_what_is_forwarded_speaks_for_its_own_host_alone() {
    let (server, peer, alice) = followed().await;
    let evil = Peer::start().await;
    let (good, mallory) = (peer.actor_uri("good"), evil.add_actor("mallory"));
    // Else whoever forwards could have us ask anywhere in the name, and at the cost, of another.
    let trap = json!(format!("{}/notes/trap", evil.origin));
    for kind in ["Create", "Update", "Delete"] {
        let forged = activity(&good, kind, kind, &trap);
        Delivery::by(&mallory)
            .send(&server, &forged)
            .await
            .refused(401);
    }
    settle(&server, &peer, &alice, "end").await;
    assert_eq!(evil.asked("/notes/trap"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_spam_of_senders_nobody_knows_is_held_for_its_reader() {
    let (server, peer, alice) = followed().await;
    let spammer = peer.add_actor("spammer");
    let mention = |name: &str, n: &str, text: &str| {
        let mut note = peer.note(name, n, text);
        note["tag"] = json!([{"type": "Mention", "href": alice.account.uri, "name": "@alice"}]);
        note["cc"] = json!([alice.account.uri]);
        note
    };
    let link = "<p>Buy <a href=\"https://shop.example/x\">this</a></p>";
    let spam = mention("spammer", "spam", link);
    deliver(&server, &spammer, &peer.create("spammer", &spam)).await;
    // What has no link, and what comes from somebody whom people here follow, is not held.
    let plain = mention("spammer", "plain", "<p>hello</p>");
    deliver(&server, &spammer, &peer.create("spammer", &plain)).await;
    let good = peer.actor_uri("good");
    let friendly = mention("good", "friendly", link);
    deliver(&server, &good, &peer.create("good", &friendly)).await;
    let list = eventually("both are told", async || {
        let list = server
            .get(&alice, "/api/v1/notifications?types[]=mention")
            .await;
        let list = list.entities("Notification");
        (list.len() == 2).then_some(list)
    })
    .await;
    assert!(
        list.iter().all(|n| n["status"]["uri"] != spam["id"]),
        "{list:#?}"
    );
    let requests = server.get(&alice, "/api/v1/notifications/requests").await;
    let requests = requests.entities("NotificationRequest");
    assert_eq!(requests[0]["last_status"]["uri"], spam["id"]);
    // Its reader lets it in.
    let id = requests[0]["id"].as_str().unwrap();
    let path = format!("/api/v1/notifications/requests/{id}/accept");
    server.post(&alice, &path, json!({})).await.ok();
    let more = mention("spammer", "more", link);
    deliver(&server, &spammer, &peer.create("spammer", &more)).await;
    eventually("it is told", async || {
        let list = server
            .get(&alice, "/api/v1/notifications?types[]=mention")
            .await;
        let list = list.entities("Notification");
        list.iter()
            .any(|n| n["status"]["uri"] == more["id"])
            .then_some(())
    })
    .await;
}
