//! Ids: 64-bit integers that sort by time, milliseconds since the epoch above 16 low bits.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::clock::Clock;

const LOW_BITS: u32 = 16;
/// Of the low bits, these tell processes apart.
const NODE_BITS: u32 = 6;

/// Gives out ids. Those of one process never repeat; two processes clash only when they drew
/// the same six bits and make an id in the same millisecond, which the primary key catches.
#[derive(Debug, Clone)]
pub struct Ids {
    clock: Clock,
    node: i64,
    last: Arc<AtomicI64>,
}

impl Ids {
    /// `node` is drawn at random at start.
    pub fn new(clock: Clock, node: u8) -> Ids {
        Ids {
            clock,
            node: i64::from(node) & ((1 << NODE_BITS) - 1),
            last: Arc::new(AtomicI64::new(0)),
        }
    }

    /// An id for something made now, larger than any this process gave out before.
    pub fn next(&self) -> i64 {
        let now = self.clock.now_ms() << (LOW_BITS - NODE_BITS);
        let step = |last: i64| Some(now.max(last + 1));
        let last = self
            .last
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, step)
            .unwrap_or(now);
        (now.max(last + 1) << NODE_BITS) | self.node
    }

    /// An id for a remote object, from when it was published (clamped to now) and its URI,
    /// so that it sorts where it belongs and comes out the same everywhere. Many servers
    /// publish whole seconds: those are spread over the second.
    pub fn for_remote(&self, published_ms: i64, uri: &str) -> i64 {
        let now = self.clock.now_ms();
        let hash = fnv(uri.as_bytes());
        let mut time = published_ms.clamp(1, now);
        if time % 1000 == 0 {
            time = (time + i64::from((hash >> 32) as u16 % 1000)).min(now);
        }
        (time << LOW_BITS) | (hash as i64 & 0xffff)
    }

    /// The id of an object of a moment that is told exactly: the same wherever it is worked out.
    pub fn at(ms: i64, uri: &str) -> i64 {
        (ms.max(1) << LOW_BITS) | (fnv(uri.as_bytes()) as i64 & 0xffff)
    }

    /// The first id of a moment, for queries by time.
    pub fn floor(ms: i64) -> i64 {
        ms.max(0) << LOW_BITS
    }

    /// The moment of an id, in milliseconds since the epoch.
    pub fn time_of(id: i64) -> i64 {
        id >> LOW_BITS
    }
}

/// FNV-1a, 64 bits: spreads, promises nothing against an adversary, and needs not to.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_and_carry_their_time() {
        let ids = Ids::new(Clock::System, 5);
        let before = Clock::System.now_ms();
        let mut last = 0;
        for _ in 0..5000 {
            let id = ids.next();
            assert!(id > last);
            last = id;
        }
        assert!(Ids::time_of(last) >= before);
        assert!(Ids::time_of(last) <= before + 1000);
    }

    #[test]
    fn remote_ids_sort_by_publication_and_never_lie_in_the_future() {
        let ids = Ids::new(Clock::System, 5);
        let now = Clock::System.now_ms();
        let old = ids.for_remote(1_600_000_000_123, "https://a.example/1");
        assert_eq!(Ids::time_of(old), 1_600_000_000_123);
        assert_eq!(
            old,
            ids.for_remote(1_600_000_000_123, "https://a.example/1")
        );
        assert!(Ids::time_of(ids.for_remote(now + 1_000_000, "x")) <= Clock::System.now_ms());
        assert!(ids.for_remote(-5, "x") > 0);
        let same: std::collections::HashSet<i64> = (0..1000)
            .map(|n| ids.for_remote(1_600_000_000_000, &format!("https://a.example/{n}")))
            .collect();
        assert_eq!(same.len(), 1000);
    }
}
