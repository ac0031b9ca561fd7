//! Storage: connections, the schema, and every query, one file per family of tables.
//!
//! A package of its own, so that its queries are compiled once, whatever changes above them: each
//! function is `#[boxed]`. diesel appears here only. A query function takes `&mut Conn`, returns
//! [`Result`], and says `Ok(None)` where a row is missing; what that means is the caller's to decide.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;

use event::Event;
use kith_boxed::boxed;
use tracing::Instrument;

pub mod accounts;
pub mod any;
pub mod conn;
pub mod event;
pub mod events;
pub mod migrate;
mod postgres;
pub mod prepared;
pub mod relations;
pub mod run;
pub mod schema;
mod sqlite;

pub use conn::Conn;
pub use migrate::{MigrateError, known_versions};

/// The target of the spans that traces are made of, which are no part of the log.
pub const SPANS: &str = "otlp";

/// A span of the database in a trace; where none are kept it costs a look at a number.
macro_rules! span {
    ($name:literal) => {
        tracing::trace_span!(target: "otlp::database", $name)
    };
}

/// What a query fails with.
pub type Error = diesel::result::Error;
/// The outcome of a query.
pub type Result<T> = std::result::Result<T, Error>;

/// Called after each commit with what it emitted, before the writer's caller hears of it,
/// so that a client that reads after its own write never sees a stale cache.
pub type AfterCommit = Arc<dyn Fn(&[Event]) + Send + Sync>;

/// A closure's future, borrowing the connection it was lent.
pub type Work<'c, T, E> = BoxFuture<'c, std::result::Result<T, E>>;

/// A closure whose outcome stays with whoever gave it: what the pools run. So the pools are
/// compiled once, not once for each closure. It may be run again when it says [`Ran::InVain`].
type Job = Box<dyn for<'c> FnMut(&'c mut Conn) -> BoxFuture<'c, Ran> + Send>;

/// How a [`Job`] ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ran {
    /// What it wrote is to be kept.
    Well,
    /// It is to be rolled back.
    Badly,
    /// It is to be rolled back, and would come to something else if run again.
    InVain,
}

/// An error that may be a transaction's that got into another's way.
pub trait Transient {
    /// Whether the same transaction may well succeed when it is run again at once.
    fn is_transient(&self) -> bool;
}

impl Transient for Error {
    fn is_transient(&self) -> bool {
        use diesel::result::DatabaseErrorKind;
        match self {
            // What was looked for, and not found, another wrote meanwhile: it is found next time.
            Error::DatabaseError(
                DatabaseErrorKind::SerializationFailure | DatabaseErrorKind::UniqueViolation,
                _,
            ) => true,
            // diesel has no kind for SQLSTATE 40P01.
            Error::DatabaseError(_, about) => about.message().starts_with("deadlock detected"),
            _ => false,
        }
    }
}

/// Where a [`Job`] leaves its outcome.
struct Outcome<T, E>(Arc<Mutex<Option<std::result::Result<T, E>>>>);

impl<T, E: From<Error>> Outcome<T, E> {
    /// What the job came to. One that panicked came to nothing.
    fn take(&self) -> std::result::Result<T, E> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.take().unwrap_or_else(|| Err(E::from(panicked())))
    }
}

/// What the pools run for a closure, and where its outcome will be. `next` gives the closure for
/// each run.
fn job<T, E, F>(
    trace: Option<String>,
    mut next: impl FnMut() -> Option<F> + Send + 'static,
) -> (Job, Outcome<T, E>)
where
    T: Send + 'static,
    E: Transient + Send + 'static,
    F: for<'c> FnOnce(&'c mut Conn) -> Work<'c, T, E> + Send + 'static,
{
    let slot = Arc::new(Mutex::new(None));
    let outcome = Outcome(slot.clone());
    let job: Job = Box::new(move |conn| {
        conn.trace.clone_from(&trace);
        let (work, slot) = (next().map(|work| work(conn)), slot.clone());
        Box::pin(async move {
            let Some(work) = work else {
                return Ran::Badly;
            };
            let outcome = work.await;
            let ran = match &outcome {
                Ok(_) => Ran::Well,
                Err(error) if error.is_transient() => Ran::InVain,
                Err(_) => Ran::Badly,
            };
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
            ran
        })
    });
    (job, outcome)
}

/// A closure that is run once.
fn once<F>(work: F) -> impl FnMut() -> Option<F> {
    let mut work = Some(work);
    move || work.take()
}

/// Tells the time, in milliseconds since the epoch.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Tells the span that whoever calls is in, as a W3C traceparent.
pub type Tracing = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// How to open the database.
pub struct Options {
    /// `sqlite:PATH` or `postgres://…`.
    pub url: String,
    /// SQLite: wait for the disk at every commit (`KITH_SQLITE_SYNC=full`).
    pub sync_full: bool,
    /// PostgreSQL: connections at most.
    pub connections: usize,
    /// Marks this process's rows in the event log.
    pub origin: i64,
    /// For the event log's rows.
    pub now: Now,
    /// `None` where no traces are kept.
    pub tracing: Option<Tracing>,
}

/// Why the database could not be opened, in one line for an admin.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("unknown database scheme in {0:?}: expected sqlite:PATH or postgres://…")]
    Scheme(String),
    #[error("cannot open the database: {0}")]
    Connect(String),
    #[error(transparent)]
    Migrate(#[from] MigrateError),
}

/// The database: cheap to clone, closed when the last clone is gone.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool,
    statements: Arc<AtomicU64>,
    tracing: Option<Tracing>,
}

enum Pool {
    Sqlite(sqlite::Pool),
    Postgres(postgres::Pool),
}

impl Db {
    /// Opens the database and brings its schema up to date.
    pub async fn open(
        options: Options,
        after_commit: AfterCommit,
    ) -> std::result::Result<Db, OpenError> {
        let statements = Arc::new(AtomicU64::new(0));
        let pool = if let Some(path) = options.url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path).to_owned();
            Pool::Sqlite(
                sqlite::Pool::open(&path, &options, after_commit, statements.clone()).await?,
            )
        } else if options.url.starts_with("postgres://") || options.url.starts_with("postgresql://")
        {
            Pool::Postgres(postgres::Pool::open(&options, after_commit, statements.clone()).await?)
        } else {
            // The part before the colon names the scheme; the rest may hold a password.
            let scheme = options.url.split(':').next().unwrap_or_default();
            return Err(OpenError::Scheme(format!("{scheme}:…")));
        };
        Ok(Db {
            inner: Arc::new(Inner {
                pool,
                statements,
                tracing: options.tracing,
            }),
        })
    }

    /// Lends a connection for reading. The closure may wait for nothing but the database.
    pub async fn read<T, E, F>(&self, work: F) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Transient + Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> Work<'c, T, E> + Send + 'static,
    {
        let (job, outcome) = job(None, once(work));
        self.read_job(job).await?;
        outcome.take()
    }

    /// Runs a whole transaction and answers after its commit. An `Err` rolls it back.
    ///
    /// The transaction runs to its end even when the caller is dropped meanwhile. On SQLite it
    /// shares one commit with whatever else waits, and is undone by itself. On PostgreSQL it is
    /// run again, from the start, when it met another in a deadlock, or both wrote what there can
    /// be one of: the closure is cloned for that, and does nothing that a rollback does not undo.
    /// It may wait for nothing but the database.
    pub async fn write<T, E, F>(&self, work: F) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Transient + Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> Work<'c, T, E> + Clone + Send + 'static,
    {
        let trace = self.inner.tracing.as_ref().and_then(|tracing| tracing());
        let (job, outcome) = match &self.inner.pool {
            Pool::Sqlite(_) => job(trace, once(work)),
            Pool::Postgres(_) => job(trace, move || Some(work.clone())),
        };
        self.write_job(job).await?;
        outcome.take()
    }

    async fn read_job(&self, job: Job) -> Result<()> {
        let span = span!("database read");
        match &self.inner.pool {
            Pool::Sqlite(pool) => pool.read(job).instrument(span).await,
            Pool::Postgres(pool) => pool.read(job).instrument(span).await,
        }
    }

    async fn write_job(&self, job: Job) -> Result<()> {
        let span = span!("database transaction");
        match &self.inner.pool {
            Pool::Sqlite(pool) => pool.write(job).instrument(span).await,
            Pool::Postgres(pool) => pool.write(job).instrument(span).await,
        }
    }

    /// Statements run so far by this handle and its clones, for tests that count queries.
    pub fn statements(&self) -> u64 {
        self.inner.statements.load(Ordering::Relaxed)
    }

    /// Whether this is PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        matches!(self.inner.pool, Pool::Postgres(_))
    }
}

/// A message that the database had gone when it was asked.
pub(crate) fn gone() -> Error {
    Error::DatabaseError(
        diesel::result::DatabaseErrorKind::ClosedConnection,
        Box::new("the database is shut down".to_owned()),
    )
}

/// A closure panicked: a fault of ours, and none that passes.
pub(crate) fn panicked() -> Error {
    Error::DatabaseError(
        diesel::result::DatabaseErrorKind::Unknown,
        Box::new("what was asked of the database panicked".to_owned()),
    )
}

/// Whether a query failed because the database is not in reach, which may pass.
pub fn is_gone(error: &Error) -> bool {
    use diesel::result::DatabaseErrorKind::{ClosedConnection, UnableToSendCommand};
    match error {
        Error::DatabaseError(ClosedConnection | UnableToSendCommand, _) => true,
        // diesel has no kind for SQLSTATE 57P01 and 57P02, a connection's last words.
        Error::DatabaseError(_, about) => about.message().starts_with("terminating connection"),
        _ => false,
    }
}

/// Migrates a database without opening it: what a template is made with.
pub async fn migrate_only(url: &str) -> std::result::Result<(), MigrateError> {
    match url.strip_prefix("sqlite:") {
        Some(path) => {
            let connection = diesel::Connection::establish(path);
            migrate::sqlite(&mut connection.map_err(|e| MigrateError::Connect(e.to_string()))?)
        }
        None => migrate::postgres(url).await,
    }
}
