//! What a hostile peer tries; the names are those of the attack classes.
//!
//! | class | here | in unit tests |
//! |---|---|---|
//! | S1 | `keys` | `federation::objects::actor` (which keys an actor lists) |
//! | S2 | `json_ld` | `federation::value` (keys stand once) |
//! | S3 | `documents` | `federation::value` (ids have one spelling), `federation::webfinger` |
//! | S4 | `files`; `api::media`, `proxy` | `federation::fetch` (media types) |
//! | S5 | `fetching` | `client::guard` (each kind of address, names), `client::tests` (redirects inside) |
//! | S6, S7 | `fetching`, `threads` | `client::tests` (redirect loops, endless and slow bodies, gzip bombs, huge heads) |
//! | S9 | `html` | `text::sanitize` |
//! | S11 | `privacy`, `threads` | `domain::visibility` |
//! | S16 | `moderation`, `policies`; `federation::quotes` | `domain::policies` |
//! | S19 | `replay` | `federation::signature` (what a signature has to cover, for which host, how old) |

use serde_json::{Value, json};

use kith::events::{Event, Kind};

use crate::support::peer::{Delivery, Peer, eventually};
use crate::support::{Answer, Person, Server, database};

mod documents;
mod fetching;
mod files;
mod html;
mod json_ld;
mod keys;
mod moderation;
mod policies;
mod privacy;
mod replay;
mod threads;

/// A server whose alice follows `good` at the peer.
pub(crate) async fn followed() -> (Server, Peer, Person) {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let good = peer.add_actor("good");
    let found = search(&server, &alice, &format!("@good@{}", peer.domain())).await;
    let id = found["accounts"][0]["id"]
        .as_str()
        .expect("good is found")
        .to_owned();
    server
        .post(&alice, &format!("/api/v1/accounts/{id}/follow"), json!({}))
        .await
        .ok();
    let follow = eventually("the Follow arrives", async || {
        peer.received().into_iter().find(|a| a["type"] == "Follow")
    })
    .await;
    let accept = json!({
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": format!("{good}#accept"), "type": "Accept", "actor": good, "object": follow,
    });
    assert_eq!(Delivery::by(&good).send(&server, &accept).await.status, 202);
    eventually("the follow is accepted", async || {
        let path = format!("/api/v1/accounts/relationships?id[]={id}");
        let list = server.get(&alice, &path).await.entities("Relationship");
        list[0]["following"].as_bool()?.then_some(())
    })
    .await;
    (server, peer, alice)
}

pub(crate) async fn home(server: &Server, alice: &Person) -> Vec<Value> {
    server
        .get(alice, "/api/v1/timelines/home")
        .await
        .entities("Status")
}

/// Sends a good note and waits for it: whatever was queued before by the same actor is done too.
async fn settle(server: &Server, peer: &Peer, alice: &Person, mark: &str) -> Vec<Value> {
    let note = peer.note("good", mark, mark);
    let answer = Delivery::by(&peer.actor_uri("good"))
        .send(server, &peer.create("good", &note))
        .await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    eventually("the mark arrives", async || {
        let list = home(server, alice).await;
        list.iter().any(|s| s["uri"] == note["id"]).then_some(list)
    })
    .await
}

/// What a handle or URL leads to.
pub(crate) async fn search(server: &Server, who: &Person, what: &str) -> Value {
    let what: String = url::form_urlencoded::byte_serialize(what.as_bytes()).collect();
    server
        .get(who, &format!("/api/v2/search?q={what}&resolve=true"))
        .await
        .entity("Search")
}

/// An activity by an actor.
pub(crate) fn activity(actor: &str, n: &str, kind: &str, object: &Value) -> Value {
    json!({
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": format!("{actor}#{n}"), "type": kind, "actor": actor, "object": object,
    })
}

/// Delivers what an actor has signed; 202.
pub(crate) async fn deliver(server: &Server, actor: &str, activity: &Value) {
    let answer = Delivery::by(actor).send(server, activity).await;
    assert_eq!(answer.status, 202, "{activity}: {}", answer.text);
}

/// Whether a home shows a status of that id.
fn shows(list: &[Value], uri: &Value) -> bool {
    list.iter().any(|status| status["uri"] == *uri)
}

/// Waits until all that came is worked on.
pub(crate) async fn idle(server: &Server) {
    let waiting = "SELECT count(*) AS n FROM inbox_queue WHERE state = 0 AND next_at = 0";
    eventually("all is worked on", async || {
        let left = database::count(&server.app.config.database_url, waiting).await;
        (left == 0).then_some(())
    })
    .await;
}

/// GETs what other servers read, as nobody.
pub(crate) async fn read(server: &Server, path: &str) -> Answer {
    let request = server
        .http
        .get(format!("{}{path}", server.url))
        .header("accept", "application/activity+json");
    Answer::of(request, path.to_owned()).await
}

/// As an admin: nothing is exchanged with a domain any more.
pub(crate) async fn block(server: &Server, domain: &str) {
    let (ctx, named) = (server.app.ctx.clone(), domain.to_owned());
    server
        .app
        .write(move |tx| {
            Box::pin(async move {
                kith::domain::policies::set(tx, &ctx, &named, "block", "", "").await?;
                Ok(())
            })
        })
        .await
        .expect("the policy is written");
    eventually("the policy is in force", async || {
        let policies = server.app.policies().await.expect("policies");
        policies.blocks(domain).then_some(())
    })
    .await;
}

/// As an admin: an actor from elsewhere is suspended.
async fn suspend(server: &Server, uri: &str) {
    let (uri, now) = (uri.to_owned(), server.app.clock.now_ms());
    server
        .app
        .write(move |tx| {
            Box::pin(async move {
                let mut account = kith::db::accounts::by_uri(tx, &uri)
                    .await?
                    .expect("the actor is known");
                account.suspended_at = Some(now);
                kith::db::accounts::update(tx, &account).await?;
                tx.emit(Event::of(Kind::AccountChanged, account.id));
                Ok(())
            })
        })
        .await
        .expect("the actor is suspended");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_signature_kinds_are_accepted() {
    let (server, peer, alice) = followed().await;
    for rfc9421 in [false, true] {
        let note = peer.note("good", if rfc9421 { "a" } else { "b" }, "hi");
        let delivery = Delivery {
            rfc9421,
            ..Delivery::by(&peer.actor_uri("good"))
        };
        assert_eq!(
            delivery
                .send(&server, &peer.create("good", &note))
                .await
                .status,
            202
        );
        eventually("it arrives", async || {
            home(&server, &alice)
                .await
                .iter()
                .any(|s| s["uri"] == note["id"])
                .then_some(())
        })
        .await;
    }
}
