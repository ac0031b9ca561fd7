//! How often a thing may be done: per address, per account, per what is guessed at.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::clock::{HOUR, MINUTE};
use crate::error::{AppError, AppResult};

/// Keys kept at most; beyond it the ones that have recovered are dropped, then all.
const MOST_KEYS: usize = 50_000;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Deed {
    /// Registering an account.
    Register,
    /// Giving a password.
    SignIn,
    /// Giving a code, or asking for one.
    Code,
    /// Changing a password.
    Password,
    /// Registering an app.
    App,
    /// Asking for a token.
    Token,
    /// Calling the API.
    Call,
    /// Uploading a file.
    Upload,
    /// Asking somebody to be a friend.
    FriendRequest,
    /// Having a page look something up elsewhere.
    LookUp,
    /// Carrying one's things elsewhere, or in.
    Export,
}

impl Deed {
    /// How many in a row, and within how many milliseconds they are forgiven.
    fn allowance(self) -> (i64, i64) {
        match self {
            Deed::Register => (10, HOUR),
            Deed::SignIn => (20, 10 * MINUTE),
            Deed::Code => (20, 10 * MINUTE),
            Deed::Password => (10, 10 * MINUTE),
            Deed::App => (60, 10 * MINUTE),
            Deed::Token => (120, 10 * MINUTE),
            Deed::Call => (300, 5 * MINUTE),
            Deed::Upload => (30, 30 * MINUTE),
            Deed::FriendRequest => (60, HOUR),
            Deed::LookUp => (60, 10 * MINUTE),
            Deed::Export => (30, 10 * MINUTE),
        }
    }
}

/// Who does it: an address (an IPv6 network of 64 bits is one), an account, a login name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Who {
    Address(IpAddr),
    Account(i64),
    /// An access token, by its id.
    Token(i64),
    Name(String),
}

impl Who {
    /// The one behind an address: whoever has an IPv6 address has 2^64 of them.
    pub fn address(address: IpAddr) -> Who {
        Who::Address(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
            v4 => v4,
        })
    }

    /// A name or e-mail address that someone tries to sign in with.
    pub fn name(name: &str) -> Who {
        Who::Name(name.trim().to_lowercase())
    }
}

/// How a doer stands after a deed was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How many in a row.
    pub limit: i64,
    /// How many are left now.
    pub remaining: i64,
    /// When all are forgiven, in milliseconds since the epoch.
    pub reset_at: i64,
    /// It was one too many: seconds to wait.
    pub wait: Option<u64>,
}

/// Counters of a process: a leaky bucket for each deed and doer.
#[derive(Debug, Default)]
pub struct Limits {
    /// When a doer's bucket will be empty again, in milliseconds since the epoch.
    empty_at: Mutex<HashMap<(Deed, Who), i64>>,
    off: AtomicBool,
}

impl Limits {
    /// `on` as `KITH_RATE_LIMIT` says.
    pub fn new(on: bool) -> Limits {
        Limits {
            empty_at: Mutex::default(),
            off: AtomicBool::new(!on),
        }
    }

    /// Whether anything is limited.
    pub fn on(&self) -> bool {
        !self.off.load(Ordering::Relaxed)
    }

    /// Limits from now on, or no more.
    pub fn set(&self, on: bool) {
        self.off.store(!on, Ordering::Relaxed);
    }

    /// Counts a deed; 429 when it is one too many.
    pub fn count(&self, deed: Deed, who: Who, now: i64) -> AppResult<()> {
        match self.take(deed, who, now).and_then(|standing| standing.wait) {
            Some(seconds) => Err(AppError::too_many(seconds)),
            None => Ok(()),
        }
    }

    /// Counts a deed, and says how the doer stands; `None` where nothing is limited.
    pub fn take(&self, deed: Deed, who: Who, now: i64) -> Option<Standing> {
        if !self.on() {
            return None;
        }
        let (number, period) = deed.allowance();
        let each = period / number;
        let mut buckets = self.empty_at.lock().ok()?;
        if buckets.len() >= MOST_KEYS {
            buckets.retain(|_, empty_at| *empty_at > now);
            if buckets.len() >= MOST_KEYS {
                buckets.clear();
            }
        }
        let empty_at = buckets.entry((deed, who)).or_insert(now);
        let next = (*empty_at).max(now) + each;
        let over = next - now - period;
        let wait = (over > 0).then(|| ((over + 999) / 1000).unsigned_abs().max(1));
        if wait.is_none() {
            *empty_at = next;
        }
        Some(Standing {
            limit: number,
            remaining: ((now + period - *empty_at) / each).max(0),
            reset_at: *empty_at,
            wait,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_at_a_time() {
        let limits = Limits::new(true);
        let who = || Who::address("192.0.2.1".parse().unwrap());
        for _ in 0..10 {
            limits.count(Deed::Register, who(), 1000).unwrap();
        }
        let refused = limits.count(Deed::Register, who(), 1000).unwrap_err();
        assert_eq!(refused.status, http::StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.retry_after, Some(360));
        limits.count(Deed::SignIn, who(), 1000).unwrap();
        limits.count(Deed::Register, Who::Account(1), 1000).unwrap();
        limits
            .count(Deed::Register, who(), 1000 + HOUR / 10)
            .unwrap();
        assert!(
            limits
                .count(Deed::Register, who(), 1000 + HOUR / 10)
                .is_err()
        );
    }

    #[test]
    fn a_standing_counts_down_and_recovers() {
        let limits = Limits::new(true);
        let take = |now| limits.take(Deed::Upload, Who::Token(1), now).unwrap();
        let first = take(0);
        assert_eq!((first.limit, first.remaining, first.wait), (30, 29, None));
        assert_eq!(first.reset_at, MINUTE);
        for _ in 1..30 {
            assert_eq!(take(0).wait, None);
        }
        let last = take(0);
        assert_eq!((last.remaining, last.wait), (0, Some(60)));
        assert_eq!(take(30 * MINUTE).remaining, 29);
    }

    #[test]
    fn a_network_of_ipv6_is_one() {
        let limits = Limits::new(true);
        let counted = (0..20u128).try_for_each(|n| {
            let address = IpAddr::V6((0x2001_0db8_u128 << 96 | n).into());
            limits.count(Deed::Register, Who::address(address), 0)
        });
        assert!(counted.is_err());
        let off = Limits::new(false);
        for n in 0..50 {
            off.count(Deed::Register, Who::Account(1), n).unwrap();
        }
    }
}
