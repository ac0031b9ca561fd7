//! From an outgoing activity to the bytes that go out, rendered once for all its inboxes.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::app::App;
use crate::caches::Expiring;
use crate::db;
use crate::db::deliveries::Delivery;
use crate::db::outgoing::OutgoingActivity;
use crate::domain::outgoing::Outgoing;
use crate::error::{AppError, AppResult};
use crate::federation::render::{self, ActorDocument};
use crate::federation::signature::{BodyDigest, KeyType, PrivateKey};

/// Rendered activities kept; one takes some KiB.
const RENDERED: usize = 500;
/// How long one is kept: profiles are rendered as they are when they are sent.
const FRESH: Duration = Duration::from_secs(120);
/// Parsed keys kept; each takes a few KiB.
const KEYS: usize = 1000;
/// How long a key is kept.
const KEY_FRESH: Duration = Duration::from_secs(600);

/// An activity ready to be signed and sent.
#[derive(Debug)]
pub struct Prepared {
    pub body: Bytes,
    pub digest: BodyDigest,
    pub key: Arc<SigningKey>,
}

/// A local actor's key, parsed once.
#[derive(Debug)]
pub struct SigningKey {
    pub id: String,
    pub key: PrivateKey,
}

/// A leased delivery with what it delivers.
#[derive(Debug)]
pub struct Job {
    pub delivery: Delivery,
    pub prepared: Arc<Prepared>,
    /// What stands for its sender and its inbox: two jobs in one lane are sent one after the
    /// other.
    pub lane: u64,
}

impl Job {
    fn new(delivery: Delivery, prepared: Arc<Prepared>) -> Job {
        let mut hasher = DefaultHasher::new();
        (&prepared.key.id, &delivery.inbox).hash(&mut hasher);
        Job {
            delivery,
            prepared,
            lane: hasher.finish(),
        }
    }
}

/// A leased delivery whose activity cannot be sent, and why.
pub type Hopeless = (Delivery, String);

/// What was rendered lately.
pub struct Press {
    rendered: Expiring<i64, Arc<Prepared>>,
    keys: Expiring<i64, Arc<SigningKey>>,
}

impl Press {
    pub fn new() -> Press {
        Press {
            rendered: Expiring::new(RENDERED, FRESH),
            keys: Expiring::new(KEYS, KEY_FRESH),
        }
    }

    /// Prepares leased deliveries: one statement for all activities not at hand. What was
    /// deleted meanwhile is left out, its deliveries went with it.
    pub async fn prepare(
        &self,
        app: &App,
        deliveries: Vec<Delivery>,
    ) -> AppResult<(Vec<Job>, Vec<Hopeless>)> {
        let wanted: HashSet<i64> = deliveries.iter().map(|d| d.activity_id).collect();
        let mut ready: HashMap<i64, Result<Arc<Prepared>, String>> = HashMap::new();
        let mut missing = Vec::new();
        for id in wanted {
            match self.rendered.get(&id) {
                Some(prepared) => {
                    ready.insert(id, Ok(prepared));
                }
                None => missing.push(id),
            }
        }
        for chunk in missing.chunks(64) {
            let ids = chunk.to_vec();
            let rows = app
                .read(move |c| Box::pin(async move { Ok(db::outgoing::by_ids(c, &ids).await?) }))
                .await?;
            for row in rows {
                let outcome = match self.render(app, &row).await {
                    Ok(prepared) => {
                        let prepared = Arc::new(prepared);
                        self.rendered.insert(row.id, prepared.clone());
                        Ok(prepared)
                    }
                    Err(Failure::Hopeless(why)) => Err(why),
                    Err(Failure::Database(error)) => return Err(error),
                };
                ready.insert(row.id, outcome);
            }
        }
        let mut jobs = Vec::with_capacity(deliveries.len());
        let mut hopeless = Vec::new();
        for delivery in deliveries {
            match ready.get(&delivery.activity_id) {
                Some(Ok(prepared)) => jobs.push(Job::new(delivery, prepared.clone())),
                Some(Err(why)) => hopeless.push((delivery, why.clone())),
                None => {}
            }
        }
        Ok((jobs, hopeless))
    }

    async fn render(&self, app: &App, row: &OutgoingActivity) -> Result<Prepared, Failure> {
        let activity: Outgoing = serde_json::from_str(&row.payload)
            .map_err(|e| Failure::Hopeless(format!("the activity cannot be read: {e}")))?;
        let account = app
            .account(row.account_id)
            .await?
            .ok_or_else(|| Failure::Hopeless("its actor is gone".to_owned()))?;
        let key = self.key(app, account.id).await?;
        let id = account.id;
        let profile = match &activity {
            Outgoing::UpdateActor { .. } => app
                .read(move |c| Box::pin(async move { Ok(db::profiles::of(c, &[id]).await?) }))
                .await?
                .pop(),
            _ => None,
        };
        let document = render::activity(&activity, &account.uri, || {
            let public_key = key.key.public_key().to_pem();
            let document = ActorDocument {
                config: &app.config,
                account: &account,
                profile: profile.as_ref(),
                public_key: &public_key,
                key_id: &key.id,
            };
            Some(document.object())
        });
        let body = Bytes::from(document.to_string());
        let digest = BodyDigest::new(&body, render::CONTENT_TYPE);
        Ok(Prepared { body, digest, key })
    }

    async fn key(&self, app: &App, account_id: i64) -> Result<Arc<SigningKey>, Failure> {
        if let Some(key) = self.keys.get(&account_id) {
            return Ok(key);
        }
        let rows = app
            .read(move |c| Box::pin(async move { Ok(db::accounts::keys_of(c, account_id).await?) }))
            .await?;
        for row in rows {
            let Some(key) = row
                .private_key
                .as_deref()
                .and_then(|pem| PrivateKey::from_pem(pem).ok())
            else {
                continue;
            };
            // Every server can check RSA.
            if key.key_type() == KeyType::Rsa {
                let key = Arc::new(SigningKey {
                    id: row.key_id,
                    key,
                });
                self.keys.insert(account_id, key.clone());
                return Ok(key);
            }
        }
        Err(Failure::Hopeless("its actor has no key".to_owned()))
    }
}

/// Why an activity was not rendered.
enum Failure {
    Hopeless(String),
    Database(AppError),
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Failure {
        Failure::Database(error)
    }
}
