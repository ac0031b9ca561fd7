//! What keeps a server in order over the years: forgetting what nobody needs, reading anew, and its end.

use serde_json::{Value, json};

use super::{file_at, listing, png};
use crate::api::totp::bytes;
use crate::support::database;
use crate::support::peer::{Delivery, Page, Peer, eventually};
use crate::support::process::Process;

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// A post of years ago, as it is known here.
async fn old(process: &Process, peer: &Peer, author: &str, name: &str, more: Value) -> String {
    let mut note = peer.note(author, name, "<p>long ago</p>");
    note["published"] = json!("2020-05-05T10:00:00Z");
    note.as_object_mut()
        .expect("an object")
        .extend(more.as_object().expect("an object").clone());
    peer.serve_object(&note);
    let uri = note["id"].as_str().expect("an id");
    let known = parsed(&process.cli_ok(&["resolve", uri, "--json"]));
    assert_eq!((&known["is"], &known["uri"]), (&json!("post"), &note["id"]));
    known["id"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_that_nobody_has_to_do_with_are_forgotten() {
    let (process, peer) = (Process::start().await, Peer::start().await);
    let alice = process.person("alice");
    for name in ["stranger", "friend", "other"] {
        peer.add_actor(name);
    }
    let plain = old(&process, &peer, "stranger", "plain", json!({})).await;
    let parent = peer.note("stranger", "plain", "")["id"].clone();
    let reply = json!({"inReplyTo": parent});
    let answer = old(&process, &peer, "other", "answer", reply).await;
    let alone = old(&process, &peer, "other", "alone", json!({})).await;
    let recent = json!({"published": "2999-01-01T00:00:00Z"});
    let recent = old(&process, &peer, "stranger", "recent", recent).await;
    let mut kept = vec![recent];
    for (n, deed) in ["bookmark", "favourite", "reblog"].iter().enumerate() {
        let id = old(&process, &peer, "stranger", &format!("kept{n}"), json!({})).await;
        let path = format!("/api/v1/statuses/{id}/{deed}");
        process.post(&alice, &path, &json!({})).await.ok();
        kept.push(id);
    }
    // Answered here, and what that answers in turn.
    let asked = old(&process, &peer, "stranger", "asked", json!({})).await;
    let beneath = peer.note("stranger", "asked", "")["id"].clone();
    let beneath = old(
        &process,
        &peer,
        "other",
        "beneath",
        json!({"inReplyTo": beneath}),
    )
    .await;
    let body = json!({"status": "indeed", "in_reply_to_id": beneath});
    process.post(&alice, "/api/v1/statuses", &body).await.ok();
    kept.extend([asked, beneath]);
    let mention = json!({"tag": [{"type": "Mention", "name": "@alice",
        "href": format!("{}/users/alice", process.url)}]});
    kept.push(old(&process, &peer, "stranger", "mention", mention).await);
    let followed = old(&process, &peer, "friend", "followed", json!({})).await;
    let friend = parsed(&process.cli_ok(&["resolve", &peer.actor_uri("friend"), "--json"]));
    let follow = format!("/api/v1/accounts/{}/follow", friend["id"].as_str().unwrap());
    process.post(&alice, &follow, &json!({})).await.ok();

    let prune = |args: &[&str]| {
        let all = [&["status", "prune-remote", "--json"], args].concat();
        parsed(&process.cli_ok(&all))
    };
    let there = async |id: &str| {
        let path = format!("/api/v1/statuses/{id}");
        process.get(&alice, &path).await.status == 200
    };
    // What the answer keeps is free only when that is gone.
    let would = prune(&["--dry-run"]);
    assert_eq!(
        (&would["forgotten"], &would["dry_run"]),
        (&json!(2), &json!(true))
    );
    assert!(there(&answer).await, "a dry run forgets nothing");
    assert_eq!(prune(&[])["forgotten"], 3);
    let log = parsed(&process.cli_ok(&["audit", "list", "--json"]));
    let pruned = |entry: &&Value| entry["action"] == "prune_remote";
    let noted: Vec<&Value> = log.as_array().unwrap().iter().filter(pruned).collect();
    assert_eq!(noted.len(), 1, "{log}");
    assert_eq!(noted[0]["target"], "older than 90 days", "{log}");
    for id in [&plain, &answer, &alone] {
        eventually("it is gone", async || (!there(id).await).then_some(())).await;
    }
    for id in kept.iter().chain([&followed]) {
        assert!(there(id).await, "{id} is gone");
    }
    assert_eq!(prune(&[])["forgotten"], 0);

    // It was not deleted: it comes again under the same id.
    assert_eq!(
        old(&process, &peer, "stranger", "plain", json!({})).await,
        plain
    );
    assert!(there(&plain).await);
    // Those of people who are followed go only when that is wanted.
    assert_eq!(prune(&["--followed"])["forgotten"], 2);
    eventually("it is gone", async || {
        (!there(&followed).await).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_that_nobody_has_to_do_with_are_forgotten() {
    let (process, peer) = (Process::start().await, Peer::start().await);
    let alice = process.person("alice");
    peer.serve("/avatar.png", Page::File("image/png", png()));
    let avatar = json!({"icon": {"type": "Image", "mediaType": "image/png",
        "url": format!("{}/avatar.png", peer.origin)}});
    peer.add_actor_with("stranger", avatar);
    let kept = [
        "followed",
        "follower",
        "muted",
        "blocked",
        "noted",
        "mentioned",
        "author",
        "limited",
        "recent",
        "credited",
    ];
    let known = |name: &str| {
        peer.add_actor(name);
        let found = parsed(&process.cli_ok(&["resolve", &peer.actor_uri(name), "--json"]));
        found["id"].as_str().expect("an id").to_owned()
    };
    let ids: Vec<(&str, String)> = kept.iter().map(|name| (*name, known(name))).collect();
    let stranger = &peer.actor_uri("stranger");
    let found = parsed(&process.cli_ok(&["resolve", stranger, "--json"]));
    let stranger_id = found["id"].as_str().expect("an id").to_owned();
    for (name, id) in &ids {
        let deed = |verb: &str| format!("/api/v1/accounts/{id}/{verb}");
        let (path, body) = match *name {
            "followed" => (deed("follow"), json!({})),
            "muted" => (deed("mute"), json!({})),
            "blocked" => (deed("block"), json!({})),
            "noted" => (deed("note"), json!({"comment": "met in May"})),
            "mentioned" => {
                let text = format!("hello @mentioned@{}", peer.domain());
                ("/api/v1/statuses".to_owned(), json!({"status": text}))
            }
            _ => continue,
        };
        process.post(&alice, &path, &body).await.ok();
    }
    old(&process, &peer, "author", "kept", json!({})).await;
    let credited = ids.iter().find(|(name, _)| *name == "credited");
    let card = format!(
        "INSERT INTO preview_cards (id, url, state, kind, title, description, author_name, author_url, author_account_id, \
         provider_name, provider_url, html, width, height, image, image_description, embed_url, blurhash, fetched_at, \
         created_at) VALUES (1, 'https://paper.example/', 1, 'link', 'News', '', 'C', '', {}, '', '', '', 0, 0, '', '', '', \
         '', 1, 1)",
        credited.expect("it is among them").1
    );
    database::change(process.database_url(), &card).await;
    process.cli_ok(&["user", "silence", &format!("limited@{}", peer.domain())]);
    let follower = peer.actor_uri("follower");
    let follow = json!({"id": format!("{}/follows/1", peer.origin), "type": "Follow",
        "actor": follower, "object": format!("{}/users/alice", process.url)});
    let (inbox, now) = (
        format!("{}/inbox", process.url),
        kith::clock::Clock::System.now_ms(),
    );
    let answer = Delivery::by(&follower)
        .post(&process.http, &inbox, now, &follow)
        .await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    eventually("the follow is accepted", async || {
        let accepted = |got: &Value| got["type"] == "Accept";
        peer.received().iter().any(accepted).then_some(())
    })
    .await;
    let there = async |id: &str| {
        let path = format!("/api/v1/accounts/{id}");
        process.get(&alice, &path).await.status == 200
    };
    let path = format!("/api/v1/accounts/{stranger_id}");
    let picture = process.get(&alice, &path).await.ok()["avatar"]
        .as_str()
        .expect("text")
        .to_owned();
    assert!(file_at(&process, &picture).await.is_some());
    let copies = || {
        let files = listing(&process.data_dir().join("media"));
        let remote = files.iter().filter(|(name, _)| name.contains("/remote/"));
        remote.filter(|(name, _)| !name.ends_with('/')).count()
    };
    assert!(copies() > 0);

    let prune = |args: &[&str]| {
        let all = [&["account", "prune", "--json"], args].concat();
        parsed(&process.cli_ok(&all))["forgotten"].clone()
    };
    assert_eq!(prune(&[]), 0, "all were read today");
    let aged = "UPDATE accounts SET fetched_at = 1 WHERE domain <> '' AND username <> 'recent'";
    database::change(process.database_url(), aged).await;
    // Whoever looks at one now has it read anew.
    for args in [&["--dry-run"][..], &["--dry-run"], &["--days", "30"]] {
        assert_eq!(prune(args), 1, "a dry run forgets nobody");
    }
    eventually("the server hears of it", async || {
        (!there(&stranger_id).await).then_some(())
    })
    .await;
    assert_eq!(copies(), 0, "its picture is gone");
    for (name, id) in &ids {
        assert!(there(id).await, "{name} is gone");
    }
    assert_eq!(prune(&[]), 0);
    let audit = parsed(&process.cli_ok(&["audit", "list", "--json"]));
    let pruned = |entry: &&Value| entry["action"] == "prune";
    let noted: Vec<&Value> = audit.as_array().unwrap().iter().filter(pruned).collect();
    assert_eq!(noted.len(), 1, "{audit}");
    assert_eq!(noted[0]["target"], "not read for 30 days", "{audit}");

    // It is not gone: it can be looked up, and writes again.
    let again = parsed(&process.cli_ok(&["resolve", stranger, "--json"]));
    assert_ne!(again["id"], stranger_id.as_str());
    let follow = json!({"id": format!("{}/follows/2", peer.origin), "type": "Follow",
        "actor": stranger, "object": format!("{}/users/alice", process.url)});
    let now = kith::clock::Clock::System.now_ms();
    Delivery::by(stranger)
        .post(&process.http, &inbox, now, &follow)
        .await;
    eventually("it follows", async || {
        let path = "/api/v1/accounts/verify_credentials";
        let me = process.get(&alice, path).await.ok();
        (me["followers_count"] == 2).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_read_anew_and_the_index_is_made_again() {
    let (process, peer) = (Process::start().await, Peer::start().await);
    let alice = process.person("alice");
    peer.add_actor("good");
    let handle = format!("good@{}", peer.domain());
    process.cli_ok(&["resolve", &handle]);
    let name = async || {
        let path = format!("/api/v1/accounts/lookup?acct={handle}");
        process.get(&alice, &path).await.ok()["display_name"].clone()
    };
    peer.add_actor_with("good", json!({"name": "Goodness"}));
    // What is known is not asked for, unless that is wanted.
    process.cli_ok(&["resolve", &handle]);
    let dry = ["account", "refresh", peer.domain(), "--dry-run", "--json"];
    assert_eq!(parsed(&process.cli_ok(&dry))["refreshed"], 1);
    assert_eq!(name().await, "");
    let all = ["account", "refresh", "--all", "--json"];
    let told = parsed(&process.cli_ok(&all));
    assert_eq!(
        (&told["refreshed"], &told["failed"]),
        (&json!(1), &json!({}))
    );
    eventually("the server sees it", async || {
        (name().await == "Goodness").then_some(())
    })
    .await;

    let found = async || {
        let path = "/api/v2/search?type=accounts&q=goodness";
        let found = process.get(&alice, path).await.ok();
        found["accounts"].as_array().map_or(0, Vec::len)
    };
    eventually("the index has it", async || {
        (found().await == 1).then_some(())
    })
    .await;
    database::change(process.database_url(), "DELETE FROM account_words").await;
    assert_eq!(found().await, 0, "the index is as good as before");
    process.cli_ok(&["search", "reindex"]);
    assert_eq!(found().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_ends_and_others_are_told() {
    let (process, peer) = (Process::start().await, Peer::start().await);
    process.person("alice");
    process.person("bob");
    let good = peer.add_actor("good");
    let actor = format!("{}/users/alice", process.url);
    let follow = json!({"@context": "https://www.w3.org/ns/activitystreams",
        "id": format!("{good}#follow"), "type": "Follow", "actor": good, "object": actor});
    let (now, inbox) = (
        kith::clock::Clock::System.now_ms(),
        format!("{}/inbox", process.url),
    );
    let delivery = Delivery::by(&good);
    let answer = delivery.post(&process.http, &inbox, now, &follow).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let came = async |kind: &'static str| {
        eventually(kind, async || {
            let of_kind = |got: &Value| got["type"] == kind && got["actor"] == actor.as_str();
            peer.received().iter().any(of_kind).then_some(())
        })
        .await;
    };
    came("Accept").await;

    let domain = process.url.trim_start_matches("http://");
    let error = process.cli_fails(&["self-destruct", "other.example"]);
    assert!(error.contains("nothing was deleted"), "{error}");
    let would = parsed(&process.cli_ok(&["self-destruct", "--dry-run", "--json"]));
    assert_eq!(would["accounts"], 2);
    let profile = async |name: &str| process.get("", &format!("/users/{name}")).await.status;
    assert_eq!(profile("bob").await, 200);

    let begun = parsed(&process.cli_ok(&["self-destruct", domain, "--json"]));
    assert_eq!(begun["accounts"], 2);
    // Given again while that is being done, it tells how far it is.
    process.cli_ok(&["self-destruct", domain]);
    came("Delete").await;
    eventually("both are gone", async || {
        let gone = profile("alice").await == 410 && profile("bob").await == 410;
        gone.then_some(())
    })
    .await;
    let instance = process.get("", "/api/v2/instance").await.ok();
    assert_eq!(instance["registrations"]["enabled"], false);
    let body = json!({"username": "late", "email": "late@mail.example",
        "password": "correct horse battery", "agreement": true});
    let register = "/api/kith/v1/auth/register";
    process.post("", register, &body).await.refused(403);
    eventually("nothing is left to do", async || {
        let text = process.cli_ok(&["self-destruct", domain]);
        text.starts_with("no account of").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_device_is_no_longer_asked_for() {
    let process = Process::start().await;
    let alice = process.person("alice");
    let auth = "/api/kith/v1/auth";
    let begun = process
        .post(&alice, &format!("{auth}/totp"), &json!({}))
        .await;
    let key = bytes(begun.ok()["secret"].as_str().expect("a secret"));
    let step = kith::totp::step_of(kith::clock::Clock::System.now_ms());
    let body = json!({"code": kith::totp::code(&key, step)});
    process
        .post(&alice, &format!("{auth}/totp/confirm"), &body)
        .await
        .ok();
    let body = json!({"login": "alice", "password": "correct horse battery"});
    let sign_in = async || process.post("", &format!("{auth}/login"), &body).await;
    sign_in().await.refused(401);
    process.cli_ok(&["user", "modify", "alice", "--disable-totp"]);
    sign_in().await.ok();
    let again = process.cli_fails(&["user", "modify", "alice", "--disable-totp"]);
    assert!(again.contains("no one-time passwords"), "{again}");
    assert_eq!(
        process.cli_ok(&["user", "rotate-keys", "--all"]),
        "1 users have new keys"
    );
}
