//! Peers in trouble: they hang, break off, talk nonsense, answer slowly, or are gone for a day. As
//! receivers they get everything once when they are back; what has to be fetched from them is
//! fetched then, or set aside with the reason. Nobody else is the worse for it.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::{Duration, Instant};

use kith::clock::{Clock, DAY, HOUR, MINUTE};
use serde_json::{Value, json};

use crate::support::faulty::{Fault, Faulty};
use crate::support::peer::{Delivery, Page, Peer, eventually};
use crate::support::{Person, Server, database};

/// A server whose clock can be put forward, and alice on it.
struct World {
    server: Server,
    alice: Person,
}

impl World {
    async fn start() -> World {
        let clock = Clock::Shifted(Arc::new(AtomicI64::new(0)));
        let server = Server::start_by(clock, &[]).await;
        let alice = server.person("alice").await;
        World { server, alice }
    }

    async fn deliver(&self, actor: &str, activity: &Value) {
        let answer = Delivery::by(actor).send(&self.server, activity).await;
        assert_eq!(answer.status, 202, "{activity}: {}", answer.text);
    }

    /// `f` of a peer follows alice.
    async fn follower(&self, peer: &Peer) {
        let actor = peer.add_actor("f");
        let follow = activity(&actor, "follow", "Follow", &json!(self.alice.account.uri));
        self.deliver(&actor, &follow).await;
        eventually("the follow is accepted", async || {
            let received = peer.received();
            received.iter().any(|a| a["type"] == "Accept").then_some(())
        })
        .await;
    }

    async fn post(&self, text: &str) -> Value {
        self.server.status(&self.alice, text).await["uri"].clone()
    }

    /// Lets time pass once nothing is under way, for leases would run out.
    async fn later(&self, by: i64) {
        let url = &self.server.app.config.database_url;
        for table in ["deliveries", "inbox_queue"] {
            eventually("nothing is under way", async || {
                // What was leased at the very moment of a jump has a lease that is over.
                let now = self.server.app.clock.now_ms();
                let under_way = format!(
                    "SELECT count(*) AS n FROM {table} WHERE state = 0 AND leased_until > {now}"
                );
                (database::count(url, &under_way).await == 0).then_some(())
            })
            .await;
        }
        self.server.pass(by);
        self.server.app.wake.deliveries.notify_one();
        self.server.app.wake.inbox.notify_one();
    }

    /// What alice was told of, by the ids of the posts.
    async fn told(&self) -> Vec<String> {
        let path = "/api/v1/notifications?types[]=mention&limit=80";
        let list = self
            .server
            .get(&self.alice, path)
            .await
            .entities("Notification");
        list.iter()
            .map(|n| n["status"]["uri"].as_str().unwrap().to_owned())
            .collect()
    }

    /// A note by `f` that mentions alice.
    fn mention(&self, peer: &Peer, id: &str) -> Value {
        let mut note = peer.note("f", id, "<p>@alice</p>");
        note["tag"] = json!([
            {"type": "Mention", "href": self.alice.account.uri, "name": "@alice"},
        ]);
        note
    }

    /// Runs `kith` beside the server.
    fn cli(&self, args: &[&str]) -> String {
        let config = &self.server.app.config;
        let mut command = Command::new(env!("CARGO_BIN_EXE_kith"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KITH_")) {
            command.env_remove(name);
        }
        let output = command
            .args(args)
            .env("KITH_DATA_DIR", self.server.data_dir())
            .env("KITH_DATABASE_URL", &config.database_url)
            .env("KITH_PUBLIC_URL", &self.server.url)
            .output()
            .expect("the command runs");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {error}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// What `kith inbox list` says: activities with the reason.
    fn listed(&self, state: &str) -> Vec<(String, String)> {
        let text = self.cli(&["inbox", "list", "--state", state, "--json"]);
        let list: Vec<Value> = serde_json::from_str(&text).expect("JSON");
        let text = |row: &Value, name: &str| row[name].as_str().expect("text").to_owned();
        list.iter()
            .map(|row| (text(row, "activity"), text(row, "reason")))
            .collect()
    }
}

fn activity(actor: &str, n: &str, kind: &str, object: &Value) -> Value {
    json!({
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": format!("{actor}#{n}"), "type": kind, "actor": actor, "object": object,
    })
}

/// How often a peer took a status.
fn taken(peer: &Peer, status: &Value) -> usize {
    let received = peer.received();
    received
        .iter()
        .filter(|a| a["object"]["id"] == *status)
        .count()
}

/// Peers, each with a follower of alice.
async fn followers<const N: usize>(world: &World, faults: [Fault; N]) -> Vec<(Fault, Faulty)> {
    let mut peers = Vec::new();
    for fault in faults {
        let faulty = Faulty::start().await;
        world.follower(&faulty.peer).await;
        peers.push((fault, faulty));
    }
    peers
}

const INBOX: &str = "/users/f/inbox";

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_breaks_off_gets_it_once_it_is_back() {
    let world = World::start().await;
    let good = Peer::start().await;
    world.follower(&good).await;
    let peers = followers(
        &world,
        [
            Fault::Resets,
            Fault::ResetsInHead,
            Fault::Babbles,
            Fault::Busy,
            Fault::Circles,
        ],
    )
    .await;
    for (fault, faulty) in &peers {
        faulty.breaks(INBOX, *fault);
    }
    let began = Instant::now();
    let status = world.post("hello").await;
    eventually("the one that is well has it", async || {
        (taken(&good, &status) == 1).then_some(())
    })
    .await;
    assert!(began.elapsed() < Duration::from_secs(5));
    for (fault, faulty) in &peers {
        eventually("it was tried", async || {
            (faulty.met_on(INBOX) >= 1).then_some(())
        })
        .await;
        assert_eq!(taken(&faulty.peer, &status), 0, "{fault:?}");
    }
    // A second time in vain.
    world.later(2 * MINUTE).await;
    for (_, faulty) in &peers {
        eventually("it was tried again", async || {
            (faulty.met_on(INBOX) >= 2).then_some(())
        })
        .await;
    }
    for (_, faulty) in &peers {
        faulty.is_well();
    }
    world.later(HOUR).await;
    for (fault, faulty) in &peers {
        eventually("it arrives", async || {
            (taken(&faulty.peer, &status) > 0).then_some(())
        })
        .await;
        // A redirect of a POST is not followed.
        assert!(faulty.met_on(INBOX) <= 3, "{fault:?}: {:?}", faulty.met());
    }
    world.later(DAY).await;
    let last = world.post("last").await;
    for peer in peers.iter().map(|(_, faulty)| &faulty.peer).chain([&good]) {
        eventually("the last arrives", async || {
            (taken(peer, &last) == 1).then_some(())
        })
        .await;
        assert_eq!(taken(peer, &status), 1, "once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_counts_by_its_head() {
    let world = World::start().await;
    let peers = followers(
        &world,
        [
            Fault::ResetsInBody,
            Fault::LiesLong,
            Fault::LiesShort,
            Fault::BadChunks,
            Fault::Endless,
            Fault::TenGigabytes,
        ],
    )
    .await;
    for (fault, faulty) in &peers {
        faulty.breaks(INBOX, *fault);
    }
    world.post("hello").await;
    for (fault, faulty) in &peers {
        eventually("it is delivered", async || {
            (faulty.met_on(INBOX) > 0).then_some(())
        })
        .await;
        faulty.is_well();
        assert_eq!(faulty.met_on(INBOX), 1, "{fault:?}");
    }
    // They said that they took it: they do not get it again.
    for _ in 0..3 {
        world.later(DAY).await;
    }
    let last = world.post("last").await;
    for (fault, faulty) in &peers {
        eventually("the last arrives", async || {
            (taken(&faulty.peer, &last) == 1).then_some(())
        })
        .await;
        let creates = faulty.peer.received();
        let creates = creates.iter().filter(|a| a["type"] == "Create");
        assert_eq!(creates.count(), 1, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_receiver_is_waited_for_and_others_do_not_wait() {
    let world = World::start().await;
    let good = Peer::start().await;
    world.follower(&good).await;
    let peers = followers(&world, [Fault::Slow, Fault::Hangs, Fault::DripsHead]).await;
    for (fault, faulty) in &peers {
        faulty.breaks(INBOX, *fault);
    }
    let began = Instant::now();
    let mut posts = Vec::new();
    for n in 0..5 {
        posts.push(world.post(&format!("post {n}")).await);
    }
    for peer in [&good, &peers[0].1.peer] {
        for status in &posts {
            eventually("it arrives", async || {
                (taken(peer, status) == 1).then_some(())
            })
            .await;
        }
    }
    // Sooner than one request to the others is given up.
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    for (fault, faulty) in &peers[1..] {
        assert_eq!(faulty.met_on(INBOX), 1, "{fault:?}: one at a time");
        assert_eq!(taken(&faulty.peer, &posts[0]), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_for_a_day_gets_all_of_it_once() {
    let world = World::start().await;
    let (good, faulty) = (Peer::start().await, Faulty::start().await);
    world.follower(&good).await;
    world.follower(&faulty.peer).await;
    faulty.breaks("/", Fault::Resets);
    let mut posts = Vec::new();
    for hour in 0..24 {
        if hour % 4 == 0 {
            let status = world.post(&format!("at {hour}")).await;
            eventually("the other one has it", async || {
                (taken(&good, &status) == 1).then_some(())
            })
            .await;
            posts.push(status);
        }
        world.later(HOUR).await;
    }
    let tries = faulty.met_on(INBOX);
    assert!((2..80).contains(&tries), "{tries} tries in a day");
    // Time is put forward while its server is let be: what was on its way just then would have
    // lost its lease, and be sent again.
    let url = &world.server.app.config.database_url;
    let let_be = async || {
        let now = world.server.app.clock.now_ms();
        let paused = format!(
            "SELECT count(*) AS n FROM hosts WHERE host = '{}' AND retry_at > {now}",
            faulty.peer.domain()
        );
        database::count(url, &paused).await == 1
    };
    loop {
        let before = faulty.met_on(INBOX);
        posts.push(world.post("one more").await);
        eventually("it was tried, or is not to be", async || {
            (faulty.met_on(INBOX) > before || let_be().await).then_some(())
        })
        .await;
        if let_be().await {
            break;
        }
    }
    faulty.is_well();
    // The last is due then; the others, when that one is taken.
    world.later(2 * HOUR).await;
    for status in &posts {
        eventually("it arrives", async || {
            (taken(&faulty.peer, status) > 0).then_some(())
        })
        .await;
    }
    let last = world.post("last").await;
    eventually("the last arrives", async || {
        (taken(&faulty.peer, &last) > 0).then_some(())
    })
    .await;
    let received = faulty.peer.received();
    let mut creates: Vec<Value> = received
        .iter()
        .filter(|a| a["type"] == "Create")
        .map(|a| a["object"]["id"].clone())
        .collect();
    creates.sort_by_key(|id| id.as_str().map(str::to_owned));
    posts.push(last);
    assert_eq!(creates, posts, "each of them once");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_origin_breaks_off_is_fetched_again_and_works_once() {
    let world = World::start().await;
    let mut peers = Vec::new();
    for fault in [
        Fault::Resets,
        Fault::ResetsInHead,
        Fault::ResetsInBody,
        Fault::Babbles,
        Fault::LiesLong,
        Fault::BadChunks,
        Fault::Busy,
    ] {
        let faulty = Faulty::start().await;
        let actor = faulty.peer.add_actor("f");
        let note = world.mention(&faulty.peer, "1");
        faulty.peer.serve("/notes/1", Page::Document(note.clone()));
        faulty.breaks("/notes/", fault);
        let create = activity(&actor, "create", "Create", &note["id"]);
        world.deliver(&actor, &create).await;
        peers.push((fault, faulty, create, note));
    }
    // The same again meanwhile is the same.
    for (_, _, create, _) in &peers {
        world
            .deliver(create["actor"].as_str().unwrap(), create)
            .await;
    }
    let listed = eventually("each has failed once", async || {
        let listed = world.listed("waiting");
        let tried = listed.iter().filter(|(_, reason)| !reason.is_empty());
        (tried.count() == peers.len()).then_some(listed)
    })
    .await;
    for (fault, faulty, create, note) in &peers {
        let (_, reason) = listed
            .iter()
            .find(|(id, _)| create["id"] == **id)
            .unwrap_or_else(|| panic!("{fault:?} is listed"));
        assert!(reason.contains(note["id"].as_str().unwrap()), "{reason}");
        assert_eq!(faulty.met_on("/notes/"), 1, "{fault:?}");
    }
    assert_eq!(world.told().await.len(), 0);
    // One of them is in trouble for longer.
    for (_, faulty, _, _) in &peers[1..] {
        faulty.is_well();
    }
    world.later(MINUTE).await;
    eventually("all but that one arrive", async || {
        (world.told().await.len() == peers.len() - 1).then_some(())
    })
    .await;
    eventually("that one is tried again", async || {
        (peers[0].1.met_on("/notes/") == 2).then_some(())
    })
    .await;
    peers[0].1.is_well();
    world.later(DAY).await;
    let told = eventually("it arrives as well", async || {
        let told = world.told().await;
        (told.len() == peers.len()).then_some(told)
    })
    .await;
    for (fault, _, create, note) in &peers {
        let id = note["id"].as_str().unwrap();
        assert_eq!(told.iter().filter(|told| *told == id).count(), 1);
        let actor = create["actor"].as_str().unwrap();
        world.deliver(actor, create).await;
        assert!(world.listed("waiting").is_empty(), "{fault:?}");
    }
    assert_eq!(world.listed("set-aside"), []);
    assert_eq!(world.told().await.len(), peers.len(), "once each");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_origin_answers_with_nonsense_is_set_aside_with_the_reason() {
    let world = World::start().await;
    let mut peers = Vec::new();
    for (fault, reason) in [
        (Fault::Circles, "too many redirects"),
        (Fault::Endless, "larger than"),
        (Fault::TenGigabytes, "larger than"),
        (Fault::LiesShort, "unreadable JSON"),
    ] {
        let faulty = Faulty::start().await;
        let actor = faulty.peer.add_actor("f");
        let note = world.mention(&faulty.peer, "1");
        faulty.peer.serve("/notes/1", Page::Document(note.clone()));
        faulty.breaks("/notes/", fault);
        let create = activity(&actor, "create", "Create", &note["id"]);
        world.deliver(&actor, &create).await;
        peers.push((fault, reason, faulty, create));
    }
    let listed = eventually("they are set aside", async || {
        let listed = world.listed("set-aside");
        (listed.len() == peers.len()).then_some(listed)
    })
    .await;
    for (fault, wanted, faulty, create) in &peers {
        let (_, reason) = listed
            .iter()
            .find(|(id, _)| create["id"] == **id)
            .unwrap_or_else(|| panic!("{fault:?} is listed"));
        assert!(reason.contains(wanted), "{fault:?}: {reason}");
        let most = if *fault == Fault::Circles { 4 } else { 1 };
        assert_eq!(faulty.met_on("/notes/"), most, "{fault:?}");
        faulty.is_well();
    }
    // Nothing tries it again but an admin.
    world.later(DAY).await;
    assert_eq!(world.told().await.len(), 0);
    world.cli(&["inbox", "retry", "--all"]);
    eventually("all of it arrives", async || {
        (world.told().await.len() == peers.len()).then_some(())
    })
    .await;
    assert_eq!(world.listed("set-aside"), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_without_an_origin_is_bridged_and_a_week_is_not() {
    let world = World::start().await;
    let (brief, gone) = (Faulty::start().await, Faulty::start().await);
    let mut creates = Vec::new();
    for faulty in [&brief, &gone] {
        let actor = faulty.peer.add_actor("f");
        let note = world.mention(&faulty.peer, "1");
        faulty.peer.serve("/notes/1", Page::Document(note.clone()));
        faulty.breaks("/notes/", Fault::Resets);
        let create = activity(&actor, "create", "Create", &note["id"]);
        world.deliver(&actor, &create).await;
        creates.push(create);
    }
    let failed = async |faulty: &Faulty, times: usize| {
        eventually("it has failed", async || {
            (faulty.met_on("/notes/") >= times).then_some(())
        })
        .await;
    };
    // The waits are three times as long each time: 30 s, 90 s, …, 18 h, 55 h.
    for attempt in 1..=8 {
        failed(&gone, attempt).await;
        if attempt == 7 {
            brief.is_well();
        }
        world
            .later(30_000 * 3_i64.pow(attempt as u32 - 1) + 1000)
            .await;
    }
    failed(&gone, 9).await;
    let aside = eventually("it is set aside", async || {
        let aside = world.listed("set-aside");
        (!aside.is_empty()).then_some(aside)
    })
    .await;
    assert_eq!(aside.len(), 1);
    assert_eq!(creates[1]["id"], aside[0].0);
    assert!(aside[0].1.contains("/notes/1"), "{aside:?}");
    let told = world.told().await;
    assert_eq!(told, [format!("{}/notes/1", brief.peer.origin)]);
    assert_eq!(gone.met_on("/notes/"), 9, "and that is that");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_beside_it_is_done_without() {
    let world = World::start().await;
    let good = Peer::start().await;
    let actor = good.add_actor("f");
    let mut expected = Vec::new();
    for (n, fault) in [
        Fault::Resets,
        Fault::ResetsInBody,
        Fault::BadChunks,
        Fault::Circles,
        Fault::TenGigabytes,
        Fault::LiesShort,
    ]
    .into_iter()
    .enumerate()
    {
        let faulty = Faulty::start().await;
        faulty.breaks("/", fault);
        let at = |path: &str| format!("{}{path}", faulty.peer.origin);
        let mut note = world.mention(&good, &n.to_string());
        note["inReplyTo"] = json!(at("/notes/parent"));
        note["quote"] = json!(at("/notes/quoted"));
        let tags = note["tag"].as_array_mut().unwrap();
        tags.push(json!({"type": "Mention", "href": at("/users/x"), "name": "@x"}));
        world.deliver(&actor, &good.create("f", &note)).await;
        let id = note["id"].as_str().unwrap().to_owned();
        eventually("it arrives", async || {
            world.told().await.contains(&id).then_some(())
        })
        .await;
        assert!(faulty.met_on("/") > 0, "{fault:?}");
        expected.push(id);
    }
    let mut told = world.told().await;
    told.sort();
    assert_eq!(told, expected, "once each");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_had_is_refused_and_had_later() {
    let world = World::start().await;
    let good = Peer::start().await;
    let fine = good.add_actor("f");
    let mut peers = Vec::new();
    for fault in [
        Fault::Resets,
        Fault::ResetsInBody,
        Fault::LiesShort,
        Fault::BadChunks,
        Fault::Endless,
        Fault::Circles,
    ] {
        let faulty = Faulty::start().await;
        let actor = faulty.peer.add_actor("f");
        faulty.breaks("/users/", fault);
        let create = faulty.peer.create("f", &world.mention(&faulty.peer, "1"));
        for _ in 0..3 {
            // Its server is to come again; meanwhile it is not asked with every try.
            let answer = Delivery::by(&actor).send(&world.server, &create).await;
            answer.refused(401);
        }
        let most = if fault == Fault::Circles { 4 } else { 1 };
        assert_eq!(faulty.met_on("/users/"), most, "{fault:?}");
        faulty.is_well();
        // By another of its people, of whom nothing was asked in vain.
        let other = faulty.peer.add_actor("other");
        let mut note = faulty.peer.note("other", "2", "<p>@alice</p>");
        note["tag"] = world.mention(&faulty.peer, "1")["tag"].clone();
        world
            .deliver(&other, &faulty.peer.create("other", &note))
            .await;
        peers.push(faulty);
    }
    let note = world.mention(&good, "last");
    world.deliver(&fine, &good.create("f", &note)).await;
    let told = eventually("all that could be checked arrives", async || {
        let told = world.told().await;
        (told.len() == peers.len() + 1).then_some(told)
    })
    .await;
    assert!(told.iter().all(|id| !id.ends_with("/notes/1")));
    assert_eq!(world.listed("set-aside"), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_a_host_that_hangs_hold_up_no_others() {
    let world = World::start().await;
    let (good, hanging) = (Peer::start().await, Faulty::start().await);
    hanging.breaks("/", Fault::Hangs);
    // More of them than keys are fetched at a time.
    let mut waiting = Vec::new();
    for n in 0..300 {
        let actor = hanging.peer.actor_uri(&format!("x{n}"));
        let like = activity(&actor, "like", "Like", &json!(world.alice.account.uri));
        let (http, url) = (world.server.http.clone(), world.server.url.clone());
        let now = world.server.app.clock.now_ms();
        waiting.push(tokio::spawn(async move {
            let inbox = format!("{url}/inbox");
            let _ = Delivery::by(&actor)
                .try_post(&http, &inbox, now, &like)
                .await;
        }));
    }
    eventually("they are asked for", async || {
        (!hanging.met().is_empty()).then_some(())
    })
    .await;
    let actor = good.add_actor("f");
    let note = world.mention(&good, "1");
    let began = Instant::now();
    world.deliver(&actor, &good.create("f", &note)).await;
    eventually("it arrives", async || {
        (world.told().await.len() == 1).then_some(())
    })
    .await;
    // Sooner than one of the others is given up.
    assert!(
        began.elapsed() < Duration::from_secs(6),
        "{:?}",
        began.elapsed()
    );
    let asked = hanging.met().len();
    assert!(asked <= 40, "{asked} requests to a host that hangs");
    for task in waiting {
        task.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_a_host_that_hangs_hold_up_no_others() {
    let world = World::start().await;
    let (good, hanging) = (Peer::start().await, Faulty::start().await);
    hanging.breaks("/notes/", Fault::Hangs);
    // More actors than are prepared at a time, and more activities than are in hand.
    let mut sent = Vec::new();
    for n in 0..70 {
        let actor = hanging.peer.add_actor(&format!("x{n}"));
        let world = &world;
        let origin = &hanging.peer.origin;
        sent.push(async move {
            for m in 0..10 {
                let object = json!(format!("{origin}/notes/{n}x{m}"));
                let create = activity(&actor, &m.to_string(), "Create", &object);
                world.deliver(&actor, &create).await;
            }
        });
    }
    futures::future::join_all(sent).await;
    eventually("they are asked for", async || {
        (!hanging.met().is_empty()).then_some(())
    })
    .await;
    let actor = good.add_actor("f");
    let note = world.mention(&good, "1");
    let began = Instant::now();
    world.deliver(&actor, &good.create("f", &note)).await;
    eventually("it arrives", async || {
        (world.told().await.len() == 1).then_some(())
    })
    .await;
    // Sooner than one of the others is given up.
    assert!(
        began.elapsed() < Duration::from_secs(6),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_or_drips_is_given_up_and_fetched_again_in_order() {
    let world = World::start().await;
    let mut peers = Vec::new();
    for fault in [Fault::Hangs, Fault::DripsHead, Fault::DripsBody] {
        let faulty = Faulty::start().await;
        let actor = faulty.peer.add_actor("f");
        let note = world.mention(&faulty.peer, "1");
        faulty.peer.serve("/notes/1", Page::Document(note.clone()));
        faulty.breaks("/notes/1", fault);
        let create = activity(&actor, "create", "Create", &note["id"]);
        world.deliver(&actor, &create).await;
        // What its actor did afterwards waits for it, unless it is given up for now.
        let next = world.mention(&faulty.peer, "2");
        world.deliver(&actor, &faulty.peer.create("f", &next)).await;
        peers.push((faulty, create));
    }
    // All at once: one timeout is waited out.
    let began = Instant::now();
    eventually("what came next arrives", async || {
        (world.told().await.len() == 3).then_some(())
    })
    .await;
    assert!(began.elapsed() < Duration::from_secs(15));
    assert!(world.told().await.iter().all(|id| id.ends_with("/notes/2")));
    let waiting = world.listed("waiting");
    for (faulty, create) in &peers {
        let (_, reason) = waiting.iter().find(|(id, _)| create["id"] == **id).unwrap();
        assert!(reason.contains("timed out"), "{reason}");
        faulty.is_well();
    }
    world.later(MINUTE).await;
    eventually("the rest arrives", async || {
        (world.told().await.len() == 6).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_origin_is_waited_for() {
    let world = World::start().await;
    let faulty = Faulty::start().await;
    faulty.breaks("/", Fault::Slow);
    let actor = faulty.peer.add_actor("f");
    let note = world.mention(&faulty.peer, "1");
    faulty.peer.serve("/notes/1", Page::Document(note.clone()));
    let create = activity(&actor, "create", "Create", &note["id"]);
    world.deliver(&actor, &create).await;
    eventually("it arrives", async || {
        (world.told().await.len() == 1).then_some(())
    })
    .await;
    assert_eq!(faulty.met_on("/notes/1"), 1);
}
