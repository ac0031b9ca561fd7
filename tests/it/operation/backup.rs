//! `kith backup` beside a running server, and `kith restore`.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::{Town, listing};
use crate::support::server::with_json;
use crate::support::{Answer, database};

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_under_load_restores_a_server_that_was_destroyed() {
    let mut town = Town::start(&[]).await;
    let carol = town.process.person("carol");
    let post = async |town: &Town, n: usize| -> String {
        let body = json!({"status": format!("post {n}")});
        let posted = town
            .process
            .post(&carol, "/api/v1/statuses", &body)
            .await
            .ok();
        posted["id"].as_str().expect("an id").to_owned()
    };
    let before = town.seen().await;
    let (mut acknowledged, keep) = (Vec::new(), tempfile::tempdir().unwrap());
    for n in 0..20 {
        acknowledged.push(post(&town, n).await);
    }
    let file = keep.path().join("kith.backup");
    let path = file.to_str().unwrap();
    // People go on posting while it is made.
    let stop = Arc::new(AtomicBool::new(false));
    let posting = tokio::spawn({
        let (stop, http, token) = (stop.clone(), town.process.http.clone(), carol.clone());
        let url = format!("{}/api/v1/statuses", town.process.url);
        async move {
            let mut posts = 0;
            while !stop.load(Ordering::Relaxed) {
                let body = json!({"status": format!("meanwhile {posts}")});
                let request = with_json(http.post(&url).bearer_auth(&token), &body);
                Answer::of(request, url.clone()).await.ok();
                posts += 1;
            }
            posts
        }
    });
    let told = town.process.cli_ok(&["backup", path, "--json"]);
    stop.store(true, Ordering::Relaxed);
    let posts = posting.await.unwrap();
    assert!(posts > 0, "nothing was posted meanwhile");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["files"]["missing"], 0, "{told}");
    assert!(told["files"]["count"].as_u64().unwrap() >= 2, "{told}");
    assert!(
        told["tables"]["statuses"]["rows"].as_u64().unwrap() >= 22,
        "{told}"
    );
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(listing(keep.path()).len(), 1, "nothing is left beside it");
    // Every table of the database is in it, but for those that are left out by name.
    let left_out: Vec<String> = kith::db::transfer::LEFT_OUT
        .iter()
        .chain(&kith::db::transfer::REMOTE_COPIES)
        .chain(&kith::db::transfer::NOT_BACKED_UP)
        .map(|name| format!("'{name}'"))
        .collect();
    let tables = match database::is_postgres() {
        true => "pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND rel",
        false => "sqlite_master WHERE type = 'table' AND name NOT LIKE 'search_text_%' AND ",
    };
    let sql = format!(
        "SELECT count(*) AS n FROM {tables}name NOT IN ({})",
        left_out.join(", ")
    );
    let number = database::count(town.process.database_url(), &sql).await;
    assert_eq!(told["tables"].as_object().unwrap().len() as i64, number);

    let verified = town.process.cli_ok(&["backup", "verify", path, "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&verified).unwrap(), told);
    // A server is there, and runs.
    let error = town.process.cli_fails(&["restore", path]);
    assert!(error.contains("is there already"), "{error}");
    let error = town.process.cli_fails(&["restore", path, "--force"]);
    assert!(error.contains("in use by"), "{error}");
    // No other file is written over.
    std::fs::write(keep.path().join("letter"), "dear").unwrap();
    let other = keep.path().join("letter");
    let error = town.process.cli_fails(&["backup", other.to_str().unwrap()]);
    assert!(error.contains("is no backup"), "{error}");
    // Nor an archive of something else. What a killed run left goes.
    let archive = flate2::write::GzEncoder::new(
        std::fs::File::create(&other).unwrap(),
        flate2::Compression::fast(),
    );
    let mut archive = tar::Builder::new(archive);
    archive.append_path_with_name(&file, "photos").unwrap();
    archive.into_inner().unwrap().finish().unwrap();
    let error = town.process.cli_fails(&["backup", other.to_str().unwrap()]);
    assert!(error.contains("is no backup"), "{error}");
    let part = keep.path().join(".old.0123456789abcdef.part");
    std::fs::write(&part, "cut off").unwrap();
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(2 * 86_400);
    let written = std::fs::File::options().write(true).open(&part).unwrap();
    written.set_modified(old).unwrap();
    town.process.cli_ok(&["backup", path]);
    assert!(!part.exists(), "it is still there");

    // The machine is lost.
    town.process.kill();
    let data = town.process.data_dir().join("new");
    let fresh = database::empty(town.process.data_dir(), "restored.db").await;
    town.process.set("KITH_DATA_DIR", data.to_str().unwrap());
    town.process.set("KITH_DATABASE_URL", &fresh);
    // What is not whole changes nothing.
    let mut bad = std::fs::read(&file).unwrap();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    let broken = keep.path().join("broken");
    let broken_path = broken.to_str().unwrap();
    for bytes in [&bad[..], &bad[..middle]] {
        std::fs::write(&broken, bytes).unwrap();
        let error = town.process.cli_fails(&["restore", broken_path]);
        assert!(error.contains(broken_path), "{error}");
        assert!(!data.exists(), "something was touched");
    }
    town.process.cli_ok(&["restore", path]);
    assert_eq!(
        std::fs::metadata(data.join("secrets.toml"))
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o600
    );
    town.process.run().await;
    town.is_as(&before).await;
    let lookup = town
        .process
        .get(&carol, "/api/v1/accounts/verify_credentials")
        .await
        .ok();
    let path = format!(
        "/api/v1/accounts/{}/statuses?limit=40",
        lookup["id"].as_str().unwrap()
    );
    let mut found = Vec::new();
    let mut next = Some(path);
    while let Some(path) = next {
        let page = town.process.get(&carol, &path).await;
        found.extend(page.entities("Status"));
        next = page
            .link("next")
            .map(|url| url.replace(&town.process.url, ""));
    }
    for id in &acknowledged {
        assert!(
            found.iter().any(|status| status["id"] == **id),
            "{id} is lost"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_replaces_what_is_there_only_when_told_and_never_halfway() {
    let mut town = Town::start(&[]).await;
    let before = town.seen().await;
    let keep = tempfile::tempdir().unwrap();
    let file = keep.path().join("kith.backup");
    // To standard output, too.
    let output = town.process.cli(&["backup", "-"]);
    assert!(output.status.success());
    std::fs::write(&file, &output.stdout).unwrap();
    let path = file.to_str().unwrap();
    town.process.cli_ok(&["restore", path, "--verify-only"]);
    let later = json!({"status": "after the backup"});
    town.process
        .post(&town.alice, "/api/v1/statuses", &later)
        .await
        .ok();
    town.process.stop();
    let there = listing(town.process.data_dir());
    for args in [
        vec!["restore", path],
        vec!["restore", "/nowhere/at/all", "--force"],
        vec![
            "restore",
            town.process
                .data_dir()
                .join("secrets.toml")
                .to_str()
                .unwrap(),
            "--force",
        ],
    ] {
        town.process.cli_fails(&args);
        let after = listing(town.process.data_dir());
        let database = |(name, _): &&(String, u64)| !name.contains("/kith.db");
        let of = |list: &[(String, u64)]| -> Vec<(String, u64)> {
            list.iter().filter(database).cloned().collect()
        };
        assert_eq!(of(&after), of(&there), "{args:?}");
    }
    // A link that leads out of the archive (S10).
    let hostile = keep.path().join("hostile");
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(
        std::fs::File::create(&hostile).unwrap(),
        flate2::Compression::fast(),
    ));
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    tar.append_link(&mut header, "media", keep.path()).unwrap();
    tar.into_inner().unwrap().finish().unwrap();
    let error = town
        .process
        .cli_fails(&["restore", hostile.to_str().unwrap(), "--force"]);
    assert!(error.contains("nothing that a backup holds"), "{error}");
    an_end_by_force_is_mended(&mut town, path, &before).await;
    town.process.cli_ok(&["restore", path, "--force"]);
    assert_eq!(
        std::fs::read_dir(town.process.data_dir().join("media"))
            .unwrap()
            .flatten()
            .filter(|entry| entry
                .file_name()
                .to_string_lossy()
                .starts_with(".restoring"))
            .count(),
        0
    );
    town.process.run().await;
    town.is_as(&before).await;
}

/// A restore that ends between the name of its database and that of its secrets is finished by whoever
/// comes next; one that ends before is undone.
async fn an_end_by_force_is_mended(town: &mut Town, backup: &str, before: &[Value]) {
    let keys = town.process.data_dir().join("secrets.toml");
    let own = std::fs::read_to_string(&keys).unwrap();
    let other = format!("token_key = \"{}=\"\n", "A".repeat(43));
    let waiting = |town: &Town| -> usize {
        let there = std::fs::read_dir(town.process.data_dir()).unwrap();
        let names = there.flatten().map(|entry| entry.file_name());
        names
            .filter(|name| name.to_string_lossy().ends_with(".restored"))
            .count()
    };
    // Nothing takes the place of a directory that is not empty.
    std::fs::remove_file(&keys).unwrap();
    std::fs::create_dir_all(keys.join("in the way")).unwrap();
    town.process.cli_fails(&["restore", backup, "--force"]);
    assert_eq!(waiting(town), 1);
    std::fs::remove_dir_all(&keys).unwrap();
    std::fs::write(&keys, &other).unwrap();
    town.process.run().await;
    assert_eq!(std::fs::read_to_string(&keys).unwrap(), own);
    assert_eq!(waiting(town), 0);
    assert_eq!(town.seen().await, before);

    let early = ".secrets-0123456789abcdef.restored";
    std::fs::write(town.process.data_dir().join(early), other).unwrap();
    town.process.cli_ok(&["media", "usage"]);
    assert_eq!(waiting(town), 0);
    assert_eq!(std::fs::read_to_string(&keys).unwrap(), own);
    town.process.stop();
}
