//! The application: everything that is built once and shared.

use std::sync::Arc;

use tokio::sync::{Notify, OnceCell, watch};

use crate::backup;
use crate::caches::Caches;
use crate::client::{self, Client};
use crate::clock::Clock;
use crate::config::{Config, MediaKey, Registration, Secrets};
use crate::db::accounts::Account;
use crate::db::{self, Conn, Db, Work};
use crate::disk::Room;
use crate::domain::Ctx;
use crate::domain::accounts::KeySource;
use crate::domain::ip_blocks::IpRules;
use crate::domain::policies::Policies;
use crate::domain::visibility::Relations;
use crate::error::{AppError, AppResult};
use crate::events::bus::Bus;
use crate::events::hub::Hub;
use crate::events::{Event, Kind, Logged};
use crate::federation;
use crate::http::proxy::Proxy;
use crate::ids::Ids;
use crate::limits::Limits;
use crate::media::intake::Intake;
use crate::media::storage::Storage;
use crate::metrics::Metrics;
use crate::random::Random;
use crate::seal::SealingKey;
use crate::traces::{self, Traces};
use crate::translate::Translator;
use crate::views::Views;
use crate::webpush::Vapid;

/// The setting that keeps the key pair for push services.
const VAPID_KEY: &str = "vapid_key";

/// What a handler, a job or a command works with. Cheap to clone.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

/// The parts of an [`App`].
pub struct Inner {
    pub ctx: Ctx,
    pub config: Arc<Config>,
    pub secrets: Secrets,
    pub clock: Clock,
    pub random: Random,
    /// Key pairs of new actors.
    pub keys: KeySource,
    pub db: Db,
    pub caches: Arc<Caches>,
    /// The one client for everything untrusted.
    pub client: Client,
    /// Keys, documents and what else federation keeps in memory.
    pub federation: federation::State,
    pub storage: Storage,
    /// What is free where files are kept.
    pub room: Room,
    /// The configured translation service.
    pub translator: Option<Translator>,
    /// How often whom is let do what.
    pub limits: Limits,
    /// Where uploads are worked on.
    pub intake: Intake,
    /// Files from elsewhere that are being fetched.
    pub proxy: Proxy,
    /// What this process counts of itself.
    pub metrics: Metrics,
    /// Where traces go, where that is configured.
    pub traces: Option<Traces>,
    /// Views that are not written yet.
    pub views: Views,
    /// The sockets that listen here, with what each account hides.
    pub hub: Arc<Hub<Relations>>,
    /// Between the processes of this server.
    pub bus: Arc<Bus>,
    /// Rung by commits.
    pub wake: Wake,
    /// Marks this process's events in the log.
    pub origin: i64,
    /// Turns true when the process is to end.
    pub stop: watch::Receiver<bool>,
    /// Read at first use.
    vapid: OnceCell<Arc<Vapid>>,
}

/// Bells that a commit rings: for the log's follower, the deliverer, the inbox's workers and
/// the job runner.
#[derive(Clone, Default)]
pub struct Wake {
    pub log: Arc<Notify>,
    pub deliveries: Arc<Notify>,
    pub inbox: Arc<Notify>,
    pub jobs: Arc<Notify>,
    /// What the search index follows.
    pub search: Arc<Notify>,
}

impl Wake {
    /// Rings the bell of an event.
    fn ring(&self, kind: Kind) {
        match kind {
            Kind::DeliveriesWaiting => self.deliveries.notify_one(),
            Kind::InboxWaiting => self.inbox.notify_one(),
            Kind::JobWaiting => self.jobs.notify_one(),
            Kind::StatusCreated
            | Kind::StatusEdited
            | Kind::StatusDeleted
            | Kind::ViewerChanged => self.search.notify_one(),
            _ => {}
        }
    }
}

impl Inner {
    /// Seals the secrets of second factors.
    pub fn totp_key(&self) -> SealingKey {
        SealingKey::derive(&self.secrets.token_key, "totp")
    }
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.inner
    }
}

/// Connections to PostgreSQL that a process makes at most: its default allows 100 in all.
pub const CONNECTIONS: usize = 16;

/// What is passed in besides the settings.
pub struct Environment {
    pub clock: Clock,
    pub random: Random,
    pub keys: KeySource,
    pub stop: watch::Receiver<bool>,
    /// Connections to PostgreSQL at most.
    pub connections: usize,
    /// Where the spans go that this process records.
    pub traces: Option<Traces>,
}

impl App {
    /// Opens everything the settings name. The error is one line for an admin.
    pub async fn open(mut config: Config, environment: Environment) -> Result<App, String> {
        let Environment {
            clock,
            random,
            keys,
            stop,
            connections,
            traces,
        } = environment;
        backup::settle(&config.data_dir, &config.database_url).await?;
        let secrets = Secrets::load(&config.data_dir, &random)?;
        let media = config.data_dir.join("media");
        let room = Room::new(media, clock.clone());
        let storage = Storage::open_configured(&config)
            .await
            .map_err(|e| e.to_string())?;
        let client = Client::new(&client::Options {
            allow_private: config.federation_allow_private,
            user_agent: format!(
                "Kith/{} (+{})",
                env!("CARGO_PKG_VERSION"),
                config.public_url
            ),
            ..client::Options::default()
        })
        .map_err(|e| format!("cannot set up the HTTP client: {e}"))?;
        let caches = Arc::new(Caches::new());
        let wake = Wake::default();
        let origin = i64::from_le_bytes(random.bytes()) & i64::MAX;
        let bus = Arc::new(Bus::new(
            config.redis_url.clone(),
            &config.account_domain,
            origin,
        ));
        let after_commit = after_commit(caches.clone(), wake.clone(), bus.clone());
        let db = Db::open(
            db::Options {
                url: config.database_url.clone(),
                sync_full: config.sqlite_sync_full,
                connections,
                origin,
                now: {
                    let clock = clock.clone();
                    Arc::new(move || clock.now_ms())
                },
                tracing: traces
                    .as_ref()
                    .map(|_| Arc::new(traces::current) as db::Tracing),
            },
            after_commit,
        )
        .await
        .map_err(|e| e.to_string())?;
        let translator = match &config.translate_url {
            Some(url) => {
                let key = config.translate_key.clone();
                let service = Translator::new(url.clone(), key);
                Some(service.map_err(|e| format!("cannot set up the translation client: {e}"))?)
            }
            None => None,
        };
        let limits = Limits::new(config.live.now().rate_limit);
        config.media_key = MediaKey::derive(&secrets.token_key);
        let intake = Intake::new(storage.clone(), config.ffmpeg.clone());
        let config = Arc::new(config);
        let ctx = Ctx {
            clock: clock.clone(),
            ids: Ids::new(clock.clone(), random.bytes::<1>()[0]),
            random: random.clone(),
            config: config.clone(),
        };
        Ok(App {
            inner: Arc::new(Inner {
                ctx,
                config,
                secrets,
                clock,
                random,
                keys,
                db,
                caches,
                client,
                federation: federation::State::new(),
                intake,
                proxy: Proxy::default(),
                metrics: Metrics::default(),
                traces,
                views: Views::default(),
                storage,
                room,
                translator,
                hub: Arc::default(),
                bus,
                limits,
                wake,
                origin,
                stop,
                vapid: OnceCell::new(),
            }),
        })
    }

    /// Reads, with the API's errors.
    pub async fn read<T, F>(&self, work: F) -> AppResult<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> Work<'c, T, AppError> + Send + 'static,
    {
        self.db.read(work).await
    }

    /// Runs a transaction, with the API's errors. See [`Db::write`].
    pub async fn write<T, F>(&self, work: F) -> AppResult<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> Work<'c, T, AppError> + Clone + Send + 'static,
    {
        self.db.write(work).await
    }

    /// An account by id, from memory where it is there.
    pub async fn account(&self, id: i64) -> AppResult<Option<Arc<Account>>> {
        if let Some(account) = self.caches.accounts.get(&id) {
            return Ok(Some(account));
        }
        let ticket = self.caches.accounts.ticket();
        let found = self
            .read(move |c| Box::pin(async move { Ok(db::accounts::by_id(c, id).await?) }))
            .await?
            .map(Arc::new);
        if let Some(account) = &found {
            self.caches.accounts.put(ticket, id, account.clone());
        }
        Ok(found)
    }

    /// An account's relations, from memory where they are there.
    pub async fn relations(&self, account_id: i64) -> AppResult<Arc<Relations>> {
        if let Some(relations) = self.caches.relations.get(&account_id) {
            return Ok(relations);
        }
        let ticket = self.caches.relations.ticket();
        let relations = self
            .read(move |c| Box::pin(Relations::load(c, account_id)))
            .await?;
        let relations = Arc::new(relations);
        self.caches
            .relations
            .put(ticket, account_id, relations.clone());
        Ok(relations)
    }

    /// Does for an event of another process what a commit does for ours: drops what it made
    /// stale and rings the bells.
    pub async fn heard(&self, logged: &Logged) {
        if logged.origin == self.origin {
            return;
        }
        let mut event = logged.event.clone();
        if event.kind == Kind::StatusCreated {
            let id = event.subject_id;
            let homes = self
                .db
                .read(move |c| {
                    Box::pin(async move { db::timelines::homes_of(c, id, i64::MAX).await })
                })
                .await;
            match homes {
                Ok(homes) => event.homes = homes,
                Err(error) => {
                    let error: db::Error = error;
                    tracing::warn!(%error, "cannot tell whose homes changed");
                    self.caches.homes.clear();
                }
            }
        }
        self.caches.apply(&event);
        self.wake.ring(event.kind);
    }

    /// This server's key pair for push services: made at first use, for all processes.
    pub async fn vapid(&self) -> AppResult<Arc<Vapid>> {
        let load = async || {
            let known = self
                .read(|c| Box::pin(async move { Ok(db::policies::setting(c, VAPID_KEY).await?) }))
                .await?;
            let text = match known {
                Some(text) => text,
                None => {
                    let fresh = Vapid::generate().map_err(AppError::internal)?;
                    self.write(move |tx| {
                        Box::pin(async move {
                            // Another process may have been quicker.
                            Ok(db::policies::ensure_setting(tx, VAPID_KEY, &fresh).await?)
                        })
                    })
                    .await?
                }
            };
            Ok(Arc::new(Vapid::read(&text).map_err(AppError::internal)?))
        };
        self.vapid.get_or_try_init(load).await.cloned()
    }

    /// The rules about IP addresses, from memory where they are there.
    pub async fn ip_rules(&self) -> AppResult<Arc<IpRules>> {
        if let Some(rules) = self.caches.ip_rules.get() {
            return Ok(rules);
        }
        let ticket = self.caches.ip_rules.ticket();
        let now = self.clock.now_ms();
        let rules = Arc::new(self.read(move |c| Box::pin(IpRules::load(c, now))).await?);
        self.caches.ip_rules.put(ticket, rules.clone());
        Ok(rules)
    }

    /// Who may register: nobody once the server is at its end, whatever the settings say.
    pub async fn registration(&self) -> AppResult<Registration> {
        Ok(match self.policies().await?.is_closing() {
            true => Registration::Closed,
            false => self.config.live.now().registration,
        })
    }

    /// The domain policies, from memory where they are there.
    pub async fn policies(&self) -> AppResult<Arc<Policies>> {
        if let Some(policies) = self.caches.policies.get() {
            return Ok(policies);
        }
        let ticket = self.caches.policies.ticket();
        let policies = Arc::new(self.read(|c| Box::pin(Policies::load(c))).await?);
        self.caches.policies.put(ticket, policies.clone());
        Ok(policies)
    }
}

/// Drops stale entries and rings bells, before the writer's caller is answered.
fn after_commit(caches: Arc<Caches>, wake: Wake, bus: Arc<Bus>) -> db::AfterCommit {
    Arc::new(move |events: &[Event]| {
        if events.is_empty() {
            return;
        }
        for event in events {
            caches.apply(event);
            wake.ring(event.kind);
        }
        wake.log.notify_one();
        bus.log_grew();
    })
}
