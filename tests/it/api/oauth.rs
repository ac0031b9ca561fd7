//! OAuth: apps, the browser's pages, tokens and their end.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::mail::letters;
use crate::support::{Answer, Person, Server};

const BACK: &str = "https://app.example/back";
const OOB: &str = "urn:ietf:wg:oauth:2.0:oob";
pub(crate) const PASSWORD: &str = "correct horse";
// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(super) struct Client {
    pub(super) id: String,
    pub(super) secret: String,
}

pub(super) async fn post_form(server: &Server, path: &str, fields: &[(&str, &str)]) -> Answer {
    let request = server
        .http
        .post(format!("{}{path}", server.url))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(encode(fields));
    Answer::of(request, format!("POST {path}")).await
}

fn encode(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

pub(super) async fn app(server: &Server, scopes: &str) -> Client {
    let uris = format!("{BACK}\n{OOB}");
    let fields = [
        ("client_name", "Test"),
        ("redirect_uris", uris.as_str()),
        ("scopes", scopes),
    ];
    let answer = post_form(server, "/api/v1/apps", &fields).await;
    let entity = answer.entity("CredentialApplication");
    crate::support::schema::check("Application", &entity);
    assert_eq!(entity["redirect_uris"], json!([BACK, OOB]));
    Client {
        id: entity["client_id"].as_str().unwrap().to_owned(),
        secret: entity["client_secret"].as_str().unwrap().to_owned(),
    }
}

/// A user with a password.
pub(crate) async fn user(server: &Server, name: &str) -> Person {
    let hash = kith::passwords::hash(&server.app.random, PASSWORD.into())
        .await
        .unwrap();
    let person = server.person(name).await;
    let id = person.account.id;
    server
        .app
        .write(move |tx| {
            Box::pin(async move {
                let mut user = kith::db::users::by_account(tx, id).await?.unwrap();
                user.password_hash = hash;
                Ok(kith::db::users::update(tx, &user).await?)
            })
        })
        .await
        .unwrap();
    person
}

/// A browser: keeps cookies and reads forms.
pub(crate) struct Browser<'a> {
    server: &'a Server,
    cookies: Vec<(String, String)>,
}

impl Browser<'_> {
    pub(crate) fn new(server: &Server) -> Browser<'_> {
        Browser {
            server,
            cookies: Vec::new(),
        }
    }

    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        fields: Option<&[(&str, &str)]>,
    ) -> Answer {
        let url = format!("{}{path}", self.server.url);
        let mut request = self.server.http.request(method, url);
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        if let Some(fields) = fields {
            request = request
                .header("content-type", "application/x-www-form-urlencoded")
                .body(encode(fields));
        }
        let answer = Answer::of(request, path.to_owned()).await;
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"));
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        answer
    }

    /// Signs in; the consent page.
    async fn sign_in(&mut self, query: &[(&str, &str)], login: &str) -> Answer {
        let path = format!("/oauth/authorize?{}", encode(query));
        let page = self.send(Method::GET, &path, None).await;
        assert_eq!(page.status, 200, "{}", page.text);
        assert!(page.text.contains("type=\"password\""));
        let mut fields = hidden(&page.text);
        fields.push(("login".into(), login.into()));
        fields.push(("password".into(), PASSWORD.into()));
        let answer = self.post("/oauth/sign_in", &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        let onwards = answer.headers["location"].to_str().unwrap().to_owned();
        let page = self.send(Method::GET, &onwards, None).await;
        assert_eq!(page.status, 200, "{}", page.text);
        page
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(String, String)]) -> Answer {
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        self.send(Method::POST, path, Some(&fields)).await
    }

    /// Consents on a page.
    pub(super) async fn decide(&mut self, page: &Answer, decision: &str) -> Answer {
        let mut fields = hidden(&page.text);
        fields.push(("decision".into(), decision.into()));
        self.post("/oauth/authorize", &fields).await
    }
}

/// The hidden fields of a page.
pub(crate) fn hidden(page: &str) -> Vec<(String, String)> {
    page.split("<input type=\"hidden\" name=\"")
        .skip(1)
        .map(|rest| {
            let (name, rest) = rest.split_once("\" value=\"").unwrap();
            let value = rest.split('"').next().unwrap();
            let value = value.replace("&#38;", "&").replace("&amp;", "&");
            (name.to_owned(), value)
        })
        .collect()
}

/// The query of the address that an answer redirects to.
pub(super) fn redirected(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let location = answer.headers["location"].to_str().unwrap();
    assert!(location.starts_with(&format!("{BACK}?")), "{location}");
    let url = url::Url::parse(location).unwrap();
    url.query_pairs().into_owned().collect()
}

pub(super) fn asking<'a>(
    client: &'a Client,
    more: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let mut query = vec![
        ("response_type", "code"),
        ("client_id", client.id.as_str()),
        ("redirect_uri", BACK),
        ("scope", "read write"),
    ];
    for (name, value) in more {
        query.retain(|(known, _)| known != name);
        query.push((name, value));
    }
    query
}

async fn code(server: &Server, client: &Client, more: &[(&str, &str)]) -> String {
    let mut browser = Browser::new(server);
    let page = browser.sign_in(&asking(client, more), "alice").await;
    let answer = browser.decide(&page, "allow").await;
    redirected(&answer)
        .into_iter()
        .find(|(name, _)| name == "code")
        .unwrap()
        .1
}

async fn exchange(server: &Server, client: &Client, code: &str, more: &[(&str, &str)]) -> Answer {
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("client_id", &client.id),
        ("client_secret", &client.secret),
        ("redirect_uri", BACK),
        ("code", code),
    ];
    for (name, value) in more {
        fields.retain(|(known, _)| known != name);
        fields.push((name, value));
    }
    post_form(server, "/oauth/token", &fields).await
}

async fn me(server: &Server, token: &str) -> Answer {
    let path = "/api/v1/accounts/verify_credentials";
    server.send(Method::GET, path, Some(token), None).await
}

fn access(answer: &Value) -> String {
    answer["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_lets_an_app_in_and_a_code_works_once() {
    let server = Server::start().await;
    user(&server, "alice").await;
    let client = app(&server, "read write").await;
    let mut browser = Browser::new(&server);
    let query = asking(&client, &[("state", "a b&c\"<")]);
    let page = browser.sign_in(&query, "alice@mail.example").await;
    assert!(
        page.headers["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("frame-ancestors 'none'")
    );
    let mut fields = hidden(&page.text);
    // As the page escapes it.
    for field in &mut fields {
        if field.0 == "state" {
            field.1 = "a b&c\"<".into();
        }
    }
    fields.push(("decision".into(), "allow".into()));
    let answer = browser.post("/oauth/authorize", &fields).await;
    let parameters = redirected(&answer);
    assert_eq!(parameters[1], ("state".to_owned(), "a b&c\"<".to_owned()));
    let code = &parameters[0].1;

    let answer = exchange(&server, &client, code, &[]).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let token = access(&answer.entity("Token"));
    me(&server, &token).await.entity("CredentialAccount");
    let path = "/api/v1/apps/verify_credentials";
    server
        .send(Method::GET, path, Some(&token), None)
        .await
        .entity("Application");
    // Again: refused, and what it gave is ended.
    assert_eq!(
        exchange(&server, &client, code, &[]).await.refused(400),
        "invalid_grant"
    );
    me(&server, &token).await.refused(401);

    // Signed in already: straight to the consent, unless asked to sign in anew.
    let path = format!("/oauth/authorize?{}", encode(&asking(&client, &[])));
    assert!(
        browser
            .send(Method::GET, &path, None)
            .await
            .text
            .contains("value=\"deny\"")
    );
    let forced = browser
        .send(Method::GET, &format!("{path}&force_login=true"), None)
        .await;
    assert!(forced.text.contains("type=\"password\""));
    // And no, with the state.
    let page = browser
        .send(Method::GET, &format!("{path}&state=s"), None)
        .await;
    let denied = redirected(&browser.decide(&page, "deny").await);
    assert_eq!(denied[0], ("error".to_owned(), "access_denied".to_owned()));
    assert_eq!(denied[2], ("state".to_owned(), "s".to_owned()));
    // To be carried over by hand.
    let path = format!(
        "/oauth/authorize?{}",
        encode(&asking(&client, &[("redirect_uri", OOB)]))
    );
    let page = browser.send(Method::GET, &path, None).await;
    let page = browser.decide(&page, "allow").await;
    let shown = page
        .text
        .split("<code>")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap();
    exchange(&server, &client, shown, &[("redirect_uri", OOB)])
        .await
        .entity("Token");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_code_is_of_no_use_without_the_verifier_the_client_and_the_address() {
    let server = Server::start().await;
    user(&server, "alice").await;
    let (client, other) = (
        app(&server, "read write").await,
        app(&server, "read write").await,
    );
    let pkce = [
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let with = code(&server, &client, &pkce).await;
    for more in [
        &[][..],
        &[("code_verifier", "x")],
        &[("code_verifier", CHALLENGE)],
        &[("code_verifier", VERIFIER), ("redirect_uri", OOB)],
        &[
            ("code_verifier", VERIFIER),
            ("redirect_uri", "https://evil.example/"),
        ],
    ] {
        assert_eq!(
            exchange(&server, &client, &with, more).await.refused(400),
            "invalid_grant"
        );
    }
    let verifier = [("code_verifier", VERIFIER)];
    assert_eq!(
        exchange(&server, &other, &with, &verifier)
            .await
            .refused(400),
        "invalid_grant"
    );
    let wrong = Client {
        id: client.id.clone(),
        secret: "guess".into(),
    };
    assert_eq!(
        exchange(&server, &wrong, &with, &verifier)
            .await
            .refused(401),
        "invalid_client"
    );
    exchange(&server, &client, &with, &verifier)
        .await
        .entity("Token");
    // The challenge was taken off the request on its way: the verifier shows it.
    let without = code(&server, &client, &[]).await;
    assert_eq!(
        exchange(&server, &client, &without, &verifier)
            .await
            .refused(400),
        "invalid_grant"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_sent_where_the_app_did_not_register() {
    let server = Server::start().await;
    let client = app(&server, "read").await;
    for more in [
        &[("redirect_uri", "https://evil.example/")][..],
        &[("redirect_uri", "https://app.example/back/")],
        &[("redirect_uri", "https://app.example/back?x")],
        &[("client_id", "nonsense")],
        &[("scope", "write")],
        &[("scope", "nonsense")],
        &[("response_type", "token")],
        &[
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "plain"),
        ],
        &[("code_challenge", CHALLENGE)],
    ] {
        let mut query = asking(&client, &[("scope", "read")]);
        for (name, value) in more {
            query.retain(|(known, _)| known != name);
            query.push((name, value));
        }
        let path = format!("/oauth/authorize?{}", encode(&query));
        let page = Browser::new(&server).send(Method::GET, &path, None).await;
        assert_eq!(page.status, 400, "{more:?}");
        assert!(!page.headers.contains_key("location"));
        assert!(
            page.headers["content-type"]
                .to_str()
                .unwrap()
                .starts_with("text/html")
        );
    }
    for uri in ["javascript:alert(1)", "/back", "https://a.example/#x", ""] {
        let fields = [("client_name", "x"), ("redirect_uris", uri)];
        post_form(&server, "/api/v1/apps", &fields)
            .await
            .refused(422);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_from_elsewhere_are_refused() {
    let server = Server::start().await;
    user(&server, "alice").await;
    let client = app(&server, "read write").await;
    let mut browser = Browser::new(&server);
    let page = browser.sign_in(&asking(&client, &[]), "alice").await;
    let mut fields = hidden(&page.text);
    fields.push(("decision".into(), "allow".into()));
    for forged in [None, Some("guess")] {
        let mut fields = fields.clone();
        fields.retain(|(name, _)| name != "csrf");
        fields.extend(forged.map(|value| ("csrf".to_owned(), value.to_owned())));
        let answer = browser.post("/oauth/authorize", &fields).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(!answer.headers.contains_key("location"));
    }
    // Another browser's proof: of no use with these cookies.
    let mut other = Browser::new(&server);
    let theirs = other.sign_in(&asking(&client, &[]), "alice").await;
    let answer = browser.decide(&theirs, "allow").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    // Signing in without the form: login CSRF.
    let blind = [("login", "alice"), ("password", PASSWORD), ("csrf", "x")];
    let mut fields = asking(&client, &[]);
    fields.extend(blind);
    let answer = Browser::new(&server)
        .send(Method::POST, "/oauth/sign_in", Some(&fields))
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_have_tokens_of_their_own_and_give_them_back() {
    let server = Server::start().await;
    let (client, other) = (app(&server, "read write").await, app(&server, "read").await);
    let basic = STANDARD.encode(format!("{}:{}", client.id, client.secret));
    let request = server
        .http
        .post(format!("{}/oauth/token", server.url))
        .header("authorization", format!("Basic {basic}"));
    let body = json!({"grant_type": "client_credentials", "scope": "read write"});
    let request = crate::support::server::with_json(request, &body);
    let token = access(&Answer::of(request, "token".into()).await.entity("Token"));
    let own = "/api/v1/apps/verify_credentials";
    server
        .send(Method::GET, own, Some(&token), None)
        .await
        .entity("Application");
    me(&server, &token).await.refused(422);

    // An app registers a user; the token is good for nothing before the address is verified.
    let body = json!({
        "username": "carol", "email": "carol@mail.example", "password": PASSWORD,
        "agreement": true, "locale": "en",
    });
    let answer = server
        .send(Method::POST, "/api/v1/accounts", Some(&token), Some(&body))
        .await;
    let carol = access(&answer.entity("Token"));
    me(&server, &carol).await.refused(403);
    // A mistyped address is put right; the letter to the first is worth nothing then.
    let first = letters(&server, 1).await.pop().unwrap();
    let path = "/api/v1/emails/confirmations";
    server
        .send(
            Method::POST,
            path,
            Some(&carol),
            Some(&json!({"email": "nonsense"})),
        )
        .await
        .refused(422);
    server
        .send(
            Method::POST,
            path,
            Some(&carol),
            Some(&json!({"email": "c@mail.example"})),
        )
        .await
        .ok();
    let verify = |email: &str, code: String| {
        let body = json!({"email": email, "code": code});
        let server = &server;
        async move {
            let path = "/api/kith/v1/auth/verify_email";
            server.send(Method::POST, path, None, Some(&body)).await
        }
    };
    verify("carol@mail.example", first.code())
        .await
        .refused(422);
    let second = letters(&server, 2).await.pop().unwrap();
    assert_eq!(second.to, "c@mail.example");
    if first.code() != second.code() {
        verify("c@mail.example", first.code()).await.refused(422);
    }
    verify("c@mail.example", second.code()).await.ok();
    me(&server, &carol).await.entity("CredentialAccount");
    server
        .send(Method::POST, path, Some(&carol), Some(&json!({})))
        .await
        .refused(403);

    let revoke = |by: &Client, token: &str| {
        let (id, secret, token) = (by.id.clone(), by.secret.clone(), token.to_owned());
        let server = &server;
        async move {
            let fields = [
                ("client_id", id.as_str()),
                ("client_secret", secret.as_str()),
                ("token", token.as_str()),
            ];
            post_form(server, "/oauth/revoke", &fields).await
        }
    };
    assert_eq!(
        revoke(&other, &token).await.refused(403),
        "unauthorized_client"
    );
    assert_eq!(revoke(&client, &token).await.ok(), json!({}));
    server
        .send(Method::GET, own, Some(&token), None)
        .await
        .refused(401);
    assert_eq!(revoke(&client, "nonsense").await.ok(), json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_are_held_to_what_the_app_registered_for() {
    let server = Server::start().await;
    user(&server, "alice").await;
    let client = app(&server, "read").await;
    let ask = |fields: Vec<(&'static str, &'static str)>| {
        let mut fields = fields;
        let server = &server;
        let (id, secret) = (client.id.clone(), client.secret.clone());
        async move {
            fields.retain(|(_, value)| !value.is_empty());
            let mut fields: Vec<(&str, &str)> = fields;
            fields.push(("client_id", &id));
            fields.push(("client_secret", &secret));
            post_form(server, "/oauth/token", &fields).await
        }
    };
    let grant = "grant_type";
    let own = ask(vec![(grant, "client_credentials"), ("scope", "write")]).await;
    assert_eq!(own.refused(400), "invalid_scope");
    assert_eq!(
        ask(vec![(grant, "implicit")]).await.refused(400),
        "unsupported_grant_type"
    );
    assert_eq!(ask(vec![]).await.refused(400), "invalid_request");
    let by = |password| {
        vec![
            (grant, "password"),
            ("username", "alice"),
            ("password", password),
        ]
    };
    assert_eq!(ask(by("wrong horse")).await.refused(400), "invalid_grant");
    let token = ask(by(PASSWORD)).await.entity("Token");
    assert_eq!(token["scope"], "read");
    server
        .send(Method::GET, "/oauth/userinfo", Some(&access(&token)), None)
        .await
        .refused(403);
    let metadata = server
        .get_public("/.well-known/oauth-authorization-server")
        .await
        .ok();
    assert_eq!(
        metadata["code_challenge_methods_supported"],
        json!(["S256"])
    );
    assert_eq!(
        metadata["token_endpoint"],
        format!("{}/oauth/token", server.url)
    );
    // The forged: another key, and none.
    let forged = |head: &str| {
        let head = URL_SAFE_NO_PAD.encode(head);
        format!(
            "{head}.{}.x",
            URL_SAFE_NO_PAD.encode("{\"jti\":\"1\",\"iat\":0}")
        )
    };
    for head in ["{\"alg\":\"none\"}", "{\"alg\":\"HS256\"}"] {
        me(&server, &forged(head)).await.refused(401);
    }
}
