//! Digests by mail.

use kith::clock::DAY;
use reqwest::Method;
use serde_json::json;

use crate::support::mail::letters;
use crate::support::peer::eventually;
use crate::support::{Answer, Person, Server, database};

async fn choose(server: &Server, who: &Person, digest: &str) -> Answer {
    let body = json!({"email_digest": digest});
    let path = "/api/kith/v1/profile";
    server
        .send(Method::PATCH, path, Some(&who.token), Some(&body))
        .await
}

async fn favourited(server: &Server, alice: &Person, bob: &Person, text: &str) {
    let status = server.status(alice, text).await;
    let path = format!(
        "/api/v1/statuses/{}/favourite",
        status["id"].as_str().unwrap()
    );
    server.post(bob, &path, json!({})).await.ok();
}

async fn none_is_due(server: &Server) {
    let now = server.app.clock.now_ms();
    let due = format!("SELECT count(*) AS n FROM jobs WHERE kind = 'digest' AND run_at <= {now}");
    eventually("no digest is due", async || {
        let url = &server.app.config.database_url;
        (database::count(url, &due).await == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unread_is_sent_once_a_day_to_those_who_asked() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    assert!(
        choose(&server, &alice, "hourly")
            .await
            .refused(422)
            .contains("digest")
    );
    let me = choose(&server, &alice, "daily").await.ok();
    assert_eq!(me["kith"]["email_digest"], "daily");
    favourited(&server, &alice, &bob, "one").await;
    favourited(&server, &alice, &bob, "two").await;
    server.pass(DAY);
    let first = letters(&server, 1).await.pop().unwrap();
    assert!(first.subject.starts_with("What happened on "));
    for said in [
        "2 unread notifications",
        "- bob favorited your post",
        server.url.as_str(),
    ] {
        assert!(first.text.contains(said), "{said}: {}", first.text);
    }
    // Nothing new, then something again.
    server.pass(DAY);
    none_is_due(&server).await;
    favourited(&server, &alice, &bob, "three").await;
    server.pass(DAY);
    let second = letters(&server, 2).await.pop().unwrap();
    assert!(second.text.contains("3 unread notifications"));
    // Not to those who do not want it any more.
    choose(&server, &alice, "never").await.ok();
    favourited(&server, &alice, &bob, "four").await;
    server.pass(DAY);
    none_is_due(&server).await;
    letters(&server, 2).await;
}
