//! Quotes with leave, over the wire (FEP-044f): between two servers, and with peers of other
//! manners and of bad ones.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::peer::{Delivery, Page, Peer, eventually};
use crate::support::{Person, Server};

fn id(entity: &Value) -> &str {
    entity["id"].as_str().expect("an id")
}

async fn shown(server: &Server, who: &Person, id: &str) -> Value {
    let path = format!("/api/v1/statuses/{id}");
    server.get(who, &path).await.entity("Status")
}

/// What a URL leads to on a server: the status's id there.
async fn resolve(server: &Server, who: &Person, url: &str) -> String {
    let path = format!("/api/v2/search?q={url}&resolve=true&type=statuses");
    let found = server.get(who, &path).await.entity("Search");
    id(&found["statuses"][0]).to_owned()
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

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_is_asked_for_granted_seen_and_revoked_across_servers() {
    let (one, two) = (Server::start().await, Server::start().await);
    let (alice, bob) = (one.person("alice").await, two.person("bob").await);
    let quoted = one.status(&alice, "quotable").await;
    let there = resolve(&two, &bob, quoted["uri"].as_str().unwrap()).await;
    let copy = shown(&two, &bob, &there).await;
    assert_eq!(copy["quote_approval"]["automatic"], json!(["public"]));
    let body = json!({"status": "look at this", "quoted_status_id": there});
    let quote = two
        .post(&bob, "/api/v1/statuses", body)
        .await
        .entity("Status");
    assert_eq!(quote["quote"]["state"], "pending");
    let granted = eventually("the quote is granted", async || {
        let now = shown(&two, &bob, id(&quote)).await;
        (now["quote"]["state"] == "accepted").then_some(now)
    })
    .await;
    assert_eq!(granted["quote"]["quoted_status"]["id"], json!(there));
    assert_eq!(granted["edited_at"], Value::Null, "leave is no edit");
    let told = eventually("the quote is told", async || {
        let path = "/api/v1/notifications?types[]=quote";
        one.get(&alice, path).await.entities("Notification").pop()
    })
    .await;
    let here = id(&told["status"]).to_owned();
    assert_eq!(told["status"]["quote"]["state"], "accepted");
    assert_eq!(shown(&one, &alice, id(&quoted)).await["quotes_count"], 1);
    // The note names its stamp, and the stamp names both.
    let (_, note) = document(&two, quote["uri"].as_str().unwrap()).await;
    assert_eq!(note["quote"], quoted["uri"]);
    assert!(
        note["content"]
            .as_str()
            .unwrap()
            .starts_with("<p class=\"quote-inline\">RE: ")
    );
    let stamp = note["quoteAuthorization"].as_str().unwrap().to_owned();
    let (status, authorization) = document(&one, &stamp).await;
    assert_eq!(status, 200);
    assert_eq!(
        (
            &authorization["type"],
            &authorization["interactingObject"],
            &authorization["interactionTarget"]
        ),
        (&json!("QuoteAuthorization"), &quote["uri"], &quoted["uri"])
    );
    // Taken back, it is gone everywhere, and asking again does not help.
    let revoke = format!("/api/v1/statuses/{}/quotes/{here}/revoke", id(&quoted));
    let revoked = one.post(&alice, &revoke, json!({})).await.entity("Status");
    assert_eq!(revoked["quote"]["state"], "revoked");
    eventually("the quote is revoked", async || {
        let now = shown(&two, &bob, id(&quote)).await;
        (now["quote"]["state"] == "revoked").then_some(())
    })
    .await;
    assert_eq!(document(&one, &stamp).await.0, 410);
    let (_, note) = document(&two, quote["uri"].as_str().unwrap()).await;
    assert!(note.get("quote").is_none() && note.get("quoteAuthorization").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_what_nobody_may_quote_is_refused_across_servers() {
    let (one, two) = (Server::start().await, Server::start().await);
    let (alice, bob) = (one.person("alice").await, two.person("bob").await);
    let quoted = one.status(&alice, "quotable still").await;
    let there = resolve(&two, &bob, quoted["uri"].as_str().unwrap()).await;
    // The other server does not hear of it in time.
    let path = format!("/api/v1/statuses/{}/interaction_policy", id(&quoted));
    let policy = json!({"quote_approval_policy": "nobody"});
    one.send(Method::PUT, &path, Some(&alice.token), Some(&policy))
        .await
        .entity("Status");
    let body = json!({"status": "mine", "quoted_status_id": there});
    let quote = two
        .post(&bob, "/api/v1/statuses", body)
        .await
        .entity("Status");
    eventually("the quote is refused", async || {
        let now = shown(&two, &bob, id(&quote)).await;
        (now["quote"]["state"] == "rejected").then_some(())
    })
    .await;
    assert_eq!(shown(&one, &alice, id(&quoted)).await["quotes_count"], 0);
    let closed = one
        .post(
            &alice,
            "/api/v1/statuses",
            json!({"status": "closed", "quote_approval_policy": "nobody"}),
        )
        .await
        .entity("Status");
    let there = resolve(&two, &bob, closed["uri"].as_str().unwrap()).await;
    let copy = shown(&two, &bob, &there).await;
    assert_eq!(copy["quote_approval"]["current_user"], "denied");
    let body = json!({"status": "mine", "quoted_status_id": there});
    two.post(&bob, "/api/v1/statuses", body).await.refused(404);
}

/// Makes alice follow a peer's actor, so that its posts are taken in.
async fn followed(server: &Server, alice: &Person, peer: &Peer, name: &str) -> String {
    let actor = peer.add_actor(name);
    let path = format!(
        "/api/v2/search?q=@{name}@{}&resolve=true&type=accounts",
        peer.domain()
    );
    let found = server.get(alice, &path).await.entity("Search");
    let path = format!("/api/v1/accounts/{}/follow", id(&found["accounts"][0]));
    server.post(alice, &path, json!({})).await.ok();
    let follow = eventually("the follow comes", async || {
        let all = peer.received();
        all.into_iter()
            .find(|a| a["type"] == "Follow" && a["object"] == *actor)
    })
    .await;
    let accept = json!({"id": format!("{actor}#accept"), "type": "Accept", "actor": actor, "object": follow});
    assert_eq!(Delivery::by(&actor).send(server, &accept).await.status, 202);
    actor
}

async fn arrives(server: &Server, alice: &Person, uri: &str) -> Value {
    eventually("the status arrives", async || {
        let home = server.get(alice, "/api/v1/timelines/home").await;
        home.entities("Status")
            .into_iter()
            .find(|s| s["uri"] == uri)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_from_elsewhere_is_answered_and_the_quote_shown() {
    let server = Server::start().await;
    let peer = Peer::start().await;
    let alice = server.person("alice").await;
    let quoted = server.status(&alice, "quotable").await;
    let sara = peer.add_actor("sara");
    let mut note = peer.note("sara", "q1", "<p>well said</p>");
    note["quote"] = quoted["uri"].clone();
    let request = json!({
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": format!("{sara}/quote_requests/1"), "type": "QuoteRequest", "actor": sara,
        "object": quoted["uri"], "instrument": note,
    });
    assert_eq!(
        Delivery::by(&sara).send(&server, &request).await.status,
        202
    );
    let accept = eventually("the request is accepted", async || {
        peer.received().into_iter().find(|a| a["type"] == "Accept")
    })
    .await;
    assert_eq!(accept["object"]["id"], request["id"]);
    assert_eq!(accept["object"]["instrument"], note["id"]);
    let stamp = accept["result"].as_str().unwrap();
    let (status, authorization) = document(&server, stamp).await;
    assert_eq!(
        (status, &authorization["interactingObject"]),
        (200, &note["id"])
    );
    let told = eventually("the quote is told", async || {
        let path = "/api/v1/notifications?types[]=quote";
        server
            .get(&alice, path)
            .await
            .entities("Notification")
            .pop()
    })
    .await;
    assert_eq!(told["status"]["quote"]["quoted_status"]["id"], quoted["id"]);
    // Somebody else's note is no instrument, and a note that quotes something else is not shown.
    let other = peer.add_actor("other");
    let mut stolen = request.clone();
    stolen["id"] = json!(format!("{other}/quote_requests/1"));
    stolen["actor"] = json!(other);
    stolen["instrument"]["id"] = json!("https://elsewhere.example/notes/1");
    assert_eq!(
        Delivery::by(&other).send(&server, &stolen).await.status,
        202
    );
    // Closed, the next one is refused.
    let path = format!("/api/v1/statuses/{}/interaction_policy", id(&quoted));
    let policy = json!({"quote_approval_policy": "nobody"});
    server
        .send(Method::PUT, &path, Some(&alice.token), Some(&policy))
        .await
        .ok();
    let mut second = request.clone();
    second["id"] = json!(format!("{sara}/quote_requests/2"));
    second["instrument"]["id"] = json!(format!("{}/notes/q2", peer.origin));
    assert_eq!(Delivery::by(&sara).send(&server, &second).await.status, 202);
    let reject = eventually("the request is refused", async || {
        peer.received().into_iter().find(|a| a["type"] == "Reject")
    })
    .await;
    assert_eq!(reject["object"]["id"], second["id"]);
    let list = format!("/api/v1/statuses/{}/quotes", id(&quoted));
    let quotes = server.get(&alice, &list).await.entities("Status");
    assert_eq!(quotes.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn quotes_between_others_are_shown_with_a_stamp_of_the_quoted_author_alone() {
    let server = Server::start().await;
    let (quoter, author, evil) = (
        Peer::start().await,
        Peer::start().await,
        Peer::start().await,
    );
    let alice = server.person("alice").await;
    let sara = followed(&server, &alice, &quoter, "sara").await;
    let nils = author.add_actor("nils");
    let quoted = author.note("nils", "1", "<p>original</p>");
    author.serve("/notes/1", Page::Document(quoted.clone()));
    let quote_of = |n: &str| {
        let mut note = quoter.note("sara", n, "<p>see</p>");
        note["quote"] = quoted["id"].clone();
        note
    };
    let stamp = |site: &Peer, by: &str, quoting: &Value, path: &str| {
        let stamp = json!({
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": format!("{}{path}", site.origin), "type": "QuoteAuthorization", "attributedTo": by,
            "interactingObject": quoting["id"], "interactionTarget": quoted["id"],
        });
        site.serve(path, Page::Document(stamp.clone()));
        stamp["id"].clone()
    };
    let mut good = quote_of("good");
    good["quoteAuthorization"] = stamp(&author, &nils, &good, "/stamps/good");
    // A stamp for another quote; one that somebody else wrote; one on another server; none.
    let mut borrowed = quote_of("borrowed");
    borrowed["quoteAuthorization"] = good["quoteAuthorization"].clone();
    let mut self_made = quote_of("selfmade");
    self_made["quoteAuthorization"] = stamp(&quoter, &sara, &self_made, "/stamps/selfmade");
    let mut forged = quote_of("forged");
    forged["quoteAuthorization"] = stamp(&evil, &nils, &forged, "/stamps/forged");
    let bare = quote_of("bare");
    for (note, wanted) in [
        (&good, "accepted"),
        (&borrowed, "pending"),
        (&self_made, "pending"),
        (&forged, "pending"),
        (&bare, "pending"),
    ] {
        let create = quoter.create("sara", note);
        assert_eq!(Delivery::by(&sara).send(&server, &create).await.status, 202);
        let status = arrives(&server, &alice, id(note)).await;
        assert_eq!(status["quote"]["state"], wanted, "{}", note["id"]);
        assert_eq!(
            status["quote"]["quoted_status"].is_object(),
            wanted == "accepted"
        );
    }
    // A stamp that comes later is taken; once its author deletes it, the quote is revoked.
    let mut late = bare.clone();
    late["quoteAuthorization"] = stamp(&author, &nils, &late, "/stamps/late");
    let update = json!({
        "id": format!("{}#update", id(&late)), "type": "Update", "actor": sara, "object": late,
        "to": late["to"], "cc": late["cc"],
    });
    assert_eq!(Delivery::by(&sara).send(&server, &update).await.status, 202);
    let state_of = async |uri: &str| {
        let status = arrives(&server, &alice, uri).await;
        status["quote"]["state"].as_str().unwrap().to_owned()
    };
    eventually("the late stamp is taken", async || {
        (state_of(id(&late)).await == "accepted").then_some(())
    })
    .await;
    let delete = |by: &str| {
        json!({
            "id": format!("{by}#delete"), "type": "Delete", "actor": by,
            "object": {"id": late["quoteAuthorization"], "type": "Tombstone"},
        })
    };
    let villain = author.add_actor("villain");
    assert_eq!(
        Delivery::by(&villain)
            .send(&server, &delete(&villain))
            .await
            .status,
        202
    );
    assert_eq!(
        Delivery::by(&nils)
            .send(&server, &delete(&nils))
            .await
            .status,
        202
    );
    eventually("the quote is revoked", async || {
        (state_of(id(&late)).await == "revoked").then_some(())
    })
    .await;
    assert_eq!(state_of(id(&good)).await, "accepted");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_cannot_ask_are_answered_by_the_policy() {
    let server = Server::start().await;
    let peer = Peer::start().await;
    let alice = server.person("alice").await;
    let sara = followed(&server, &alice, &peer, "sara").await;
    let open = server.status(&alice, "quotable").await;
    let closed = server
        .post(
            &alice,
            "/api/v1/statuses",
            json!({"status": "closed", "quote_approval_policy": "nobody"}),
        )
        .await
        .entity("Status");
    for (n, name, quoted, wanted) in [
        ("1", "_misskey_quote", &open, "accepted"),
        ("2", "quoteUrl", &open, "accepted"),
        ("3", "quoteUri", &closed, "pending"),
    ] {
        let mut note = peer.note("sara", n, "<p>see</p>");
        note[name] = quoted["uri"].clone();
        let create = peer.create("sara", &note);
        assert_eq!(Delivery::by(&sara).send(&server, &create).await.status, 202);
        let status = arrives(&server, &alice, id(&note)).await;
        assert_eq!(status["quote"]["state"], wanted, "{name}");
    }
    assert_eq!(shown(&server, &alice, id(&open)).await["quotes_count"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_an_accept_is_good_with_a_stamp_of_the_one_who_was_asked() {
    let server = Server::start().await;
    let (peer, evil) = (Peer::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let nils = peer.add_actor("nils");
    let mallory = evil.add_actor("mallory");
    let mut quoted = peer.note("nils", "1", "<p>ask me</p>");
    quoted["interactionPolicy"] = json!({"canQuote": {
        "automaticApproval": [nils], "manualApproval": ["https://www.w3.org/ns/activitystreams#Public"],
    }});
    peer.serve("/notes/1", Page::Document(quoted.clone()));
    let there = resolve(&server, &alice, id(&quoted)).await;
    let copy = shown(&server, &alice, &there).await;
    assert_eq!(
        copy["quote_approval"],
        json!({"automatic": [], "manual": ["public"], "current_user": "manual"})
    );
    let body = json!({"status": "may I?", "quoted_status_id": there});
    let quote = server
        .post(&alice, "/api/v1/statuses", body)
        .await
        .entity("Status");
    let request = eventually("the request comes", async || {
        peer.received()
            .into_iter()
            .find(|a| a["type"] == "QuoteRequest")
    })
    .await;
    assert_eq!(
        (&request["object"], &request["instrument"]["id"]),
        (&quoted["id"], &quote["uri"])
    );
    assert_eq!(request["instrument"]["quote"], quoted["id"]);
    let stamp = |site: &Peer, by: &str, quoting: &str| {
        let stamp = json!({
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": format!("{}/stamp", site.origin), "type": "QuoteAuthorization", "attributedTo": by,
            "interactingObject": quoting, "interactionTarget": quoted["id"],
        });
        site.serve("/stamp", Page::Document(stamp.clone()));
        stamp["id"].clone()
    };
    let quoting = quote["uri"].as_str().unwrap();
    let accept = |n: &str, by: &str, result: Value| {
        json!({
            "id": format!("{by}#accepts/{n}"), "type": "Accept", "actor": by, "object": request["id"],
            "result": result,
        })
    };
    // By who was not asked; with a stamp of another; with one for another post; without.
    let foreign = stamp(&evil, &mallory, quoting);
    for (by, activity) in [
        (&mallory, accept("1", &mallory, foreign.clone())),
        (&nils, accept("2", &nils, foreign)),
        (
            &nils,
            accept("3", &nils, stamp(&peer, &nils, "https://x.example/1")),
        ),
        (&nils, accept("4", &nils, Value::Null)),
    ] {
        assert_eq!(Delivery::by(by).send(&server, &activity).await.status, 202);
    }
    // Activities of one actor are worked on in order: once this one is through, so are those.
    let mut marker = peer.note("nils", "marker", "<p>@alice</p>");
    marker["tag"] = json!([{"type": "Mention", "href": alice.account.uri, "name": "@alice"}]);
    let create = peer.create("nils", &marker);
    assert_eq!(Delivery::by(&nils).send(&server, &create).await.status, 202);
    eventually("they are worked on", async || {
        let path = "/api/v1/notifications?types[]=mention";
        server
            .get(&alice, path)
            .await
            .entities("Notification")
            .pop()
    })
    .await;
    assert_eq!(
        shown(&server, &alice, id(&quote)).await["quote"]["state"],
        "pending"
    );
    let good = accept("5", &nils, stamp(&peer, &nils, quoting));
    assert_eq!(Delivery::by(&nils).send(&server, &good).await.status, 202);
    eventually("the quote is granted", async || {
        let now = shown(&server, &alice, id(&quote)).await;
        (now["quote"]["state"] == "accepted").then_some(())
    })
    .await;
}
