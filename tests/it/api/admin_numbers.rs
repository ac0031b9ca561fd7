//! `/api/v1/admin/tags`, `trends`, `measures`, `dimensions` and `retention`.

use kith::clock::DAY;
use serde_json::{Value, json};

use crate::support::{Person, Server};

fn id(entity: &Value) -> &str {
    entity["id"].as_str().expect("an id")
}

async fn trending(server: &Server, path: &str) -> Vec<String> {
    let list = server
        .get_public(&format!("/api/v1/trends/{path}"))
        .await
        .ok();
    let name = |one: &Value| {
        one["name"]
            .as_str()
            .or(one["id"].as_str())
            .map(str::to_owned)
    };
    list.as_array().unwrap().iter().filter_map(name).collect()
}

/// A tag as moderators see it.
async fn tag(server: &Server, who: &Person, name: &str) -> Value {
    let list = server
        .get(who, "/api/v1/admin/tags")
        .await
        .entities("Admin::Tag");
    list.into_iter()
        .find(|tag| tag["name"] == name)
        .expect("the tag")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_trends_is_reviewed_and_tags_are_decided_on() {
    let server = Server::start().await;
    let moderator = server.staff("mod", "moderator").await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let first = server.status(&alice, "I like #Crabs and #tea").await;
    server.status(&bob, "So do I #crabs #tea").await;
    for who in [&bob, &moderator] {
        let path = format!("/api/v1/statuses/{}/favourite", id(&first));
        server.post(who, &path, json!({})).await.ok();
    }
    kith::jobs::trends::pass(&server.app).await.unwrap();
    let mut names = trending(&server, "tags").await;
    names.sort();
    assert_eq!(names, ["crabs", "tea"]);
    assert_eq!(trending(&server, "statuses").await, [id(&first)]);

    let crabs = tag(&server, &moderator, "crabs").await;
    let path = format!("/api/v1/admin/tags/{}", id(&crabs));
    for (what, value) in [
        ("trendable", true),
        ("usable", true),
        ("listable", true),
        ("requires_review", true),
    ] {
        assert_eq!(crabs[what], value, "{what}");
    }
    assert_eq!(crabs["history"][0]["uses"], "2");
    // Not to be found: it is gone from search and trends at once.
    let search = "/api/v2/search?q=crab&type=hashtags";
    let found = async || server.get(&alice, search).await.entity("Search")["hashtags"].clone();
    assert_eq!(found().await.as_array().unwrap().len(), 1);
    let unlisted = server.put(
        &moderator,
        &path,
        json!({"listable": false, "display_name": "CRABS"}),
    );
    let unlisted = unlisted.await.entity("Admin::Tag");
    assert_eq!(
        (&unlisted["listable"], &unlisted["requires_review"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(found().await, json!([]));
    assert_eq!(trending(&server, "tags").await, ["tea"]);
    let admins: Vec<Value> = server
        .get(&moderator, "/api/v1/admin/trends/tags")
        .await
        .entities("Admin::Tag");
    assert_eq!(admins.len(), 2, "moderators see what does not trend, too");
    // Not to be used: whoever does hears why; what is from elsewhere is not asked.
    server
        .put(&moderator, &path, json!({"usable": false}))
        .await
        .entity("Admin::Tag");
    let refused = server
        .post(&alice, "/api/v1/statuses", json!({"status": "more #crabs"}))
        .await;
    let text = refused.refused(422);
    assert!(text.contains("disallowed hashtag: #CRABS"), "{text}");
    server
        .put(&moderator, &path, json!({"display_name": "lobsters"}))
        .await
        .refused(422);
    server
        .put(&moderator, "/api/v1/admin/tags/1", json!({}))
        .await
        .refused(404);
    let again = json!({"usable": true, "listable": true});
    server
        .put(&moderator, &path, again)
        .await
        .entity("Admin::Tag");
    server.status(&alice, "more #crabs").await;
    assert_eq!(trending(&server, "tags").await.len(), 2);

    // A post is turned down, and let in again.
    let list = server
        .get(&moderator, "/api/v1/admin/trends/statuses")
        .await
        .entities("Status");
    assert_eq!(list[0]["requires_review"], true);
    let post = format!("/api/v1/admin/trends/statuses/{}", id(&first));
    let turned = server
        .post(&moderator, &format!("{post}/reject"), json!({}))
        .await
        .entity("Status");
    assert_eq!(turned["requires_review"], false);
    assert!(trending(&server, "statuses").await.is_empty());
    kith::jobs::trends::pass(&server.app).await.unwrap();
    assert!(
        trending(&server, "statuses").await.is_empty(),
        "it stays so"
    );
    server
        .post(&moderator, &format!("{post}/approve"), json!({}))
        .await
        .entity("Status");
    assert_eq!(trending(&server, "statuses").await, [id(&first)]);
    server
        .post(
            &moderator,
            "/api/v1/admin/trends/statuses/1/approve",
            json!({}),
        )
        .await
        .refused(404);
    server
        .post(&moderator, "/api/v1/admin/trends/odd/1/approve", json!({}))
        .await
        .refused(404);
    let links = server.get(&moderator, "/api/v1/admin/trends/links").await;
    assert!(links.entities("Trends::Link").is_empty());

    // Where nothing trends that nobody has looked at, what waits is for moderators alone.
    let ctx = server.app.ctx.clone();
    server
        .app
        .write(move |tx| {
            Box::pin(async move {
                kith::domain::instance::set(tx, &ctx, "trendable-by-default", "false").await
            })
        })
        .await
        .unwrap();
    kith::jobs::trends::pass(&server.app).await.unwrap();
    assert_eq!(
        trending(&server, "tags").await,
        ["crabs"],
        "it was looked at"
    );
    let tea = tag(&server, &moderator, "tea").await;
    assert_eq!(tea["trendable"], false);
    let path = format!("/api/v1/admin/trends/tags/{}/approve", id(&tea));
    server
        .post(&moderator, &path, json!({}))
        .await
        .entity("Admin::Tag");
    assert_eq!(trending(&server, "tags").await.len(), 2);
    for path in ["tags", "trends/tags", "trends/statuses", "trends/links"] {
        let path = format!("/api/v1/admin/{path}");
        server.get(&alice, &path).await.refused(403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_those_of_what_was_done() {
    let server = Server::start().await;
    let admin = server.staff("root", "admin").await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let post = server.status(&alice, "about #numbers").await;
    for verb in ["favourite", "reblog"] {
        let path = format!("/api/v1/statuses/{}/{verb}", id(&post));
        server.post(&bob, &path, json!({})).await.ok();
    }
    let report = json!({"account_id": bob.id(), "comment": "loud"});
    server.post(&alice, "/api/v1/reports", report).await.ok();
    let numbers = tag(&server, &admin, "numbers").await;
    let today = server.app.clock.now_ms();
    let date = |ms: i64| kith::clock::iso(ms)[..10].to_owned();
    let ask = async |keys: Value, more: Value| {
        let mut body = json!({"keys": keys, "start_at": date(today - DAY), "end_at": date(today)});
        let more = more.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(more);
        server.post(&admin, "/api/v1/admin/measures", body).await
    };
    // Who was here is written beside the request.
    crate::support::peer::eventually("all three were here", async || {
        let measures = ask(json!(["active_users"]), json!({}))
            .await
            .entities("Admin::Measure");
        (measures[0]["total"] == "3").then_some(())
    })
    .await;
    let keys = json!([
        "active_users",
        "new_users",
        "interactions",
        "opened_reports",
        "resolved_reports",
        "tag_uses",
        "tag_accounts",
        "tag_servers",
        "instance_accounts",
        "instance_statuses",
        "instance_follows",
        "instance_followers",
        "instance_reports",
        "no_such_key"
    ]);
    let theirs = json!({"domain": "elsewhere.example"});
    let about = json!({
        "tag_uses": {"id": numbers["id"]}, "tag_accounts": {"id": numbers["id"]},
        "tag_servers": {"id": numbers["id"]}, "instance_accounts": theirs,
        "instance_statuses": theirs, "instance_follows": theirs, "instance_followers": theirs,
        "instance_reports": theirs,
    });
    let measures = ask(keys, about).await.entities("Admin::Measure");
    let told: Vec<(String, String)> = measures
        .iter()
        .map(|m| {
            (
                m["key"].as_str().unwrap().to_owned(),
                m["total"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let expected = [
        ("active_users", "3"),
        ("new_users", "3"),
        ("interactions", "2"),
        ("opened_reports", "1"),
        ("resolved_reports", "0"),
        ("tag_uses", "1"),
        ("tag_accounts", "1"),
        ("tag_servers", "1"),
        ("instance_accounts", "0"),
        ("instance_statuses", "0"),
        ("instance_follows", "0"),
        ("instance_followers", "0"),
        ("instance_reports", "0"),
    ];
    assert_eq!(
        told,
        expected.map(|(key, total)| (key.to_owned(), total.to_owned()))
    );
    assert_eq!(measures[1]["data"].as_array().unwrap().len(), 2);
    assert_eq!(measures[1]["data"][1]["value"], "3");
    assert_eq!(measures[1]["previous_total"], "0");
    assert_eq!(measures[8]["previous_total"], Value::Null);

    let ask = json!({
        "keys": ["languages", "sources", "servers", "space_usage", "software_versions", "tag_servers",
                 "tag_languages", "instance_accounts", "instance_languages", "no_such_key"],
        "start_at": date(today), "end_at": date(today),
        "tag_servers": {"id": numbers["id"]}, "tag_languages": {"id": numbers["id"]},
        "instance_accounts": theirs, "instance_languages": theirs,
    });
    let answer = server.post(&admin, "/api/v1/admin/dimensions", ask).await;
    let dimensions = answer.entities("Admin::Dimension");
    let of = |key: &str| -> &Value {
        let found = dimensions.iter().find(|d| d["key"] == key);
        &found.unwrap_or_else(|| panic!("{key}"))["data"]
    };
    assert_eq!(
        of("languages"),
        &json!([{"key": "en", "human_key": "English", "value": "3"}])
    );
    assert_eq!(of("sources")[0]["human_key"], "Website");
    assert_eq!(of("servers")[0]["key"], server.domain());
    assert_eq!(of("tag_servers")[0]["value"], "1");
    let space = of("space_usage")[0]["value"].as_str().unwrap();
    assert!(space.parse::<i64>().unwrap() > 10_000, "{space}");
    assert_eq!(of("software_versions")[0]["key"], "kith");
    assert_eq!(of("instance_accounts"), &json!([]));
    assert_eq!(dimensions.len(), 9);

    let ask = json!({"start_at": date(today - DAY), "end_at": date(today), "frequency": "day"});
    let cohorts = server.post(&admin, "/api/v1/admin/retention", ask).await;
    let cohorts = cohorts.entities("Admin::Cohort");
    assert_eq!(cohorts.len(), 2);
    assert_eq!(cohorts[0]["data"].as_array().unwrap().len(), 2);
    assert_eq!(cohorts[1]["data"][0]["value"], "3");
    assert_eq!(cohorts[1]["data"][0]["rate"], 1.0);
    let monthly = json!({"start_at": "2026-01-15", "end_at": "2026-03-01", "frequency": "month"});
    let monthly = server
        .post(&admin, "/api/v1/admin/retention", monthly)
        .await;
    assert_eq!(monthly.entities("Admin::Cohort").len(), 3);

    let path = "/api/v1/admin/measures";
    for (body, status) in [
        (json!({"keys": ["new_users"]}), 400),
        (
            json!({"start_at": "2026-01-01", "end_at": "2026-01-02"}),
            400,
        ),
        (
            json!({"keys": ["new_users"], "start_at": "soon", "end_at": "2026-01-02"}),
            422,
        ),
        (
            json!({"keys": ["new_users"], "start_at": "2026-01-03", "end_at": "2026-01-02"}),
            422,
        ),
        (
            json!({"keys": ["new_users"], "start_at": "2016-01-03", "end_at": "2026-01-02"}),
            422,
        ),
    ] {
        server.post(&admin, path, body).await.refused(status);
    }
    for path in ["measures", "dimensions", "retention"] {
        let path = format!("/api/v1/admin/{path}");
        server.post(&alice, &path, json!({})).await.refused(403);
    }
}
