//! Maps that many threads share, bounded in entries: what was used least recently goes.

use std::borrow::Borrow;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lru::LruCache;
use tokio::time::Instant;

/// Parts with a lock each, so that threads seldom wait for one another.
const SHARDS: usize = 16;
/// Entries below which one part is enough, and keeps exactly the most recent.
const SMALL: usize = 512;

/// A bounded map. Values are cloned out: keep small ones, or `Arc`s.
pub struct Bounded<K, V> {
    shards: Box<[Mutex<LruCache<K, V>>]>,
    /// Entries of one part.
    limit: usize,
    hasher: RandomState,
}

impl<K: Hash + Eq, V: Clone> Bounded<K, V> {
    /// A map of about that many entries; it takes memory as it fills.
    pub fn new(entries: usize) -> Bounded<K, V> {
        let shards = if entries < SMALL { 1 } else { SHARDS };
        Bounded {
            shards: (0..shards)
                .map(|_| Mutex::new(LruCache::unbounded()))
                .collect(),
            limit: entries.div_ceil(shards),
            hasher: RandomState::new(),
        }
    }

    fn shard<Q: Hash + ?Sized>(&self, key: &Q) -> MutexGuard<'_, LruCache<K, V>> {
        let n = match self.shards.len() {
            1 => 0,
            // The upper bits: the map inside goes by the lower ones.
            shards => (self.hasher.hash_one(key) >> 32) as usize % shards,
        };
        // Nothing that panics runs under the lock.
        self.shards[n]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What is kept for a key, which counts as used.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.shard(key).get(key).cloned()
    }

    /// Keeps a value.
    pub fn insert(&self, key: K, value: V) {
        self.update(key, |_| Some(value));
    }

    /// Keeps what is made of what is there; `None` leaves that.
    pub fn update(&self, key: K, make: impl FnOnce(Option<&V>) -> Option<V>) {
        let mut shard = self.shard(&key);
        if let Some(value) = make(shard.peek(&key)) {
            self.put(&mut shard, key, value);
        }
    }

    fn put(&self, shard: &mut LruCache<K, V>, key: K, value: V) {
        shard.put(key, value);
        if shard.len() > self.limit {
            shard.pop_lru();
        }
    }

    /// Forgets a key, and says what was kept for it.
    pub fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.shard(key).pop(key)
    }

    /// Forgets everything.
    pub fn clear(&self) {
        for shard in &self.shards {
            shard.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }
}

/// A bounded map that forgets an entry some time after it was put in.
pub struct Expiring<K, V> {
    entries: Bounded<K, (Instant, V)>,
    live: Duration,
}

impl<K: Hash + Eq, V: Clone> Expiring<K, V> {
    /// A map of about that many entries, each for that long.
    pub fn new(entries: usize, live: Duration) -> Expiring<K, V> {
        Expiring {
            entries: Bounded::new(entries),
            live,
        }
    }

    /// What is kept for a key.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let (since, value) = self.entries.get(key)?;
        (since.elapsed() < self.live).then_some(value)
    }

    /// Whether there is something for a key.
    pub fn contains<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.get(key).is_some()
    }

    /// Keeps a value from now on.
    pub fn insert(&self, key: K, value: V) {
        self.entries.insert(key, (Instant::now(), value));
    }

    /// What is kept for a key, or what is then made for it; either from now on.
    pub fn get_or_insert(&self, key: K, make: impl FnOnce() -> V) -> V {
        let now = Instant::now();
        let mut shard = self.entries.shard(&key);
        let value = match shard.peek(&key) {
            Some((since, value)) if now.duration_since(*since) < self.live => value.clone(),
            _ => make(),
        };
        self.entries.put(&mut shard, key, (now, value.clone()));
        value
    }

    /// Forgets a key, and says what was kept for it.
    pub fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let (since, value) = self.entries.remove(key)?;
        (since.elapsed() < self.live).then_some(value)
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_least_recently_goes() {
        let map = Bounded::new(3);
        for n in 0..3 {
            map.insert(n, n);
        }
        assert_eq!(map.get(&0), Some(0));
        map.insert(3, 3);
        assert_eq!((map.get(&1), map.get(&0)), (None, Some(0)));
        map.update(0, |old| old.map(|n| n + 10));
        map.update(9, |_| None);
        assert_eq!((map.get(&0), map.get(&9)), (Some(10), None));
        assert_eq!((map.remove(&0), map.get(&0)), (Some(10), None));
    }

    #[test]
    fn a_large_one_holds_its_number_or_a_little_more() {
        let map = Bounded::new(1000);
        for n in 0..100_000 {
            map.insert(n, ());
        }
        let held = (0..100_000).filter(|n| map.get(n).is_some()).count();
        assert!((1000..1000 + SHARDS).contains(&held), "{held}");
        map.clear();
        assert_eq!(map.get(&99_999), None);
    }

    #[test]
    fn entries_expire() {
        let map = Expiring::new(10, Duration::from_secs(60));
        map.insert("a", 1);
        assert_eq!((map.get_or_insert("a", || 2), map.get("a")), (1, Some(1)));
        assert_eq!((map.remove("a"), map.contains("a")), (Some(1), false));
        assert_eq!(map.get_or_insert("b", || 3), 3);
        let map = Expiring::new(10, Duration::ZERO);
        map.insert("a", 1);
        assert_eq!((map.get("a"), map.remove("a")), (None, None));
        assert_eq!(map.get_or_insert("a", || 2), 2);
    }
}
