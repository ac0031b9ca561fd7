//! What one root activity, page or preview may cost in fetches (threats S6 and S7).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The limits of a [`Budget`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests, each redirect counted.
    pub requests: u64,
    /// Bytes of bodies, after decompression.
    pub bytes: u64,
    /// How often a fetched document may lead to further fetches.
    pub depth: u32,
    /// From the making of the budget to the end of its last fetch.
    pub time: Duration,
}

/// The limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    /// [`Limits::requests`].
    #[error("requests")]
    Requests,
    /// [`Limits::bytes`].
    #[error("bytes")]
    Bytes,
    /// [`Limits::depth`].
    #[error("depth")]
    Depth,
    /// [`Limits::time`].
    #[error("time")]
    Time,
}

/// A share in one allowance. Clones and [`Budget::deeper`] draw from the same.
#[derive(Debug, Clone)]
pub struct Budget {
    left: Arc<Left>,
    depth: u32,
    deadline: Instant,
}

#[derive(Debug)]
struct Left {
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Budget {
    /// A fresh allowance, whose time runs from now.
    pub fn new(limits: Limits) -> Self {
        let now = Instant::now();
        Self {
            left: Arc::new(Left {
                requests: AtomicU64::new(limits.requests),
                bytes: AtomicU64::new(limits.bytes),
            }),
            depth: limits.depth,
            // A time too long to be represented is as good as thirty years.
            deadline: now
                .checked_add(limits.time)
                .unwrap_or(now + Duration::from_secs(1_000_000_000)),
        }
    }

    /// For fetching what a fetched document refers to: one level less is left.
    pub fn deeper(&self) -> Result<Self, Exceeded> {
        let depth = self.depth.checked_sub(1).ok_or(Exceeded::Depth)?;
        Ok(Self {
            depth,
            ..self.clone()
        })
    }

    /// When the time is up.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Requests left.
    pub fn requests_left(&self) -> u64 {
        self.left.requests.load(Ordering::Relaxed)
    }

    /// Bytes left.
    pub fn bytes_left(&self) -> u64 {
        self.left.bytes.load(Ordering::Relaxed)
    }

    /// Takes one request.
    pub fn take_request(&self) -> Result<(), Exceeded> {
        if Instant::now() >= self.deadline {
            return Err(Exceeded::Time);
        }
        take(&self.left.requests, 1, Exceeded::Requests)
    }

    /// Takes bytes that have arrived.
    pub fn take_bytes(&self, bytes: u64) -> Result<(), Exceeded> {
        take(&self.left.bytes, bytes, Exceeded::Bytes)
    }
}

fn take(left: &AtomicU64, amount: u64, exceeded: Exceeded) -> Result<(), Exceeded> {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |l| {
        l.checked_sub(amount)
    })
    .map(drop)
    .map_err(|_| exceeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        requests: 2,
        bytes: 10,
        depth: 1,
        time: Duration::from_secs(60),
    };

    #[test]
    fn all_shares_draw_from_one_allowance() {
        let budget = Budget::new(LIMITS);
        let child = budget.deeper().unwrap();
        assert_eq!(child.deeper().unwrap_err(), Exceeded::Depth);
        child.take_request().unwrap();
        budget.clone().take_request().unwrap();
        assert_eq!(budget.take_request(), Err(Exceeded::Requests));
        child.take_bytes(8).unwrap();
        assert_eq!(budget.take_bytes(3), Err(Exceeded::Bytes));
        budget.take_bytes(2).unwrap();
        assert_eq!((budget.bytes_left(), budget.requests_left()), (0, 0));
        let late = Budget::new(Limits {
            time: Duration::ZERO,
            ..LIMITS
        });
        assert_eq!(late.take_request(), Err(Exceeded::Time));
        assert_eq!(late.requests_left(), 2);
        let _ = Budget::new(Limits {
            time: Duration::MAX,
            ..LIMITS
        });
    }
}
