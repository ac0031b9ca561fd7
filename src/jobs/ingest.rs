//! Works on received activities: those of one actor in the order of their arrival, those of
//! different actors side by side.
//!
//! A row is claimed, prepared (which may fetch), and applied; applying it and marking it done are
//! one transaction, so that nothing is lost and nothing happens twice, whenever we stop. What
//! several actors' activities come to shares a transaction; should one fail, each gets its own.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use futures::FutureExt;
use tokio::sync::{Notify, Semaphore, SemaphorePermit, mpsc, oneshot};
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::app::App;
use crate::clock::{DAY, SECOND};
use crate::db::accounts::Account;
use crate::db::inbox::Received;
use crate::db::{self, Conn};
use crate::domain::Ctx;
use crate::error::{AppError, AppResult};
use crate::federation::activities::{self, Deed, Failure, Prepared, Run};
use crate::federation::inbox::RELAYED;
use crate::traces::{self, span};

/// Rows leased at a time.
const CLAIM: usize = 100;
/// Rows being worked on at most.
const IN_FLIGHT: usize = 800;
/// Actors whose activities are prepared at the same time, not counting those that take long.
const PREPARING: usize = 64;
/// When a preparation has taken long: it waits for some server that does not answer.
const LONG: Duration = Duration::from_secs(1);
/// Preparations that take long, at most; and those of one host's actors from which on its others
/// wait in the database.
const LINGERING: usize = 400;
const LINGERING_OF_HOST: usize = 16;
/// Actors of one host that wait so, at most.
const PARKED: usize = 1000;
/// Activities that share a transaction: few enough that other writers do not wait long.
const CHUNK: usize = 24;
/// The same on SQLite while others arrive: with one writer, each of those waits for all of it
/// before it can be acknowledged.
const SMALL_CHUNK: usize = 1;
/// Who write, each for actors of its own: PostgreSQL takes it from several at once; on SQLite the others
/// gather, or hand in what shares the commit, while one is written.
const APPLIERS: usize = 6;
/// Texts of finished activities that are deleted together, and how long they are gathered.
const BODIES: usize = 256;
const GATHER_FINISHED: Duration = Duration::from_millis(500);
/// How long to wait when the database takes nothing.
const UNWRITTEN: Duration = Duration::from_secs(5);
/// How far what arrives may be put before what has arrived.
const BEHIND: i64 = 10 * SECOND;
/// How long a lease holds, and how often it is renewed.
const LEASE: i64 = 20 * SECOND;
const RENEW: Duration = Duration::from_secs(5);
/// The least time between two looks at the queue that found something, but not all they could.
const GATHER: Duration = Duration::from_millis(3);
/// How often the queue is looked at when nobody rang.
const POLL: Duration = Duration::from_secs(1);
/// Attempts until an activity is set aside: the last comes some three days after the first.
const ATTEMPTS: u32 = 9;
/// The wait after the first failure; each is three times the one before.
const BACKOFF: i64 = 30 * SECOND;
/// How long what is done or set aside can be looked up.
const KEEP: i64 = 7 * DAY;
/// Old rows deleted at a time, and how often.
const SWEEP: i64 = 500;
const SWEEP_EVERY: Duration = Duration::from_secs(600);
/// Between two looks at texts that may be left over: others write as well.
const PAUSE: Duration = Duration::from_millis(100);

/// What is to become of a row.
struct Work {
    what: What,
    /// What is traced of it ends when that is written.
    span: Span,
    /// Dropped with the rest once that is written: who waits for it goes on.
    _written: Option<oneshot::Sender<()>>,
}

enum What {
    Apply {
        row: i64,
        attempts: i64,
        actor: Box<Account>,
        deed: Box<Deed>,
    },
    Done {
        row: i64,
        reason: &'static str,
    },
    Failed {
        row: i64,
        reason: String,
        again_at: Option<i64>,
    },
}

impl What {
    /// Its name in what is counted.
    fn outcome(&self) -> &'static str {
        match self {
            What::Apply { .. } => "applied",
            What::Done { .. } => "nothing",
            What::Failed {
                again_at: Some(_), ..
            } => "retried",
            What::Failed { .. } => "set_aside",
        }
    }
}

impl Work {
    /// Tells what became of it to what counts and to the trace it is part of.
    fn written(&self, app: &App) {
        let outcome = self.what.outcome();
        app.metrics.activity(outcome);
        self.span.record("kith.outcome", outcome);
        if matches!(self.what, What::Failed { .. }) {
            self.span.record("otel.status_code", "ERROR");
        }
    }

    fn row(&self) -> i64 {
        match &self.what {
            What::Apply { row, .. } | What::Done { row, .. } | What::Failed { row, .. } => *row,
        }
    }
}

/// What the tasks of one process share.
struct Shared {
    app: App,
    in_flight: Mutex<HashSet<i64>>,
    /// What waits for an actor's task; an actor without one has no entry.
    queues: Mutex<HashMap<String, VecDeque<Received>>>,
    /// Rung when rows are finished.
    freed: Notify,
    preparing: Semaphore,
    lingering: Semaphore,
    /// Hosts whose actors' activities take long, by their ids' origin.
    slow: Mutex<HashMap<String, Slow>>,
    appliers: Vec<mpsc::Sender<Work>>,
    /// Who writes on SQLite while others arrive: one at a time, for each that arrives waits for it.
    turn: tokio::sync::Mutex<()>,
    /// How long ago, in milliseconds, what was claimed last had arrived.
    behind: AtomicI64,
}

/// Actors of one host of whom nothing more is claimed for now.
#[derive(Default)]
struct Slow {
    /// Those with an activity that takes long.
    lingering: HashSet<String>,
    /// Those that wait until fewer do.
    parked: HashSet<String>,
}

/// Scheme, host and port of an id.
fn origin(id: &str) -> &str {
    let end = id.match_indices('/').nth(2).map_or(id.len(), |(at, _)| at);
    &id[..end]
}

impl Shared {
    fn in_flight(&self) -> std::sync::MutexGuard<'_, HashSet<i64>> {
        self.in_flight
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn queues(&self) -> std::sync::MutexGuard<'_, HashMap<String, VecDeque<Received>>> {
        self.queues
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The next row of an actor; when there is none, the actor's task ends.
    fn next(&self, actor: &str) -> Option<Received> {
        let mut queues = self.queues();
        let row = queues.get_mut(actor).and_then(VecDeque::pop_front);
        if row.is_none() {
            queues.remove(actor);
        }
        row
    }

    fn slow(&self) -> std::sync::MutexGuard<'_, HashMap<String, Slow>> {
        self.slow
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Actors of whom nothing more is claimed for now.
    fn let_be(&self) -> Vec<String> {
        let slow = self.slow();
        let actors = slow.values().flat_map(|s| s.lingering.union(&s.parked));
        actors.cloned().collect()
    }

    /// Whether an actor has to wait for others of its host, which it does from now on.
    fn park(&self, actor: &str) -> bool {
        let mut slow = self.slow();
        let Some(host) = slow.get_mut(origin(actor)) else {
            return false;
        };
        let crowded = host.lingering.len() >= LINGERING_OF_HOST && host.parked.len() < PARKED;
        if crowded {
            host.parked.insert(actor.to_owned());
        }
        crowded
    }

    fn lingers(&self, actor: &str) {
        let mut slow = self.slow();
        let host = slow.entry(origin(actor).to_owned()).or_default();
        host.lingering.insert(actor.to_owned());
    }

    fn lingered(&self, actor: &str) {
        let mut slow = self.slow();
        if let Some(host) = slow.get_mut(origin(actor)) {
            host.lingering.remove(actor);
            if host.lingering.len() < LINGERING_OF_HOST {
                host.parked.clear();
            }
            if host.lingering.is_empty() {
                slow.remove(origin(actor));
            }
        }
        drop(slow);
        self.freed.notify_one();
    }

    fn release(&self, rows: impl Iterator<Item = i64>) {
        let mut in_flight = self.in_flight();
        for row in rows {
            in_flight.remove(&row);
        }
        drop(in_flight);
        self.freed.notify_one();
    }
}

/// Works on the queue until the application ends.
pub async fn run(app: App) {
    let (senders, receivers): (Vec<_>, Vec<_>) =
        (0..APPLIERS).map(|_| mpsc::channel(IN_FLIGHT)).unzip();
    let shared = Arc::new(Shared {
        app: app.clone(),
        in_flight: Mutex::default(),
        queues: Mutex::default(),
        freed: Notify::new(),
        preparing: Semaphore::new(PREPARING),
        lingering: Semaphore::new(LINGERING),
        slow: Mutex::default(),
        appliers: senders,
        turn: tokio::sync::Mutex::default(),
        behind: AtomicI64::new(0),
    });
    for receiver in receivers {
        tokio::spawn(apply_all(shared.clone(), receiver));
    }
    let mut stop = app.stop.clone();
    let mut renew = tokio::time::interval(RENEW);
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    while !*stop.borrow() {
        // Registered before looking, so that what arrives meanwhile is not missed.
        let woken = app.wake.inbox.notified();
        let freed = shared.freed.notified();
        let room = IN_FLIGHT.saturating_sub(shared.in_flight().len());
        let claimed = if room >= CLAIM {
            claim(&shared).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "cannot read the inbox queue");
                Vec::new()
            })
        } else {
            Vec::new()
        };
        let (full, some) = (claimed.len() == CLAIM, !claimed.is_empty());
        if room >= CLAIM {
            // One that failed before is late for a reason of its own.
            let first = claimed.iter().find(|row| row.attempts == 0);
            let age = first.map_or(0, |row| app.clock.now_ms() - row.received_at);
            shared.behind.store(age, Ordering::Relaxed);
        }
        dispatch(&shared, claimed);
        if full {
            continue;
        }
        if some {
            // While activities pour in, each claim is to find several.
            tokio::time::sleep(GATHER).await;
        }
        tokio::select! {
            () = woken => {}
            () = freed => {}
            () = tokio::time::sleep(POLL) => {}
            _ = renew.tick() => {
                let rows: Vec<i64> = shared.in_flight().iter().copied().collect();
                release_until(&app, rows, Some(LEASE)).await;
            }
            _ = sweep.tick() => {
                tokio::spawn(forget_old(app.clone()));
            }
            _ = stop.changed() => {}
        }
    }
    let rows: Vec<i64> = shared.in_flight().iter().copied().collect();
    release_until(&app, rows, None).await;
}

/// What waits and nobody works on, in the order of its coming. On SQLite one process alone works on
/// it, and what that has at hand it knows; on PostgreSQL it is leased.
async fn claim(shared: &Shared) -> AppResult<Vec<Received>> {
    let app = &shared.app;
    let (now, who, except) = (app.clock.now_ms(), app.origin, shared.let_be());
    let rows = if app.db.is_postgres() {
        app.write(move |tx| {
            let except = except.clone();
            Box::pin(async move {
                let until = now + LEASE;
                Ok(db::inbox::claim(tx, who, now, until, CLAIM as i64, &except).await?)
            })
        })
        .await?
    } else {
        // Looked up before the database is: what is finished between the two is done there as well.
        let taken: Vec<i64> = shared.in_flight().iter().copied().collect();
        app.read(move |c| {
            Box::pin(
                async move { Ok(db::inbox::due(c, now, CLAIM as i64, &except, &taken).await?) },
            )
        })
        .await?
    };
    // Whose earlier rows were given back meanwhile has to wait with these, or they would go ahead.
    let let_be = shared.let_be();
    let (later, rows): (Vec<Received>, Vec<Received>) = rows
        .into_iter()
        .partition(|row| let_be.contains(&row.actor_uri));
    release_until(app, later.iter().map(|row| row.id).collect(), None).await;
    Ok(rows)
}

/// Renews leases, or (`None`) gives them back.
async fn release_until(app: &App, rows: Vec<i64>, lease: Option<i64>) {
    if rows.is_empty() || !app.db.is_postgres() {
        return;
    }
    let until = lease.map_or(0, |lease| app.clock.now_ms() + lease);
    let who = app.origin;
    let done: AppResult<()> = app
        .write(move |tx| {
            Box::pin(async move { Ok(db::inbox::lease(tx, who, &rows, until).await?) })
        })
        .await;
    if let Err(error) = done {
        tracing::warn!(%error, "cannot renew leases of the inbox queue");
    }
}

async fn forget_old(app: App) {
    let before = app.clock.now_ms() - KEEP;
    let mut above = Some(0);
    while let Some(from) = above {
        if from > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let swept = app
            .write(move |tx| {
                Box::pin(async move { Ok(db::inbox::sweep_bodies(tx, from, SWEEP).await?) })
            })
            .await;
        above = swept.unwrap_or_else(|error: AppError| {
            tracing::warn!(%error, "cannot sweep texts of the inbox queue");
            None
        });
    }
    loop {
        let gone = app
            .write(move |tx| {
                Box::pin(async move { Ok(db::inbox::forget_before(tx, before, SWEEP).await?) })
            })
            .await;
        match gone {
            Ok(gone) if gone as i64 == SWEEP => tokio::time::sleep(POLL).await,
            Ok(_) => return,
            Err(error) => {
                let error: AppError = error;
                tracing::warn!(%error, "cannot sweep the inbox queue");
                return;
            }
        }
    }
}

/// Hands rows to their actors' tasks.
fn dispatch(shared: &Arc<Shared>, mut rows: Vec<Received>) {
    {
        let mut in_flight = shared.in_flight();
        // One whose lease ran out is claimed again.
        rows.retain(|row| in_flight.insert(row.id));
    }
    let mut idle = Vec::new();
    let mut queues = shared.queues();
    for row in rows {
        if let Some(queue) = queues.get_mut(&row.actor_uri) {
            queue.push_back(row);
        } else {
            idle.push(row.actor_uri.clone());
            queues.insert(row.actor_uri.clone(), VecDeque::from([row]));
        }
    }
    drop(queues);
    for actor in idle {
        tokio::spawn(prepare_all(shared.clone(), actor));
    }
}

/// Prepares one actor's rows in order; each goes on to be applied as soon as it is ready, in the
/// same order.
async fn prepare_all(shared: Arc<Shared>, actor: String) {
    let mut hasher = DefaultHasher::new();
    actor.hash(&mut hasher);
    let applier = &shared.appliers[hasher.finish() as usize % shared.appliers.len()];
    let mut run = Run::default();
    while let Some(row) = shared.next(&actor) {
        if shared.park(&actor) {
            give_back(&shared, &actor, Some(row)).await;
            return;
        }
        let Ok(permit) = shared.preparing.acquire().await else {
            return;
        };
        let span = span!(
            "activity",
            otel.kind = "consumer",
            otel.parent = row.trace.as_deref(),
            kith.activity.type = row.kind.as_str(),
            kith.activity.origin = origin(&row.actor_uri),
            kith.activity.attempt = row.attempts + 1,
            kith.outcome = Empty,
            otel.status_code = Empty,
        );
        let prepared = prepare(&shared, &row, &mut run, permit)
            .instrument(span.clone())
            .await;
        let what = match prepared {
            Ok((Some(actor), Prepared::Deed(deed))) => What::Apply {
                row: row.id,
                attempts: row.attempts,
                actor: Box::new(actor),
                deed,
            },
            Ok((None, Prepared::Deed(_))) => What::Done {
                row: row.id,
                reason: "nobody did it",
            },
            Ok((_, Prepared::Nothing(reason))) => What::Done {
                row: row.id,
                reason,
            },
            Err(failure) => failed(&shared.app, row.id, row.attempts, failure),
        };
        let (written, wait) = oneshot::channel();
        let decides = decides_what_follows(&row.kind);
        let work = Work {
            what,
            span,
            _written: decides.then_some(written),
        };
        if applier.send(work).await.is_err() {
            return;
        }
        if decides {
            // It ends with an error: nobody sends, the sender goes.
            let _ = wait.await;
        }
    }
}

/// Prepares a row. Once that takes long it gives its turn to others, and what is queued behind it
/// goes back into the database: a server that does not answer holds up its own alone.
async fn prepare(
    shared: &Shared,
    row: &Received,
    run: &mut Run,
    turn: SemaphorePermit<'_>,
) -> Result<(Option<Account>, Prepared), Failure> {
    let work = AssertUnwindSafe(activities::prepare(&shared.app, row, run)).catch_unwind();
    tokio::pin!(work);
    let done = match tokio::time::timeout(LONG, &mut work).await {
        Ok(done) => done,
        Err(_) => match shared.lingering.try_acquire() {
            Ok(_lingering) => {
                shared.lingers(&row.actor_uri);
                drop(turn);
                give_back(shared, &row.actor_uri, None).await;
                let done = work.await;
                shared.lingered(&row.actor_uri);
                done
            }
            Err(_) => work.await,
        },
    };
    done.unwrap_or_else(|_| Err(Failure::Hopeless("working on it panicked".to_owned())))
}

/// Gives back what is queued for an actor; with the row that its task was about to work on, the
/// task ends.
async fn give_back(shared: &Shared, actor: &str, first: Option<Received>) {
    let mut rows: Vec<i64> = first.iter().map(|row| row.id).collect();
    {
        let mut queues = shared.queues();
        if let Some(queue) = queues.get_mut(actor) {
            rows.extend(queue.drain(..).map(|row| row.id));
        }
        if first.is_some() {
            queues.remove(actor);
        }
    }
    shared.release(rows.iter().copied());
    release_until(&shared.app, rows, None).await;
}

/// Whether an activity decides on whether the actor's next one concerns anybody here: that one
/// is not looked at before this one is written.
fn decides_what_follows(kind: &str) -> bool {
    let kind = kind.strip_prefix(RELAYED).unwrap_or(kind);
    matches!(kind, "Accept" | "Reject" | "Add" | "Remove" | "Update")
}

/// What a failure means for a row that failed some times before.
fn failed(app: &App, row: i64, attempts: i64, failure: Failure) -> What {
    let (reason, again_at) = match failure {
        Failure::Hopeless(reason) => (reason, None),
        Failure::Later(reason) => (reason, again_at(attempts, app.clock.now_ms())),
    };
    What::Failed {
        row,
        reason,
        again_at,
    }
}

/// When to try again what failed `attempts` times before this one; `None`: never.
fn again_at(attempts: i64, now: i64) -> Option<i64> {
    let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
    (attempts.saturating_add(1) < ATTEMPTS).then(|| now + BACKOFF * 3i64.pow(attempts))
}

/// Writes what is ready, as much as waits (up to a bound) in one transaction.
async fn apply_all(shared: Arc<Shared>, mut ready: mpsc::Receiver<Work>) {
    let mut chunk = Vec::new();
    // What is finished, and has its text still.
    let mut finished: Vec<i64> = Vec::new();
    let one_writer = !shared.app.db.is_postgres();
    loop {
        let arriving = one_writer && shared.app.federation.intake.is_busy();
        let behind = shared.behind.load(Ordering::Relaxed) > BEHIND;
        let limit = if arriving && !behind {
            SMALL_CHUNK
        } else {
            CHUNK
        };
        let next = if finished.is_empty() {
            Some(ready.recv_many(&mut chunk, limit).await)
        } else {
            let wait = tokio::time::timeout(GATHER_FINISHED, ready.recv_many(&mut chunk, limit));
            wait.await.ok()
        };
        if next.is_none() || finished.len() >= BODIES {
            forget_bodies(&shared.app, std::mem::take(&mut finished)).await;
        }
        match next {
            Some(0) => return,
            Some(_) => {}
            None => continue,
        }
        let works = Arc::new(std::mem::take(&mut chunk));
        let turn = match limit {
            SMALL_CHUNK => Some(shared.turn.lock().await),
            _ => None,
        };
        if write(&shared.app, &works, None).await.is_ok() {
            for work in works.iter() {
                work.written(&shared.app);
            }
        } else {
            let mut unwritten = false;
            for index in 0..works.len() {
                unwritten |= !write_alone(&shared.app, &works, index).await;
            }
            if unwritten {
                // They come again, where nothing is leased at once: not before there is some hope.
                tokio::time::sleep(UNWRITTEN).await;
            }
        }
        drop(turn);
        finished.extend(works.iter().map(Work::row));
        shared.release(works.iter().map(Work::row));
    }
}

/// Deletes texts that nobody needs any more, many at a time: whole pages are freed at once.
async fn forget_bodies(app: &App, rows: Vec<i64>) {
    let done: AppResult<()> = app
        .write(move |tx| {
            let rows = rows.clone();
            Box::pin(async move { Ok(db::inbox::forget_bodies(tx, &rows).await?) })
        })
        .await;
    if let Err(error) = done {
        tracing::warn!(%error, "cannot delete texts of the inbox queue");
    }
}

/// Writes all of a chunk, or one of it.
async fn write(app: &App, works: &Arc<Vec<Work>>, only: Option<usize>) -> AppResult<()> {
    let (works, ctx) = (works.clone(), app.ctx.clone());
    // A transaction is part of one trace at most.
    let span = match (&works[..], only) {
        (_, Some(index)) => works[index].span.clone(),
        ([work], None) => work.span.clone(),
        _ => Span::none(),
    };
    app.write(move |tx| {
        Box::pin(async move {
            let chosen = match only {
                Some(index) => &works[index..=index],
                None => &works[..],
            };
            write_chunk(tx, &ctx, chosen).await
        })
    })
    .instrument(span)
    .await
}

/// Writes one of a chunk, or that it failed; false when not even that could be written.
async fn write_alone(app: &App, works: &Arc<Vec<Work>>, index: usize) -> bool {
    let work = &works[index];
    let Err(error) = write(app, works, Some(index)).await else {
        work.written(app);
        return true;
    };
    let attempts = match work.what {
        What::Apply { attempts, .. } => attempts,
        _ => 0,
    };
    let failed = Work {
        what: failed(app, work.row(), attempts, Failure::from(error)),
        span: work.span.clone(),
        _written: None,
    };
    failed.written(app);
    // Should this fail too, the row comes again.
    let written = write(app, &Arc::new(vec![failed]), None).await;
    if let Err(error) = &written {
        tracing::warn!(%error, "cannot write down that an activity failed");
    }
    written.is_ok()
}

async fn write_chunk(tx: &mut Conn, ctx: &Ctx, works: &[Work]) -> AppResult<()> {
    // Accounts as they are now: what came before may have changed them.
    let actors: HashSet<i64> = works
        .iter()
        .filter_map(|work| match &work.what {
            What::Apply { actor, .. } => Some(actor.id),
            _ => None,
        })
        .collect();
    let actors: Vec<i64> = actors.into_iter().collect();
    let mut actors: HashMap<i64, Account> = db::accounts::by_ids(tx, &actors)
        .await?
        .into_iter()
        .map(|account| (account.id, account))
        .collect();
    // Marked done first, so that what another process did meanwhile is not done again.
    let to_apply = works.iter().filter_map(|work| match &work.what {
        What::Apply { row, actor, .. } if actors.contains_key(&actor.id) => Some(*row),
        _ => None,
    });
    let taken = db::inbox::finish_all(tx, &to_apply.collect::<Vec<i64>>()).await?;
    let mut taken: HashSet<i64> = taken.into_iter().collect();
    for work in works {
        tx.trace = traces::of(&work.span);
        match &work.what {
            What::Done { row, reason } => {
                db::inbox::finish(tx, *row, reason).await?;
            }
            What::Failed {
                row,
                reason,
                again_at,
            } => db::inbox::fail(tx, *row, reason, *again_at).await?,
            What::Apply {
                row, actor, deed, ..
            } => {
                let Some(actor) = actors.get(&actor.id) else {
                    // Forgotten since it was prepared: it is fetched again the next time.
                    return Err(AppError::new(
                        StatusCode::SERVICE_UNAVAILABLE,
                        "the actor was forgotten meanwhile",
                    ));
                };
                // Once: a row whose lease ran out may be here twice.
                if !taken.remove(row) {
                    continue;
                }
                let goes = matches!(**deed, Deed::RemoveActor);
                let may =
                    |actor: &&Account| actor.is_active() || goes && actor.deleted_at.is_none();
                if !may(&actor) {
                    db::inbox::explain(tx, *row, "the actor is suspended or gone").await?;
                    continue;
                }
                let reason = activities::apply(tx, ctx, actor, deed).await?;
                if !reason.is_empty() {
                    db::inbox::explain(tx, *row, reason).await?;
                }
                if goes {
                    let id = actor.id;
                    if let Some(gone) = actors.get_mut(&id) {
                        gone.deleted_at = Some(ctx.now());
                    }
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins() {
        let a = "http://localhost:3000";
        assert_eq!(origin("http://localhost:3000/users/a"), a);
        assert_eq!(origin(a), a);
        assert_eq!(origin(""), "");
    }

    #[test]
    fn attempts_end_after_some_three_days() {
        let mut at = 0;
        let mut attempts = 0;
        while let Some(next) = again_at(attempts, at) {
            assert!(next > at);
            at = next;
            attempts += 1;
        }
        assert_eq!(attempts + 1, i64::from(ATTEMPTS));
        assert!((DAY..4 * DAY).contains(&at), "{at}");
        assert_eq!(again_at(i64::MAX, 0), None);
    }
}
