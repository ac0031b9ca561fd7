//! Redis between the processes of one server: it makes quick what the event log makes sure.
//!
//! After a commit a process says to the others that the log has grown, and they look at once; what
//! passes ([`Passing`]) travels as it is. Nothing is kept in Redis. Where it is not configured, or
//! gone, the log's follower looks often enough by itself, and what passes takes the way through
//! the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt;
use redis::aio::{MultiplexedConnection, PubSub};
use redis::{Client, RedisError};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc, watch};
use url::Url;

use super::passing::Passing;

/// How long Redis may take to answer before it counts as gone.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is asked whether it is there.
const PING: Duration = Duration::from_secs(10);
/// Between two attempts to reach it, at first and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// What waits to be sent at most; beyond it what passes is dropped.
const WAITING: usize = 1024;

/// A message between processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Word {
    /// The process that says it.
    from: i64,
    #[serde(flatten)]
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum What {
    /// The log has grown. Where to is not said: readers know where they are, and find out.
    Log,
    Passing(Passing),
}

/// This process's end of the bus.
#[derive(Debug)]
pub struct Bus {
    url: Option<Url>,
    /// Where the server's processes meet: one Redis may serve several servers.
    channel: String,
    origin: i64,
    up: AtomicBool,
    /// Whether other processes serve the same database.
    company: AtomicBool,
    /// The log has grown here.
    grown: Notify,
    passing: mpsc::Sender<Passing>,
    /// Taken by whoever runs the bus.
    to_pass: std::sync::Mutex<Option<mpsc::Receiver<Passing>>>,
}

/// Asks Redis whether it is there. The error says no more than its kind: its text may hold what was
/// configured.
pub async fn ping(url: &Url) -> Result<(), String> {
    let asked = async {
        let client = Client::open(url.clone())?;
        let mut connection = within(client.get_multiplexed_async_connection()).await?;
        within(redis::cmd("PING").query_async::<()>(&mut connection)).await
    };
    asked
        .await
        .map_err(|error: RedisError| error.category().to_owned())
}

/// What the bus hears.
pub struct Heard {
    /// Rung when another process's log has grown.
    pub wake: Arc<Notify>,
    /// Given what passes.
    pub passing: Box<dyn Fn(&Passing) + Send + Sync>,
}

impl Bus {
    /// A bus of the server with this domain; without a URL it carries nothing.
    pub fn new(url: Option<Url>, domain: &str, origin: i64) -> Bus {
        let (passing, to_pass) = mpsc::channel(WAITING);
        Bus {
            url,
            channel: format!("kith:{domain}:events"),
            origin,
            up: AtomicBool::new(false),
            company: AtomicBool::new(false),
            grown: Notify::new(),
            passing,
            to_pass: std::sync::Mutex::new(Some(to_pass)),
        }
    }

    /// Whether Redis carries messages now.
    pub fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    /// Whether other processes serve the same database, as far as is known.
    pub fn has_company(&self) -> bool {
        self.company.load(Ordering::Relaxed)
    }

    /// Keeps whether they do.
    pub fn set_company(&self, company: bool) {
        self.company.store(company, Ordering::Relaxed);
    }

    /// Says that this process has written into the log.
    pub fn log_grew(&self) {
        if self.url.is_some() {
            self.grown.notify_one();
        }
    }

    /// Sends what passes to the other processes; gives it back where Redis does not carry it.
    pub fn pass(&self, passing: Passing) -> Result<(), Passing> {
        if !self.is_up() {
            return Err(passing);
        }
        self.passing.try_send(passing).map_err(|error| match error {
            mpsc::error::TrySendError::Full(passing)
            | mpsc::error::TrySendError::Closed(passing) => passing,
        })
    }

    /// Keeps the connection, and carries messages both ways, until `stop` turns true.
    pub async fn run(&self, mut stop: watch::Receiver<bool>, heard: Heard) {
        let Some(url) = &self.url else { return };
        let receiver = self.to_pass.lock().ok().and_then(|mut slot| slot.take());
        let Some(mut to_pass) = receiver else { return };
        // The first failure is told as well.
        let mut told_gone = false;
        let mut pause = RETRY.0;
        while !*stop.borrow() {
            let carried = async {
                let (publish, subscribed) = self.connect(url).await?;
                self.up.store(true, Ordering::Relaxed);
                tracing::info!("Redis carries events between processes");
                // What was written while nobody told.
                heard.wake.notify_one();
                self.carry(publish, subscribed, &mut to_pass, &heard).await
            };
            let outcome: Result<(), RedisError> = tokio::select! {
                outcome = carried => outcome,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            let was_up = self.up.swap(false, Ordering::Relaxed);
            if let Err(error) = outcome
                && (was_up || !told_gone)
            {
                told_gone = true;
                // Its text may hold what was configured; its kind does not.
                let reason = error.category();
                tracing::warn!(
                    reason,
                    "Redis is gone; until it is back, processes hear of each other by the event log"
                );
            }
            if was_up {
                pause = RETRY.0;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
            pause = (pause * 2).min(RETRY.1);
        }
        self.up.store(false, Ordering::Relaxed);
    }

    async fn connect(&self, url: &Url) -> Result<(MultiplexedConnection, PubSub), RedisError> {
        let client = Client::open(url.clone())?;
        let publish = within(client.get_multiplexed_async_connection()).await?;
        let mut subscribed = within(client.get_async_pubsub()).await?;
        within(subscribed.subscribe(&self.channel)).await?;
        Ok((publish, subscribed))
    }

    async fn carry(
        &self,
        mut publish: MultiplexedConnection,
        mut subscribed: PubSub,
        to_pass: &mut mpsc::Receiver<Passing>,
        heard: &Heard,
    ) -> Result<(), RedisError> {
        let mut ping = tokio::time::interval(PING);
        let mut words = subscribed.on_message();
        loop {
            tokio::select! {
                word = words.next() => {
                    let Some(word) = word else {
                        return Err(closed());
                    };
                    if let Ok(word) = serde_json::from_slice::<Word>(word.get_payload_bytes()) {
                        self.hear(word, heard);
                    }
                }
                () = self.grown.notified() => {
                    self.say(&mut publish, What::Log).await?;
                }
                Some(passing) = to_pass.recv() => {
                    self.say(&mut publish, What::Passing(passing)).await?;
                }
                _ = ping.tick() => {
                    within(redis::cmd("PING").query_async::<()>(&mut publish)).await?;
                }
            }
        }
    }

    fn hear(&self, word: Word, heard: &Heard) {
        if word.from == self.origin {
            return;
        }
        match word.what {
            What::Log => heard.wake.notify_one(),
            What::Passing(passing) => (heard.passing)(&passing),
        }
    }

    async fn say(&self, publish: &mut MultiplexedConnection, what: What) -> Result<(), RedisError> {
        let word = Word {
            from: self.origin,
            what,
        };
        let text = serde_json::to_string(&word).unwrap_or_default();
        let mut publishing = redis::cmd("PUBLISH");
        publishing.arg(&self.channel).arg(text);
        within(publishing.query_async::<()>(publish)).await
    }
}

/// An answer in good time.
async fn within<T>(answer: impl Future<Output = Result<T, RedisError>>) -> Result<T, RedisError> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(RedisError::from((
            redis::ErrorKind::Io,
            "no answer in time",
        ))),
    }
}

fn closed() -> RedisError {
    RedisError::from((redis::ErrorKind::Io, "the connection ended"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_as_they_were_written() {
        let passing = Passing {
            account_id: 7,
            event: "chat.typing".into(),
            payload: "{}".into(),
        };
        for what in [What::Log, What::Passing(passing)] {
            let word = Word { from: 1, what };
            let text = serde_json::to_string(&word).unwrap();
            assert_eq!(serde_json::from_str::<Word>(&text).unwrap(), word);
        }
    }

    #[test]
    fn without_redis_what_passes_comes_back() {
        let bus = Bus::new(None, "kith.example", 1);
        let passing = Passing {
            account_id: 7,
            event: "chat.typing".into(),
            payload: "{}".into(),
        };
        assert_eq!(bus.pass(passing.clone()), Err(passing));
    }
}
