//! Accounts that move from one server to another.

use serde_json::{Value, json};

use super::fedify::Meeting;
use super::two_servers::{Pair, resolve};
use crate::api::moves::{ALIASES, depart, relation, with_password};
use crate::support::peer::{Delivery, Page, Peer, eventually};
use crate::support::{Person, Server};

async fn follow(server: &Server, who: &Person, id: &str) {
    let path = format!("/api/v1/accounts/{id}/follow");
    server
        .post(who, &path, json!({}))
        .await
        .entity("Relationship");
}

async fn stands(server: &Server, who: &Person, id: &str, what: &str, is: bool) {
    eventually(what, async || {
        (relation(server, who, id).await[what] == is).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_moves_to_another_server_with_its_followers() {
    let pair = Pair::start().await;
    pair.bob_follows().await;
    let (dave, carol) = (
        pair.one.person("dave").await,
        pair.two.person("carol").await,
    );
    follow(&pair.one, &dave, &pair.alice.id()).await;
    let handle = format!("@alice@{}", pair.one.domain());
    let alias = pair
        .two
        .post(&carol, ALIASES, json!({"alias": handle}))
        .await;
    assert_eq!(alias.entity("Account")["id"], pair.alice_there);

    with_password(&pair.one, &pair.alice).await;
    let carol_handle = format!("@carol@{}", pair.two.domain());
    let moved = depart(&pair.one, &pair.alice, &carol_handle).await;
    let moved = moved.entity("Kith::Move");
    assert_eq!(moved["moved_to"]["uri"], carol.account.uri);
    let carol_there = moved["moved_to"]["id"].as_str().unwrap().to_owned();

    // Bob, where alice is a stranger and carol is at home; dave, the other way around.
    stands(&pair.two, &pair.bob, &carol.id(), "following", true).await;
    stands(&pair.two, &pair.bob, &pair.alice_there, "following", false).await;
    stands(&pair.one, &dave, &carol_there, "following", true).await;
    stands(&pair.one, &dave, &pair.alice.id(), "following", false).await;
    let path = format!("/api/v1/accounts/{}", pair.alice_there);
    let shown = pair.two.get(&pair.bob, &path).await.entity("Account");
    assert_eq!(shown["moved"]["id"], carol.id());
    eventually("nobody is left behind", async || {
        let path = format!("/api/v1/accounts/{}", pair.alice.id());
        let shown = pair.one.get_public(&path).await.entity("Account");
        (shown["followers_count"] == 0).then_some(())
    })
    .await;
    eventually("all have arrived", async || {
        let path = format!("/api/v1/accounts/{}", carol.id());
        let shown = pair.two.get_public(&path).await.entity("Account");
        (shown["followers_count"] == 2).then_some(())
    })
    .await;
    // Nobody there can follow alice any more.
    let path = format!("/api/v1/accounts/{}/follow", pair.alice_there);
    pair.two
        .post(&pair.bob, &path, json!({}))
        .await
        .refused(403);
}

/// A server whose alice follows `old` at one peer; `new` lives at another.
struct Stage {
    server: Server,
    peer: Peer,
    other: Peer,
    alice: Person,
    old: String,
    old_id: String,
}

impl Stage {
    async fn set() -> Stage {
        let (server, peer, other) = (
            Server::start().await,
            Peer::start().await,
            Peer::start().await,
        );
        let alice = server.person("alice").await;
        let old = peer.add_actor("old");
        let old_id = resolve(&server, &alice, &format!("@old@{}", peer.domain())).await;
        let stage = Stage {
            server,
            peer,
            other,
            alice,
            old: old.clone(),
            old_id: old_id.clone(),
        };
        follow(&stage.server, &stage.alice, &old_id).await;
        stage.accept(&stage.peer, &old, 0).await;
        stands(&stage.server, &stage.alice, &old_id, "following", true).await;
        stage
    }

    /// An actor accepts one of the Follows that came to its peer, the first being 0.
    async fn accept(&self, peer: &Peer, actor: &str, nth: usize) {
        let follow = eventually("the Follow arrives", async || {
            let follows = peer.received().into_iter();
            let mut to_it = follows.filter(|a| a["type"] == "Follow" && a["object"] == actor);
            to_it.nth(nth)
        })
        .await;
        let accept = json!({
            "id": format!("{actor}#accept/{nth}"), "type": "Accept", "actor": actor,
            "object": follow,
        });
        Delivery::by(actor).send(&self.server, &accept).await;
    }

    /// A Move by an actor; all that was sent is worked on when this is through.
    async fn says(&self, n: &str, actor: &str, object: &Value, target: &Value) {
        let activity = json!({
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": format!("{actor}#moves/{n}"), "type": "Move",
            "actor": actor, "object": object, "target": target,
        });
        let answer = Delivery::by(actor).send(&self.server, &activity).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        let waiting = "SELECT count(*) AS n FROM inbox_queue WHERE state = 0 AND next_at = 0";
        let jobs = "SELECT count(*) AS n FROM jobs WHERE kind = 'move'";
        eventually("all is worked on", async || {
            let url = &self.server.app.config.database_url;
            let left = crate::support::database::count(url, waiting).await
                + crate::support::database::count(url, jobs).await;
            (left == 0).then_some(())
        })
        .await;
    }

    /// Whether alice follows old.
    async fn stays(&self) -> bool {
        relation(&self.server, &self.alice, &self.old_id).await["following"] == true
    }

    async fn moved(&self) -> Value {
        let path = format!("/api/v1/accounts/{}", self.old_id);
        let shown = self.server.get(&self.alice, &path).await;
        shown.entity("Account")["moved"].clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_a_move_that_only_one_side_says_moves_nobody() {
    let stage = Stage::set().await;
    let (old, peer, other) = (&stage.old, &stage.peer, &stage.other);
    let me = json!(old);
    // The target does not know of it; or names somebody else; or only seems to.
    let stranger = other.add_actor("stranger");
    let wrong = other.add_actor_with(
        "wrong",
        json!({"alsoKnownAs": [format!("{old}x"), peer.origin]}),
    );
    stage.says("1", old, &me, &json!(stranger)).await;
    stage.says("2", old, &me, &json!(wrong)).await;
    // Another host serves a document that claims to be the target.
    let liar = json!({
        "id": stranger, "type": "Person", "preferredUsername": "stranger",
        "inbox": format!("{stranger}/inbox"), "alsoKnownAs": [old],
    });
    peer.serve("/users/liar", Page::Document(liar));
    stage
        .says("3", old, &me, &json!(format!("{}/users/liar", peer.origin)))
        .await;
    // An embedded target is not believed.
    let embedded = json!({"id": stranger, "type": "Person", "alsoKnownAs": [old]});
    stage.says("4", old, &me, &embedded).await;
    // To itself, to nothing, to what is no actor.
    stage.says("5", old, &me, &me).await;
    stage.says("6", old, &me, &json!(null)).await;
    other.serve(
        "/notes/1",
        Page::Document(other.note("stranger", "1", "hi")),
    );
    stage
        .says("7", old, &me, &json!(format!("{}/notes/1", other.origin)))
        .await;
    // Somebody else moves it.
    let thief = other.add_actor_with("thief", json!({"alsoKnownAs": [old]}));
    stage.says("8", &thief, &me, &json!(thief)).await;
    assert!(stage.stays().await);
    assert_eq!(stage.moved().await, Value::Null);

    // The thief's alias alone is enough for nobody but old itself.
    let ours = format!("{}/users/alice", stage.server.url);
    stage.says("9", old, &me, &json!(ours)).await;
    assert!(stage.stays().await);
    // A suspended target, and a suspended actor.
    resolve(
        &stage.server,
        &stage.alice,
        &format!("@thief@{}", other.domain()),
    )
    .await;
    suspend(&stage.server, &thief, true).await;
    stage.says("10", old, &me, &json!(thief)).await;
    assert!(stage.stays().await);
    suspend(&stage.server, &thief, false).await;
    suspend(&stage.server, old, true).await;
    stage.says("11", old, &me, &json!(thief)).await;
    suspend(&stage.server, old, false).await;
    assert!(stage.stays().await);
    assert_eq!(stage.moved().await, Value::Null);
    let sent = other.received();
    assert!(sent.iter().all(|a| a["type"] != "Follow"), "{sent:?}");
}

async fn suspend(server: &Server, uri: &str, is: bool) {
    let (uri, now) = (uri.to_owned(), server.app.clock.now_ms());
    server
        .app
        .write(move |tx| {
            Box::pin(async move {
                let mut account = kith::db::accounts::by_uri(tx, &uri).await?.expect("known");
                account.suspended_at = is.then_some(now);
                kith::db::accounts::update(tx, &account).await?;
                let event = kith::events::Event::of(kith::events::Kind::AccountChanged, account.id);
                tx.emit(event);
                Ok(())
            })
        })
        .await
        .expect("it is written");
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_follow_an_account_elsewhere_but_not_back_and_forth() {
    let stage = Stage::set().await;
    let (server, alice, old) = (&stage.server, &stage.alice, &stage.old);
    let new = stage.other.actor_uri("new");
    stage
        .other
        .add_actor_with("new", json!({"alsoKnownAs": [old]}));
    stage
        .peer
        .add_actor_with("old", json!({"alsoKnownAs": [new]}));
    let options = json!({"notify": true});
    let path = format!("/api/v1/accounts/{}/follow", stage.old_id);
    server.post(alice, &path, options).await.ok();
    stage.says("1", old, &json!(old), &json!(new)).await;
    // A Follow that the new one may answer as it likes; the old one is told.
    let follow = eventually("the Follow arrives", async || {
        stage
            .other
            .received()
            .into_iter()
            .find(|a| a["type"] == "Follow")
    })
    .await;
    assert_eq!(
        (&follow["actor"], &follow["object"]),
        (&json!(alice.account.uri), &json!(new))
    );
    eventually("the old one is told", async || {
        let all = stage.peer.received();
        all.into_iter()
            .find(|a| a["type"] == "Undo" && a["object"]["object"] == *old)
    })
    .await;
    assert!(!stage.stays().await);
    let moved = stage.moved().await;
    assert_eq!(moved["uri"], new);
    let new_id = moved["id"].as_str().unwrap().to_owned();
    stage.accept(&stage.other, &new, 0).await;
    stands(server, alice, &new_id, "following", true).await;
    assert_eq!(relation(server, alice, &new_id).await["notifying"], true);

    // Back once, for the old one's document says nothing of where it is; but no further.
    stage.says("2", &new, &json!(new), &json!(old)).await;
    stage.accept(&stage.peer, old, 1).await;
    stands(server, alice, &stage.old_id, "following", true).await;
    stage.says("3", old, &json!(old), &json!(new)).await;
    stage.says("4", &new, &json!(new), &json!(old)).await;
    assert!(stage.stays().await);
    assert_eq!(relation(server, alice, &new_id).await["following"], false);
    // A week later once more, unless the other has moved by what it says itself.
    server.pass(8 * kith::clock::DAY);
    stage
        .other
        .add_actor_with("new", json!({"alsoKnownAs": [old], "movedTo": old}));
    stage.says("5", old, &json!(old), &json!(new)).await;
    assert!(stage.stays().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_shows_where_an_account_is_now() {
    let stage = Stage::set().await;
    let new = stage.other.add_actor("new");
    stage.peer.add_actor_with("old", json!({"movedTo": new}));
    let update = json!({
        "id": format!("{}#update", stage.old), "type": "Update",
        "actor": stage.old, "object": stage.old,
    });
    Delivery::by(&stage.old).send(&stage.server, &update).await;
    eventually("it shows", async || {
        (stage.moved().await["uri"] == new).then_some(())
    })
    .await;
    assert!(stage.stays().await);
    // One that is nowhere to be found is not shown.
    stage.peer.add_actor_with(
        "old",
        json!({"movedTo": format!("{}/users/nobody", stage.other.origin)}),
    );
    let again = json!({
        "id": format!("{}#update2", stage.old), "type": "Update",
        "actor": stage.old, "object": stage.old,
    });
    Delivery::by(&stage.old).send(&stage.server, &again).await;
    eventually("it shows no more", async || {
        stage.moved().await.is_null().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follow_of_an_account_that_left_is_rejected() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let (alice, _new) = (server.person("alice").await, server.person("new").await);
    with_password(&server, &alice).await;
    let body = json!({
        "target": "new", "password": crate::api::moves::PASSWORD, "redirect_only": true,
    });
    server
        .post(&alice, crate::api::moves::MOVE, body)
        .await
        .ok();
    let good = peer.add_actor("good");
    let follow = json!({
        "id": format!("{good}#follow"), "type": "Follow", "actor": good,
        "object": alice.account.uri,
    });
    Delivery::by(&good).send(&server, &follow).await;
    eventually("it is rejected", async || {
        peer.received().into_iter().find(|a| a["type"] == "Reject")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_moves_between_others_and_from_here_to_another() {
    let meeting = Meeting::with("ann").await;
    let fedify = &meeting.fedify;
    // Two of the peer's own: alice follows the first, who moves to the second.
    for name in ["movingout", "movingin"] {
        fedify.act(name, "actor", json!({"username": name})).await;
    }
    let old = resolve(&meeting.server, &meeting.alice, &fedify.handle("movingout")).await;
    follow(&meeting.server, &meeting.alice, &old).await;
    stands(&meeting.server, &meeting.alice, &old, "following", true).await;
    let aliases = json!({"alsoKnownAs": [fedify.actor("movingout")]});
    fedify.act("movingin", "update-actor", aliases).await;
    let to = json!({"to": fedify.actor("movingin")});
    fedify.act("movingout", "move", to).await;
    stands(&meeting.server, &meeting.alice, &old, "following", false).await;
    let path = format!("/api/v1/accounts/{old}");
    let shown = meeting.get(&path).await;
    assert_eq!(shown["moved"]["uri"], fedify.actor("movingin"));
    let new = shown["moved"]["id"].as_str().unwrap();
    stands(&meeting.server, &meeting.alice, new, "following", true).await;

    // Alice moves to the second, too: her followers there hear of it.
    meeting.be_followed().await;
    with_password(&meeting.server, &meeting.alice).await;
    let aliases = json!({"alsoKnownAs": [fedify.actor("movingout"), meeting.uri()]});
    fedify.act("movingin", "update-actor", aliases).await;
    depart(&meeting.server, &meeting.alice, &fedify.handle("movingin"))
        .await
        .entity("Kith::Move");
    let update = meeting.expect("Update").await;
    assert_eq!(update["object"]["movedTo"], fedify.actor("movingin"));
    let moved = meeting.expect("Move").await;
    assert_eq!(moved["target"], fedify.actor("movingin"));
    assert_eq!(moved["object"], meeting.uri());
}
