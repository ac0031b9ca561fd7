//! What people have to do with each other: notes, endorsements, domain blocks, follow options,
//! suggestions, the directory.

use kith::clock::SECOND;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::peer::{Delivery, Peer, eventually};
use crate::support::server::ids;
use crate::support::{Person, Server};

fn account(person: &Person, verb: &str) -> String {
    format!("/api/v1/accounts/{}/{verb}", person.id())
}

async fn verb(server: &Server, who: &Person, whom: &Person, verb: &str, body: Value) -> Value {
    server
        .post(who, &account(whom, verb), body)
        .await
        .entity("Relationship")
}

async fn relation(server: &Server, who: &Person, id: &str) -> Value {
    let path = format!("/api/v1/accounts/relationships?id[]={id}");
    server
        .get(who, &path)
        .await
        .entities("Relationship")
        .remove(0)
}

async fn accounts(server: &Server, who: &Person, path: &str) -> Vec<String> {
    ids(&server.get(who, path).await.entities("Account"))
}

async fn home(server: &Server, who: &Person) -> Vec<String> {
    ids(&server
        .get(who, "/api/v1/timelines/home")
        .await
        .entities("Status"))
}

#[tokio::test(flavor = "multi_thread")]
async fn several_accounts_are_read_at_once() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let path = format!(
        "/api/v1/accounts?id[]={}&id[]=17&id[]={}",
        bob.id(),
        alice.id()
    );
    let found = server.get_public(&path).await.entities("Account");
    assert_eq!(ids(&found), [bob.id(), alice.id()]);
    assert_eq!(server.get_public("/api/v1/accounts").await.ok(), json!([]));
    let many: String = (0..50).map(|n| format!("id[]={n}&")).collect();
    server
        .get_public(&format!("/api/v1/accounts?{many}"))
        .await
        .refused(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_are_for_oneself() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let noted = verb(
        &server,
        &alice,
        &bob,
        "note",
        json!({"comment": "met at sea"}),
    )
    .await;
    assert_eq!(noted["note"], "met at sea");
    let noted = verb(&server, &alice, &bob, "note", json!({"comment": "owes me"})).await;
    assert_eq!(noted["note"], "owes me");
    assert_eq!(relation(&server, &bob, &alice.id()).await["note"], "");
    let path = account(&bob, "note");
    let long = json!({"comment": "x".repeat(2001)});
    server.post(&alice, &path, long).await.refused(422);
    let noted = verb(&server, &alice, &bob, "note", json!({})).await;
    assert_eq!(noted["note"], "");
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_one_follows_can_be_featured() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let carol = server.person("carol").await;
    let path = account(&bob, "endorse");
    server.post(&alice, &path, json!({})).await.refused(422);
    for whom in [&bob, &carol] {
        verb(&server, &alice, whom, "follow", json!({})).await;
    }
    assert_eq!(
        verb(&server, &alice, &bob, "endorse", json!({})).await["endorsed"],
        true
    );
    assert_eq!(
        verb(&server, &alice, &carol, "pin", json!({})).await["endorsed"],
        true
    );
    verb(&server, &alice, &carol, "pin", json!({})).await;
    let path = account(&alice, "endorsements");
    let shown = ids(&server.get_public(&path).await.entities("Account"));
    assert_eq!(shown, [carol.id(), bob.id()]);
    let first = server.get(&alice, "/api/v1/endorsements?limit=1").await;
    assert_eq!(ids(&first.entities("Account")), [carol.id()]);
    let next = first.link("next").expect("a second page");
    assert_eq!(accounts(&server, &alice, &next).await, [bob.id()]);
    assert_eq!(
        verb(&server, &alice, &bob, "unpin", json!({})).await["endorsed"],
        false
    );
    // Whom one does not follow any more is not featured.
    verb(&server, &alice, &carol, "unfollow", json!({})).await;
    assert!(
        accounts(&server, &alice, "/api/v1/endorsements")
            .await
            .is_empty()
    );
    assert_eq!(
        relation(&server, &alice, &carol.id()).await["endorsed"],
        false
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn familiar_followers_are_those_one_follows() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let (carol, dan) = (server.person("carol").await, server.person("dan").await);
    for whom in [&bob, &dan] {
        verb(&server, &alice, whom, "follow", json!({})).await;
        verb(&server, whom, &carol, "follow", json!({})).await;
    }
    let path = format!(
        "/api/v1/accounts/familiar_followers?id[]={}&id[]={}",
        carol.id(),
        bob.id()
    );
    let familiar = async || {
        let found = server
            .get(&alice, &path)
            .await
            .entities("FamiliarFollowers");
        assert_eq!(ids(&found), [carol.id(), bob.id()]);
        found
            .iter()
            .map(|one| ids(one["accounts"].as_array().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(familiar().await, [vec![dan.id(), bob.id()], vec![]]);
    // Who hides whom they follow is not told of.
    let hide = json!({"hide_collections": true});
    let update = "/api/v1/accounts/update_credentials";
    let hides = async |who: &Person| {
        server
            .send(Method::PATCH, update, Some(&who.token), Some(&hide))
            .await
            .ok();
    };
    hides(&dan).await;
    assert_eq!(familiar().await, [vec![bob.id()], vec![]]);
    hides(&carol).await;
    assert_eq!(familiar().await, [vec![], Vec::<String>::new()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follow_brings_only_what_it_asks_for() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let carol = server.person("carol").await;
    let post = async |text: &str, language: &str| {
        let body = json!({"status": text, "language": language});
        let status = server.post(&bob, "/api/v1/statuses", body).await.ok();
        status["id"].as_str().unwrap().to_owned()
    };
    let (before, earlier) = (post("eins", "de").await, post("one", "en").await);
    let options = json!({"languages": ["de", "pt"], "reblogs": false, "notify": true});
    let followed = verb(&server, &alice, &bob, "follow", options).await;
    assert_eq!(followed["languages"], json!(["de", "pt"]));
    assert_eq!(
        (&followed["showing_reblogs"], &followed["notifying"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(home(&server, &alice).await, std::slice::from_ref(&before));
    let (german, _) = (post("zwei", "de").await, post("two", "en").await);
    let brazilian = post("dois", "pt-BR").await;
    let unsaid = server.status(&bob, "…").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let theirs = server.status(&carol, "reblog me").await;
    let reblog = format!("/api/v1/statuses/{}/reblog", theirs["id"].as_str().unwrap());
    server.post(&bob, &reblog, json!({})).await.ok();
    let all = [unsaid.clone(), brazilian, german.clone(), before.clone()];
    assert_eq!(home(&server, &alice).await, all);
    let told = server.get(&alice, "/api/v1/notifications").await;
    assert_eq!(
        told.entities("Notification").len(),
        4,
        "each new post is told of"
    );

    // What is asked for can change: what is not wanted any more goes, the rest comes.
    verb(
        &server,
        &alice,
        &bob,
        "follow",
        json!({"languages": ["de"]}),
    )
    .await;
    assert_eq!(home(&server, &alice).await, [unsaid, german, before]);
    let open = json!({"languages": [], "reblogs": true, "notify": false});
    let followed = verb(&server, &alice, &bob, "follow", open).await;
    assert_eq!(followed["languages"], json!(null));
    let now = home(&server, &alice).await;
    assert_eq!(now.len(), 7);
    assert!(now.contains(&earlier));
    verb(&server, &alice, &bob, "follow", json!({"reblogs": false})).await;
    assert_eq!(home(&server, &alice).await.len(), 6);
    let bad = json!({"languages": ["not a language"]});
    server
        .post(&alice, &account(&bob, "follow"), bad)
        .await
        .refused(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_of_a_locked_account_is_kept_for_when_it_accepts() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let lock = json!({"locked": true});
    server
        .send(
            Method::PATCH,
            "/api/v1/accounts/update_credentials",
            Some(&bob.token),
            Some(&lock),
        )
        .await
        .ok();
    let asked = verb(&server, &alice, &bob, "follow", json!({})).await;
    assert_eq!(
        (&asked["requested"], &asked["showing_reblogs"]),
        (&json!(true), &json!(true))
    );
    let again = json!({"reblogs": false, "notify": true});
    let asked = verb(&server, &alice, &bob, "follow", again).await;
    assert_eq!(
        (&asked["requested"], &asked["notifying"]),
        (&json!(true), &json!(true))
    );
    let path = format!("/api/v1/follow_requests/{}/authorize", alice.id());
    server
        .post(&bob, &path, json!({}))
        .await
        .entity("Relationship");
    let followed = relation(&server, &alice, &bob.id()).await;
    assert_eq!(
        (
            &followed["following"],
            &followed["notifying"],
            &followed["showing_reblogs"]
        ),
        (&json!(true), &json!(true), &json!(false))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mute_ends_when_its_time_is_over() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    verb(&server, &alice, &bob, "follow", json!({})).await;
    let muted = verb(&server, &alice, &bob, "mute", json!({"duration": 3600})).await;
    assert!(muted["muting_expires_at"].is_string());
    let status = server.status(&bob, "@alice still there?").await;
    let list = server
        .get(&alice, "/api/v1/mutes")
        .await
        .entities("MutedAccount");
    assert_eq!(list[0]["mute_expires_at"], muted["muting_expires_at"]);
    assert!(home(&server, &alice).await.is_empty());
    // It ended a second ago.
    let (one, other) = (alice.account.id, bob.account.id);
    let ended = server.app.clock.now_ms() - SECOND;
    server
        .app
        .write(move |tx| {
            Box::pin(async move {
                let mute = kith::db::relations::mute(tx, one, other).await?.unwrap();
                kith::db::relations::remove_mute(tx, one, other).await?;
                let ended = kith::db::relations::Mute {
                    expires_at: Some(ended),
                    ..mute
                };
                kith::db::relations::add_mute(tx, &ended).await?;
                Ok(())
            })
        })
        .await
        .unwrap();
    server.app.caches.clear();
    assert_eq!(
        home(&server, &alice).await,
        [status["id"].as_str().unwrap()]
    );
    assert_eq!(server.get(&alice, "/api/v1/mutes").await.ok(), json!([]));
    assert_eq!(relation(&server, &alice, &bob.id()).await["muting"], false);
    kith::jobs::cleanup::pass(&server.app).await.unwrap();
    let left = server
        .app
        .read(move |c| Box::pin(async move { Ok(kith::db::relations::mute(c, one, other).await?) }))
        .await
        .unwrap();
    assert_eq!(left, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_takes_away_what_the_blocked_one_left() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let carol = server.person("carol").await;
    let root = server.status(&carol, "a thread").await;
    let path = format!("/api/v1/statuses/{}", root["id"].as_str().unwrap());
    for text in ["@alice hello", "and more"] {
        let body = json!({"status": text, "in_reply_to_id": root["id"]});
        server.post(&bob, "/api/v1/statuses", body).await.ok();
    }
    let thread = async |who: &Person| {
        let context = server.get(who, &format!("{path}/context")).await;
        context.entity("Context")["descendants"]
            .as_array()
            .unwrap()
            .len()
    };
    let notified = async || {
        let list = server.get(&alice, "/api/v1/notifications").await;
        list.entities("Notification").len()
    };
    assert_eq!((thread(&alice).await, notified().await), (2, 1));
    verb(&server, &alice, &bob, "block", json!({})).await;
    assert_eq!((thread(&alice).await, notified().await), (0, 0));
    assert_eq!(thread(&carol).await, 2);
    verb(&server, &carol, &bob, "mute", json!({})).await;
    assert_eq!(thread(&carol).await, 0);
    // Nor is the blocked one seen among the followers of others.
    verb(&server, &bob, &carol, "follow", json!({})).await;
    assert!(
        accounts(&server, &alice, &account(&carol, "followers"))
            .await
            .is_empty()
    );
    assert_eq!(
        accounts(&server, &bob, &account(&carol, "followers")).await,
        [bob.id()]
    );
}

/// A server whose alice is followed by rob of the peer, asks to follow him, and knows a post of
/// his; rob's id.
async fn acquainted() -> (Server, Peer, Person, String) {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let rob = peer.add_actor("rob");
    let handle = format!("@rob@{}", peer.domain());
    let path = format!("/api/v2/search?q={handle}&resolve=true");
    let found = server.get(&alice, &path).await.entity("Search");
    let id = found["accounts"][0]["id"].as_str().unwrap().to_owned();
    let follow = json!({
        "@context": "https://www.w3.org/ns/activitystreams", "id": format!("{rob}#follow"),
        "type": "Follow", "actor": rob, "object": alice.account.uri,
    });
    Delivery::by(&rob).send(&server, &follow).await;
    server
        .post(&alice, &format!("/api/v1/accounts/{id}/follow"), json!({}))
        .await
        .ok();
    let mut note = peer.note("rob", "1", "<p>@alice hello</p>");
    note["cc"] = json!([alice.account.uri]);
    note["tag"] = json!([{"type": "Mention", "href": alice.account.uri, "name": "@alice"}]);
    Delivery::by(&rob)
        .send(&server, &peer.create("rob", &note))
        .await;
    eventually("rob is a follower, and heard of", async || {
        let known = relation(&server, &alice, &id).await["followed_by"] == true;
        let list = server.get(&alice, "/api/v1/notifications").await;
        (known && list.entities("Notification").len() == 2).then_some(())
    })
    .await;
    (server, peer, alice, id)
}

const BLOCKS: &str = "/api/v1/domain_blocks";

#[tokio::test(flavor = "multi_thread")]
async fn of_a_blocked_domain_nothing_is_left() {
    let (server, peer, alice, id) = acquainted().await;
    let bob = server.person("bob").await;
    let domain = peer.domain();
    let preview = format!("{BLOCKS}/preview?domain={domain}");
    let counts = json!({"following_count": 0, "followers_count": 1});
    assert_eq!(server.get(&alice, &preview).await.ok(), counts);
    let public = async |who: &Person| {
        let path = "/api/v1/timelines/public";
        server.get(who, path).await.entities("Status").len()
    };
    assert_eq!(public(&alice).await, 1);
    let body = json!({"domain": domain.to_uppercase()});
    assert_eq!(
        server.post(&alice, BLOCKS, body.clone()).await.ok(),
        json!({})
    );
    server.post(&alice, BLOCKS, body).await.ok();
    assert_eq!(server.get(&alice, BLOCKS).await.ok(), json!([domain]));
    let now = relation(&server, &alice, &id).await;
    assert_eq!(now["domain_blocking"], true);
    for gone in ["followed_by", "following", "requested"] {
        assert_eq!(now[gone], false, "{gone}");
    }
    assert_eq!((public(&alice).await, public(&bob).await), (0, 1));
    assert_eq!(
        server.get(&alice, "/api/v1/notifications").await.ok(),
        json!([])
    );
    for kind in ["Reject", "Undo"] {
        eventually("the peer is told", async || {
            peer.received().into_iter().find(|a| a["type"] == kind)
        })
        .await;
    }
    // Nobody from there follows, notifies or is followed.
    let path = format!("/api/v1/accounts/{id}/follow");
    server.post(&alice, &path, json!({})).await.refused(403);
    let rob = peer.actor_uri("rob");
    let follow = json!({
        "@context": "https://www.w3.org/ns/activitystreams", "id": format!("{rob}#again"),
        "type": "Follow", "actor": rob, "object": alice.account.uri,
    });
    Delivery::by(&rob).send(&server, &follow).await;
    eventually("it is refused", async || {
        peer.received()
            .into_iter()
            .find(|a| a["type"] == "Reject" && a["object"]["id"] == format!("{rob}#again"))
    })
    .await;
    // Reblogs of what is from there are left out, too.
    verb(&server, &alice, &bob, "follow", json!({})).await;
    let path = "/api/v1/timelines/public";
    let theirs = server.get(&bob, path).await.entities("Status");
    let reblog = format!(
        "/api/v1/statuses/{}/reblog",
        theirs[0]["id"].as_str().unwrap()
    );
    server.post(&bob, &reblog, json!({})).await.ok();
    assert!(home(&server, &alice).await.is_empty());

    let body = json!({"domain": domain});
    server
        .send(Method::DELETE, BLOCKS, Some(&alice.token), Some(&body))
        .await
        .ok();
    assert_eq!(server.get(&alice, BLOCKS).await.ok(), json!([]));
    assert_eq!(home(&server, &alice).await.len(), 1);
    assert_eq!(public(&alice).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn blocked_domains_are_listed_page_by_page() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    for n in 0..3 {
        let body = json!({"domain": format!("d{n}.example")});
        server.post(&alice, BLOCKS, body).await.ok();
    }
    let first = server.get(&alice, &format!("{BLOCKS}?limit=2")).await;
    assert_eq!(first.ok(), json!(["d2.example", "d1.example"]));
    let second = server.get(&alice, &first.link("next").unwrap()).await;
    assert_eq!(second.ok(), json!(["d0.example"]));
    let back = server.get(&alice, &second.link("prev").unwrap()).await;
    assert_eq!(back.ok(), json!(["d2.example", "d1.example"]));
    for domain in ["", "not a domain", "a/b", "x@y.example"] {
        let body = json!({"domain": domain});
        server.post(&alice, BLOCKS, body).await.refused(422);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn suggestions_are_those_one_does_not_know_yet() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let (carol, dan) = (server.person("carol").await, server.person("dan").await);
    let shy = server.person("shy").await;
    let hidden = json!({"discoverable": false});
    server
        .send(
            Method::PATCH,
            "/api/v1/accounts/update_credentials",
            Some(&shy.token),
            Some(&hidden),
        )
        .await
        .ok();
    verb(&server, &alice, &bob, "follow", json!({})).await;
    for whom in [&carol, &shy, &alice] {
        verb(&server, &bob, whom, "follow", json!({})).await;
    }
    for who in [&carol, &shy] {
        verb(&server, who, &dan, "follow", json!({})).await;
    }
    let found = server
        .get(&alice, "/api/v2/suggestions")
        .await
        .entities("Suggestion");
    let found: Vec<_> = found
        .iter()
        .map(|s| (&s["account"]["id"], &s["sources"]))
        .collect();
    assert_eq!(
        found,
        [
            (
                &json!(carol.id()),
                &json!(["friends_of_friends", "most_followed"])
            ),
            (&json!(dan.id()), &json!(["most_followed"])),
        ]
    );
    let path = "/api/v1/suggestions";
    assert_eq!(
        accounts(&server, &alice, path).await,
        [carol.id(), dan.id()]
    );
    assert_eq!(
        accounts(&server, &alice, "/api/v1/suggestions?limit=1").await,
        [carol.id()]
    );
    for id in [carol.id(), "17".to_owned(), "x".to_owned()] {
        let path = format!("{path}/{id}");
        let gone = server
            .send(Method::DELETE, &path, Some(&alice.token), None)
            .await;
        assert_eq!(gone.ok(), json!({}));
    }
    verb(&server, &alice, &dan, "mute", json!({})).await;
    assert!(accounts(&server, &alice, path).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_directory_shows_who_wants_to_be_found() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let carol = server.person("carol").await;
    server.status(&alice, "x").await;
    let list = async |query: &str| {
        let path = format!("/api/v1/directory?{query}");
        ids(&server.get_public(&path).await.entities("Account"))
    };
    assert_eq!(
        list("").await,
        [alice.id()],
        "who never posted is not active"
    );
    server.status(&bob, "x").await;
    assert_eq!(
        list("order=active&local=true").await,
        [bob.id(), alice.id()]
    );
    assert_eq!(list("order=new").await, [carol.id(), bob.id(), alice.id()]);
    assert_eq!(list("order=new&offset=1&limit=1").await, [bob.id()]);
    verb(&server, &carol, &bob, "block", json!({})).await;
    let seen = accounts(&server, &carol, "/api/v1/directory?order=new").await;
    assert_eq!(seen, [carol.id(), alice.id()]);
    let seen = accounts(&server, &bob, "/api/v1/directory?order=new").await;
    assert_eq!(seen, [bob.id(), alice.id()]);
}
