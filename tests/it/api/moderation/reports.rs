//! `/api/v1/admin/reports`, and who is told of a report.

use kith::domain::instance;
use kith::domain::users::Role;
use serde_json::{Value, json};

use super::{REPORTS, act, staff};
use crate::api::streaming::{frame, payload, socket};
use crate::support::server::ids;
use crate::support::{Person, Server};

/// The only ones, by what they say.
async fn comments(server: &Server, who: &Person, query: &str) -> Vec<String> {
    let list = server
        .get(who, &format!("{REPORTS}?{query}"))
        .await
        .entities("Admin::Report");
    list.iter()
        .map(|report| report["comment"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_told_read_and_dealt_with() {
    let server = Server::start().await;
    let moderator = staff(&server, "mod", Role::Moderator).await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let carol = server.person("carol").await;
    let follow = format!("/api/v1/accounts/{}/follow", bob.id());
    server.post(&alice, &follow, json!({})).await.ok();
    let private = json!({"status": "for followers", "visibility": "private"});
    let post = server
        .post(&bob, "/api/v1/statuses", private)
        .await
        .entity("Status");
    let mut socket = socket(&server, &moderator, "&stream=user:notification").await;
    let report = async |who: &Person, whom: &Person, comment: &str, statuses: Value| {
        let body = json!({"account_id": whom.id(), "comment": comment, "status_ids": statuses});
        let made = server
            .post(who, "/api/v1/reports", body)
            .await
            .entity("Report");
        made["id"].as_str().unwrap().to_owned()
    };
    let first = report(&alice, &bob, "one", json!([post["id"]])).await;
    report(&carol, &bob, "two", json!([])).await;
    let about_carol = report(&alice, &carol, "three", json!([])).await;

    // The staff is told, of two about the same once.
    let event = frame(&mut socket).await;
    let told = payload(&event);
    crate::support::schema::check("Notification", &told);
    assert_eq!(
        (&told["type"], &told["report"]["id"]),
        (&json!("admin.report"), &json!(first))
    );
    let path = "/api/v1/notifications?types[]=admin.report";
    let told = server.get(&moderator, path).await.entities("Notification");
    let about: Vec<&Value> = told.iter().map(|n| &n["report"]["id"]).collect();
    assert_eq!(about, [&json!(about_carol), &json!(first)]);
    let grouped = server.get(&moderator, "/api/v2/notifications").await;
    let grouped = grouped.entity("GroupedNotificationsResults");
    assert_eq!(
        grouped["notification_groups"][0]["report"]["id"],
        json!(about_carol)
    );
    assert_eq!(server.get(&bob, path).await.ok(), json!([]));

    let list = async |query: &str| comments(&server, &moderator, query).await.join(" ");
    assert_eq!(list("").await, "three two one");
    assert_eq!(list("resolved=false&limit=2").await, "three two");
    assert_eq!(list("resolved=true").await, "");
    assert_eq!(
        list(&format!("account_id={}", alice.id())).await,
        "three one"
    );
    assert_eq!(
        list(&format!("target_account_id={}", bob.id())).await,
        "two one"
    );
    assert_eq!(list("by_target_domain=elsewhere.example").await, "");
    let page = server.get(&moderator, &format!("{REPORTS}?limit=2")).await;
    let next = server.get(&moderator, &page.link("next").unwrap()).await;
    assert_eq!(
        ids(&next.entities("Admin::Report")),
        std::slice::from_ref(&first)
    );

    // What was reported is shown to whom it was not meant for.
    let one = format!("{REPORTS}/{first}");
    let shown = server.get(&moderator, &one).await.entity("Admin::Report");
    assert_eq!(shown["statuses"][0]["id"], post["id"]);
    assert_eq!(
        (
            &shown["account"]["username"],
            &shown["target_account"]["username"]
        ),
        (&json!("alice"), &json!("bob"))
    );
    let path = format!("/api/v1/statuses/{}", post["id"].as_str().unwrap());
    server.get(&moderator, &path).await.refused(404);

    let ctx = server.app.ctx.clone();
    let rule = server
        .app
        .write(move |tx| {
            Box::pin(async move { instance::add_rule(tx, &ctx, "Be kind", "", None).await })
        })
        .await
        .unwrap()
        .id;
    let body = json!({"category": "violation", "rule_ids": [rule]});
    let changed = server
        .put(&moderator, &one, body)
        .await
        .entity("Admin::Report");
    assert_eq!(
        (&changed["category"], &changed["rules"][0]["text"]),
        (&json!("violation"), &json!("Be kind"))
    );
    for bad in [
        json!({"category": "odd"}),
        json!({"rule_ids": [rule + 1]}),
        json!({"rule_ids": []}),
    ] {
        server.put(&moderator, &one, bad).await.refused(422);
    }
    let deal = async |what: &str| {
        let answer = server
            .post(&moderator, &format!("{one}/{what}"), json!({}))
            .await;
        answer.entity("Admin::Report")
    };
    assert_eq!(
        deal("assign_to_self").await["assigned_account"]["username"],
        "mod"
    );
    assert_eq!(deal("unassign").await["assigned_account"], Value::Null);
    let resolved = deal("resolve").await;
    assert_eq!(
        (
            &resolved["action_taken"],
            &resolved["action_taken_by_account"]["username"]
        ),
        (&json!(true), &json!("mod"))
    );
    assert_eq!(list("resolved=true").await, "one");
    assert_eq!(deal("reopen").await["action_taken"], false);
    server
        .get(&moderator, &format!("{REPORTS}/17"))
        .await
        .refused(404);

    // A warning answers its own report alone; what is done to the account, all about it.
    act(
        &server,
        &moderator,
        &bob.id(),
        json!({"type": "none", "report_id": first}),
    )
    .await
    .ok();
    assert_eq!(list("").await, "three two");
    act(&server, &moderator, &bob.id(), json!({"type": "silence"}))
        .await
        .ok();
    assert_eq!(list("").await, "three");
    let log = "/api/kith/v1/admin/audit_log";
    let of_report = format!("{log}?target_type=report&target_id={first}");
    let log = server.get(&moderator, &of_report).await.ok();
    let deeds: Vec<&Value> = log
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["action"])
        .collect();
    assert_eq!(deeds, ["reopen", "resolve", "unassign", "assign", "update"]);
}
