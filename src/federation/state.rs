//! What federation keeps in memory.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use serde_json::Value;
use tokio::sync::{Mutex, Semaphore};

use super::inbox::Intake;
use super::keys::{KnownKey, SigningKey};
use super::signature::Scheme;

/// How long what was fetched from elsewhere is believed without looking at the database again.
const HOUR: Duration = Duration::from_secs(3600);
/// How long something that failed is not tried again.
const AFTER_FAILURE: Duration = Duration::from_secs(60);
/// Keys of strangers fetched at a time.
const KEY_FETCHES: usize = 256;

/// The caches of a process; every one is bounded.
pub struct State {
    /// Public keys by their id.
    pub keys: Cache<String, Arc<KnownKey>>,
    /// Why a key could not be had a moment ago.
    pub missing_keys: Cache<String, Arc<str>>,
    /// Keys that were fetched again a moment ago because a signature failed.
    pub refetched_keys: Cache<String, ()>,
    /// One at a time fetches a key.
    pub fetching: Cache<String, Arc<Mutex<()>>>,
    /// How many fetch keys.
    pub key_fetches: Semaphore,
    /// Private keys by account.
    pub signing: Cache<i64, Arc<SigningKey>>,
    /// Actor documents fetched for their keys, to be stored once the actor's activity is
    /// worked on.
    pub documents: Cache<String, Arc<Value>>,
    /// What servers want signatures in.
    pub schemes: Cache<String, Scheme>,
    /// Actors that were refreshed, or could not be, a while ago.
    pub refreshed: Cache<String, ()>,
    /// Polls whose counts were asked for a moment ago.
    pub polls: Cache<i64, ()>,
    /// Whether a local actor is there, by its id: `Some(false)` for one that was.
    pub inboxes: Cache<String, Option<bool>>,
    /// Received activities on their way into the database.
    pub intake: Intake,
}

impl State {
    /// Empty caches.
    pub fn new() -> State {
        State {
            keys: cache(20_000, HOUR),
            missing_keys: cache(10_000, AFTER_FAILURE),
            refetched_keys: cache(10_000, AFTER_FAILURE),
            fetching: Cache::builder()
                .max_capacity(10_000)
                .time_to_idle(AFTER_FAILURE)
                .build(),
            key_fetches: Semaphore::new(KEY_FETCHES),
            signing: Cache::builder().max_capacity(2_000).build(),
            documents: cache(2_000, HOUR),
            schemes: cache(10_000, HOUR),
            refreshed: cache(10_000, HOUR),
            polls: Cache::builder()
                .max_capacity(10_000)
                .time_to_live(AFTER_FAILURE)
                .build(),
            inboxes: cache(10_000, Duration::from_secs(10)),
            intake: Intake::default(),
        }
    }
}

fn cache<V: Clone + Send + Sync + 'static>(entries: u64, live: Duration) -> Cache<String, V> {
    Cache::builder()
        .max_capacity(entries)
        .time_to_live(live)
        .build()
}

impl Default for State {
    fn default() -> State {
        State::new()
    }
}
