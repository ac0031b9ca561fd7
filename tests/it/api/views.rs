//! Views and analytics

use kith::clock::Clock;
use kith::clock::{self, DAY, MINUTE};
use serde_json::{Value, json};

use crate::support::peer::eventually;
use crate::support::{Person, Server, database};

fn kith(status: &Value, verb: &str) -> String {
    format!(
        "/api/kith/v1/statuses/{}{verb}",
        status["id"].as_str().unwrap()
    )
}

async fn see(server: &Server, person: &Person, status: &Value) {
    let path = kith(status, "/views");
    let answer = server.post(person, &path, json!({})).await;
    assert_eq!(answer.ok(), json!({}));
}

async fn of(server: &Server, person: &Person, status: &Value) -> Value {
    let answer = server.get(person, &kith(status, "/analytics")).await;
    answer.entity("Kith__StatusAnalytics")
}

async fn account(server: &Server, person: &Person, query: &str) -> Value {
    let path = format!("/api/kith/v1/analytics{query}");
    server.get(person, &path).await.entity("Kith__Analytics")
}

fn numbers(of: &Value, names: &[&str]) -> Vec<i64> {
    names.iter().map(|n| of[*n].as_i64().unwrap()).collect()
}

const OF_STATUS: [&str; 6] = [
    "views",
    "likes",
    "dislikes",
    "comments",
    "shares",
    "reactions",
];
const OF_ACCOUNT: [&str; 7] = [
    "views",
    "likes",
    "dislikes",
    "comments",
    "shares",
    "likes_given",
    "dislikes_given",
];

/// A server whose day does not end during a test.
async fn start() -> Server {
    let server = Server::start_by(Clock::Shifted(Default::default()), &[]).await;
    if server.app.clock.now_ms() % DAY > DAY - 10 * MINUTE {
        server.pass(11 * MINUTE);
    }
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_counts_once_a_day() {
    let server = start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let carol = server.person("carol").await;
    let status = server.status(&alice, "look").await;
    for _ in 0..3 {
        see(&server, &bob, &status).await;
        // The author's own views are none, nor are those of nobody.
        see(&server, &alice, &status).await;
        let context = format!(
            "/api/v1/statuses/{}/context",
            status["id"].as_str().unwrap()
        );
        server.get(&carol, &context).await.entity("Context");
        server.get(&alice, &context).await.entity("Context");
        server.get_public(&context).await.entity("Context");
        assert_eq!(of(&server, &alice, &status).await["views"], 2);
    }
    let path = format!("/api/v1/statuses/{}", status["id"].as_str().unwrap());
    let own = server.get(&alice, &path).await.entity("Status");
    assert_eq!(own["kith"]["views_count"], 2);
    let other = server.get(&bob, &path).await.entity("Status");
    assert_eq!(other["kith"].get("views_count"), None, "the author's alone");
    server.pass(DAY);
    let bob = Person {
        token: kith_token(&server, &bob).await,
        ..bob
    };
    see(&server, &bob, &status).await;
    let days = of(&server, &alice, &status).await;
    assert_eq!(days["views"], 3);
    let shown = days["days"].as_array().unwrap();
    assert_eq!(shown.len(), 30);
    let today = clock::day(server.app.clock.now_ms() / DAY);
    assert_eq!(
        (&shown[29]["date"], &shown[29]["views"]),
        (&json!(today), &json!(1))
    );
    assert_eq!(shown[28]["views"], 2);
}

async fn kith_token(server: &Server, person: &Person) -> String {
    server.token(person, "read write").await
}

#[tokio::test(flavor = "multi_thread")]
async fn views_are_written_without_being_asked_for_and_forgotten_when_their_day_is_over() {
    let server = start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let status = server.status(&alice, "look").await;
    see(&server, &bob, &status).await;
    let url = server.app.config.database_url.clone();
    let rows = "SELECT count(*) AS n FROM status_views";
    eventually("the view is written", async || {
        (database::count(&url, rows).await == 1).then_some(())
    })
    .await;
    // The same view from another process, which knows nothing of this one's.
    let view = kith::db::views::View {
        status_id: status["id"].as_str().unwrap().parse().unwrap(),
        account_id: bob.account.id,
        day: server.app.clock.now_ms() / DAY,
    };
    let count = |views| async {
        server
            .app
            .write(move |tx| Box::pin(kith::domain::views::count(tx, views)))
            .await
            .unwrap();
    };
    count(vec![view, view]).await;
    assert_eq!(of(&server, &alice, &status).await["views"], 1);
    // What is gone meanwhile is passed over.
    let missing = kith::db::views::View {
        status_id: 1,
        ..view
    };
    count(vec![missing]).await;
    kith::jobs::cleanup::pass(&server.app).await.unwrap();
    assert_eq!(database::count(&url, rows).await, 1);
    server.pass(2 * DAY);
    kith::jobs::cleanup::pass(&server.app).await.unwrap();
    assert_eq!(database::count(&url, rows).await, 0);
    assert_eq!(
        of(&server, &alice, &status).await["views"],
        1,
        "the count stays"
    );
    see(&server, &bob, &status).await;
    let app = server.app.clone();
    assert_eq!(server.end().await, Ok(()));
    let stats = app
        .read(move |c| {
            Box::pin(async move { Ok(kith::db::statuses::stats_of(c, &[view.status_id]).await?) })
        })
        .await
        .unwrap();
    assert_eq!(
        stats[0].views_count, 2,
        "a server that ends writes what waits"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_done_is_counted_and_taken_back() {
    let server = start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let status = server.status(&alice, "look").await;
    let v1 = |verb: &str| format!("/api/v1/statuses/{}{verb}", status["id"].as_str().unwrap());
    see(&server, &bob, &status).await;
    server.post(&bob, &v1("/favourite"), json!({})).await.ok();
    server.post(&alice, &v1("/favourite"), json!({})).await.ok();
    server.post(&bob, &v1("/reblog"), json!({})).await.ok();
    let react = kith(&status, "/reactions/%F0%9F%91%8D");
    server.put(&bob, &react, json!({})).await.ok();
    let body = json!({"status": "hi", "in_reply_to_id": status["id"]});
    let comment = server.post(&bob, "/api/v1/statuses", body.clone()).await;
    let comment = comment.entity("Status");
    server.post(&bob, "/api/v1/statuses", body).await.ok();
    server
        .post(&alice, &kith(&comment, "/dislike"), json!({}))
        .await
        .ok();
    let seen = of(&server, &alice, &status).await;
    assert_eq!(numbers(&seen, &OF_STATUS), [1, 2, 0, 2, 1, 1]);
    let totals = account(&server, &alice, "").await;
    assert_eq!(numbers(&totals, &OF_ACCOUNT), [1, 2, 0, 2, 1, 1, 1]);
    let totals = account(&server, &bob, "").await;
    assert_eq!(numbers(&totals, &OF_ACCOUNT), [0, 0, 1, 0, 0, 1, 0]);
    // The sum of the days is the total.
    let days = seen["days"].as_array().unwrap();
    for name in OF_STATUS {
        let sum: i64 = days.iter().map(|day| day[name].as_i64().unwrap()).sum();
        assert_eq!(sum, seen[name].as_i64().unwrap(), "{name}");
    }

    server.pass(DAY);
    let (alice, bob) = (
        Person {
            token: kith_token(&server, &alice).await,
            ..alice
        },
        Person {
            token: kith_token(&server, &bob).await,
            ..bob
        },
    );
    server.post(&bob, &v1("/unfavourite"), json!({})).await.ok();
    server.post(&bob, &v1("/unreblog"), json!({})).await.ok();
    server.delete(&bob, &react).await.ok();
    let gone = format!("/api/v1/statuses/{}", comment["id"].as_str().unwrap());
    server.delete(&bob, &gone).await.ok();
    let seen = of(&server, &alice, &status).await;
    assert_eq!(numbers(&seen, &OF_STATUS), [1, 1, 0, 1, 0, 0]);
    let days = seen["days"].as_array().unwrap();
    assert!(
        numbers(&days[29], &OF_STATUS).iter().all(|n| *n == 0),
        "they are taken from the day they were done"
    );
    let totals = account(&server, &bob, "").await;
    assert_eq!(
        numbers(&totals, &OF_ACCOUNT),
        [0; 7],
        "what a deleted comment was given is gone"
    );
    let totals = account(&server, &alice, "").await;
    assert_eq!(
        numbers(&totals, &OF_ACCOUNT),
        [1, 1, 0, 1, 0, 1, 1],
        "what was given to it was given"
    );
    server.delete(&alice, &v1("")).await.ok();
    let totals = account(&server, &alice, "").await;
    assert_eq!(numbers(&totals, &OF_ACCOUNT), [0, 0, 0, 0, 0, 1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_are_checked_and_bounded() {
    let server = start().await;
    let alice = server.person("alice").await;
    let status = server.status(&alice, "look").await;
    let id = status["id"].as_str().unwrap();
    let like = format!("/api/v1/statuses/{id}/favourite");
    server.post(&alice, &like, json!({})).await.ok();
    let today = server.app.clock.now_ms() / DAY;
    let on = |day: i64| clock::day(day);
    for base in [
        "/api/kith/v1/analytics".to_owned(),
        kith(&status, "/analytics"),
    ] {
        for query in [
            "from=yesterday",
            "from=2026-02-30",
            "to=2026-1-1",
            "from=2026-02-02&to=2026-02-01",
            "from=2025-01-01&to=2026-01-02",
            "from=0001-01-01",
        ] {
            server
                .get(&alice, &format!("{base}?{query}"))
                .await
                .refused(422);
        }
        let path = format!("{base}?from={}&to={}", on(today - 1), on(today));
        let two = server.get(&alice, &path).await.ok();
        assert_eq!(two["days"].as_array().unwrap().len(), 2);
        assert_eq!(
            (&two["likes"], &two["days"][1]["likes"]),
            (&json!(1), &json!(1))
        );
        let path = format!("{base}?from={}&to={}", on(today - 366), on(today - 1));
        let before = server.get(&alice, &path).await.ok();
        assert_eq!(before["days"].as_array().unwrap().len(), 366);
        assert_eq!(before["likes"], 0, "totals are those of the range");
        let path = format!("{base}?to={}", on(today + 3));
        let ahead = server.get(&alice, &path).await.ok();
        assert_eq!(ahead["days"].as_array().unwrap().len(), 30);
    }
    server
        .get_public("/api/kith/v1/analytics")
        .await
        .refused(401);
    let bob = server.person("bob").await;
    server
        .get(&bob, &kith(&status, "/analytics"))
        .await
        .refused(403);
}
