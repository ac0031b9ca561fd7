//! `/api/v1/media`, `/api/v2/media` and `/media`

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Person, Server};

pub fn png(width: u32, height: u32) -> Vec<u8> {
    let picture = image::RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([(x * 4) as u8, (y * 5) as u8, 90])
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

pub async fn upload(server: &Server, person: &Person, bytes: &[u8]) -> Answer {
    let mut body = Vec::new();
    for (name, value) in [("description", "a gradient"), ("focus", "0.5,-0.25")] {
        let head = format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend_from_slice(format!("{head}{value}\r\n").as_bytes());
    }
    body.extend_from_slice(
        b"--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"x.php\"\r\n\
          content-type: text/html\r\n\r\n",
    );
    body.extend_from_slice(bytes);
    body.extend_from_slice(b"\r\n--b--\r\n");
    let request = server
        .http
        .post(format!("{}/api/v2/media", server.url))
        .bearer_auth(&person.token)
        .header("content-type", "multipart/form-data; boundary=b")
        .body(body);
    Answer::of(request, "upload".to_owned()).await
}

/// A file, with a header of the request's.
async fn file(server: &Server, path: &str, (name, value): (&str, &str)) -> reqwest::Response {
    let request = server.http.get(format!("{}{path}", server.url));
    request.header(name, value).send().await.unwrap()
}

fn header<'a>(response: &'a reqwest::Response, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap())
        .unwrap_or_default()
}

fn path(server: &Server, entity: &Value, field: &str) -> String {
    let url = entity[field].as_str().unwrap();
    url.strip_prefix(&server.url).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_processed_and_served_safely() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let answer = upload(&server, &alice, &png(64, 48)).await;
    let entity = answer.entity("MediaAttachment");
    assert_eq!(entity["type"], "image");
    assert_eq!(entity["description"], "a gradient");
    assert_eq!(entity["meta"]["original"]["width"], 64);
    assert_eq!(entity["meta"]["focus"]["y"], -0.25);
    for field in ["url", "preview_url"] {
        let file = file(&server, &path(&server, &entity, field), ("accept", "*/*")).await;
        assert_eq!(file.status(), 200);
        assert!(header(&file, "content-type").starts_with("image/"));
        assert_eq!(header(&file, "x-content-type-options"), "nosniff");
        assert_eq!(
            header(&file, "content-security-policy"),
            "default-src 'none'; sandbox"
        );
        assert!(header(&file, "cache-control").contains("immutable"));
        assert_eq!(header(&file, "access-control-allow-origin"), "*");
    }
    let path = path(&server, &entity, "url");
    let whole = file(&server, &path, ("accept", "*/*")).await;
    let etag = header(&whole, "etag").to_owned();
    let whole = whole.bytes().await.unwrap();
    let part = file(&server, &path, ("range", "bytes=8-15")).await;
    assert_eq!(part.status(), 206);
    assert_eq!(
        header(&part, "content-range"),
        format!("bytes 8-15/{}", whole.len())
    );
    assert_eq!(part.bytes().await.unwrap(), whole[8..16]);
    let known = file(&server, &path, ("if-none-match", &etag)).await;
    assert_eq!(known.status(), 304);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_picture_is_refused() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    for bytes in [&b"just words"[..], b"<svg/>", b""] {
        let error = upload(&server, &alice, bytes).await.refused(422);
        assert!(error.starts_with("Validation failed: "), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attachment_is_its_owners_alone() {
    let server = Server::start().await;
    let (alice, mallory) = (server.person("alice").await, server.person("mallory").await);
    let entity = upload(&server, &alice, &png(32, 32)).await.ok();
    let id = entity["id"].as_str().unwrap();
    let one = format!("/api/v1/media/{id}");
    let body = json!({"description": "x"});
    let requests = [
        (Method::GET, None),
        (Method::PUT, Some(&body)),
        (Method::DELETE, None),
    ];
    for (method, body) in requests.clone() {
        let token = Some(mallory.token.as_str());
        server.send(method, &one, token, body).await.refused(404);
    }
    let stolen = json!({"status": "mine", "media_ids": [id]});
    let stolen = server.post(&mallory, "/api/v1/statuses", stolen).await;
    stolen.refused(422);
    for (method, body) in requests {
        let token = Some(alice.token.as_str());
        server.send(method, &one, token, body).await.ok();
    }
    let file = server.get_public(&path(&server, &entity, "url")).await;
    assert_eq!(file.status, 404, "the file went with its attachment");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_post_holds_is_not_deleted() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let entity = upload(&server, &alice, &png(32, 32)).await.ok();
    let id = entity["id"].as_str().unwrap();
    let status = json!({"status": "look", "media_ids": [id]});
    let status = server.post(&alice, "/api/v1/statuses", status).await;
    assert_eq!(status.ok()["media_attachments"][0]["id"], id);
    let one = format!("/api/v1/media/{id}");
    let refused = server
        .send(Method::DELETE, &one, Some(&alice.token), None)
        .await;
    refused.refused(422);
    let kept = file(&server, &path(&server, &entity, "url"), ("accept", "*/*")).await;
    assert_eq!(kept.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_no_post_took_up_go_with_their_files() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let entity = upload(&server, &alice, &png(32, 32)).await.ok();
    let address = path(&server, &entity, "url");
    kith::jobs::cleanup::pass(&server.app).await.unwrap();
    let kept = file(&server, &address, ("accept", "*/*")).await;
    assert_eq!(kept.status(), 200, "a fresh upload waits for its post");
    let id: i64 = entity["id"].as_str().unwrap().parse().unwrap();
    server
        .app
        .write(move |tx| {
            Box::pin(async move {
                let mut media = kith::db::media::by_ids(tx, &[id]).await?.remove(0);
                media.created_at -= 2 * kith::clock::DAY;
                Ok(kith::db::media::update(tx, &media).await?)
            })
        })
        .await
        .unwrap();
    kith::jobs::cleanup::pass(&server.app).await.unwrap();
    let gone = file(&server, &address, ("accept", "*/*")).await;
    assert_eq!(gone.status(), 404);
    let one = format!("/api/v1/media/{id}");
    server.get(&alice, &one).await.refused(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_out_of_the_storage_lead_nowhere() {
    let server = Server::start().await;
    for path in [
        "/media/..%2f..%2fsecrets.toml",
        "/media/%2e%2e/secrets.toml",
        "/media/.incoming/1-0",
        "/media/attachments",
        "/media/a.html",
    ] {
        let answer = server.get_public(path).await;
        assert_eq!(answer.status, 404, "{path}");
    }
}
