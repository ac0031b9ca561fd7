//! What time does to codes, tokens and registrations: no server, and a clock that is turned.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use kith::app::{App, Environment};
use kith::clock::{Clock, DAY, MINUTE};
use kith::config::Config;
use kith::db;
use kith::domain::accounts::KeyPair;
use kith::domain::jobs::Job;
use kith::domain::sign_in::{self, Origin};
use kith::domain::users::{self, Registered, Registering};
use kith::random::Random;
use tokio::sync::watch;

use crate::support::{ACTOR_KEY, ACTOR_PUBLIC_KEY, database, fixed_keys};

struct Turned {
    app: App,
    by: Arc<AtomicI64>,
    _dir: tempfile::TempDir,
    _stop: watch::Sender<bool>,
}

impl Turned {
    async fn start() -> Turned {
        let dir = tempfile::tempdir().unwrap();
        let env = BTreeMap::from([
            ("KITH_DATA_DIR".to_owned(), dir.path().display().to_string()),
            (
                "KITH_DATABASE_URL".to_owned(),
                database::fresh(dir.path()).await,
            ),
        ]);
        let config = Config::load(BTreeMap::new(), env.into_iter(), None).unwrap();
        let by = Arc::new(AtomicI64::new(0));
        let (stop, stopped) = watch::channel(false);
        let environment = Environment {
            clock: Clock::Shifted(by.clone()),
            random: Random::system(),
            keys: fixed_keys(),
            stop: stopped,
            connections: database::CONNECTIONS,
            traces: None,
        };
        Turned {
            app: App::open(config, environment).await.unwrap(),
            by,
            _dir: dir,
            _stop: stop,
        }
    }

    fn pass(&self, time: i64) {
        self.by.fetch_add(time, Ordering::Relaxed);
    }

    async fn register(&self, name: &'static str) -> i64 {
        let ctx = self.app.ctx.clone();
        let new = Registering {
            username: name.to_owned(),
            email: format!("{name}@mail.example"),
            password_hash: String::new(),
            keys: KeyPair {
                private: ACTOR_KEY.to_owned(),
                public: ACTOR_PUBLIC_KEY.to_owned(),
            },
            locale: String::new(),
            reason: String::new(),
            ip: String::new(),
            app_id: None,
            doubtful: false,
            invite: String::new(),
        };
        let registered = self
            .app
            .write(move |tx| Box::pin(async move { users::register(tx, &ctx, new).await }))
            .await
            .unwrap();
        match registered {
            Registered::Done(done) => done.0.id,
            Registered::Refused(problems) => panic!("{problems:?}"),
        }
    }

    /// The codes of the letters in the queue, which is empty then.
    async fn codes(&self) -> Vec<String> {
        let now = self.app.clock.now_ms();
        let jobs = self
            .app
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let jobs = db::jobs::lease(tx, 0, now, now + 1, 10).await?;
                    for job in &jobs {
                        db::jobs::delete(tx, job.id).await?;
                    }
                    Ok::<_, db::Error>(jobs)
                })
            })
            .await
            .unwrap();
        jobs.iter()
            .map(|job| {
                let Job::Mail(letter) = serde_json::from_str(&job.payload).unwrap() else {
                    panic!("not a letter: {}", job.payload);
                };
                letter
                    .text
                    .lines()
                    .find(|line| line.len() == 6 && line.bytes().all(|b| b.is_ascii_digit()))
                    .unwrap()
                    .to_owned()
            })
            .collect()
    }

    async fn verify(&self, name: &str, code: &str) -> bool {
        let ctx = self.app.ctx.clone();
        let (email, code) = (format!("{name}@mail.example"), code.to_owned());
        self.app
            .write(move |tx| {
                Box::pin(async move { users::verify_email(tx, &ctx, &email, &code).await })
            })
            .await
            .unwrap()
    }

    async fn resend(&self, name: &str) {
        let ctx = self.app.ctx.clone();
        let email = format!("{name}@mail.example");
        self.app
            .write(move |tx| Box::pin(async move { users::resend_code(tx, &ctx, &email).await }))
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_lives_ten_minutes_and_the_newest_counts() {
    let turned = Turned::start().await;
    turned.register("alice").await;
    let first = turned.codes().await.pop().unwrap();
    turned.resend("alice").await;
    assert!(turned.codes().await.is_empty(), "the cool-down");
    turned.pass(MINUTE + 1);
    turned.resend("alice").await;
    let second = turned.codes().await.pop().unwrap();
    if first != second {
        assert!(!turned.verify("alice", &first).await);
    }
    turned.pass(10 * MINUTE);
    assert!(!turned.verify("alice", &second).await);
    turned.resend("alice").await;
    let third = turned.codes().await.pop().unwrap();
    turned.pass(9 * MINUTE);
    assert!(turned.verify("alice", &third).await);
    // Ten a day: guessing is bounded, whoever asks for them.
    turned.register("bob").await;
    let mut sent = turned.codes().await.len();
    for _ in 0..15 {
        turned.pass(2 * MINUTE);
        turned.resend("bob").await;
        sent += turned.codes().await.len();
    }
    assert_eq!(sent, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_lives_a_week_and_what_is_over_is_forgotten() {
    let turned = Turned::start().await;
    let alice = turned.register("alice").await;
    let code = turned.codes().await.pop().unwrap();
    assert!(turned.verify("alice", &code).await);
    turned.register("bob").await;
    let ctx = turned.app.ctx.clone();
    let grant = turned
        .app
        .write(move |tx| {
            Box::pin(async move { sign_in::open_family(tx, &ctx, alice, &Origin::default()).await })
        })
        .await
        .unwrap();
    let bearer = kith::http::auth::write_token(&turned.app, grant.token.id).unwrap();
    kith::http::auth::session(&turned.app, &bearer)
        .await
        .unwrap();
    turned.pass(30 * MINUTE + 1);
    kith::http::auth::session(&turned.app, &bearer)
        .await
        .unwrap_err();
    let sessions = |turned: &Turned| {
        let (app, now) = (turned.app.clone(), turned.app.clock.now_ms());
        async move {
            app.read(move |c| Box::pin(async move { sign_in::sessions(c, alice, 0, now).await }))
                .await
                .unwrap()
                .len()
        }
    };
    assert_eq!(sessions(&turned).await, 1, "it can be renewed");
    turned.pass(7 * DAY);
    assert_eq!(sessions(&turned).await, 0);
    let ctx = turned.app.ctx.clone();
    let spent = grant.refresh_token.unwrap();
    let renewed = turned
        .app
        .write(move |tx| {
            Box::pin(async move { sign_in::refresh(tx, &ctx, &spent, &Origin::default()).await })
        })
        .await
        .unwrap();
    assert!(renewed.is_none());

    turned.pass(2 * DAY);
    kith::jobs::cleanup::pass(&turned.app).await.unwrap();
    let id = grant.token.id;
    let (token, known, unverified) = turned
        .app
        .read(move |c| {
            Box::pin(async move {
                Ok((
                    db::tokens::by_id(c, id).await?,
                    db::accounts::by_handle(c, "alice", "").await?,
                    db::accounts::by_handle(c, "bob", "").await?,
                ))
            })
        })
        .await
        .unwrap();
    assert!(token.is_none() && known.is_some() && unverified.is_none());
}
