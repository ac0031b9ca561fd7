//! Video and sound, with the ffmpeg of this machine (tests/run.sh installs it).

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use kith::clock::MINUTE;
use kith::media::av::Tools;
use reqwest::Method;
use serde_json::{Value, json};

use super::media::{file, header, path, png, send};
use crate::operation::store_away::put_off;
use crate::support::peer::eventually;
use crate::support::{Answer, Person, Server};

/// A server that finds ffmpeg where this machine has it.
async fn start() -> (Server, Person) {
    let path = std::env::var("PATH").expect("a PATH");
    let server = Server::start_with(&[("PATH", &path)]).await;
    let instance = server.get_public("/api/v2/instance").await.ok();
    let media = &instance["configuration"]["media_attachments"];
    let types = media["supported_mime_types"].as_array().unwrap();
    assert!(
        types.contains(&json!("video/mp4")),
        "ffmpeg is needed here: apt-get install ffmpeg"
    );
    assert!(media["video_size_limit"].as_u64().unwrap() > 1 << 20);
    let alice = server.person("alice").await;
    (server, alice)
}

/// A file that ffmpeg makes.
pub fn made(name: &str, args: &[&str]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let picture: PathBuf = dir.path().join("cover.png");
    std::fs::write(&picture, png(60, 60)).unwrap();
    let out = dir.path().join(name);
    let args = args.iter().map(|arg| match *arg {
        "COVER" => picture.display().to_string(),
        other => other.to_owned(),
    });
    let done = Command::new("ffmpeg")
        .args(["-v", "error", "-y"])
        .args(args)
        .arg(&out)
        .output()
        .expect("ffmpeg runs");
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    std::fs::read(out).unwrap()
}

pub fn video() -> Vec<u8> {
    made(
        "video.mov",
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc=size=160x120:rate=25:duration=1",
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=440:duration=1",
            "-c:v",
            "libx264",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
            "-metadata",
            "location=+59.3293+018.0686/",
            "-metadata",
            "title=a secret title",
        ],
    )
}

async fn post(server: &Server, alice: &Person, bytes: &[u8]) -> Answer {
    send(
        server,
        alice,
        Method::POST,
        "/api/v2/media",
        &[("file", bytes)],
    )
    .await
}

/// The attachment once it is done.
async fn done(server: &Server, alice: &Person, begun: &Value) -> Value {
    let one = format!("/api/v1/media/{}", begun["id"].as_str().unwrap());
    eventually("the upload is worked on", async || {
        let answer = server.get(alice, &one).await;
        assert!(
            answer.status == 200 || answer.status == 206,
            "{}",
            answer.text
        );
        (answer.status == 200).then(|| answer.entity("MediaAttachment"))
    })
    .await
}

async fn bytes(server: &Server, entity: &Value, field: &str) -> Vec<u8> {
    let file = file(server, &path(server, entity, field), ("accept", "*/*")).await;
    assert_eq!(file.status(), 200);
    file.bytes().await.unwrap().to_vec()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|part| part == needle)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_is_made_ready_in_the_background() {
    let (server, alice) = start().await;
    let original = video();
    assert!(find(&original, b"a secret title").is_some());
    let begun = post(&server, &alice, &original).await;
    assert_eq!(begun.status, 202);
    let begun = begun.entity("MediaAttachment");
    assert_eq!(
        (&begun["type"], &begun["url"]),
        (&json!("video"), &Value::Null)
    );
    let entity = done(&server, &alice, &begun).await;
    assert_eq!(entity["type"], "video");
    assert_eq!(entity["description"], "a gradient");
    let meta = &entity["meta"];
    assert_eq!(meta["focus"]["x"], 0.5);
    assert_eq!(meta["original"]["width"], 160);
    assert_eq!(meta["original"]["frame_rate"], "25/1");
    assert!((meta["original"]["duration"].as_f64().unwrap() - 1.0).abs() < 0.2);
    assert!(meta["original"]["bitrate"].as_u64().unwrap() > 1000);
    assert_eq!(meta["small"]["height"], 120);
    assert_eq!(meta["audio_encode"], "aac");
    assert!(entity["blurhash"].as_str().unwrap().len() > 6);
    let served = bytes(&server, &entity, "url").await;
    assert_eq!(find(&served, b"a secret title"), None);
    assert_eq!(find(&served, b"+59.3293"), None);
    assert!(
        find(&served, b"moov") < find(&served, b"mdat"),
        "it plays before it is there"
    );
    let url = path(&server, &entity, "url");
    let part = file(&server, &url, ("range", "bytes=4-7")).await;
    assert_eq!(
        (part.status().as_u16(), header(&part, "content-type")),
        (206, "video/mp4")
    );
    assert_eq!(part.bytes().await.unwrap(), "ftyp");
    let status = json!({"status": "look", "media_ids": [entity["id"]]});
    let status = server.post(&alice, "/api/v1/statuses", status).await;
    let status = status.entity("Status");
    assert_eq!(status["media_attachments"][0]["url"], entity["url"]);
    let left = server.data_dir().join("media/uploads");
    let mut files = Vec::new();
    walk(&left, &mut files);
    assert_eq!(files, Vec::<PathBuf>::new(), "the upload itself is gone");
}

fn walk(dir: &std::path::Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_version_waits_for_it() {
    let (server, alice) = start().await;
    // Nothing that browsers play: it is encoded anew.
    let odd = made(
        "odd.mkv",
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc=size=161x121:rate=5:duration=1",
            "-c:v",
            "mpeg4",
        ],
    );
    let files = [("file", &odd[..])];
    let entity = send(&server, &alice, Method::POST, "/api/v1/media", &files).await;
    assert_eq!(entity.status, 200);
    let entity = entity.entity("MediaAttachment");
    assert_eq!(entity["type"], "video");
    assert_eq!(entity["meta"]["original"]["size"], "160x120");
    let served = bytes(&server, &entity, "url").await;
    assert_eq!(find(&served, b"ftyp"), Some(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_waits_for_room_on_the_disk() {
    let path = std::env::var("PATH").expect("a PATH");
    let tools = Tools::find(&path).expect("ffmpeg is installed");
    // Stands in for ffmpeg, and has no room while there is a file.
    let dir = tempfile::tempdir().unwrap();
    let full = dir.path().join("full");
    let script = format!(
        "#!/bin/sh\n\
         case \" $* \" in *' -fs '*) if [ -e {} ]; then\n\
         echo 'Error muxing a packet: No space left on device' >&2; exit 228\nfi;; esac\n\
         exec {} \"$@\"\n",
        full.display(),
        tools.ffmpeg.display()
    );
    std::fs::write(dir.path().join("ffmpeg"), script).unwrap();
    let all = Permissions::from_mode(0o755);
    std::fs::set_permissions(dir.path().join("ffmpeg"), all).unwrap();
    std::os::unix::fs::symlink(&tools.ffprobe, dir.path().join("ffprobe")).unwrap();
    std::fs::write(&full, "").unwrap();
    let path = format!("{}:{path}", dir.path().display());
    let server = Server::start_with(&[("PATH", &path)]).await;
    let alice = server.person("alice").await;
    let begun = post(&server, &alice, &video()).await;
    assert_eq!(begun.status, 202, "{}", begun.text);
    let begun = begun.entity("MediaAttachment");
    // More often than a file that is at fault itself is tried.
    for _ in 0..4 {
        put_off(&server).await;
        server.pass(4 * MINUTE);
    }
    std::fs::remove_file(&full).unwrap();
    server.pass(4 * MINUTE);
    assert_eq!(done(&server, &alice, &begun).await["type"], "video");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_animated_gif_becomes_a_video() {
    let (server, alice) = start().await;
    let moving = made(
        "x.gif",
        &["-f", "lavfi", "-i", "testsrc=size=64x48:rate=5:duration=1"],
    );
    let begun = post(&server, &alice, &moving).await;
    assert_eq!(begun.status, 202);
    let entity = done(&server, &alice, &begun.json()).await;
    assert_eq!(entity["type"], "gifv");
    assert!(entity["url"].as_str().unwrap().ends_with(".mp4"));
    assert_eq!(entity["meta"]["small"]["size"], "64x48");
    let still = made(
        "x.gif",
        &["-f", "lavfi", "-i", "testsrc=size=64x48", "-frames:v", "1"],
    );
    let still = post(&server, &alice, &still).await;
    assert_eq!(still.status, 200);
    assert_eq!(still.entity("MediaAttachment")["type"], "image");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_records_cover_is_its_preview() {
    let (server, alice) = start().await;
    let record = made(
        "x.mp3",
        &[
            "-f",
            "lavfi",
            "-i",
            "sine=duration=1",
            "-i",
            "COVER",
            "-map",
            "0",
            "-map",
            "1",
            "-c:a",
            "libmp3lame",
            "-c:v",
            "copy",
            "-disposition:v",
            "attached_pic",
            "-metadata",
            "artist=somebody private",
        ],
    );
    let begun = post(&server, &alice, &record).await;
    assert_eq!(begun.status, 202, "{}", begun.text);
    let entity = done(&server, &alice, &begun.json()).await;
    assert_eq!(entity["type"], "audio");
    assert_eq!(entity["meta"]["small"]["size"], "60x60");
    assert_eq!(entity["meta"]["audio_encode"], "mp3");
    let cover = bytes(&server, &entity, "preview_url").await;
    assert!(image::load_from_memory(&cover).is_ok());
    let served = bytes(&server, &entity, "url").await;
    assert_eq!(find(&served, b"somebody private"), None);
    let plain = made("x.flac", &["-f", "lavfi", "-i", "sine=duration=1"]);
    let begun = post(&server, &alice, &plain).await;
    let entity = done(&server, &alice, &begun.json()).await;
    assert_eq!(
        (&entity["type"], &entity["preview_url"]),
        (&json!("audio"), &Value::Null)
    );
    let one = format!("/api/v1/media/{}", entity["id"].as_str().unwrap());
    let cover = png(30, 30);
    let chosen = send(&server, &alice, Method::PUT, &one, &[("thumbnail", &cover)]).await;
    let chosen = chosen.entity("MediaAttachment");
    assert!(chosen["preview_url"].is_string() && chosen["blurhash"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_pretends_is_refused() {
    let (server, alice) = start().await;
    let good = video();
    let list = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n".to_vec();
    let concat = b"ffconcat version 1.0\nfile /etc/passwd\n".to_vec();
    let cut = good[..good.len() / 3].to_vec();
    let mut playlist = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42".to_vec();
    playlist.extend_from_slice(&list);
    let matroska = [b"\x1A\x45\xDF\xA3".as_slice(), &[0x42; 500]].concat();
    for (what, bytes) in [
        ("a playlist", &list),
        ("a list of files", &concat),
        ("half a video", &cut),
        ("a playlist behind a video's head", &playlist),
        ("noise behind a video's head", &matroska),
    ] {
        let answer = post(&server, &alice, bytes).await;
        assert_eq!(answer.status, 422, "{what}: {}", answer.text);
        assert!(answer.refused(422).starts_with("Validation failed: "));
    }
}
