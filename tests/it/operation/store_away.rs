//! An object store that is away for a while, or in part.

use bytes::Bytes;
use kith::clock::{DAY, HOUR, MINUTE};
use kith::db;
use kith::db::accounts::Account;
use kith::db::remote_files::RemoteFile;
use kith::error::AppResult;
use kith::media::remote::{Purpose, hash};
use kith::media::storage::Key;
use reqwest::Method;

use crate::api::media::{png, send, upload};
use crate::api::media_av::made;
use crate::support::faulty::{Door, Fault};
use crate::support::peer::eventually;
use crate::support::s3::S3;
use crate::support::{Server, database};

/// A server whose files are in a store behind a door.
async fn behind_a_door(store: &S3) -> (Door, Server) {
    let door = Door::before(store.address().parse().expect("an address")).await;
    let url = store.url_at(&format!("127.0.0.1:{}", door.port));
    let path = std::env::var("PATH").expect("a PATH");
    let mut settings = vec![("PATH", path.as_str()), ("KITH_STORAGE_URL", url.as_str())];
    let of_store = store.settings();
    let keys = of_store.iter().filter(|(name, _)| name.contains("KEY"));
    settings.extend(keys.map(|(name, value)| (*name, value.as_str())));
    let server = Server::start_with(&settings).await;
    (door, server)
}

/// Waits until the work on an upload waits for later.
pub async fn put_off(server: &Server) {
    eventually("the work is put off", async || {
        is_put_off(server).await.then_some(())
    })
    .await;
}

async fn is_put_off(server: &Server) -> bool {
    let jobs = server
        .app
        .read(|c| Box::pin(async move { Ok(db::jobs::waiting(c, "media", 1).await?) }))
        .await
        .expect("it is read");
    let now = server.app.clock.now_ms();
    let put_off = |job: &db::jobs::JobRow| job.leased_until == 0 && job.run_at > now;
    jobs.first().is_some_and(put_off)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_outlives_a_store_that_is_away_for_long() {
    let store = S3::start().await;
    let (door, server) = behind_a_door(&store).await;
    let alice = server.person("alice").await;
    let sound = made(
        "sound.wav",
        &["-f", "lavfi", "-i", "sine=frequency=440:duration=1"],
    );
    // At first what is made of it cannot be stored, then it cannot be read itself.
    door.breaks("/media/attachments/", Fault::Busy);
    let form = [("file", &sound[..])];
    let begun = send(&server, &alice, Method::POST, "/api/v2/media", &form).await;
    assert_eq!(begun.status, 202, "{}", begun.text);
    let begun = begun.entity("MediaAttachment");
    let one = format!("/api/v1/media/{}", begun["id"].as_str().expect("an id"));
    for _ in 0..5 {
        put_off(&server).await;
        assert_eq!(server.get(&alice, &one).await.status, 206);
        door.breaks("/media/uploads/", Fault::Busy);
        server.pass(4 * MINUTE);
    }
    assert!(door.met_on("/media/uploads/") > 3);
    door.is_well();
    server.pass(4 * MINUTE);
    let done = eventually("it is made after all", async || {
        let answer = server.get(&alice, &one).await;
        (answer.status == 200).then(|| answer.entity("MediaAttachment"))
    })
    .await;
    assert_eq!(done["type"], "audio");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_does_not_wait_for_ever_for_a_store_that_refuses_it() {
    let store = S3::start().await;
    let (door, server) = behind_a_door(&store).await;
    let alice = server.person("alice").await;
    let sound = made(
        "sound.wav",
        &["-f", "lavfi", "-i", "sine=frequency=440:duration=1"],
    );
    let begin = async || {
        let form = [("file", &sound[..])];
        let begun = send(&server, &alice, Method::POST, "/api/v2/media", &form).await;
        assert_eq!(begun.status, 202, "{}", begun.text);
        let begun = begun.entity("MediaAttachment");
        format!("/api/v1/media/{}", begun["id"].as_str().expect("an id"))
    };
    let refused = async |one: &str| {
        eventually("it is given up", async || {
            let answer = server.get(&alice, one).await;
            // What failed is tried again after some seconds.
            if is_put_off(&server).await {
                server.pass(MINUTE);
            }
            (answer.status == 422).then_some(answer.text)
        })
        .await
    };
    // What is wrong with the request will be wrong with the next.
    door.breaks("/media/attachments/", Fault::Refuses);
    let why = refused(&begin().await).await;
    assert!(why.contains("could not be processed"), "{why}");
    let met = door.met();
    let put = |line: &&(String, Fault)| line.0.starts_with("PUT /media/attachments/");
    assert_eq!(met.iter().filter(put).count(), 3);
    door.is_well();
    eventually("nothing of it waits", async || {
        if is_put_off(&server).await {
            server.pass(MINUTE);
        }
        let sql = "SELECT count(*) AS n FROM jobs WHERE kind = 'media'";
        let url = &server.app.config.database_url;
        (database::count(url, sql).await == 0).then_some(())
    })
    .await;
    // Keys may be mended, within a day.
    door.breaks("/media/attachments/", Fault::Forbids);
    let one = begin().await;
    put_off(&server).await;
    server.pass(20 * HOUR);
    put_off(&server).await;
    assert_eq!(server.get(&alice, &one).await.status, 206);
    server.pass(5 * HOUR);
    refused(&one).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_forgotten_accounts_are_not_lost_sight_of() {
    let store = S3::start().await;
    let (door, server) = behind_a_door(&store).await;
    let avatar = "https://elsewhere.example/avatar.png";
    let account = Account {
        avatar: avatar.to_owned(),
        ..server.person("alice").await.account
    };
    let name = "remote/aa/bb/1.png";
    let content = Bytes::from_static(b"a picture");
    let key: Key = name.parse().expect("a key");
    server.app.storage.put(&key, content).await.expect("stored");
    let row = RemoteFile {
        hash: hash(Purpose::Avatar, avatar),
        url: avatar.to_owned(),
        file: name.to_owned(),
        preview: String::new(),
        size: 9,
        failures: 0,
        error: String::new(),
        retry_at: 0,
        fetched_at: 1,
        used_at: 1,
    };
    server
        .app
        .write(move |tx| {
            let row = row.clone();
            Box::pin(async move { Ok(db::remote_files::put(tx, &row).await?) })
        })
        .await
        .expect("it is noted");
    let forget = async || {
        let accounts = [account.clone()];
        let left = kith::jobs::remote_files::forget_pictures(&server.app, &accounts).await;
        (left.expect("it ends"), store.object(name).exists())
    };
    door.breaks("/media/remote/", Fault::Busy);
    assert_eq!(forget().await, (1, true));
    door.is_well();
    assert_eq!(forget().await, (0, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_deleted_keeps_no_other() {
    let store = S3::start().await;
    let (door, server) = behind_a_door(&store).await;
    let names = ["previews/aa/aa/1-stuck.png", "previews/bb/bb/2-free.png"];
    for name in names {
        let key: Key = name.parse().expect("a key");
        let content = Bytes::from_static(b"unused");
        server.app.storage.put(&key, content).await.expect("stored");
    }
    server
        .app
        .write(move |tx| {
            let names = names.map(str::to_owned);
            Box::pin(async move { Ok(db::profiles::retire_files(tx, &names, 1).await?) })
        })
        .await
        .expect("they are noted");
    door.breaks("/media/previews/aa/", Fault::Busy);
    let cleaned = async || {
        kith::jobs::cleanup::pass(&server.app)
            .await
            .expect("it ends")
    };
    cleaned().await;
    let there = || names.map(|name| store.object(name).exists());
    assert_eq!(there(), [true, false]);
    // It is still noted.
    door.is_well();
    cleaned().await;
    assert_eq!(there(), [false, false]);
}

/// Has uploads wait for their post for two days already; the first shows a file from elsewhere.
async fn abandon(server: &Server, uploads: &[i64], url: &str) {
    let database = &server.app.config.database_url;
    for id in uploads {
        let older = format!(
            "UPDATE media SET created_at = created_at - {} WHERE id = {id}",
            2 * DAY
        );
        database::change(database, &older).await;
    }
    let shown = format!(
        "UPDATE media SET remote_url = '{url}' WHERE id = {}",
        uploads[0]
    );
    database::change(database, &shown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_deleted_keeps_nothing_else_from_it() {
    const URL: &str = "https://far.example/picture.png";
    let store = S3::start().await;
    let (door, server) = behind_a_door(&store).await;
    let alice = server.person("alice").await;
    let copy = "remote/aa/aa/1-stuck.png";
    door.breaks("/media/remote/aa/", Fault::Forbids);
    door.breaks("/media/avatars/aa/", Fault::Forbids);
    let mut uploads = Vec::new();
    for _ in 0..2 {
        let entity = upload(&server, &alice, &png(32, 32)).await.ok();
        uploads.push(entity["id"].as_str().unwrap().parse::<i64>().unwrap());
    }
    abandon(&server, &uploads, URL).await;
    let retired: Vec<String> = (0..25)
        .map(|n| format!("avatars/aa/aa/{n}-stuck.png"))
        .collect();
    let free = "avatars/bb/bb/1-free.png";
    let content = Bytes::from_static(b"unused");
    let key: Key = free.parse().expect("a key");
    server.app.storage.put(&key, content).await.expect("stored");
    let row = RemoteFile {
        hash: hash(Purpose::Attachment, URL),
        url: URL.to_owned(),
        file: copy.to_owned(),
        preview: String::new(),
        size: 10,
        failures: 0,
        error: String::new(),
        retry_at: 0,
        fetched_at: 1,
        used_at: 1,
    };
    let noted: AppResult<()> = server
        .app
        .write(move |tx| {
            let (row, retired) = (row.clone(), retired.clone());
            Box::pin(async move {
                db::remote_files::put(tx, &row).await?;
                db::profiles::retire_files(tx, &retired, 1).await?;
                Ok(db::profiles::retire_files(tx, &[free.to_owned()], 2).await?)
            })
        })
        .await;
    noted.unwrap();
    let pass = async || kith::jobs::cleanup::pass(&server.app).await.unwrap();
    let left = async || {
        let ids = uploads.clone();
        let read: AppResult<Vec<i64>> = server
            .app
            .read(move |c| {
                Box::pin(async move {
                    let rows = db::media::by_ids(c, &ids).await?;
                    Ok(rows.iter().map(|row| row.id).collect())
                })
            })
            .await;
        read.unwrap()
    };
    pass().await;
    assert_eq!(left().await, uploads[..1], "its copy is still there");
    // Those that failed were the first; now they are the last.
    pass().await;
    assert!(!store.object(free).exists());
    door.is_well();
    pass().await;
    assert!(left().await.is_empty());
}
