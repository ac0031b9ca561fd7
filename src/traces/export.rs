//! Sends spans to the collector, many at a time.
//!
//! What the collector does not take is dropped and counted: it is never tried again, and nobody waits for
//! it. Its address is the operator's word, so that nothing guards it.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::CONTENT_TYPE;
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use url::Url;

use super::Counts;
use super::otlp::{self, Resource};
use super::recorder::{Ended, Recorder};
use crate::clock::Clock;
use crate::config::Config;
use crate::random::Random;

/// Spans that wait at most; one takes some hundred bytes.
const WAITING: usize = 4096;
/// Spans in one request, and how long they are gathered.
const BATCH: usize = 512;
const GATHER: Duration = Duration::from_secs(2);
/// How long the collector may take for one request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of its answer that are looked at, and characters of its reason that the log tells.
const MAX_ANSWER: usize = 64 * 1024;
const MAX_REASON: usize = 200;

/// The way to the collector. Cheap to clone.
#[derive(Clone)]
pub struct Traces {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    url: Url,
    resource: Resource,
    counts: Counts,
    /// Until [`Traces::run`] takes it.
    queue: Mutex<Option<mpsc::Receiver<Ended>>>,
}

impl Traces {
    /// What records spans, and what sends them; `None` where no collector is configured.
    ///
    /// # Errors
    ///
    /// When there can be no HTTP client, in one line for an admin.
    #[expect(
        clippy::disallowed_methods,
        reason = "a service of the operator's is not guarded, and may be private"
    )]
    pub fn new(
        config: &Config,
        clock: Clock,
        random: &Random,
    ) -> Result<Option<(Recorder, Traces)>, String> {
        let Some(url) = config.otlp_url.clone() else {
            return Ok(None);
        };
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| format!("cannot set up the client for traces: {e}"))?;
        let (sender, queue) = mpsc::channel(WAITING);
        let counts = Counts::default();
        let recorder = Recorder::new(sender, counts.clone(), clock, random.clone());
        let inner = Inner {
            http,
            url,
            resource: Resource {
                domain: config.account_domain.clone(),
                instance: random.bytes(),
            },
            counts,
            queue: Mutex::new(Some(queue)),
        };
        let traces = Traces {
            inner: Arc::new(inner),
        };
        Ok(Some((recorder, traces)))
    }

    /// How many spans the collector took, and how many nobody got.
    pub fn counts(&self) -> (u64, u64) {
        self.inner.counts.now()
    }

    /// Sends what is recorded until it is told to end, then what is left.
    pub async fn run(self, mut end: watch::Receiver<bool>) {
        let queue = self.inner.queue.lock();
        let queue = queue.unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut queue) = queue else {
            return;
        };
        let mut batch = Vec::new();
        let mut answers = true;
        loop {
            tokio::select! {
                // Nothing: nobody records.
                number = queue.recv_many(&mut batch, BATCH) => if number == 0 { return },
                _ = end.wait_for(|end| *end) => break,
            }
            let until = Instant::now() + GATHER;
            while batch.len() < BATCH {
                let room = BATCH - batch.len();
                tokio::select! {
                    number = queue.recv_many(&mut batch, room) => if number == 0 { break },
                    () = tokio::time::sleep_until(until) => break,
                    _ = end.wait_for(|end| *end) => break,
                }
            }
            self.send(&mut batch, &mut answers).await;
        }
        while let Ok(span) = queue.try_recv() {
            batch.push(span);
            if batch.len() == BATCH {
                self.send(&mut batch, &mut answers).await;
            }
        }
        self.send(&mut batch, &mut answers).await;
    }

    /// Sends spans, and says so once when the collector no longer takes them, or does again.
    async fn send(&self, batch: &mut Vec<Ended>, answers: &mut bool) {
        if batch.is_empty() {
            return;
        }
        let body = otlp::body(&self.inner.resource, batch);
        let number = batch.len();
        batch.clear();
        let sent = (self.inner.http.post(self.inner.url.clone()))
            .header(CONTENT_TYPE, "application/json")
            .body(body)
            .send()
            .await;
        let (rejected, failure) = match sent {
            Ok(answer) if answer.status().is_success() => match rejected(answer).await {
                Some((rejected, why)) => (
                    rejected.min(number),
                    Some(format!("it rejects {rejected} of {number}: {why}")),
                ),
                None => (0, None),
            },
            Ok(answer) => (
                number,
                Some(format!("it answers {}", answer.status().as_u16())),
            ),
            Err(error) => (number, Some(reason(error))),
        };
        self.inner.counts.dropped(rejected);
        self.inner.counts.sent(number - rejected);
        match failure {
            None => {
                if !std::mem::replace(answers, true) {
                    tracing::info!("the collector of traces takes them again");
                }
            }
            Some(reason) => {
                if std::mem::replace(answers, false) {
                    tracing::warn!(
                        reason,
                        "the collector of traces does not take them; until it does they are dropped"
                    );
                }
            }
        }
    }
}

/// Why the collector was not reached, with what was behind it. Without its address, which may hold a password.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

/// How many spans the collector did not take although it answers that all is well, and why.
async fn rejected(mut answer: reqwest::Response) -> Option<(usize, String)> {
    let mut body = Vec::new();
    // What cannot be read says nothing of the kind.
    while let Ok(Some(part)) = answer.chunk().await {
        body.extend_from_slice(&part);
        if body.len() > MAX_ANSWER {
            return None;
        }
    }
    partial_success(&body)
}

fn partial_success(body: &[u8]) -> Option<(usize, String)> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let partial = &body["partialSuccess"];
    // 64 bits are a text in the protocol's JSON; some write a number.
    let rejected = &partial["rejectedSpans"];
    let rejected = rejected
        .as_str()
        .map_or_else(|| rejected.as_u64(), |text| text.parse().ok())?;
    let why = partial["errorMessage"].as_str().unwrap_or_default();
    let why = why.chars().take(MAX_REASON).collect();
    let rejected = usize::try_from(rejected).ok()?;
    (rejected > 0).then_some((rejected, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_collector_rejects() {
        let of = |text: &str| partial_success(text.as_bytes());
        let full = r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}"#;
        assert_eq!(of(full), Some((3, "too old".to_owned())));
        let number = r#"{"partialSuccess":{"rejectedSpans":3}}"#;
        assert_eq!(of(number), Some((3, String::new())));
        // A warning; all; nothing; no JSON; nonsense.
        for none in [
            r#"{"partialSuccess":{"rejectedSpans":"0","errorMessage":"slow down"}}"#,
            r#"{"partialSuccess":{}}"#,
            "{}",
            "",
            "<html>",
            r#"{"partialSuccess":{"rejectedSpans":"-1"}}"#,
            r#"[1]"#,
        ] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
