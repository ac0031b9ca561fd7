//! A bounded cache that cannot be made stale by a slow reader.

use std::borrow::Borrow;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Bounded;

/// Keeps up to a number of entries, the most recently used.
///
/// A reader takes a [`Ticket`] before it reads the database and hands it in with what it read:
/// had the entry been dropped meanwhile, what it read may be older than the change, and is not
/// kept.
pub struct Cache<K, V> {
    // The least recently used go: a dropped mark must stay at least as long as a read takes.
    entries: Bounded<K, Slot<V>>,
    /// Counts drops.
    sequence: AtomicU64,
    /// The drop that emptied the whole cache last.
    cleared: AtomicU64,
}

/// When a read began, in drops.
#[derive(Debug, Clone, Copy)]
pub struct Ticket(u64);

#[derive(Clone)]
struct Slot<V> {
    /// The drop that emptied it last: what is put after it stays behind it.
    dropped: u64,
    value: Option<V>,
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    /// A cache of about that many entries.
    pub fn new(entries: usize) -> Cache<K, V> {
        Cache {
            entries: Bounded::new(entries),
            sequence: AtomicU64::new(0),
            cleared: AtomicU64::new(0),
        }
    }

    /// What is kept for a key.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.entries.get(key)?.value
    }

    /// To be taken before reading what [`Cache::put`] will keep.
    pub fn ticket(&self) -> Ticket {
        Ticket(self.sequence.load(Ordering::SeqCst))
    }

    /// Keeps a value, unless the key was dropped after the ticket was taken.
    pub fn put(&self, ticket: Ticket, key: K, value: V) {
        if self.cleared.load(Ordering::SeqCst) > ticket.0 {
            return;
        }
        self.entries.update(key, |slot| {
            let dropped = slot.map_or(0, |slot| slot.dropped);
            (dropped <= ticket.0).then_some(Slot {
                dropped,
                value: Some(value),
            })
        });
    }

    /// Forgets a key.
    pub fn drop(&self, key: K) {
        let at = self.sequence.fetch_add(1, Ordering::SeqCst) + 1;
        // Of two drops at once the later counts, whichever gets here first.
        self.entries.update(key, |slot| {
            Some(Slot {
                dropped: slot.map_or(at, |slot| slot.dropped.max(at)),
                value: None,
            })
        });
    }

    /// Forgets everything.
    pub fn clear(&self) {
        let at = self.sequence.fetch_add(1, Ordering::SeqCst) + 1;
        self.cleared.fetch_max(at, Ordering::SeqCst);
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_reader_does_not_bring_back_what_was_dropped() {
        let cache = Cache::new(10);
        let slow = cache.ticket();
        cache.drop(1);
        cache.put(slow, 1, "old");
        assert_eq!(cache.get(&1), None);
        cache.put(cache.ticket(), 1, "new");
        assert_eq!(cache.get(&1), Some("new"));
        // Nor does it when a quicker one has read anew.
        let slow = cache.ticket();
        cache.drop(1);
        cache.put(cache.ticket(), 1, "newer");
        cache.put(slow, 1, "new");
        assert_eq!(cache.get(&1), Some("newer"));
        let slow = cache.ticket();
        cache.clear();
        cache.put(slow, 2, "old");
        assert_eq!(cache.get(&2), None);
        assert_eq!(cache.get(&1), None);
    }
}
