//! `/api/v1/filters`, `/api/v2/filters`, and what they do to pages.

use kith::clock::SECOND;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::server::ids;
use crate::support::{Answer, Person, Server};

const FILTERS: &str = "/api/v2/filters";

async fn send(server: &Server, method: Method, who: &Person, path: &str, body: Value) -> Answer {
    server
        .send(method, path, Some(&who.token), Some(&body))
        .await
}

async fn follow(server: &Server, who: &Person, whom: &Person) {
    let path = format!("/api/v1/accounts/{}/follow", whom.id());
    server.post(who, &path, json!({})).await.ok();
}

/// A filter of keywords that are parts of words.
async fn filter(
    server: &Server,
    who: &Person,
    keyword: &str,
    context: &[&str],
    action: &str,
) -> Value {
    let body = json!({
        "title": keyword, "context": context, "filter_action": action,
        "keywords_attributes": [{"keyword": keyword, "whole_word": false}],
    });
    server.post(who, FILTERS, body).await.entity("Filter")
}

async fn list(server: &Server, who: &Person, path: &str) -> Vec<Value> {
    server.get(who, path).await.entities("Status")
}

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_match_is_told_with_what_matched() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    follow(&server, &alice, &bob).await;
    let made = server
        .post(
            &alice,
            FILTERS,
            json!({
                "title": "animals", "context": ["home", "public"], "expires_in": 3600,
                "keywords_attributes": [
                    {"keyword": "Cat", "whole_word": true}, {"keyword": "dog", "whole_word": false},
                ],
            }),
        )
        .await
        .entity("Filter");
    assert_eq!(made["filter_action"], "warn");
    assert_eq!(made["keywords"][0]["whole_word"], true);
    let both = server.status(&bob, "my CAT and two dogs").await;
    let none = server.status(&bob, "a catalogue").await;
    let warned = server
        .post(
            &bob,
            "/api/v1/statuses",
            json!({"status": "x", "spoiler_text": "cat!"}),
        )
        .await
        .entity("Status");
    let home = list(&server, &alice, "/api/v1/timelines/home").await;
    assert_eq!(ids(&home), [id(&warned), id(&none), id(&both)]);
    assert_eq!(home[0]["filtered"][0]["keyword_matches"], json!(["Cat"]));
    assert_eq!(home[1]["filtered"], json!([]));
    let found = &home[2]["filtered"][0];
    assert_eq!(found["keyword_matches"], json!(["Cat", "dog"]));
    assert_eq!(found["status_matches"], json!(null));
    assert_eq!(found["filter"]["id"], made["id"]);
    assert_eq!(found["filter"]["expires_at"], made["expires_at"]);

    // Whoever reads it alone, in a thread, reblogged, or without filters.
    let path = format!("/api/v1/statuses/{}", id(&both));
    let single = server.get(&alice, &path).await.entity("Status");
    assert_eq!(single["filtered"][0]["filter"]["title"], "animals");
    let own = server.get(&bob, &path).await.entity("Status");
    assert_eq!(own["filtered"], json!([]));
    let carol = server.person("carol").await;
    follow(&server, &alice, &carol).await;
    server
        .post(&carol, &format!("{path}/reblog"), json!({}))
        .await
        .ok();
    let home = list(&server, &alice, "/api/v1/timelines/home").await;
    assert_eq!(home[0]["reblog"]["id"], both["id"]);
    for part in [&home[0], &home[0]["reblog"]] {
        assert_eq!(part["filtered"][0]["filter"]["id"], made["id"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_hidden_is_left_out_in_its_contexts_alone() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    follow(&server, &alice, &bob).await;
    let root = server.status(&bob, "root").await;
    let body = json!({"status": "@alice a secret #topic", "in_reply_to_id": root["id"]});
    let said = server.post(&bob, "/api/v1/statuses", body).await.ok();
    let said = id(&said);
    let thread = format!("/api/v1/statuses/{}/context", id(&root));
    let profile = format!("/api/v1/accounts/{}/statuses", bob.id());
    let places = [
        ("home", "/api/v1/timelines/home"),
        ("public", "/api/v1/timelines/public"),
        ("public", "/api/v1/timelines/tag/topic"),
        ("account", profile.as_str()),
    ];
    let shown =
        async |path: &str| ids(&list(&server, &alice, path).await).contains(&said.to_owned());
    let in_thread = async || {
        let context = server.get(&alice, &thread).await.entity("Context");
        !context["descendants"].as_array().unwrap().is_empty()
    };
    let notified = async || {
        let path = "/api/v1/notifications?types[]=mention";
        let notes = server.get(&alice, path).await;
        !notes.entities("Notification").is_empty()
    };
    for context in ["home", "public", "account", "thread", "notifications"] {
        let made = filter(&server, &alice, "SECRET", &[context], "hide").await;
        for (of, path) in places {
            assert_eq!(
                shown(path).await,
                of != context,
                "{path}, hidden in {context}"
            );
        }
        assert_eq!(in_thread().await, context != "thread", "{context}");
        assert_eq!(notified().await, context != "notifications", "{context}");
        // By its own address it can always be read.
        server
            .get(&alice, &format!("/api/v1/statuses/{said}"))
            .await
            .entity("Status");
        let path = format!("{FILTERS}/{}", id(&made));
        send(&server, Method::DELETE, &alice, &path, json!({}))
            .await
            .ok();
        assert!(shown("/api/v1/timelines/home").await);
    }
    // Nobody is kept from their own words.
    filter(&server, &bob, "secret", &["home", "account"], "hide").await;
    let own = list(&server, &bob, "/api/v1/timelines/home").await;
    assert!(ids(&own).contains(&said.to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_keywords_and_statuses_are_changed_one_by_one() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let made = filter(&server, &alice, "one", &["home"], "warn").await;
    let path = format!("{FILTERS}/{}", id(&made));
    let keyword = id(&made["keywords"][0]).to_owned();
    let body = json!({
        "title": "renamed", "context": ["thread", "home"], "filter_action": "blur", "expires_in": 60,
        "keywords_attributes": [
            {"id": keyword, "keyword": "first"}, {"keyword": "second"}, {"keyword": ""},
        ],
    });
    let changed = send(&server, Method::PUT, &alice, &path, body)
        .await
        .entity("Filter");
    assert_eq!(changed["context"], json!(["home", "thread"]));
    assert_eq!(changed["filter_action"], "blur");
    assert_eq!(changed["keywords"].as_array().unwrap().len(), 2);
    assert_eq!(
        changed["keywords"][0],
        json!({"id": keyword, "keyword": "first", "whole_word": false})
    );
    assert_eq!(changed["keywords"][1]["whole_word"], true);
    let body =
        json!({"expires_in": "", "keywords_attributes": [{"id": keyword, "_destroy": true}]});
    let changed = send(&server, Method::PUT, &alice, &path, body)
        .await
        .entity("Filter");
    assert_eq!(changed["expires_at"], json!(null));
    assert_eq!(changed["title"], "renamed");
    assert_eq!(changed["keywords"].as_array().unwrap().len(), 1);

    let keywords = format!("{path}/keywords");
    let added = server
        .post(
            &alice,
            &keywords,
            json!({"keyword": " third ", "whole_word": false}),
        )
        .await
        .entity("FilterKeyword");
    assert_eq!(added["keyword"], "third");
    let one = format!("{FILTERS}/keywords/{}", id(&added));
    let body = json!({"keyword": "fourth"});
    let changed = send(&server, Method::PUT, &alice, &one, body).await;
    assert_eq!(changed.entity("FilterKeyword")["whole_word"], false);
    assert_eq!(
        server
            .get(&alice, &keywords)
            .await
            .entities("FilterKeyword")
            .len(),
        2
    );

    let status = server.status(&bob, "hello").await;
    let statuses = format!("{path}/statuses");
    let body = json!({"status_id": status["id"]});
    let entry = server
        .post(&alice, &statuses, body.clone())
        .await
        .entity("FilterStatus");
    let again = server
        .post(&alice, &statuses, body)
        .await
        .entity("FilterStatus");
    assert_eq!(entry, again);
    let single = format!("/api/v1/statuses/{}", id(&status));
    let seen = server.get(&alice, &single).await.entity("Status");
    assert_eq!(seen["filtered"][0]["status_matches"], json!([status["id"]]));
    let entry = format!("{FILTERS}/statuses/{}", id(&entry));

    // Nothing of it is anybody else's.
    for path in [&path, &keywords, &one, &statuses, &entry] {
        server.get(&bob, path).await.refused(404);
    }
    for path in [&path, &one] {
        let body = json!({"keyword": "x", "title": "x"});
        send(&server, Method::PUT, &bob, path, body)
            .await
            .refused(404);
    }
    for path in [&keywords, &statuses] {
        let body = json!({"keyword": "x", "status_id": status["id"]});
        server.post(&bob, path, body).await.refused(404);
    }
    let theirs = filter(&server, &bob, "x", &["home"], "warn").await;
    let body = json!({"keywords_attributes": [{"id": id(&added), "_destroy": true}]});
    let path_of_bob = format!("{FILTERS}/{}", id(&theirs));
    send(&server, Method::PUT, &bob, &path_of_bob, body)
        .await
        .refused(404);
    for path in [&entry, &one, &path] {
        send(&server, Method::DELETE, &bob, path, json!({}))
            .await
            .refused(404);
        send(&server, Method::DELETE, &alice, path, json!({}))
            .await
            .ok();
        server.get(&alice, path).await.refused(404);
    }
    let private = json!({"status": "x", "visibility": "private"});
    let private = server.post(&bob, "/api/v1/statuses", private).await.ok();
    let made = filter(&server, &alice, "y", &["home"], "warn").await;
    let path = format!("{FILTERS}/{}/statuses", id(&made));
    let body = json!({"status_id": private["id"]});
    server.post(&alice, &path, body).await.refused(404);
    server.post(&alice, &path, json!({})).await.refused(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_filter_is_refused() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    for body in [
        json!({"context": ["home"]}),
        json!({"title": " ", "context": ["home"]}),
        json!({"title": "x"}),
        json!({"title": "x", "context": [""]}),
        json!({"title": "x", "context": ["home", "nowhere"]}),
        json!({"title": "x", "context": ["home"], "filter_action": "eat"}),
        json!({"title": "x", "context": ["home"], "keywords_attributes": [{"keyword": "y".repeat(600)}]}),
        json!({"title": "x", "context": ["home"], "expires_in": "soon"}),
    ] {
        server.post(&alice, FILTERS, body).await.refused(422);
    }
    assert_eq!(server.get(&alice, FILTERS).await.ok(), json!([]));
    // Forms name the parts of keywords one after the other.
    let request = server
        .http
        .post(format!("{}{FILTERS}", server.url))
        .bearer_auth(&alice.token)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(
            "title=t&context[]=home&keywords_attributes[][keyword]=a\
             &keywords_attributes[][whole_word]=false&keywords_attributes[][keyword]=b",
        );
    let made = Answer::of(request, "form".to_owned())
        .await
        .entity("Filter");
    let words: Vec<_> = made["keywords"]
        .as_array()
        .unwrap()
        .iter()
        .map(|k| (&k["keyword"], &k["whole_word"]))
        .collect();
    assert_eq!(
        words,
        [(&json!("a"), &json!(false)), (&json!("b"), &json!(true))]
    );
    let readonly = server.token(&alice, "read").await;
    let body = json!({"title": "x", "context": ["home"]});
    server
        .send(Method::POST, FILTERS, Some(&readonly), Some(&body))
        .await
        .refused(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_generation_works_on_the_same_filters() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    follow(&server, &alice, &bob).await;
    const OLD: &str = "/api/v1/filters";
    let body = json!({"phrase": "old", "context": ["home"], "irreversible": true});
    let made = server.post(&alice, OLD, body).await.entity("V1__Filter");
    assert_eq!(
        (&made["whole_word"], &made["irreversible"]),
        (&json!(false), &json!(true))
    );
    let said = server.status(&bob, "how olden").await;
    assert_eq!(
        list(&server, &alice, "/api/v1/timelines/home").await.len(),
        0
    );
    let new = server.get(&alice, FILTERS).await.entities("Filter");
    assert_eq!(
        (&new[0]["title"], &new[0]["filter_action"]),
        (&json!("old"), &json!("hide"))
    );
    let path = format!("{OLD}/{}", id(&made));
    let body = json!({"phrase": "old", "context": ["home", "public"], "whole_word": true, "irreversible": false});
    let changed = send(&server, Method::PUT, &alice, &path, body)
        .await
        .entity("V1__Filter");
    assert_eq!(changed["context"], json!(["home", "public"]));
    let home = list(&server, &alice, "/api/v1/timelines/home").await;
    assert_eq!(
        (ids(&home), &home[0]["filtered"]),
        (vec![id(&said).to_owned()], &json!([]))
    );
    // What several keywords share is not changed from here.
    let group = format!("{FILTERS}/{}/keywords", id(&new[0]));
    server
        .post(&alice, &group, json!({"keyword": "more"}))
        .await
        .ok();
    assert_eq!(
        server.get(&alice, OLD).await.entities("V1__Filter").len(),
        2
    );
    let body = json!({"phrase": "old", "context": ["thread"]});
    send(&server, Method::PUT, &alice, &path, body)
        .await
        .refused(422);
    let body = json!({"phrase": "older", "context": ["home", "public"]});
    let changed = send(&server, Method::PUT, &alice, &path, body)
        .await
        .entity("V1__Filter");
    assert_eq!(changed["phrase"], "older");
    server.get(&bob, &path).await.refused(404);
    for filter in server.get(&alice, OLD).await.entities("V1__Filter") {
        let path = format!("{OLD}/{}", id(&filter));
        send(&server, Method::DELETE, &alice, &path, json!({}))
            .await
            .ok();
        server.get(&alice, &path).await.refused(404);
    }
    assert_eq!(
        server.get(&alice, FILTERS).await.ok(),
        json!([]),
        "an empty group is left"
    );
    server
        .post(&alice, OLD, json!({"context": ["home"]}))
        .await
        .refused(422);
    server
        .post(&alice, OLD, json!({"phrase": "x", "context": ["x"]}))
        .await
        .refused(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_expired_filters_no_more() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    follow(&server, &alice, &bob).await;
    let made = filter(&server, &alice, "spoiler", &["home"], "hide").await;
    server.status(&bob, "a spoiler").await;
    assert_eq!(
        list(&server, &alice, "/api/v1/timelines/home").await.len(),
        0
    );
    // It ended a second ago.
    let (account, filter) = (alice.account.id, id(&made).parse::<i64>().unwrap());
    let ended = server.app.clock.now_ms() - SECOND;
    server
        .app
        .write(move |tx| {
            Box::pin(async move {
                let mut row = kith::db::filters::by_id(tx, account, filter)
                    .await?
                    .unwrap();
                row.expires_at = Some(ended);
                kith::db::filters::update(tx, &row).await?;
                Ok(())
            })
        })
        .await
        .unwrap();
    server.app.caches.clear();
    let home = list(&server, &alice, "/api/v1/timelines/home").await;
    assert_eq!((home.len(), &home[0]["filtered"]), (1, &json!([])));
    assert_eq!(
        server.get(&alice, FILTERS).await.entities("Filter").len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_with_filters_comes_from_memory() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    follow(&server, &alice, &bob).await;
    for n in 0..50 {
        let keyword = format!("keyword{n}");
        filter(&server, &alice, &keyword, &["home"], "warn").await;
    }
    for n in 0..20 {
        server
            .status(&bob, &format!("about keyword{n} and more"))
            .await;
    }
    let path = "/api/v1/timelines/home";
    let home = list(&server, &alice, path).await;
    assert!(home.iter().all(|status| status["filtered"][0].is_object()));
    let warm = async || {
        server.get(&alice, path).await.ok();
    };
    assert_eq!(server.cost(warm).await, 0);
}
