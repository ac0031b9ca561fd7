//! Media in an object store.

use axum::Router;
use http::{StatusCode, Uri};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Town, file_at, listing, png};
use crate::api::{media, media_av};
use crate::support::peer::{eventually, listener};
use crate::support::process::Process;
use crate::support::s3::{Gate, S3, SECRET};

async fn town(store: &S3) -> Town {
    let settings = store.settings();
    let settings: Vec<(&str, &str)> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    Town::start(&settings).await
}

/// The storage key of a file that is served here.
fn key(url: &str) -> &str {
    url.split_once("/media/").expect("one of ours").1
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn files_live_in_a_private_bucket_and_nothing_is_lost_when_it_is_gone() {
    let mut store = S3::start().await;
    let mut town = town(&store).await;
    let (process, alice) = (&town.process, town.alice.clone());
    let name = key(&town.picture).to_owned();
    assert_eq!(std::fs::read(store.object(&name)).unwrap(), town.bytes);
    let here = listing(&process.data_dir().join("media"));
    assert!(
        here.iter().all(|(name, _)| name.contains(".incoming")),
        "{here:?}"
    );

    // Whoever has no key, or another, gets nothing.
    let bare = process
        .http
        .get(store.object_url(&name))
        .send()
        .await
        .unwrap();
    assert_eq!(bare.status(), 403);
    let forged = bare.text().await.unwrap();
    assert!(!forged.contains("PNG"));
    let error = process.cli_fails(&["--s3-secret-key", "another secret", "media", "usage"]);
    assert!(error.contains("object store"), "{error}");
    assert!(!error.contains("another secret"), "{error}");

    // Parts, and what the client has.
    let part = process
        .http
        .get(&town.picture)
        .header("range", "bytes=2-5")
        .send()
        .await
        .unwrap();
    assert_eq!(part.status(), 206);
    let total = town.bytes.len();
    assert_eq!(
        part.headers()["content-range"],
        format!("bytes 2-5/{total}")
    );
    let tag = part.headers()["etag"].clone();
    assert_eq!(part.bytes().await.unwrap(), town.bytes[2..6]);
    let known = process
        .http
        .get(&town.picture)
        .header("if-none-match", tag)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (known.status(), known.bytes().await.unwrap().len()),
        (304.try_into().unwrap(), 0)
    );

    let usage = parsed(&process.cli_ok(&["media", "usage", "--json"]));
    assert_eq!(usage["kinds"]["uploads"]["files"], 2, "{usage}");
    std::fs::write(store.object("previews/nobodys.png"), "x").unwrap();
    let verified = parsed(&process.cli_ok(&["media", "verify", "--json"]));
    // Young files may still get their row.
    assert_eq!(verified["orphaned"]["files"], 0, "{verified}");
    // What lost its row is shown to nobody, and found.
    let lost = "attachments/3f/a2/17-3fa2.png";
    store.put_old(lost, &town.bytes);
    let shown = process.http.get(format!("{}/media/{lost}", process.url));
    assert_eq!(shown.send().await.unwrap().status(), 404);
    let verified = parsed(&process.cli_ok(&["media", "verify", "--fix", "--json"]));
    assert_eq!(
        (
            &verified["orphaned"]["names"],
            &verified["orphaned"]["deleted"]
        ),
        (&json!([lost]), &json!(1)),
        "{verified}"
    );
    assert!(!store.object(lost).exists());
    assert!(store.object(&name).exists());

    // A store that is gone, and one that is silent.
    let unavailable = async |what: &str, request: reqwest::RequestBuilder| {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 503, "{what}");
        assert!(answer.headers().contains_key("retry-after"), "{what}");
        let told = parsed(&answer.text().await.unwrap());
        assert_eq!(told["error"], "Files cannot be reached now", "{what}");
    };
    let uploading = |process: &Process| {
        (process.http.post(format!("{}/api/v2/media", process.url)))
            .bearer_auth(&alice)
            .header("content-type", media::FORM)
            .body(media::form(&[("file", &png())]))
    };
    let file = process.upload(&alice, &png()).await;
    let body = json!({"status": "to be deleted", "media_ids": [file["id"]]});
    let doomed = process.post(&alice, "/api/v1/statuses", &body).await.ok();
    let doomed = format!("/api/v1/statuses/{}", doomed["id"].as_str().unwrap());
    store.freeze(true);
    unavailable("silent", process.http.get(&town.picture)).await;
    store.freeze(false);
    store.kill();
    unavailable("gone", process.http.get(&town.picture)).await;
    unavailable("an upload", uploading(process)).await;
    let posted = process
        .post(&alice, "/api/v1/statuses", &json!({"status": "still here"}))
        .await;
    posted.ok();
    // The status goes; its files follow with the next cleaning.
    let path = format!("{doomed}?delete_media=true");
    let gone = process
        .send(&alice, Method::DELETE, &path, &json!({}))
        .await;
    gone.entity("Status");
    process.get(&alice, &doomed).await.refused(404);
    store.run().await;
    assert_eq!(
        file_at(process, &town.picture).await.as_deref(),
        Some(&town.bytes[..])
    );
    let picture = process.upload(&alice, &png()).await;
    let new = picture["url"].as_str().unwrap();
    assert!(store.object(key(new)).exists());

    // The settings that come with a key in a file.
    let keys = tempfile::tempdir().unwrap();
    let secret = keys.path().join("secret");
    std::fs::write(&secret, format!("{}\n", SECRET)).unwrap();
    town.process.set("KITH_S3_SECRET_KEY", "");
    town.process
        .set("KITH_S3_SECRET_KEY_FILE", secret.to_str().unwrap());
    town.process.cli_ok(&["media", "usage"]);
    let error = town
        .process
        .cli_fails(&["--s3-secret-key-file", "/nowhere", "media", "usage"]);
    assert!(error.contains("KITH_S3_SECRET_KEY_FILE"), "{error}");
    let error = town
        .process
        .cli_fails(&["--storage-url", "s3://", "media", "usage"]);
    assert!(error.contains("KITH_STORAGE_URL"), "{error}");
    let doctor = town.process.cli(&["doctor", "--json"]);
    let doctor = parsed(&String::from_utf8(doctor.stdout).unwrap());
    let storage = doctor
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["check"] == "storage");
    assert_eq!(storage.unwrap()["state"], "ok", "{doctor}");
    // A public address that gives nothing out is found.
    let public = store.object_url("");
    let doctor = town
        .process
        .cli(&["doctor", "--json", "--storage-public-url", &public]);
    let doctor = parsed(&String::from_utf8(doctor.stdout).unwrap());
    let storage = doctor
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["check"] == "storage");
    assert_eq!(storage.unwrap()["state"], "fail", "{doctor}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_says_what_stayed_in_the_bucket_and_a_restore_looks_for_it() {
    let store = S3::start().await;
    let mut town = town(&store).await;
    let before = town.seen().await;
    let keep = tempfile::tempdir().unwrap();
    let at = |name: &str| keep.path().join(name).display().to_string();
    let (light, whole) = (at("light"), at("whole"));
    let told = parsed(&town.process.cli_ok(&["backup", &light, "--json"]));
    assert_eq!(told["files"]["count"], 0, "{told}");
    assert_eq!(told["files"]["in_store"]["count"], 2, "{told}");
    let told = parsed(
        &town
            .process
            .cli_ok(&["backup", &whole, "--with-stored-files", "--json"]),
    );
    assert_eq!(told["files"]["count"], 2, "{told}");
    let verified = town.process.cli_ok(&["backup", "verify", &light]);
    assert!(
        verified.contains("stayed in s3://media at 127.0.0.1"),
        "{verified}"
    );

    town.process.stop();
    // A restore that would lose the files is refused, and one without a file says which.
    let error = town
        .process
        .cli_fails(&["restore", &light, "--force", "--storage-url", ""]);
    assert!(
        error.contains("2 files of the backup are in s3://media"),
        "{error}"
    );
    let object = store.object(key(&town.picture));
    std::fs::remove_file(&object).unwrap();
    let ended = town.process.cli(&["restore", &light, "--force", "--json"]);
    assert!(!ended.status.success());
    let error = String::from_utf8(ended.stderr).unwrap();
    assert!(error.contains("1 of its files"), "{error}");
    let told = parsed(&String::from_utf8(ended.stdout).unwrap());
    assert_eq!(told["absent"]["count"], 1, "{told}");
    assert_eq!(told["absent"]["names"][0], key(&town.picture), "{told}");
    // The other one has it.
    let told = parsed(
        &town
            .process
            .cli_ok(&["restore", &whole, "--force", "--json"]),
    );
    assert_eq!(told["absent"]["count"], 0, "{told}");
    assert_eq!(std::fs::read(&object).unwrap(), town.bytes);
    town.process.run().await;
    town.is_as(&before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_move_to_a_bucket_and_back_beside_the_server() {
    let store = S3::start().await;
    let mut town = Town::start(&[]).await;
    for (name, value) in store.settings() {
        if name != "KITH_STORAGE_URL" {
            town.process.set(name, &value);
        }
    }
    let url = store.url();
    let moved = |town: &Town, more: &[&str]| {
        let mut args = vec!["media", "move", "--json"];
        args.extend(more);
        parsed(&town.process.cli_ok(&args))
    };
    let told = moved(&town, &[&url, "--dry-run"]);
    assert_eq!(
        (&told["copied"], &told["there"]),
        (&json!(2), &json!(0)),
        "{told}"
    );
    assert!(!store.object(key(&town.picture)).exists());
    // One is there, and damaged: of another size.
    let object = store.object(key(&town.picture));
    std::fs::create_dir_all(object.parent().unwrap()).unwrap();
    std::fs::write(&object, "half").unwrap();
    assert_eq!(moved(&town, &[&url])["copied"], 2);
    assert_eq!(std::fs::read(&object).unwrap(), town.bytes);
    let file = town.process.upload(&town.alice, &png()).await;
    let told = moved(&town, &[&url]);
    assert_eq!(
        (&told["copied"], &told["there"]),
        (&json!(2), &json!(2)),
        "{told}"
    );
    let error = town.process.cli_fails(&["media", "move", &url, "--delete"]);
    assert!(error.contains("local is what the settings name"), "{error}");
    let error = town.process.cli_fails(&["media", "move", "local"]);
    assert!(error.contains("already"), "{error}");
    // One store under two names.
    let alias = store.url_at(&store.address().replace("127.0.0.1", "localhost"));
    for more in [&["--delete"][..], &[]] {
        let args = [&["media", "move", &alias, "--from", &url], more].concat();
        let error = town.process.cli_fails(&args);
        assert!(error.contains("are one store"), "{error}");
    }
    assert_eq!(std::fs::read(&object).unwrap(), town.bytes);

    // The switch, what came in between, and the old files go.
    let late = town.process.upload(&town.alice, &png()).await;
    town.process.stop();
    town.process.set("KITH_STORAGE_URL", &url);
    town.process.run().await;
    let told = moved(&town, &[&url, "--from", "local", "--delete"]);
    assert_eq!(
        (&told["copied"], &told["deleted"]),
        (&json!(2), &json!(6)),
        "{told}"
    );
    for url in [
        town.picture.as_str(),
        file["url"].as_str().unwrap(),
        late["url"].as_str().unwrap(),
    ] {
        assert!(file_at(&town.process, url).await.is_some(), "{url}");
        assert!(
            !town
                .process
                .data_dir()
                .join("media")
                .join(key(url))
                .exists()
        );
    }
    // And back.
    assert_eq!(moved(&town, &["local"])["copied"], 6);
    town.process.stop();
    town.process.set("KITH_STORAGE_URL", "");
    town.process.run().await;
    assert_eq!(
        file_at(&town.process, &town.picture).await.as_deref(),
        Some(&town.bytes[..])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn public_files_have_the_address_of_the_cdn_and_private_ones_do_not() {
    let store = S3::start().await;
    let cdn = [(
        "KITH_STORAGE_PUBLIC_URL",
        "https://cdn.example/files/".to_owned(),
    )];
    let settings = store.settings();
    let settings = settings.iter().chain(&cdn);
    let settings: Vec<(&str, &str)> = settings
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let process = Process::start_with(&settings).await;
    let alice = process.person("alice");
    let picture = process.upload(&alice, &png()).await;
    let url = picture["url"].as_str().expect("an address");
    assert!(
        url.starts_with("https://cdn.example/files/attachments/"),
        "{url}"
    );
    let form = b"--b\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nchat\r\n\
        --b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nfor two\r\n--b--\r\n";
    let request = (process.http.post(format!("{}/api/v2/media", process.url)))
        .bearer_auth(&alice)
        .header("content-type", media::FORM)
        .body(form.to_vec());
    let document = parsed(&request.send().await.unwrap().text().await.unwrap());
    let url = document["url"].as_str().expect("an address");
    assert!(url.starts_with(&process.url), "{url}");
}

/// A CDN in front of a store, which gives out what lies in some areas, and maybe says what there is.
async fn cdn(store: &S3, areas: &'static [&'static str], lists: bool) -> String {
    let root = store.object("");
    let give = move |uri: Uri| async move {
        let key = uri.path().trim_start_matches('/');
        if key.is_empty() && lists {
            let list =
                "<?xml version=\"1.0\"?><ListBucketResult><Name>media</Name></ListBucketResult>";
            return (StatusCode::OK, list.into());
        }
        let open = areas
            .iter()
            .any(|area| key.starts_with(&format!("{area}/")));
        match std::fs::read(root.join(key)).ok().filter(|_| open) {
            Some(content) => (StatusCode::OK, content),
            None => (StatusCode::FORBIDDEN, Vec::new()),
        }
    };
    let listener = listener().await;
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(give);
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_a_cdn_that_gives_out_too_much() {
    let store = S3::start().await;
    let settings = store.settings();
    let settings: Vec<(&str, &str)> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let process = Process::start_with(&settings).await;
    for (areas, lists, found) in [
        (&["previews"][..], false, None),
        (
            &["previews", "remote"],
            false,
            Some("gives out files of remote/"),
        ),
        (
            &["previews"],
            true,
            Some("tells everybody what files there are"),
        ),
    ] {
        let url = cdn(&store, areas, lists).await;
        let told = process.cli(&["doctor", "--json", "--storage-public-url", &url]);
        let told = parsed(&String::from_utf8(told.stdout).unwrap());
        let checks = told.as_array().unwrap();
        let storage = checks.iter().find(|c| c["check"] == "storage").unwrap();
        let state = if found.is_some() { "fail" } else { "ok" };
        assert_eq!(storage["state"], state, "{storage}");
        assert!(
            storage
                .to_string()
                .contains(found.unwrap_or("public alone")),
            "{storage}"
        );
    }
}

/// A document for a chat, which is kept as it comes: of a kind that nobody knows, and of `size` bytes.
fn document(size: usize) -> (Vec<u8>, Vec<u8>) {
    let mut state = 7_u32;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8 | 1
    })
    .take(size)
    .collect();
    let head = b"--b\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nchat\r\n\
        --b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\r\n";
    let form = [&head[..], &bytes, b"\r\n--b--\r\n"].concat();
    (bytes, form)
}

/// A part of a file: what was asked for, and what came.
async fn part_of(process: &Process, url: &str, from: usize, to: usize) -> Vec<u8> {
    let asked = process.http.get(url);
    let asked = asked.header("range", format!("bytes={from}-{to}"));
    let answer = asked.send().await.expect("an answer");
    assert_eq!(answer.status(), 206, "{url}");
    let told = answer.headers()["content-range"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(told.starts_with(&format!("bytes {from}-{to}/")), "{told}");
    answer.bytes().await.expect("a body").to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_goes_in_parts_and_is_there_whole_or_not_at_all() {
    const PART: usize = 8 << 20;
    let mut store = S3::start().await;
    let gate = Gate::before(&store).await;
    let url = gate.url(&store);
    let mut settings = store.settings();
    settings[0].1 = url;
    let settings: Vec<(&str, &str)> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let mut process = Process::start_with(&settings).await;
    let (alice, bob) = (process.person("alice"), process.person("bob"));
    let (bytes, form) = document(2 * PART + 1000);
    let uploading = |process: &Process| {
        (process.http.post(format!("{}/api/v2/media", process.url)))
            .bearer_auth(&alice)
            .header("content-type", media::FORM)
            .body(form.clone())
    };
    let whole = |store: &S3| -> usize {
        let all = listing(&store.object("chats"));
        all.iter().filter(|(name, _)| !name.ends_with('/')).count()
    };
    std::fs::create_dir_all(store.object("chats")).unwrap();

    // Killed when the store has some of it.
    gate.shut_after(PART + PART / 2);
    let asked = tokio::spawn(uploading(&process).send());
    eventually("some of it is there", async || gate.is_shut().then_some(())).await;
    process.kill();
    assert!(asked.await.unwrap().is_err(), "it was acknowledged");
    gate.open();
    process.run().await;
    assert_eq!(whole(&store), 0);

    // The store dies instead: that is told.
    gate.shut_after(PART + PART / 2);
    let asked = tokio::spawn(uploading(&process).send());
    eventually("some of it is there", async || gate.is_shut().then_some(())).await;
    store.kill();
    gate.open();
    let answer = asked.await.unwrap().expect("an answer");
    assert_eq!(answer.status(), 503);
    store.run().await;
    assert_eq!(whole(&store), 0);
    // The row of the first waits for the sweep; no file is anybody's that is not there whole.
    let verified = process.cli(&["media", "verify", "--json"]);
    let verified = parsed(&String::from_utf8(verified.stdout).unwrap());
    assert_eq!(verified["orphaned"]["files"], 0, "{verified}");

    // And whole.
    let answer = uploading(&process).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let file = parsed(&answer.text().await.unwrap());
    assert_eq!(whole(&store), 1);
    let id = async |token: &str| {
        let me = "/api/v1/accounts/verify_credentials";
        let me = process.get(token, me).await.ok();
        me["id"].as_str().expect("an id").to_owned()
    };
    let (her, him) = (id(&alice).await, id(&bob).await);
    for (token, other) in [(&alice, &him), (&bob, &her)] {
        let path = format!("/api/v1/accounts/{other}/follow");
        process.post(token, &path, &json!({})).await.ok();
    }
    let chats = "/api/kith/v1/chats";
    let chat = process
        .post(&alice, chats, &json!({"account_id": him}))
        .await;
    let path = format!("{chats}/{}/messages", chat.ok()["id"].as_str().unwrap());
    let said = json!({"media_ids": [file["id"]]});
    let message = process.post(&alice, &path, &said).await.ok();
    let url = message["attachments"][0]["url"].as_str().expect("a file");
    assert_eq!(file_at(&process, url).await.as_deref(), Some(&bytes[..]));
    let (from, to) = (PART - 5, PART + 5);
    assert_eq!(part_of(&process, url, from, to).await, bytes[from..=to]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_is_played_from_the_bucket_from_wherever_one_likes() {
    let store = S3::start().await;
    let town = town(&store).await;
    let (process, alice) = (&town.process, &town.alice);
    // What comes is above eight MiB, most of which is no film.
    let mut film = media_av::video();
    let padding = 9_u32 << 20;
    film.extend_from_slice(&(padding + 8).to_be_bytes());
    film.extend_from_slice(b"free");
    film.resize(film.len() + padding as usize, 0);
    let begun = process.upload(alice, &film).await;
    let one = format!("/api/v1/media/{}", begun["id"].as_str().unwrap());
    let done = eventually("the film is worked on", async || {
        let answer = process.get(alice, &one).await;
        (answer.status == 200).then(|| answer.entity("MediaAttachment"))
    })
    .await;
    let url = done["url"].as_str().expect("an address");
    let whole = std::fs::read(store.object(key(url))).expect("it is in the bucket");
    assert_eq!(file_at(process, url).await.as_deref(), Some(&whole[..]));
    let last = whole.len() - 1;
    // As players do: the beginning, then from somewhere on, to the end.
    for (from, to) in [(0, 1), (last / 2, last / 2 + 99), (last - 9, last)] {
        assert_eq!(part_of(process, url, from, to).await, whole[from..=to]);
    }
    let beyond = process.http.get(url);
    let beyond = beyond.header("range", format!("bytes={}-", last + 1));
    assert_eq!(beyond.send().await.unwrap().status(), 416);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_in_a_chat_leaves_the_public_part_of_the_bucket() {
    let store = S3::start().await;
    let town = town(&store).await;
    let process = &town.process;
    let picture = process.upload(&town.alice, &png()).await;
    let public = picture["url"].as_str().expect("an address");
    let small = picture["preview_url"].as_str().expect("an address");
    let before =
        [public, small].map(|url| std::fs::read(store.object(key(url))).expect("it is there"));
    let account = "/api/v1/accounts/lookup?acct=bob";
    let him = process.get(&town.alice, account).await.ok();
    let chats = "/api/kith/v1/chats";
    let body = json!({"account_id": him["id"]});
    let chat = process.post(&town.alice, chats, &body).await.ok();
    let path = format!("{chats}/{}/messages", chat["id"].as_str().unwrap());
    let said = json!({"media_ids": [picture["id"]]});
    let message = process.post(&town.alice, &path, &said).await.ok();
    for url in [public, small] {
        eventually("it has moved", async || {
            (!store.object(key(url)).exists()).then_some(())
        })
        .await;
    }
    let file = &message["attachments"][0];
    for (field, bytes) in ["url", "preview_url"].into_iter().zip(&before) {
        let url = file[field].as_str().expect("an address");
        assert_eq!(file_at(process, url).await.as_ref(), Some(bytes), "{field}");
    }
    // It fails where a file is missing.
    process.cli_ok(&["media", "verify"]);
}
