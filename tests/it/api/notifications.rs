//! `/api/v1/notifications` and `/api/v2/notifications`

use kith::clock::{DAY, HOUR};
use kith::domain::notifications::{self, Subject, Type};
use kith::events::{Event, Kind};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::peer::eventually;
use crate::support::server::ids;
use crate::support::{Person, Server, schema};

const V1: &str = "/api/v1/notifications";
const V2: &str = "/api/v2/notifications";

async fn favourite(server: &Server, who: &Person, status: &Value) {
    let id = status["id"].as_str().unwrap();
    let path = format!("/api/v1/statuses/{id}/favourite");
    server.post(who, &path, json!({})).await.ok();
}

async fn follow(server: &Server, who: &Person, whom: &Person) {
    let path = format!("/api/v1/accounts/{}/follow", whom.id());
    server.post(who, &path, json!({})).await.ok();
}

async fn delete(server: &Server, who: &Person, path: &str) {
    server
        .send(Method::DELETE, path, Some(&who.token), None)
        .await
        .ok();
}

async fn patch(server: &Server, who: &Person, path: &str, body: Value) -> Value {
    server
        .send(Method::PATCH, path, Some(&who.token), Some(&body))
        .await
        .ok()
}

async fn kinds(server: &Server, who: &Person, query: &str) -> Vec<String> {
    let list = server.get(who, &format!("{V1}{query}")).await;
    let mut kinds: Vec<String> = list
        .entities("Notification")
        .iter()
        .map(|n| n["type"].as_str().unwrap().to_owned())
        .collect();
    kinds.sort();
    kinds
}

async fn grouped(server: &Server, who: &Person, query: &str) -> Value {
    server
        .get(who, &format!("{V2}{query}"))
        .await
        .entity("GroupedNotificationsResults")
}

fn groups(results: &Value) -> &Vec<Value> {
    results["notification_groups"].as_array().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_listed_filtered_counted_and_dismissed() {
    let server = Server::start().await;
    let (alice, bob, carol) = (
        server.person("alice").await,
        server.person("bob").await,
        server.person("carol").await,
    );
    let post = server.status(&alice, "hello").await;
    favourite(&server, &bob, &post).await;
    follow(&server, &bob, &alice).await;
    server.status(&carol, "@alice hi").await;
    assert_eq!(
        kinds(&server, &alice, "").await,
        ["favourite", "follow", "mention"]
    );
    assert_eq!(
        kinds(&server, &alice, "?types[]=follow&types[]=mention").await,
        ["follow", "mention"]
    );
    assert_eq!(
        kinds(&server, &alice, "?exclude_types[]=follow").await,
        ["favourite", "mention"]
    );
    let from_carol = format!("?account_id={}", carol.id());
    assert_eq!(kinds(&server, &alice, &from_carol).await, ["mention"]);
    let count = server.get(&alice, &format!("{V1}/unread_count")).await.ok();
    assert_eq!(count["count"], 3);
    let count = server
        .get(&alice, &format!("{V1}/unread_count?types[]=follow"))
        .await
        .ok();
    assert_eq!(count["count"], 1);
    let list = server.get(&alice, V1).await.entities("Notification");
    let all = ids(&list);
    // One by one, by the links.
    let mut page = server.get(&alice, &format!("{V1}?limit=1")).await;
    let mut walked = Vec::new();
    while let Some(first) = page.ok().as_array().unwrap().first() {
        walked.push(first["id"].as_str().unwrap().to_owned());
        let Some(next) = page.link("next") else { break };
        page = server.get(&alice, &next).await;
    }
    assert_eq!(walked, all);
    let one = format!("{V1}/{}", all[0]);
    assert_eq!(
        server.get(&alice, &one).await.entity("Notification"),
        list[0]
    );
    server.get(&bob, &one).await.refused(404);
    server
        .post(&bob, &format!("{one}/dismiss"), json!({}))
        .await
        .refused(404);
    server
        .post(&alice, &format!("{one}/dismiss"), json!({}))
        .await
        .ok();
    server.get(&alice, &one).await.refused(404);
    delete(&server, &alice, &format!("{V1}/{}", all[1])).await;
    let rest = format!("{V1}/destroy_multiple?ids[]={}&ids[]=1", all[2]);
    delete(&server, &alice, &rest).await;
    assert!(kinds(&server, &alice, "").await.is_empty());
    assert!(groups(&grouped(&server, &alice, "").await).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_alike_is_grouped() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let mut fans = Vec::new();
    for n in 0..10 {
        fans.push(server.person(&format!("fan{n}")).await);
    }
    let post = server.status(&alice, "hello").await;
    for fan in &fans {
        favourite(&server, fan, &post).await;
    }
    server.status(&fans[0], "@alice hi").await;
    let all = grouped(&server, &alice, "").await;
    let list = groups(&all);
    assert_eq!(list.len(), 2);
    assert_eq!(list[0]["type"], "mention");
    let likes = &list[1];
    assert_eq!(likes["notifications_count"], 10);
    assert_eq!(likes["status_id"], post["id"]);
    let samples = likes["sample_account_ids"].as_array().unwrap();
    assert_eq!(samples.len(), 8);
    assert_eq!(samples[0], fans[9].id(), "the newest first");
    assert_eq!(all["accounts"].as_array().unwrap().len(), 9);
    assert_eq!(all["statuses"].as_array().unwrap().len(), 2);
    assert!(all.get("partial_accounts").is_none());
    assert!(likes["page_min_id"].as_str() < likes["page_max_id"].as_str());
    // The list of single ones names the same group.
    let singles = server
        .get(&alice, &format!("{V1}?types[]=favourite"))
        .await
        .entities("Notification");
    assert_eq!(singles.len(), 10);
    assert!(singles.iter().all(|n| n["group_key"] == likes["group_key"]));
    let partial = grouped(&server, &alice, "?expand_accounts=partial_avatars").await;
    assert_eq!(partial["accounts"].as_array().unwrap().len(), 2);
    assert_eq!(partial["partial_accounts"].as_array().unwrap().len(), 7);
    server
        .get(&alice, &format!("{V2}?expand_accounts=nonsense"))
        .await
        .refused(400);
    let apart = grouped(&server, &alice, "?grouped_types[]=follow&limit=80").await;
    assert_eq!(groups(&apart).len(), 11);
    assert!(groups(&apart).iter().all(|g| g["notifications_count"] == 1));
    let only = grouped(&server, &alice, "?types[]=favourite").await;
    assert_eq!(groups(&only).len(), 1);
    let of_fan = format!("?account_id={}", fans[3].id());
    let of_fan = grouped(&server, &alice, &of_fan).await;
    assert_eq!(groups(&of_fan).len(), 1);
    assert_eq!(groups(&of_fan)[0]["group_key"], likes["group_key"]);
    let key = likes["group_key"].as_str().unwrap();
    let one = grouped(&server, &alice, &format!("/{key}")).await;
    assert_eq!(groups(&one), &vec![likes.clone()]);
    server
        .get(&fans[0], &format!("{V2}/{key}"))
        .await
        .refused(404);
    let accounts = format!("{V2}/{key}/accounts?limit=6");
    let page = server.get(&alice, &accounts).await;
    assert_eq!(page.entities("Account").len(), 6);
    let page = server.get(&alice, &page.link("next").unwrap()).await;
    assert_eq!(page.entities("Account").len(), 4);
    let unread = server.get(&alice, &format!("{V2}/unread_count")).await.ok();
    assert_eq!(unread["count"], 2);
    // A fan who changes their mind leaves the group as it would be without them.
    let undo = format!(
        "/api/v1/statuses/{}/unfavourite",
        post["id"].as_str().unwrap()
    );
    server.post(&fans[9], &undo, json!({})).await.ok();
    let now = grouped(&server, &alice, "").await;
    let likes = &groups(&now)[1];
    assert_eq!(likes["notifications_count"], 9);
    assert_eq!(likes["sample_account_ids"][0], fans[8].id());
    server
        .post(&alice, &format!("{V2}/{key}/dismiss"), json!({}))
        .await
        .ok();
    assert_eq!(kinds(&server, &alice, "").await, ["mention"]);
    let mention = groups(&grouped(&server, &alice, "").await)[0]["group_key"].clone();
    let path = format!("{V2}/{}/dismiss", mention.as_str().unwrap());
    server.post(&alice, &path, json!({})).await.ok();
    assert!(kinds(&server, &alice, "").await.is_empty());
    favourite(&server, &fans[0], &server.status(&alice, "more").await).await;
    server
        .post(&alice, &format!("{V2}/clear"), json!({}))
        .await
        .ok();
    assert!(groups(&grouped(&server, &alice, "").await).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_walked_through_and_looked_up_for_news() {
    let server = Server::start().await;
    let (alice, bob, carol) = (
        server.person("alice").await,
        server.person("bob").await,
        server.person("carol").await,
    );
    let mut posts = Vec::new();
    for n in 0..5 {
        let post = server.status(&alice, &format!("post {n}")).await;
        favourite(&server, &bob, &post).await;
        posts.push(post);
        server.status(&bob, &format!("@alice {n}")).await;
    }
    let all = grouped(&server, &alice, "").await;
    let keys: Vec<&Value> = groups(&all).iter().map(|g| &g["group_key"]).collect();
    assert_eq!(keys.len(), 10);
    let mut walked = Vec::new();
    let mut page = server.get(&alice, &format!("{V2}?limit=3")).await;
    loop {
        let results = page.entity("GroupedNotificationsResults");
        if groups(&results).is_empty() {
            break;
        }
        walked.extend(groups(&results).iter().map(|g| g["group_key"].clone()));
        let Some(next) = page.link("next") else { break };
        page = server.get(&alice, &next).await;
    }
    assert_eq!(walked.iter().collect::<Vec<_>>(), keys);
    // News of an old group bring it up, with what is new of it.
    let newest = groups(&all)[0]["most_recent_notification_id"].clone();
    favourite(&server, &carol, &posts[0]).await;
    let query = format!("?since_id={}", newest.as_str().unwrap());
    let news = grouped(&server, &alice, &query).await;
    assert_eq!(groups(&news).len(), 1);
    let group = &groups(&news)[0];
    assert_eq!(group["notifications_count"], 2);
    assert_eq!(group["page_min_id"], group["page_max_id"]);
    let first = grouped(&server, &alice, "?limit=1").await;
    assert_eq!(groups(&first)[0]["group_key"], group["group_key"]);
    let upwards = grouped(&server, &alice, "?min_id=0&limit=2").await;
    assert_eq!(groups(&upwards).len(), 2);
    assert_eq!(&groups(&upwards)[1]["group_key"], keys[8]);
    // A deleted post takes its group with it.
    let path = format!("/api/v1/statuses/{}", posts[0]["id"].as_str().unwrap());
    delete(&server, &alice, &path).await;
    assert_eq!(groups(&grouped(&server, &alice, "").await).len(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grouped_page_costs_nothing_when_warm_and_a_fixed_number_of_statements_when_cold() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let mut costs = Vec::new();
    for round in [2, 30] {
        for n in 0..round {
            let post = server.status(&alice, &format!("post {n}")).await;
            favourite(&server, &bob, &post).await;
            server.status(&bob, &format!("@alice {n}")).await;
        }
        let page = grouped(&server, &alice, "?limit=40").await;
        assert!(groups(&page).len() >= (round * 2).min(40));
        let warm = server
            .cost(async || {
                grouped(&server, &alice, "?limit=40").await;
            })
            .await;
        assert_eq!(warm, 0);
        let cold = server
            .cost(async || {
                server.app.caches.clear();
                grouped(&server, &alice, "?limit=40").await;
            })
            .await;
        costs.push(cold);
    }
    assert_eq!(costs[0], costs[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_filters_or_drops_and_requests_are_answered() {
    let server = Server::start().await;
    let (alice, bob, carol, dave) = (
        server.person("alice").await,
        server.person("bob").await,
        server.person("carol").await,
        server.person("dave").await,
    );
    let policy = format!("{V2}/policy");
    let before = server
        .get(&alice, &policy)
        .await
        .entity("NotificationPolicy");
    assert_eq!(before["for_not_following"], "accept");
    assert_eq!(before["for_limited_accounts"], "filter");
    let body = json!({"for_not_following": "filter"});
    let now = patch(&server, &alice, &policy, body).await;
    schema::check("NotificationPolicy", &now);
    assert_eq!(now["for_not_following"], "filter");
    assert_eq!(now["for_not_followers"], "accept");
    let bad = json!({"for_not_following": "nonsense"});
    server
        .send(Method::PATCH, &policy, Some(&alice.token), Some(&bad))
        .await
        .refused(422);
    let old = server
        .get(&alice, &format!("{V1}/policy"))
        .await
        .entity("V1__NotificationPolicy");
    assert_eq!(old["filter_not_following"], true);
    for person in [&bob, &carol, &dave] {
        server.status(person, "@alice let me in").await;
    }
    server.status(&bob, "@alice please").await;
    assert!(kinds(&server, &alice, "").await.is_empty());
    assert!(groups(&grouped(&server, &alice, "").await).is_empty());
    assert_eq!(
        kinds(&server, &alice, "?include_filtered=true").await.len(),
        4
    );
    let now = server.get(&alice, &policy).await.ok();
    assert_eq!(
        now["summary"],
        json!({"pending_requests_count": 3, "pending_notifications_count": 4})
    );
    let requests = format!("{V1}/requests");
    let list = server.get(&alice, &requests).await;
    let list = list.entities("NotificationRequest");
    let of = |person: &Person| {
        let one = list.iter().find(|r| r["account"]["id"] == person.id());
        one.unwrap().clone()
    };
    assert_eq!(list.len(), 3);
    assert_eq!(of(&bob)["notifications_count"], "2");
    assert!(
        of(&bob)["last_status"]["content"]
            .as_str()
            .unwrap()
            .contains("please")
    );
    let path = |person: &Person| format!("{requests}/{}", of(person)["id"].as_str().unwrap());
    let one = server.get(&alice, &path(&bob)).await;
    assert_eq!(one.entity("NotificationRequest"), of(&bob));
    server.get(&bob, &path(&bob)).await.refused(404);
    server
        .post(&bob, &format!("{}/accept", path(&bob)), json!({}))
        .await
        .refused(404);
    server
        .post(&alice, &format!("{}/accept", path(&bob)), json!({}))
        .await
        .ok();
    eventually("bob's notifications are merged", async || {
        let merged = server.get(&alice, &format!("{requests}/merged")).await.ok();
        (merged["merged"] == true).then_some(())
    })
    .await;
    assert_eq!(kinds(&server, &alice, "").await, ["mention", "mention"]);
    server
        .post(&alice, &format!("{}/dismiss", path(&carol)), json!({}))
        .await
        .ok();
    let several = json!({"id": [of(&dave)["id"]]});
    server
        .post(&alice, &format!("{requests}/dismiss"), several)
        .await
        .ok();
    assert!(
        server
            .get(&alice, &requests)
            .await
            .entities("NotificationRequest")
            .is_empty()
    );
    eventually("what was dismissed is gone", async || {
        let all = kinds(&server, &alice, "?include_filtered=true").await;
        (all.len() == 2).then_some(())
    })
    .await;
    // Once accepted, always accepted; once dismissed, one may ask again.
    server.status(&bob, "@alice thanks").await;
    assert_eq!(kinds(&server, &alice, "").await.len(), 3);
    server.status(&carol, "@alice again").await;
    let again = server.get(&alice, &requests).await.ok();
    assert_eq!(again[0]["account"]["id"], carol.id());
    let several = json!({"id": [again[0]["id"]]});
    server
        .post(&alice, &format!("{requests}/accept"), several)
        .await
        .ok();
    eventually("carol's notification is there", async || {
        (kinds(&server, &alice, "").await.len() == 4).then_some(())
    })
    .await;
    // Dropped is dropped, but for those who are followed.
    patch(
        &server,
        &alice,
        &policy,
        json!({"for_not_following": "drop"}),
    )
    .await;
    server.status(&dave, "@alice still here").await;
    let all = kinds(&server, &alice, "?include_filtered=true").await;
    assert_eq!(all.len(), 4);
    follow(&server, &alice, &dave).await;
    server.status(&dave, "@alice hello friend").await;
    assert_eq!(kinds(&server, &alice, "").await.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_stranger_has_a_setting() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let policy = format!("{V2}/policy");
    let reset = json!({
        "for_not_following": "accept", "for_not_followers": "accept",
        "for_new_accounts": "accept", "for_private_mentions": "accept",
        "for_limited_accounts": "accept",
    });
    let arrives = async |visibility: &str| {
        let before = kinds(&server, &alice, "").await.len();
        let body = json!({"status": "@alice hi", "visibility": visibility});
        server.post(&bob, "/api/v1/statuses", body).await.ok();
        kinds(&server, &alice, "").await.len() > before
    };
    for (setting, public, direct) in [
        ("for_not_following", false, false),
        ("for_not_followers", false, false),
        ("for_new_accounts", false, false),
        ("for_private_mentions", true, false),
        ("for_limited_accounts", true, true),
    ] {
        patch(&server, &alice, &policy, reset.clone()).await;
        assert!(arrives("public").await, "{setting}: everything is accepted");
        patch(&server, &alice, &policy, json!({setting: "drop"})).await;
        assert_eq!(arrives("public").await, public, "{setting}, public");
        assert_eq!(arrives("direct").await, direct, "{setting}, direct");
    }
    // An answer to what the reader wrote to them is no unasked message.
    patch(&server, &alice, &policy, reset.clone()).await;
    patch(
        &server,
        &alice,
        &policy,
        json!({"for_private_mentions": "drop"}),
    )
    .await;
    let asked = json!({"status": "@bob how are you?", "visibility": "direct"});
    let asked = server.post(&alice, "/api/v1/statuses", asked).await.ok();
    let before = kinds(&server, &alice, "").await.len();
    let answer =
        json!({"status": "@alice fine", "visibility": "direct", "in_reply_to_id": asked["id"]});
    server.post(&bob, "/api/v1/statuses", answer).await.ok();
    assert_eq!(kinds(&server, &alice, "").await.len(), before + 1);
    // Limited by a moderator.
    let mut limited = bob.account.clone();
    limited.silenced_at = Some(server.app.clock.now_ms());
    server
        .app
        .write(move |tx| {
            Box::pin(async move {
                kith::db::accounts::update(tx, &limited).await?;
                tx.emit(Event::of(Kind::AccountChanged, limited.id));
                Ok(())
            })
        })
        .await
        .unwrap();
    patch(&server, &alice, &policy, reset).await;
    patch(
        &server,
        &alice,
        &policy,
        json!({"for_limited_accounts": "filter"}),
    )
    .await;
    assert!(!arrives("public").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn types_of_other_areas_fit() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let post = server.status(&alice, "hello").await;
    let status: i64 = post["id"].as_str().unwrap().parse().unwrap();
    let ctx = server.app.ctx.clone();
    let (to, from) = (alice.account.clone(), bob.account.clone());
    server
        .app
        .write(move |tx| {
            Box::pin(async move {
                let about = Subject::Status(status);
                notifications::notify(tx, &ctx, &to, &to, Type::Poll, about).await?;
                notifications::notify(tx, &ctx, &to, &from, Type::Quote, about).await?;
                notifications::notify(tx, &ctx, &to, &from, Type::AdminSignUp, None).await?;
                // Not one's own deed, and not twice.
                notifications::notify(tx, &ctx, &to, &to, Type::Favourite, about).await?;
                notifications::notify(tx, &ctx, &to, &from, Type::Quote, about).await
            })
        })
        .await
        .unwrap();
    assert_eq!(
        kinds(&server, &alice, "").await,
        ["admin.sign_up", "poll", "quote"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_spans_hours_not_days() {
    use kith::db::notifications::{Notification, insert, latest_key};
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let now = server.app.clock.now_ms();
    let (to, from) = (alice.account.id, bob.account.id);
    // A follow of yesterday is in a group of its own.
    let row = Notification {
        id: server.app.ctx.ids.next(),
        account_id: to,
        from_account_id: from,
        kind: "follow".into(),
        status_id: None,
        created_at: now - DAY,
        read_at: None,
        filtered: false,
        group_key: format!("follow-{}", (now - DAY) / HOUR),
        subject_id: None,
        kith: false,
    };
    let key = row.group_key.clone();
    server
        .app
        .write(move |tx| Box::pin(async move { Ok(insert(tx, &row).await?) }))
        .await
        .unwrap();
    let carol = server.person("carol").await;
    let dave = server.person("dave").await;
    follow(&server, &carol, &alice).await;
    follow(&server, &dave, &alice).await;
    let all = grouped(&server, &alice, "").await;
    let counts: Vec<i64> = groups(&all)
        .iter()
        .map(|g| g["notifications_count"].as_i64().unwrap())
        .collect();
    assert_eq!(counts, [2, 1]);
    let known = server
        .app
        .read(move |c| Box::pin(async move { Ok(latest_key(c, to, &[key]).await?) }))
        .await
        .unwrap();
    assert!(known.is_some());
}
