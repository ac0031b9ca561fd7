//! Sends spans to the collector, many at a time.
//!
//! What the collector does not take is dropped and counted: it is never tried again, and nobody waits for
//! it. Its address is the operator's word, so that nothing guards it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::CONTENT_TYPE;
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
        // The address may hold a password.
        let failure = match sent {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answers {}", answer.status().as_u16())),
            Err(error) => Some(error.without_url().to_string()),
        };
        match failure {
            None => {
                self.inner.counts.sent(number);
                if !std::mem::replace(answers, true) {
                    tracing::info!("the collector of traces takes them again");
                }
            }
            Some(reason) => {
                self.inner.counts.dropped(number);
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
