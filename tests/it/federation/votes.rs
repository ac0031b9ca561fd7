//! Dislikes and emoji reactions across servers.

use serde_json::{Value, json};

use super::two_servers::{Pair, id};
use crate::support::peer::{Delivery, Peer, eventually};
use crate::support::{Person, Server, database};

async fn until(pair: &Pair, status: &Value, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    eventually(what, async || {
        let seen = pair.own(status).await;
        holds(&seen).then_some(seen)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn votes_and_reactions_arrive_and_are_taken_back() {
    let pair = Pair::start().await;
    pair.bob_follows().await;
    let status = pair.one.status(&pair.alice, "vote").await;
    let there = pair.arrives(&status).await;
    let kith = |verb: &str| format!("/api/kith/v1/statuses/{}/{verb}", id(&there));
    let do_it = async |path: String| {
        pair.two
            .post(&pair.bob, &path, json!({}))
            .await
            .entity("Status")
    };
    let disliked = do_it(kith("dislike")).await;
    assert_eq!(disliked["kith"]["disliked"], true);
    until(&pair, &status, "the dislike arrives", |s| {
        s["kith"]["dislikes_count"] == 1
    })
    .await;
    let who = format!("/api/kith/v1/statuses/{}/disliked_by", id(&status));
    let who = pair.one.get(&pair.alice, &who).await.entities("Account");
    assert_eq!(who[0]["id"], pair.bob_there);
    do_it(format!("/api/v1/statuses/{}/favourite", id(&there))).await;
    until(&pair, &status, "the like takes its place", |s| {
        s["favourites_count"] == 1 && s["kith"]["dislikes_count"] == 0
    })
    .await;
    do_it(kith("dislike")).await;
    until(&pair, &status, "the dislike takes its place", |s| {
        s["favourites_count"] == 0 && s["kith"]["dislikes_count"] == 1
    })
    .await;
    do_it(kith("undislike")).await;
    until(&pair, &status, "it is taken back", |s| {
        s["favourites_count"] == 0 && s["kith"]["dislikes_count"] == 0
    })
    .await;

    let fire = kith("reactions/%F0%9F%94%A5");
    pair.two
        .put(&pair.bob, &fire, json!({}))
        .await
        .entity("Status");
    let seen = until(&pair, &status, "the reaction arrives", |s| {
        s["kith"]["reactions"][0]["count"] == 1
    })
    .await;
    assert_eq!(seen["kith"]["reactions"][0]["name"], "🔥");
    pair.two.delete(&pair.bob, &fire).await.entity("Status");
    until(&pair, &status, "it is gone", |s| {
        s["kith"]["reactions"] == json!([])
    })
    .await;
}

async fn deliver(server: &Server, sara: &str, activity: Value) {
    let mut activity = activity;
    activity["actor"] = json!(sara);
    let answer = Delivery::by(sara).send(server, &activity).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
}

async fn shows(
    server: &Server,
    person: &Person,
    status: &Value,
    what: &str,
    holds: impl Fn(&Value) -> bool,
) -> Value {
    let path = format!("/api/v1/statuses/{}", id(status));
    eventually(what, async || {
        let seen = server.get(person, &path).await.entity("Status");
        holds(&seen).then_some(seen)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn custom_emoji_come_with_their_pictures_and_are_joined() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let status = server.status(&alice, "hello").await;
    let sara = peer.add_actor("sara");
    let picture = format!("{}/files/blobcat.png", peer.origin);
    let like = |n: i64, content: &str| {
        json!({
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": format!("{sara}#likes/{n}"),
            "type": "Like",
            "object": status["uri"],
            "content": content,
            "_misskey_reaction": content,
            "tag": [{"type": "Emoji", "name": ":blobcat:", "icon": {"type": "Image", "url": picture}}],
        })
    };
    deliver(&server, &sara, like(1, ":blobcat:")).await;
    let seen = shows(&server, &alice, &status, "the reaction", |s| {
        s["kith"]["reactions"][0]["count"] == 1
    })
    .await;
    assert_eq!(seen["favourites_count"], 0, "it is no like");
    let name = format!("blobcat@{}", peer.domain());
    let reaction = &seen["kith"]["reactions"][0];
    assert_eq!(reaction["name"], name);
    let url = reaction["url"].as_str().unwrap();
    assert!(url.starts_with(&server.url), "shown by our copy: {url}");
    // A heart is what Misskey's plain likes say.
    deliver(&server, &sara, like(2, "❤")).await;
    shows(&server, &alice, &status, "the like", |s| {
        s["favourites_count"] == 1
    })
    .await;
    // It is joined here by its name, on a status that has it, and nowhere else.
    let path = |status: &Value| format!("/api/kith/v1/statuses/{}/reactions/{name}", id(status));
    let joined = server.put(&alice, &path(&status), json!({})).await;
    let joined = joined.entity("Status");
    assert_eq!(joined["kith"]["reactions"][0]["count"], 2);
    assert_eq!(joined["kith"]["reactions"][0]["me"], true);
    let other = server.status(&alice, "another").await;
    server
        .put(&alice, &path(&other), json!({}))
        .await
        .refused(422);
    let undo = json!({
        "id": format!("{sara}#undo/1"), "type": "Undo",
        "object": {"id": format!("{sara}#likes/1"), "type": "Like", "actor": sara, "object": status["uri"]},
    });
    deliver(&server, &sara, undo).await;
    let seen = shows(&server, &alice, &status, "the reaction is undone", |s| {
        s["kith"]["reactions"][0]["count"] == 1
    })
    .await;
    assert_eq!(seen["favourites_count"], 1, "the like is not");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_actor_may_not_see_is_not_voted_on() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let sara = peer.add_actor("sara");
    let mut hidden = Vec::new();
    for visibility in ["private", "local", "mutuals"] {
        let body = json!({"status": "not for all", "visibility": visibility});
        let status = server.post(&alice, "/api/v1/statuses", body).await;
        hidden.push(status.entity("Status"));
    }
    let open = server.status(&alice, "for all").await;
    for (n, status) in hidden.iter().chain([&open]).enumerate() {
        for kind in ["Dislike", "EmojiReact"] {
            let activity = json!({
                "id": format!("{sara}#{kind}/{n}"), "type": kind,
                "object": status["uri"], "content": "🔥",
            });
            deliver(&server, &sara, activity).await;
        }
    }
    shows(&server, &alice, &open, "the open one is", |s| {
        s["kith"]["dislikes_count"] == 1 && s["kith"]["reactions"][0]["count"] == 1
    })
    .await;
    for status in &hidden {
        let path = format!("/api/v1/statuses/{}", id(status));
        let seen = server.get(&alice, &path).await.entity("Status");
        assert_eq!(seen["kith"]["dislikes_count"], 0);
        assert_eq!(seen["kith"]["reactions"], json!([]));
    }
    // Views from elsewhere are not counted, nor is a vote told to nobody.
    let url = &server.app.config.database_url;
    let views = database::count(url, "SELECT count(*) AS n FROM status_views").await;
    assert_eq!(views, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_mutuals_reaches_them_and_names_no_others() {
    let (pair, peer) = (Pair::start().await, Peer::start().await);
    pair.bob_follows().await;
    let follow = async |id: &str| {
        let path = format!("/api/v1/accounts/{id}/follow");
        let answer = pair.one.post(&pair.alice, &path, json!({})).await;
        answer.entity("Relationship");
    };
    let carol = pair.two.person("carol").await;
    let follow_alice = format!("/api/v1/accounts/{}/follow", pair.alice_there);
    pair.two.post(&carol, &follow_alice, json!({})).await.ok();
    follow(&pair.bob_there).await;
    // Sara at the peer and alice follow each other, too.
    let sara = peer.add_actor("sara");
    let theirs = json!({
        "id": format!("{sara}#follow"), "type": "Follow", "object": pair.alice.account.uri,
    });
    deliver(&pair.one, &sara, theirs).await;
    let handle = format!("@sara@{}", peer.domain());
    let sara_here = super::two_servers::resolve(&pair.one, &pair.alice, &handle).await;
    follow(&sara_here).await;
    let ours = eventually("the follow reaches sara", async || {
        peer.received().into_iter().find(|a| a["type"] == "Follow")
    })
    .await;
    let accept = json!({"id": format!("{sara}#accept"), "type": "Accept", "object": ours});
    deliver(&pair.one, &sara, accept).await;
    let relations = format!(
        "/api/v1/accounts/relationships?id[]={sara_here}&id[]={}",
        pair.bob_there
    );
    eventually("all follow each other", async || {
        let list = pair.one.get(&pair.alice, &relations).await;
        list.entities("Relationship")
            .iter()
            .all(|r| r["following"] == true && r["followed_by"] == true)
            .then_some(())
    })
    .await;
    let body = json!({"status": "for friends", "visibility": "mutuals"});
    let status = pair.one.post(&pair.alice, "/api/v1/statuses", body).await;
    let status = status.entity("Status");
    let there = pair.arrives(&status).await;
    assert_eq!(there["kith"]["visibility"], "mutuals");
    assert_eq!(there["mentions"], json!([]));
    // Carol, on the same server, follows alice, who does not follow her.
    let path = format!("/api/v1/statuses/{}", id(&there));
    pair.two.get(&carol, &path).await.refused(404);
    let home = pair.two.get(&carol, "/api/v1/timelines/home").await;
    assert_eq!(home.entities("Status").len(), 0);
    let create = eventually("the post reaches sara", async || {
        peer.received().into_iter().find(|a| a["type"] == "Create")
    })
    .await;
    assert_eq!(create["to"], json!([sara]));
    assert_eq!(create["object"]["to"], json!([sara]));
    assert_eq!(create["object"]["kith:visibility"], "mutuals");
    assert!(!create.to_string().contains(pair.two.domain()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_counts_are_right_when_an_account_elsewhere_is_gone() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let (liked, disliked) = (
        server.status(&alice, "one").await,
        server.status(&alice, "two").await,
    );
    let sara = peer.add_actor("sara");
    for (n, (kind, status)) in [
        ("Like", &liked),
        ("Announce", &liked),
        ("EmojiReact", &liked),
        ("Dislike", &disliked),
    ]
    .into_iter()
    .enumerate()
    {
        let mut activity = json!({
            "id": format!("{sara}#did/{n}"), "type": kind, "object": status["uri"],
            "to": ["https://www.w3.org/ns/activitystreams#Public"],
        });
        if kind == "EmojiReact" {
            activity["content"] = json!("🔥");
        }
        deliver(&server, &sara, activity).await;
    }
    let mut note = peer.note("sara", "1", "a comment");
    note["inReplyTo"] = liked["uri"].clone();
    deliver(&server, &sara, peer.create("sara", &note)).await;
    let counts = |s: &Value| {
        (
            s["favourites_count"].clone(),
            s["reblogs_count"].clone(),
            s["replies_count"].clone(),
            s["kith"]["reactions"].as_array().unwrap().len(),
            s["kith"]["dislikes_count"].clone(),
        )
    };
    let n = |n: i64| json!(n);
    shows(&server, &alice, &liked, "all of it", |s| {
        counts(s) == (n(1), n(1), n(1), 1, n(0))
    })
    .await;
    shows(&server, &alice, &disliked, "the dislike", |s| {
        counts(s) == (n(0), n(0), n(0), 0, n(1))
    })
    .await;
    let gone = json!({"id": format!("{sara}#delete"), "type": "Delete", "object": sara});
    deliver(&server, &sara, gone).await;
    for status in [&liked, &disliked] {
        shows(&server, &alice, status, "none of it is left", |s| {
            counts(s) == (n(0), n(0), n(0), 0, n(0))
        })
        .await;
    }
    let totals = server.get(&alice, "/api/kith/v1/analytics").await.ok();
    for name in ["likes", "dislikes", "comments", "shares"] {
        assert_eq!(totals[name], 0, "{name}");
    }
}
