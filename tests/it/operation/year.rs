//! A year in an admin's life, on a server that was set up from nothing as the manual says, with
//! another one beside it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kith::clock::{DAY, HOUR};
use kith::disk::Space;
use kith::domain::accounts;
use serde_json::{Value, json};

use super::{file_at, png};
use crate::api::media::upload;
use crate::federation::two_servers::{Pair, id};
use crate::support::mail::letter_to;
use crate::support::peer::eventually;
use crate::support::process::Process;
use crate::support::server::with_json;
use crate::support::{Answer, database};

const PASSWORD: &str = "correct horse battery";
/// What a moderator's app asks for.
const STAFF: &str = "read write follow push admin:read admin:write";
/// Room for copies of files from elsewhere: fewer than [`PICTURES`] of them.
const LIMIT: u64 = 300 << 10;
const PICTURES: u64 = 4;

/// The server, the other one, and who is on them.
struct Year {
    home: Process,
    there: Process,
    /// The admins: here, and on the other one.
    anna: String,
    beth: String,
    /// Two people here, one there.
    bob: String,
    carol: String,
    rob: String,
    /// Rob's id here, bob's there.
    rob_here: String,
    bob_there: String,
}

/// From nothing to a server with its admin.
async fn set_up(keep: &Path) -> (Process, String) {
    let nowhere = database::empty(keep, "kith.db").await;
    let mut home = Process::prepare(&[("KITH_DATABASE_URL", &nowhere)]).await;
    let settings = format!(
        "{}\nregistration = \"approval\"\nmedia_remote_limit = \"{LIMIT}\"\n",
        home.cli_ok(&["config-example"])
    );
    let path = keep.join("kith.toml");
    std::fs::write(&path, settings).unwrap();
    home.set_config(path);
    home.run().await;
    let args = "user create anna --email anna@mail.example --role admin --confirmed";
    let args: Vec<&str> = args.split(' ').collect();
    let made = home.cli_told(&args, &format!("{PASSWORD}\n"));
    assert!(made.status.success(), "{made:?}");
    home.cli_ok(&["instance", "set", "title", "Our place"]);
    home.cli_ok(&["instance", "set", "contact-email", "anna@mail.example"]);
    home.cli_ok(&["rule", "add", "Be kind"]);
    signs_in(&home, "anna").await;
    let anna = home.cli_ok(&["token", "create", "anna", "--scopes", STAFF]);
    let shown = home.get(&anna, "/api/v2/instance").await.ok();
    assert_eq!(
        (&shown["title"], &shown["rules"][0]["text"]),
        (&json!("Our place"), &json!("Be kind"))
    );
    assert_eq!(shown["registrations"]["approval_required"], true);
    (home, anna)
}

async fn tries_to_sign_in(server: &Process, name: &str) -> Answer {
    let body = json!({"login": name, "password": PASSWORD});
    server.post_public("/api/kith/v1/auth/login", &body).await
}

async fn signs_in(server: &Process, name: &str) -> String {
    let answer = tries_to_sign_in(server, name).await.ok();
    answer["access_token"].as_str().expect("a token").to_owned()
}

/// Somebody registers, and verifies their address.
async fn registers(server: &Process, name: &str, more: Value) -> String {
    let email = format!("{name}@mail.example");
    let mut body = json!({
        "username": name, "email": email, "password": PASSWORD, "agreement": true,
    });
    for (key, value) in more.as_object().expect("an object") {
        body[key] = value.clone();
    }
    let path = "/api/kith/v1/auth";
    let made = server.post_public(&format!("{path}/register"), &body).await;
    let made = made.ok();
    let code = letter_to(server.data_dir(), &email, "Your code")
        .await
        .code();
    let verify = json!({"email": email, "code": code});
    server
        .post_public(&format!("{path}/verify_email"), &verify)
        .await
        .ok();
    made["account"]["id"].as_str().expect("an id").to_owned()
}

/// The id by which a server knows a handle.
async fn known(server: &Process, token: &str, handle: &str) -> String {
    let path = format!("/api/v2/search?q={handle}&resolve=true&type=accounts");
    let found = server.get(token, &path).await.entity("Search");
    let account = found["accounts"][0]["id"].as_str();
    account
        .unwrap_or_else(|| panic!("{handle} is not found: {found}"))
        .to_owned()
}

async fn posts(server: &Process, token: &str, text: &str) -> Value {
    let body = json!({"status": text});
    server
        .post(token, "/api/v1/statuses", &body)
        .await
        .entity("Status")
}

async fn home_of(server: &Process, token: &str) -> Vec<Value> {
    let path = "/api/v1/timelines/home?limit=40";
    server.get(token, path).await.entities("Status")
}

/// A post as somebody's home shows it, once it does.
async fn arrives(server: &Process, token: &str, post: &Value) -> Value {
    eventually("the post arrives", async || {
        let home = home_of(server, token).await;
        home.into_iter().find(|status| status["uri"] == post["uri"])
    })
    .await
}

async fn follows(server: &Process, token: &str, whom: &str) {
    let path = format!("/api/v1/accounts/{whom}/follow");
    server.post(token, &path, &json!({})).await.ok();
    let path = format!("/api/v1/accounts/relationships?id[]={whom}");
    eventually("the follow is accepted", async || {
        let relation = server.get(token, &path).await.ok();
        (relation[0]["following"] == true).then_some(())
    })
    .await;
}

/// A report that its server passes on.
async fn reports(server: &Process, token: &str, post: &Value, comment: &str) {
    let body = json!({
        "account_id": post["account"]["id"], "status_ids": [post["id"]],
        "comment": comment, "forward": true,
    });
    let report = server.post(token, "/api/v1/reports", &body).await;
    assert_eq!(report.entity("Report")["forwarded"], true);
}

/// An open report, once an admin sees it.
async fn report(server: &Process, admin: &str, comment: &str) -> Value {
    eventually(comment, async || {
        let list = server.get(admin, "/api/v1/admin/reports").await;
        let list = list.entities("Admin::Report");
        list.into_iter().find(|report| report["comment"] == comment)
    })
    .await
}

/// Waits until an account stands as it should on a server.
async fn stands(server: &Process, token: &str, account: &str, how: &str, so: bool) {
    let path = format!("/api/v1/accounts/{account}");
    eventually(&format!("{how} is {so}"), async || {
        let shown = server.get(token, &path).await.entity("Account");
        ((shown[how] == true) == so).then_some(())
    })
    .await;
}

async fn decides(server: &Process, admin: &str, how: &str) {
    let appeals = "/api/kith/v1/admin/appeals";
    let list = server.get(admin, appeals).await.ok();
    let path = format!("{appeals}/{}/{how}", id(&list[0]));
    server.post(admin, &path, &json!({})).await.ok();
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

impl Year {
    /// January: the server, and its first people.
    async fn begins(keep: &Path) -> Year {
        let (home, anna) = set_up(keep).await;
        let there = Process::start().await;
        let rob = there.person("rob");
        there.person("beth");
        there.cli_ok(&["user", "role", "beth", "admin"]);
        let beth = there.cli_ok(&["token", "create", "beth", "--scopes", STAFF]);

        let code = home.cli_ok(&["invite", "create", "--by", "anna", "--uses", "1"]);
        registers(&home, "bob", json!({"invite": code})).await;
        let bob = signs_in(&home, "bob").await;
        let late = json!({
            "username": "eve", "email": "eve@mail.example", "password": PASSWORD,
            "agreement": true, "invite": code,
        });
        let path = "/api/kith/v1/auth/register";
        home.post_public(path, &late).await.refused(422);

        // Who was not invited waits.
        let mut waiting = Vec::new();
        for name in ["carol", "mallory"] {
            let reason = json!({"reason": "to be among friends"});
            waiting.push(registers(&home, name, reason).await);
            tries_to_sign_in(&home, name).await.refused(403);
        }
        let accounts = "/api/v1/admin/accounts";
        let list = home.get(&anna, &format!("{accounts}?pending=true")).await;
        assert_eq!(list.entities("Admin::Account").len(), 2);
        for (account, verb) in waiting.iter().zip(["approve", "reject"]) {
            let path = format!("{accounts}/{account}/{verb}");
            home.post(&anna, &path, &json!({})).await.ok();
        }
        letter_to(home.data_dir(), "carol@mail.example", "Welcome").await;
        let carol = signs_in(&home, "carol").await;
        tries_to_sign_in(&home, "mallory").await.refused(401);

        let rob_here = known(&home, &bob, &format!("@rob@{}", there.domain())).await;
        let bob_there = known(&there, &rob, &format!("@bob@{}", home.domain())).await;
        follows(&home, &bob, &rob_here).await;
        follows(&home, &carol, &rob_here).await;
        follows(&there, &rob, &bob_there).await;
        Year {
            home,
            there,
            anna,
            beth,
            bob,
            carol,
            rob,
            rob_here,
            bob_there,
        }
    }

    /// Something said here is read there, and the other way round.
    async fn they_talk(&self, about: &str) {
        let here = posts(&self.home, &self.bob, about).await;
        arrives(&self.there, &self.rob, &here).await;
        let there = posts(&self.there, &self.rob, about).await;
        arrives(&self.home, &self.bob, &there).await;
        arrives(&self.home, &self.carol, &there).await;
    }

    /// March: somebody here is reported from there.
    async fn one_of_ours_is_suspended_and_appeals(&mut self) {
        let (home, there) = (&self.home, &self.there);
        let post = posts(home, &self.bob, "rude words").await;
        let seen = arrives(there, &self.rob, &post).await;
        reports(there, &self.rob, &seen, "he is rude").await;
        let report = report(home, &self.anna, "he is rude").await;
        assert_eq!(report["statuses"][0]["id"], post["id"]);
        let account = id(&post["account"]).to_owned();
        let path = format!("/api/v1/admin/accounts/{account}/action");
        let deed = json!({"type": "suspend", "text": "Be kind", "report_id": report["id"]});
        home.post(&self.anna, &path, &deed).await.ok();
        stands(there, &self.rob, &self.bob_there, "suspended", true).await;
        let shown = home_of(there, &self.rob).await;
        assert!(shown.iter().all(|status| status["uri"] != post["uri"]));
        let me = "/api/v1/accounts/verify_credentials";
        assert!(home.get(&self.bob, me).await.status.is_client_error());
        tries_to_sign_in(home, "bob").await.refused(403);
        let path = format!("/api/v1/admin/reports/{}", id(&report));
        let report = home.get(&self.anna, &path).await.entity("Admin::Report");
        assert_eq!(report["action_taken"], true);

        let letter = letter_to(home.data_dir(), "bob@mail.example", "suspended").await;
        let secret = letter
            .text
            .lines()
            .find(|line| line.len() == 43 && !line.contains(' '));
        let appeal = json!({"token": secret.expect("a token"), "text": "I am sorry"});
        let path = "/api/kith/v1/strikes/appeal";
        home.post_public(path, &appeal).await.ok();
        decides(home, &self.anna, "approve").await;
        stands(there, &self.rob, &self.bob_there, "suspended", false).await;
        arrives(there, &self.rob, &post).await;
        self.bob = signs_in(&self.home, "bob").await;
        self.they_talk("we made it up").await;
    }

    /// April: somebody there is reported from here.
    async fn one_of_theirs_is_limited_here_and_there(&self) {
        let (home, there) = (&self.home, &self.there);
        let post = posts(there, &self.rob, "buy this").await;
        let seen = arrives(home, &self.carol, &post).await;
        reports(home, &self.carol, &seen, "an ad").await;
        let handle = format!("rob@{}", there.domain());
        home.cli_ok(&["user", "silence", &handle, "--reason", "ads"]);
        stands(home, &self.anna, &self.rob_here, "limited", true).await;
        let own = id(&post["account"]);
        stands(there, &self.beth, own, "limited", false).await;

        let report = report(there, &self.beth, "an ad").await;
        assert_eq!(report["statuses"][0]["id"], post["id"]);
        let path = format!("/api/v1/admin/accounts/{own}/action");
        let deed = json!({"type": "silence", "text": "No ads", "report_id": report["id"]});
        there.post(&self.beth, &path, &deed).await.ok();
        stands(there, &self.beth, own, "limited", true).await;
        let strikes = "/api/kith/v1/strikes";
        let strike = there.get(&self.rob, strikes).await.ok();
        assert_eq!(strike[0]["text"], "No ads");
        let path = format!("{strikes}/{}/appeal", id(&strike[0]));
        let appeal = json!({"text": "it was a joke"});
        there.post(&self.rob, &path, &appeal).await.ok();
        decides(there, &self.beth, "reject").await;
        stands(there, &self.beth, own, "limited", true).await;

        there.cli_ok(&["user", "unsilence", "rob"]);
        home.cli_ok(&["user", "unsilence", &handle]);
        stands(there, &self.beth, own, "limited", false).await;
        stands(home, &self.anna, &self.rob_here, "limited", false).await;
        self.they_talk("no more ads").await;
    }

    /// June: their server is blocked, which does what the dry run said, and let in again.
    async fn their_server_is_blocked_for_a_while(&self) {
        let home = &self.home;
        let domain = self.there.domain();
        let foretold = parsed(&home.cli_ok(&["domain", "check", domain, "--json"]));
        assert_eq!(
            (&foretold["following"], &foretold["followers"]),
            (&json!(2), &json!(1)),
            "{foretold}"
        );
        let dry = home.cli_ok(&["domain", "block", domain, "--dry-run", "--json"]);
        assert_eq!(parsed(&dry), foretold);
        assert!(!home_of(home, &self.carol).await.is_empty());
        home.cli_ok(&["domain", "block", domain, "--comment", "ads"]);
        stands(home, &self.anna, &self.rob_here, "suspended", true).await;
        assert!(home_of(home, &self.carol).await.is_empty());
        let (mut following, mut followers) = (0, 0);
        for token in [&self.bob, &self.carol] {
            let path = "/api/v1/notifications?types[]=severed_relationships";
            let told = eventually("it is told", async || {
                let told = home.get(token, path).await.entities("Notification");
                told.into_iter().next()
            })
            .await;
            following += told["event"]["following_count"].as_i64().unwrap();
            followers += told["event"]["followers_count"].as_i64().unwrap();
        }
        assert_eq!(
            (&json!(following), &json!(followers)),
            (&foretold["following"], &foretold["followers"])
        );
        let unheard = posts(&self.there, &self.rob, "can you hear me?").await;
        home.cli_ok(&["domain", "remove", domain]);
        stands(home, &self.anna, &self.rob_here, "suspended", false).await;
        self.they_talk("there you are").await;
        let list = home_of(home, &self.carol).await;
        assert!(list.len() > 1);
        assert!(list.iter().all(|status| status["uri"] != unheard["uri"]));
    }

    /// August: copies of pictures from elsewhere come up to their limit. Posts stay. (What a disk does that is as
    /// good as full has to be assumed: in the other year.)
    async fn the_disk_fills_up(&self) {
        let (home, there) = (&self.home, &self.there);
        let own = home.upload(&self.bob, &noise(7)).await;
        let own = own["url"].as_str().expect("a URL").to_owned();
        let mut bytes = 0;
        let mut shown = Vec::new();
        for seed in 0..PICTURES {
            let file = there.upload(&self.rob, &noise(seed)).await;
            let post = json!({"status": format!("picture {seed}"), "media_ids": [file["id"]]});
            let post = there.post(&self.rob, "/api/v1/statuses", &post).await;
            let seen = arrives(home, &self.carol, &post.entity("Status")).await;
            let url = seen["media_attachments"][0]["url"].as_str().expect("a URL");
            bytes += file_at(home, url).await.expect("it is served").len() as u64;
            shown.push((seen["uri"].clone(), url.to_owned()));
        }
        assert!(bytes > LIMIT, "{bytes} bytes fit");
        let usage = eventually("the copies are within their limit", async || {
            let usage = parsed(&home.cli_ok(&["media", "usage", "--json"]));
            let kept = usage["kinds"]["remote_copies"]["bytes"].as_u64();
            (kept.expect("a number") <= LIMIT).then_some(usage)
        })
        .await;
        let copies = &usage["kinds"]["remote_copies"]["files"];
        assert_ne!(*copies, 0, "{usage}");
        let list = home_of(home, &self.carol).await;
        for (uri, url) in &shown {
            assert!(list.iter().any(|status| status["uri"] == *uri));
            // What went is fetched again.
            assert!(file_at(home, url).await.is_some());
        }
        assert!(file_at(home, &own).await.is_some(), "an upload went");
    }

    /// September: new keys on both sides.
    async fn keys_are_rotated(&self) {
        self.home.cli_ok(&["user", "rotate-keys", "bob"]);
        self.there.cli_ok(&["user", "rotate-keys", "rob"]);
        self.they_talk("it is still me").await;
    }

    /// What everyone sees.
    async fn seen(&self) -> Vec<Value> {
        let mut seen = Vec::new();
        for token in [&self.anna, &self.bob, &self.carol] {
            for path in [
                "accounts/verify_credentials",
                "timelines/home?limit=40",
                "notifications?limit=80",
                "preferences",
            ] {
                let answer = self.home.get(token, &format!("/api/v1/{path}")).await;
                seen.push(answer.ok());
            }
        }
        for path in [
            "/api/v1/admin/reports?resolved=true",
            "/api/v1/admin/domain_blocks",
            "/api/kith/v1/admin/audit_log?limit=200",
            "/api/kith/v1/admin/appeals?state=approved",
            "/api/v1/instance/rules",
        ] {
            seen.push(self.home.get(&self.anna, path).await.ok());
        }
        seen.push(json!(home_of(&self.there, &self.rob).await));
        seen
    }

    /// November: a backup while people post, then the machine is lost.
    async fn the_machine_is_lost(&mut self, keep: &Path) {
        let dora = self.home.person("dora");
        let mut acknowledged = Vec::new();
        for n in 0..10 {
            let post = posts(&self.home, &dora, &format!("post {n}")).await;
            acknowledged.push(id(&post).to_owned());
        }
        let before = self.seen().await;
        let stop = Arc::new(AtomicBool::new(false));
        let posting = tokio::spawn({
            let (stop, http, token) = (stop.clone(), self.home.http.clone(), dora.clone());
            let url = format!("{}/api/v1/statuses", self.home.url);
            async move {
                let mut posted = 0;
                while !stop.load(Ordering::Relaxed) {
                    let body = json!({"status": format!("meanwhile {posted}")});
                    let request = with_json(http.post(&url).bearer_auth(&token), &body);
                    Answer::of(request, url.clone()).await.ok();
                    posted += 1;
                }
                posted
            }
        });
        let file = keep.join("year.kith");
        let path = file.to_str().expect("a path");
        self.home.cli_ok(&["backup", path]);
        stop.store(true, Ordering::Relaxed);
        assert!(posting.await.unwrap() > 0, "nobody posted meanwhile");
        self.home.cli_ok(&["backup", "verify", path]);

        self.home.kill();
        for entry in std::fs::read_dir(self.home.data_dir()).unwrap().flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => std::fs::remove_dir_all(path).unwrap(),
                false => std::fs::remove_file(path).unwrap(),
            }
        }
        let fresh = database::empty(keep, "restored.db").await;
        self.home.set("KITH_DATABASE_URL", &fresh);
        self.home.cli_ok(&["restore", path]);
        self.home.run().await;
        assert_eq!(self.seen().await, before);
        for post in &acknowledged {
            let path = format!("/api/v1/statuses/{post}");
            self.home.get(&dora, &path).await.entity("Status");
        }
        self.they_talk("risen").await;
    }

    /// December: another database.
    async fn moves_to(&mut self, url: &str) {
        let before = self.seen().await;
        self.home.stop();
        self.home.cli_ok(&["move-database", url]);
        self.home.set("KITH_DATABASE_URL", url);
        self.home.run().await;
        assert_eq!(self.seen().await, before);
        self.they_talk("moved").await;
    }
}

/// A picture that no format makes small.
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed + 1;
    let picture = image::RgbImage::from_fn(200, 200, |_, _| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(99);
        let bytes = state.to_be_bytes();
        image::Rgb([bytes[0], bytes[1], bytes[2]])
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, image::ImageFormat::Png)
        .expect("it encodes");
    bytes.into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_in_an_admins_life() {
    let keep = tempfile::tempdir().unwrap();
    let mut year = Year::begins(keep.path()).await;
    year.they_talk("a happy new year").await;
    year.one_of_ours_is_suspended_and_appeals().await;
    year.one_of_theirs_is_limited_here_and_there().await;
    year.their_server_is_blocked_for_a_while().await;
    year.the_disk_fills_up().await;
    year.keys_are_rotated().await;
    year.the_machine_is_lost(keep.path()).await;
    let file = format!("sqlite:{}", keep.path().join("moved.db").display());
    year.moves_to(&file).await;
    if database::is_postgres() {
        let other = database::empty(keep.path(), "unused").await;
        year.moves_to(&other).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn months_pass_and_neither_server_notices() {
    let pair = Pair::start().await;
    pair.bob_follows().await;
    let mut posts = Vec::new();
    for month in 1..=12 {
        for server in [&pair.one, &pair.two] {
            server.pass(30 * DAY);
        }
        match month {
            4 => {
                let keys = pair.one.app.keys.next().await.expect("keys");
                let (ctx, alice) = (pair.one.app.ctx.clone(), pair.alice.account.id);
                let rotate = pair.one.app.write(move |tx| {
                    Box::pin(async move { accounts::rotate_keys(tx, &ctx, alice, &keys).await })
                });
                rotate.await.expect("the keys are changed");
            }
            // The disk is as good as full for a day.
            8 => {
                let space = Space {
                    free: 100 << 20,
                    total: 1 << 40,
                    free_files: 0,
                    total_files: 0,
                };
                let until = pair.one.app.clock.now_ms() + 24 * HOUR;
                pair.one.app.room.assume(space, until);
                assert_eq!(upload(&pair.one, &pair.alice, &png()).await.status, 507);
            }
            9 => {
                let taken = upload(&pair.one, &pair.alice, &png()).await;
                taken.entity("MediaAttachment");
            }
            _ => {}
        }
        let said = format!("month {month}");
        let post = pair.one.status(&pair.alice, &said).await;
        let there = pair.arrives(&post).await;
        let like = format!("/api/v1/statuses/{}/favourite", id(&there));
        pair.two.post(&pair.bob, &like, json!({})).await.ok();
        eventually("it is liked", async || {
            (pair.own(&post).await["favourites_count"] == 1).then_some(())
        })
        .await;
        posts.push(post);
    }
    // What was said in the first month is there to the last.
    let home = pair.two.get(&pair.bob, "/api/v1/timelines/home").await;
    let home = home.entities("Status");
    let said: Vec<&Value> = home.iter().rev().map(|status| &status["uri"]).collect();
    let wanted: Vec<&Value> = posts.iter().map(|post| &post["uri"]).collect();
    assert_eq!(said, wanted);
}
