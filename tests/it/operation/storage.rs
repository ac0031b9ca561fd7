//! Media in an object store.

use axum::Router;
use http::{StatusCode, Uri};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Town, file_at, listing, png};
use crate::api::media;
use crate::support::peer::listener;
use crate::support::process::Process;
use crate::support::s3::{S3, SECRET};

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
