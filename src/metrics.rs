//! What the server counts of itself, in OpenMetrics' text format for Prometheus and its like.
//!
//! Names follow Prometheus' conventions: `kith_` first, units at the end, seconds and bytes. No label
//! holds what comes from outside, so that nobody can make the list long.

use std::sync::atomic::Ordering;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

/// The media type of what [`Metrics::text`] gives.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "a label's value is the variant's name")]
pub enum Surface {
    /// The Mastodon client API.
    api,
    /// Kith's own.
    kith,
    oauth,
    /// Streams, which stay open.
    streaming,
    /// What other servers deliver.
    inbox,
    /// What other servers read.
    federation,
    media,
    pages,
}

impl Surface {
    /// By a path.
    pub fn of(path: &str) -> Surface {
        let begins = |starts: &[&str]| starts.iter().any(|start| path.starts_with(start));
        if begins(&["/api/v1/streaming", "/socket.io"]) {
            Surface::streaming
        } else if begins(&["/api/kith/"]) {
            Surface::kith
        } else if begins(&["/api/"]) {
            Surface::api
        } else if begins(&["/oauth/"]) {
            Surface::oauth
        } else if path.ends_with("/inbox") {
            Surface::inbox
        } else if begins(&["/users/", "/.well-known/", "/nodeinfo/", "/actor"]) {
            Surface::federation
        } else if begins(&["/media/", "/proxy/"]) {
            Surface::media
        } else {
            Surface::pages
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    surface: Surface,
    /// The first digit stands for all that begin with it: `2xx`.
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct On {
    surface: Surface,
}

/// What became of a thing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Became {
    outcome: &'static str,
}

/// Where something waits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Queue {
    queue: &'static str,
}

/// What is only looked up when somebody asks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Looked {
    /// Statements that the database ran for this process.
    pub statements: u64,
    /// Open streams of this process.
    pub streams: usize,
    /// For each queue: its name, how much waits (up to where counting ends), and for how many
    /// seconds what has waited longest has been due.
    pub queues: [(&'static str, i64, f64); 3],
    /// Activities that were set aside, and jobs that were given up.
    pub set_aside: i64,
    pub failed_jobs: i64,
    /// Local accounts, and statuses by them.
    pub users: i64,
    pub statuses: i64,
    /// Spans that the collector of traces took, and that nobody got; `None` where there is no collector.
    pub spans: Option<(u64, u64)>,
}

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    request_seconds: Family<On, Histogram, fn() -> Histogram>,
    activities: Family<Became, Counter>,
    deliveries: Family<Became, Counter>,
    jobs: Family<Became, Counter>,
    spans: Family<Became, Counter>,
    waiting: Family<Queue, Gauge>,
    oldest: Family<Queue, Gauge<f64, std::sync::atomic::AtomicU64>>,
    failed: Family<Queue, Gauge>,
    streams: Gauge,
    statements: Gauge,
    users: Gauge,
    statuses: Gauge,
    memory: Gauge,
    files: Gauge,
    cpu: Gauge<f64, std::sync::atomic::AtomicU64>,
}

fn times() -> Histogram {
    Histogram::new([
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
    ])
}

impl Default for Metrics {
    fn default() -> Metrics {
        let mut registry = Registry::default();
        let kith = registry.sub_registry_with_prefix("kith");
        let requests = Family::default();
        kith.register(
            "http_requests",
            "Requests that were answered",
            Family::clone(&requests),
        );
        let request_seconds: Family<On, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(times);
        kith.register_with_unit(
            "http_request_duration",
            "Time until an answer began",
            Unit::Seconds,
            request_seconds.clone(),
        );
        let mut became = |name: &str, help: &str| {
            let family = Family::<Became, Counter>::default();
            kith.register(name, help, family.clone());
            family
        };
        let activities = became(
            "inbox_activities",
            "Received activities, by what became of them",
        );
        let deliveries = became(
            "delivery_attempts",
            "Attempts to deliver, by how they ended",
        );
        let jobs = became("jobs", "Jobs that were run, by how they ended");
        let spans = became("trace_spans", "Spans of traces, by what became of them");
        let waiting = Family::default();
        kith.register(
            "queue_waiting",
            "What waits, up to 10000",
            Family::clone(&waiting),
        );
        let oldest = Family::default();
        kith.register_with_unit(
            "queue_oldest",
            "How long what waits longest has been due",
            Unit::Seconds,
            Family::clone(&oldest),
        );
        let failed = Family::default();
        kith.register(
            "queue_failed",
            "What was given up and can be tried again by hand, up to 10000",
            Family::clone(&failed),
        );
        let mut gauge = |name: &str, help: &str| {
            let gauge = Gauge::default();
            kith.register(name, help, gauge.clone());
            gauge
        };
        let streams = gauge("streams_open", "Open streams of clients");
        let statements = gauge(
            "database_statements",
            "Statements run since the process started",
        );
        let users = gauge("users", "Local accounts");
        let statuses = gauge("statuses", "Statuses of local accounts");
        kith.register(
            "build",
            "What runs",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        let process = registry.sub_registry_with_prefix("process");
        let (memory, files, cpu) = (Gauge::default(), Gauge::default(), Gauge::default());
        process.register_with_unit(
            "resident_memory",
            "Memory in use",
            Unit::Bytes,
            Gauge::clone(&memory),
        );
        process.register("open_fds", "Open files and sockets", Gauge::clone(&files));
        process.register_with_unit(
            "cpu",
            "Time spent on all cores",
            Unit::Seconds,
            Gauge::clone(&cpu),
        );
        Metrics {
            registry,
            requests,
            request_seconds,
            activities,
            deliveries,
            jobs,
            spans,
            waiting,
            oldest,
            failed,
            streams,
            statements,
            users,
            statuses,
            memory,
            files,
            cpu,
        }
    }
}

impl Metrics {
    /// A request was answered.
    pub fn answered(&self, surface: Surface, status: u16, took: Duration) {
        let status = match status {
            ..200 => "1xx",
            200..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            500.. => "5xx",
        };
        self.requests
            .get_or_create(&Answered { surface, status })
            .inc();
        self.request_seconds
            .get_or_create(&On { surface })
            .observe(took.as_secs_f64());
    }

    /// A received activity was worked on: `applied`, `nothing`, `retried` or `set_aside`.
    pub fn activity(&self, outcome: &'static str) {
        self.activities.get_or_create(&Became { outcome }).inc();
    }

    /// A delivery was attempted: `delivered`, `retried` or `given_up`.
    pub fn delivery(&self, outcome: &'static str) {
        self.deliveries.get_or_create(&Became { outcome }).inc();
    }

    /// A job was run: `done`, `retried` or `given_up`.
    pub fn job(&self, outcome: &'static str) {
        self.jobs.get_or_create(&Became { outcome }).inc();
    }

    /// All of it, with what was looked up for it.
    pub fn text(&self, looked: &Looked) -> String {
        for (queue, waiting, oldest) in looked.queues {
            let queue = Queue { queue };
            self.waiting.get_or_create(&queue).set(waiting);
            self.oldest.get_or_create(&queue).set(oldest);
        }
        for (queue, failed) in [("inbox", looked.set_aside), ("jobs", looked.failed_jobs)] {
            self.failed.get_or_create(&Queue { queue }).set(failed);
        }
        if let Some((sent, dropped)) = looked.spans {
            for (outcome, number) in [("sent", sent), ("dropped", dropped)] {
                let counter = self.spans.get_or_create(&Became { outcome });
                counter.inner().store(number, Ordering::Relaxed);
            }
        }
        let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        self.streams.set(number(looked.streams));
        self.statements
            .set(i64::try_from(looked.statements).unwrap_or(i64::MAX));
        self.users.set(looked.users);
        self.statuses.set(looked.statuses);
        if let Some(process) = process() {
            self.memory.set(process.memory);
            self.files.set(process.files);
            self.cpu.set(process.cpu);
        }
        let mut text = String::new();
        // Writing into a String does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

struct Process {
    /// Bytes.
    memory: i64,
    files: i64,
    /// Seconds.
    cpu: f64,
}

/// What Linux says of this process; elsewhere nothing.
fn process() -> Option<Process> {
    // Both have been so on every architecture for long.
    const PAGE: i64 = 4096;
    const TICKS: f64 = 100.0;
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in the second field may hold anything, but ends with the last parenthesis.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field)?.parse::<f64>().ok();
    Some(Process {
        memory: pages.split_whitespace().nth(1)?.parse::<i64>().ok()? * PAGE,
        files: i64::try_from(std::fs::read_dir("/proc/self/fd").ok()?.count()).ok()?,
        cpu: (ticks(11)? + ticks(12)?) / TICKS,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_path_is_for() {
        for (path, surface) in [
            ("/api/v1/timelines/home", Surface::api),
            ("/api/v1/streaming/user", Surface::streaming),
            ("/api/kith/v1/chats", Surface::kith),
            ("/oauth/token", Surface::oauth),
            ("/inbox", Surface::inbox),
            ("/users/alice/inbox", Surface::inbox),
            ("/users/alice", Surface::federation),
            ("/media/a.png", Surface::media),
            ("/@alice", Surface::pages),
        ] {
            assert_eq!(Surface::of(path), surface, "{path}");
        }
    }

    #[test]
    fn what_was_counted_is_told() {
        let metrics = Metrics::default();
        metrics.answered(Surface::api, 200, Duration::from_millis(3));
        metrics.answered(Surface::api, 503, Duration::from_millis(3));
        metrics.delivery("delivered");
        let looked = Looked {
            queues: [("inbox", 2, 1.5), ("deliveries", 0, 0.0), ("jobs", 0, 0.0)],
            spans: Some((5, 1)),
            ..Looked::default()
        };
        let text = metrics.text(&looked);
        for line in [
            "kith_http_requests_total{surface=\"api\",status=\"2xx\"} 1",
            "kith_http_request_duration_seconds_bucket{le=\"0.005\",surface=\"api\"} 2",
            "kith_delivery_attempts_total{outcome=\"delivered\"} 1",
            "kith_queue_waiting{queue=\"inbox\"} 2",
            "kith_queue_oldest_seconds{queue=\"inbox\"} 1.5",
            "kith_trace_spans_total{outcome=\"sent\"} 5",
            "kith_trace_spans_total{outcome=\"dropped\"} 1",
            "# EOF",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(text.contains("process_resident_memory_bytes"), "{text}");
    }
}
