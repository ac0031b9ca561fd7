//! Traces: what a request, an activity, a delivery or a job took and what caused what, for a collector
//! that speaks OTLP (`KITH_OTLP_URL`).
//!
//! Spans are those of `tracing` with a target of their own, so that they are no part of the log, and
//! cost nothing while no [`Recorder`] is installed. What they say is for whoever runs the server: routes,
//! hosts, types, outcomes; no text, no address of a person, no query, no token.

mod export;
mod otlp;
mod place;
mod recorder;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use export::Traces;
pub use place::{current, of};
pub use recorder::Recorder;

/// A span for traces: a name, then fields as in `tracing`. Some fields are about the span itself:
/// `otel.name` names it more exactly, `otel.kind` is `server`, `client`, `producer` or `consumer`,
/// `otel.status_code` is `ERROR` where it failed, and `otel.parent` is the span it comes from, as a
/// traceparent, where that is not the one around it.
macro_rules! span {
    ($name:literal $(, $($fields:tt)*)?) => {
        tracing::trace_span!(target: "otlp", $name $(, $($fields)*)?)
    };
}
pub(crate) use span;

/// How many spans became what.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    inner: Arc<[AtomicU64; 2]>,
}

impl Counts {
    /// Those that the collector took, and those that nobody got.
    pub fn now(&self) -> (u64, u64) {
        let [sent, dropped] = &*self.inner;
        (
            sent.load(Ordering::Relaxed),
            dropped.load(Ordering::Relaxed),
        )
    }

    fn sent(&self, number: usize) {
        self.inner[0].fetch_add(number as u64, Ordering::Relaxed);
    }

    fn dropped(&self, number: usize) {
        self.inner[1].fetch_add(number as u64, Ordering::Relaxed);
    }
}
