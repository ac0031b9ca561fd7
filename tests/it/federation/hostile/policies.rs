//! S16: what a policy for a domain keeps out, through every door; and that lifting it lets in again.

use kith::domain::policies::{self, Terms};
use serde_json::{Value, json};

use super::{activity, block, deliver, followed, home, idle, read, search, settle, shows};
use crate::support::peer::{Delivery, Page, Peer, eventually};
use crate::support::process::Process;
use crate::support::{Person, Server, database};

const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";

/// As an admin: a domain has a policy.
async fn put(server: &Server, domain: &str, terms: Terms) {
    let (ctx, domain) = (server.app.ctx.clone(), domain.to_owned());
    server
        .app
        .write(move |tx| {
            Box::pin(async move { policies::put(tx, &ctx, &domain, terms.clone()).await })
        })
        .await
        .expect("the policy is written");
}

fn severity(severity: &str) -> Terms {
    Terms {
        severity: severity.to_owned(),
        ..Terms::default()
    }
}

async fn lift(server: &Server, domain: &str) {
    let (ctx, domain) = (server.app.ctx.clone(), domain.to_owned());
    let lifted = server
        .app
        .write(move |tx| Box::pin(async move { policies::lift(tx, &ctx, &domain).await }))
        .await;
    assert!(lifted.expect("it is written"));
}

async fn mode(server: &Server, mode: &'static str) {
    server
        .app
        .write(move |tx| Box::pin(async move { policies::set_mode(tx, mode).await }))
        .await
        .expect("the mode is written");
}

/// Waits until so many accounts are suspended or limited.
async fn stand(server: &Server, column: &str, number: i64) {
    let sql = format!("SELECT count(*) AS n FROM accounts WHERE {column} IS NOT NULL");
    eventually(column, async || {
        (database::count(&server.app.config.database_url, &sql).await == number).then_some(())
    })
    .await;
}

/// The account of an actor as someone sees it.
async fn account(server: &Server, who: &Person, uri: &str) -> Value {
    let found = search(server, who, uri).await;
    found["accounts"][0].clone()
}

async fn timeline(server: &Server, who: &Person, path: &str) -> Vec<Value> {
    let path = format!("/api/v1/timelines/{path}");
    server.get(who, &path).await.entities("Status")
}

/// A note with a hashtag that mentions people.
fn note(peer: &Peer, name: &str, id: &str, mentions: &[&Person]) -> Value {
    let mut note = peer.note(name, id, &format!("<p>words {id}</p>"));
    let mut tags = vec![json!({"type": "Hashtag", "name": "#noise", "href": peer.origin})];
    tags.extend(mentions.iter().map(
        |p| json!({"type": "Mention", "href": p.account.uri, "name": format!("@{}", p.account.username)}),
    ));
    note["tag"] = json!(tags);
    note
}

async fn notified(server: &Server, who: &Person) -> Vec<Value> {
    server
        .get(who, "/api/v1/notifications")
        .await
        .entities("Notification")
}

/// Names that search suggests for the beginning of one.
async fn suggested(server: &Server, who: &Person, query: &str) -> Vec<Value> {
    let path = format!("/api/v2/search?q={query}&type=accounts");
    let found = server.get(who, &path).await.entity("Search");
    found["accounts"].as_array().expect("a list").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_people_of_a_limited_domain_are_for_their_followers() {
    let (server, peer, alice) = followed().await;
    let bob = server.person("bob").await;
    let good = peer.actor_uri("good");
    let before = note(&peer, "good", "before", &[]);
    deliver(&server, &good, &peer.create("good", &before)).await;
    eventually("it arrives", async || {
        shows(&timeline(&server, &bob, "public").await, &before["id"]).then_some(())
    })
    .await;
    assert_eq!(account(&server, &bob, &good).await["limited"], Value::Null);
    put(&server, peer.domain(), severity("limit")).await;
    stand(&server, "silenced_at", 1).await;

    // Whoever is new is limited too.
    let fresh = peer.add_actor("goodfellow");
    assert_eq!(account(&server, &bob, &fresh).await["limited"], true);
    assert_eq!(account(&server, &bob, &good).await["limited"], true);
    let own = server.status(&bob, "a thread").await;
    let mut reply = note(&peer, "good", "reply", &[]);
    reply["inReplyTo"] = own["uri"].clone();
    let posts = [
        note(&peer, "good", "during", &[]),
        note(&peer, "good", "mention", &[&alice, &bob]),
        reply.clone(),
    ];
    for note in &posts {
        deliver(&server, &good, &peer.create("good", note)).await;
    }
    let list = settle(&server, &peer, &alice, "end").await;
    assert!(
        posts[..2].iter().all(|note| shows(&list, &note["id"])),
        "in the home of alice"
    );
    for path in ["public", "public?remote=true", "tag/noise"] {
        for who in [&alice, &bob] {
            let list = timeline(&server, who, path).await;
            assert!(
                list.iter()
                    .all(|s| s["account"]["acct"] != json!(format!("good@{}", peer.domain()))),
                "{path}"
            );
        }
    }
    // Notifications are for those who follow; others find a request.
    assert!(
        notified(&server, &alice)
            .await
            .iter()
            .any(|n| n["type"] == "mention")
    );
    assert_eq!(notified(&server, &bob).await, Vec::<Value>::new());
    let requests = server.get(&bob, "/api/v1/notifications/requests").await;
    assert_eq!(requests.ok()[0]["last_status"]["uri"], posts[1]["id"]);
    // Search suggests them to followers; the whole handle and the id find them for anyone.
    assert_eq!(suggested(&server, &alice, "goo").await.len(), 1);
    assert_eq!(suggested(&server, &bob, "goo").await.len(), 0);
    let handle = format!("good@{}", peer.domain());
    assert_eq!(suggested(&server, &bob, &handle).await.len(), 1);
    // Threads show what they say to followers, and whom they speak to.
    let path = format!("/api/v1/statuses/{}/context", own["id"].as_str().unwrap());
    let thread = async |who: &Person| {
        let context = server.get(who, &path).await.entity("Context");
        context["descendants"].as_array().expect("a list").len()
    };
    assert_eq!((thread(&alice).await, thread(&bob).await), (1, 0));
    // Whom they want to follow is asked.
    let follow = activity(&good, "f", "Follow", &json!(bob.account.uri));
    deliver(&server, &good, &follow).await;
    let asking = eventually("bob is asked", async || {
        let list = server.get(&bob, "/api/v1/follow_requests").await;
        list.entities("Account").into_iter().next()
    })
    .await;
    assert_eq!(asking["uri"], json!(good));

    // What moderators decided of one account outlives the policy.
    let (uri, at) = (fresh.clone(), server.app.clock.now_ms() - 1000);
    server
        .app
        .write(move |tx| {
            Box::pin(async move {
                let account = kith::db::accounts::by_uri(tx, &uri)
                    .await?
                    .expect("it is here");
                Ok(kith::db::policies::set_standing(tx, account.id, None, Some(at)).await?)
            })
        })
        .await
        .expect("it is limited");
    lift(&server, peer.domain()).await;
    stand(&server, "silenced_at", 1).await;
    eventually("all is as before", async || {
        let shown = shows(&timeline(&server, &bob, "public").await, &posts[0]["id"]);
        (shown && account(&server, &bob, &good).await["limited"].is_null()).then_some(())
    })
    .await;
    assert_eq!((thread(&alice).await, thread(&bob).await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_a_limit_holds_for_the_handle_s_domain_and_the_server() {
    let (server, host, names) = (
        Server::start().await,
        Peer::start().await,
        Peer::start().await,
    );
    let alice = server.person("alice").await;
    let sara = host.add_actor("sara");
    for site in [&host, &names] {
        let resource = format!("acct:sara@{}", site.domain());
        let jrd = json!({
            "subject": format!("acct:sara@{}", names.domain()),
            "links": [{"rel": "self", "type": "application/activity+json", "href": sara}],
        });
        let encoded: String = url::form_urlencoded::byte_serialize(resource.as_bytes()).collect();
        let path = format!("/.well-known/webfinger?resource={encoded}");
        site.serve(
            &path,
            Page::Raw(200, "application/jrd+json", jrd.to_string()),
        );
    }
    let found = account(&server, &alice, &sara).await;
    assert_eq!(found["acct"], format!("sara@{}", names.domain()));
    for domain in [host.domain(), names.domain()] {
        put(&server, domain, severity("limit")).await;
        stand(&server, "silenced_at", 1).await;
        lift(&server, domain).await;
        stand(&server, "silenced_at", 0).await;
    }
    // A domain above, and one that is exempt under it: the nearest policy counts.
    put(&server, "localhost", severity("limit")).await;
    stand(&server, "silenced_at", 1).await;
    for domain in [host.domain(), names.domain()] {
        put(&server, domain, severity("allow")).await;
    }
    stand(&server, "silenced_at", 0).await;
    lift(&server, names.domain()).await;
    stand(&server, "silenced_at", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_a_blocked_domain_is_not_shown_and_comes_back() {
    let (server, peer, alice) = followed().await;
    let good = peer.actor_uri("good");
    let old = note(&peer, "good", "old", &[]);
    deliver(&server, &good, &peer.create("good", &old)).await;
    let list = settle(&server, &peer, &alice, "end").await;
    assert!(shows(&list, &old["id"]));
    block(&server, peer.domain()).await;
    stand(&server, "suspended_at", 1).await;
    eventually("nothing is shown", async || {
        let seen = [
            home(&server, &alice).await,
            timeline(&server, &alice, "public").await,
            timeline(&server, &alice, "tag/noise").await,
        ];
        seen.iter().all(Vec::is_empty).then_some(())
    })
    .await;
    lift(&server, peer.domain()).await;
    stand(&server, "suspended_at", 0).await;
    let list = settle(&server, &peer, &alice, "again").await;
    assert!(shows(&list, &old["id"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_files_of_a_domain_that_is_not_to_show_them_are_not_fetched() {
    let (server, peer, friend) = (
        Server::start().await,
        Peer::start().await,
        Peer::start().await,
    );
    let alice = server.person("alice").await;
    let picture =
        |peer: &Peer, path: &str| json!({"type": "Image", "url": format!("{}{path}", peer.origin)});
    let emoji =
        |peer: &Peer| json!({"type": "Emoji", "name": ":blob:", "icon": picture(peer, "/blob")});
    let good = peer.add_actor_with(
        "good",
        json!({
            "icon": picture(&peer, "/avatar"), "image": picture(&peer, "/header"),
            "name": "good :blob:", "tag": [emoji(&peer)],
        }),
    );
    // Files may be kept elsewhere, and others may point at the domain.
    let mut own = peer.note("good", "1", "look :blob:");
    own["tag"] = json!([emoji(&peer)]);
    own["attachment"] = json!([
        {"type": "Document", "mediaType": "image/png", "url": format!("{}/a.png", peer.origin), "name": "a dot", "blurhash": "LEHV6nWB2yk8"},
        {"type": "Document", "mediaType": "image/png", "url": format!("{}/cdn.png", friend.origin)},
    ]);
    friend.add_actor("other");
    friend.serve(
        "/away.png",
        Page::Redirect(format!("{}/b.png", peer.origin)),
    );
    let mut others = friend.note("other", "2", "look");
    others["attachment"] = json!([
        {"type": "Document", "mediaType": "image/png", "url": format!("{}/c.png", peer.origin)},
        {"type": "Document", "mediaType": "image/png", "url": format!("{}/away.png", friend.origin)},
    ]);
    for (site, note) in [(&peer, &own), (&friend, &others)] {
        let path = note["id"]
            .as_str()
            .unwrap()
            .strip_prefix(&site.origin)
            .unwrap();
        site.serve(path, Page::Document(note.clone()));
    }
    let status = async |note: &Value| {
        let found = search(&server, &alice, note["id"].as_str().unwrap()).await;
        found["statuses"][0].clone()
    };
    let before = status(&own).await;
    assert_eq!(before["media_attachments"][0]["type"], "image");
    assert_eq!(before["emojis"][0]["shortcode"], "blob");
    let seen = account(&server, &alice, &good).await;
    put(
        &server,
        peer.domain(),
        Terms {
            reject_media: true,
            ..severity("allow")
        },
    )
    .await;

    let after = status(&own).await;
    let file = &after["media_attachments"][0];
    assert_eq!(
        (
            &file["type"],
            &file["url"],
            &file["preview_url"],
            &file["description"]
        ),
        (
            &json!("unknown"),
            &json!(format!("{}/a.png", peer.origin)),
            &Value::Null,
            &json!("a dot")
        )
    );
    assert_eq!(file["remote_url"], file["url"]);
    assert_eq!(
        after["media_attachments"][1]["type"], "unknown",
        "whoever keeps it"
    );
    assert_eq!(
        (&after["emojis"], &after["account"]["emojis"]),
        (&json!([]), &json!([]))
    );
    let shown = account(&server, &alice, &good).await;
    for name in ["avatar", "avatar_static", "header", "header_static"] {
        let url = shown[name].as_str().unwrap();
        assert!(url.starts_with(&format!("{}/static/", server.url)), "{url}");
    }
    let others = status(&others).await;
    assert_eq!(others["media_attachments"][0]["type"], "unknown");
    assert_eq!(
        others["media_attachments"][1]["type"], "image",
        "it is elsewhere"
    );
    // Neither the addresses of before, nor a detour, have anything fetched.
    for url in [
        &seen["avatar"],
        &seen["header"],
        &before["media_attachments"][0]["url"],
        &before["media_attachments"][1]["url"],
        &before["emojis"][0]["url"],
        &others["media_attachments"][1]["url"],
    ] {
        let answer = server.http.get(url.as_str().unwrap()).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{url}");
    }
    for path in ["/avatar", "/header", "/a.png", "/b.png", "/c.png", "/blob"] {
        assert_eq!(peer.asked(path), 0, "{path}");
    }
    assert_eq!(friend.asked("/cdn.png"), 0);
    lift(&server, peer.domain()).await;
    assert_eq!(status(&own).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_reports_of_a_domain_may_be_left_alone() {
    let (server, peer, alice) = followed().await;
    let good = peer.actor_uri("good");
    let reports = async || {
        let sql = "SELECT count(*) AS n FROM reports";
        database::count(&server.app.config.database_url, sql).await
    };
    let flag = |n: &str| activity(&good, n, "Flag", &json!([alice.account.uri]));
    let terms = Terms {
        reject_reports: true,
        ..severity("allow")
    };
    put(&server, peer.domain(), terms).await;
    deliver(&server, &good, &flag("1")).await;
    settle(&server, &peer, &alice, "a").await;
    assert_eq!(reports().await, 0);
    lift(&server, peer.domain()).await;
    deliver(&server, &good, &flag("2")).await;
    settle(&server, &peer, &alice, "b").await;
    assert_eq!(reports().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_where_only_a_list_federates_nobody_else_does() {
    let (server, peer, alice) = followed().await;
    let stranger = Peer::start().await;
    let (good, bad) = (peer.actor_uri("good"), stranger.add_actor("bad"));
    let follow = activity(&bad, "f", "Follow", &json!(alice.account.uri));
    deliver(&server, &bad, &follow).await;
    eventually("bad follows", async || {
        let came = stranger.received();
        came.iter().any(|a| a["type"] == "Accept").then_some(())
    })
    .await;
    put(&server, peer.domain(), severity("allow")).await;
    mode(&server, "allow-list").await;
    let (asked, sent) = (stranger.requests().len(), stranger.received().len());

    // Who is on it goes on, and gets what is posted; the others do not.
    let list = settle(&server, &peer, &alice, "still").await;
    assert_eq!(list.len(), 1);
    let text = format!(
        "@good@{} @bad@{} @new@{}",
        peer.domain(),
        stranger.domain(),
        stranger.domain()
    );
    let own = server.status(&alice, &text).await;
    eventually("it is delivered", async || {
        let came = peer.received();
        came.iter()
            .any(|a| a["object"]["id"] == own["uri"])
            .then_some(())
    })
    .await;
    // Inbox, search, handles, boosts, forwarding, redirects, pages, replies, quotes, webfinger.
    let theirs = note(&stranger, "bad", "1", &[&alice]);
    stranger.serve("/notes/1", Page::Document(theirs.clone()));
    let create = stranger.create("bad", &theirs);
    let answer = Delivery::by(&bad).send(&server, &create).await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    for spoken in [
        &bad,
        theirs["id"].as_str().unwrap(),
        &format!("@new@{}", stranger.domain()),
    ] {
        let found = search(&server, &alice, spoken).await;
        assert_eq!(found["statuses"], json!([]), "{spoken}");
    }
    let forwarded = Delivery::by(&good).send(&server, &create).await;
    assert_eq!(forwarded.status, 403, "{}", forwarded.text);
    let good_note = note(&peer, "good", "by-bad", &[]);
    peer.serve("/notes/by-bad", Page::Document(good_note.clone()));
    let forwarded = Delivery::by(&bad)
        .send(&server, &peer.create("good", &good_note))
        .await;
    assert_eq!(forwarded.status, 403, "{}", forwarded.text);
    let mut boost = activity(&good, "b", "Announce", &theirs["id"]);
    boost["to"] = json!(PUBLIC);
    deliver(&server, &good, &boost).await;
    peer.serve(
        "/away",
        Page::Redirect(format!("{}/notes/1", stranger.origin)),
    );
    let page = format!(
        "<link rel=\"alternate\" type=\"application/activity+json\" href=\"{}/notes/1\">",
        stranger.origin
    );
    peer.serve("/page", Page::Raw(200, "text/html", page));
    for path in ["/away", "/page"] {
        let found = search(&server, &alice, &format!("{}{path}", peer.origin)).await;
        assert_eq!(found["statuses"], json!([]), "{path}");
    }
    let jrd = json!({"subject": format!("acct:sly@{}", stranger.domain()), "links": [
        {"rel": "self", "type": "application/activity+json", "href": bad}]});
    let resource: String =
        url::form_urlencoded::byte_serialize(format!("acct:sly@{}", peer.domain()).as_bytes())
            .collect();
    peer.serve(
        &format!("/.well-known/webfinger?resource={resource}"),
        Page::Raw(200, "application/jrd+json", jrd.to_string()),
    );
    search(&server, &alice, &format!("@sly@{}", peer.domain())).await;
    let mut reply = note(&peer, "good", "reply", &[]);
    reply["inReplyTo"] = theirs["id"].clone();
    reply["quote"] = theirs["id"].clone();
    reply["tag"] = json!([{"type": "Mention", "href": bad, "name": "@bad"}]);
    deliver(&server, &good, &peer.create("good", &reply)).await;
    let list = settle(&server, &peer, &alice, "end").await;
    assert!(shows(&list, &reply["id"]));
    let text = serde_json::to_string(&list).unwrap();
    assert!(!text.contains("words 1"), "{text}");
    assert_eq!(stranger.requests().len(), asked, "not one request was made");
    assert_eq!(stranger.received().len(), sent);
    // What is read has to be signed, by somebody on the list.
    let path = own["uri"]
        .as_str()
        .unwrap()
        .strip_prefix(&server.url)
        .unwrap();
    assert_eq!(read(&server, path).await.status, 401);
    let by_bad = super::moderation::read_as(&server, &bad, own["uri"].as_str().unwrap()).await;
    assert_eq!(by_bad.status, 401);
    let by_good = super::moderation::read_as(&server, &good, own["uri"].as_str().unwrap()).await;
    assert_eq!(by_good.status, 200);
    // Previews of pages have nothing to do with it; what is blocked stays so.
    mode(&server, "open").await;
    assert_eq!(read(&server, path).await.status, 200);
    deliver(&server, &bad, &create).await;
    eventually("bad is heard", async || {
        let told = notified(&server, &alice).await;
        told.iter()
            .any(|n| n["status"]["uri"] == theirs["id"])
            .then_some(())
    })
    .await;
    idle(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_an_allow_list_is_set_beside_a_running_server() {
    let (process, peer) = (Process::start().await, Peer::start().await);
    process.person("alice");
    let good = peer.add_actor("good");
    let inbox = format!("{}/inbox", process.url);
    let target = json!(format!("{}/users/alice", process.url));
    let answers = async |number: u16| {
        let mut tries = 0;
        eventually("the inbox answers so", async || {
            tries += 1;
            let follow = activity(&good, &format!("{number}-{tries}"), "Follow", &target);
            let now = kith::clock::Clock::System.now_ms();
            let answer = Delivery::by(&good).post(&process.http, &inbox, now, &follow);
            (answer.await.status == number).then_some(())
        })
        .await;
    };
    answers(202).await;
    assert_eq!(
        process.cli_ok(&["domain", "mode", "allow-list"]),
        "allow-list"
    );
    answers(403).await;
    process.cli_ok(&["domain", "allow", peer.domain(), "--reject-reports"]);
    answers(202).await;
    let shown = process.cli_ok(&["domain", "show", peer.domain(), "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        (
            &shown["severity"],
            &shown["reject_reports"],
            &shown["reject_media"]
        ),
        (&json!("allow"), &json!(true), &json!(false))
    );
    let output = process.cli(&["domain", "mode", "closed"]);
    assert!(!output.status.success());
    assert_eq!(process.cli_ok(&["domain", "mode", "open"]), "open");
    let mode = process.cli_ok(&["domain", "mode", "--json"]);
    assert_eq!(
        serde_json::from_str::<Value>(&mode).unwrap(),
        json!({"mode": "open"})
    );
}
