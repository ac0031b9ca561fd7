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
    pub fn now_ms(&self) -> i64 {
        self.now_us().div_euclid(1000)
    }

    /// Microseconds since the epoch.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine"
    )]
    pub fn now_us(&self) -> i64 {
        let now = jiff::Timestamp::now().as_microsecond();
        match self {
            Clock::System => now,
            Clock::Shifted(by) => now + by.load(Ordering::Relaxed) * 1000,
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

/// The number of a day (since the epoch) written as `2026-11-21`; years 1970 to 9999.
pub fn parse_day(text: &str) -> Option<i64> {
    let shape = |(at, b): (usize, u8)| match at {
        4 | 7 => b == b'-',
        _ => b.is_ascii_digit(),
    };
    if text.len() != 10 || !text.bytes().enumerate().all(shape) {
        return None;
    }
    let ms = parse_iso(&format!("{text}T00:00:00Z"))?;
    (ms >= 0).then_some(ms.div_euclid(DAY))
}

/// The day of a number, as [`parse_day`] reads it.
pub fn day(number: i64) -> String {
    let mut text = iso_seconds(number.saturating_mul(DAY));
    text.truncate(10);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_and_written() {
        assert_eq!(parse_day("1970-01-02"), Some(1));
        assert_eq!(day(1), "1970-01-02");
        for text in ["2024-02-29", "2026-12-31", "9999-12-30"] {
            assert_eq!(parse_day(text).map(day).as_deref(), Some(text));
        }
        for text in [
            "",
            "2025-02-29",
            "2026-13-01",
            "2026-1-01",
            "26-01-01",
            "1969-12-31",
            "2026-01-01 ",
            "2026/01/01",
            "-026-01-01",
            "２026-01-0",
        ] {
            assert_eq!(parse_day(text), None, "{text:?}");
        }
    }
}
