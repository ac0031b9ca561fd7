//! The audit log tells who decided what about servers, addresses, tags and trends.

use kith::domain::users::Role;
use reqwest::Method;
use serde_json::{Value, json};

use super::staff;
use crate::support::Server;

const LOG: &str = "/api/kith/v1/admin/audit_log";

#[tokio::test(flavor = "multi_thread")]
async fn deeds_on_policies_are_written_down() {
    let server = Server::start().await;
    let admin = staff(&server, "admin", Role::Admin).await;
    let does = async |method: Method, path: &str, body: Value| -> Value {
        let path = format!("/api/v1/admin/{path}");
        server
            .send(method, &path, Some(&admin.token), Some(&body))
            .await
            .ok()
    };
    let mut wanted = Vec::new();
    for (kind, path, body, name) in [
        (
            "domain_block",
            "domain_blocks",
            json!({"domain": "Bad.example", "severity": "suspend", "private_comment": "ask bob"}),
            "bad.example",
        ),
        (
            "domain_allow",
            "domain_allows",
            json!({"domain": "good.example"}),
            "good.example",
        ),
        (
            "email_domain_block",
            "email_domain_blocks",
            json!({"domain": "spam.example"}),
            "spam.example",
        ),
        (
            "canonical_email_block",
            "canonical_email_blocks",
            json!({"canonical_email_hash": "ab".repeat(32)}),
            &"ab".repeat(32),
        ),
        (
            "ip_block",
            "ip_blocks",
            json!({"ip": "192.0.2.0/24", "severity": "no_access", "comment": "bots"}),
            "192.0.2.0/24",
        ),
    ] {
        let made = does(Method::POST, path, body).await;
        let one = format!("{path}/{}", made["id"].as_str().unwrap());
        wanted.push(("create", kind, name.to_owned()));
        if kind == "domain_block" || kind == "ip_block" {
            let severity = match kind {
                "ip_block" => "sign_up_block",
                _ => "silence",
            };
            does(Method::PUT, &one, json!({"severity": severity})).await;
            wanted.push(("update", kind, name.to_owned()));
        }
        does(Method::DELETE, &one, json!({})).await;
        wanted.push(("destroy", kind, name.to_owned()));
    }
    let post = server.status(&admin, "about #Cats").await;
    let tags = server.get(&admin, "/api/v1/admin/tags").await.ok();
    let tag = tags[0]["id"].as_str().unwrap();
    does(
        Method::PUT,
        &format!("tags/{tag}"),
        json!({"listable": false}),
    )
    .await;
    wanted.push(("update", "tag", "cats".to_owned()));
    does(
        Method::POST,
        &format!("trends/tags/{tag}/approve"),
        json!({}),
    )
    .await;
    wanted.push(("approve_trend", "tag", "cats".to_owned()));
    let path = format!("trends/statuses/{}/reject", post["id"].as_str().unwrap());
    does(Method::POST, &path, json!({})).await;
    let uri = post["uri"].as_str().unwrap();
    wanted.push(("reject_trend", "status", uri.to_owned()));

    let log = server.get(&admin, LOG).await.ok();
    let log: Vec<&Value> = log.as_array().unwrap().iter().rev().collect();
    // The first is the admin's role.
    let told: Vec<(&str, &str, String)> = log[1..]
        .iter()
        .map(|entry| {
            assert_eq!(entry["account_id"], admin.id());
            assert!(entry["target_id"].is_string(), "{entry}");
            let text = |name: &str| entry[name].as_str().unwrap();
            (
                text("action"),
                text("target_type"),
                text("target").to_owned(),
            )
        })
        .collect();
    assert_eq!(told, wanted);
    assert_eq!(
        log[1]["details"],
        json!({"severity": "block", "private_comment": "ask bob"})
    );
    assert_eq!(log[2]["details"]["severity"], "limit");
    // What was refused is no deed.
    let bad = json!({"domain": "not a domain"});
    let path = "/api/v1/admin/domain_blocks";
    server.post(&admin, path, bad).await.refused(422);
    let path = format!("{LOG}?target_type=domain_block");
    let found = server.get(&admin, &path).await.ok();
    assert_eq!(found.as_array().unwrap().len(), 3);
}
