//! `/api/kith/v1/account/exports`, `imports`, `archive`: what an account takes along, and brings.

use std::collections::BTreeMap;
use std::io::Read;

use kith::clock::DAY;
use reqwest::Method;
use serde_json::{Value, json};

use super::media::{self, png, upload};
use crate::support::peer::{Peer, eventually};
use crate::support::{Answer, Person, Server};

const EXPORTS: &str = "/api/kith/v1/account/exports";
pub const IMPORTS: &str = "/api/kith/v1/account/imports";
const ARCHIVE: &str = "/api/kith/v1/account/archive";

const KINDS: [&str; 7] = [
    "follows",
    "blocks",
    "mutes",
    "domain_blocks",
    "lists",
    "bookmarks",
    "filters",
];

async fn export(server: &Server, who: &Person, kind: &str) -> String {
    let answer = server.get(who, &format!("{EXPORTS}/{kind}.csv")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8");
    answer.text
}

async fn bring(server: &Server, who: &Person, kind: &str, mode: &str, body: &str) -> Answer {
    let mut parts = Vec::new();
    for (name, value) in [("type", kind), ("mode", mode)] {
        parts.extend(
            format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                .into_bytes(),
        );
    }
    parts.extend(
        b"--x\r\ncontent-disposition: form-data; name=\"data\"; filename=\"a.csv\"\r\n\r\n",
    );
    parts.extend(body.as_bytes());
    parts.extend(b"\r\n--x--\r\n");
    let request = server
        .http
        .post(format!("{}{IMPORTS}", server.url))
        .bearer_auth(&who.token)
        .header("content-type", "multipart/form-data; boundary=x")
        .body(parts);
    Answer::of(request, format!("import {kind}")).await
}

/// Brings a file in and waits until it is worked off.
async fn import(server: &Server, who: &Person, kind: &str, mode: &str, body: &str) -> Value {
    let begun = bring(server, who, kind, mode, body).await;
    let begun = begun.entity("Kith::Import");
    let path = format!("{IMPORTS}/{}", begun["id"].as_str().unwrap());
    eventually("the import is worked off", async || {
        let now = server.get(who, &path).await.entity("Kith::Import");
        assert!(now["failures"].is_array(), "{now}");
        (now["state"] == "finished").then_some(now)
    })
    .await
}

async fn verb(server: &Server, who: &Person, whom: &Person, verb: &str, body: Value) {
    let path = format!("/api/v1/accounts/{}/{verb}", whom.id());
    server.post(who, &path, body).await.ok();
}

/// Alice with something of each kind; what she has, as files.
async fn alice(
    server: &Server,
    bob: &Person,
    carol: &Person,
) -> (Person, BTreeMap<&'static str, String>) {
    let alice = server.person("alice").await;
    let domain = server.domain();
    let options = json!({"notify": true, "reblogs": false, "languages": ["de", "en"]});
    verb(server, &alice, bob, "follow", options).await;
    verb(server, &alice, carol, "follow", json!({})).await;
    let (mallory, mute) = (server.person("mallory").await, server.person("mute").await);
    let timed = server.person("timed").await;
    verb(server, &alice, &mallory, "block", json!({})).await;
    verb(
        server,
        &alice,
        &mute,
        "mute",
        json!({"notifications": false}),
    )
    .await;
    verb(server, &alice, &timed, "mute", json!({"duration": 600})).await;
    let body = json!({"domain": "bad.example"});
    server
        .post(&alice, "/api/v1/domain_blocks", body)
        .await
        .ok();
    let title = "close, \"really\"";
    let list = server
        .post(&alice, "/api/v1/lists", json!({"title": title}))
        .await;
    let members = format!(
        "/api/v1/lists/{}/accounts",
        list.ok()["id"].as_str().unwrap()
    );
    let body = json!({"account_ids": [bob.id()]});
    server.post(&alice, &members, body).await.ok();
    let status = server.status(bob, "keep this").await;
    let keep = format!(
        "/api/v1/statuses/{}/bookmark",
        status["id"].as_str().unwrap()
    );
    server.post(&alice, &keep, json!({})).await.ok();
    let filter = json!({
        "title": "spoilers", "context": ["home", "public"], "filter_action": "hide",
        "keywords_attributes": [{"keyword": "the end", "whole_word": true}, {"keyword": "dies", "whole_word": false}],
    });
    server.post(&alice, "/api/v2/filters", filter).await.ok();
    let files = BTreeMap::from([
        (
            "follows",
            format!(
                "Account address,Show boosts,Notify on new posts,Languages\n\
                 bob@{domain},false,true,\"de, en\"\ncarol@{domain},true,false,\n"
            ),
        ),
        ("blocks", format!("mallory@{domain}\n")),
        (
            "mutes",
            format!("Account address,Hide notifications\nmute@{domain},false\n"),
        ),
        ("domain_blocks", "bad.example\n".to_owned()),
        ("lists", format!("\"close, \"\"really\"\"\",bob@{domain}\n")),
        ("bookmarks", format!("{}\n", status["uri"].as_str().unwrap())),
        (
            "filters",
            "Title,Context,Action,Expires at,Keyword,Whole word\n\
             spoilers,\"home, public\",hide,,the end,true\nspoilers,\"home, public\",hide,,dies,false\n"
                .to_owned(),
        ),
    ]);
    (alice, files)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_account_exports_another_imports() {
    let server = Server::start().await;
    let (bob, carol) = (server.person("bob").await, server.person("carol").await);
    let (alice, files) = alice(&server, &bob, &carol).await;
    for kind in KINDS {
        assert_eq!(export(&server, &alice, kind).await, files[kind], "{kind}");
    }
    let answer = server.get(&alice, &format!("{EXPORTS}/follows.csv")).await;
    assert_eq!(
        answer.headers["content-disposition"],
        "attachment; filename=\"following_accounts.csv\""
    );
    for path in ["nothing.csv", "follows"] {
        server
            .get(&alice, &format!("{EXPORTS}/{path}"))
            .await
            .refused(404);
    }
    server
        .get_public(&format!("{EXPORTS}/follows.csv"))
        .await
        .refused(401);

    // Lists first: whoever is on one is followed.
    let dave = server.person("dave").await;
    for kind in [
        "lists",
        "follows",
        "blocks",
        "mutes",
        "domain_blocks",
        "bookmarks",
        "filters",
    ] {
        let done = import(&server, &dave, kind, "merge", &files[kind]).await;
        assert_eq!(
            (&done["failed"], &done["failures"], &done["done"]),
            (&json!(0), &json!([]), &done["total"]),
            "{kind}"
        );
        assert_eq!(export(&server, &dave, kind).await, files[kind], "{kind}");
    }
    // Again changes nothing.
    for kind in KINDS {
        import(&server, &dave, kind, "merge", &files[kind]).await;
        assert_eq!(export(&server, &dave, kind).await, files[kind], "{kind}");
    }
    let listed = server.get(&dave, &format!("{IMPORTS}?limit=10")).await;
    let next = listed.link("next").expect("more");
    assert_eq!(listed.entities("Kith::Import").len(), 10);
    let rest = server.get(&dave, &next).await;
    assert_eq!(rest.entities("Kith::Import").len(), 4);
    assert_eq!(rest.link("next"), None);

    // What is not in the file goes, and only that.
    let domain = server.domain();
    for (kind, body) in [
        ("follows", format!("carol@{domain}\n")),
        ("blocks", format!("timed@{domain}\n")),
        ("mutes", format!("Account address\n@timed@{domain}\n")),
        ("domain_blocks", "#domain\nworse.example\n".to_owned()),
        ("lists", format!("others,carol@{domain}\n")),
        ("filters", "new,home,warn,,word,true\n".to_owned()),
        ("bookmarks", "https://no-such.invalid/1\n".to_owned()),
    ] {
        server.pass(1000);
        let done = import(&server, &dave, kind, "overwrite", &body).await;
        let failed = i64::from(kind == "bookmarks");
        assert_eq!(done["failed"], failed, "{done}");
        let now = export(&server, &dave, kind).await;
        let expected = match kind {
            "follows" => format!(
                "Account address,Show boosts,Notify on new posts,Languages\ncarol@{domain},true,false,\n"
            ),
            "mutes" => format!("Account address,Hide notifications\ntimed@{domain},true\n"),
            "domain_blocks" => "worse.example\n".to_owned(),
            "filters" => format!(
                "{}\nnew,home,warn,,word,true\n",
                "Title,Context,Action,Expires at,Keyword,Whole word"
            ),
            "bookmarks" => String::new(),
            _ => body,
        };
        assert_eq!(now, expected, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_looks_accounts_up_and_says_what_it_could_not() {
    let (server, peer) = (Server::start().await, Peer::start().await);
    let alice = server.person("alice").await;
    peer.add_actor("good");
    peer.add_actor("better");
    let domain = peer.domain();
    let body = format!(
        "good@{domain}\nnobody@{domain}\n\nno address at all\nbetter@{domain},false\nalice@{}\n",
        server.domain()
    );
    let done = import(&server, &alice, "follows", "merge", &body).await;
    assert_eq!(
        (&done["total"], &done["done"], &done["failed"]),
        (&json!(5), &json!(5), &json!(3)),
        "{done}"
    );
    let failures = done["failures"].as_array().unwrap();
    let told: Vec<(&Value, &Value)> = failures.iter().map(|f| (&f["line"], &f["error"])).collect();
    assert_eq!(
        told,
        [
            (&json!(2), &json!("The account could not be found")),
            (&json!(3), &json!("The account could not be found")),
            (
                &json!(5),
                &json!("Validation failed: You cannot follow yourself")
            ),
        ]
    );
    assert_eq!(failures[0]["text"], format!("nobody@{domain}"));
    let path = format!("{IMPORTS}/{}?after=3", done["id"].as_str().unwrap());
    let rest = server.get(&alice, &path).await.ok();
    assert_eq!(rest["failures"].as_array().unwrap().len(), 1);
    eventually("both are asked", async || {
        let asked = peer.received();
        let follows = asked.iter().filter(|a| a["type"] == "Follow").count();
        (follows == 2).then_some(())
    })
    .await;

    let mallory = server.person("mallory").await;
    server.get(&mallory, &path).await.refused(404);
    assert!(
        server
            .get(&mallory, IMPORTS)
            .await
            .entities("Kith::Import")
            .is_empty()
    );
    for (kind, mode, body) in [
        ("followers", "merge", "a@b.example\n"),
        ("follows", "both", "a@b.example\n"),
        ("follows", "merge", ""),
        ("follows", "merge", "Account address\n"),
        ("blocks", "merge", &"a\n".repeat(20_001)),
    ] {
        let refused = bring(&server, &alice, kind, mode, body).await;
        assert!(
            refused.refused(422).starts_with("Validation failed"),
            "{kind}"
        );
    }
    let large = bring(&server, &alice, "blocks", "merge", &"a".repeat(3 << 20)).await;
    large.refused(413);
    let read_only = server.token(&alice, "read").await;
    let body = json!({"type": "follows", "data": "a@b.example"});
    server
        .send(Method::POST, IMPORTS, Some(&read_only), Some(&body))
        .await
        .refused(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_holds_everything_and_is_its_owners_alone() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let bytes = png(32, 32);
    let file = upload(&server, &alice, &bytes).await.ok();
    let body = json!({"status": "with a picture", "media_ids": [file["id"]]});
    server.post(&alice, "/api/v1/statuses", body).await.ok();
    let secret = json!({"status": "for followers", "visibility": "private"});
    server.post(&alice, "/api/v1/statuses", secret).await.ok();
    let post = server.status(&bob, "of note").await;
    for verb in ["reblog", "favourite", "bookmark"] {
        let path = format!("/api/v1/statuses/{}/{verb}", post["id"].as_str().unwrap());
        server.post(&alice, &path, json!({})).await.ok();
    }
    let path = "/api/v1/accounts/update_credentials";
    let avatar = png(64, 64);
    let avatar: [(&str, &[u8]); 1] = [("avatar", &avatar)];
    media::send(&server, &alice, Method::PATCH, path, &avatar)
        .await
        .ok();

    server.get(&alice, ARCHIVE).await.refused(404);
    let begun = server.post(&alice, ARCHIVE, json!({})).await;
    begun.entity("Kith::Archive");
    server.post(&alice, ARCHIVE, json!({})).await.refused(422);
    let ready = eventually("the archive is written", async || {
        let now = server.get(&alice, ARCHIVE).await.entity("Kith::Archive");
        (now["state"] == "ready").then_some(now)
    })
    .await;
    let letter = crate::support::mail::letters(&server, 1).await.remove(0);
    assert!(letter.subject.contains("archive"), "{}", letter.subject);
    let url = ready["url"].as_str().unwrap();
    let fetch = async |token: &str| {
        let answer = server
            .http
            .get(url)
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap())
    };
    assert_eq!(fetch(&bob.token).await.0, 404);
    assert_eq!(fetch("nobody").await.0, 401);
    let (status, bytes_of_it) = fetch(&alice.token).await;
    assert_eq!(status, 200);
    assert_eq!(bytes_of_it.len() as i64, ready["size"].as_i64().unwrap());
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes_of_it)).expect("a zip file");
    let mut part = |name: &str| {
        let mut content = Vec::new();
        let mut file = zip.by_name(name).unwrap_or_else(|e| panic!("{name}: {e}"));
        file.read_to_end(&mut content).expect("it is whole");
        content
    };
    let mut json_of = |name: &str| -> Value { serde_json::from_slice(&part(name)).expect("JSON") };
    let actor = json_of("actor.json");
    assert_eq!(
        (&actor["id"], &actor["outbox"]),
        (&json!(alice.account.uri), &json!("outbox.json"))
    );
    let avatar = actor["icon"]["url"].as_str().unwrap().to_owned();
    let outbox = json_of("outbox.json");
    assert_eq!(outbox["totalItems"], 3);
    let items = outbox["orderedItems"].as_array().unwrap();
    let kinds: Vec<&Value> = items.iter().map(|item| &item["type"]).collect();
    assert_eq!(kinds, ["Announce", "Create", "Create"]);
    assert!(
        items[1]["object"]["content"]
            .as_str()
            .unwrap()
            .contains("for followers")
    );
    let picture = items[2]["object"]["attachment"][0]["url"]
        .as_str()
        .unwrap()
        .to_owned();
    for name in ["likes.json", "bookmarks.json"] {
        assert_eq!(
            json_of(name)["orderedItems"],
            json!([post["uri"]]),
            "{name}"
        );
    }
    for path in [&avatar, &picture] {
        assert!(path.starts_with("media_attachments/"), "{path}");
        assert!(!part(path).is_empty(), "{path}");
    }

    // It is kept for a week, and nothing of it is left then.
    server.pass(8 * DAY);
    server.get(&alice, ARCHIVE).await.refused(404);
    kith::jobs::cleanup::pass(&server.app)
        .await
        .expect("a sweep");
    let left = walk(&server.data_dir().join("media/archives"));
    assert!(left.is_empty(), "{left:?}");
    server
        .post(&alice, ARCHIVE, json!({}))
        .await
        .entity("Kith::Archive");
}

fn walk(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}
