//! From an outgoing activity to the bytes that go out, rendered once for all its inboxes.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;

use crate::app::App;
use crate::caches::Expiring;
use crate::db;
use crate::db::accounts::Account;
use crate::db::deliveries::Delivery;
use crate::db::follower_digests::Bits;
use crate::db::outgoing::OutgoingActivity;
use crate::domain::outgoing::Outgoing;
use crate::domain::synchronisation::origin;
use crate::error::{AppError, AppResult};
use crate::federation::local_keys::{self, LocalKeys};
use crate::federation::proof;
use crate::federation::render::{self, ActorDocument};
use crate::federation::signature::BodyDigest;
use crate::federation::synchronise;
use crate::federation::value::{ids, is_public};

/// Rendered activities kept; one takes some KiB.
const RENDERED: usize = 500;
/// How long one is kept: profiles are rendered as they are when they are sent.
const FRESH: Duration = Duration::from_secs(120);

/// An activity ready to be signed and sent.
#[derive(Debug)]
pub struct Prepared {
    pub body: Bytes,
    pub digest: BodyDigest,
    pub keys: Arc<LocalKeys>,
    /// The activity's type, and the span that it comes from.
    pub kind: String,
    pub trace: Option<String>,
    /// Its sender, where it goes to the followers alone: the request says what those on the
    /// receiving server come to.
    pub to_followers: Option<Arc<Account>>,
}

/// A leased delivery with what it delivers.
#[derive(Debug)]
pub struct Job {
    pub delivery: Delivery,
    pub prepared: Arc<Prepared>,
    /// What the sender's followers there come to (FEP-8fcf).
    pub followers: Option<HeaderValue>,
    /// What stands for its sender and its inbox: two jobs in one lane are sent one after the
    /// other.
    pub lane: u64,
}

impl Job {
    fn new(delivery: Delivery, prepared: Arc<Prepared>) -> Job {
        let mut hasher = DefaultHasher::new();
        (&prepared.keys.request.key_id, &delivery.inbox).hash(&mut hasher);
        Job {
            delivery,
            prepared,
            followers: None,
            lane: hasher.finish(),
        }
    }
}

/// A leased delivery whose activity cannot be sent, and why.
pub type Hopeless = (Delivery, String);

/// What was rendered lately.
pub struct Press {
    rendered: Expiring<i64, Arc<Prepared>>,
}

impl Press {
    pub fn new() -> Press {
        Press {
            rendered: Expiring::new(RENDERED, FRESH),
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
        count_followers(app, &mut jobs).await?;
        Ok((jobs, hopeless))
    }

    async fn render(&self, app: &App, row: &OutgoingActivity) -> Result<Prepared, Failure> {
        let activity: Outgoing = serde_json::from_str(&row.payload)
            .map_err(|e| Failure::Hopeless(format!("the activity cannot be read: {e}")))?;
        let account = app
            .account(row.account_id)
            .await?
            .ok_or_else(|| Failure::Hopeless("its actor is gone".to_owned()))?;
        let keys = local_keys::of(app, account.id)
            .await?
            .ok_or_else(|| Failure::Hopeless("its actor has no key".to_owned()))?;
        let id = account.id;
        let profile = match &activity {
            Outgoing::UpdateActor { .. } => app
                .read(move |c| Box::pin(async move { Ok(db::profiles::of(c, &[id]).await?) }))
                .await?
                .pop(),
            _ => None,
        };
        let mut document = render::activity(&activity, &account.uri, || {
            let document = ActorDocument {
                config: &app.config,
                account: &account,
                profile: profile.as_ref(),
                keys: &keys,
            };
            Some(document.object())
        });
        // What everyone may see can be passed on by others, and shall be believed from them.
        let is_open = ["to", "cc"]
            .iter()
            .any(|to| ids(&document, to).any(is_public));
        if is_open {
            let key = &keys.proof;
            proof::add(&mut document, &key.key_id, &key.key, app.clock.now_ms())
                .map_err(|e| Failure::Hopeless(format!("no proof can be made: {e}")))?;
        }
        let addressed = |wanted: &str| {
            ["to", "cc"]
                .iter()
                .any(|to| ids(&document, to).any(|id| id == wanted))
        };
        let private = addressed(&account.followers_url) && !is_open;
        let body = Bytes::from(document.to_string());
        let digest = BodyDigest::new(&body, render::CONTENT_TYPE);
        Ok(Prepared {
            body,
            digest,
            keys,
            kind: row.kind.clone(),
            trace: row.trace.clone(),
            to_followers: private.then_some(account),
        })
    }
}

/// Gives jobs the header that says what their senders' followers on the receiving servers come
/// to: one statement for all of which that is kept, as nearly all are.
async fn count_followers(app: &App, jobs: &mut [Job]) -> AppResult<()> {
    let mut accounts = Vec::new();
    let mut origins = Vec::new();
    for job in jobs.iter() {
        if let Some(account) = &job.prepared.to_followers {
            accounts.push(account.id);
            origins.push(origin(&job.delivery.inbox).to_owned());
        }
    }
    if accounts.is_empty() {
        return Ok(());
    }
    accounts.sort_unstable();
    accounts.dedup();
    origins.sort_unstable();
    origins.dedup();
    let known = app
        .read(move |c| {
            Box::pin(async move { Ok(db::follower_digests::of(c, &accounts, &origins).await?) })
        })
        .await?;
    let mut known: HashMap<(i64, String), Bits> = known
        .into_iter()
        .map(|row| ((row.account_id, row.origin.clone()), row.bits()))
        .collect();
    for job in jobs.iter_mut() {
        let Some(account) = job.prepared.to_followers.clone() else {
            continue;
        };
        let origin = origin(&job.delivery.inbox).to_owned();
        let key = (account.id, origin.clone());
        let digest = match known.get(&key) {
            Some(digest) => *digest,
            None => {
                let digest = synchronise::add_up(app, &account, origin).await?;
                known.insert(key, digest);
                digest
            }
        };
        job.followers = synchronise::header(&account, digest);
    }
    Ok(())
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
