//! Files and the room they take: `kith media`, and what a full disk stops.

use std::time::{Duration, SystemTime};

use kith::clock::HOUR;
use kith::disk::Space;
use serde_json::{Value, json};

use super::{Town, png};
use crate::api::media::upload;
use crate::support::Server;
use crate::support::peer::{Page, Peer};

#[tokio::test(flavor = "multi_thread")]
async fn media_commands_tell_and_tidy_up() {
    let (town, peer) = (Town::start(&[]).await, Peer::start().await);
    let told = |text: String| -> Value { serde_json::from_str(&text).expect("JSON") };
    // A copy of a file from elsewhere.
    let picture = |path: &str| json!({"type": "Image", "url": format!("{}{path}", peer.origin)});
    peer.add_actor_with("good", json!({"icon": picture("/avatar")}));
    peer.serve("/avatar", Page::File("image/png", png()));
    let path = format!(
        "/api/v2/search?q=good@{}&resolve=true&type=accounts",
        peer.domain()
    );
    let found = town.process.get(&town.alice, &path).await.entity("Search");
    let avatar = found["accounts"][0]["avatar"].as_str().unwrap();
    assert!(super::file_at(&town.process, avatar).await.is_some());

    let usage = told(town.process.cli_ok(&["media", "usage", "--json"]));
    assert_eq!(usage["kinds"]["uploads"]["files"], 2, "{usage}");
    assert_eq!(usage["kinds"]["remote_copies"]["files"], 1, "{usage}");
    assert!(usage["bytes"].as_u64().unwrap() > 100, "{usage}");
    assert!(
        town.process
            .cli_ok(&["media", "usage"])
            .contains("remote copies")
    );

    // Fetched anew: the copy is another picture then.
    let other = image::RgbImage::from_pixel(50, 50, image::Rgb([1, 2, 3]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    other.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    peer.serve("/avatar", Page::File("image/png", bytes.into_inner()));
    let before = super::file_at(&town.process, avatar).await.unwrap();
    let handle = format!("good@{}", peer.domain());
    let fetched = told(
        town.process
            .cli_ok(&["media", "refetch", &handle, "--json"]),
    );
    assert_eq!(fetched, json!({"fetched": 1, "failed": {}}));
    assert_ne!(super::file_at(&town.process, avatar).await.unwrap(), before);
    assert_eq!(peer.asked("/avatar"), 2);
    peer.serve("/avatar", Page::File("text/html", b"gone".to_vec()));
    let fetched = told(
        town.process
            .cli_ok(&["media", "refetch", peer.domain(), "--json"]),
    );
    assert_eq!(fetched["fetched"], 0);
    assert_eq!(fetched["failed"].as_object().unwrap().len(), 1, "{fetched}");
    let error = town
        .process
        .cli_fails(&["media", "refetch", "nobody.example"]);
    assert!(error.contains("nobody of nobody.example"), "{error}");
    peer.serve("/avatar", Page::File("image/png", png()));
    town.process.cli_ok(&["media", "refetch", &handle]);

    // Nobody looked at it for zero days.
    let args = ["media", "prune", "--days", "0", "--json"];
    let dry = told(town.process.cli_ok(&[&args[..], &["--dry-run"]].concat()));
    assert_eq!((&dry["copies"], &dry["dry_run"]), (&json!(1), &json!(true)));
    let kept = told(town.process.cli_ok(&["media", "prune", "--json"]));
    assert_eq!(kept["copies"], 0, "{kept}");
    let pruned = told(town.process.cli_ok(&args));
    assert_eq!(
        (&pruned["copies"], &pruned["bytes"]),
        (&dry["copies"], &dry["bytes"])
    );
    let usage = told(town.process.cli_ok(&["media", "usage", "--json"]));
    assert_eq!(usage["kinds"]["remote_copies"]["files"], 0, "{usage}");

    // What is nobody's is found, and what is missing.
    let media = town.process.data_dir().join("media");
    let orphan = media.join("attachments/00/00/1-00.png");
    std::fs::create_dir_all(orphan.parent().unwrap()).unwrap();
    std::fs::write(&orphan, b"nobody's").unwrap();
    let young = told(town.process.cli_ok(&["media", "verify", "--fix", "--json"]));
    assert_eq!(
        young["orphaned"]["files"], 0,
        "it may get its row yet: {young}"
    );
    let old = SystemTime::now() - Duration::from_secs(7200);
    std::fs::File::open(&orphan)
        .unwrap()
        .set_modified(old)
        .unwrap();
    let verified = told(town.process.cli_ok(&["media", "verify", "--json"]));
    assert_eq!(
        verified["orphaned"]["names"],
        json!(["attachments/00/00/1-00.png"])
    );
    assert_eq!(
        (&verified["orphaned"]["deleted"], &verified["missing"]),
        (&json!(0), &json!({}))
    );
    town.process.cli_ok(&["media", "verify", "--fix"]);
    assert!(!orphan.exists());
    let at = town.picture.find("/media/").unwrap() + "/media/".len();
    std::fs::remove_file(media.join(&town.picture[at..])).unwrap();
    let error = town.process.cli_fails(&["media", "verify", "--json"]);
    assert!(error.contains("1 files are missing"), "{error}");
    // A backup says so, too.
    let file = town.process.data_dir().join("backup");
    let backup = told(
        town.process
            .cli_ok(&["backup", file.to_str().unwrap(), "--json"]),
    );
    assert_eq!(
        backup["files"]["missing_names"],
        json!([town.picture[at..]])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_stops_copies_first_then_uploads_and_never_posts() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    let picture = |path: &str| json!({"type": "Image", "url": format!("{}{path}", peer.origin)});
    for name in ["one", "two"] {
        let icon = picture(&format!("/{name}.png"));
        peer.add_actor_with(name, json!({"icon": icon}));
        peer.serve(&format!("/{name}.png"), Page::File("image/png", png()));
    }
    let avatar = async |name: &str| {
        let path = format!(
            "/api/v2/search?q={name}@{}&resolve=true&type=accounts",
            peer.domain()
        );
        let found = server.get(&alice, &path).await.entity("Search");
        found["accounts"][0]["avatar"].as_str().unwrap().to_owned()
    };
    let (one, two) = (avatar("one").await, avatar("two").await);
    let status = async |url: &str| server.http.get(url).send().await.unwrap().status().as_u16();
    assert_eq!(status(&one).await, 200);
    let free = |bytes: u64| {
        let space = Space {
            free: bytes,
            total: 1 << 40,
            free_files: 0,
            total_files: 0,
        };
        server
            .app
            .room
            .assume(space, server.app.clock.now_ms() + HOUR);
    };
    // What is there is served, and nothing is added.
    free(900 << 20);
    assert_eq!(status(&one).await, 200);
    assert_eq!(status(&two).await, 503);
    assert_eq!(peer.asked("/two.png"), 0);
    upload(&server, &alice, &png())
        .await
        .entity("MediaAttachment");
    // Copies make room.
    kith::jobs::remote_files::make_room(&server.app)
        .await
        .unwrap();
    assert_eq!(status(&one).await, 503);
    free(200 << 20);
    assert_eq!(upload(&server, &alice, &png()).await.status, 507);
    server.status(&alice, "still here").await;
    free(2 << 30);
    assert_eq!(status(&two).await, 200);
    upload(&server, &alice, &png())
        .await
        .entity("MediaAttachment");
}
