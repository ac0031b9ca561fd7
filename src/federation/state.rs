//! What federation keeps in memory.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Mutex, Semaphore};

use super::inbox::Intake;
use super::keys::KnownKey;
use super::relays::Loads;
use super::signature::Scheme;
use crate::caches::Expiring;

/// How long what was fetched from elsewhere is believed without looking at the database again.
const HOUR: Duration = Duration::from_secs(3600);
/// How long something that failed is not tried again.
const AFTER_FAILURE: Duration = Duration::from_secs(60);
/// Keys of strangers fetched at a time.
const KEY_FETCHES: usize = 256;
/// Those of one host.
pub const KEY_FETCHES_OF_HOST: usize = 32;

/// The caches of a process; every one is bounded.
pub struct State {
    /// Public keys by their id.
    pub keys: Expiring<String, Arc<KnownKey>>,
    /// Why a key could not be had a moment ago.
    pub missing_keys: Expiring<String, Arc<str>>,
    /// Keys that were fetched again a moment ago because a signature failed.
    pub refetched_keys: Expiring<String, ()>,
    /// One at a time fetches a key.
    pub fetching: Expiring<String, Arc<Mutex<()>>>,
    /// How many fetch keys.
    pub key_fetches: Semaphore,
    /// The same by the host that is asked.
    pub key_turns: Expiring<String, Arc<Semaphore>>,
    /// Actor documents fetched for their keys, to be stored once the actor's activity is
    /// worked on.
    pub documents: Expiring<String, Arc<Value>>,
    /// What servers want signatures in.
    pub schemes: Expiring<String, Scheme>,
    /// Actors that were refreshed, or could not be, a while ago.
    pub refreshed: Expiring<String, ()>,
    /// Accounts whose collections were asked for a while ago.
    pub collections: Expiring<i64, ()>,
    /// Actors whose followers here did not agree with what they said a moment ago.
    pub synchronised: Expiring<String, ()>,
    /// Polls whose counts were asked for a moment ago.
    pub polls: Expiring<i64, ()>,
    /// Posts that something lists and that could not be had a while ago, or are not to be kept.
    pub missed: Expiring<String, ()>,
    /// Accounts whose profile somebody looked at a moment ago.
    pub visited: Expiring<i64, ()>,
    /// Whether a local actor is there, by its id: `Some(false)` for one that was.
    pub inboxes: Expiring<String, Option<bool>>,
    /// What relays have brought lately.
    pub relays: Loads,
    /// Received activities on their way into the database.
    pub intake: Intake,
}

impl State {
    /// Empty caches.
    pub fn new() -> State {
        State {
            keys: Expiring::new(20_000, HOUR),
            missing_keys: Expiring::new(10_000, AFTER_FAILURE),
            refetched_keys: Expiring::new(10_000, AFTER_FAILURE),
            fetching: Expiring::new(10_000, AFTER_FAILURE),
            key_fetches: Semaphore::new(KEY_FETCHES),
            key_turns: Expiring::new(10_000, AFTER_FAILURE),
            documents: Expiring::new(2_000, HOUR),
            schemes: Expiring::new(10_000, HOUR),
            refreshed: Expiring::new(10_000, HOUR),
            collections: Expiring::new(10_000, HOUR),
            synchronised: Expiring::new(10_000, AFTER_FAILURE),
            polls: Expiring::new(10_000, AFTER_FAILURE),
            missed: Expiring::new(50_000, HOUR),
            visited: Expiring::new(10_000, AFTER_FAILURE),
            inboxes: Expiring::new(10_000, Duration::from_secs(10)),
            relays: Loads::default(),
            intake: Intake::default(),
        }
    }
}

impl Default for State {
    fn default() -> State {
        State::new()
    }
}
