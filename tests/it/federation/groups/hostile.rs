//! What a group that lies can do: nothing to what is not its own, and nothing in anybody's name.

use kith::federation::proof;
use kith::federation::signature::PrivateKey;
use serde_json::{Value, json};

use super::super::hostile::block;
use super::super::two_servers::{id, resolve};
use super::{PUBLIC, World, followed};
use crate::support::database;
use crate::support::peer::{Page, Peer};

/// What nobody may boost or vote on.
fn closed(text: &str) -> Value {
    let rules = json!({"always": ["author"], "with_approval": []});
    let policy = json!({"can_favourite": rules, "can_reblog": rules});
    json!({"status": text, "interaction_policy": policy})
}

/// Likes, dislikes and who is told of a status.
async fn votes(world: &World, status: &Value) -> (Value, Value) {
    let now = world.again(status).await;
    (
        now["favourites_count"].clone(),
        now["kith"]["dislikes_count"].clone(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_has_no_say_in_votes_on_what_is_not_its_own() {
    let world = followed().await;
    let far = Peer::start().await;
    let mallory = far.add_actor("mallory");
    // Alice's post was never for the community, and neither is a stranger's.
    let own = world.server.status(&world.alice, "mine").await;
    let note = far.note("mallory", "1", "<p>theirs</p>");
    far.serve("/notes/1", Page::Document(note.clone()));
    let query: String = url::form_urlencoded::byte_serialize(id(&note).as_bytes()).collect();
    let path = format!("/api/v2/search?q={query}&resolve=true&type=statuses");
    let found = world.server.get(&world.alice, &path).await.entity("Search");
    let theirs = found["statuses"][0].clone();
    for status in [&own, &theirs] {
        for voter in [&world.sara, &mallory] {
            let like = world.done(voter, "Like", &status["uri"]);
            let why = world.announce(like).await;
            assert_eq!(why, "the object is not the group's");
        }
        assert_eq!(votes(&world, status).await, (json!(0), json!(0)));
    }
    // Neither does an answer to it make it the group's, nor what the group says of it.
    let mut claimed = world.comment("claim", &own["uri"]);
    claimed["content"] = json!("<p>ours</p>");
    world.serve(&claimed);
    assert_eq!(world.announce(world.by_sara("Create", &claimed)).await, "");
    assert_eq!(world.announce(own["uri"].clone()).await, "");
    let why = world.announce(world.by_sara("Dislike", &own["uri"])).await;
    assert_eq!(why, "the object is not the group's");
    assert_eq!(votes(&world, &own).await, (json!(0), json!(0)));
    // And it removes, locks and pins nothing of it.
    for verb in ["Delete", "Lock"] {
        let why = world.announce(world.by_sara(verb, &own["uri"])).await;
        assert_eq!(why, "the object is not the group's", "{verb}");
    }
    let mut pin = world.by_sara("Add", &own["uri"]);
    pin["target"] = json!(format!("{}/featured", world.boats));
    assert_eq!(world.announce(pin).await, "the object is not the group's");
    let answers = world.below(&world.alice, &own).await;
    assert_eq!(answers, [claimed["id"].clone()]);
    assert_eq!(world.again(&own).await["reblogs_count"], 1);
    // It boosts as anybody may, and not what nobody may.
    let closed = world.post("/api/v1/statuses", closed("mine alone")).await;
    assert_ne!(world.announce(closed["uri"].clone()).await, "");
    assert_eq!(world.again(&closed).await["reblogs_count"], 0);
    // What alice answers there is no more the group's than her post.
    let claimed = world.status(&claimed["id"]).await.expect("it is here");
    let body = json!({"status": "no", "in_reply_to_id": claimed["id"]});
    let answer = world.post("/api/v1/statuses", body).await;
    let why = world
        .announce(world.by_sara("Delete", &answer["uri"]))
        .await;
    assert_eq!(why, "the object is not the group's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_does_not_slip_in_from_below() {
    let world = followed().await;
    let own = world.server.status(&world.alice, "mine").await;
    // The end of a chain comes first, while nobody knows what it answers.
    let middle = world.comment("middle", &own["uri"]);
    let end = world.comment("end", &middle["id"]);
    world.peer.serve(
        "/comment/middle",
        Page::Raw(503, "text/plain", String::new()),
    );
    assert_eq!(world.announce(world.by_sara("Create", &end)).await, "");
    let end = world.status(&end["id"]).await.expect("it is here");
    assert_eq!(end["in_reply_to_id"], Value::Null);
    let like = world.by_sara("Like", &end["uri"]);
    assert_eq!(
        world.announce(like).await,
        "",
        "it says that it is the group's"
    );
    world.serve(&middle);
    assert_eq!(world.announce(world.by_sara("Create", &middle)).await, "");
    let end = world.again(&end).await;
    assert!(end["in_reply_to_id"].is_string());
    let why = world.announce(world.by_sara("Dislike", &end["uri"])).await;
    assert_eq!(why, "the object is not the group's");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_blocked_domain_did_is_not_heard_of_a_group() {
    let world = followed().await;
    let post = world.posted("boat").await;
    block(&world.server, "far.example").await;
    let tom = "https://far.example/users/tom";
    let like = world.done(tom, "Like", &post["uri"]);
    assert_eq!(world.announce(like).await, "the domain is blocked");
    assert_eq!(votes(&world, &post).await, (json!(0), json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_votes_in_nobodys_name() {
    let world = followed().await;
    let far = Peer::start().await;
    let bob = world.server.person("bob").await;
    let tom = far.add_actor("tom");
    resolve(
        &world.server,
        &world.alice,
        &format!("@tom@{}", far.domain()),
    )
    .await;
    let post = world.posted("boat").await;
    let own = world.post_to_boats("My boat").await;
    for status in [&post, &own] {
        // Of people here: not even counted.
        for verb in ["Like", "Dislike"] {
            let vote = world.done(&bob.account.uri, verb, &status["uri"]);
            assert_eq!(world.announce(vote).await, "somebody here did it");
        }
        assert_eq!(votes(&world, status).await, (json!(0), json!(0)));
        // Of people elsewhere, known or not: counted, and nobody's.
        let like = world.done(&tom, "Like", &status["uri"]);
        assert_eq!(world.announce(like).await, "");
        assert_eq!(votes(&world, status).await, (json!(1), json!(0)));
        let path = format!("/api/v1/statuses/{}/favourited_by", id(status));
        let list = world
            .server
            .get(&world.alice, &path)
            .await
            .entities("Account");
        assert_eq!(list.len(), 0);
    }
    assert_eq!(world.told().await, []);
    // Where not everybody may, nobody in particular does.
    let text = format!("@boats@{} my boat", world.peer.domain());
    let closed = world.post("/api/v1/statuses", closed(&text)).await;
    for verb in ["Like", "Dislike"] {
        let why = world.announce(world.done(&tom, verb, &closed["uri"])).await;
        assert_ne!(why, "");
    }
    assert_eq!(votes(&world, &closed).await, (json!(0), json!(0)));
    // Bob's own vote is not the group's to take back, nor is tom's.
    let path = format!("/api/v1/statuses/{}/favourite", id(&post));
    world.server.post(&bob, &path, json!({})).await.ok();
    let own_like =
        json!({"id": format!("{tom}#own"), "type": "Like", "actor": tom, "object": post["uri"]});
    assert_eq!(world.deliver(&tom, own_like).await, "");
    assert_eq!(votes(&world, &post).await, (json!(2), json!(0)));
    for voter in [&bob.account.uri, &tom] {
        let undo = json!({
            "id": format!("{voter}#undo"), "type": "Undo", "actor": voter,
            "object": world.done(voter, "Like", &post["uri"]),
        });
        world.announce(undo).await;
        let why = world
            .announce(world.done(voter, "Dislike", &post["uri"]))
            .await;
        assert_ne!(why, "");
    }
    assert_eq!(votes(&world, &post).await, (json!(2), json!(0)));
    // What names one actor and is another's is nobody's.
    let mut like = world.done(&tom, "Like", &post["uri"]);
    like["id"] = json!(format!("{}#forged", world.sara));
    let why = world.announce(like).await;
    assert_eq!(why, "what is passed on is not on its actor's host");
    let mut undo = world.by_sara("Undo", &json!("x"));
    undo["object"] = world.done(&tom, "Like", &post["uri"]);
    assert_eq!(world.announce(undo).await, "undoes what somebody else did");
    // Tom's own vote took the place of what the group said of him.
    let sql = "SELECT COUNT(*) AS n FROM group_votes";
    assert_eq!(
        database::count(&world.server.app.config.database_url, sql).await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_group_says_that_others_wrote_is_asked_for_there() {
    let world = followed().await;
    let far = Peer::start().await;
    let tom = far.add_actor("tom");
    let note = |content: &str| {
        json!({
            "id": format!("{}/notes/1", far.origin), "type": "Page", "attributedTo": tom,
            "to": [PUBLIC, world.boats], "audience": world.boats, "name": "A boat",
            "content": content, "published": "2026-01-02T03:04:05Z",
        })
    };
    // Nothing is served: nothing was said.
    let forged = note("<p>forged</p>");
    let why = world.announce(world.done(&tom, "Create", &forged)).await;
    assert!(why.contains("is gone"), "{why}");
    assert!(world.status(&forged["id"]).await.is_none());
    // Its origin's words are taken, not the group's; the same for edits.
    far.serve("/notes/1", Page::Document(note("<p>true</p>")));
    for verb in ["Create", "Update"] {
        let mut passed = world.done(&tom, verb, &forged);
        passed["id"] = json!(format!("{tom}#again/{verb}"));
        assert_eq!(world.announce(passed).await, "", "{verb}");
        let shown = world.status(&forged["id"]).await.expect("it is here");
        let content = shown["content"].as_str().unwrap();
        assert!(content.ends_with("<p>true</p>"), "{content}");
    }
    let post = world.status(&forged["id"]).await.unwrap();
    // A deletion in its author's name that the origin does not know of takes it out of the group,
    // which a moderator may do, and no further.
    let why = world
        .announce(world.done(&tom, "Delete", &post["uri"]))
        .await;
    assert_eq!(why, "");
    assert_eq!(world.home(&world.alice).await.len(), 0);
    world.again(&post).await;
    // What is for followers alone is not passed on.
    let private = json!({
        "id": format!("{}/notes/2", far.origin), "type": "Note", "attributedTo": tom,
        "to": [format!("{tom}/followers")], "cc": [world.boats], "content": "psst",
    });
    far.serve("/notes/2", Page::Document(private.clone()));
    let why = world.announce(world.done(&tom, "Create", &private)).await;
    assert_eq!(why, "the object is not for everyone");
    // People here say what they say by themselves.
    let bob = world.server.person("bob").await;
    let ours = json!({
        "id": format!("{}/users/bob/statuses/1", world.server.url), "type": "Note",
        "attributedTo": bob.account.uri, "to": [PUBLIC], "content": "forged",
    });
    let why = world
        .announce(world.done(&bob.account.uri, "Create", &ours))
        .await;
    assert_eq!(why, "the object is not known here");
    let bobs = world.server.status(&bob, "mine").await;
    for verb in ["Delete", "Update"] {
        let why = world
            .announce(world.done(&bob.account.uri, verb, &bobs["uri"]))
            .await;
        assert_eq!(why, "somebody here did it", "{verb}");
    }
    world.again(&bobs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_carries_its_actors_proof_is_theirs_whoever_passes_it_on() {
    let world = followed().await;
    let far = Peer::start().await;
    let key = PrivateKey::from_ed25519_seed(&[7; 32]).expect("a key");
    let tom = far.actor_uri("tom");
    let key_id = format!("{tom}#ed25519-key");
    far.add_actor_with(
        "tom",
        json!({"assertionMethod": [{
            "id": key_id, "type": "Multikey", "controller": tom,
            "publicKeyMultibase": key.public_key().to_multikey(),
        }]}),
    );
    let signed = |mut activity: Value| {
        activity["@context"] = json!("https://www.w3.org/ns/activitystreams");
        let now = world.server.app.clock.now_ms();
        proof::add(&mut activity, &key_id, &key, now).expect("a proof");
        activity
    };
    // Nothing of it is served anywhere.
    let page = json!({
        "id": format!("{}/posts/1", far.origin), "type": "Page", "attributedTo": tom,
        "to": [PUBLIC, world.boats], "audience": world.boats, "name": "A boat",
        "content": "<p>She is fast</p>", "published": "2026-01-02T03:04:05Z",
    });
    let create = signed(world.done(&tom, "Create", &page));
    let mut changed = create.clone();
    changed["object"]["name"] = json!("A forgery");
    changed["id"] = json!(format!("{tom}#changed"));
    assert_ne!(world.announce(changed).await, "");
    assert_eq!(world.announce(create).await, "");
    let post = world.status(&page["id"]).await.expect("it is here");
    assert!(post["content"].as_str().unwrap().contains("A boat"));
    let like = signed(world.done(&tom, "Like", &post["uri"]));
    assert_eq!(world.announce(like).await, "");
    let path = format!("/api/v1/statuses/{}/favourited_by", id(&post));
    let list = world
        .server
        .get(&world.alice, &path)
        .await
        .entities("Account");
    assert_eq!(list[0]["username"], "tom");
    let mut edited = page.clone();
    edited["name"] = json!("A ship");
    edited["updated"] = json!("2026-01-02T04:04:05Z");
    assert_eq!(
        world
            .announce(signed(world.done(&tom, "Update", &edited)))
            .await,
        ""
    );
    let now = world.again(&post).await;
    assert!(now["content"].as_str().unwrap().contains("A ship"));
    let delete = signed(world.done(&tom, "Delete", &page["id"]));
    assert_eq!(world.announce(delete).await, "");
    assert!(world.status(&page["id"]).await.is_none());
    assert_eq!(far.asked("/posts/1"), 1, "for the forgery alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_that_pass_on_each_other_go_nowhere() {
    let world = followed().await;
    let far = Peer::start().await;
    let ships = far.add_actor_with("ships", json!({"type": "Group"}));
    let post = world.posted("boat").await;
    let inner = json!({
        "id": format!("{ships}#announce"), "type": "Announce", "actor": ships, "object": post["uri"],
    });
    let mut outer = world.announced(inner.clone());
    assert_eq!(
        world.deliver(&world.boats, outer.clone()).await,
        "not understood"
    );
    // Of itself, and of an actor.
    for (n, object) in [json!(world.boats), json!(outer["id"]), json!(ships)]
        .into_iter()
        .enumerate()
    {
        outer["id"] = json!(format!("{}#loop/{n}", world.boats));
        outer["object"] = object;
        assert_ne!(world.deliver(&world.boats, outer.clone()).await, "");
    }
    // A deep one is one like any other.
    let mut deep = inner;
    for n in 0..200 {
        deep = json!({"id": format!("{}#deep/{n}", world.boats), "type": "Announce", "actor": world.boats, "object": deep});
    }
    world.deliver(&world.boats, deep).await;
    assert_eq!(world.home(&world.alice).await.len(), 1);
}
