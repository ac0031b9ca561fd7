//! `/api/v1/scheduled_statuses`

use std::collections::HashMap;
use std::sync::Arc;

use kith::clock::{Clock, DAY, HOUR, MINUTE, iso};
use kith::db::relations::Page;
use kith::db::{self, Db};
use reqwest::Method;
use serde_json::{Value, json};

use super::media::{png, upload};
use crate::support::peer::eventually;
use crate::support::process::Process;
use crate::support::server::{ids, with_json};
use crate::support::{Answer, Person, Server};

const ALL: &str = "/api/v1/scheduled_statuses";

fn later(server: &Server, ms: i64) -> String {
    iso(server.app.clock.now_ms() + ms)
}

async fn schedule(server: &Server, person: &Person, text: &str, ms: i64) -> Value {
    let body = json!({"status": text, "scheduled_at": later(server, ms)});
    server
        .post(person, "/api/v1/statuses", body)
        .await
        .entity("ScheduledStatus")
}

fn path(scheduled: &Value) -> String {
    format!("{ALL}/{}", scheduled["id"].as_str().unwrap())
}

async fn own(server: &Server, person: &Person) -> Vec<Value> {
    let path = format!("/api/v1/accounts/{}/statuses", person.id());
    server.get(person, &path).await.entities("Status")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_is_posted_when_it_is_due_with_all_it_has() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let parent = server.status(&bob, "a question").await;
    let picture = upload(&server, &alice, &png(16, 16)).await.ok();
    let at = later(&server, 3 * DAY);
    let body = json!({
        "status": "@bob later", "scheduled_at": at, "visibility": "unlisted", "spoiler_text": "cw",
        "language": "de", "in_reply_to_id": parent["id"], "media_ids": [picture["id"]],
    });
    let scheduled = server
        .post(&alice, "/api/v1/statuses", body)
        .await
        .entity("ScheduledStatus");
    assert_eq!(scheduled["scheduled_at"], at);
    assert_eq!(scheduled["media_attachments"][0]["id"], picture["id"]);
    assert_eq!(scheduled["params"]["text"], "@bob later");
    let poll = json!({"status": "which?", "scheduled_at": at, "poll": {"options": ["a", "b"], "expires_in": 300}});
    let poll = server.post(&alice, "/api/v1/statuses", poll).await.ok();
    assert_eq!(poll["params"]["poll"]["options"], json!(["a", "b"]));
    // Nothing else can have the picture meanwhile, nor does it go.
    let stolen = json!({"status": "now", "media_ids": [picture["id"]]});
    server
        .post(&alice, "/api/v1/statuses", stolen)
        .await
        .refused(422);
    let media = format!("/api/v1/media/{}", picture["id"].as_str().unwrap());
    server.delete(&alice, &media).await.refused(422);
    server.pass(2 * DAY);
    kith::jobs::cleanup::pass(&server.app).await.unwrap();
    assert_eq!(own(&server, &alice).await.len(), 0);
    server.pass(DAY + MINUTE);
    let posted = eventually("it is posted", async || {
        let list = own(&server, &alice).await;
        (list.len() == 2).then_some(list)
    })
    .await;
    let status = posted.iter().find(|s| s["poll"].is_null()).unwrap();
    assert_eq!(
        (
            &status["visibility"],
            &status["spoiler_text"],
            &status["language"],
            &status["in_reply_to_id"]
        ),
        (
            &json!("unlisted"),
            &json!("cw"),
            &json!("de"),
            &parent["id"]
        )
    );
    assert_eq!(status["media_attachments"][0]["id"], picture["id"]);
    let poll = &posted.iter().find(|s| !s["poll"].is_null()).unwrap()["poll"];
    assert_eq!(poll["expired"], false, "its time begins when it is posted");
    assert_eq!(
        server
            .get(&alice, ALL)
            .await
            .entities("ScheduledStatus")
            .len(),
        0
    );
    let told = server
        .get(&bob, "/api/v1/notifications")
        .await
        .entities("Notification");
    assert_eq!(told[0]["type"], "mention");
}

#[tokio::test(flavor = "multi_thread")]
async fn scheduled_statuses_are_listed_moved_and_cancelled() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let mut made = Vec::new();
    for n in 0..5 {
        made.push(schedule(&server, &alice, &n.to_string(), HOUR).await);
    }
    made.reverse();
    let first = server.get(&alice, &format!("{ALL}?limit=2")).await;
    assert_eq!(ids(&first.entities("ScheduledStatus")), ids(&made)[..2]);
    let next = server.get(&alice, &first.link("next").unwrap()).await;
    assert_eq!(ids(&next.entities("ScheduledStatus")), ids(&made)[2..4]);
    let back = server.get(&alice, &next.link("prev").unwrap()).await;
    assert_eq!(ids(&back.entities("ScheduledStatus")), ids(&made)[..2]);
    assert_eq!(
        server
            .get(&bob, ALL)
            .await
            .entities("ScheduledStatus")
            .len(),
        0
    );
    let one = path(&made[0]);
    for answer in [
        server.get(&bob, &one).await,
        server
            .put(&bob, &one, json!({"scheduled_at": later(&server, HOUR)}))
            .await,
        server.delete(&bob, &one).await,
    ] {
        answer.refused(404);
    }
    let at = later(&server, 2 * HOUR);
    let moved = server
        .put(&alice, &one, json!({"scheduled_at": at}))
        .await
        .entity("ScheduledStatus");
    assert_eq!(moved["scheduled_at"], at);
    server.delete(&alice, &path(&made[1])).await.ok();
    server.get(&alice, &path(&made[1])).await.refused(404);
    server.delete(&alice, &path(&made[1])).await.refused(404);
    // At the first time the three that are left come, at the later one the one that was moved.
    for (wait, number) in [(HOUR + MINUTE, 3), (HOUR, 4)] {
        server.pass(wait);
        eventually("they are posted", async || {
            (own(&server, &alice).await.len() == number).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_scheduled_is_refused() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    for at in [
        later(&server, 4 * MINUTE),
        later(&server, -HOUR),
        "tomorrow".to_owned(),
        "9999-99-99T00:00:00Z".to_owned(),
    ] {
        let body = json!({"status": "x", "scheduled_at": at});
        server
            .post(&alice, "/api/v1/statuses", body)
            .await
            .refused(422);
    }
    let at = later(&server, HOUR);
    for body in [
        json!({"status": "", "scheduled_at": at}),
        json!({"status": "x".repeat(5001), "scheduled_at": at}),
        json!({"status": "x", "media_ids": ["1"], "scheduled_at": at}),
        json!({"status": "x", "visibility": "nonsense", "scheduled_at": at}),
        json!({"status": "x", "poll": {"options": ["a"], "expires_in": 300}, "scheduled_at": at}),
    ] {
        server
            .post(&alice, "/api/v1/statuses", body)
            .await
            .refused(422);
    }
    let lost = json!({"status": "x", "in_reply_to_id": "1", "scheduled_at": at});
    server
        .post(&alice, "/api/v1/statuses", lost)
        .await
        .refused(404);
    let scheduled = schedule(&server, &alice, "x", HOUR).await;
    for at in [json!("soon"), json!(later(&server, MINUTE))] {
        server
            .put(&alice, &path(&scheduled), json!({"scheduled_at": at}))
            .await
            .refused(422);
    }
    // Twenty-five a day.
    let far = 100 * DAY - server.app.clock.now_ms() % DAY;
    for n in 0..25 {
        schedule(&server, &alice, &n.to_string(), far + n * MINUTE).await;
    }
    let one_more = json!({"status": "x", "scheduled_at": later(&server, far)});
    server
        .post(&alice, "/api/v1/statuses", one_more)
        .await
        .refused(422);
    schedule(&server, &alice, "another day", far + DAY).await;
    assert_eq!(own(&server, &alice).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_schedules_once() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let mut made = Vec::new();
    for _ in 0..2 {
        let request = server
            .http
            .request(Method::POST, format!("{}/api/v1/statuses", server.url))
            .bearer_auth(&alice.token)
            .header("idempotency-key", "k1");
        let body = json!({"status": "once", "scheduled_at": later(&server, HOUR)});
        let answer = Answer::of(with_json(request, &body), "schedule".into()).await;
        made.push(answer.entity("ScheduledStatus")["id"].clone());
    }
    assert_eq!(made[0], made[1]);
    assert_eq!(
        server
            .get(&alice, ALL)
            .await
            .entities("ScheduledStatus")
            .len(),
        1
    );
}

/// Lets time pass for a database whose process may be dead: what an account has scheduled is due,
/// and the leases of jobs have run out.
async fn make_due(url: &str, account_id: i64) {
    let options = db::Options {
        url: url.to_owned(),
        sync_full: false,
        connections: 1,
        origin: 1,
        tracing: None,
        now: std::sync::Arc::new(|| Clock::System.now_ms()),
    };
    let db = Db::open(options, Arc::new(|_| {}))
        .await
        .expect("the database opens");
    let done: Result<(), db::Error> = db
        .write(move |tx| {
            Box::pin(async move {
                let all = Page {
                    limit: 100,
                    ..Page::default()
                };
                for row in db::scheduled::page(tx, account_id, all).await? {
                    db::scheduled::move_to(tx, account_id, row.id, 1).await?;
                }
                let far = Clock::System.now_ms() + 365 * DAY;
                for job in db::jobs::lease(tx, 0, far, far, 1000).await? {
                    db::jobs::put_back(tx, job.id, 0, "").await?;
                }
                Ok(())
            })
        })
        .await;
    done.expect("time passes");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_it_posts_each_once() {
    let mut process = Process::start().await;
    let alice = process.person("alice");
    let me = "/api/v1/accounts/verify_credentials";
    let id = process.get(&alice, me).await.ok()["id"].clone();
    let id = id.as_str().unwrap().to_owned();
    let account: i64 = id.parse().unwrap();
    let at = iso(Clock::System.now_ms() + HOUR);
    for n in 0..20 {
        let body = json!({"status": format!("post {n}"), "scheduled_at": at});
        process
            .post(&alice, "/api/v1/statuses", &body)
            .await
            .entity("ScheduledStatus");
    }
    let list = format!("/api/v1/accounts/{id}/statuses?limit=40");
    for _ in 0..3 {
        make_due(process.database_url(), account).await;
        // Killed amid the posting, and before it knows what it has done.
        eventually("some are posted", async || {
            let some = process.get(&alice, &list).await.entities("Status");
            (!some.is_empty()).then_some(())
        })
        .await;
        process.kill();
        process.run().await;
    }
    make_due(process.database_url(), account).await;
    let posted = eventually("all are posted", async || {
        let left = process.get(&alice, ALL).await.ok();
        let posted = process.get(&alice, &list).await.entities("Status");
        left.as_array()?.is_empty().then_some(posted)
    })
    .await;
    let mut times: HashMap<String, usize> = HashMap::new();
    for status in &posted {
        let content = status["content"].as_str().unwrap().to_owned();
        *times.entry(content).or_default() += 1;
    }
    assert_eq!(times.len(), 20);
    assert!(times.values().all(|n| *n == 1), "{times:?}");
}
