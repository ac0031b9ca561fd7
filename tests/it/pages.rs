//! The pages for browsers.

use serde_json::{Value, json};

use crate::support::{Answer, Person, Server};

async fn post(server: &Server, person: &Person, body: Value) -> String {
    let status = server.post(person, "/api/v1/statuses", body).await.ok();
    status["id"].as_str().unwrap().to_owned()
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer
        .headers
        .get(name)
        .map(|value| value.to_str().unwrap())
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_show_what_everyone_may_see() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let open = post(&server, &alice, json!({"status": "for the world #sea"})).await;
    let closed = json!({"status": "for followers #sea", "visibility": "private"});
    let closed = post(&server, &alice, closed).await;
    let answer = json!({"status": "an answer to it", "in_reply_to_id": open});
    post(&server, &alice, answer).await;
    for path in ["/", "/@alice", "/@Alice", "/tags/sea", "/tags/SEA"] {
        let page = server.get_public(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(header(&page, "content-security-policy").contains("default-src 'none'"));
        assert_eq!(header(&page, "x-frame-options"), "DENY");
        assert!(page.text.contains("for the world"), "{path}");
        assert!(!page.text.contains("for followers"), "{path}");
    }
    let thread = server.get_public(&format!("/@alice/{open}")).await;
    assert_eq!(thread.status, 200);
    assert!(thread.text.contains("an answer to it"));
    for path in [
        format!("/@alice/{closed}"),
        "/@alice/1".to_owned(),
        "/@bob".to_owned(),
    ] {
        let page = server.get_public(&path).await;
        assert_eq!(page.status, 404, "{path}");
        assert!(header(&page, "content-type").starts_with("text/html"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_has_a_page() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let body = json!({"name": "Good <b>sailors</b>", "description": "They & the sea", "account_ids": [bob.id()]});
    let made = server.post(&alice, "/api/v1/collections", body).await.ok();
    let made = &made["collection"];
    let url = made["url"].as_str().unwrap();
    let path = url.strip_prefix(&server.url).unwrap().to_owned();
    let page = server.get_public(&path).await;
    assert_eq!(page.status, 200);
    assert!(header(&page, "content-security-policy").contains("default-src 'none'"));
    for text in ["They &amp; the sea", "/@bob", "/@alice"] {
        assert!(page.text.contains(text), "{text}");
    }
    assert!(!page.text.contains("<b>sailors"));
    // Browsers are led there from its ActivityPub id.
    let request = server.http.get(made["uri"].as_str().unwrap());
    let led = Answer::of(request.header("accept", "text/html"), "GET".to_owned()).await;
    assert_eq!((led.status.as_u16(), header(&led, "location")), (302, url));
    let id = made["id"].as_str().unwrap();
    for missing in [
        format!("/@bob/collections/{id}"),
        "/@alice/collections/1".to_owned(),
        "/@alice/collections/x".to_owned(),
    ] {
        let page = server.get_public(&missing).await;
        assert_eq!(page.status, 404, "{missing}");
        assert!(header(&page, "content-type").starts_with("text/html"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_costs_the_same_however_much_is_on_it() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let mut costs = Vec::new();
    for _ in 0..2 {
        for _ in 0..9 {
            post(&server, &alice, json!({"status": "again #sea"})).await;
        }
        let mut cost = Vec::new();
        for path in ["/", "/@alice", "/tags/sea"] {
            let read = async || {
                server.app.caches.clear();
                assert_eq!(server.get_public(path).await.status, 200);
            };
            cost.push(server.cost(read).await);
        }
        costs.push(cost);
    }
    assert_eq!(costs[0], costs[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_are_led_to_the_object() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let id = post(&server, &alice, json!({"status": "hello"})).await;
    for (path, object) in [
        ("/@alice".to_owned(), "/users/alice".to_owned()),
        (
            format!("/@alice/{id}"),
            format!("/users/alice/statuses/{id}"),
        ),
    ] {
        let request = server.http.get(format!("{}{path}", server.url));
        let request = request.header("accept", "application/activity+json");
        let answer = Answer::of(request, path).await;
        assert_eq!(answer.status, 302);
        assert_eq!(
            header(&answer, "location"),
            format!("{}{object}", server.url)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_style_sheet_is_kept_for_ever() {
    let server = Server::start().await;
    let style = server.get_public(kith::web::style_path()).await;
    assert_eq!(style.status, 200);
    assert!(header(&style, "content-type").starts_with("text/css"));
    assert!(header(&style, "cache-control").contains("immutable"));
    for path in ["/static/avatar.png", "/static/header.png"] {
        let picture = server.get_public(path).await;
        assert_eq!(header(&picture, "content-type"), "image/png");
    }
}
