//! `/api/v1/reports`, and Flag in and out.

use kith::db::reports::Report;
use kith::domain::instance;
use serde_json::{Value, json};

use crate::support::peer::{Delivery, Peer, eventually};
use crate::support::{Person, Server};

const REPORTS: &str = "/api/v1/reports";

async fn about(server: &Server, person: i64) -> Vec<Report> {
    server
        .app
        .read(move |c| Box::pin(async move { Ok(kith::db::reports::about(c, person, 10).await?) }))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_kept_for_the_moderators() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let status = server.status(&bob, "buy this").await;
    let body = json!({
        "account_id": bob.id(), "status_ids": [status["id"]], "comment": "an ad",
        "category": "spam", "forward": true,
    });
    let report = server.post(&alice, REPORTS, body).await.entity("Report");
    assert_eq!(
        (&report["category"], &report["forwarded"]),
        (&json!("spam"), &json!(false))
    );
    assert_eq!(report["target_account"]["id"], bob.id());
    let kept = about(&server, bob.account.id).await;
    assert_eq!(
        (kept[0].account_id, kept[0].comment.as_str()),
        (alice.account.id, "an ad")
    );
    let plain = server
        .post(&alice, REPORTS, json!({"account_id": bob.id()}))
        .await
        .entity("Report");
    assert_eq!(
        (&plain["category"], &plain["status_ids"]),
        (&json!("other"), &json!(null))
    );

    let own = server.status(&alice, "mine").await;
    let private = json!({"status": "x", "visibility": "private"});
    let private = server.post(&bob, "/api/v1/statuses", private).await.ok();
    for (body, status) in [
        (json!({"comment": "x"}), 404),
        (json!({"account_id": "17"}), 404),
        (
            json!({"account_id": bob.id(), "status_ids": [own["id"]]}),
            404,
        ),
        (
            json!({"account_id": bob.id(), "status_ids": [private["id"]]}),
            404,
        ),
        (
            json!({"account_id": bob.id(), "comment": "x".repeat(1001)}),
            422,
        ),
        (json!({"account_id": bob.id(), "category": "boring"}), 422),
        (
            json!({"account_id": bob.id(), "category": "violation"}),
            422,
        ),
        (json!({"account_id": bob.id(), "rule_ids": [99]}), 422),
    ] {
        server.post(&alice, REPORTS, body).await.refused(status);
    }
    assert_eq!(about(&server, bob.account.id).await.len(), 2);

    let ctx = server.app.ctx.clone();
    let rule = server
        .app
        .write(move |tx| {
            Box::pin(async move { instance::add_rule(tx, &ctx, "Be kind", "", None).await })
        })
        .await
        .unwrap()
        .id;
    let body = json!({"account_id": bob.id(), "category": "violation", "rule_ids": [rule]});
    let report = server.post(&alice, REPORTS, body).await.entity("Report");
    assert_eq!(report["rule_ids"], json!([rule.to_string()]));
    for rules in [vec![rule, 99], vec![99], vec![rule; 10_000]] {
        let body = json!({"account_id": bob.id(), "rule_ids": rules});
        server.post(&alice, REPORTS, body).await.refused(422);
    }
}

async fn found(server: &Server, person: &Person, peer: &Peer, name: &str) -> Value {
    let path = format!("/api/v2/search?q=@{name}@{}&resolve=true", peer.domain());
    server.get(person, &path).await.entity("Search")["accounts"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_forwarded_in_the_name_of_the_server() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let rob = peer.add_actor("rob");
    let account = found(&server, &alice, &peer, "rob").await;
    let body = json!({"account_id": account["id"], "comment": "rude", "forward": "true"});
    let report = server.post(&alice, REPORTS, body).await.entity("Report");
    assert_eq!(report["forwarded"], true);
    let flag = eventually("the Flag arrives", async || {
        peer.received().into_iter().find(|a| a["type"] == "Flag")
    })
    .await;
    assert_eq!(flag["actor"], format!("{}/users/kith", server.url));
    assert_eq!(
        (&flag["object"], &flag["content"]),
        (&json!([rob]), &json!("rude"))
    );
    assert!(
        !flag.to_string().contains("alice"),
        "who reported is not told: {flag}"
    );
    let body = json!({"account_id": account["id"]});
    let report = server.post(&alice, REPORTS, body).await.entity("Report");
    assert_eq!(report["forwarded"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_from_elsewhere_is_kept_once() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let moderator = peer.add_actor("server");
    let status = server.status(&alice, "rude").await;
    let flag = json!({
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": format!("{}/flags/1", peer.origin), "type": "Flag", "actor": moderator,
        "object": [alice.account.uri, status["uri"], "https://elsewhere.example/users/x"],
        "content": "rude &amp; loud",
    });
    for _ in 0..2 {
        let answer = Delivery::by(&moderator).send(&server, &flag).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
    }
    let kept = eventually("the report is kept", async || {
        let kept = about(&server, alice.account.id).await;
        (!kept.is_empty()).then_some(kept)
    })
    .await;
    assert_eq!((kept.len(), kept[0].comment.as_str()), (1, "rude & loud"));
    assert_eq!(
        kept[0].status_ids,
        format!("[{}]", status["id"].as_str().unwrap())
    );
    assert_eq!(kept[0].category, "other");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_forwarded_to_whom_the_post_answers() {
    let (server, peer, third) = (
        Server::start().await,
        Peer::start().await,
        Peer::start().await,
    );
    let alice = server.person("alice").await;
    let (rob, dave) = (peer.add_actor("rob"), third.add_actor("dave"));
    let question = third.note("dave", "1", "who is there?");
    third.serve(
        "/notes/1",
        crate::support::peer::Page::Document(question.clone()),
    );
    let mut answer = peer.note("rob", "2", "nobody you like");
    answer["inReplyTo"] = question["id"].clone();
    peer.serve(
        "/notes/2",
        crate::support::peer::Page::Document(answer.clone()),
    );
    let search = |uri: &Value| format!("/api/v2/search?q={}&resolve=true", uri.as_str().unwrap());
    let found = server.get(&alice, &search(&question["id"])).await;
    assert_eq!(
        found.entity("Search")["statuses"][0]["account"]["uri"],
        dave
    );
    let found = server.get(&alice, &search(&answer["id"])).await;
    let status = found.entity("Search")["statuses"][0].clone();
    assert_eq!(status["account"]["uri"], rob);
    let body = json!({
        "account_id": status["account"]["id"], "status_ids": [status["id"]], "forward": true,
        "forward_to_domains": [third.domain(), "elsewhere.example"], "comment": "rude",
    });
    let report = server.post(&alice, REPORTS, body).await.entity("Report");
    assert_eq!(report["forwarded"], false);
    let flag = eventually("the Flag arrives", async || {
        third.received().into_iter().find(|a| a["type"] == "Flag")
    })
    .await;
    assert_eq!(flag["object"], json!([rob, answer["id"]]));
    assert!(peer.received().iter().all(|a| a["type"] != "Flag"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_about_an_answer_to_someone_here_is_kept() {
    let (server, peer, third) = (
        Server::start().await,
        Peer::start().await,
        Peer::start().await,
    );
    let alice = server.person("alice").await;
    let status = server.status(&alice, "who is there?").await;
    let (rob, moderator) = (peer.add_actor("rob"), third.add_actor("moderator"));
    let mut answer = peer.note("rob", "1", "nobody you like");
    answer["inReplyTo"] = status["uri"].clone();
    Delivery::by(&rob)
        .send(&server, &peer.create("rob", &answer))
        .await;
    eventually("the answer arrives", async || {
        let path = format!(
            "/api/v1/statuses/{}/context",
            status["id"].as_str().unwrap()
        );
        let context = server.get(&alice, &path).await.entity("Context");
        context["descendants"].get(0).cloned()
    })
    .await;
    // About posts alone that answer nobody here, or that are not known: nothing is kept of those.
    for (n, objects) in [
        json!([rob]),
        json!([rob, format!("{}/notes/unknown", peer.origin)]),
        json!([answer["id"]]),
        json!([rob, answer["id"]]),
    ]
    .into_iter()
    .enumerate()
    {
        let flag = json!({
            "id": format!("{}/flags/{n}", third.origin), "type": "Flag", "actor": moderator,
            "object": objects, "content": format!("report {n}"),
        });
        Delivery::by(&moderator).send(&server, &flag).await;
    }
    let found = found(&server, &alice, &peer, "rob").await;
    let rob_id: i64 = found["id"].as_str().unwrap().parse().unwrap();
    let kept = eventually("the report is kept", async || {
        let kept = about(&server, rob_id).await;
        (!kept.is_empty()).then_some(kept)
    })
    .await;
    assert_eq!((kept.len(), kept[0].comment.as_str()), (1, "report 3"));
}
