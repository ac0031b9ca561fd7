//! Previews of links, trends, translation and embeds.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::peer::{Page, Peer, eventually};
use crate::support::server::ids;
use crate::support::{Person, Server};

fn id(entity: &Value) -> &str {
    entity["id"].as_str().expect("an id")
}

async fn shown(server: &Server, who: &Person, status: &Value) -> Value {
    let path = format!("/api/v1/statuses/{}", id(status));
    server.get(who, &path).await.entity("Status")
}

async fn card(server: &Server, who: &Person, status: &Value) -> Value {
    eventually("the card comes", async || {
        let card = shown(server, who, status).await["card"].clone();
        card.is_object().then_some(card)
    })
    .await
}

/// A picture as a page's image.
const PIXEL: &[u8] = include_bytes!("../../../src/web/static/header.png");

async fn site() -> (String, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    let router = Router::new().route(
        "/pic.png",
        get(async || ([("content-type", "image/png")], PIXEL)),
    );
    let task = tokio::spawn(async move {
        let _ = axum::serve(listener, router).await;
    });
    (origin, task)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_gets_a_preview_with_its_picture_kept_here() {
    let server = Server::start().await;
    let (pictures, _task) = site().await;
    let peer = Peer::start().await;
    let alice = server.person("alice").await;
    let page = format!(
        r#"<html lang="en"><head><title>x</title><meta property="og:title" content="A story">
        <meta property="og:description" content="Of &amp; about"><meta property="og:image" content="{pictures}/pic.png">
        <meta property="og:image:alt" content="A picture"><meta property="og:site_name" content="News">
        <meta name="author" content="Ann"></head></html>"#
    );
    peer.serve("/story", Page::Raw(200, "text/html; charset=utf-8", page));
    let text = format!("see {}/story#part and {}/other", peer.origin, peer.origin);
    let status = server.status(&alice, &text).await;
    let card = card(&server, &alice, &status).await;
    assert_eq!(card["url"], format!("{}/story", peer.origin));
    for (name, wanted) in [
        ("title", "A story"),
        ("description", "Of & about"),
        ("type", "link"),
        ("provider_name", "News"),
        ("image_description", "A picture"),
    ] {
        assert_eq!(card[name], wanted, "{name}");
    }
    assert_eq!(card["authors"][0]["name"], "Ann");
    let image = card["image"].as_str().unwrap();
    assert!(
        image.starts_with(&format!("{}/media/cards/", server.url)),
        "{image}"
    );
    assert!(card["blurhash"].is_string());
    let picture = server.http.get(image).send().await.unwrap();
    assert_eq!(picture.status(), 200);
    // Posted again, it is there at once, and not fetched again.
    let again = server.status(&alice, &text).await;
    assert_eq!(again["card"], card);
    let fetched = peer
        .requests()
        .iter()
        .filter(|(_, path)| path == "/story")
        .count();
    assert_eq!(fetched, 1);
    assert!(peer.requests().iter().all(|(_, path)| path != "/other"));
    // An edit takes it away.
    let path = format!("/api/v1/statuses/{}", id(&again));
    let edit = json!({"status": "no link"});
    let edited = server
        .send(Method::PUT, &path, Some(&alice.token), Some(&edit))
        .await
        .entity("Status");
    assert_eq!(edited["card"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn s9_a_video_is_framed_by_us_and_a_page_without_a_title_shows_nothing() {
    let server = Server::start().await;
    let peer = Peer::start().await;
    let alice = server.person("alice").await;
    let page = r#"<title>Clip</title><link rel="alternate" type="application/json+oembed" href="/oembed">"#;
    peer.serve("/clip", Page::Raw(200, "text/html", page.into()));
    let oembed = json!({
        "type": "video", "title": "Clip", "provider_name": "Tube", "width": 640, "height": 360,
        "html": "<script>alert(1)</script><iframe src=\"https://tube.example/embed/1\" onload=\"alert(1)\"></iframe>",
    });
    peer.serve(
        "/oembed",
        Page::Raw(200, "application/json", oembed.to_string()),
    );
    let video = server
        .status(&alice, &format!("{}/clip", peer.origin))
        .await;
    let card = card(&server, &alice, &video).await;
    assert_eq!(
        (&card["type"], &card["provider_name"]),
        (&json!("video"), &json!("Tube"))
    );
    let html = card["html"].as_str().unwrap();
    assert!(
        html.starts_with("<iframe src=\"https://tube.example/embed/1\""),
        "{html}"
    );
    assert!(!html.contains("alert"));
    assert_eq!(
        (&card["width"], &card["height"]),
        (&json!(640), &json!(360))
    );
    peer.serve(
        "/blank",
        Page::Raw(200, "text/html", "<p>nothing</p>".into()),
    );
    peer.serve("/data", Page::Raw(200, "application/json", "{}".into()));
    peer.serve("/endless", Page::Endless);
    for path in ["/blank", "/data", "/endless", "/missing"] {
        let status = server
            .status(&alice, &format!("{}{path}", peer.origin))
            .await;
        eventually("it is looked at", async || {
            peer.requests().iter().any(|(_, p)| p == path).then_some(())
        })
        .await;
        assert_eq!(shown(&server, &alice, &status).await["card"], Value::Null);
    }
    // What is not for everyone is nobody's to fetch.
    let private = json!({"status": format!("{}/private", peer.origin), "visibility": "private"});
    server.post(&alice, "/api/v1/statuses", private).await.ok();
    let mention = format!("{}/last", peer.origin);
    server.status(&alice, &mention).await;
    eventually("the one after it is fetched", async || {
        peer.requests()
            .iter()
            .any(|(_, p)| p == "/last")
            .then_some(())
    })
    .await;
    assert!(peer.requests().iter().all(|(_, p)| p != "/private"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_do_trends() {
    let server = Server::start().await;
    let peer = Peer::start().await;
    let page = "<title>News of the day</title>";
    peer.serve("/news", Page::Raw(200, "text/html", page.into()));
    let mut people = Vec::new();
    for name in ["alice", "bob", "carol"] {
        people.push(server.person(name).await);
    }
    let link = format!("{}/news", peer.origin);
    let mut posted = Vec::new();
    for person in &people[..2] {
        posted.push(server.status(person, &format!("#hot {link}")).await);
    }
    card(&server, &people[0], &posted[0]).await;
    server.status(&people[0], "#lonely").await;
    let loved = server.status(&people[0], "loved").await;
    let sensitive = json!({"status": "hidden", "sensitive": true});
    let sensitive = server
        .post(&people[0], "/api/v1/statuses", sensitive)
        .await
        .entity("Status");
    for person in &people[1..] {
        for status in [&loved, &sensitive] {
            let path = format!("/api/v1/statuses/{}/favourite", id(status));
            server.post(person, &path, json!({})).await.ok();
        }
    }
    for path in ["", "/tags", "/statuses", "/links"] {
        let list = server
            .get_public(&format!("/api/v1/trends{path}"))
            .await
            .ok();
        assert_eq!(list, json!([]), "nothing is reckoned yet");
    }
    kith::jobs::trends::pass(&server.app).await.unwrap();
    for path in ["", "/tags"] {
        let tags = server
            .get(&people[0], &format!("/api/v1/trends{path}"))
            .await
            .entities("Tag");
        let names: Vec<_> = tags.iter().map(|t| t["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["hot"], "one account alone is no trend");
        assert_eq!(tags[0]["history"][0]["accounts"], "2");
    }
    let statuses = server
        .get_public("/api/v1/trends/statuses")
        .await
        .entities("Status");
    assert_eq!(ids(&statuses), [id(&loved)]);
    let links = server
        .get_public("/api/v1/trends/links")
        .await
        .entities("Trends__Link");
    assert_eq!(
        (&links[0]["url"], &links[0]["title"]),
        (&json!(link), &json!("News of the day"))
    );
    assert_eq!(links[0]["history"][0]["uses"], "2");
    let encoded: String = url::form_urlencoded::byte_serialize(link.as_bytes()).collect();
    let timeline = server
        .get_public(&format!("/api/v1/timelines/link?url={encoded}"))
        .await
        .entities("Status");
    let newest: Vec<_> = posted.iter().rev().map(|s| id(s).to_owned()).collect();
    assert_eq!(ids(&timeline), newest);
    for path in [
        "/api/v1/timelines/link",
        "/api/v1/timelines/link?url=https://other.example/",
    ] {
        server.get_public(path).await.refused(404);
    }
    let none = server
        .get_public("/api/v1/trends/tags?offset=1")
        .await
        .entities("Tag");
    assert!(none.is_empty());
}

/// A LibreTranslate that shouts.
async fn service() -> (String, Arc<Mutex<Vec<Value>>>) {
    type Asked = Arc<Mutex<Vec<Value>>>;
    let asked: Asked = Arc::default();
    async fn translate(State(asked): State<Asked>, body: String) -> Json<Value> {
        let body: Value = serde_json::from_str(&body).unwrap();
        let shout = |text: &Value| {
            let text = text.as_str().unwrap();
            text.replace("Guten Morgen", "GOOD MORNING")
                .replace("Warnung", "WARNING")
        };
        let texts: Vec<String> = body["q"].as_array().unwrap().iter().map(shout).collect();
        asked.lock().unwrap().push(body);
        let detected: Vec<Value> = texts
            .iter()
            .map(|_| json!({"confidence": 90, "language": "de"}))
            .collect();
        Json(json!({"translatedText": texts, "detectedLanguage": detected}))
    }
    let router = Router::new()
        .route("/base/translate", post(translate))
        .route(
            "/base/languages",
            get(async || {
                Json(json!([
                    {"code": "de", "name": "German", "targets": ["de", "en"]},
                    {"code": "en", "name": "English", "targets": ["de", "en"]},
                ]))
            }),
        )
        .with_state(asked.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/base/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let _ = axum::serve(listener, router).await;
    });
    (url, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_are_translated_by_the_configured_service() {
    let (url, asked) = service().await;
    let settings = [
        ("KITH_TRANSLATE_URL", url.as_str()),
        ("KITH_TRANSLATE_KEY", "secret"),
        // Services of the operator's are not guarded.
        ("KITH_FEDERATION_ALLOW_PRIVATE", "false"),
    ];
    let server = Server::start_with(&settings).await;
    let alice = server.person("alice").await;
    let languages = server
        .get_public("/api/v1/instance/translation_languages")
        .await
        .ok();
    assert_eq!(
        languages,
        json!({"de": ["en"], "en": ["de"], "und": ["de", "en"]})
    );
    let instance = server.get_public("/api/v2/instance").await.ok();
    assert_eq!(instance["configuration"]["translation"]["enabled"], true);
    let body = json!({
        "status": "Guten Morgen\n\n<b> & #tag", "spoiler_text": "Warnung <1>", "language": "de",
    });
    let status = server
        .post(&alice, "/api/v1/statuses", body)
        .await
        .entity("Status");
    let path = format!("/api/v1/statuses/{}/translate", id(&status));
    let translated = server
        .post(&alice, &path, json!({"lang": "en"}))
        .await
        .entity("Translation");
    let content = translated["content"].as_str().unwrap();
    assert!(
        content.starts_with("<p>GOOD MORNING</p><p>&lt;b&gt; &amp; <a href="),
        "{content}"
    );
    assert_eq!(translated["spoiler_text"], "WARNING <1>");
    assert_eq!(
        (
            &translated["language"],
            &translated["detected_source_language"]
        ),
        (&json!("en"), &json!("de"))
    );
    // The next one comes from what is kept; after an edit it is asked again.
    let again = server.post(&alice, &path, json!({"lang": "en-GB"})).await;
    assert_eq!(again.entity("Translation"), translated);
    assert_eq!(asked.lock().unwrap().len(), 1);
    {
        let asked = asked.lock().unwrap();
        assert_eq!(
            (&asked[0]["api_key"], &asked[0]["format"]),
            (&json!("secret"), &json!("html"))
        );
        assert_eq!(
            (&asked[0]["source"], &asked[0]["target"]),
            (&json!("de"), &json!("en"))
        );
    }
    let put = format!("/api/v1/statuses/{}", id(&status));
    let edit = json!({"status": "Guten Morgen!", "language": "de"});
    server
        .send(Method::PUT, &put, Some(&alice.token), Some(&edit))
        .await
        .ok();
    let fresh = server
        .post(&alice, &path, json!({"lang": "en"}))
        .await
        .entity("Translation");
    assert_eq!(fresh["content"], "<p>GOOD MORNING!</p>");
    assert_eq!(asked.lock().unwrap().len(), 2);
    // What it cannot, and what is not for everyone.
    for lang in ["de", "fr", "nonsense"] {
        server
            .post(&alice, &path, json!({"lang": lang}))
            .await
            .refused(403);
    }
    let private = json!({"status": "Geheim", "language": "de", "visibility": "private"});
    let private = server
        .post(&alice, "/api/v1/statuses", private)
        .await
        .entity("Status");
    let path = format!("/api/v1/statuses/{}/translate", id(&private));
    server
        .post(&alice, &path, json!({"lang": "en"}))
        .await
        .refused(403);
    assert_eq!(asked.lock().unwrap().len(), 2, "nothing private was sent");
    server
        .send(Method::POST, &path, None, Some(&json!({})))
        .await
        .refused(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_service_there_is_no_translation() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let status = server.status(&alice, "Guten Morgen").await;
    let path = format!("/api/v1/statuses/{}/translate", id(&status));
    server.post(&alice, &path, json!({})).await.refused(503);
    let languages = server
        .get_public("/api/v1/instance/translation_languages")
        .await
        .ok();
    assert_eq!(languages, json!({}));
    // One that does not answer is the same.
    let settings = [("KITH_TRANSLATE_URL", "http://127.0.0.1:9/")];
    let server = Server::start_with(&settings).await;
    let alice = server.person("alice").await;
    let status = server.status(&alice, "Guten Morgen").await;
    let path = format!("/api/v1/statuses/{}/translate", id(&status));
    server.post(&alice, &path, json!({})).await.refused(503);
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_are_embedded_by_oembed() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let status = server.status(&alice, "embed <me>").await;
    let address = |status: &Value| {
        let url = status["url"].as_str().unwrap();
        let encoded: String = url::form_urlencoded::byte_serialize(url.as_bytes()).collect();
        format!("/api/oembed?url={encoded}")
    };
    let path = format!("{}&maxwidth=300&maxheight=250", address(&status));
    let answer = server.get_public(&path).await.ok();
    assert_eq!(
        (&answer["type"], &answer["version"]),
        (&json!("rich"), &json!("1.0"))
    );
    assert_eq!(
        (&answer["width"], &answer["height"]),
        (&json!(300), &json!(250))
    );
    let embed = format!("{}/embed", status["url"].as_str().unwrap());
    assert!(
        answer["html"]
            .as_str()
            .unwrap()
            .contains(&format!("src=\"{embed}\""))
    );
    let page = server.http.get(&embed).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.headers().get("x-frame-options").is_none());
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("frame-ancestors *"), "{policy}");
    assert!(page.text().await.unwrap().contains("embed &lt;me&gt;"));
    let private = json!({"status": "mine", "visibility": "private"});
    let private = server
        .post(&alice, "/api/v1/statuses", private)
        .await
        .entity("Status");
    server.get_public(&address(&private)).await.refused(404);
    let page = format!("{}/embed", private["url"].as_str().unwrap());
    assert_eq!(server.http.get(page).send().await.unwrap().status(), 404);
    for path in [
        "/api/oembed".to_owned(),
        "/api/oembed?url=https://other.example/".to_owned(),
        format!("/api/oembed?url={}/nowhere", server.url),
    ] {
        server.get_public(&path).await.refused(404);
    }
    server
        .get_public(&format!("{}&format=xml", address(&status)))
        .await
        .refused(501);
}
