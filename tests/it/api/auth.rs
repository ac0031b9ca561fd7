//! Registering and signing in with Kith's own API.

use kith::clock::DAY;
use kith::db;
use kith::domain::invites::{self, Terms};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::mail::letters;
use crate::support::{Answer, Server};

pub(super) const AUTH: &str = "/api/kith/v1/auth";

pub(super) async fn call(server: &Server, path: &str, token: Option<&str>, body: Value) -> Answer {
    let path = format!("{AUTH}/{path}");
    server.send(Method::POST, &path, token, Some(&body)).await
}

fn person(username: &str, email: &str) -> Value {
    json!({"username": username, "email": email, "password": "correct horse", "agreement": true})
}

pub async fn register(server: &Server, username: &str, email: &str) -> Value {
    let answer = call(server, "register", None, person(username, email)).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.ok()
}

pub(super) async fn login(server: &Server, login: &str, password: &str) -> Answer {
    let body = json!({"login": login, "password": password});
    call(server, "login", None, body).await
}

/// A verified user who has signed in: access token and refresh token.
pub(super) async fn member(server: &Server, name: &str, letter: usize) -> (String, String) {
    let email = format!("{name}@mail.example");
    register(server, name, &email).await;
    let code = letters(server, letter).await.pop().unwrap().code();
    call(
        server,
        "verify_email",
        None,
        json!({"email": email, "code": code}),
    )
    .await
    .ok();
    tokens(&login(server, name, "correct horse").await.ok())
}

pub(super) fn tokens(answer: &Value) -> (String, String) {
    let text = |name: &str| answer[name].as_str().expect("a token").to_owned();
    (text("access_token"), text("refresh_token"))
}

pub(super) async fn me(server: &Server, token: &str) -> Answer {
    let path = "/api/v1/accounts/verify_credentials";
    server.send(Method::GET, path, Some(token), None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unverified_user_can_do_nothing_but_verify() {
    let server = Server::start().await;
    let registered = register(&server, "Alice", "Alice@Mail.example").await;
    assert_eq!(registered["verification_required"], true);
    assert_eq!(registered["account"]["username"], "Alice");
    crate::support::schema::check("Account", &registered["account"]);
    let refused = login(&server, "alice", "correct horse").await.refused(403);
    assert!(refused.contains("confirmed e-mail address"), "{refused}");
    login(&server, "alice", "wrong horse").await.refused(401);

    let letter = letters(&server, 1).await.pop().unwrap();
    assert_eq!(letter.to, "Alice@Mail.example");
    let wrong = if letter.code() == "000000" {
        "000001"
    } else {
        "000000"
    };
    let verify = |code: String| {
        let body = json!({"email": "alice@mail.EXAMPLE", "code": code});
        call(&server, "verify_email", None, body)
    };
    verify(wrong.into()).await.refused(422);
    verify(letter.code()).await.ok();
    // Once.
    verify(letter.code()).await.refused(422);

    let answer = login(&server, "ALICE@mail.example", "correct horse")
        .await
        .ok();
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 1800);
    let (access, _) = tokens(&answer);
    me(&server, &access).await.entity("CredentialAccount");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_gives_out_itself_is_of_an_app_that_is_good_for_nothing_else() {
    let server = Server::start().await;
    let (alice, _) = member(&server, "alice", 1).await;
    let path = "/api/v1/apps/verify_credentials";
    let app = server
        .send(Method::GET, path, Some(&alice), None)
        .await
        .entity("Application");
    assert_eq!(
        (&app["name"], &app["redirect_uris"]),
        (&json!("Kith"), &json!([]))
    );
    // Whoever knows its id can ask nobody for anything, and has no token of its own.
    for redirect in ["", "urn:ietf:wg:oauth:2.0:oob", "https://evil.example/"] {
        let path = format!(
            "/oauth/authorize?response_type=code&client_id=kith&scope=read&redirect_uri={redirect}"
        );
        let answer = server.get_public(&path).await;
        assert_eq!(answer.status, 400, "{redirect}: {}", answer.text);
        assert!(!answer.headers.contains_key("location"));
    }
    for secret in ["", "kith"] {
        let body = json!({
            "grant_type": "client_credentials", "client_id": "kith", "client_secret": secret,
        });
        server
            .send(Method::POST, "/oauth/token", None, Some(&body))
            .await
            .refused(401);
    }
    // Another's session is nothing that this app could end.
    let body = json!({"client_id": "kith", "client_secret": "kith", "token": alice});
    server
        .send(Method::POST, "/oauth/revoke", None, Some(&body))
        .await
        .refused(403);
    me(&server, &alice).await.entity("CredentialAccount");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_stands_five_tries_and_can_not_be_had_again_at_once() {
    let server = Server::start().await;
    register(&server, "alice", "alice@mail.example").await;
    let code = letters(&server, 1).await.pop().unwrap().code();
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        let body = json!({"email": "alice@mail.example", "code": wrong});
        call(&server, "verify_email", None, body).await.refused(422);
    }
    let body = json!({"email": "alice@mail.example", "code": code});
    call(&server, "verify_email", None, body).await.refused(422);
    // The cool-down: answered alike, and nothing is sent.
    for email in ["alice@mail.example", "nobody@mail.example"] {
        let answer = call(&server, "resend_code", None, json!({"email": email})).await;
        assert_eq!((answer.status.as_u16(), answer.ok()), (202, json!({})));
    }
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    letters(&server, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn registering_does_not_tell_who_has_an_account() {
    let server = Server::start().await;
    member(&server, "alice", 1).await;
    let fresh = register(&server, "bob", "bob@mail.example").await;
    let taken = register(&server, "carol", "ALICE@mail.example").await;
    let shape = |value: &Value| {
        let mut keys: Vec<String> = value["account"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        keys.push(value["verification_required"].to_string());
        keys
    };
    assert_eq!(shape(&fresh), shape(&taken));
    let sent = letters(&server, 3).await;
    assert!(sent[2].subject.contains("already have an account"));
    assert_eq!(sent[2].to, "alice@mail.example");
    // The name is taken like any other, and the impostor gets nowhere.
    for name in ["bob", "carol"] {
        let answer = call(&server, "register", None, person(name, "x@mail.example")).await;
        let details = answer.json()["details"]["username"][0]["error"].clone();
        assert_eq!((answer.status.as_u16(), details), (422, json!("ERR_TAKEN")));
        login(&server, name, "correct horse").await.refused(403);
    }
    login(&server, "alice@mail.example", "correct horse")
        .await
        .ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_will_not_do_is_named() {
    let server = Server::start().await;
    for (field, value, code) in [
        ("username", json!("admin"), "ERR_RESERVED"),
        ("username", json!("a b"), "ERR_INVALID"),
        ("username", json!(""), "ERR_BLANK"),
        ("email", json!("nowhere"), "ERR_INVALID"),
        ("password", json!("short"), "ERR_TOO_SHORT"),
        ("agreement", json!(false), "ERR_ACCEPTED"),
    ] {
        let mut body = person("alice", "alice@mail.example");
        body[field] = value;
        let answer = call(&server, "register", None, body).await;
        answer.refused(422);
        assert_eq!(answer.json()["details"][field][0]["error"], code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_refresh_token_ends_its_family_at_once() {
    let server = Server::start().await;
    let (first_access, first) = member(&server, "alice", 1).await;
    let other = tokens(&login(&server, "alice", "correct horse").await.ok());
    let refresh = |token: &str| call(&server, "refresh", None, json!({"refresh_token": token}));
    let (second_access, second) = tokens(&refresh(&first).await.ok());
    me(&server, &second_access).await.ok();
    me(&server, &first_access).await.ok();
    refresh(&first).await.refused(401);
    for dead in [&first_access, &second_access] {
        me(&server, dead).await.refused(401);
    }
    refresh(&second).await.refused(401);
    me(&server, &other.0).await.ok();
    refresh("nonsense").await.refused(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_and_ended_by_their_owner_alone() {
    let server = Server::start().await;
    let (one, _) = member(&server, "alice", 1).await;
    let (two, two_refresh) = tokens(&login(&server, "alice", "correct horse").await.ok());
    let (stranger, _) = member(&server, "bob", 2).await;
    let path = format!("{AUTH}/sessions");
    let list = server.send(Method::GET, &path, Some(&one), None).await.ok();
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 2);
    let current: Vec<bool> = list
        .iter()
        .map(|s| s["current"].as_bool().unwrap())
        .collect();
    assert_eq!(current, [false, true]);
    let id = list[0]["id"].as_str().unwrap();
    let path = format!("{AUTH}/sessions/{id}");
    let end = |token: String| {
        let (server, path) = (&server, path.clone());
        async move { server.send(Method::DELETE, &path, Some(&token), None).await }
    };
    end(stranger).await.refused(404);
    end(one.clone()).await.ok();
    me(&server, &two).await.refused(401);
    let body = json!({"refresh_token": two_refresh});
    call(&server, "refresh", None, body).await.refused(401);
    call(&server, "logout", Some(&one), json!({})).await.ok();
    me(&server, &one).await.refused(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_the_other_sessions() {
    let server = Server::start().await;
    let (one, one_refresh) = member(&server, "alice", 1).await;
    let (two, _) = tokens(&login(&server, "alice", "correct horse").await.ok());
    let change = |current: &str, token: String| {
        let body = json!({"current_password": current, "new_password": "battery staple"});
        let server = &server;
        async move { call(server, "password/change", Some(&token), body).await }
    };
    change("wrong horse", one.clone()).await.refused(403);
    me(&server, &two).await.ok();
    change("correct horse", one.clone()).await.ok();
    me(&server, &two).await.refused(401);
    me(&server, &one).await.ok();
    let body = json!({"refresh_token": one_refresh});
    let (one, _) = tokens(&call(&server, "refresh", None, body).await.ok());
    login(&server, "alice", "correct horse").await.refused(401);

    // Forgotten: known and unknown addresses are answered alike.
    for email in ["nobody@mail.example", "alice@mail.example"] {
        let answer = call(&server, "password/forgot", None, json!({"email": email})).await;
        assert_eq!((answer.status.as_u16(), answer.ok()), (202, json!({})));
    }
    let letter = letters(&server, 3).await.pop().unwrap();
    let reset = |code: String| {
        let body = json!({
            "email": "alice@mail.example", "code": code, "new_password": "third of them",
        });
        call(&server, "password/reset", None, body)
    };
    // A code for one thing is no good for another.
    let body = json!({"email": "alice@mail.example", "code": letter.code()});
    call(&server, "verify_email", None, body).await.refused(422);
    reset(letter.code()).await.ok();
    reset(letter.code()).await.refused(422);
    me(&server, &one).await.refused(401);
    login(&server, "alice", "third of them").await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_server_takes_nobody_and_one_with_approval_makes_them_wait() {
    let closed = Server::start_with(&[("KITH_REGISTRATION", "closed")]).await;
    call(
        &closed,
        "register",
        None,
        person("alice", "alice@mail.example"),
    )
    .await
    .refused(403);
    let approval = Server::start_with(&[
        ("KITH_REGISTRATION", "approval"),
        ("KITH_EMAIL_VERIFICATION", "false"),
    ])
    .await;
    let registered = register(&approval, "alice", "alice@mail.example").await;
    assert_eq!(registered["verification_required"], false);
    let refused = login(&approval, "alice", "correct horse")
        .await
        .refused(403);
    assert!(refused.contains("pending approval"), "{refused}");
    let ctx = approval.app.ctx.clone();
    let id: i64 = registered["account"]["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    approval
        .app
        .write(move |tx| Box::pin(async move { kith::domain::users::approve(tx, &ctx, id).await }))
        .await
        .unwrap();
    login(&approval, "alice", "correct horse").await.ok();
}

/// Makes an invitation for so many.
async fn invite(server: &Server, max_uses: Option<i64>, days: Option<i64>) -> String {
    let ctx = server.app.ctx.clone();
    let terms = Terms { max_uses, days };
    server
        .app
        .write(move |tx| Box::pin(async move { invites::create(tx, &ctx, None, terms).await }))
        .await
        .unwrap()
        .code
}

fn invited(name: &str, code: &str) -> Value {
    let mut body = person(name, &format!("{name}@mail.example"));
    body["invite"] = json!(code);
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_lets_as_many_in_as_it_says() {
    let server = Server::start_with(&[("KITH_REGISTRATION", "invite")]).await;
    let register = async |body: Value| call(&server, "register", None, body).await;
    let uninvited = register(person("alice", "alice@mail.example")).await;
    assert!(uninvited.refused(403).contains("invitation"));
    let no_good = |answer: &Answer| {
        assert_eq!(answer.status, 422, "{}", answer.text);
        assert_eq!(
            answer.json()["details"]["invite"][0]["error"],
            "ERR_INVALID"
        );
    };
    no_good(&register(invited("alice", "guessed")).await);
    // Two uses, and five who come at once; a refused registration uses none.
    let two = invite(&server, Some(2), None).await;
    let mut short = invited("alice", &two);
    short["password"] = json!("short");
    register(short).await.refused(422);
    let all = (0..5).map(|n| register(invited(&format!("guest{n}"), &two)));
    let answers = futures::future::join_all(all).await;
    let (let_in, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status == 201);
    assert_eq!((let_in.len(), refused.len()), (2, 3));
    refused.into_iter().for_each(no_good);
    // A taken name uses none either.
    let one = invite(&server, Some(1), Some(7)).await;
    let name = let_in[0].json()["account"]["username"].clone();
    register(invited(name.as_str().unwrap(), &one))
        .await
        .refused(422);
    server.pass(7 * DAY);
    no_good(&register(invited("late", &one)).await);
    let ended = invite(&server, None, None).await;
    register(invited("early", &ended)).await.ok();
    let (ctx, code) = (server.app.ctx.clone(), ended.clone());
    server
        .app
        .write(move |tx| Box::pin(async move { invites::revoke(tx, &ctx, &code).await }))
        .await
        .unwrap();
    no_good(&register(invited("late", &ended)).await);
    // What was never verified gives its use back, once it is forgotten.
    let single = invite(&server, Some(1), None).await;
    register(invited("sleepy", &single)).await.ok();
    no_good(&register(invited("eager", &single)).await);
    server
        .app
        .write(|tx| {
            Box::pin(async move { Ok(db::users::forget_unconfirmed(tx, i64::MAX, 100).await?) })
        })
        .await
        .unwrap();
    register(invited("eager", &single.to_uppercase()))
        .await
        .ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_let_in_by_somebody_who_is_out() {
    let server = Server::start_with(&[("KITH_REGISTRATION", "invite")]).await;
    let alice = server.person("alice").await.account.id;
    let ctx = server.app.ctx.clone();
    let code = server
        .app
        .write(move |tx| {
            Box::pin(async move { invites::create(tx, &ctx, Some(alice), Terms::default()).await })
        })
        .await
        .unwrap()
        .code;
    call(&server, "register", None, invited("bob", &code))
        .await
        .ok();
    server
        .app
        .write(move |tx| {
            Box::pin(async move {
                let mut user = db::users::by_account(tx, alice).await?.expect("alice");
                user.disabled_at = Some(1);
                Ok(db::users::update(tx, &user).await?)
            })
        })
        .await
        .unwrap();
    call(&server, "register", None, invited("carla", &code))
        .await
        .refused(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_invited_needs_no_approval_and_a_closed_server_knows_no_invitation() {
    let unverified = ("KITH_EMAIL_VERIFICATION", "false");
    let approval = Server::start_with(&[("KITH_REGISTRATION", "approval"), unverified]).await;
    let code = invite(&approval, Some(1), None).await;
    let body = json!({
        "username": "alice", "email": "alice@mail.example", "password": "correct horse",
        "agreement": true, "invite": code,
    });
    call(&approval, "register", None, body).await.ok();
    login(&approval, "alice", "correct horse").await.ok();
    let closed = Server::start_with(&[("KITH_REGISTRATION", "closed"), unverified]).await;
    let code = invite(&closed, None, None).await;
    call(&closed, "register", None, invited("alice", &code))
        .await
        .refused(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_slowed_down_whatever_address_is_claimed() {
    let server = Server::start_with(&[
        ("KITH_RATE_LIMIT", "true"),
        ("KITH_TRUSTED_PROXIES", "192.0.2.1"),
    ])
    .await;
    let mut last = 0;
    // More than are allowed at once: some are forgiven while the others are looked at.
    for n in 0..200 {
        // Nobody trusts the one who says so.
        let request = server
            .http
            .post(format!("{}{AUTH}/login", server.url))
            .header("x-forwarded-for", format!("203.0.113.{n}"));
        let body = json!({"login": format!("someone{n}"), "password": "x"});
        let request = crate::support::server::with_json(request, &body);
        let answer = Answer::of(request, "login".into()).await;
        last = answer.status.as_u16();
        if last == 429 {
            assert!(answer.headers.contains_key("retry-after"));
            break;
        }
    }
    assert_eq!(last, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_equal_registrations_at_once_one_comes_through() {
    let server = Server::start().await;
    let all = (0..6).map(|n| {
        let email = format!("carla{}@mail.example", n % 2);
        let server = &server;
        async move { call(server, "register", None, person("carla", &email)).await }
    });
    let answers = futures::future::join_all(all).await;
    let mut codes: Vec<u16> = answers
        .iter()
        .map(|answer| answer.status.as_u16())
        .collect();
    codes.sort_unstable();
    assert_eq!(codes, [201, 422, 422, 422, 422, 422]);
    for answer in answers.iter().filter(|answer| answer.status == 422) {
        assert_eq!(
            answer.json()["details"]["username"][0]["error"],
            "ERR_TAKEN",
            "{}",
            answer.text
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_registration_is_told_field_by_field() {
    let server = Server::start().await;
    let wrong = json!({"username": "not a name", "email": "nowhere", "password": "short", "locale": "no language"});
    let answer = call(&server, "register", None, wrong).await;
    assert_eq!(answer.status, 422);
    let details = &answer.json()["details"];
    for (field, code) in [
        ("username", "ERR_INVALID"),
        ("email", "ERR_INVALID"),
        ("password", "ERR_TOO_SHORT"),
        ("agreement", "ERR_ACCEPTED"),
        ("locale", "ERR_INCLUSION"),
    ] {
        assert_eq!(details[field][0]["error"], code, "{field}");
    }
}
