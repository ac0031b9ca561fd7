use serde_json::{Value, json};

use crate::support::server::ids;
use crate::support::{Person, Server};

fn id(entity: &Value) -> &str {
    entity["id"].as_str().expect("an id")
}

async fn post(server: &Server, who: &Person, body: Value) -> Value {
    server
        .post(who, "/api/v1/statuses", body)
        .await
        .entity("Status")
}

async fn shown(server: &Server, who: &Person, status: &Value) -> Value {
    let path = format!("/api/v1/statuses/{}", id(status));
    server.get(who, &path).await.entity("Status")
}

fn verb(status: &Value, verb: &str) -> String {
    format!("/api/v1/statuses/{}/{verb}", id(status))
}

async fn requests(server: &Server, who: &Person, query: &str) -> Vec<Value> {
    let path = format!("/api/v1/interaction_requests{query}");
    server
        .get(who, &path)
        .await
        .entities("Kith__InteractionRequest")
}

async fn decide(server: &Server, who: &Person, request: &Value, decision: &str) -> Value {
    let path = format!("/api/v1/interaction_requests/{}/{decision}", id(request));
    server
        .post(who, &path, json!({}))
        .await
        .entity("Kith__InteractionRequest")
}

async fn told(server: &Server, who: &Person, kind: &str) -> Vec<Value> {
    let path = "/api/kith/v1/notifications";
    let all = server.get(who, path).await.entities("Kith__Notification");
    all.into_iter().filter(|n| n["type"] == kind).collect()
}

async fn below(server: &Server, who: &Person, status: &Value) -> Vec<String> {
    let context = server.get(who, &verb(status, "context")).await;
    let context = context.entity("Context");
    ids(context["descendants"].as_array().expect("a list"))
}

fn all(names: &[&str], manual: &[&str]) -> Value {
    let rules = json!({"always": names, "with_approval": manual});
    json!({"can_favourite": rules, "can_reply": rules, "can_reblog": rules})
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_a_policy_is_shown_and_kept_to() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let open = server.status(&alice, "open").await;
    assert!(open["kith"].get("interaction_policy").is_none());
    let body = json!({"status": "closed", "interaction_policy": all(&["followers"], &[])});
    let status = post(&server, &alice, body).await;
    let reply = &status["kith"]["interaction_policy"]["can_reply"];
    assert_eq!(reply["always"], json!(["followers", "author"]));
    assert_eq!(reply["automatic_approval"], reply["always"]);
    let answer = json!({"status": "but", "in_reply_to_id": id(&status)});
    let refused = server.post(&bob, "/api/v1/statuses", answer.clone()).await;
    assert!(
        refused.json()["error_description"]
            .as_str()
            .unwrap()
            .contains("reply")
    );
    refused.refused(403);
    for what in ["favourite", "reblog"] {
        server
            .post(&bob, &verb(&status, what), json!({}))
            .await
            .refused(403);
    }
    let own = format!("/api/kith/v1/statuses/{}", id(&status));
    server
        .post(&bob, &format!("{own}/dislike"), json!({}))
        .await
        .refused(403);
    server
        .put(&bob, &format!("{own}/reactions/👍"), json!({}))
        .await
        .refused(403);
    // The author may everything, and so may those whom it admits.
    for what in ["favourite", "reblog"] {
        server
            .post(&alice, &verb(&status, what), json!({}))
            .await
            .ok();
    }
    let path = format!("/api/v1/accounts/{}/follow", alice.id());
    server.post(&bob, &path, json!({})).await.ok();
    let reply = post(&server, &bob, answer).await;
    assert!(reply["kith"].get("approval").is_none());
    for what in ["favourite", "reblog"] {
        server
            .post(&bob, &verb(&status, what), json!({}))
            .await
            .ok();
    }
    let now = shown(&server, &alice, &status).await;
    let counts = ["replies_count", "favourites_count", "reblogs_count"].map(|name| &now[name]);
    assert_eq!(counts, [1, 2, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_one_mentions_may_answer() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let carol = server.person("carol").await;
    let body = json!({"status": "@bob well?", "interaction_policy": all(&["author"], &[])});
    let status = post(&server, &alice, body).await;
    let answer = json!({"status": "well", "in_reply_to_id": id(&status)});
    let reply = post(&server, &bob, answer.clone()).await;
    assert!(
        below(&server, &carol, &status)
            .await
            .contains(&id(&reply).to_owned())
    );
    server
        .post(&carol, "/api/v1/statuses", answer)
        .await
        .refused(403);
    server
        .post(&bob, &verb(&status, "favourite"), json!({}))
        .await
        .refused(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_waits_until_it_is_let_through() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let carol = server.person("carol").await;
    let policy = json!({"can_reply": {"always": ["author"], "with_approval": ["public"]}});
    let body = json!({"status": "ask me", "interaction_policy": policy});
    let status = post(&server, &alice, body).await;
    let answer = json!({"status": "@carol @alice may I? #asking", "in_reply_to_id": id(&status)});
    let reply = post(&server, &bob, answer).await;
    assert_eq!(reply["kith"]["approval"], "pending");
    assert_eq!(reply["visibility"], "public");
    // Its author sees it, and who decides; nobody else.
    let statuses = format!("/api/v1/accounts/{}/statuses", bob.id());
    let home = server.get(&bob, "/api/v1/timelines/home").await;
    assert!(ids(&home.entities("Status")).contains(&id(&reply).to_owned()));
    let own = server.get(&bob, &statuses).await.entities("Status");
    assert_eq!(ids(&own), [id(&reply)]);
    shown(&server, &alice, &reply).await;
    server
        .get(&carol, &verb(&reply, "context"))
        .await
        .refused(404);
    server
        .get_public(&format!("/api/v1/statuses/{}", id(&reply)))
        .await
        .refused(404);
    assert!(below(&server, &carol, &status).await.is_empty());
    for who in [&alice, &carol] {
        assert!(
            server
                .get(who, &statuses)
                .await
                .entities("Status")
                .is_empty()
        );
        let mentions = server.get(who, "/api/v1/notifications").await;
        assert!(mentions.entities("Notification").is_empty());
        let tagged = server.get(who, "/api/v1/timelines/tag/asking").await;
        assert!(tagged.entities("Status").is_empty());
    }
    assert_eq!(shown(&server, &alice, &status).await["replies_count"], 0);
    // Nothing goes on from it.
    let edit = format!("/api/v1/statuses/{}", id(&reply));
    server
        .put(&bob, &edit, json!({"status": "other"}))
        .await
        .refused(422);
    for who in [&alice, &bob] {
        let further = json!({"status": "further", "in_reply_to_id": id(&reply)});
        server
            .post(who, "/api/v1/statuses", further)
            .await
            .refused(403);
        server
            .post(who, &verb(&reply, "favourite"), json!({}))
            .await
            .refused(403);
    }
    let waiting = told(&server, &alice, "pending.reply").await;
    assert_eq!(waiting[0]["status"]["id"], reply["id"]);
    let request = &requests(&server, &alice, "").await[0];
    assert_eq!(
        (
            &request["type"],
            &request["status"]["id"],
            &request["reply"]["id"]
        ),
        (&json!("reply"), &status["id"], &reply["id"])
    );
    assert_eq!(request["account"]["id"], bob.id());
    // Somebody else's request is none of theirs.
    for who in [&bob, &carol] {
        assert!(requests(&server, who, "").await.is_empty());
        for decision in ["authorize", "reject"] {
            let path = format!("/api/v1/interaction_requests/{}/{decision}", id(request));
            server.post(who, &path, json!({})).await.refused(404);
        }
    }
    let accepted = decide(&server, &alice, request, "authorize").await;
    assert!(accepted["accepted_at"].is_string() && accepted["uri"].is_string());
    assert!(requests(&server, &alice, "").await.is_empty());
    assert!(told(&server, &alice, "pending.reply").await.is_empty());
    assert_eq!(below(&server, &carol, &status).await, [id(&reply)]);
    for who in [&alice, &carol] {
        let mentions = server
            .get(who, "/api/v1/notifications?types[]=mention")
            .await;
        assert_eq!(mentions.entities("Notification").len(), 1);
        let tagged = server.get(who, "/api/v1/timelines/tag/asking").await;
        assert_eq!(tagged.entities("Status").len(), 1);
    }
    let now = shown(&server, &bob, &reply).await;
    assert!(now["kith"].get("approval").is_none());
    assert_eq!(shown(&server, &bob, &status).await["replies_count"], 1);
    // Taken back, it is out of the thread.
    let rejected = decide(&server, &alice, request, "reject").await;
    assert!(rejected["rejected_at"].is_string());
    assert!(below(&server, &carol, &status).await.is_empty());
    assert_eq!(shown(&server, &bob, &status).await["replies_count"], 0);
    shown(&server, &carol, &reply).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_is_refused_is_left_to_its_author() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let body = json!({"status": "ask me", "interaction_policy": all(&[], &["public"])});
    let status = post(&server, &alice, body).await;
    let answer = json!({"status": "may I?", "in_reply_to_id": id(&status)});
    let reply = post(&server, &bob, answer.clone()).await;
    let request = &requests(&server, &alice, "").await[0];
    decide(&server, &alice, request, "reject").await;
    assert_eq!(
        shown(&server, &bob, &reply).await["kith"]["approval"],
        "rejected"
    );
    server
        .get(&alice, &verb(&reply, "context"))
        .await
        .refused(404);
    let path = format!("/api/v1/interaction_requests/{}/authorize", id(request));
    server.post(&alice, &path, json!({})).await.refused(422);
    // What waits, or was refused, can be deleted; the counts were never touched.
    let waiting = post(&server, &bob, answer).await;
    for status in [&reply, &waiting] {
        let path = format!("/api/v1/statuses/{}", id(status));
        server.delete(&bob, &path).await.ok();
        server.get(&bob, &path).await.refused(404);
    }
    assert!(requests(&server, &alice, "").await.is_empty());
    assert!(told(&server, &alice, "pending.reply").await.is_empty());
    let account = format!("/api/v1/accounts/{}", bob.id());
    let account = server.get(&bob, &account).await.entity("Account");
    assert_eq!(account["statuses_count"], 0);
    assert_eq!(shown(&server, &bob, &status).await["replies_count"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn likes_and_boosts_are_asked_for_granted_and_taken_back() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let body = json!({"status": "ask me", "interaction_policy": all(&[], &["public"])});
    let status = post(&server, &alice, body).await;
    for (what, undo, mark, kind, count) in [
        (
            "favourite",
            "unfavourite",
            "favourited",
            "favourite",
            "favourites_count",
        ),
        ("reblog", "unreblog", "reblogged", "reblog", "reblogs_count"),
    ] {
        let pending = format!("pending.{kind}");
        for _ in 0..2 {
            let answer = server.post(&bob, &verb(&status, what), json!({})).await;
            let answer = answer.entity("Status");
            assert_eq!(
                (&answer["id"], &answer[mark]),
                (&status["id"], &json!(false))
            );
        }
        assert_eq!(requests(&server, &alice, "").await.len(), 1);
        assert_eq!(told(&server, &alice, &pending).await.len(), 1);
        server
            .post(&bob, &verb(&status, undo), json!({}))
            .await
            .ok();
        assert!(requests(&server, &alice, "").await.is_empty());
        assert!(told(&server, &alice, &pending).await.is_empty());
        server
            .post(&bob, &verb(&status, what), json!({}))
            .await
            .ok();
        let request = &requests(&server, &alice, "").await[0];
        assert_eq!(request["type"], kind);
        decide(&server, &alice, request, "authorize").await;
        let now = shown(&server, &bob, &status).await;
        assert_eq!((&now[mark], &now[count]), (&json!(true), &json!(1)));
        let path = format!("/api/v1/notifications?types[]={kind}");
        let told = server.get(&alice, &path).await.entities("Notification");
        assert_eq!(told.len(), 1);
        decide(&server, &alice, request, "reject").await;
        let now = shown(&server, &bob, &status).await;
        assert_eq!((&now[mark], &now[count]), (&json!(false), &json!(0)));
        // No is no.
        server
            .post(&bob, &verb(&status, what), json!({}))
            .await
            .refused(403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_come_in_pages() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let body = json!({"status": "ask me", "interaction_policy": all(&[], &["public"])});
    let status = post(&server, &alice, body.clone()).await;
    let other = post(&server, &alice, body).await;
    for name in ["bob", "carol", "dave"] {
        let who = server.person(name).await;
        server
            .post(&who, &verb(&status, "favourite"), json!({}))
            .await
            .ok();
        server
            .post(&who, &verb(&other, "reblog"), json!({}))
            .await
            .ok();
    }
    let all = ids(&requests(&server, &alice, "").await);
    assert_eq!(all.len(), 6);
    let mut path = "/api/v1/interaction_requests?limit=4".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = server.get(&alice, &path).await;
        seen.extend(ids(&page.entities("Kith__InteractionRequest")));
        match page.link("next") {
            Some(next) => path = next,
            None => break,
        }
    }
    assert_eq!(seen, all);
    let about = format!("?status_id={}", id(&other));
    assert_eq!(requests(&server, &alice, &about).await.len(), 3);
    assert_eq!(
        requests(&server, &alice, "?favourites=false").await.len(),
        3
    );
    let none = "/api/v1/interaction_requests?favourites=false&replies=false&reblogs=false";
    server.get(&alice, none).await.refused(400);
    server
        .get(&alice, "/api/v1/interaction_requests/1")
        .await
        .refused(404);
    let one = format!("/api/v1/interaction_requests/{}", all[0]);
    server
        .get(&alice, &one)
        .await
        .entity("Kith__InteractionRequest");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_without_saying_is_set_and_reset() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let path = "/api/v1/interaction_policies/defaults";
    let usual = server
        .get(&alice, path)
        .await
        .entity("Kith__InteractionPolicies");
    assert_eq!(
        usual["public"]["can_reply"]["always"],
        json!(["public", "author"])
    );
    let body = json!({"public": {"can_reply": {
        "automatic_approval": ["followers", "mentioned"], "manual_approval": ["public"],
    }}});
    let patch = reqwest::Method::PATCH;
    let token = Some(alice.token.as_str());
    let set = server.send(patch.clone(), path, token, Some(&body)).await;
    let set = set.entity("Kith__InteractionPolicies");
    let rules = &set["public"]["can_reply"];
    assert_eq!(rules["always"], json!(["followers", "mentioned", "author"]));
    assert_eq!(rules["with_approval"], json!(["public"]));
    assert_eq!(set["unlisted"], usual["unlisted"]);
    let status = server.status(&alice, "by default").await;
    assert_eq!(&status["kith"]["interaction_policy"]["can_reply"], rules);
    let unlisted = post(
        &server,
        &alice,
        json!({"status": "hi", "visibility": "unlisted"}),
    )
    .await;
    assert!(unlisted["kith"].get("interaction_policy").is_none());
    // One of its own comes before that, and is changed by an edit, or alone.
    let open = json!({"can_reply": {"always": ["public"]}});
    let body = json!({"status": "open", "interaction_policy": open});
    let said = post(&server, &alice, body).await;
    assert!(said["kith"].get("interaction_policy").is_none());
    let closed = json!({"can_reblog": {"always": ["mutuals"]}});
    let edit = json!({"status": "open", "interaction_policy": closed});
    let path_of = format!("/api/v1/statuses/{}", id(&said));
    let edited = server.put(&alice, &path_of, edit).await.entity("Status");
    assert_eq!(edited["edited_at"], Value::Null, "who may is no edit");
    let rules = &edited["kith"]["interaction_policy"]["can_reblog"];
    assert_eq!(rules["always"], json!(["mutuals", "author"]));
    let alone = json!({"interaction_policy": open});
    let path_of = format!("{path_of}/interaction_policy");
    let changed = server.put(&alice, &path_of, alone).await.entity("Status");
    assert!(changed["kith"].get("interaction_policy").is_none());
    let reset = server
        .send(patch.clone(), path, token, Some(&json!({})))
        .await;
    assert_eq!(reset.entity("Kith__InteractionPolicies"), usual);
    let unknown = json!({"public": {"can_reply": {"always": ["https://a.example/bob"]}}});
    let unknown = server.send(patch, path, token, Some(&unknown)).await;
    unknown.refused(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_can_say_it_too() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let form = "status=by+form&interaction_policy[can_reply][always][0]=author\
        &interaction_policy[can_reply][with_approval][]=followers";
    let answer = server
        .http
        .post(format!("{}/api/v1/statuses", server.url))
        .bearer_auth(&alice.token)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .expect("an answer");
    let text = answer.text().await.expect("a body");
    let status: Value = serde_json::from_str(&text).expect("JSON");
    let rules = &status["kith"]["interaction_policy"]["can_reply"];
    assert_eq!(rules["always"], json!(["author"]));
    assert_eq!(rules["with_approval"], json!(["followers"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_policy_costs_nothing_more() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let mut costs = Vec::new();
    // The first one makes everything warm.
    for policy in [
        json!(null),
        json!(null),
        all(&["public"], &[]),
        all(&["public"], &["followers"]),
    ] {
        let body = json!({"status": "free", "interaction_policy": policy});
        let status = post(&server, &alice, body).await;
        let path = verb(&status, "favourite");
        costs.push(
            server
                .cost(async || {
                    server.post(&bob, &path, json!({})).await.ok();
                })
                .await,
        );
    }
    assert!(costs[1..].iter().all(|cost| *cost == costs[1]), "{costs:?}");
}
