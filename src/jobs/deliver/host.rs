//! One host that is delivered to: how much it gets at a time, and whether it is let be.

use std::collections::{HashSet, VecDeque};

use super::prepare::Job;
use crate::clock::{HOUR, MINUTE};
use crate::db::hosts;
use crate::federation::signature::Scheme;

/// Requests to one host at a time, at most.
const WIDEST: usize = 40;
/// Deliveries to one host in memory from which on no more are leased.
const DEEPEST: usize = 400;
/// Requests to a host that has not answered yet. Each success allows one more, so that the
/// number doubles with every round trip.
const FIRST: usize = 4;
/// Failures in a row that open the circuit.
const TRIP: i64 = 5;
/// The first pause of an open circuit; each failed probe doubles it.
const PAUSE: i64 = MINUTE;
/// The longest pause.
const LONGEST_PAUSE: i64 = HOUR;
/// How long a host may ask us to stay away.
const LONGEST_WISH: i64 = 6 * HOUR;

/// A host's deliveries in hand, and its health.
#[derive(Debug)]
pub struct Host {
    /// Leased, not sent yet.
    pub queue: VecDeque<Job>,
    /// On their way.
    pub in_flight: usize,
    /// The lanes of those: what one actor sends to one inbox arrives in the order in which it
    /// was done, an Undo after what it undoes.
    busy: HashSet<u64>,
    /// A lease is being taken.
    pub leasing: bool,
    /// The database may hold more that is due.
    pub due: bool,
    /// Stands in the deliverer's line of hosts to send to.
    pub in_ready: bool,
    /// Stands in the deliverer's line of hosts to lease for.
    pub in_hungry: bool,
    /// The signature that worked.
    pub scheme: Option<Scheme>,
    /// Until when both kinds of signature are known to be refused.
    pub refuses_both_until: i64,
    window: usize,
    failures: i64,
    failing_since: Option<i64>,
    /// While the circuit is open, or the host asked for it.
    retry_at: Option<i64>,
    last_success_at: Option<i64>,
    last_error: String,
}

impl Host {
    /// A host as the database knows it.
    pub fn new(known: Option<hosts::Host>) -> Host {
        let known = known.unwrap_or_default();
        let healthy = known.failures == 0 && known.last_success_at.is_some();
        Host {
            queue: VecDeque::new(),
            in_flight: 0,
            busy: HashSet::new(),
            leasing: false,
            due: false,
            in_ready: false,
            in_hungry: false,
            scheme: match known.signature.as_str() {
                "cavage" => Some(Scheme::Cavage),
                "rfc9421" => Some(Scheme::Rfc9421),
                _ => None,
            },
            refuses_both_until: 0,
            window: if healthy { 2 * FIRST } else { FIRST },
            failures: known.failures,
            failing_since: known.failing_since,
            retry_at: known.retry_at,
            last_success_at: known.last_success_at,
            last_error: known.last_error,
        }
    }

    /// Whether it has answered well since it was last in trouble.
    pub fn is_proven(&self) -> bool {
        self.failures == 0 && self.window > FIRST
    }

    /// Whether its deliveries wait as a whole.
    pub fn is_paused(&self, now: i64) -> bool {
        self.retry_at.is_some_and(|at| at > now)
    }

    /// Whether the circuit is open: it gets a probe now and then.
    pub fn is_shut(&self) -> bool {
        self.failures >= TRIP
    }

    fn width(&self) -> usize {
        // One probe decides whether an open circuit closes.
        if self.is_shut() { 1 } else { self.window }
    }

    /// How many requests may be started now.
    pub fn room(&self, now: i64) -> usize {
        if self.is_paused(now) {
            return 0;
        }
        self.width().saturating_sub(self.in_flight)
    }

    /// Whether something can be sent now.
    pub fn is_ready(&self, now: i64) -> bool {
        self.room(now) > 0 && self.first().is_some()
    }

    /// The place of the first in the queue whose lane is free.
    fn first(&self) -> Option<usize> {
        self.queue
            .iter()
            .position(|job| !self.busy.contains(&job.lane))
    }

    /// Takes the next to be sent, or thrown away, from the queue.
    pub fn next(&mut self) -> Option<Job> {
        self.queue.remove(self.first()?)
    }

    /// A job of a lane goes out.
    pub fn started(&mut self, lane: u64) {
        self.in_flight += 1;
        self.busy.insert(lane);
    }

    /// It ended.
    pub fn ended(&mut self, lane: u64) {
        self.in_flight -= 1;
        self.busy.remove(&lane);
    }

    /// How many more deliveries to lease: enough to keep it busy for a while, once half of
    /// that is used up. What waits for its lane does not count, so that one actor's many do not
    /// hold up everyone else's.
    pub fn wants(&self, now: i64) -> usize {
        if !self.due || self.leasing || self.is_paused(now) || self.queue.len() >= DEEPEST {
            return 0;
        }
        let width = self.width();
        let free = self.free_lanes(width);
        if free > width / 2 {
            return 0;
        }
        let ahead = if width == 1 { 1 } else { 2 * width };
        ahead.saturating_sub(free + self.in_flight)
    }

    /// Free lanes that something waits in, counted up to a number.
    fn free_lanes(&self, most: usize) -> usize {
        let mut lanes = HashSet::new();
        for job in &self.queue {
            if !self.busy.contains(&job.lane) && lanes.insert(job.lane) && lanes.len() == most {
                break;
            }
        }
        lanes.len()
    }

    /// Nothing of it is in hand and nothing about it is worth remembering.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty()
            && self.in_flight == 0
            && !self.leasing
            && !self.due
            && self.failures == 0
            && self.retry_at.is_none()
    }

    /// It answered. True when it had been in trouble, or this is its first success: worth
    /// writing down.
    pub fn answered(&mut self, now: i64) -> bool {
        self.window = (self.window + 1).min(WIDEST);
        let news = self.is_shut() || self.last_success_at.is_none();
        self.failures = 0;
        self.failing_since = None;
        self.retry_at = None;
        self.last_success_at = Some(now);
        if news {
            self.last_error.clear();
        }
        news
    }

    /// It did not answer, or not as a working server does. `jitter` is from 0 to 1. True when
    /// the circuit opened (again): worth writing down.
    pub fn failed(&mut self, now: i64, jitter: f64, error: &str) -> bool {
        self.window = (self.window / 2).max(1);
        if self.is_paused(now) && self.is_shut() {
            // Sent before the circuit opened.
            return false;
        }
        self.failures += 1;
        self.failing_since.get_or_insert(now);
        error.clone_into(&mut self.last_error);
        if self.failures < TRIP {
            return false;
        }
        let doublings = (self.failures - TRIP).min(16) as u32;
        let pause = PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
        self.retry_at = Some(now + jittered(pause, jitter));
        true
    }

    /// It asked to be let be for some milliseconds.
    pub fn pause(&mut self, now: i64, wish: i64) {
        let until = now + wish.clamp(0, LONGEST_WISH);
        self.retry_at = Some(self.retry_at.map_or(until, |at| at.max(until)));
    }

    /// As the database is to remember it.
    pub fn row(&self, host: &str) -> hosts::Host {
        hosts::Host {
            host: host.to_owned(),
            signature: match self.scheme {
                None => "",
                Some(Scheme::Cavage) => "cavage",
                Some(Scheme::Rfc9421) => "rfc9421",
            }
            .to_owned(),
            failures: self.failures,
            failing_since: self.failing_since,
            retry_at: self.retry_at,
            last_success_at: self.last_success_at,
            last_error: self.last_error.clone(),
        }
    }
}

/// A time span stretched or shrunk by up to 15 %, so that what failed together is not tried
/// again together.
pub fn jittered(span: i64, jitter: f64) -> i64 {
    (span as f64 * (0.85 + 0.3 * jitter)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> Host {
        let mut host = Host::new(None);
        host.due = true;
        host
    }

    #[test]
    fn the_window_doubles_with_every_round_trip_up_to_its_limit() {
        let mut host = fresh();
        assert!(!host.is_proven());
        let mut rounds = Vec::new();
        for _ in 0..5 {
            let room = host.room(0);
            rounds.push(room);
            for _ in 0..room {
                host.answered(0);
            }
        }
        assert_eq!(rounds, [4, 8, 16, 32, 40]);
        assert!(host.is_proven());
        assert_eq!(host.wants(0), 80);
    }

    #[test]
    fn the_circuit_opens_probes_once_and_closes_on_success() {
        let mut host = fresh();
        let opened: Vec<bool> = (0..5).map(|_| host.failed(1000, 0.5, "no")).collect();
        assert_eq!(opened, [false, false, false, false, true]);
        assert_eq!((host.room(1000), host.wants(1000)), (0, 0));
        assert!(!host.failed(1000, 0.5, "sent before"), "counts no more");
        let retry = host.row("h").retry_at.unwrap();
        assert_eq!(retry, 1000 + PAUSE);
        assert_eq!((host.room(retry), host.wants(retry)), (1, 1));
        host.in_flight = 1;
        assert_eq!((host.room(retry), host.wants(retry)), (0, 0), "one probe");
        assert!(host.failed(retry, 0.5, "still no"));
        host.in_flight = 0;
        let again = host.row("h").retry_at.unwrap();
        assert_eq!(again - retry, 2 * PAUSE);
        assert_eq!(host.row("h").failing_since, Some(1000));
        assert!(host.answered(again));
        assert!(host.room(again) >= 1 && !host.is_paused(again));
        assert_eq!(host.row("h").failures, 0);
    }

    #[test]
    fn pauses_grow_to_an_hour_and_wishes_are_bounded() {
        let mut host = fresh();
        let mut now = 0;
        for _ in 0..40 {
            host.failed(now, 1.0, "no");
            now = host.row("h").retry_at.unwrap_or(now);
        }
        assert!(host.row("h").retry_at.unwrap() - now <= jittered(LONGEST_PAUSE, 1.0));
        let mut host = fresh();
        host.pause(0, i64::MAX / 2);
        assert!(host.is_paused(LONGEST_WISH - 1) && !host.is_paused(LONGEST_WISH));
    }

    #[test]
    fn what_the_database_knows_is_taken_up() {
        let mut host = fresh();
        host.scheme = Some(Scheme::Rfc9421);
        for _ in 0..5 {
            host.failed(5, 0.0, "down");
        }
        let row = host.row("peer.example");
        let back = Host::new(Some(row.clone()));
        assert_eq!(back.row("peer.example"), row);
        assert!(back.is_paused(5));
    }
}
