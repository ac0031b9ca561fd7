//! The binary: commands beside a running server, and `kill -9` as a normal event.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kith::clock::Clock;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{media, media_av};
use crate::support::peer::{Delivery, Peer, eventually};
use crate::support::process::Process;
use crate::support::{Answer, database};

/// How often the kill tests run (`tests/long.sh`).
fn rounds() -> usize {
    std::env::var("KITH_TEST_ROUNDS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_take_effect_beside_a_running_server() {
    let (process, peer) = (Process::start().await, Peer::start().await);
    let alice = process.person("alice");
    let me = process
        .get(&alice, "/api/v1/accounts/verify_credentials")
        .await
        .entity("CredentialAccount");
    assert_eq!(me["username"], "alice");
    let good = peer.add_actor("good");
    let actor = process.url.clone() + "/users/alice";
    let follow = |n: u32| json!({"@context": "https://www.w3.org/ns/activitystreams", "id": format!("{good}#f{n}"), "type": "Follow", "actor": good, "object": actor});
    let inbox = format!("{}/inbox", process.url);
    let first = Delivery::by(&good)
        .post(&process.http, &inbox, Clock::System.now_ms(), &follow(1))
        .await;
    assert_eq!(first.status, 202, "{}", first.text);
    within_a_second(async || {
        process.cli(&["domain", "remove", peer.domain()]);
        process.cli_ok(&["domain", "block", peer.domain()]);
        let began = Instant::now();
        eventually("the block holds", async || {
            let answer = Delivery::by(&good)
                .post(&process.http, &inbox, Clock::System.now_ms(), &follow(2))
                .await;
            (answer.status == 403).then_some(())
        })
        .await;
        began.elapsed()
    })
    .await;
    let listed = process.cli_ok(&["domain", "list", "--json"]);
    assert!(listed.contains(peer.domain()), "{listed}");
    within_a_second(async || {
        let token = process.cli_ok(&["token", "create", "alice"]);
        let path = "/api/v1/accounts/verify_credentials";
        assert_eq!(process.get(&token, path).await.status, 200);
        process.cli_ok(&["token", "revoke", &token]);
        let began = Instant::now();
        eventually("the token is dead", async || {
            let answer = process.get(&token, path).await;
            (answer.status == 401).then_some(())
        })
        .await;
        began.elapsed()
    })
    .await;
}

/// Once of three times: the machine may be busy with other things.
async fn within_a_second(mut timed: impl AsyncFnMut() -> Duration) {
    let mut took = Vec::new();
    while took.len() < 3 {
        took.push(timed().await);
        if took.last() < Some(&Duration::from_secs(1)) {
            return;
        }
    }
    panic!("it took {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_start_says_so_in_one_line() {
    let process = Process::start().await;
    for (args, expected) in [
        (vec!["serve"], "cannot listen"),
        (
            vec![
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--database-url",
                "mysql://x",
            ],
            "scheme",
        ),
        (
            vec![
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--data-dir",
                "/proc/nowhere",
            ],
            "/proc/nowhere",
        ),
        (
            vec!["serve", "--registration", "maybe"],
            "KITH_REGISTRATION",
        ),
    ] {
        let output = process.cli(&args);
        assert!(!output.status.success(), "{args:?}");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains(expected), "{args:?}: {error}");
        assert_eq!(error.trim().lines().count(), 1, "{args:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_the_receiver_amid_a_thousand_activities() {
    for round in 0..rounds() {
        let (mut process, peer) = (Process::start().await, Peer::start().await);
        let alice = process.person("alice");
        let good = peer.add_actor("good");
        let mention = json!([{"type": "Mention", "href": format!("{}/users/alice", process.url), "name": "@alice"}]);
        let activities: Arc<Vec<Value>> = Arc::new(
            (0..1000)
                .map(|n| {
                    let mut note = peer.note("good", &n.to_string(), &format!("note {n}"));
                    note["tag"] = mention.clone();
                    note["cc"] = json!([format!("{}/users/alice", process.url)]);
                    peer.create("good", &note)
                })
                .collect(),
        );
        let next = Arc::new(AtomicUsize::new(0));
        let mut senders = Vec::new();
        for _ in 0..8 {
            let (activities, next, good) = (activities.clone(), next.clone(), good.clone());
            let (http, inbox) = (process.http.clone(), format!("{}/inbox", process.url));
            senders.push(tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                while let Some(activity) = activities.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let delivery = Delivery::by(&good);
                    match delivery
                        .try_post(&http, &inbox, Clock::System.now_ms(), activity)
                        .await
                    {
                        Some(answer) if answer.status == 202 => {
                            acknowledged
                                .push(activity["object"]["id"].as_str().expect("an id").to_owned());
                        }
                        _ => break,
                    }
                }
                acknowledged
            }));
        }
        let point = 100 + (round * 173) % 800;
        while next.load(Ordering::Relaxed) < point {
            tokio::task::yield_now().await;
        }
        process.kill();
        let mut acknowledged = HashSet::new();
        for sender in senders {
            acknowledged.extend(sender.await.expect("a sender"));
        }
        assert!(acknowledged.len() < 1000, "it died in the middle");
        process.run().await;
        let lookup = format!("/api/v1/accounts/lookup?acct=good@{}", peer.domain());
        let account = process.get(&alice, &lookup).await.entity("Account");
        let id = account["id"].as_str().expect("an id").to_owned();
        let seen = eventually("everything acknowledged is there", async || {
            let seen = all_statuses(&process, &alice, &id).await;
            acknowledged
                .iter()
                .all(|uri| seen.contains_key(uri))
                .then_some(seen)
        })
        .await;
        assert!(
            seen.values().all(|times| *times == 1),
            "something is there twice"
        );
        // Sent again, as the sender of what was not acknowledged would: each is there once.
        for activity in activities.iter().take(point + 50) {
            let inbox = format!("{}/inbox", process.url);
            let answer = Delivery::by(&good)
                .post(&process.http, &inbox, Clock::System.now_ms(), activity)
                .await;
            assert_eq!(answer.status, 202, "{}", answer.text);
        }
        let seen = eventually("all that was sent is there", async || {
            let seen = all_statuses(&process, &alice, &id).await;
            (seen.len() >= point + 50).then_some(seen)
        })
        .await;
        assert!(
            seen.values().all(|times| *times == 1),
            "something is there twice"
        );
        let mut notified = HashMap::new();
        let mut next = Some("/api/v1/notifications?limit=80".to_owned());
        while let Some(path) = next {
            let page = process.get(&alice, &path).await;
            for note in page.ok().as_array().expect("a list") {
                *notified
                    .entry(note["status"]["uri"].to_string())
                    .or_insert(0) += 1;
            }
            next = page.link("next");
        }
        assert_eq!(notified.len(), seen.len());
        assert!(
            notified.values().all(|times| *times == 1),
            "somebody was told twice"
        );
    }
}

/// How often each URI is among an account's statuses.
async fn all_statuses(process: &Process, token: &str, id: &str) -> HashMap<String, usize> {
    let mut seen = HashMap::new();
    let mut next = Some(format!("/api/v1/accounts/{id}/statuses?limit=40"));
    while let Some(path) = next {
        let page = process.get(token, &path).await;
        for status in page.ok().as_array().expect("a list") {
            *seen
                .entry(status["uri"].as_str().expect("a URI").to_owned())
                .or_insert(0) += 1;
        }
        next = page.link("next");
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_the_sender_amid_two_hundred_deliveries() {
    for round in 0..rounds() {
        let (mut process, peer) = (Process::start().await, Peer::start().await);
        let alice = process.person("alice");
        let inbox = format!("{}/inbox", process.url);
        for n in 0..200 {
            let actor = peer.add_actor(&format!("f{n}"));
            let follow = json!({"@context": "https://www.w3.org/ns/activitystreams", "id": format!("{actor}#f"), "type": "Follow", "actor": actor, "object": format!("{}/users/alice", process.url)});
            let answer = Delivery::by(&actor)
                .post(&process.http, &inbox, Clock::System.now_ms(), &follow)
                .await;
            assert_eq!(answer.status, 202, "{}", answer.text);
        }
        eventually("everyone follows", async || {
            let me = process
                .get(&alice, "/api/v1/accounts/verify_credentials")
                .await
                .ok();
            (me["followers_count"] == 200).then_some(())
        })
        .await;
        let creates = || {
            let mut posted: HashMap<String, HashSet<String>> = HashMap::new();
            for (path, activity) in peer.deliveries() {
                if activity["type"] == "Create" {
                    let id = activity["id"].as_str().expect("an id").to_owned();
                    posted.entry(path).or_default().insert(id);
                }
            }
            posted
        };
        process
            .post(&alice, "/api/v1/statuses", &json!({"status": "to all"}))
            .await
            .entity("Status");
        let point = 10 + (round * 37) % 180;
        while creates().len() < point {
            tokio::task::yield_now().await;
        }
        process.kill();
        process.run().await;
        let posted = eventually("everyone has it", async || {
            let posted = creates();
            (posted.len() == 200).then_some(posted)
        })
        .await;
        // An inbox may see it again when the sender died before it could write down the answer,
        // but under the same id, by which every receiver tells.
        assert!(
            posted.values().all(|ids| ids.len() == 1),
            "one post, one activity"
        );
        let request = process
            .http
            .request(Method::GET, format!("{}/health", process.url));
        assert!(
            request
                .send()
                .await
                .expect("it lives")
                .status()
                .is_success()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_the_server_amid_a_conversion() {
    let odd = media_av::made(
        "odd.mkv",
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc=size=320x240:rate=25:duration=4",
            "-c:v",
            "mpeg4",
        ],
    );
    for _ in 0..rounds() {
        let mut process = Process::start().await;
        let alice = process.person("alice");
        let request = process
            .http
            .post(format!("{}/api/v2/media", process.url))
            .bearer_auth(&alice)
            .header("content-type", media::FORM)
            .body(media::form(&[("file", &odd)]));
        let begun = Answer::of(request, "upload".to_owned()).await;
        assert_eq!(begun.status, 202, "{}", begun.text);
        process.kill();
        process.run().await;
        let one = format!(
            "/api/v1/media/{}",
            begun.json()["id"].as_str().expect("an id")
        );
        let done = eventually("what was acknowledged is done", async || {
            let answer = process.get(&alice, &one).await;
            assert!(
                answer.status == 200 || answer.status == 206,
                "{}",
                answer.text
            );
            (answer.status == 200).then(|| answer.entity("MediaAttachment"))
        })
        .await;
        assert_eq!(done["meta"]["original"]["size"], "320x240");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_loses_no_view_that_is_older_than_the_window() {
    let mut process = Process::start().await;
    let (alice, bob) = (process.person("alice"), process.person("bob"));
    let status = process
        .post(&alice, "/api/v1/statuses", &json!({"status": "look"}))
        .await
        .entity("Status");
    let kith = format!(
        "/api/kith/v1/statuses/{}",
        status["id"].as_str().expect("an id")
    );
    let see = async |process: &Process| {
        let path = format!("{kith}/views");
        process.post(&bob, &path, &json!({})).await.ok();
    };
    let written = "SELECT count(*) AS n FROM status_views";
    see(&process).await;
    eventually("the view is written", async || {
        (database::count(process.database_url(), written).await == 1).then_some(())
    })
    .await;
    process.kill();
    process.run().await;
    // A process that knows nothing of the first counts the same view no second time.
    see(&process).await;
    let told = process.get(&alice, &format!("{kith}/analytics")).await;
    assert_eq!(told.entity("Kith__StatusAnalytics")["views"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_deletes_an_account_and_a_kill_only_delays_it() {
    let (mut process, peer) = (Process::start().await, Peer::start().await);
    let (alice, bob) = (process.person("alice"), process.person("bob"));
    let good = peer.add_actor("good");
    let actor = format!("{}/users/alice", process.url);
    let follow = json!({"@context": "https://www.w3.org/ns/activitystreams", "id": format!("{good}#f"), "type": "Follow", "actor": good, "object": actor});
    let inbox = format!("{}/inbox", process.url);
    let answer = Delivery::by(&good)
        .post(&process.http, &inbox, Clock::System.now_ms(), &follow)
        .await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    eventually("the follow is accepted", async || {
        let all = peer.received();
        all.iter().any(|a| a["type"] == "Accept").then_some(())
    })
    .await;
    let post = process
        .post(&bob, "/api/v1/statuses", &json!({"status": "talk to me"}))
        .await
        .entity("Status");
    for n in 0..60 {
        let body = json!({"status": format!("post {n}"), "in_reply_to_id": post["id"], "visibility": "unlisted"});
        process.post(&alice, "/api/v1/statuses", &body).await.ok();
    }

    let help = process.cli_ok(&["user", "delete", "--help"]);
    assert!(
        help.contains("--dry-run") && help.contains("--yes"),
        "{help}"
    );
    for (args, error) in [
        (vec!["user", "delete", "alice"], "give --yes"),
        (
            vec!["user", "delete", "nobody", "--yes"],
            "there is no user nobody",
        ),
    ] {
        let output = process.cli(&args);
        assert!(!output.status.success(), "{args:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(error), "{said}");
        assert_eq!(said.trim().lines().count(), 1, "{said}");
    }
    let dry = process.cli_ok(&["user", "delete", "alice", "--dry-run", "--json"]);
    let dry: Value = serde_json::from_str(&dry).expect("JSON");
    assert_eq!(
        (&dry["dry_run"], &dry["statuses"], &dry["followers"]),
        (&json!(true), &json!(60), &json!(1))
    );
    process
        .get(&alice, "/api/v1/accounts/verify_credentials")
        .await
        .ok();
    let said = process.cli_ok(&["user", "delete", "alice", "--yes"]);
    assert!(said.contains("alice is being deleted: 60 posts"), "{said}");
    // Somewhere in the middle, wherever that is.
    let left = "SELECT count(*) AS n FROM statuses WHERE visibility = 1";
    eventually("it began", async || {
        (database::count(process.database_url(), left).await < 60).then_some(())
    })
    .await;
    process.kill();
    process.run().await;
    let jobs = "SELECT count(*) AS n FROM jobs WHERE kind = 'erase_account'";
    eventually("all is erased", async || {
        let url = process.database_url();
        let done = database::count(url, left).await == 0 && database::count(url, jobs).await == 0;
        done.then_some(())
    })
    .await;
    let path = format!("/api/v1/statuses/{}", post["id"].as_str().expect("an id"));
    let shown = process.get(&bob, &path).await.entity("Status");
    assert_eq!(shown["replies_count"], 0);
    let gone = process.get(&alice, "/api/v1/accounts/verify_credentials");
    assert_eq!(gone.await.status, 401);
    eventually("the follower's server is told", async || {
        let all = peer.received();
        let told = |a: &&Value| a["type"] == "Delete" && a["object"] == actor.as_str();
        all.iter().find(told).map(|_| ())
    })
    .await;
    let listed = process.cli_ok(&["user", "list"]);
    assert!(!listed.contains("alice"), "{listed}");
    let again = process.cli(&[
        "user",
        "create",
        "alice",
        "--email",
        "x@mail.example",
        "--password",
        "correct horse battery",
    ]);
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(said.contains("the name is taken"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_amid_an_import_loses_no_line() {
    let (mut process, peer) = (Process::start().await, Peer::start().await);
    let alice = process.person("alice");
    let mut body = String::new();
    for n in 0..10 {
        peer.add_actor(&format!("a{n}"));
        body.push_str(&format!("a{n}@{}\n", peer.domain()));
    }
    let begun = json!({"type": "follows", "mode": "merge", "data": body});
    let path = "/api/kith/v1/account/imports";
    let begun = process.post(&alice, path, &begun).await;
    let begun = begun.entity("Kith::Import");
    let path = format!("{path}/{}", begun["id"].as_str().expect("an id"));
    let done = async |process: &Process| {
        let now = process.get(&alice, &path).await.entity("Kith::Import");
        (
            now["done"].as_i64().expect("a number"),
            now["failed"].clone(),
        )
    };
    eventually("it began", async || {
        (done(&process).await.0 >= 2).then_some(())
    })
    .await;
    process.kill();
    process.run().await;
    assert!(done(&process).await.0 < 10, "it was too quick to be killed");
    eventually("all lines are worked off", async || {
        (done(&process).await == (10, json!(0))).then_some(())
    })
    .await;
    let waiting = "SELECT count(*) AS n FROM follow_requests";
    let asked = database::count(process.database_url(), waiting).await;
    assert_eq!(asked, 10);
}
