//! `/api/v1/instance`, `/api/v2/instance` and what is under them.

use kith::domain::instance::{self, RuleChange};
use kith::domain::policies;
use serde_json::{Value, json};

use crate::support::peer::{Delivery, Peer, eventually};
use crate::support::{Person, Server};

const PATH: &str = "/api/v1/instance";

async fn set(server: &Server, name: &str, value: &str) -> Result<(), String> {
    let (ctx, name, value) = (server.app.ctx.clone(), name.to_owned(), value.to_owned());
    server
        .app
        .write(move |tx| Box::pin(async move { instance::set(tx, &ctx, &name, &value).await }))
        .await
        .map_err(|e| e.to_string())
}

async fn under(server: &Server, path: &str) -> Value {
    server.get_public(&format!("{PATH}{path}")).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_are_what_an_admin_set() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let before = server
        .get_public("/api/v2/instance")
        .await
        .entity("Instance");
    assert_eq!(before["title"], "Kith");
    assert_eq!(before["contact"]["account"], Value::Null);
    server.get_public(PATH).await.entity("V1__Instance");
    for (name, value) in [
        ("title", "Seaside"),
        ("description", "By the sea"),
        ("extended-description", "# Hello\n\n*By* the sea"),
        ("contact-email", "admin@sea.example"),
        ("contact-account", "@alice"),
        ("registration-message", "Come **in**"),
    ] {
        set(&server, name, value).await.unwrap();
    }
    let two = server
        .get_public("/api/v2/instance")
        .await
        .entity("Instance");
    assert_eq!(
        (&two["title"], &two["description"]),
        (&json!("Seaside"), &json!("By the sea"))
    );
    assert_eq!(two["contact"]["email"], "admin@sea.example");
    assert_eq!(two["contact"]["account"]["id"], alice.id());
    assert_eq!(
        two["registrations"]["message"],
        "<p>Come <strong>in</strong></p>"
    );
    let one = server.get_public(PATH).await.entity("V1__Instance");
    assert_eq!(one["title"], "Seaside");
    assert_eq!(one["short_description"], "By the sea");
    assert_eq!(one["contact_account"]["id"], alice.id());
    let more = server
        .get_public(&format!("{PATH}/extended_description"))
        .await
        .entity("ExtendedDescription");
    assert!(more["content"].as_str().unwrap().contains("<em>By</em>"));
    // The privacy policy is there before anyone wrote one.
    let policy = server
        .get_public(&format!("{PATH}/privacy_policy"))
        .await
        .entity("PrivacyPolicy");
    assert!(
        policy["content"]
            .as_str()
            .unwrap()
            .contains(server.domain())
    );
    set(&server, "privacy-policy", "We know *nothing*.")
        .await
        .unwrap();
    let policy = under(&server, "/privacy_policy").await;
    assert_eq!(policy["content"], "<p>We know <em>nothing</em>.</p>");
    let page = server.get_public("/privacy-policy").await;
    assert!(page.text.contains("We know <em>nothing</em>."));
    set(&server, "title", "").await.unwrap();
    let two = server.get_public("/api/v2/instance").await.ok();
    assert_eq!(two["title"], "Kith");
    for (name, value) in [
        ("contact-email", "nonsense"),
        ("contact-account", "nobody"),
        ("domain-blocks-shown", "perhaps"),
        ("terms", "by set_terms alone"),
        ("nonsense", "x"),
    ] {
        assert!(set(&server, name, value).await.is_err(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_have_an_order_and_translations() {
    let server = Server::start().await;
    assert_eq!(under(&server, "/rules").await, json!([]));
    let ctx = server.app.ctx.clone();
    let (kind, first) = server
        .app
        .write(move |tx| {
            Box::pin(async move {
                let kind = instance::add_rule(tx, &ctx, "Be kind", "To all", None).await?;
                instance::add_rule(tx, &ctx, "No spam", "", None).await?;
                let first = instance::add_rule(tx, &ctx, "Read this", "", Some(0)).await?;
                let german = RuleChange {
                    body: Some("Sei nett".into()),
                    locale: Some("de".into()),
                    ..RuleChange::default()
                };
                instance::edit_rule(tx, &ctx, kind.id, german).await?;
                Ok((kind.id, first.id))
            })
        })
        .await
        .unwrap();
    let rules = server.get_public(&format!("{PATH}/rules")).await;
    let rules = rules.entities("Rule");
    let texts: Vec<&Value> = rules.iter().map(|rule| &rule["text"]).collect();
    assert_eq!(texts, ["Read this", "Be kind", "No spam"]);
    assert_eq!(rules[1]["hint"], "To all");
    assert_eq!(
        rules[1]["translations"],
        json!({"de": {"text": "Sei nett", "hint": ""}})
    );
    let ctx = server.app.ctx.clone();
    server
        .app
        .write(move |tx| {
            Box::pin(async move {
                instance::remove_rule(tx, &ctx, first).await?;
                let change = RuleChange {
                    body: Some("Be very kind".into()),
                    position: Some(9),
                    ..RuleChange::default()
                };
                instance::edit_rule(tx, &ctx, kind, change).await
            })
        })
        .await
        .unwrap();
    let two = server.get_public("/api/v2/instance").await.ok();
    let texts: Vec<&Value> = two["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| &rule["text"])
        .collect();
    assert_eq!(texts, ["No spam", "Be very kind"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn terms_hold_from_a_day_on() {
    let server = Server::start().await;
    let path = format!("{PATH}/terms_of_service");
    server.get_public(&path).await.refused(404);
    for (text, day) in [
        ("Old *terms*", "2020-02-29"),
        ("Present terms", "2021-01-01"),
        ("Terms to come", "2999-01-01"),
    ] {
        let ctx = server.app.ctx.clone();
        server
            .app
            .write(move |tx| {
                Box::pin(async move { instance::set_terms(tx, &ctx, text, Some(day)).await })
            })
            .await
            .unwrap();
    }
    let now = server.get_public(&path).await.entity("TermsOfService");
    assert_eq!(
        now,
        json!({
            "effective_date": "2021-01-01", "effective": true,
            "content": "<p>Present terms</p>", "succeeded_by": "2999-01-01",
        })
    );
    let old = server.get_public(&format!("{path}/2020-02-29")).await;
    let old = old.entity("TermsOfService");
    assert_eq!(old["content"], "<p>Old <em>terms</em></p>");
    assert_eq!(old["succeeded_by"], "2021-01-01");
    let next = server.get_public(&format!("{path}/2999-01-01")).await.ok();
    assert_eq!(
        (&next["effective"], &next["succeeded_by"]),
        (&json!(false), &Value::Null)
    );
    for day in ["1999-01-01", "nonsense"] {
        server
            .get_public(&format!("{path}/{day}"))
            .await
            .refused(404);
    }
    let two = server.get_public("/api/v2/instance").await.ok();
    let url = two["configuration"]["urls"]["terms_of_service"].clone();
    let page = server
        .get_public(url.as_str().unwrap().strip_prefix(&server.url).unwrap())
        .await;
    assert!(page.text.contains("Present terms"));
    let ctx = server.app.ctx.clone();
    let refused = server.app.write(move |tx| {
        Box::pin(async move { instance::set_terms(tx, &ctx, "x", Some("2021-02-30")).await })
    });
    assert!(refused.await.is_err());
}

async fn block(server: &Server, domain: &'static str, severity: &'static str) {
    let ctx = server.app.ctx.clone();
    server
        .app
        .write(move |tx| {
            Box::pin(
                async move { policies::set(tx, &ctx, domain, severity, "because", "psst").await },
            )
        })
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn blocked_domains_are_shown_to_whom_the_setting_says() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    block(&server, "limited.example", "limit").await;
    block(&server, "bad.example", "block").await;
    let path = format!("{PATH}/domain_blocks");
    let all = server.get_public(&path).await.entities("DomainBlock");
    assert_eq!(
        all[0],
        json!({
            "domain": "bad.example", "severity": "suspend", "comment": "because",
            "digest": sha256("bad.example"),
        })
    );
    assert_eq!(all[1]["severity"], "silence");
    set(&server, "domain-block-comments-shown", "users")
        .await
        .unwrap();
    let hidden = server.get_public(&path).await.entities("DomainBlock");
    assert!(hidden[0].get("comment").is_none());
    let shown = server.get(&alice, &path).await.entities("DomainBlock");
    assert_eq!(shown[0]["comment"], "because");
    set(&server, "domain-blocks-shown", "users").await.unwrap();
    server.get_public(&path).await.refused(401);
    assert_eq!(
        server
            .get(&alice, &path)
            .await
            .ok()
            .as_array()
            .unwrap()
            .len(),
        2
    );
    set(&server, "domain-blocks-shown", "disabled")
        .await
        .unwrap();
    server.get(&alice, &path).await.refused(404);
}

fn sha256(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_and_weeks_are_counted() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice: Person = server.person("alice").await;
    let good = peer.add_actor("good");
    let follow = json!({
        "@context": "https://www.w3.org/ns/activitystreams", "id": format!("{good}#f"),
        "type": "Follow", "actor": good, "object": alice.account.uri,
    });
    Delivery::by(&good).send(&server, &follow).await;
    eventually("the follow is there", async || {
        let list = server.get(&alice, "/api/v1/notifications").await.ok();
        (!list.as_array().unwrap().is_empty()).then_some(())
    })
    .await;
    server.status(&alice, "one").await;
    let private = json!({"status": "two", "visibility": "direct"});
    server.post(&alice, "/api/v1/statuses", private).await.ok();
    eventually("alice is among the active", async || {
        server.app.caches.numbers.forget();
        let weeks = under(&server, "/activity").await;
        (weeks[0]["logins"] == "1").then_some(())
    })
    .await;
    let weeks = under(&server, "/activity").await;
    assert_eq!(weeks.as_array().unwrap().len(), 12);
    assert_eq!(
        (&weeks[0]["statuses"], &weeks[0]["registrations"]),
        (&json!("2"), &json!("1"))
    );
    assert_eq!(weeks[1]["statuses"], "0");
    assert_eq!(under(&server, "/peers").await, json!([peer.domain()]));
    let search = async |q: &str| {
        let path = format!("/api/v1/peers/search?q={q}");
        server.get_public(&path).await.ok()
    };
    assert_eq!(search("local").await, json!([peer.domain()]));
    assert_eq!(search("elsewhere").await, json!([]));
    let two = server.get_public("/api/v2/instance").await.ok();
    assert_eq!(two["usage"]["users"]["active_month"], 1);
    set(&server, "peers-shown", "disabled").await.unwrap();
    server
        .get_public(&format!("{PATH}/peers"))
        .await
        .refused(404);
    set(&server, "activity-shown", "disabled").await.unwrap();
    server
        .get_public(&format!("{PATH}/activity"))
        .await
        .refused(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn languages_and_health_answer() {
    let server = Server::start().await;
    let languages = under(&server, "/languages").await;
    let english = json!({"code": "en", "name": "English"});
    assert!(languages.as_array().unwrap().contains(&english));
    let health = server
        .http
        .get(format!("{}/health", server.url))
        .header("accept", "application/json");
    let health: Value = serde_json::from_str(&health.send().await.unwrap().text().await.unwrap())
        .expect("JSON for who asks for it");
    assert_eq!(health, json!({"status": "OK"}));
    assert_eq!(server.get_public("/health").await.text, "OK");
}
