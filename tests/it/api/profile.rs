//! One's own profile: `update_credentials`, `/api/v1/profile`, preferences, links that verify.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::peer::{Page, Peer, eventually};
use crate::support::{Answer, Person, Server};

const UPDATE: &str = "/api/v1/accounts/update_credentials";
const PROFILE: &str = "/api/v1/profile";

async fn patch(server: &Server, who: &Person, path: &str, body: Value) -> Answer {
    server
        .send(Method::PATCH, path, Some(&who.token), Some(&body))
        .await
}

async fn update(server: &Server, who: &Person, body: Value) -> Value {
    patch(server, who, UPDATE, body)
        .await
        .entity("CredentialAccount")
}

/// A GIF of two colours, one after the other.
fn gif() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
    for shade in [20, 200] {
        let picture = image::RgbaImage::from_pixel(60, 60, image::Rgba([shade, 90, 30, 255]));
        encoder.encode_frame(image::Frame::new(picture)).unwrap();
    }
    drop(encoder);
    bytes
}

fn png() -> Vec<u8> {
    let picture = image::RgbImage::from_fn(90, 60, |x, y| image::Rgb([x as u8, y as u8, 90]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

async fn upload(server: &Server, who: &Person, path: &str, field: &str, bytes: &[u8]) -> Answer {
    let mut body = format!(
        "--b\r\ncontent-disposition: form-data; name=\"{field}\"; filename=\"x\"\r\n\
         content-type: image/png\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(bytes);
    body.extend_from_slice(b"\r\n--b--\r\n");
    let request = server
        .http
        .patch(format!("{}{path}", server.url))
        .bearer_auth(&who.token)
        .header("content-type", "multipart/form-data; boundary=b")
        .body(body);
    Answer::of(request, format!("upload {field}")).await
}

async fn status_of(server: &Server, url: &Value) -> u16 {
    let request = server.http.get(url.as_str().unwrap());
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_a_profile_can_be_changed() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let me = update(
        &server,
        &alice,
        json!({
            "display_name": "Alice", "note": "see https://a.example", "locked": true, "bot": "true",
            "discoverable": false, "indexable": true, "hide_collections": true,
            "attribution_domains": ["Blog.example", "https://news.example/"],
            "fields_attributes": {
                "0": {"name": "Web", "value": "https://a.example/x"},
                "1": {"name": "Pronouns", "value": "she"},
                "2": {"name": "", "value": ""},
            },
            "source": {"privacy": "mutuals", "sensitive": true, "language": "pt-br", "quote_policy": "followers"},
        }),
    )
    .await;
    for (flag, value) in [
        ("locked", true),
        ("bot", true),
        ("discoverable", false),
        ("indexable", true),
    ] {
        assert_eq!(me[flag], value, "{flag}");
    }
    let source = &me["source"];
    assert_eq!(
        source["attribution_domains"],
        json!(["blog.example", "news.example"])
    );
    assert_eq!(
        (
            &source["privacy"],
            &source["sensitive"],
            &source["language"],
            &source["quote_policy"]
        ),
        (
            &json!("private"),
            &json!(true),
            &json!("pt-BR"),
            &json!("followers")
        )
    );
    assert_eq!(me["fields"].as_array().unwrap().len(), 2);
    let link = me["fields"][0]["value"].as_str().unwrap();
    assert!(link.contains("rel=\"me nofollow noopener\""), "{link}");
    assert_eq!(source["fields"][0]["value"], "https://a.example/x");
    assert!(!me["note"].as_str().unwrap().contains("rel=\"me"));

    let shown = patch(
        &server,
        &alice,
        PROFILE,
        json!({"show_media": false, "show_media_replies": "false", "show_featured": false, "note": "raw <b>"}),
    )
    .await
    .entity("Profile");
    assert_eq!(
        (&shown["note"], &shown["avatar"]),
        (&json!("raw <b>"), &json!(null))
    );
    assert_eq!(shown["fields"][1]["value"], "she");
    let public = server
        .get_public(&format!("/api/v1/accounts/{}", alice.id()))
        .await
        .entity("Account");
    for flag in ["show_media", "show_media_replies", "show_featured"] {
        assert_eq!(
            (&shown[flag], &public[flag]),
            (&json!(false), &json!(false)),
            "{flag}"
        );
    }
    for body in [
        json!({"display_name": "x".repeat(31)}),
        json!({"note": "x".repeat(501)}),
        json!({"avatar_description": "x".repeat(151)}),
        json!({"fields_attributes": [{"name": "x".repeat(256), "value": "y"}]}),
        json!({"fields_attributes": [{"name": "x", "value": "y".repeat(256)}]}),
        json!({"fields_attributes": [{"name": "", "value": "y"}]}),
        json!({"fields_attributes": (0..5).map(|n| json!({"name": n, "value": "y"})).collect::<Vec<_>>()}),
        json!({"source": {"privacy": "nobody"}}),
        json!({"source": {"language": "no language"}}),
        json!({"source": {"quote_policy": "enemies"}}),
        json!({"attribution_domains": ["no domain"]}),
        json!({"attribution_domains": (0..11).map(|n| format!("{n}.example")).collect::<Vec<_>>()}),
    ] {
        for path in [UPDATE, PROFILE] {
            patch(&server, &alice, path, body.clone())
                .await
                .refused(422);
        }
    }
    let only = server.token(&alice, "profile").await;
    for path in ["/api/v1/accounts/verify_credentials", PROFILE] {
        server.send(Method::GET, path, Some(&only), None).await.ok();
        let statuses = server.token(&alice, "read:statuses").await;
        server
            .send(Method::GET, path, Some(&statuses), None)
            .await
            .refused(403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_that_do_not_say_are_as_their_author_wants() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let source = json!({"privacy": "unlisted", "sensitive": true, "language": "fr"});
    update(&server, &alice, json!({"source": source})).await;
    let plain = server.status(&alice, "bonjour").await;
    assert_eq!(
        (
            &plain["visibility"],
            &plain["sensitive"],
            &plain["language"]
        ),
        (&json!("unlisted"), &json!(true), &json!("fr"))
    );
    let body = json!({"status": "x", "visibility": "public", "sensitive": false, "language": "en"});
    let said = server
        .post(&alice, "/api/v1/statuses", body)
        .await
        .entity("Status");
    assert_eq!(
        (&said["visibility"], &said["sensitive"], &said["language"]),
        (&json!("public"), &json!(false), &json!("en"))
    );
    let preferences = server
        .get(&alice, "/api/v1/preferences")
        .await
        .entity("Preferences");
    assert_eq!(preferences["posting:default:visibility"], "unlisted");
    assert_eq!(preferences["posting:default:sensitive"], true);
    assert_eq!(preferences["posting:default:language"], "fr");
    let bob = server.person("bob").await;
    let usual = server
        .get(&bob, "/api/v1/preferences")
        .await
        .entity("Preferences");
    assert_eq!(usual["posting:default:visibility"], "public");
    assert_eq!(usual["posting:default:language"], json!(null));
    // No one in particular again.
    update(&server, &alice, json!({"source": {"language": ""}})).await;
    assert_eq!(server.status(&alice, "x").await["language"], json!(null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_moves_has_one_that_stands_still() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let me = upload(&server, &alice, UPDATE, "avatar", &gif())
        .await
        .entity("CredentialAccount");
    assert_ne!(me["avatar"], me["avatar_static"]);
    assert!(me["avatar"].as_str().unwrap().ends_with(".gif"));
    assert!(me["avatar_static"].as_str().unwrap().ends_with(".png"));
    for url in [&me["avatar"], &me["avatar_static"]] {
        assert_eq!(status_of(&server, url).await, 200);
    }
    let profile = upload(&server, &alice, PROFILE, "header", &png())
        .await
        .entity("Profile");
    assert_eq!(profile["header"], profile["header_static"]);
    assert_eq!(status_of(&server, &profile["header"]).await, 200);
    for (field, bytes) in [("avatar", b"no picture".as_slice()), ("header", b"")] {
        let refused = upload(&server, &alice, UPDATE, field, bytes)
            .await
            .refused(422);
        assert!(refused.starts_with("Validation failed"), "{refused}");
    }
    let kept = server.get(&alice, PROFILE).await.entity("Profile");
    assert_eq!(kept["avatar"], me["avatar"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_replaced_pictures_go() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let first = upload(&server, &alice, UPDATE, "avatar", &gif()).await.ok();
    patch(
        &server,
        &alice,
        UPDATE,
        json!({"avatar_description": "two shades"}),
    )
    .await
    .ok();
    let second = upload(&server, &alice, UPDATE, "avatar", &png()).await.ok();
    assert_eq!(
        second["avatar_description"], "",
        "it is of the picture that went"
    );
    let now = server.app.clock.now_ms();
    let waiting = async || {
        server
            .app
            .read(move |c| {
                Box::pin(async move {
                    Ok(kith::db::profiles::files_retired_before(c, now + 60_000, 10).await?)
                })
            })
            .await
            .unwrap()
    };
    let retired = waiting().await;
    assert_eq!(retired.len(), 2, "{retired:?}");
    // Others may still look at them for a while.
    kith::jobs::cleanup::pass(&server.app).await.unwrap();
    assert_eq!(status_of(&server, &first["avatar"]).await, 200);
    server
        .app
        .write(move |tx| {
            Box::pin(async move { Ok(kith::db::profiles::retire_files(tx, &retired, 1).await?) })
        })
        .await
        .unwrap();
    kith::jobs::cleanup::pass(&server.app).await.unwrap();
    for gone in [&first["avatar"], &first["avatar_static"]] {
        assert_eq!(status_of(&server, gone).await, 404);
    }
    assert_eq!(status_of(&server, &second["avatar"]).await, 200);
    assert!(waiting().await.is_empty());
    let path = format!("{PROFILE}/avatar");
    let without = server
        .send(Method::DELETE, &path, Some(&alice.token), None)
        .await
        .entity("CredentialAccount");
    assert_ne!(without["avatar"], second["avatar"]);
    assert_eq!(waiting().await.len(), 1);
    server
        .send(Method::DELETE, &path, Some(&alice.token), None)
        .await
        .ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_links_back_verifies_a_field() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let page = |rel: &str| {
        let link = format!("<a rel='{rel}' href='{}/@Alice'>me</a>", server.url);
        Page::Raw(
            200,
            "text/html; charset=utf-8",
            format!("<!doctype html><body>{link}"),
        )
    };
    peer.serve("/about", page("noopener me"));
    peer.serve("/other", page("nofollow"));
    peer.serve("/moved", Page::Redirect(format!("{}/about", peer.origin)));
    peer.serve(
        "/data",
        Page::Raw(
            200,
            "text/plain",
            format!("<a rel=me href={}/@alice>", server.url),
        ),
    );
    let url = |path: &str| format!("{}{path}", peer.origin);
    let fields = json!([
        {"name": "About", "value": url("/about")},
        {"name": "Other", "value": url("/other")},
        {"name": "Moved", "value": url("/moved")},
        {"name": "Data", "value": url("/data")},
    ]);
    update(&server, &alice, json!({"fields_attributes": fields})).await;
    let path = "/api/v1/accounts/verify_credentials";
    let me = eventually("the links are looked at", async || {
        let me = server.get(&alice, path).await.entity("CredentialAccount");
        me["fields"][0]["verified_at"].is_string().then_some(me)
    })
    .await;
    let verified = |me: &Value, part: &str| -> Vec<bool> {
        let fields = me.pointer(part).unwrap().as_array().unwrap();
        fields
            .iter()
            .map(|field| field["verified_at"].is_string())
            .collect()
    };
    for part in ["/fields", "/source/fields"] {
        assert_eq!(verified(&me, part), [true, false, true, false], "{part}");
    }
    let public = server
        .get_public(&format!("/api/v1/accounts/{}", alice.id()))
        .await
        .entity("Account");
    assert_eq!(public["fields"], me["fields"]);
    // What was verified stays so while it is the same; what changes is looked at again.
    let fields = json!([
        {"name": "Me", "value": url("/about")},
        {"name": "Moved", "value": url("/data")},
    ]);
    let me = update(&server, &alice, json!({"fields_attributes": fields})).await;
    assert_eq!(verified(&me, "/fields"), [true, false]);
    // Our own page says whose the other one is.
    let request = server
        .http
        .get(format!("{}/@alice", server.url))
        .header("accept", "text/html");
    let html = request.send().await.unwrap().text().await.unwrap();
    let link = format!("<a href=\"{}\" ", url("/about"));
    let at = html
        .find(&link)
        .unwrap_or_else(|| panic!("no link in {html}"));
    assert!(html[at..at + 200].contains("rel=\"me "), "{html}");
}
