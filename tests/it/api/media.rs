//! `/api/v1/media`, `/api/v2/media` and `/media`

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Person, Server, database};

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
    let files = [("file", bytes)];
    send(server, person, Method::POST, "/api/v2/media", &files).await
}

/// The type of [`form`].
pub const FORM: &str = "multipart/form-data; boundary=b";

/// A multipart body with files under names that lie.
pub fn form(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in [("description", "a gradient"), ("focus", "0.5,-0.25")] {
        let head = format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend_from_slice(format!("{head}{value}\r\n").as_bytes());
    }
    for (name, bytes) in files {
        let head = format!(
            "--b\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"x.php\"\r\n\
             content-type: text/html\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b--\r\n");
    body
}

/// Sends files in a multipart body.
pub async fn send(
    server: &Server,
    person: &Person,
    method: Method,
    path: &str,
    files: &[(&str, &[u8])],
) -> Answer {
    let request = server
        .http
        .request(method, format!("{}{path}", server.url))
        .bearer_auth(&person.token)
        .header("content-type", FORM)
        .body(form(files));
    Answer::of(request, path.to_owned()).await
}

/// A file, with a header of the request's.
pub async fn file(server: &Server, path: &str, (name, value): (&str, &str)) -> reqwest::Response {
    let request = server.http.get(format!("{}{path}", server.url));
    request.header(name, value).send().await.unwrap()
}

pub fn header<'a>(response: &'a reqwest::Response, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap())
        .unwrap_or_default()
}

pub fn path(server: &Server, entity: &Value, field: &str) -> String {
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
    let beyond = file(&server, &path, ("range", "bytes=9999999-")).await;
    assert_eq!(beyond.status(), 416);
    let head = server.http.head(format!("{}{path}", server.url));
    let head = head.send().await.unwrap();
    assert_eq!(
        header(&head, "content-length"),
        whole.len().to_string(),
        "a HEAD is answered like a GET without its body"
    );
    assert!(header(&head, "content-disposition").starts_with("inline; filename="));
    assert!(head.bytes().await.unwrap().is_empty());
    for (condition, status) in [(etag.as_str(), 206), ("\"other\"", 200)] {
        let request = server.http.get(format!("{}{path}", server.url));
        let request = request
            .header("range", "bytes=0-3")
            .header("if-range", condition);
        assert_eq!(request.send().await.unwrap().status(), status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thumbnail_can_be_chosen_and_changed() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let (picture, first, second) = (png(64, 48), png(40, 40), png(20, 10));
    let files = [("file", &picture[..]), ("thumbnail", &first[..])];
    let post = send(&server, &alice, Method::POST, "/api/v1/media", &files).await;
    let entity = post.entity("MediaAttachment");
    assert_eq!(entity["meta"]["original"]["size"], "64x48");
    assert_eq!(entity["meta"]["small"]["size"], "40x40");
    let before = path(&server, &entity, "preview_url");
    let one = format!("/api/v1/media/{}", entity["id"].as_str().unwrap());
    let files = [("thumbnail", &second[..])];
    let put = send(&server, &alice, Method::PUT, &one, &files).await;
    let entity = put.entity("MediaAttachment");
    assert_eq!(entity["meta"]["small"]["size"], "20x10");
    assert_eq!(entity["description"], "a gradient");
    let after = path(&server, &entity, "preview_url");
    assert_eq!(file(&server, &after, ("accept", "*/*")).await.status(), 200);
    assert_eq!(
        file(&server, &before, ("accept", "*/*")).await.status(),
        404
    );
    let bad = [("thumbnail", &b"<script>"[..])];
    let bad = send(&server, &alice, Method::PUT, &one, &bad).await;
    bad.refused(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_ffmpeg_there_is_neither_video_nor_audio() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let instance = server.get_public("/api/v2/instance").await.ok();
    let media = &instance["configuration"]["media_attachments"];
    let types = media["supported_mime_types"].as_array().unwrap();
    assert!(
        types
            .iter()
            .all(|t| t.as_str().unwrap().starts_with("image/"))
    );
    assert_eq!(media["video_size_limit"], 0);
    for bytes in [&b"\0\0\0\x18ftypmp42\0\0\0\0isommp42"[..], b"ID3\x04\0\0"] {
        let error = upload(&server, &alice, bytes).await.refused(422);
        assert!(error.ends_with("are not supported"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_still_worked_on_is_not_attached() {
    use kith::domain::media;
    let server = Server::start().await;
    let alice = server.person("alice").await;
    let ctx = server.app.ctx.clone();
    let (id, owner) = (ctx.ids.next(), alice.account.clone());
    let upload = media::Upload {
        id,
        kind: "video".into(),
        meta: json!({}),
        ..media::Upload::default()
    };
    server
        .app
        .write(move |tx| {
            Box::pin(async move {
                let source = "uploads/00/00/x.mp4";
                media::announce(tx, &ctx, &owner, upload, source).await
            })
        })
        .await
        .unwrap();
    let one = format!("/api/v1/media/{id}");
    let waiting = server.get(&alice, &one).await;
    assert_eq!(waiting.status, 206);
    let waiting = waiting.entity("MediaAttachment");
    assert_eq!(
        (&waiting["url"], &waiting["type"]),
        (&Value::Null, &json!("video"))
    );
    let status = json!({"status": "look", "media_ids": [id.to_string()]});
    let early = server.post(&alice, "/api/v1/statuses", status).await;
    assert!(early.refused(422).contains("not finished processing"));
    server
        .app
        .write(move |tx| {
            Box::pin(async move { Ok(kith::db::media_work::fail(tx, id, "It is broken").await?) })
        })
        .await
        .unwrap();
    let failed = server.get(&alice, &one).await;
    assert_eq!(failed.refused(422), "It is broken");
    let gone = server.send(Method::DELETE, &one, Some(&alice.token), None);
    gone.await.ok();
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
    let id = entity["id"].as_str().unwrap();
    let by = 2 * kith::clock::DAY;
    let older = format!("UPDATE media SET created_at = created_at - {by} WHERE id = {id}");
    database::change(&server.app.config.database_url, &older).await;
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
        "/media/uploads/00/00/x.mp4",
    ] {
        let answer = server.get_public(path).await;
        assert_eq!(answer.status, 404, "{path}");
    }
}
