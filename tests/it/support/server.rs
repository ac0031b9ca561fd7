//! A server in this process, on a port of its own, and the people on it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use kith::app::{App, Environment};
use kith::clock::Clock;
use kith::config::{Config, Listen};
use kith::db::accounts::Account;
use kith::db::tokens::Token;
use kith::domain::accounts::KeyPair;
use kith::random::Random;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{ACTOR_KEY, ACTOR_PUBLIC_KEY, database, fixed_keys, schema};
use database::CONNECTIONS;

/// A running server. It ends when it is dropped.
pub struct Server {
    /// `http://localhost:PORT`
    pub url: String,
    pub app: App,
    pub http: reqwest::Client,
    stop: watch::Sender<bool>,
    running: Option<JoinHandle<Result<(), String>>>,
    dir: TempDir,
}

/// A local account with a token that may do everything.
#[derive(Clone)]
pub struct Person {
    pub account: Account,
    pub token: String,
}

impl Person {
    /// The account's id as the API writes it.
    pub fn id(&self) -> String {
        self.account.id.to_string()
    }
}

/// What a request was answered with.
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    what: String,
}

impl Server {
    /// A server as it comes, but for the rate limit, and with leave to reach loopback.
    pub async fn start() -> Server {
        Server::start_with(&[]).await
    }

    /// The same with settings besides (`KITH_…` names).
    pub async fn start_with(settings: &[(&str, &str)]) -> Server {
        Server::start_by(Clock::Shifted(Arc::default()), settings).await
    }

    /// The same by another clock.
    pub async fn start_by(clock: Clock, settings: &[(&str, &str)]) -> Server {
        // What the server complains of stands with the output of the test that failed.
        let _ = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::WARN)
            .with_test_writer()
            .try_init();
        let dir = tempfile::tempdir().expect("a temporary directory");
        let bound = kith::http::bind(&Listen::Tcp("127.0.0.1:0".into()))
            .await
            .expect("a free port");
        let port = bound.address().expect("a TCP port").port();
        let url = format!("http://localhost:{port}");
        let mut env: BTreeMap<String, String> = BTreeMap::from([
            ("KITH_DATA_DIR".into(), dir.path().display().to_string()),
            (
                "KITH_DATABASE_URL".into(),
                database::fresh(dir.path()).await,
            ),
            ("KITH_PUBLIC_URL".into(), url.clone()),
            ("KITH_RATE_LIMIT".into(), "false".into()),
            ("KITH_FEDERATION_ALLOW_PRIVATE".into(), "true".into()),
        ]);
        for (name, value) in settings {
            env.insert((*name).to_owned(), (*value).to_owned());
        }
        let config = Config::load(BTreeMap::new(), env.into_iter(), None).expect("good settings");
        let (stop, stopped) = watch::channel(false);
        let environment = Environment {
            clock,
            random: Random::system(),
            keys: fixed_keys(),
            stop: stopped,
            connections: CONNECTIONS,
            traces: None,
        };
        let app = App::open(config, environment)
            .await
            .expect("the server opens");
        let running = tokio::spawn(kith::server::run(app.clone(), bound));
        // `localhost` is asked for by name, so that ids and Host agree; no proxy in between.
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .resolve("localhost", SocketAddr::from(([127, 0, 0, 1], port)))
            .build()
            .expect("an HTTP client");
        Server {
            url,
            app,
            http,
            stop,
            running: Some(running),
            dir,
        }
    }

    /// Lets time pass for the server, which looks at once what has become due.
    pub fn pass(&self, ms: i64) {
        if let Clock::Shifted(by) = &self.app.clock {
            by.fetch_add(ms, Ordering::Relaxed);
        }
        self.app.wake.jobs.notify_one();
    }

    /// Host and port, as in `@user@domain`.
    pub fn domain(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// The data directory.
    pub fn data_dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// A confirmed user of that name.
    pub async fn person(&self, name: &str) -> Person {
        let keys = KeyPair {
            private: ACTOR_KEY.to_owned(),
            public: ACTOR_PUBLIC_KEY.to_owned(),
        };
        let ctx = self.app.ctx.clone();
        let (username, id) = (name.to_owned(), self.app.ctx.ids.next());
        let account = self
            .app
            .write(move |tx| {
                Box::pin(async move {
                    let account =
                        kith::domain::accounts::create_local(tx, &ctx, &username, "Person", &keys)
                            .await?;
                    let now = ctx.now();
                    let user = kith::db::users::User {
                        account_id: account.id,
                        email: format!("{username}@mail.example"),
                        email_lower: format!("{username}@mail.example").to_lowercase(),
                        password_hash: String::new(),
                        role: "user".into(),
                        locale: "en".into(),
                        settings: "{}".into(),
                        reason: String::new(),
                        created_at: now,
                        confirmed_at: Some(now),
                        approved_at: Some(now),
                        disabled_at: None,
                        last_sign_in_at: None,
                        invite_id: None,
                        leaving_at: None,
                        leaves_at: None,
                    };
                    kith::db::users::insert(tx, &user).await?;
                    kith::db::tokens::insert(tx, &token_row(id, account.id, now)).await?;
                    Ok(account)
                })
            })
            .await
            .expect("a person");
        let token = kith::http::auth::write_token(&self.app, id).expect("a token");
        Person { account, token }
    }

    /// Another token of a person, with these scopes.
    pub async fn token(&self, person: &Person, scopes: &str) -> String {
        let id = self.app.ctx.ids.next();
        let mut row = token_row(id, person.account.id, self.app.clock.now_ms());
        row.scopes = scopes.to_owned();
        self.app
            .write(move |tx| Box::pin(async move { Ok(kith::db::tokens::insert(tx, &row).await?) }))
            .await
            .expect("a token");
        kith::http::auth::write_token(&self.app, id).expect("a token")
    }

    /// Sends a request, with a JSON body where there is one.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Answer {
        let mut request = self
            .http
            .request(method.clone(), format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = with_json(request, body);
        }
        Answer::of(request, format!("{method} {path}")).await
    }

    /// `GET` as a person.
    pub async fn get(&self, person: &Person, path: &str) -> Answer {
        self.send(Method::GET, path, Some(&person.token), None)
            .await
    }

    /// `GET` as nobody.
    pub async fn get_public(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, None).await
    }

    /// `POST` as a person.
    pub async fn post(&self, person: &Person, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(&person.token), Some(&body))
            .await
    }

    /// `PUT` as a person.
    pub async fn put(&self, person: &Person, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(&person.token), Some(&body))
            .await
    }

    /// `DELETE` as a person.
    pub async fn delete(&self, person: &Person, path: &str) -> Answer {
        self.send(Method::DELETE, path, Some(&person.token), None)
            .await
    }

    /// Posts a public status and gives it back.
    pub async fn status(&self, person: &Person, text: &str) -> Value {
        self.post(
            person,
            "/api/v1/statuses",
            serde_json::json!({"status": text}),
        )
        .await
        .entity("Status")
    }

    /// How many statements something costs: the least of several tries, for what works beside
    /// the requests looks into the database now and then. The least has to come several times,
    /// or a busy machine would have it look at each.
    pub async fn cost(&self, mut something: impl AsyncFnMut()) -> u64 {
        let (mut least, mut times) = (u64::MAX, 0);
        for _ in 0..40 {
            let before = self.app.db.statements();
            something().await;
            let cost = self.app.db.statements() - before;
            if cost < least {
                (least, times) = (cost, 0);
            }
            times += u32::from(cost == least);
            if times == 7 {
                break;
            }
            // So that what looks does not look at each try.
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        least
    }

    /// Ends the server and waits until it has.
    pub async fn end(mut self) -> Result<(), String> {
        let _ = self.stop.send(true);
        match self.running.take() {
            Some(running) => running.await.expect("the server does not panic"),
            None => Ok(()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
    }
}

fn token_row(id: i64, account_id: i64, now: i64) -> Token {
    Token {
        id,
        account_id: Some(account_id),
        app_id: None,
        family_id: None,
        scopes: "read write follow push profile".into(),
        name: "test".into(),
        created_at: now,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
        ip: String::new(),
        user_agent: String::new(),
    }
}

impl Answer {
    /// Sends a request that was put together elsewhere.
    pub async fn of(request: reqwest::RequestBuilder, what: String) -> Answer {
        Answer::try_of(request, what)
            .await
            .expect("the server answers")
    }

    /// The same to a server that may be dead.
    pub async fn try_of(request: reqwest::RequestBuilder, what: String) -> Option<Answer> {
        let response = request.send().await.ok()?;
        Some(Answer {
            status: response.status(),
            headers: response.headers().clone(),
            text: response.text().await.ok()?,
            what,
        })
    }

    /// The body as JSON, whatever the status.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|e| panic!("{}: {}: {e}: {}", self.what, self.status, self.text))
    }

    /// The body of a success.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert!(
            self.status.is_success(),
            "{}: {}: {}",
            self.what,
            self.status,
            self.text
        );
        self.json()
    }

    /// The body of a success, which is an entity of that name.
    #[track_caller]
    pub fn entity(&self, name: &str) -> Value {
        let value = self.ok();
        schema::check(name, &value);
        value
    }

    /// The body of a success, which is a list of entities of that name.
    #[track_caller]
    pub fn entities(&self, name: &str) -> Vec<Value> {
        let Value::Array(items) = self.ok() else {
            panic!("{}: not a list: {}", self.what, self.text);
        };
        items.iter().for_each(|item| schema::check(name, item));
        items
    }

    /// The error text of a refusal with that status.
    #[track_caller]
    pub fn refused(&self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{}: {}", self.what, self.text);
        let value = self.json();
        schema::check("Error", &value);
        value["error"].as_str().expect("an error text").to_owned()
    }

    /// The URL that the Link header names, as a path with its query.
    pub fn link(&self, rel: &str) -> Option<String> {
        let header = self.headers.get("link")?.to_str().ok()?;
        let wanted = format!("rel=\"{rel}\"");
        header
            .split(", ")
            .find(|part| part.ends_with(&wanted))
            .and_then(|part| {
                let url = part.split_once('<')?.1.split_once('>')?.0;
                let path = url.splitn(4, '/').nth(3)?;
                Some(format!("/{path}"))
            })
    }
}

/// Gives a request a JSON body.
pub fn with_json(request: reqwest::RequestBuilder, body: &Value) -> reqwest::RequestBuilder {
    request
        .header("content-type", "application/json")
        .body(body.to_string())
}

/// The ids of a list of entities.
pub fn ids(list: &[Value]) -> Vec<String> {
    list.iter()
        .map(|item| item["id"].as_str().expect("an id").to_owned())
        .collect()
}
