//! Custom emoji: added, shown, sent and taken in.

use std::io::Write;

use bytes::Bytes;
use kith::domain::emojis::{self, Picture};
use serde_json::{Value, json};

use crate::support::Server;
use crate::support::peer::{Delivery, Page, Peer, eventually};
use crate::support::process::Process;

/// A red square.
fn png() -> Vec<u8> {
    let mut bytes = Vec::new();
    let picture = image::RgbaImage::from_pixel(8, 8, image::Rgba([255, 0, 0, 255]));
    picture
        .write_to(
            &mut std::io::Cursor::new(&mut bytes),
            image::ImageFormat::Png,
        )
        .unwrap();
    bytes
}

/// Two frames.
fn gif() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
    for red in [0, 255] {
        let picture = image::RgbaImage::from_pixel(8, 8, image::Rgba([red, 0, 0, 255]));
        encoder.encode_frame(image::Frame::new(picture)).unwrap();
    }
    drop(encoder);
    bytes
}

async fn add(server: &Server, name: &str, bytes: Vec<u8>) {
    let stored = server
        .app
        .intake
        .emoji(name, Bytes::from(bytes), emojis::MAX_BYTES)
        .await
        .expect("a picture");
    let picture = Picture {
        image: stored.image.to_string(),
        static_image: stored.static_image.to_string(),
        mime: stored.mime.to_owned(),
    };
    let (ctx, name) = (server.app.ctx.clone(), name.to_owned());
    server
        .app
        .write(move |tx| {
            Box::pin(async move { emojis::add(tx, &ctx, &name, picture, "shapes", true).await })
        })
        .await
        .expect("an emoji");
}

async fn list(server: &Server) -> Vec<Value> {
    let path = "/api/v1/custom_emojis";
    server.get_public(path).await.entities("CustomEmoji")
}

fn names(emojis: &Value) -> Vec<&str> {
    let list = emojis.as_array().unwrap().iter();
    list.map(|e| e["shortcode"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ours_are_listed_and_shown_where_they_are_used() {
    let server = Server::start().await;
    let alice = server.person("alice").await;
    assert!(list(&server).await.is_empty());
    add(&server, "red", png()).await;
    add(&server, "Blink", gif()).await;
    let all = list(&server).await;
    assert_eq!(names(&json!(all)), ["Blink", "red"]);
    assert_eq!(all[1]["category"], "shapes");
    assert_eq!(all[1]["url"], all[1]["static_url"]);
    assert_ne!(
        all[0]["url"], all[0]["static_url"],
        "an animation has a still"
    );
    for emoji in &all {
        for url in [&emoji["url"], &emoji["static_url"]] {
            let path = url.as_str().unwrap().strip_prefix(&server.url).unwrap();
            let file = server.get_public(path).await;
            assert_eq!(file.status, 200, "{path}");
            assert!(
                file.headers["content-type"]
                    .to_str()
                    .unwrap()
                    .starts_with("image/")
            );
        }
    }
    let post = json!({"status": "so :red: and :none:", "spoiler_text": ":Blink:"});
    let post = server.post(&alice, "/api/v1/statuses", post).await;
    let post = post.entity("Status");
    assert_eq!(names(&post["emojis"]), ["red", "Blink"]);
    let path = format!("/api/v1/statuses/{}", post["id"].as_str().unwrap());
    let body = json!({"status": "now :Blink: alone"});
    let edited = server
        .send(reqwest::Method::PUT, &path, Some(&alice.token), Some(&body))
        .await
        .entity("Status");
    assert_eq!(names(&edited["emojis"]), ["Blink"]);
    let name = json!({"display_name": "Alice :red:"});
    let me = server
        .send(
            reqwest::Method::PATCH,
            "/api/v1/accounts/update_credentials",
            Some(&alice.token),
            Some(&name),
        )
        .await
        .entity("CredentialAccount");
    assert_eq!(me["display_name"], "Alice :red:");
    let path = format!("/api/v1/accounts/{}", alice.id());
    let seen = server.get(&alice, &path).await.ok();
    assert_eq!(names(&seen["emojis"]), ["red"]);
    server
        .app
        .write(|tx| Box::pin(async move { emojis::remove(tx, "red").await }))
        .await
        .unwrap();
    assert_eq!(list(&server).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn they_travel() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    add(&server, "red", png()).await;
    let good = peer.add_actor("good");
    let follow = json!({
        "@context": "https://www.w3.org/ns/activitystreams", "id": format!("{good}#f"),
        "type": "Follow", "actor": good, "object": alice.account.uri,
    });
    Delivery::by(&good).send(&server, &follow).await;
    eventually("the follow is accepted", async || {
        peer.received()
            .iter()
            .any(|a| a["type"] == "Accept")
            .then_some(())
    })
    .await;
    server.status(&alice, "so :red:").await;
    let note = eventually("the note arrives", async || {
        let all = peer.received();
        let create = all.iter().find(|a| a["type"] == "Create")?;
        Some(create["object"].clone())
    })
    .await;
    let tag = note["tag"]
        .as_array()
        .unwrap()
        .iter()
        .find(|tag| tag["type"] == "Emoji")
        .expect("an Emoji tag");
    assert_eq!(tag["name"], ":red:");
    assert_eq!(tag["icon"]["mediaType"], "image/png");
    let path = tag["id"].as_str().unwrap();
    let path = path.strip_prefix(&server.url).unwrap();
    let object = server.get_public(path).await.ok();
    assert_eq!(
        (&object["id"], &object["icon"], &object["name"]),
        (&tag["id"], &tag["icon"], &tag["name"])
    );
    // And the other way.
    let mut theirs = peer.note("good", "1", "<p>look :cat:</p>");
    let picture = format!("{}/cat.png", peer.origin);
    theirs["tag"] = json!([{
        "id": format!("{}/emojis/1", peer.origin), "type": "Emoji", "name": ":cat:",
        "icon": {"type": "Image", "mediaType": "image/png", "url": picture},
    }, {"type": "Mention", "href": alice.account.uri}]);
    theirs["cc"] = json!([alice.account.uri]);
    peer.serve("/notes/1", Page::Document(theirs.clone()));
    let create = peer.create("good", &theirs);
    Delivery::by(&good).send(&server, &create).await;
    let status = eventually("the note is here", async || {
        let path = "/api/v1/notifications?types[]=mention";
        let list = server.get(&alice, path).await.ok();
        Some(list.as_array().unwrap().first()?["status"].clone())
    })
    .await;
    assert_eq!(status["emojis"][0]["shortcode"], "cat");
    // Shown by our copy.
    let shown = status["emojis"][0]["url"].as_str().expect("a URL");
    assert!(shown.starts_with(&format!("{}/media/proxy/emoji/", server.url)));
    let domain = peer.domain().to_owned();
    let kept = server
        .app
        .read(move |c| {
            Box::pin(async move {
                Ok(kith::db::emojis::by_names(c, &domain, &["cat".to_owned()]).await?)
            })
        })
        .await
        .unwrap();
    assert_eq!(kept[0].image, picture);
    assert_eq!(list(&server).await.len(), 1, "theirs are not ours");
}

/// A tar.gz, a zip and a directory with the same two pictures, one text, and one that is too large.
fn packs(dir: &std::path::Path) -> [std::path::PathBuf; 3] {
    let large = vec![0; emojis::MAX_BYTES + 1];
    let files: [(&str, Vec<u8>); 4] = [
        ("pack/one.png", png()),
        ("pack/two-2.gif", gif()),
        ("pack/README.md", b"hello".to_vec()),
        ("pack/large.png", large),
    ];
    let tar = dir.join("pack.tar.gz");
    let file = std::fs::File::create(&tar).unwrap();
    let encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    let mut archive = tar::Builder::new(encoder);
    for (name, bytes) in &files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append_data(&mut header, name, &bytes[..]).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap();
    let zip = dir.join("pack.zip");
    let mut archive = zip::ZipWriter::new(std::fs::File::create(&zip).unwrap());
    for (name, bytes) in &files {
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file(*name, options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap();
    let directory = dir.join("pack");
    std::fs::create_dir(&directory).unwrap();
    for (name, bytes) in &files {
        std::fs::write(dir.join(name), bytes).unwrap();
    }
    [tar, zip, directory]
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_add_import_and_remove_beside_a_running_server() {
    let process = Process::start().await;
    let dir = tempfile::tempdir().unwrap();
    let shown = async || {
        let request = process
            .http
            .get(format!("{}/api/v1/custom_emojis", process.url));
        let text = request.send().await.unwrap().text().await.unwrap();
        let mut names: Vec<String> = serde_json::from_str::<Vec<Value>>(&text)
            .unwrap()
            .iter()
            .map(|e| e["shortcode"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    assert!(shown().await.is_empty());
    for (pack, prefix) in packs(dir.path()).iter().zip(["a_", "b_", "c_"]) {
        let path = pack.to_str().unwrap();
        let said = process.cli_ok(&["emoji", "import", path, "--prefix", prefix]);
        assert!(said.starts_with("added 2,"), "{said}");
    }
    let began = std::time::Instant::now();
    eventually("the server shows them", async || {
        (shown().await == ["a_one", "a_two_2", "b_one", "b_two_2", "c_one", "c_two_2"])
            .then_some(())
    })
    .await;
    assert!(began.elapsed().as_secs() < 3);
    let file = dir.path().join("pack/one.png");
    let file = file.to_str().unwrap();
    process.cli_ok(&[
        "emoji",
        "add",
        "red",
        file,
        "--category",
        "shapes",
        "--unlisted",
    ]);
    let again = process.cli(&["emoji", "add", "red", file]);
    assert!(!again.status.success(), "it is there already");
    process.cli_ok(&[
        "emoji",
        "add",
        "red",
        file,
        "--overwrite",
        "--category",
        "more",
    ]);
    let listed = process.cli_ok(&["emoji", "list", "--json"]);
    let listed: Vec<Value> = serde_json::from_str(&listed).unwrap();
    let red = listed.iter().find(|e| e["shortcode"] == "red").unwrap();
    assert_eq!(red["category"], "more");
    // What is written out comes in again.
    let pack = dir.path().join("all.tar.gz");
    let pack = pack.to_str().unwrap();
    let said = process.cli_ok(&["emoji", "export", pack]);
    assert!(said.starts_with("7 emoji"), "{said}");
    let error = process.cli_fails(&["emoji", "export", pack]);
    assert!(error.contains("exists"), "{error}");
    let said = process.cli_ok(&["emoji", "import", pack]);
    assert!(said.starts_with("added 0, 7 were there already"), "{said}");
    let empty = tempfile::tempdir().unwrap();
    let output = process.cli(&["emoji", "import", empty.path().to_str().unwrap()]);
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.trim_end().ends_with("there are no pictures in it"),
        "{error}"
    );
    assert!(output.stdout.is_empty(), "one thing is said");
    process.cli_ok(&["emoji", "remove", "red"]);
    assert!(!process.cli(&["emoji", "remove", "red"]).status.success());
    let text = dir.path().join("pack/README.md");
    for wrong in [["a b", file], ["text", text.to_str().unwrap()]] {
        let refused = process.cli(&["emoji", "add", wrong[0], wrong[1]]);
        assert!(!refused.status.success(), "{wrong:?}");
    }
    // The other commands of this kind, once each.
    process.cli_ok(&["instance", "set", "title", "Seaside"]);
    let rule = process.cli_ok(&["rule", "add", "Be kind", "--hint", "To all"]);
    process.cli_ok(&[
        "rule", "edit", &rule, "--locale", "de", "--text", "Sei nett",
    ]);
    let announcement = process.cli_ok(&["announcement", "create", "Hello"]);
    process.cli_ok(&["announcement", "update", &announcement, "Hello again"]);
    let alice = process.person("alice");
    let began = std::time::Instant::now();
    eventually("the server says so", async || {
        let about = process.get(&alice, "/api/v2/instance").await.ok();
        (about["title"] == "Seaside" && about["rules"][0]["text"] == "Be kind").then_some(())
    })
    .await;
    assert!(began.elapsed().as_secs() < 3);
    let all = process.get(&alice, "/api/v1/announcements").await.ok();
    assert_eq!(all[0]["content"], "<p>Hello again</p>");
    process.cli_ok(&["announcement", "delete", &announcement]);
    process.cli_ok(&["rule", "remove", &rule]);
    let file = dir.path().join("terms.md");
    std::fs::write(&file, "Be *good*.").unwrap();
    let file = file.to_str().unwrap();
    let said = process.cli_ok(&["instance", "set", "terms", "--file", file]);
    assert!(said.starts_with("set from "), "{said}");
    let shown = process.cli_ok(&["instance", "show", "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["terms"][0]["text"], "Be *good*.");
    let listed = process.cli_ok(&["announcement", "list"]);
    assert!(listed.is_empty(), "{listed}");
}
