//! One-time passwords at sign-in: with Kith's own API, in a browser, and for password grants.

use kith::clock::{DAY, MINUTE, SECOND};
use kith::totp;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::auth::{AUTH, call, login, me, member, tokens};
use super::oauth::{self, Browser, PASSWORD};
use super::streaming;
use crate::support::mail::letters;
use crate::support::{Answer, Person, Server};

/// The other direction of [`totp::base32`].
pub fn bytes(text: &str) -> Vec<u8> {
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes() {
        let value = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let value = value.iter().position(|l| *l == letter).unwrap();
        held = held << 5 | u32::try_from(value).unwrap();
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    bytes
}

/// An authenticator app.
struct Device {
    key: Vec<u8>,
    recovery_codes: Vec<String>,
}

impl Device {
    /// What it shows now, or so many steps later.
    fn code(&self, server: &Server, later: i64) -> String {
        let now = server.app.clock.now_ms();
        totp::code(&self.key, totp::step_of(now) + later)
    }

    /// One that it does not show.
    fn wrong(&self, server: &Server) -> String {
        let near: Vec<String> = (-2..=2).map(|by| self.code(server, by)).collect();
        let other = |n: &u32| !near.contains(&format!("{n:06}"));
        format!("{:06}", (0..).find(other).unwrap())
    }
}

async fn begin(server: &Server, token: &str) -> Device {
    let answer = call(server, "totp", Some(token), json!({})).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let begun = answer.ok();
    let secret = begun["secret"].as_str().unwrap();
    let uri = begun["uri"].as_str().unwrap();
    assert!(uri.starts_with("otpauth://totp/localhost%3A"), "{uri}");
    assert!(uri.contains(&format!("secret={secret}&")), "{uri}");
    let codes = begun["recovery_codes"].as_array().unwrap();
    assert_eq!(codes.len(), 10);
    Device {
        key: bytes(secret),
        recovery_codes: codes
            .iter()
            .map(|code| code.as_str().unwrap().to_owned())
            .collect(),
    }
}

/// Sets up one-time passwords; a minute passes, so that the code is a new one afterwards.
async fn set_up(server: &Server, token: &str) -> Device {
    let device = begin(server, token).await;
    let body = json!({"code": device.code(server, 0)});
    call(server, "totp/confirm", Some(token), body).await.ok();
    server.pass(MINUTE);
    device
}

async fn login_with(server: &Server, totp: &str) -> Answer {
    let body = json!({"login": "alice", "password": "correct horse", "totp": totp});
    call(server, "login", None, body).await
}

async fn stop(server: &Server, token: &str, code: &str) -> Answer {
    let path = format!("{AUTH}/totp");
    let body = json!({"code": code});
    server
        .send(Method::DELETE, &path, Some(token), Some(&body))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_asked_for_once_it_was_confirmed_and_is_good_once() {
    let server = Server::start().await;
    let (one, _) = member(&server, "alice", 1).await;
    let device = begin(&server, &one).await;
    // Not confirmed: nothing is asked for, nothing can be stopped, and it may be begun again.
    let (two, _) = tokens(&login(&server, "alice", "correct horse").await.ok());
    let code = device.code(&server, 0);
    stop(&server, &one, &code).await.refused(422);
    let device = begin(&server, &one).await;
    let confirm = |code: String| {
        let (server, one) = (&server, one.clone());
        async move { call(server, "totp/confirm", Some(&one), json!({"code": code})).await }
    };
    confirm(device.wrong(&server)).await.refused(422);
    confirm(device.recovery_codes[0].clone()).await.refused(422);
    confirm(device.code(&server, 0)).await.ok();
    confirm(device.code(&server, 1)).await.refused(422);
    call(&server, "totp", Some(&one), json!({}))
        .await
        .refused(422);
    // The other session is over, and its owner has a letter.
    me(&server, &two).await.refused(401);
    me(&server, &one).await.ok();
    let letter = letters(&server, 2).await.pop().unwrap();
    assert!(letter.subject.contains("One-time passwords are in use"));

    let missing = login(&server, "alice", "correct horse").await;
    missing.refused(401);
    assert_eq!(missing.json()["error_description"], "totp_required");
    // Who does not know the password learns nothing of it.
    let stranger = login(&server, "alice", "wrong horse").await;
    stranger.refused(401);
    assert_eq!(stranger.json()["error_description"], Value::Null);
    // The code that confirmed was that: it is no good any more.
    login_with(&server, &device.code(&server, 0))
        .await
        .refused(401);
    server.pass(MINUTE);
    let code = device.code(&server, 1);
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    login_with(&server, &spaced).await.ok();
    let again = login_with(&server, &code).await;
    again.refused(401);
    assert_eq!(again.json()["error_description"], "totp_wrong");
    server.pass(5 * MINUTE);
    login_with(&server, &device.code(&server, -2))
        .await
        .refused(401);
    login_with(&server, &device.code(&server, -1)).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_code_is_good_once_and_another_stops_it() {
    let server = Server::start().await;
    let (one, _) = member(&server, "alice", 1).await;
    let device = set_up(&server, &one).await;
    let code = device.recovery_codes[3].to_uppercase();
    let (two, _) = tokens(&login_with(&server, &code).await.ok());
    login_with(&server, &code).await.refused(401);
    login_with(&server, "aaaa-bbbb-cccc-dddd")
        .await
        .refused(401);
    stop(&server, &two, "aaaa-bbbb-cccc-dddd")
        .await
        .refused(422);
    stop(&server, &two, &device.recovery_codes[4]).await.ok();
    me(&server, &one).await.refused(401);
    me(&server, &two).await.ok();
    login(&server, "alice", "correct horse").await.ok();
    // What was kept of it is gone: a code of the old ones is no good for a new beginning.
    let new = set_up(&server, &two).await;
    login_with(&server, &device.recovery_codes[5])
        .await
        .refused(401);
    login_with(&server, &new.code(&server, 0)).await.ok();
    letters(&server, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_wrong_codes_make_everyone_wait_and_a_new_password_ends_the_waiting() {
    let server = Server::start().await;
    let (one, _) = member(&server, "alice", 1).await;
    let device = set_up(&server, &one).await;
    for _ in 0..5 {
        login_with(&server, &device.wrong(&server))
            .await
            .refused(401);
    }
    // Right or wrong, at whatever door.
    let late = login_with(&server, &device.code(&server, 0)).await;
    late.refused(429);
    assert!(late.headers.contains_key("retry-after"));
    stop(&server, &one, &device.recovery_codes[0])
        .await
        .refused(429);
    server.pass(10 * MINUTE + SECOND);
    for _ in 0..5 {
        login_with(&server, &device.wrong(&server))
            .await
            .refused(401);
    }
    server.pass(10 * MINUTE + SECOND);
    login_with(&server, &device.code(&server, 0))
        .await
        .refused(429);
    server.pass(DAY);
    let (one, _) = tokens(&login_with(&server, &device.code(&server, 0)).await.ok());
    // Many at once are no way around.
    let wrong = device.wrong(&server);
    let all = (0..20).map(|_| login_with(&server, &wrong));
    let answers = futures::future::join_all(all).await;
    let looked_at = answers.iter().filter(|answer| answer.status == 401).count();
    assert!(looked_at <= 5, "{looked_at}");
    for _ in looked_at..5 {
        login_with(&server, &wrong).await.refused(401);
    }
    login_with(&server, &wrong).await.refused(429);
    let body = json!({"current_password": "correct horse", "new_password": "battery staple"});
    call(&server, "password/change", Some(&one), body)
        .await
        .ok();
    server.pass(MINUTE);
    let code = device.code(&server, 0);
    let body = json!({"login": "alice", "password": "battery staple", "totp": code});
    call(&server, "login", None, body).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_equal_codes_at_once_one_signs_in() {
    let server = Server::start().await;
    let (one, _) = member(&server, "alice", 1).await;
    let device = set_up(&server, &one).await;
    for code in [device.code(&server, 0), device.recovery_codes[0].clone()] {
        let all = (0..4).map(|_| login_with(&server, &code));
        let answers = futures::future::join_all(all).await;
        let let_in = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(let_in, 1);
        server.pass(MINUTE);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_ends_the_streams_of_the_other_sessions() {
    let server = Server::start().await;
    let (one, _) = member(&server, "alice", 1).await;
    let device = begin(&server, &one).await;
    let account = server
        .app
        .read(|c| Box::pin(async move { Ok(kith::db::accounts::by_handle(c, "alice", "").await?) }))
        .await
        .unwrap()
        .unwrap();
    let open = async |token: &str| {
        let person = Person {
            account: account.clone(),
            token: token.to_owned(),
        };
        streaming::socket(&server, &person, "&stream=user").await
    };
    for what in ["confirm", "password", "stop"] {
        let other = if what == "confirm" {
            login(&server, "alice", "correct horse").await
        } else {
            login_with(&server, &device.code(&server, 0)).await
        };
        let (two, _) = tokens(&other.ok());
        let (mut hers, mut theirs) = (open(&one).await, open(&two).await);
        match what {
            "confirm" => {
                let body = json!({"code": device.code(&server, 0)});
                call(&server, "totp/confirm", Some(&one), body).await.ok();
            }
            "password" => {
                let same = "correct horse";
                let body = json!({"current_password": same, "new_password": same});
                call(&server, "password/change", Some(&one), body)
                    .await
                    .ok();
            }
            _ => {
                stop(&server, &one, &device.recovery_codes[9]).await.ok();
            }
        }
        let last = streaming::next(&mut theirs).await;
        assert!(matches!(last, Message::Close(_)), "{what}: {last:?}");
        streaming::nothing(&mut hers).await;
        me(&server, &two).await.refused(401);
        me(&server, &one).await.ok();
        server.pass(MINUTE);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_browser_the_code_comes_after_the_password() {
    let server = Server::start().await;
    oauth::user(&server, "alice").await;
    let client = oauth::app(&server, "read write").await;
    let (token, _) = tokens(&login(&server, "alice", PASSWORD).await.ok());
    let device = set_up(&server, &token).await;

    let mut browser = Browser::new(&server);
    let query = oauth::asking(&client, &[]);
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&query)
        .finish();
    let path = format!("/oauth/authorize?{query}");
    let page = browser.send(Method::GET, &path, None).await;
    let with = |page: &Answer, name: &str, value: &str| {
        let mut fields = oauth::hidden(&page.text);
        fields.push((name.to_owned(), value.to_owned()));
        fields
    };
    let mut fields = with(&page, "login", "alice");
    fields.push(("password".into(), PASSWORD.into()));
    let second = browser.post("/oauth/sign_in", &fields).await;
    assert_eq!(second.status, StatusCode::OK, "{}", second.text);
    assert!(second.text.contains("name=\"totp\""), "{}", second.text);
    // Nobody is signed in by the password alone.
    let page = browser.send(Method::GET, &path, None).await;
    assert!(page.text.contains("type=\"password\""));
    let wrong = with(&second, "totp", &device.wrong(&server));
    let refused = browser.post("/oauth/sign_in", &wrong).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("The code is wrong."));
    // The ticket is the browser's alone, and is what it was made for.
    let right = with(&refused, "totp", &device.code(&server, 0));
    let mut thief = Browser::new(&server);
    let form = thief.send(Method::GET, &path, None).await;
    let mut stolen = oauth::hidden(&form.text);
    stolen.extend(
        right
            .iter()
            .filter(|(name, _)| matches!(name.as_str(), "ticket" | "totp"))
            .cloned(),
    );
    let answer = thief.post("/oauth/sign_in", &stolen).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("type=\"password\""));
    let passed = browser.post("/oauth/sign_in", &right).await;
    assert_eq!(passed.status, StatusCode::SEE_OTHER, "{}", passed.text);
    let onwards = passed.headers["location"].to_str().unwrap().to_owned();
    let consent = browser.send(Method::GET, &onwards, None).await;
    let answer = browser.decide(&consent, "allow").await;
    assert!(
        oauth::redirected(&answer)
            .iter()
            .any(|(name, _)| name == "code")
    );

    // A ticket has its time.
    let mut browser = Browser::new(&server);
    browser.send(Method::GET, &path, None).await;
    let page = browser.send(Method::GET, &path, None).await;
    let mut fields = with(&page, "login", "alice");
    fields.push(("password".into(), PASSWORD.into()));
    let second = browser.post("/oauth/sign_in", &fields).await;
    server.pass(11 * MINUTE);
    let late = with(&second, "totp", &device.code(&server, 0));
    let late = browser.post("/oauth/sign_in", &late).await;
    assert_eq!(late.status, 422);
    assert!(late.text.contains("That took too long"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_grant_needs_it_too() {
    let server = Server::start().await;
    oauth::user(&server, "alice").await;
    let client = oauth::app(&server, "read write").await;
    let (token, _) = tokens(&login(&server, "alice", PASSWORD).await.ok());
    let device = set_up(&server, &token).await;
    let grant = async |totp: &str| {
        let fields = [
            ("grant_type", "password"),
            ("client_id", client.id.as_str()),
            ("client_secret", client.secret.as_str()),
            ("username", "alice"),
            ("password", PASSWORD),
            ("scope", "read"),
            ("totp", totp),
        ];
        oauth::post_form(&server, "/oauth/token", &fields).await
    };
    for totp in ["", &device.wrong(&server)] {
        let refused = grant(totp).await;
        assert_eq!(refused.refused(400), "invalid_grant");
    }
    grant(&device.code(&server, 0)).await.entity("Token");
}
