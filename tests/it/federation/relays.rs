//! Relays: Mastodon's, which forward, and LitePub's, which announce; and what they may not do.

use kith::domain::relays;
use kith::federation::proof;
use kith::federation::signature::PrivateKey;
use serde_json::{Value, json};

use super::hostile::{activity, deliver, home, idle, search};
use crate::support::peer::{Delivery, Page, Peer, eventually};
use crate::support::process::Process;
use crate::support::{Person, Server, database};

const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";

/// A server with alice on it, a relay, and a server that nobody here has heard of.
struct World {
    server: Server,
    alice: Person,
    relay: Peer,
    actor: String,
    elsewhere: Peer,
}

fn proof_key() -> PrivateKey {
    PrivateKey::from_ed25519_seed(&[7; 32]).expect("a key")
}

impl World {
    async fn start() -> World {
        let (server, relay, elsewhere) = (
            Server::start().await,
            Peer::start().await,
            Peer::start().await,
        );
        let alice = server.person("alice").await;
        let actor = relay.add_actor_with(
            "relay",
            json!({"type": "Application", "inbox": format!("{}/inbox", relay.origin)}),
        );
        let sara = elsewhere.actor_uri("sara");
        let key = json!({
            "id": format!("{sara}#ed25519-key"), "type": "Multikey", "controller": sara,
            "publicKeyMultibase": proof_key().public_key().to_multikey(),
        });
        elsewhere.add_actor_with("sara", json!({"assertionMethod": [key]}));
        World {
            server,
            alice,
            relay,
            actor,
            elsewhere,
        }
    }

    /// Asks a relay for posts, as `kith relay add` does; our Follow as it arrives there.
    async fn ask(&self, url: &str) -> Value {
        let wanted = kith::federation::relays::find(&self.server.app, url, None)
            .await
            .expect("a relay");
        let ctx = self.server.app.ctx.clone();
        self.server
            .app
            .write(move |tx| Box::pin(async move { relays::add(tx, &ctx, wanted.clone()).await }))
            .await
            .expect("it is asked");
        self.received("Follow").await
    }

    /// A relay of Mastodon's kind that has accepted.
    async fn mastodon() -> World {
        let world = World::start().await;
        let follow = world.ask(&format!("{}/inbox", world.relay.origin)).await;
        world.answer(&follow, "Accept").await;
        world.stands("accepted").await;
        world
    }

    /// One of LitePub's.
    async fn litepub() -> World {
        let world = World::start().await;
        let follow = world.ask(&world.actor).await;
        world.answer(&follow, "Accept").await;
        world.stands("accepted").await;
        world
    }

    async fn answer(&self, follow: &Value, kind: &str) {
        let answer = activity(&self.actor, "answer", kind, follow);
        deliver(&self.server, &self.actor, &answer).await;
    }

    async fn states(&self) -> Vec<String> {
        let all = self
            .server
            .app
            .read(|c| Box::pin(async move { Ok(kith::db::relays::all(c).await?) }))
            .await
            .expect("the relays");
        all.into_iter().map(|relay| relay.state).collect()
    }

    async fn stands(&self, state: &str) {
        eventually(state, async || {
            (self.states().await == [state]).then_some(())
        })
        .await;
    }

    async fn remove(&self, url: &str) {
        let (ctx, url) = (self.server.app.ctx.clone(), url.to_owned());
        self.server
            .app
            .write(move |tx| Box::pin(async move { relays::remove(tx, &ctx, &url).await }))
            .await
            .expect("it is removed");
    }

    /// An activity that reaches the relay.
    async fn received(&self, kind: &str) -> Value {
        eventually(kind, async || {
            self.relay
                .received()
                .into_iter()
                .find(|a| a["type"] == kind)
        })
        .await
    }

    /// What sara posts; `served`: to whoever asks its server.
    fn post(&self, id: &str, served: bool) -> Value {
        let mut note = self
            .elsewhere
            .note("sara", id, &format!("<p>post {id}</p>"));
        let now = self.server.app.clock.now_ms();
        note["published"] = json!(kith::clock::iso(now));
        note["tag"] = json!([{"type": "Hashtag", "name": "#relayed", "href": format!("{}/tags/relayed", self.elsewhere.origin)}]);
        if served {
            self.elsewhere
                .serve(&format!("/notes/{id}"), Page::Document(note.clone()));
        }
        note
    }

    fn proven(&self, mut activity: Value) -> Value {
        let key_id = format!("{}#ed25519-key", self.elsewhere.actor_uri("sara"));
        let now = self.server.app.clock.now_ms();
        proof::add(&mut activity, &key_id, &proof_key(), now).expect("a proof");
        activity
    }

    /// The relay brings an activity of another.
    async fn forward(&self, activity: &Value) {
        deliver(&self.server, &self.actor, activity).await;
    }

    /// The relay says that there is a post.
    fn announce(&self, n: &str, object: &Value) -> Value {
        let mut announce = activity(&self.actor, n, "Announce", object);
        announce["to"] = json!([format!("{}/followers", self.actor)]);
        announce
    }

    async fn timeline(&self, path: &str) -> Vec<Value> {
        let path = format!("/api/v1/timelines/{path}");
        self.server.get(&self.alice, &path).await.entities("Status")
    }

    async fn shows(&self, note: &Value) -> bool {
        let list = self.timeline("public?remote=true").await;
        list.iter().any(|status| status["uri"] == note["id"])
    }

    async fn appears(&self, note: &Value) -> Value {
        eventually("the post appears", async || {
            let list = self.timeline("public?remote=true").await;
            list.into_iter().find(|status| status["uri"] == note["id"])
        })
        .await
    }

    /// It is in the timelines of all, and in nobody's own.
    async fn is_nobodys(&self, note: &Value) {
        let status = self.appears(note).await;
        assert_eq!(status["reblog"], Value::Null);
        assert_eq!(status["account"]["uri"], self.elsewhere.actor_uri("sara"));
        assert_eq!(status["reblogs_count"], 0);
        let tagged = self.timeline("tag/relayed").await;
        assert!(tagged.iter().any(|s| s["uri"] == note["id"]));
        let home = home(&self.server, &self.alice).await;
        assert!(home.iter().all(|s| s["uri"] != note["id"]));
        let told = self.server.get(&self.alice, "/api/v1/notifications").await;
        assert_eq!(told.ok(), json!([]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_of_mastodons_kind_is_followed_and_sent_public_posts() {
    let world = World::start().await;
    let inbox = format!("{}/inbox", world.relay.origin);
    let follow = world.ask(&inbox).await;
    let own = format!("{}/users/kith", world.server.url);
    assert_eq!(
        (&follow["actor"], &follow["object"]),
        (&json!(own), &json!(PUBLIC))
    );
    world.server.status(&world.alice, "before").await;
    // As Pub-Relay and others answer: with the Follow as they understood it.
    let understood =
        json!({"id": follow["id"], "type": "Follow", "actor": own, "object": world.actor});
    world.answer(&understood, "Accept").await;
    world.stands("accepted").await;

    let post = async |text: &str, visibility: &str| {
        let body = json!({"status": text, "visibility": visibility});
        let answer = world
            .server
            .post(&world.alice, "/api/v1/statuses", body)
            .await;
        answer.entity("Status")
    };
    for visibility in ["unlisted", "private", "direct"] {
        post("not for relays", visibility).await;
    }
    let status = post("for everyone #relayed", "public").await;
    let create = world.received("Create").await;
    assert_eq!(create["object"]["id"], status["uri"]);
    assert_eq!(create["actor"], json!(world.alice.account.uri));
    assert_eq!(create["proof"]["cryptosuite"], "eddsa-jcs-2022");
    let path = format!("/api/v1/statuses/{}", status["id"].as_str().unwrap());
    let edit = json!({"status": "for all"});
    world.server.put(&world.alice, &path, edit).await.ok();
    let update = world.received("Update").await;
    assert_eq!(update["object"]["content"], "<p>for all</p>");
    world.server.delete(&world.alice, &path).await.ok();
    let delete = world.received("Delete").await;
    assert_eq!(delete["object"]["id"], status["uri"]);
    let came = world.relay.received();
    assert_eq!(came.len(), 4, "nothing but that: {came:#?}");

    world.remove(&inbox).await;
    let undo = world.received("Undo").await;
    assert_eq!(
        (&undo["object"]["id"], &undo["object"]["object"]),
        (&follow["id"], &json!(PUBLIC))
    );
    let last = post("after", "public").await;
    let follower = world.elsewhere.actor_uri("sara");
    let follow = activity(&follower, "f", "Follow", &json!(world.alice.account.uri));
    deliver(&world.server, &follower, &follow).await;
    eventually("what was sent later has come", async || {
        let came = world.elsewhere.received();
        came.iter().any(|a| a["type"] == "Accept").then_some(())
    })
    .await;
    assert!(
        world
            .relay
            .received()
            .iter()
            .all(|a| a["object"]["id"] != last["uri"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_relay_forwards_is_believed_by_its_proof_or_fetched() {
    let world = World::mastodon().await;
    // Its origin serves it to nobody: the proof speaks for it.
    let proven = world.post("proven", false);
    let create = world.proven(world.elsewhere.create("sara", &proven));
    world.forward(&create).await;
    world.is_nobodys(&proven).await;
    assert_eq!(world.elsewhere.asked("/notes/proven"), 0);
    // Without a proof, or with one that does not hold, its origin is asked.
    let served = world.post("served", true);
    let mut lie = world.elsewhere.create("sara", &served);
    lie["object"]["content"] = json!("<p>a lie</p>");
    world.forward(&lie).await;
    assert_eq!(
        world.appears(&served).await["content"],
        "<p>post served</p>"
    );
    let changed = world.post("changed", true);
    let mut create = world.proven(world.elsewhere.create("sara", &changed));
    create["object"]["content"] = json!("<p>a lie</p>");
    world.forward(&create).await;
    assert_eq!(
        world.appears(&changed).await["content"],
        "<p>post changed</p>"
    );
    // Who sent it first makes no difference: the same once more, by its author.
    let sara = world.elsewhere.actor_uri("sara");
    deliver(
        &world.server,
        &sara,
        &world.elsewhere.create("sara", &proven),
    )
    .await;
    // Edits and deletions come the same way.
    let mut edited = proven.clone();
    edited["content"] = json!("<p>post edited</p>");
    edited["updated"] = json!(kith::clock::iso(world.server.app.clock.now_ms() + 1));
    let update = world.proven(activity(&sara, "u", "Update", &edited));
    world.forward(&update).await;
    eventually("the edit arrives", async || {
        (world.appears(&proven).await["content"] == "<p>post edited</p>").then_some(())
    })
    .await;
    let delete = activity(&sara, "d", "Delete", &proven["id"]);
    world.forward(&world.proven(delete)).await;
    eventually("the deletion arrives", async || {
        (!world.shows(&proven).await).then_some(())
    })
    .await;

    // What is not for everyone, and what nobody can vouch for, is not kept.
    let mut private = world.post("private", false);
    private["to"] = private["cc"].clone();
    private["cc"] = json!([]);
    let create = world.elsewhere.create("sara", &private);
    world.forward(&world.proven(create)).await;
    let missing = world.post("missing", false);
    world
        .forward(&world.elsewhere.create("sara", &missing))
        .await;
    let like = activity(&sara, "l", "Like", &served["id"]);
    Delivery::by(&world.actor)
        .send(&world.server, &like)
        .await
        .refused(401);
    idle(&world.server).await;
    let kept =
        "SELECT count(*) AS n FROM statuses WHERE uri LIKE '%/private' OR uri LIKE '%/missing'";
    let url = &world.server.app.config.database_url;
    assert_eq!(database::count(url, kept).await, 0);

    world.remove(&world.actor).await;
    let late = world.post("late", false);
    world
        .forward(&world.proven(world.elsewhere.create("sara", &late)))
        .await;
    idle(&world.server).await;
    assert!(!world.shows(&late).await, "a relay that was removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_of_litepubs_kind_is_told_and_tells_by_announces() {
    let world = World::start().await;
    let follow = world.ask(&world.actor).await;
    let own = format!("{}/users/kith", world.server.url);
    assert_eq!(
        (&follow["actor"], &follow["object"]),
        (&json!(own), &json!(world.actor))
    );
    // It follows in return, before or after it has accepted.
    let back = activity(&world.actor, "back", "Follow", &json!(own));
    deliver(&world.server, &world.actor, &back).await;
    let accept = world.received("Accept").await;
    assert_eq!(
        (&accept["actor"], &accept["object"]["id"]),
        (&json!(own), &back["id"])
    );
    world.answer(&follow["id"], "Accept").await;
    world.stands("accepted").await;

    let status = world.server.status(&world.alice, "for everyone").await;
    let announce = world.received("Announce").await;
    assert_eq!(
        (&announce["actor"], &announce["object"], &announce["to"]),
        (
            &json!(own),
            &status["uri"],
            &json!([format!("{own}/followers")])
        )
    );
    let served = world.post("served", true);
    deliver(
        &world.server,
        &world.actor,
        &world.announce("a1", &served["id"]),
    )
    .await;
    world.is_nobodys(&served).await;
    // Some pass the whole activity on, which is believed as little.
    let passed = world.post("passed", true);
    let mut create = world.elsewhere.create("sara", &passed);
    create["object"]["content"] = json!("<p>a lie</p>");
    deliver(&world.server, &world.actor, &world.announce("a2", &create)).await;
    assert_eq!(
        world.appears(&passed).await["content"],
        "<p>post passed</p>"
    );
    // Nor does it bring posts that are not for everyone, or our own.
    let mut unlisted = world.post("unlisted", false);
    unlisted["to"] = unlisted["cc"].clone();
    unlisted["cc"] = json!([PUBLIC]);
    world
        .elsewhere
        .serve("/notes/unlisted", Page::Document(unlisted.clone()));
    for (n, object) in ["a3", "a4"].iter().zip([&unlisted["id"], &status["uri"]]) {
        deliver(&world.server, &world.actor, &world.announce(n, object)).await;
    }
    idle(&world.server).await;
    let kept = "SELECT count(*) AS n FROM statuses WHERE uri LIKE '%/unlisted' OR reblog_of_id IS NOT NULL";
    let url = &world.server.app.config.database_url;
    assert_eq!(database::count(url, kept).await, 0);

    // Whoever is mentioned is told all the same, of what is news.
    let mut mention = world.post("mention", false);
    mention["tag"] =
        json!([{"type": "Mention", "href": world.alice.account.uri, "name": "@alice"}]);
    let mut old = mention.clone();
    old["id"] = json!(format!("{}/notes/old", world.elsewhere.origin));
    old["published"] = json!("2026-01-02T03:04:05Z");
    for (n, note) in [("a5", &old), ("a6", &mention)] {
        let path = note["id"].as_str().unwrap();
        let path = path.strip_prefix(&world.elsewhere.origin).unwrap();
        world.elsewhere.serve(path, Page::Document(note.clone()));
        deliver(&world.server, &world.actor, &world.announce(n, &note["id"])).await;
    }
    let told = eventually("alice is told", async || {
        let list = world
            .server
            .get(&world.alice, "/api/v1/notifications")
            .await;
        let list = list.entities("Notification");
        (!list.is_empty()).then_some(list)
    })
    .await;
    assert_eq!((told.len(), &told[0]["status"]["uri"]), (1, &mention["id"]));

    // An edit or a deletion goes there as its author signed it.
    let path = format!("/api/v1/statuses/{}", status["id"].as_str().unwrap());
    world.server.delete(&world.alice, &path).await.ok();
    let delete = world.received("Delete").await;
    assert_eq!(delete["actor"], json!(world.alice.account.uri));
    assert_eq!(delete["object"]["id"], status["uri"]);

    world.remove(&world.actor).await;
    world.received("Undo").await;
    let reject = world.received("Reject").await;
    assert_eq!(reject["object"]["id"], back["id"]);
    let late = world.post("late", true);
    deliver(
        &world.server,
        &world.actor,
        &world.announce("a7", &late["id"]),
    )
    .await;
    idle(&world.server).await;
    assert_eq!(world.elsewhere.asked("/notes/late"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_nobody_else_answers_or_speaks_for_a_relay() {
    let world = World::start().await;
    let follow = world.ask(&format!("{}/inbox", world.relay.origin)).await;
    let own = json!(format!("{}/users/kith", world.server.url));
    // Its Follow went to another host than theirs.
    let mallory = world.elsewhere.actor_uri("sara");
    for kind in ["Accept", "Reject"] {
        let answer = activity(&mallory, kind, kind, &follow);
        deliver(&world.server, &mallory, &answer).await;
    }
    deliver(
        &world.server,
        &mallory,
        &activity(&mallory, "f", "Follow", &own),
    )
    .await;
    let early = world.post("early", true);
    let announce = activity(&mallory, "a", "Announce", &early["id"]);
    deliver(&world.server, &mallory, &announce).await;
    deliver(
        &world.server,
        &world.actor,
        &world.announce("a", &early["id"]),
    )
    .await;
    let create = world.elsewhere.create("sara", &early);
    world.forward(&world.proven(create)).await;
    idle(&world.server).await;
    assert_eq!(world.states().await, ["pending"]);
    assert!(!world.shows(&early).await, "it has not accepted yet");
    assert!(
        world.elsewhere.received().is_empty(),
        "nobody else may follow"
    );
    // Another Follow than ours, then ours.
    let other = json!({"id": format!("{}#follows/1", own.as_str().unwrap()), "type": "Follow", "actor": own, "object": PUBLIC});
    world.answer(&other, "Accept").await;
    idle(&world.server).await;
    assert_eq!(world.states().await, ["pending"]);
    let accept = activity(&world.actor, "accept", "Accept", &follow);
    deliver(&world.server, &world.actor, &accept).await;
    world.stands("accepted").await;
    // Others of its host do not speak for it by now.
    let neighbour = world.relay.add_actor("neighbour");
    let reject = activity(&neighbour, "r", "Reject", &follow);
    deliver(&world.server, &neighbour, &reject).await;
    let later = world.post("later", true);
    let announce = activity(&neighbour, "a", "Announce", &later["id"]);
    deliver(&world.server, &neighbour, &announce).await;
    idle(&world.server).await;
    assert_eq!(world.states().await, ["accepted"]);
    assert!(!world.shows(&later).await);
    // It itself may leave.
    let reject = activity(&world.actor, "reject", "Reject", &follow);
    deliver(&world.server, &world.actor, &reject).await;
    world.stands("rejected").await;
    deliver(
        &world.server,
        &world.actor,
        &world.announce("b", &later["id"]),
    )
    .await;
    idle(&world.server).await;
    assert!(!world.shows(&later).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn s6_a_relay_that_lies_is_not_listened_to_for_a_while() {
    let world = World::litepub().await;
    let mut brought = 0;
    loop {
        let missing = json!(format!("{}/notes/none{brought}", world.elsewhere.origin));
        let announce = world.announce(&format!("lie{brought}"), &missing);
        let answer = Delivery::by(&world.actor)
            .send(&world.server, &announce)
            .await;
        if answer.status == 429 {
            break;
        }
        assert_eq!(answer.status, 202, "{}", answer.text);
        brought += 1;
        assert!(brought < 200, "it never ends");
        idle(&world.server).await;
    }
    let asked = world.elsewhere.requests().len();
    assert!(asked <= brought, "{asked} requests for {brought} lies");
    let again = "SELECT count(*) AS n FROM inbox_queue WHERE state = 0";
    let url = &world.server.app.config.database_url;
    assert_eq!(database::count(url, again).await, 0, "none is tried again");
    // Others are.
    let sara = world.elsewhere.actor_uri("sara");
    let follow = activity(&sara, "f", "Follow", &json!(world.alice.account.uri));
    deliver(&world.server, &sara, &follow).await;
    // After a while so is the relay.
    world.server.pass(120_000);
    let served = world.post("served", true);
    deliver(
        &world.server,
        &world.actor,
        &world.announce("good", &served["id"]),
    )
    .await;
    world.appears(&served).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_a_relay_is_no_way_around_a_policy() {
    let world = World::mastodon().await;
    let found = search(
        &world.server,
        &world.alice,
        &world.elsewhere.actor_uri("sara"),
    )
    .await;
    assert_eq!(found["accounts"].as_array().map(Vec::len), Some(1));
    super::hostile::block(&world.server, world.elsewhere.domain()).await;
    let note = world.post("blocked", true);
    let create = world.elsewhere.create("sara", &note);
    for activity in [&create, &world.proven(create.clone())] {
        let answer = Delivery::by(&world.actor)
            .send(&world.server, activity)
            .await;
        assert_eq!(answer.status, 403, "{}", answer.text);
    }
    deliver(
        &world.server,
        &world.actor,
        &world.announce("a", &note["id"]),
    )
    .await;
    idle(&world.server).await;
    assert!(!world.shows(&note).await);
    let path = note["id"].as_str().unwrap();
    let path = path.strip_prefix(&world.elsewhere.origin).unwrap();
    assert_eq!(world.elsewhere.asked(path), 0);
    // Nor does a blocked relay bring anything.
    super::hostile::block(&world.server, world.relay.domain()).await;
    let friend = Peer::start().await;
    friend.add_actor("good");
    let note = friend.note("good", "1", "hi");
    friend.serve("/notes/1", Page::Document(note.clone()));
    let forwarded = Delivery::by(&world.actor)
        .send(&world.server, &friend.create("good", &note))
        .await;
    assert_eq!(forwarded.status, 403, "{}", forwarded.text);
    assert_eq!(friend.asked("/notes/1"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn relays_are_added_listed_and_removed_beside_a_running_server() {
    let (process, relay) = (Process::start().await, Peer::start().await);
    let actor = relay.add_actor_with("relay", json!({"type": "Application"}));
    let inbox = format!("{}/inbox", relay.origin);
    let added = process.cli_ok(&["relay", "add", &inbox, "--json"]);
    let added: Value = serde_json::from_str(&added).unwrap();
    assert_eq!(
        (
            &added["kind"],
            &added["inbox"],
            &added["state"],
            &added["actor"]
        ),
        (
            &json!("mastodon"),
            &json!(inbox),
            &json!("pending"),
            &Value::Null
        )
    );
    process.cli_ok(&["relay", "add", &actor]);
    let follows = eventually("both are asked", async || {
        let came = relay.received();
        (came.len() == 2).then_some(came)
    })
    .await;
    let list = process.cli_ok(&["relay", "list", "--json"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(
        (&list[1]["kind"], &list[1]["actor"], &list[1]["inbox"]),
        (
            &json!("litepub"),
            &json!(actor),
            &json!(format!("{actor}/inbox"))
        )
    );
    let to_all = follows.iter().find(|f| f["object"] == PUBLIC).unwrap();
    let accept = activity(&actor, "accept", "Accept", to_all);
    Delivery::by(&actor)
        .post(
            &process.http,
            &format!("{}/inbox", process.url),
            kith::clock::Clock::System.now_ms(),
            &accept,
        )
        .await;
    eventually("it has accepted", async || {
        let list = process.cli_ok(&["relay", "list"]);
        list.contains(&format!("accepted mastodon {inbox} {actor}"))
            .then_some(())
    })
    .await;
    for (args, reason) in [
        (vec!["relay", "add", &inbox], "added before"),
        (vec!["relay", "add", "nonsense"], "neither the inbox"),
        (vec!["relay", "add", &process.url], "neither the inbox"),
        (
            vec!["relay", "remove", "http://localhost:1/inbox"],
            "there is no relay",
        ),
    ] {
        let output = process.cli(&args);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && error.contains(reason),
            "{error}"
        );
    }
    process.cli_ok(&["relay", "remove", &inbox]);
    process.cli_ok(&["relay", "remove", &actor]);
    assert_eq!(process.cli_ok(&["relay", "list"]), "");
    eventually("both are told", async || {
        let undone = relay
            .received()
            .iter()
            .filter(|a| a["type"] == "Undo")
            .count();
        (undone == 2).then_some(())
    })
    .await;
}
