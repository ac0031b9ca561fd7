//! Delivers outgoing activities to the inboxes of other servers.
//!
//! Rows wait in the database by host. A sweep finds the hosts with something due; leases bring
//! some rows of each into memory, in turn, never more than a bounded number; a task signs and
//! sends each. What one host does (nothing, slowly, or refuse) costs the others nothing: it
//! has few requests at a time until it has answered, those that take long stop counting
//! against the total, and after some failures in a row it is let be but for a probe now and
//! then. What one actor sends to one inbox goes one after the other, so that it arrives in
//! order, unless an attempt fails or the host takes so long that a lease runs out. After a
//! crash, leased rows come back and are delivered again; receivers know them by the activity's
//! id.

mod forget;
mod host;
mod lease;
mod prepare;
mod record;
mod send;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tracing::Instrument;
use tracing::field::Empty;

use crate::app::App;
use crate::clock::{MINUTE, SECOND};
use crate::federation::signature::Scheme;
use crate::traces::span;
use host::Host;
use lease::{DueHost, Leased};
use prepare::{Job, Press};
use record::Record;
use send::{Health, Manner, Sent, Verdict};

/// Requests on their way that have not taken long yet.
const PROMPT: usize = 512;
/// Those of them to hosts that have yet to prove themselves.
const PROMPT_UNPROVEN: usize = 256;
/// When a request has taken long.
const LONG: Duration = Duration::from_secs(2);
/// Requests that take long; while there are more, only proven hosts get new ones.
const LINGERING: usize = 1024;
/// Deliveries in memory.
const IN_HAND: usize = 1536;
/// Deliveries in memory below which more are leased, so that leases are not taken one by one.
const REFILL: usize = IN_HAND * 3 / 4;
/// Hosts that one lease is taken for.
const HOSTS_AT_ONCE: usize = 64;
/// How long a lease lasts, in milliseconds.
const LEASE: i64 = 90 * SECOND;
/// What must be left of a lease to send: two requests' time.
const LEASE_LEFT: i64 = 30 * SECOND;
/// How often the database is asked when nobody rings.
const POLL: Duration = Duration::from_secs(1);
/// The least time between two sweeps; a sweep may take a tenth of the time at most.
const SWEEP_GAP: Duration = Duration::from_millis(5);
/// Hosts remembered that have nothing in hand.
const REMEMBERED: usize = 4096;
/// How long a host that refused both kinds of signature is asked with one only.
const REFUSED_BOTH: i64 = 10 * MINUTE;
/// How long requests in flight may take once the process is to end.
const FAREWELL: Duration = Duration::from_secs(5);

/// What tasks tell the deliverer.
enum Message {
    /// Hosts with something due, or why they could not be found.
    Swept(Result<Vec<DueHost>, ()>),
    /// Rows that were leased: by host, with how many were asked for.
    Leased(Vec<Leased>),
    /// A request takes long.
    Lingers { unproven: bool },
    /// A request ended.
    Done(Box<Done>),
}

struct Done {
    host: Arc<str>,
    delivery_id: i64,
    lane: u64,
    /// Its host had yet to prove itself when it was sent.
    unproven: bool,
    lingered: bool,
    sent: Sent,
}

/// Delivers until the application is told to stop.
pub async fn run(app: App) {
    let (recorder, records) = mpsc::unbounded_channel();
    let recording = tokio::spawn(record::run(app.clone(), records));
    let forgetting = tokio::spawn(forget::run(app.clone()));
    let (messages, inbox) = mpsc::unbounded_channel();
    Deliverer::new(app, recorder, messages).run(inbox).await;
    let _ = recording.await;
    let _ = forgetting.await;
}

struct Deliverer {
    app: App,
    press: Arc<Press>,
    signing: Arc<Semaphore>,
    recorder: mpsc::UnboundedSender<Record>,
    messages: mpsc::UnboundedSender<Message>,
    hosts: HashMap<Arc<str>, Host>,
    /// Hosts that something can be sent to, in turn.
    ready: VecDeque<Arc<str>>,
    /// Hosts that more can be leased for, in turn.
    hungry: VecDeque<Arc<str>>,
    /// Deliveries in memory: queued or on their way.
    in_hand: usize,
    prompt: usize,
    prompt_unproven: usize,
    lingering: usize,
    leasing: bool,
    sweeping: bool,
    /// Something new may wait.
    rung: bool,
    swept_at: Instant,
    sweep_gap: Duration,
}

impl Deliverer {
    fn new(
        app: App,
        recorder: mpsc::UnboundedSender<Record>,
        messages: mpsc::UnboundedSender<Message>,
    ) -> Deliverer {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Deliverer {
            app,
            press: Arc::new(Press::new()),
            signing: Arc::new(Semaphore::new(cores)),
            recorder,
            messages,
            hosts: HashMap::new(),
            ready: VecDeque::new(),
            hungry: VecDeque::new(),
            in_hand: 0,
            prompt: 0,
            prompt_unproven: 0,
            lingering: 0,
            leasing: false,
            sweeping: false,
            rung: true,
            swept_at: Instant::now(),
            sweep_gap: Duration::ZERO,
        }
    }

    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Message>) {
        let mut stop = self.app.stop.clone();
        let bell = self.app.wake.deliveries.clone();
        let mut batch = Vec::new();
        while !*stop.borrow() {
            self.sweep();
            self.lease();
            self.dispatch();
            let next = self.swept_at + if self.rung { self.sweep_gap } else { POLL };
            tokio::select! {
                _ = inbox.recv_many(&mut batch, 256) => {
                    for message in batch.drain(..) {
                        self.take(message);
                    }
                }
                () = bell.notified() => self.rung = true,
                () = tokio::time::sleep_until(next), if !self.sweeping => self.rung = true,
                // An error: nobody can tell us to stop any more, and nobody will.
                changed = stop.changed() => if changed.is_err() { break },
            }
        }
        self.finish(inbox).await;
    }

    /// Gives back what was not sent and waits a moment for what was.
    async fn finish(mut self, mut inbox: mpsc::UnboundedReceiver<Message>) {
        let now = self.now();
        let ids: Vec<i64> = self
            .hosts
            .values_mut()
            .flat_map(|host| host.queue.drain(..))
            .map(|job| job.delivery.id)
            .collect();
        self.in_hand -= ids.len();
        self.record(Record::Released { ids, next_at: now });
        let deadline = Instant::now() + FAREWELL;
        while self.in_hand > 0 || self.leasing {
            match tokio::time::timeout_at(deadline, inbox.recv()).await {
                Ok(Some(Message::Leased(leased))) => {
                    self.leasing = false;
                    let ids = leased
                        .iter()
                        .flat_map(|l| &l.jobs)
                        .map(|job| job.delivery.id)
                        .collect();
                    self.record(Record::Released { ids, next_at: now });
                }
                Ok(Some(message)) => self.take(message),
                _ => return,
            }
        }
    }

    fn now(&self) -> i64 {
        self.app.clock.now_ms()
    }

    fn record(&self, record: Record) {
        // The recorder lives as long as this sender.
        let _ = self.recorder.send(record);
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Swept(found) => self.swept(found),
            Message::Leased(leased) => self.leased(leased),
            Message::Lingers { unproven } => {
                self.lingering += 1;
                self.no_longer_prompt(unproven);
            }
            Message::Done(done) => self.done(*done),
        }
    }

    /// Looks for hosts with something due, now and then.
    fn sweep(&mut self) {
        if self.sweeping || !self.rung || self.swept_at.elapsed() < self.sweep_gap {
            return;
        }
        self.sweeping = true;
        // A bell that rings from here on asks for another sweep: this one may miss its rows.
        self.rung = false;
        self.swept_at = Instant::now();
        let (app, messages) = (self.app.clone(), self.messages.clone());
        tokio::spawn(async move {
            let found = lease::due_hosts(&app).await.map_err(|error| {
                tracing::error!(%error, "cannot look for deliveries");
            });
            let _ = messages.send(Message::Swept(found));
        });
    }

    fn swept(&mut self, found: Result<Vec<DueHost>, ()>) {
        self.sweeping = false;
        let took = self.swept_at.elapsed();
        self.sweep_gap = SWEEP_GAP.max(took * 10);
        self.swept_at = Instant::now();
        let Ok(found) = found else {
            self.sweep_gap = POLL;
            return;
        };
        for DueHost { host, known } in found {
            let key: Arc<str> = host.into();
            let state = self
                .hosts
                .entry(key.clone())
                .or_insert_with(|| Host::new(known));
            state.due = true;
            self.line_up(&key);
        }
        if self.hosts.len() > REMEMBERED {
            self.hosts
                .retain(|_, host| !host.is_idle() || host.in_ready || host.in_hungry);
        }
    }

    /// Puts a host into the lines where it belongs.
    fn line_up(&mut self, key: &Arc<str>) {
        let now = self.app.clock.now_ms();
        let Some(host) = self.hosts.get_mut(key) else {
            return;
        };
        if !host.in_ready && host.is_ready(now) {
            host.in_ready = true;
            self.ready.push_back(key.clone());
        }
        if !host.in_hungry && host.wants(now) > 0 {
            host.in_hungry = true;
            self.hungry.push_back(key.clone());
        }
    }

    /// Leases for the hosts at the front of the line, each its share of what may be in memory.
    fn lease(&mut self) {
        if self.leasing || self.hungry.is_empty() || self.in_hand > REFILL {
            return;
        }
        let now = self.now();
        let number = self.hungry.len().min(HOSTS_AT_ONCE);
        let share = ((IN_HAND - self.in_hand) / number).max(1);
        let mut asked = Vec::with_capacity(number);
        for key in self.hungry.drain(..number) {
            let Some(host) = self.hosts.get_mut(&key) else {
                continue;
            };
            host.in_hungry = false;
            let wants = host.wants(now).min(share);
            if wants > 0 {
                host.leasing = true;
                asked.push((key, wants));
            }
        }
        if asked.is_empty() {
            return;
        }
        self.leasing = true;
        let (app, press, messages) = (self.app.clone(), self.press.clone(), self.messages.clone());
        let recorder = self.recorder.clone();
        tokio::spawn(async move {
            let leased = lease::take(&app, &press, asked, &recorder).await;
            let _ = messages.send(Message::Leased(leased));
        });
    }

    fn leased(&mut self, leased: Vec<Leased>) {
        self.leasing = false;
        for Leased {
            host: key,
            jobs,
            more,
        } in leased
        {
            let Some(host) = self.hosts.get_mut(&key) else {
                continue;
            };
            host.leasing = false;
            host.due = more;
            self.in_hand += jobs.len();
            host.queue.extend(jobs);
            self.line_up(&key);
        }
    }

    /// Sends as much as may be sent, one to each host in turn.
    fn dispatch(&mut self) {
        let now = self.now();
        let mut passed_over = 0;
        while self.prompt < PROMPT && passed_over < self.ready.len() {
            let Some(key) = self.ready.pop_front() else {
                return;
            };
            let Some(host) = self.hosts.get_mut(&key) else {
                continue;
            };
            if !host.is_ready(now) {
                host.in_ready = false;
                self.line_up(&key);
                continue;
            }
            let unproven = !host.is_proven();
            let crowded = self.prompt_unproven >= PROMPT_UNPROVEN || self.lingering >= LINGERING;
            if unproven && crowded {
                self.ready.push_back(key);
                passed_over += 1;
                continue;
            }
            let Some(job) = host.next() else {
                continue;
            };
            if job.delivery.leased_until - now < LEASE_LEFT {
                // Too late to be sure that nobody else makes it too: it comes back by itself.
                self.in_hand -= 1;
                self.ready.push_back(key);
                continue;
            }
            host.started(job.lane);
            self.prompt += 1;
            if unproven {
                self.prompt_unproven += 1;
            }
            let manner = Manner {
                known: host.scheme,
                knock_twice: host.refuses_both_until <= now,
            };
            self.spawn(key.clone(), job, manner, unproven);
            self.ready.push_back(key);
        }
    }

    fn spawn(&self, host: Arc<str>, job: Job, manner: Manner, unproven: bool) {
        let (app, signing, messages) = (
            self.app.clone(),
            self.signing.clone(),
            self.messages.clone(),
        );
        let span = span!(
            "delivery",
            otel.kind = "producer",
            otel.parent = job.prepared.trace.as_deref(),
            otel.name = %format_args!("deliver {}", job.prepared.kind),
            kith.activity.type = job.prepared.kind.as_str(),
            kith.delivery.attempt = job.delivery.attempts + 1,
            server.address = &*host,
            kith.outcome = Empty,
            otel.status_code = Empty,
        );
        let told = span.clone();
        let work = async move {
            let sending = send::send(&app, &signing, &job, manner);
            tokio::pin!(sending);
            let mut lingered = false;
            let sent = match tokio::time::timeout(LONG, &mut sending).await {
                Ok(sent) => sent,
                Err(_) => {
                    lingered = true;
                    let _ = messages.send(Message::Lingers { unproven });
                    sending.await
                }
            };
            told.record("kith.outcome", sent.verdict.name());
            if !matches!(sent.verdict, Verdict::Delivered { .. }) {
                told.record("otel.status_code", "ERROR");
            }
            drop(told);
            let _ = messages.send(Message::Done(Box::new(Done {
                host,
                delivery_id: job.delivery.id,
                lane: job.lane,
                unproven,
                lingered,
                sent,
            })));
        };
        tokio::spawn(work.instrument(span));
    }

    fn no_longer_prompt(&mut self, unproven: bool) {
        self.prompt -= 1;
        if unproven {
            self.prompt_unproven -= 1;
        }
    }

    /// A request ended: notes what became of the delivery and what that says of its host.
    fn done(&mut self, done: Done) {
        let Done {
            host: key,
            delivery_id: id,
            lane,
            unproven,
            lingered,
            sent,
        } = done;
        let now = self.now();
        self.in_hand -= 1;
        if lingered {
            self.lingering -= 1;
        } else {
            self.no_longer_prompt(unproven);
        }
        let (record, error) = match sent.verdict {
            Verdict::Delivered { answer } => {
                let at = now;
                (Record::Delivered { id, answer, at }, String::new())
            }
            Verdict::Retry {
                answer,
                after,
                error,
            } => {
                let record = Record::Retry {
                    id,
                    next_at: now + after,
                    answer,
                    error: error.clone(),
                };
                (record, error)
            }
            Verdict::GiveUp { answer, error } => {
                let record = Record::GivenUp {
                    id,
                    answer,
                    error: error.clone(),
                    at: now,
                };
                (record, error)
            }
        };
        self.record(record);
        let mut records = Vec::new();
        if let Some(host) = self.hosts.get_mut(&key) {
            host.ended(lane);
            let news = match sent.health {
                Health::Answers => {
                    if host.is_shut() {
                        let host = key.clone();
                        records.push(Record::Hastened { host, at: now });
                    }
                    host.answered(now)
                }
                Health::Busy(wish) => {
                    host.pause(now, wish);
                    true
                }
                Health::Fails => host.failed(now, self.app.random.unit(), &error),
            };
            if news {
                records.push(Record::Health(host.row(&key)));
            }
            if sent.refused_both {
                host.refuses_both_until = now + REFUSED_BOTH;
            }
            if let Some(scheme) = sent.accepted.filter(|s| host.scheme != Some(*s)) {
                host.scheme = Some(scheme);
                records.push(Record::Signature {
                    host: key.clone(),
                    name: match scheme {
                        Scheme::Cavage => "cavage",
                        Scheme::Rfc9421 => "rfc9421",
                    },
                });
            }
            if host.is_paused(now) && !host.queue.is_empty() {
                // They wait in the database rather than in memory.
                let ids: Vec<i64> = host.queue.drain(..).map(|job| job.delivery.id).collect();
                self.in_hand -= ids.len();
                records.push(Record::Released { ids, next_at: now });
            }
        }
        for record in records {
            self.record(record);
        }
        self.line_up(&key);
    }
}
