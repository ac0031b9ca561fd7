//! The time, passed in so that tests can set it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Milliseconds in a second, minute, hour and day.
pub const SECOND: i64 = 1000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// Tells the time.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// The machine's clock shifted by some milliseconds, for tests that let days pass.
    Shifted(Arc<AtomicI64>),
}

impl Clock {
    /// Milliseconds since the epoch.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine"
    )]
    pub fn now_ms(&self) -> i64 {
        match self {
            Clock::System => jiff::Timestamp::now().as_millisecond(),
            Clock::Shifted(by) => {
                jiff::Timestamp::now().as_millisecond() + by.load(Ordering::Relaxed)
            }
        }
    }
}

/// `2026-11-21T07:11:00.000Z`, as the Mastodon API writes times; the epoch for what no calendar holds.
pub fn iso(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    format!("{time:.3}")
}

/// `2026-11-21T07:11:00Z`, as ActivityPub documents write times.
pub fn iso_seconds(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    format!("{time:.0}")
}

/// Milliseconds since the epoch of an ISO 8601 time with a zone.
pub fn parse_iso(text: &str) -> Option<i64> {
    text.trim()
        .parse::<jiff::Timestamp>()
        .ok()
        .map(jiff::Timestamp::as_millisecond)
}
