//! What becomes of deliveries when servers are slow, dead, gone, busy or unwanted. The clock is
//! the tests' own; hours pass in no time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use kith::clock::{Clock, DAY, HOUR, MINUTE};
use serde_json::{Value, json};

use crate::support::peer::{Delivery, Inbox, Knock, Peer, eventually};
use crate::support::{Person, Server, database};

/// A server whose clock can be put forward, and alice on it.
struct Sender {
    server: Server,
    alice: Person,
    ahead: Arc<AtomicI64>,
}

impl Sender {
    async fn start() -> Sender {
        let ahead = Arc::new(AtomicI64::new(0));
        let server = Server::start_by(Clock::Shifted(ahead.clone()), &[]).await;
        let alice = server.person("alice").await;
        Sender {
            server,
            alice,
            ahead,
        }
    }

    /// Somebody at a peer follows alice; their inbox's path.
    async fn follower(&self, peer: &Peer, name: &str) -> String {
        self.follower_with(peer, name, json!({})).await
    }

    async fn follower_with(&self, peer: &Peer, name: &str, changes: Value) -> String {
        let actor = peer.add_actor_with(name, changes);
        self.followed(&self.alice, peer, name, &actor).await
    }

    /// An actor of a peer follows somebody here; their inbox's path.
    async fn followed(&self, whom: &Person, peer: &Peer, name: &str, actor: &str) -> String {
        let follow = json!({
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": format!("{actor}#follow"), "type": "Follow",
            "actor": actor, "object": whom.account.uri,
        });
        let answer = Delivery::by(actor).send(&self.server, &follow).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        eventually("the follow is accepted", async || {
            peer.received()
                .iter()
                .any(|a| a["type"] == "Accept" && a["object"]["actor"] == actor)
                .then_some(())
        })
        .await;
        format!("/users/{name}/inbox")
    }

    async fn post(&self, text: &str) -> Value {
        self.server.status(&self.alice, text).await["uri"].clone()
    }

    /// Lets time pass once nothing is under way, for leases would run out; then the deliverer
    /// looks at once.
    async fn later(&self, by: i64) {
        let url = &self.server.app.config.database_url;
        let leased = "SELECT count(*) AS n FROM deliveries WHERE state = 0 AND leased_until > 0";
        eventually("nothing is under way", async || {
            (database::count(url, leased).await == 0).then_some(())
        })
        .await;
        self.ahead.fetch_add(by, Ordering::Relaxed);
        self.server.app.wake.deliveries.notify_one();
    }
}

/// The requests to a peer that bring a status.
fn knocks(peer: &Peer, status: &Value) -> Vec<Knock> {
    let mut knocks = peer.knocks();
    knocks.retain(|knock| knock.activity["object"]["id"] == *status);
    knocks
}

/// Waits for a number of them, and no more.
async fn knocked(peer: &Peer, status: &Value, number: usize) {
    eventually("the status is delivered", async || {
        (knocks(peer, status).len() >= number).then_some(())
    })
    .await;
    assert_eq!(knocks(peer, status).len(), number);
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_hosts_among_many_cost_the_others_nothing() {
    let sender = Sender::start().await;
    let mut peers = Vec::new();
    for _ in 0..12 {
        let peer = Peer::start().await;
        sender.follower(&peer, "f").await;
        peers.push(peer);
    }
    // One takes requests and never answers, one is not there any more.
    let hanging = peers.remove(0);
    hanging.set_inbox("/users/f/inbox", Inbox::Hangs);
    let accepted = hanging.knocks().len();
    drop(peers.remove(0));
    let began = Instant::now();
    for n in 0..20 {
        sender.post(&format!("post {n}")).await;
    }
    for peer in &peers {
        eventually("everything arrives", async || {
            let creates = peer.received();
            let creates = creates.iter().filter(|a| a["type"] == "Create");
            (creates.count() == 20).then_some(())
        })
        .await;
    }
    // Sooner than one request to the dead host is given up.
    assert!(
        began.elapsed() < Duration::from_secs(12),
        "{:?}",
        began.elapsed()
    );
    let tried = hanging.knocks().len() - accepted;
    assert!(
        tried <= 8,
        "{tried} requests to a host that does not answer"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_actor_sends_to_an_inbox_goes_one_after_the_other() {
    let (sender, peer) = (Sender::start().await, Peer::start().await);
    let slow = sender.follower(&peer, "slow").await;
    let quick = sender.follower(&peer, "quick").await;
    peer.set_inbox(&slow, Inbox::Hangs);
    let mut posts = Vec::new();
    for n in 0..5 {
        let status = sender.post(&format!("post {n}")).await;
        eventually("it arrives", async || {
            let mut knocks = knocks(&peer, &status).into_iter();
            knocks.any(|knock| knock.path == quick).then_some(())
        })
        .await;
        posts.push(status);
    }
    let at_slow: Vec<Value> = peer
        .knocks()
        .into_iter()
        .filter(|knock| knock.path == slow && knock.activity["type"] == "Create")
        .map(|knock| knock.activity["object"]["id"].clone())
        .collect();
    assert_eq!(at_slow, posts[..1], "the rest waits for its answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_one_inbox_holds_up_nobody_else() {
    let (sender, peer) = (Sender::start().await, Peer::start().await);
    let slow = sender.follower(&peer, "slow").await;
    let bob = sender.server.person("bob").await;
    let actor = peer.add_actor("quick");
    sender.followed(&bob, &peer, "quick", &actor).await;
    peer.set_inbox(&slow, Inbox::Hangs);
    for n in 0..100 {
        sender.post(&format!("post {n}")).await;
    }
    let began = Instant::now();
    let status = sender.server.status(&bob, "hello").await["uri"].clone();
    knocked(&peer, &status, 1).await;
    // Sooner than one request that is not answered is given up.
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_that_is_gone_is_not_tried_again() {
    let (sender, peer) = (Sender::start().await, Peer::start().await);
    for (name, status) in [("missing", 404), ("gone", 410)] {
        let path = sender.follower(&peer, name).await;
        peer.set_inbox(&path, Inbox::Answers(status, None));
    }
    sender.follower(&peer, "there").await;
    let first = sender.post("first").await;
    knocked(&peer, &first, 3).await;
    for day in 1..4 {
        sender.later(DAY).await;
        // What waited would go out before this one, or with it.
        let next = sender.post(&format!("day {day}")).await;
        knocked(&peer, &next, 3).await;
    }
    assert_eq!(knocks(&peer, &first).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_delivered_once_the_server_is_back() {
    let (sender, peer) = (Sender::start().await, Peer::start().await);
    let path = sender.follower(&peer, "f").await;
    peer.set_inbox(&path, Inbox::Answers(500, None));
    let first = sender.post("first").await;
    knocked(&peer, &first, 1).await;
    sender.later(2 * MINUTE).await;
    knocked(&peer, &first, 2).await;
    // Five failures in a row: from here on it is let be.
    let mut waiting = vec![first];
    for n in 0..10 {
        waiting.push(sender.post(&format!("post {n}")).await);
    }
    eventually("it is given up for now", async || {
        (peer.knocks().iter().filter(|k| k.status == 500).count() >= 5).then_some(())
    })
    .await;
    peer.set_inbox(&path, Inbox::Answers(202, None));
    sender.later(3 * MINUTE).await;
    eventually("all that waited arrives", async || {
        let received = peer.received();
        waiting
            .iter()
            .all(|status| received.iter().any(|a| a["object"]["id"] == *status))
            .then_some(())
    })
    .await;
    for status in &waiting {
        let taken = knocks(&peer, status);
        assert_eq!(taken.iter().filter(|k| k.status == 202).count(), 1);
    }
    let failed = peer.knocks().iter().filter(|k| k.status == 500).count();
    assert!(failed < 12, "{failed} requests to a server in trouble");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_asks_for_time_gets_it() {
    let (sender, busy, other) = (
        Sender::start().await,
        Peer::start().await,
        Peer::start().await,
    );
    let path = sender.follower(&busy, "f").await;
    sender.follower(&other, "f").await;
    busy.set_inbox(&path, Inbox::Answers(503, Some("7200")));
    let first = sender.post("first").await;
    knocked(&busy, &first, 1).await;
    knocked(&other, &first, 1).await;
    busy.set_inbox(&path, Inbox::Answers(202, None));
    // Neither what failed nor what is new goes there before the time.
    let mut posts = vec![first];
    for n in 0..3 {
        sender.later(HOUR / 2).await;
        let next = sender.post(&format!("post {n}")).await;
        knocked(&other, &next, 1).await;
        assert_eq!(knocks(&busy, &next).len(), 0);
        posts.push(next);
    }
    assert_eq!(knocks(&busy, &posts[0]).len(), 1);
    sender.later(HOUR).await;
    knocked(&busy, &posts[0], 2).await;
    for post in &posts[1..] {
        knocked(&busy, post, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_to_a_blocked_domain_and_what_waited_is_dropped() {
    let (sender, bad, good) = (
        Sender::start().await,
        Peer::start().await,
        Peer::start().await,
    );
    let path = sender.follower(&bad, "f").await;
    sender.follower(&good, "f").await;
    bad.set_inbox(&path, Inbox::Answers(500, None));
    let waiting = sender.post("waiting").await;
    knocked(&bad, &waiting, 1).await;
    bad.set_inbox(&path, Inbox::Answers(202, None));
    let policy = async |block: bool| {
        let (ctx, domain) = (sender.server.app.ctx.clone(), bad.domain().to_owned());
        sender
            .server
            .app
            .write(move |tx| {
                Box::pin(async move {
                    if block {
                        kith::domain::policies::set(tx, &ctx, &domain, "block", "", "").await?;
                    } else {
                        kith::domain::policies::lift(tx, &ctx, &domain).await?;
                    }
                    Ok(())
                })
            })
            .await
            .expect("the policy is written");
    };
    policy(true).await;
    let before = bad.requests().len();
    let mut posts = vec![waiting];
    for n in 0..3 {
        sender.later(HOUR).await;
        let next = sender.post(&format!("post {n}")).await;
        knocked(&good, &next, 1).await;
        posts.push(next);
    }
    assert_eq!(bad.requests().len(), before, "not one request was made");
    policy(false).await;
    let suspended = "SELECT count(*) AS n FROM accounts WHERE suspended_at IS NOT NULL";
    eventually("its people are no longer suspended", async || {
        let url = &sender.server.app.config.database_url;
        (database::count(url, suspended).await == 0).then_some(())
    })
    .await;
    sender.later(HOUR).await;
    // Nor do they come when the block is lifted.
    let last = sender.post("last").await;
    knocked(&bad, &last, 1).await;
    for post in &posts[1..] {
        assert_eq!(knocks(&bad, post).len(), 0);
    }
    assert_eq!(knocks(&bad, &posts[0]).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_inbox_gets_a_post_once() {
    let (sender, peer) = (Sender::start().await, Peer::start().await);
    let shared = json!({"endpoints": {"sharedInbox": format!("{}/inbox", peer.origin)}});
    for n in 0..5 {
        sender
            .follower_with(&peer, &format!("f{n}"), shared.clone())
            .await;
    }
    sender.follower(&peer, "alone").await;
    let status = sender.post("to all").await;
    let last = sender.post("and once more").await;
    knocked(&peer, &last, 2).await;
    let mut paths: Vec<String> = knocks(&peer, &status).into_iter().map(|k| k.path).collect();
    paths.sort();
    assert_eq!(paths, ["/inbox", "/users/alone/inbox"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_wants_rfc_9421_alone_gets_it() {
    let (sender, peer) = (Sender::start().await, Peer::start().await);
    let path = sender.follower(&peer, "f").await;
    peer.set_inbox(&path, Inbox::WantsRfc9421);
    let signatures = |status: &Value| -> Vec<(&'static str, u16)> {
        let knocks = knocks(&peer, status);
        knocks.iter().map(|k| (k.signature, k.status)).collect()
    };
    let first = sender.post("first").await;
    eventually("it is taken", async || {
        (signatures(&first).last()?.1 == 202).then_some(())
    })
    .await;
    assert_eq!(signatures(&first), [("cavage", 401), ("rfc9421", 202)]);
    // It is remembered.
    let second = sender.post("second").await;
    knocked(&peer, &second, 1).await;
    assert_eq!(signatures(&second), [("rfc9421", 202)]);
}
