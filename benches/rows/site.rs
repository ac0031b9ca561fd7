//! A server with people on it, in this process where nothing else is said.

use std::collections::BTreeMap;
use std::path::Path;

use kith::app::{App, Environment};
use kith::clock::Clock;
use kith::config::{Config, Listen};
use kith::db::accounts::Account;
use kith::db::tokens::Token;
use kith::domain::accounts::{KeyPair, RemoteActor};
use kith::federation::local_keys;
use kith::http::Bound;
use kith::random::Random;
use tokio::sync::watch;

pub const KEY: &str = include_str!("../../tests/it/support/keys/actor.pem");
pub const PUBLIC_KEY: &str = include_str!("../../tests/it/support/keys/actor.pub.pem");

pub struct Site {
    pub app: App,
    pub address: String,
    pub host: String,
    /// As the environment names them.
    pub settings: BTreeMap<String, String>,
    stop: watch::Sender<bool>,
    _dir: tempfile::TempDir,
}

/// What a server with its data in `dir` is told.
pub fn settings(dir: &Path, port: u16) -> BTreeMap<String, String> {
    [
        ("KITH_DATA_DIR", dir.display().to_string()),
        ("KITH_LISTEN", format!("127.0.0.1:{port}")),
        ("KITH_PUBLIC_URL", format!("http://localhost:{port}")),
        ("KITH_RATE_LIMIT", "false".to_owned()),
        ("KITH_FEDERATION_ALLOW_PRIVATE", "true".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

impl Drop for Site {
    /// Its jobs would take from what the next row measures.
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl Site {
    pub async fn start() -> Site {
        let (site, bound) = Site::open().await;
        tokio::spawn(kith::server::run(site.app.clone(), bound));
        site
    }

    /// Without its server, which is to be a process of its own: the port is free.
    pub async fn unserved() -> Site {
        Site::open().await.0
    }

    async fn open() -> (Site, Bound) {
        let dir = tempfile::tempdir().expect("a directory");
        let bound = kith::http::bind(&Listen::Tcp("127.0.0.1:0".into()))
            .await
            .expect("a port");
        let port = bound.address().expect("TCP").port();
        let settings = settings(dir.path(), port);
        let env = settings.clone().into_iter();
        let config = Config::load(BTreeMap::new(), env, None).expect("settings");
        let (stop, stopped) = watch::channel(false);
        let environment = Environment {
            clock: Clock::System,
            random: Random::system(),
            keys: local_keys::source(),
            stop: stopped,
            connections: kith::app::CONNECTIONS,
            traces: None,
        };
        let app = App::open(config, environment)
            .await
            .expect("the server opens");
        let site = Site {
            app,
            address: format!("127.0.0.1:{port}"),
            host: format!("localhost:{port}"),
            settings,
            stop,
            _dir: dir,
        };
        (site, bound)
    }

    /// `person0`, `person1`… as [`Site::person`] makes them.
    pub async fn people(&self, n: usize) -> Vec<(Account, String)> {
        let mut people = Vec::with_capacity(n);
        for n in 0..n {
            people.push(self.person(&format!("person{n}")).await);
        }
        people
    }

    /// A local account and a token of its.
    pub async fn person(&self, name: &str) -> (Account, String) {
        let ctx = self.app.ctx.clone();
        let (name, id) = (name.to_owned(), self.app.ctx.ids.next());
        let keys = KeyPair {
            private: KEY.to_owned(),
            public: PUBLIC_KEY.to_owned(),
        };
        let account = self
            .app
            .write(move |tx| {
                Box::pin(async move {
                    let account =
                        kith::domain::accounts::create_local(tx, &ctx, &name, "Person", &keys)
                            .await?;
                    let now = ctx.now();
                    let user = kith::db::users::User {
                        account_id: account.id,
                        email: name.clone(),
                        email_lower: name.clone(),
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
                    let token = Token {
                        id,
                        account_id: Some(account.id),
                        app_id: None,
                        family_id: None,
                        scopes: "read write follow".into(),
                        name: "bench".into(),
                        created_at: now,
                        expires_at: None,
                        revoked_at: None,
                        last_used_at: None,
                        ip: String::new(),
                        user_agent: String::new(),
                    };
                    kith::db::tokens::insert(tx, &token).await?;
                    Ok(account)
                })
            })
            .await
            .expect("a person");
        let token = kith::http::auth::write_token(&self.app, id).expect("a token");
        (account, token)
    }

    /// An account elsewhere with the bench's key, whose inbox is at `base`.
    pub async fn remote(&self, base: &str, name: &str) -> Account {
        let host = base.trim_start_matches("http://").to_owned();
        let uri = format!("{base}/users/{name}");
        let account = Account {
            id: 0,
            username: name.to_owned(),
            username_lower: name.to_owned(),
            domain: host.clone(),
            url: uri.clone(),
            kind: "Person".into(),
            display_name: name.to_owned(),
            note: String::new(),
            fields: "[]".into(),
            emojis: "[]".into(),
            avatar: String::new(),
            avatar_description: String::new(),
            header: String::new(),
            header_description: String::new(),
            inbox_url: format!("{uri}/inbox"),
            delivery_url: format!("{uri}/inbox"),
            delivery_host: host,
            followers_url: format!("{uri}/followers"),
            endpoints: "{}".into(),
            locked: false,
            discoverable: true,
            indexable: true,
            hide_collections: false,
            also_known_as: "[]".into(),
            moved_to: String::new(),
            created_at: 1,
            fetched_at: 0,
            suspended_at: None,
            silenced_at: None,
            deleted_at: None,
            sensitized_at: None,
            uri: uri.clone(),
        };
        let actor = RemoteActor {
            account,
            location: String::new(),
            status: Default::default(),
            keys: vec![(format!("{uri}#main-key"), PUBLIC_KEY.to_owned())],
            suspended: false,
        };
        let ctx = self.app.ctx.clone();
        self.app
            .write(move |tx| {
                Box::pin(
                    async move { kith::domain::accounts::upsert_remote(tx, &ctx, actor).await },
                )
            })
            .await
            .expect("a remote account")
    }

    /// One follows another, accepted.
    pub async fn follow(&self, follower: &Account, target: &Account) {
        let ctx = self.app.ctx.clone();
        let (follower, target) = (follower.clone(), target.clone());
        self.app
            .write(move |tx| {
                Box::pin(async move {
                    let options = kith::domain::follows::Options::default();
                    kith::domain::follows::follow(tx, &ctx, &follower, &target, options).await?;
                    if !target.is_local() {
                        kith::domain::follows::accept(tx, &ctx, &target, &follower).await?;
                    }
                    Ok(())
                })
            })
            .await
            .expect("a follow");
    }
}
