//! Strikes and appeals.

use kith::clock::DAY;
use kith::domain::users::Role;
use reqwest::Method;
use serde_json::{Value, json};

use super::{act, staff};
use crate::support::mail::letters;
use crate::support::{Person, Server};

const STRIKES: &str = "/api/kith/v1/strikes";
const APPEALS: &str = "/api/kith/v1/admin/appeals";

async fn newest(server: &Server, who: &Person) -> Value {
    server.get(who, STRIKES).await.entities("AccountWarning")[0].clone()
}

async fn appeal(server: &Server, who: &Person, strike: &Value) -> crate::support::Answer {
    let path = format!("{STRIKES}/{}/appeal", strike["id"].as_str().unwrap());
    server
        .post(who, &path, json!({"text": "It was a joke"}))
        .await
}

async fn waiting(server: &Server, admin: &Person) -> String {
    let list = server.get(admin, APPEALS).await.ok();
    list[0]["id"].as_str().unwrap().to_owned()
}

async fn decide(server: &Server, who: &Person, id: &str, how: &str) -> crate::support::Answer {
    server
        .post(who, &format!("{APPEALS}/{id}/{how}"), json!({}))
        .await
}

async fn limited(server: &Server, person: &Person) -> Value {
    let path = format!("/api/v1/accounts/{}", person.id());
    server.get_public(&path).await.ok()["limited"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn strikes_are_told_and_appealed_once() {
    let server = Server::start().await;
    let admin = staff(&server, "admin", Role::Admin).await;
    let moderator = staff(&server, "mod", Role::Moderator).await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let status = server.status(&alice, "rude").await;
    let report = json!({"account_id": alice.id(), "status_ids": [status["id"]]});
    let report = server
        .post(&bob, "/api/v1/reports", report)
        .await
        .entity("Report");
    let body = json!({"type": "silence", "text": "Be kind", "report_id": report["id"]});
    act(&server, &moderator, &alice.id(), body).await.ok();

    let letter = letters(&server, 1).await.pop().unwrap();
    assert_eq!(letter.to, "alice@mail.example");
    assert!(letter.text.contains("Be kind"), "{}", letter.text);
    let path = "/api/v1/notifications?types[]=moderation_warning";
    let told = server.get(&alice, path).await.entities("Notification");
    assert_eq!(told[0]["moderation_warning"]["text"], "Be kind");
    let grouped = server.get(&alice, "/api/v2/notifications").await;
    let grouped = grouped.entity("GroupedNotificationsResults");
    let group = &grouped["notification_groups"][0];
    assert_eq!(group["moderation_warning"]["action"], "silence");
    let strike = newest(&server, &alice).await;
    assert_eq!(
        (&strike["status_ids"], &strike["appeal"]),
        (&json!([status["id"]]), &Value::Null)
    );
    assert_eq!(server.get(&bob, STRIKES).await.ok(), json!([]));
    let one = format!("{STRIKES}/{}", strike["id"].as_str().unwrap());
    server.get(&bob, &one).await.refused(404);
    appeal(&server, &bob, &strike).await.refused(404);

    server
        .post(&alice, &format!("{one}/appeal"), json!({"text": " "}))
        .await
        .refused(422);
    let appealed = appeal(&server, &alice, &strike)
        .await
        .entity("AccountWarning");
    assert_eq!(
        appealed["appeal"],
        json!({"text": "It was a joke", "state": "pending"})
    );
    appeal(&server, &alice, &strike).await.refused(422);
    let id = waiting(&server, &admin).await;
    for who in [&moderator, &alice] {
        decide(&server, who, &id, "approve").await.refused(403);
    }
    assert_eq!(limited(&server, &alice).await, true);
    let approved = decide(&server, &admin, &id, "approve").await.ok();
    assert_eq!(approved["state"], "approved");
    assert_eq!(
        limited(&server, &alice).await,
        Value::Null,
        "it is taken back"
    );
    decide(&server, &admin, &id, "reject").await.refused(403);
    assert!(
        letters(&server, 2)
            .await
            .pop()
            .unwrap()
            .subject
            .contains("approved")
    );

    // A rejected appeal changes nothing; nor does an approved one what a later strike did.
    act(&server, &moderator, &alice.id(), json!({"type": "silence"}))
        .await
        .ok();
    let earlier = newest(&server, &alice).await;
    act(&server, &moderator, &alice.id(), json!({"type": "silence"}))
        .await
        .ok();
    appeal(&server, &alice, &earlier).await.ok();
    decide(&server, &admin, &waiting(&server, &admin).await, "approve")
        .await
        .ok();
    assert_eq!(limited(&server, &alice).await, true);
    let later = newest(&server, &alice).await;
    appeal(&server, &alice, &later).await.ok();
    decide(&server, &admin, &waiting(&server, &admin).await, "reject")
        .await
        .ok();
    assert_eq!(limited(&server, &alice).await, true);
    assert_eq!(newest(&server, &alice).await["appeal"]["state"], "rejected");
    // Three letters more of strikes and decisions… and none of what is too late.
    act(
        &server,
        &moderator,
        &alice.id(),
        json!({"type": "none", "send_email_notification": false}),
    )
    .await
    .ok();
    letters(&server, 6).await;
    let late = newest(&server, &alice).await;
    server.pass(20 * DAY);
    appeal(&server, &alice, &late).await.refused(422);

    // Who cannot sign in appeals by the letter.
    act(&server, &moderator, &bob.id(), json!({"type": "suspend"}))
        .await
        .ok();
    let letter = letters(&server, 7).await.pop().unwrap();
    let secret = letter
        .text
        .lines()
        .find(|line| line.len() == 43 && !line.contains(' '))
        .unwrap()
        .to_owned();
    let send = async |token: &str| {
        let body = json!({"token": token, "text": "Not me"});
        server
            .send(
                Method::POST,
                &format!("{STRIKES}/appeal"),
                None,
                Some(&body),
            )
            .await
    };
    for wrong in ["", "x", &secret[1..]] {
        send(wrong).await.refused(404);
    }
    send(&secret).await.entity("AccountWarning");
    send(&secret).await.refused(422);
    decide(&server, &admin, &waiting(&server, &admin).await, "approve")
        .await
        .ok();
    let path = format!("/api/v1/accounts/{}", bob.id());
    assert_eq!(
        server.get_public(&path).await.ok()["suspended"],
        Value::Null
    );
}
