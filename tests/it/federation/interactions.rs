//! Who may like, answer and boost, over the wire: between Kiths, and with a peer that speaks as
//! GoToSocial does, and with bad ones.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::peer::{Delivery, Page, Peer, eventually, worked_on};
use crate::support::{Person, Server, database};

const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";

fn id(entity: &Value) -> &str {
    entity["id"].as_str().expect("an id")
}

fn uri(entity: &Value) -> &str {
    entity["uri"].as_str().expect("a URI")
}

async fn shown(server: &Server, who: &Person, id: &str) -> Value {
    let path = format!("/api/v1/statuses/{id}");
    server.get(who, &path).await.entity("Status")
}

async fn post(server: &Server, who: &Person, body: Value) -> Value {
    server
        .post(who, "/api/v1/statuses", body)
        .await
        .entity("Status")
}

async fn resolve(server: &Server, who: &Person, url: &str) -> String {
    let path = format!("/api/v2/search?q={url}&resolve=true&type=statuses");
    let found = server.get(who, &path).await.entity("Search");
    id(&found["statuses"][0]).to_owned()
}

/// Follows an account elsewhere, and waits until that stands.
async fn follow(server: &Server, who: &Person, handle: &str) {
    let path = format!("/api/v2/search?q=@{handle}&resolve=true&type=accounts");
    let found = server.get(who, &path).await.entity("Search");
    let account = id(&found["accounts"][0]).to_owned();
    let path = format!("/api/v1/accounts/{account}/follow");
    server.post(who, &path, json!({})).await.ok();
    eventually("the follow stands", async || {
        let path = format!("/api/v1/accounts/relationships?id[]={account}");
        let relations = server.get(who, &path).await.entities("Relationship");
        (relations[0]["following"] == true).then_some(())
    })
    .await;
}

async fn document(server: &Server, url: &str) -> (u16, Value) {
    let answer = server
        .http
        .get(url)
        .header("accept", "application/activity+json")
        .send()
        .await
        .expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or_default())
}

async fn below(server: &Server, who: &Person, id: &str) -> Vec<String> {
    let path = format!("/api/v1/statuses/{id}/context");
    let context = server.get(who, &path).await.entity("Context");
    let list = context["descendants"].as_array().expect("a list");
    list.iter().map(|status| uri(status).to_owned()).collect()
}

async fn requests(server: &Server, who: &Person) -> Vec<Value> {
    server
        .get(who, "/api/v1/interaction_requests")
        .await
        .entities("Kith__InteractionRequest")
}

async fn request(server: &Server, who: &Person, kind: &str) -> Value {
    eventually("a request comes", async || {
        let all = requests(server, who).await;
        all.into_iter().find(|request| request["type"] == kind)
    })
    .await
}

async fn decide(server: &Server, who: &Person, request: &Value, decision: &str) -> Value {
    let path = format!("/api/v1/interaction_requests/{}/{decision}", id(request));
    server
        .post(who, &path, json!({}))
        .await
        .entity("Kith__InteractionRequest")
}

async fn deliver(server: &Server, activity: &Value) -> String {
    let actor = activity["actor"].as_str().expect("an actor");
    let answer = Delivery::by(actor).send(server, activity).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    worked_on(server, id(activity)).await
}

async fn sent(peer: &Peer, kind: &str, fits: impl Fn(&Value) -> bool) -> Value {
    eventually(kind, async || {
        let all = peer.received();
        all.into_iter().find(|a| a["type"] == kind && fits(a))
    })
    .await
}

fn rules(always: &[&str], manual: &[&str]) -> Value {
    let rules = json!({"always": always, "with_approval": manual});
    json!({"can_favourite": rules, "can_reply": rules, "can_reblog": rules})
}

/// A fixture of GoToSocial's, with the hosts and ids of this run.
fn fixture(name: &str, changes: &[(&str, &str)]) -> Value {
    let path = format!(
        "{}/tests/fixtures/gotosocial/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let mut text = std::fs::read_to_string(path).expect("a fixture");
    for (then, now) in changes {
        text = text.replace(then, now);
    }
    serde_json::from_str(&text).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_asked_for_granted_proven_to_others_and_taken_back() {
    let (one, two, three) = (
        Server::start().await,
        Server::start().await,
        Server::start().await,
    );
    let (alice, bob) = (one.person("alice").await, two.person("bob").await);
    let dave = three.person("dave").await;
    let body = json!({"status": "ask me", "interaction_policy": rules(&[], &["public"])});
    let status = post(&one, &alice, body).await;
    let there = resolve(&two, &bob, uri(&status)).await;
    let copy = shown(&two, &bob, &there).await;
    let policy = &copy["kith"]["interaction_policy"]["can_reply"];
    assert_eq!(policy["with_approval"], json!(["public"]));
    // A third server knows the post, and follows who answers it.
    let elsewhere = resolve(&three, &dave, uri(&status)).await;
    follow(&three, &dave, &format!("bob@{}", two.domain())).await;
    let reply = json!({"status": "@alice may I?", "in_reply_to_id": there});
    let reply = post(&two, &bob, reply).await;
    assert_eq!(reply["kith"]["approval"], "pending");
    assert_eq!(document(&two, uri(&reply)).await.0, 404);
    // Whoever may not see it yet is told nothing of it.
    let path = format!("/api/v1/statuses/{}/interaction_policy", id(&reply));
    let closed = json!({"quote_approval_policy": "nobody"});
    two.put(&bob, &path, closed).await.entity("Status");
    let asked = request(&one, &alice, "reply").await;
    assert_eq!(uri(&asked["reply"]), uri(&reply));
    assert!(below(&one, &alice, id(&status)).await == [uri(&reply)]);
    assert_eq!(shown(&one, &alice, id(&status)).await["replies_count"], 0);
    decide(&one, &alice, &asked, "authorize").await;
    eventually("leave is heard of", async || {
        let now = shown(&two, &bob, id(&reply)).await;
        now["kith"].get("approval").is_none().then_some(())
    })
    .await;
    let (_, note) = document(&two, uri(&reply)).await;
    let stamp = note["replyAuthorization"].as_str().expect("a stamp");
    assert_eq!(note["approvedBy"], stamp);
    let (code, authorization) = document(&one, stamp).await;
    assert_eq!(code, 200);
    assert_eq!(
        (
            &authorization["type"],
            &authorization["interactingObject"],
            &authorization["interactionTarget"],
        ),
        (&json!("ReplyAuthorization"), &reply["uri"], &status["uri"])
    );
    eventually("the third server sees it in the thread", async || {
        (below(&three, &dave, &elsewhere).await == [uri(&reply)]).then_some(())
    })
    .await;
    let updates = "SELECT count(*) AS n FROM inbox_queue WHERE kind = 'Update'";
    let url = &three.app.config.database_url;
    assert_eq!(database::count(url, updates).await, 0);
    // What was granted stays granted under another name.
    let name = json!({"username": "alicia"});
    let path = "/api/kith/v1/profile";
    one.send(Method::PATCH, path, Some(&alice.token), Some(&name))
        .await
        .ok();
    assert_eq!(document(&one, stamp).await.0, 200);
    decide(&one, &alice, &asked, "reject").await;
    assert_eq!(document(&one, stamp).await.0, 410);
    assert!(below(&one, &alice, id(&status)).await.is_empty());
    eventually("it leaves the thread", async || {
        below(&two, &bob, &there).await.is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn likes_and_boosts_are_asked_for_across_servers() {
    let (one, two) = (Server::start().await, Server::start().await);
    let (alice, bob) = (one.person("alice").await, two.person("bob").await);
    let body = json!({"status": "ask me", "interaction_policy": rules(&[], &["public"])});
    let status = post(&one, &alice, body).await;
    let there = resolve(&two, &bob, uri(&status)).await;
    for (what, kind, mark, count) in [
        ("favourite", "favourite", "favourited", "favourites_count"),
        ("reblog", "reblog", "reblogged", "reblogs_count"),
    ] {
        let path = format!("/api/v1/statuses/{there}/{what}");
        let answer = two.post(&bob, &path, json!({})).await.entity("Status");
        assert_eq!(answer[mark], false);
        let asked = request(&one, &alice, kind).await;
        assert_eq!(shown(&one, &alice, id(&status)).await[count], 0);
        decide(&one, &alice, &asked, "authorize").await;
        assert_eq!(shown(&one, &alice, id(&status)).await[count], 1);
        eventually("leave is heard of", async || {
            (shown(&two, &bob, &there).await[mark] == true).then_some(())
        })
        .await;
        decide(&one, &alice, &asked, "reject").await;
        assert_eq!(shown(&one, &alice, id(&status)).await[count], 0);
        eventually("so is its end", async || {
            (shown(&two, &bob, &there).await[mark] == false).then_some(())
        })
        .await;
    }
    // Asked again, it is refused.
    let path = format!("/api/v1/statuses/{there}/favourite");
    two.post(&bob, &path, json!({})).await.refused(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_are_let_through_at_once_with_a_stamp() {
    let (one, two) = (Server::start().await, Server::start().await);
    let (alice, bob) = (one.person("alice").await, two.person("bob").await);
    let carol = two.person("carol").await;
    follow(&two, &bob, &format!("alice@{}", one.domain())).await;
    let body = json!({"status": "for followers", "interaction_policy": rules(&["followers"], &[])});
    let status = post(&one, &alice, body).await;
    let there = resolve(&two, &bob, uri(&status)).await;
    let reply = json!({"status": "me!", "in_reply_to_id": there});
    two.post(&carol, "/api/v1/statuses", reply.clone())
        .await
        .refused(403);
    let reply = post(&two, &bob, reply).await;
    eventually("it is let through", async || {
        let now = shown(&two, &bob, id(&reply)).await;
        now["kith"].get("approval").is_none().then_some(())
    })
    .await;
    assert!(requests(&one, &alice).await.is_empty());
    assert_eq!(below(&one, &alice, id(&status)).await, [uri(&reply)]);
    // A neighbour who may as well bears a stamp from the start.
    let neighbour = one.person("erin").await;
    let path = format!("/api/v1/accounts/{}/follow", alice.id());
    one.post(&neighbour, &path, json!({})).await.ok();
    let body = json!({"status": "me too", "in_reply_to_id": id(&status)});
    let reply = post(&one, &neighbour, body).await;
    let (_, note) = document(&one, uri(&reply)).await;
    let stamp = note["replyAuthorization"].as_str().expect("a stamp");
    assert_eq!(
        document(&one, stamp).await.1["interactingObject"],
        reply["uri"]
    );
    let path = format!("/api/v1/statuses/{}/reblog", id(&status));
    let boost = one
        .post(&neighbour, &path, json!({}))
        .await
        .entity("Status");
    let (_, announce) = document(&one, uri(&boost)).await;
    let stamp = announce["announceAuthorization"].as_str().expect("a stamp");
    assert_eq!(
        document(&one, stamp).await.1["type"],
        "AnnounceAuthorization"
    );
}

/// Alice here with a post of a policy, a peer there, and the fixtures between them.
struct World {
    server: Server,
    peer: Peer,
    alice: Person,
    sara: String,
    status: Value,
}

impl World {
    async fn new(policy: Value) -> World {
        let (server, peer) = (Server::start().await, Peer::start().await);
        let alice = server.person("alice").await;
        let sara = peer.add_actor("sara");
        let body = json!({"status": "ask me", "interaction_policy": policy});
        let status = post(&server, &alice, body).await;
        World {
            server,
            peer,
            alice,
            sara,
            status,
        }
    }

    fn fixture(&self, name: &str, more: &[(&str, &str)]) -> Value {
        let mut changes = vec![(
            "https://kith.example/users/alice/statuses/116530000000000001",
            uri(&self.status),
        )];
        changes.extend(more);
        changes.extend([
            ("https://kith.example", self.server.url.as_str()),
            ("kith.example", self.server.domain()),
            ("https://gotosocial.example", self.peer.origin.as_str()),
            ("gotosocial.example", self.peer.domain()),
        ]);
        fixture(name, &changes)
    }

    async fn counts(&self) -> [i64; 3] {
        let now = shown(&self.server, &self.alice, id(&self.status)).await;
        ["replies_count", "favourites_count", "reblogs_count"]
            .map(|name| now[name].as_i64().expect("a number"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_gotosocial_are_held_and_answered() {
    let world = World::new(rules(&[], &["public"])).await;
    for (name, kind, verb, counts) in [
        ("like_request", "favourite", "Like", [0, 1, 0]),
        ("announce_request", "reblog", "Announce", [0, 1, 1]),
        ("reply_request", "reply", "Reply", [1, 1, 1]),
    ] {
        let activity = world.fixture(name, &[]);
        let reason = deliver(&world.server, &activity).await;
        assert_eq!(reason, "it waits for the leave of whom it is about");
        let asked = request(&world.server, &world.alice, kind).await;
        decide(&world.server, &world.alice, &asked, "authorize").await;
        assert_eq!(world.counts().await, counts, "{name}");
        let by_request = |a: &Value| a["object"]["id"] == activity["id"];
        let accept = sent(&world.peer, "Accept", by_request).await;
        assert_eq!(accept["object"]["type"], activity["type"]);
        assert_eq!(accept["object"]["instrument"], activity["instrument"]["id"]);
        assert_eq!(accept["to"], json!([world.sara]));
        assert!(accept.get("cc").is_none());
        let stamp = accept["result"].as_str().expect("a stamp");
        let (_, stamp) = document(&world.server, stamp).await;
        assert_eq!(stamp["type"], format!("{verb}Authorization"));
        assert_eq!(stamp["interactingObject"], activity["instrument"]["id"]);
        assert_eq!(stamp["attributedTo"], world.alice.account.uri);
        // Asked again, the answer is the same.
        let mut again = activity.clone();
        again["id"] = json!(format!("{}-again", id(&activity)));
        assert_eq!(deliver(&world.server, &again).await, "", "{name}");
        let by_request = |a: &Value| a["object"]["id"] == again["id"];
        let second = sent(&world.peer, "Accept", by_request).await;
        assert_eq!(second["result"], accept["result"]);
        assert_eq!(world.counts().await, counts, "{name}");
    }
    // What comes with its stamp afterwards is there already.
    let create = world.fixture("create_reply_approved", &[]);
    deliver(&world.server, &create).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_gotosocial_are_refused() {
    let world = World::new(rules(&[], &["public"])).await;
    for (name, kind) in [
        ("like_request", "favourite"),
        ("announce_request", "reblog"),
        ("reply_request", "reply"),
    ] {
        let activity = world.fixture(name, &[]);
        deliver(&world.server, &activity).await;
        let asked = request(&world.server, &world.alice, kind).await;
        decide(&world.server, &world.alice, &asked, "reject").await;
        let by_request = |a: &Value| a["object"]["id"] == activity["id"];
        let reject = sent(&world.peer, "Reject", by_request).await;
        assert!(reject.get("result").is_none());
        // Asking again does not help.
        let mut again = activity.clone();
        again["id"] = json!(format!("{}-again", id(&activity)));
        deliver(&world.server, &again).await;
        let by_request = |a: &Value| a["object"]["id"] == again["id"];
        sent(&world.peer, "Reject", by_request).await;
        assert!(requests(&world.server, &world.alice).await.is_empty());
    }
    assert_eq!(world.counts().await, [0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_what_nobody_asked_for_is_dropped_or_held() {
    let closed = World::new(rules(&["author"], &[])).await;
    let mut note = closed.peer.note("sara", "r1", "<p>but</p>");
    note["inReplyTo"] = closed.status["uri"].clone();
    let deeds = |world: &World, note: &Value| {
        let object = uri(&world.status).to_owned();
        let sara = &world.sara;
        let like = json!({
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": format!("{sara}/likes/1"), "type": "Like", "actor": sara, "object": object,
        });
        let dislike = json!({
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": format!("{sara}/dislikes/1"), "type": "Dislike", "actor": sara, "object": object,
        });
        let react = json!({
            "@context": "https://www.w3.org/ns/activitystreams", "content": "👍",
            "id": format!("{sara}/reacts/1"), "type": "EmojiReact", "actor": sara, "object": object,
        });
        let announce = json!({
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": format!("{sara}/boosts/1"), "type": "Announce", "actor": sara, "object": object,
            "to": [PUBLIC],
        });
        let create = world.peer.create("sara", note);
        [dislike, react, like, announce, create]
    };
    for activity in deeds(&closed, &note) {
        let reason = deliver(&closed.server, &activity).await;
        assert!(reason.contains("policy"), "{}: {reason}", activity["type"]);
    }
    assert_eq!(closed.counts().await, [0, 0, 0]);
    assert!(requests(&closed.server, &closed.alice).await.is_empty());
    for name in ["like_request", "announce_request", "reply_request"] {
        let activity = closed.fixture(name, &[]);
        deliver(&closed.server, &activity).await;
        let by_request = |a: &Value| a["object"]["id"] == activity["id"];
        sent(&closed.peer, "Reject", by_request).await;
    }
    assert_eq!(closed.counts().await, [0, 0, 0]);

    let asking = World::new(rules(&[], &["public"])).await;
    let mut note = asking.peer.note("sara", "r1", "<p>but</p>");
    note["inReplyTo"] = asking.status["uri"].clone();
    let [dislike, _, like, announce, create] = deeds(&asking, &note);
    assert!(deliver(&asking.server, &dislike).await.contains("policy"));
    for activity in [&like, &announce, &create] {
        deliver(&asking.server, activity).await;
    }
    assert_eq!(asking.counts().await, [0, 0, 0]);
    let mut kinds: Vec<String> = requests(&asking.server, &asking.alice)
        .await
        .iter()
        .map(|request| request["type"].as_str().unwrap_or_default().to_owned())
        .collect();
    kinds.sort();
    assert_eq!(kinds, ["favourite", "reblog", "reply"]);
    // Of a reply that was made without asking, followers hear that it may stand.
    let asked = request(&asking.server, &asking.alice, "reply").await;
    decide(&asking.server, &asking.alice, &asked, "authorize").await;
    let accept = sent(&asking.peer, "Accept", |a| a["object"] == note["id"]).await;
    assert_eq!(accept["target"], asking.status["uri"]);
    assert!(accept["cc"].as_array().unwrap().contains(&json!(PUBLIC)));
    assert!(accept["result"].is_string());
    assert_eq!(asking.counts().await, [1, 0, 0]);
    // One that is refused is gone, and does not come back.
    let asked = request(&asking.server, &asking.alice, "reblog").await;
    decide(&asking.server, &asking.alice, &asked, "reject").await;
    sent(&asking.peer, "Reject", |a| a["object"] == announce["id"]).await;
    // An Undo withdraws what waits.
    let undo = json!({
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": format!("{}/undo/1", asking.sara), "type": "Undo", "actor": asking.sara,
        "object": like,
    });
    deliver(&asking.server, &undo).await;
    assert!(requests(&asking.server, &asking.alice).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_a_request_speaks_for_its_actor_alone() {
    let world = World::new(rules(&["public"], &[])).await;
    let other = Peer::start().await;
    let eve = other.add_actor("eve");
    // Somebody else's Like, and a note that answers something else.
    let mut theirs = world.fixture("like_request", &[]);
    theirs["actor"] = json!(eve);
    theirs["id"] = json!(format!("{eve}/requests/1"));
    let reason = deliver(&world.server, &theirs).await;
    assert!(reason.contains("another host"), "{reason}");
    let mut wrong = world.fixture("reply_request", &[]);
    wrong["instrument"]["inReplyTo"] = json!(format!("{}/else", world.server.url));
    let reason = deliver(&world.server, &wrong).await;
    assert!(reason.contains("no such reply"), "{reason}");
    let mut wrong = world.fixture("announce_request", &[]);
    wrong["id"] = json!(format!("{}/requests/2", world.sara));
    wrong["instrument"] = wrong["instrument"]["id"].clone();
    let reason = deliver(&world.server, &wrong).await;
    assert!(reason.contains("something else"), "{reason}");
    assert_eq!(world.counts().await, [0, 0, 0]);
}

/// A note of sara's that has a policy, as GoToSocial writes it, which is here.
async fn restricted(world: &World, policy: Value) -> (Value, String) {
    let mut note = world.peer.note("sara", "p1", "<p>ask me</p>");
    note["interactionPolicy"] = policy;
    let path = note["id"].as_str().unwrap().replace(&world.peer.origin, "");
    world.peer.serve(&path, Page::Document(note.clone()));
    let here = resolve(&world.server, &world.alice, id(&note)).await;
    (note, here)
}

fn gotosocial(world: &World, manual: bool) -> Value {
    let (own, everyone) = (json!([world.sara]), json!([PUBLIC]));
    let asked = if manual { everyone } else { json!([]) };
    let rules = json!({
        "automaticApproval": own, "always": own,
        "manualApproval": asked, "approvalRequired": asked,
    });
    json!({"canLike": rules, "canReply": rules, "canAnnounce": rules})
}

#[tokio::test(flavor = "multi_thread")]
async fn leave_is_asked_of_gotosocial_and_proven() {
    let world = World::new(json!(null)).await;
    let (server, alice) = (&world.server, &world.alice);
    let (note, here) = restricted(&world, gotosocial(&world, true)).await;
    let reply = json!({"status": "may I?", "in_reply_to_id": here});
    let reply = post(server, alice, reply).await;
    assert_eq!(reply["kith"]["approval"], "pending");
    for what in ["favourite", "reblog"] {
        let path = format!("/api/v1/statuses/{here}/{what}");
        server.post(alice, &path, json!({})).await.ok();
    }
    let eve = world.peer.add_actor("eve");
    let other = Peer::start().await;
    for (verb, instrument) in [
        ("Reply", "Note"),
        ("Like", "Like"),
        ("Announce", "Announce"),
    ] {
        let asked = sent(&world.peer, &format!("{verb}Request"), |_| true).await;
        assert_eq!(asked["object"], note["id"]);
        assert_eq!(asked["to"], json!([world.sara]));
        assert_eq!(asked["instrument"]["type"], instrument);
        let interacting = id(&asked["instrument"]);
        let changes = [
            (
                "https://gotosocial.example/users/sara/statuses/01JTCKQ3V0AAAAAAAAAAAAAAA1",
                id(&note),
            ),
            ("01JTCKQ3V0AAAAAAAAAAAAAAAN", verb),
            ("01JTCKQ3V0AAAAAAAAAAAAAAAP", verb),
            ("REQUEST", id(&asked)),
            ("INSTRUMENT", interacting),
            ("KIND", verb),
        ];
        let accept = world.fixture("accept_request", &changes);
        let stamp = world.fixture("authorization", &changes);
        let path = id(&stamp).replace(&world.peer.origin, "");
        let serve = |page: &Value| world.peer.serve(&path, Page::Document(page.clone()));
        let is_there = async || {
            let now = shown(server, alice, &here).await;
            match verb {
                "Like" => now["favourited"] == true,
                "Announce" => now["reblogged"] == true,
                _ => {
                    let now = shown(server, alice, id(&reply)).await;
                    now["kith"].get("approval").is_none()
                }
            }
        };
        // By somebody else; with the stamp of another host, of another kind, for something else.
        serve(&stamp);
        let mut bad = accept.clone();
        bad["id"] = json!(format!("{eve}/accepts/{verb}"));
        bad["actor"] = json!(eve);
        deliver(server, &bad).await;
        let mut foreign = stamp.clone();
        foreign["id"] = json!(format!("{}/stamp", other.origin));
        other.serve("/stamp", Page::Document(foreign.clone()));
        let mut bad = accept.clone();
        bad["id"] = json!(format!("{}-2", id(&accept)));
        bad["result"] = foreign["id"].clone();
        deliver(server, &bad).await;
        for (n, (name, value)) in [
            ("type", json!("QuoteAuthorization")),
            ("attributedTo", json!(eve)),
            ("interactingObject", json!(format!("{interacting}0"))),
            ("interactionTarget", json!(uri(&world.status))),
        ]
        .into_iter()
        .enumerate()
        {
            let mut wrong = stamp.clone();
            wrong[name] = value;
            serve(&wrong);
            let mut bad = accept.clone();
            bad["id"] = json!(format!("{}-3{n}", id(&accept)));
            let reason = deliver(server, &bad).await;
            assert!(reason.contains("something else"), "{name}: {reason}");
        }
        let mut bad = accept.clone();
        bad["id"] = json!(format!("{}-4", id(&accept)));
        bad.as_object_mut().unwrap().remove("result");
        deliver(server, &bad).await;
        assert!(!is_there().await, "{verb}");
        let before = world.peer.received().len();
        serve(&stamp);
        assert_eq!(deliver(server, &accept).await, "", "{verb}");
        assert!(is_there().await, "{verb}");
        // Now it goes out, with the stamp.
        let kind = if verb == "Reply" { "Create" } else { verb };
        let done = eventually(kind, async || {
            let all = world.peer.received();
            all.into_iter().skip(before).find(|a| a["type"] == kind)
        })
        .await;
        let bearer = if verb == "Reply" {
            &done["object"]
        } else {
            &done
        };
        let name = format!("{}Authorization", verb.to_lowercase());
        assert_eq!(id(bearer), interacting);
        assert_eq!(bearer[&name], stamp["id"]);
        assert_eq!(bearer["approvedBy"], stamp["id"]);
        // The stamp's end is the end of it.
        let delete = json!({
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": format!("{}#delete", id(&stamp)), "type": "Delete", "actor": world.sara,
            "object": stamp["id"],
        });
        deliver(server, &delete).await;
        if verb == "Reply" {
            assert!(below(server, alice, &here).await.is_empty());
        } else {
            assert!(!is_there().await, "{verb}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_gotosocial_is_heard() {
    let world = World::new(json!(null)).await;
    let (server, alice) = (&world.server, &world.alice);
    let (note, here) = restricted(&world, gotosocial(&world, true)).await;
    let reply = json!({"status": "may I?", "in_reply_to_id": here});
    let reply = post(server, alice, reply).await;
    let asked = sent(&world.peer, "ReplyRequest", |_| true).await;
    let changes = [
        (
            "https://gotosocial.example/users/sara/statuses/01JTCKQ3V0AAAAAAAAAAAAAAA1",
            id(&note),
        ),
        ("REQUEST", id(&asked)),
        ("INSTRUMENT", id(&asked["instrument"])),
        ("KIND", "Reply"),
    ];
    let reject = world.fixture("reject_request", &changes);
    assert_eq!(deliver(server, &reject).await, "");
    let now = shown(server, alice, id(&reply)).await;
    assert_eq!(now["kith"]["approval"], "rejected");
    assert!(world.peer.received().iter().all(|a| a["type"] != "Create"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_policy_elsewhere_does_not_admit_is_told_so() {
    let world = World::new(json!(null)).await;
    let (server, alice) = (&world.server, &world.alice);
    let (_, here) = restricted(&world, gotosocial(&world, false)).await;
    let reply = json!({"status": "but", "in_reply_to_id": here});
    server
        .post(alice, "/api/v1/statuses", reply)
        .await
        .refused(403);
    for what in ["favourite", "reblog"] {
        let path = format!("/api/v1/statuses/{here}/{what}");
        server.post(alice, &path, json!({})).await.refused(403);
    }
    // Pixelfed says it in its own way; and an Update opens it.
    let mut note = world.peer.note("sara", "pix", "<p>look</p>");
    note["capabilities"] = json!({"announce": PUBLIC, "like": PUBLIC, "reply": null});
    note["commentsEnabled"] = json!(false);
    let path = note["id"].as_str().unwrap().replace(&world.peer.origin, "");
    world.peer.serve(&path, Page::Document(note.clone()));
    let here = resolve(server, alice, id(&note)).await;
    let reply = json!({"status": "but", "in_reply_to_id": here});
    server
        .post(alice, "/api/v1/statuses", reply.clone())
        .await
        .refused(403);
    let like = format!("/api/v1/statuses/{here}/favourite");
    server.post(alice, &like, json!({})).await.ok();
    note["capabilities"]["reply"] = json!(PUBLIC);
    note["commentsEnabled"] = json!(true);
    let update = json!({
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": format!("{}#update", id(&note)), "type": "Update", "actor": world.sara,
        "object": note,
    });
    deliver(server, &update).await;
    let reply = post(server, alice, reply).await;
    assert!(reply["kith"].get("approval").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_a_third_reply_needs_the_stamp_of_whom_it_answers() {
    let world = World::new(json!(null)).await;
    let (server, alice) = (&world.server, &world.alice);
    let (note, here) = restricted(&world, gotosocial(&world, true)).await;
    let other = Peer::start().await;
    other.add_actor("tom");
    let answer = |n: &str| {
        let mut reply = other.note("tom", n, "<p>answer</p>");
        reply["inReplyTo"] = note["id"].clone();
        reply
    };
    let stamp_for = |reply: &Value, host: &Peer, n: &str| {
        let stamp = json!({
            "id": format!("{}/stamps/{n}", host.origin), "type": "ReplyAuthorization",
            "attributedTo": world.sara, "interactingObject": reply["id"],
            "interactionTarget": note["id"],
        });
        host.serve(&format!("/stamps/{n}"), Page::Document(stamp.clone()));
        id(&stamp).to_owned()
    };
    let plain = answer("plain");
    let mut forged = answer("forged");
    forged["replyAuthorization"] = json!(stamp_for(&forged, &other, "forged"));
    let mut borrowed = answer("borrowed");
    borrowed["replyAuthorization"] = json!(stamp_for(&plain, &world.peer, "borrowed"));
    let mut ours = answer("ours");
    ours["replyAuthorization"] = json!(format!("{}/users/alice/authorizations/1", server.url));
    for reply in [&plain, &forged, &borrowed, &ours] {
        let reason = deliver(server, &other.create("tom", reply)).await;
        assert!(reason.contains("policy"), "{reason}");
    }
    assert!(below(server, alice, &here).await.is_empty());
    let mut good = answer("good");
    let stamp = stamp_for(&good, &world.peer, "good");
    good["approvedBy"] = json!(stamp);
    assert_eq!(deliver(server, &other.create("tom", &good)).await, "");
    assert_eq!(below(server, alice, &here).await, [id(&good)]);
    // Of what was not asked for, its author tells those who follow.
    let told = answer("told");
    let path = id(&told).replace(&other.origin, "");
    other.serve(&path, Page::Document(told.clone()));
    let stamp_told = stamp_for(&told, &world.peer, "told");
    let mut accept = json!({
        "@context": ["https://www.w3.org/ns/activitystreams", "https://gotosocial.org/ns"],
        "id": format!("{}/accepts/told", world.sara), "type": "Accept", "actor": world.sara,
        "to": [other.actor_uri("tom")], "cc": [PUBLIC], "object": told["id"],
        "target": note["id"], "result": stamp_told,
    });
    deliver(server, &accept).await;
    assert_eq!(below(server, alice, &here).await.len(), 2);
    // By anybody else it means nothing.
    let more = answer("more");
    let path = id(&more).replace(&other.origin, "");
    other.serve(&path, Page::Document(more.clone()));
    let tom = other.actor_uri("tom");
    accept["actor"] = json!(tom);
    accept["id"] = json!(format!("{tom}/accepts/more"));
    accept["object"] = more["id"].clone();
    accept["result"] = json!(stamp_for(&more, &other, "more"));
    deliver(server, &accept).await;
    assert_eq!(below(server, alice, &here).await.len(), 2);
    // Without the stamp, it is in the thread no more.
    for (n, by) in [(1, tom), (2, world.sara.clone())] {
        let delete = json!({
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": format!("{stamp}#delete{n}"), "type": "Delete", "actor": by, "object": stamp,
        });
        if n == 1 {
            // Not theirs, nor on their host.
            Delivery::by(&by).send(server, &delete).await;
        } else {
            deliver(server, &delete).await;
        }
    }
    assert_eq!(below(server, alice, &here).await, [id(&told)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn s7_a_policy_of_thousands_is_read() {
    let world = World::new(json!(null)).await;
    let many: Vec<String> = (0..2000)
        .map(|n| format!("{}/users/{n}", world.peer.origin))
        .collect();
    let rules = json!({"automaticApproval": many, "manualApproval": many});
    let policy = json!({"canLike": rules, "canReply": rules, "canAnnounce": rules});
    let (_, here) = restricted(&world, policy).await;
    let copy = shown(&world.server, &world.alice, &here).await;
    let rules = &copy["kith"]["interaction_policy"]["can_reply"];
    assert_eq!(rules["always"], json!(["unsupported_policy", "author"]));
    // Only its author's server knows.
    let path = format!("/api/v1/statuses/{here}/favourite");
    world.server.post(&world.alice, &path, json!({})).await.ok();
    sent(&world.peer, "LikeRequest", |_| true).await;
}
