//! SQLite: a writer thread that puts all waiting transactions into one commit, and reader threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::prepared::prepared;
use super::run::RunQueryDsl;
use diesel::Connection;
use diesel::connection::SimpleConnection;
use diesel::sqlite::SqliteConnection;
use futures::executor::block_on;
use tokio::sync::oneshot;

use super::conn::{Backend, Conn};
use super::{AfterCommit, Error, Job, Now, OpenError, Options, Ran, gone, migrate, panicked};
use crate::event::Event;

/// Readers: two for each core is plenty, for a read never waits but for the disk.
const READERS: usize = 4;
/// Transactions that share a commit at most, which bounds how long the first one waits.
const BATCH: usize = 256;

/// Commits after which the log's pages are moved into the database file: some hundred pages.
const CHECKPOINT: u64 = 64;

/// Pages of the log from which on the writer moves them itself, for the thread that does so lags behind:
/// 64 MiB of 4 KiB, and as much stays of the file.
const LOG: u32 = 16_000;

/// Hears once a transaction is committed.
type Answer = oneshot::Sender<Result<(), Error>>;

pub struct Pool {
    writer: async_channel::Sender<(Job, Answer)>,
    readers: async_channel::Sender<(Job, oneshot::Sender<()>)>,
}

impl Pool {
    pub async fn open(
        path: &str,
        options: &Options,
        after_commit: AfterCommit,
        statements: Arc<AtomicU64>,
    ) -> Result<Pool, OpenError> {
        let mut connection = connect(path, options.sync_full, false)?;
        migrate::sqlite(&mut connection)?;

        let counted = statements.clone();
        let (writer, jobs) = async_channel::bounded(4096);
        let mut state = Writer {
            conn: Conn::new(Backend::Sqlite(connection)),
            commits: 0,
            checkpoint: checkpointer(path)?,
            after_commit,
            origin: options.origin,
            now: options.now.clone(),
            statements,
        };
        std::thread::Builder::new()
            .name("kith-db-writer".into())
            .spawn(move || {
                while let Ok(first) = jobs.recv_blocking() {
                    state.run_batch(first, &jobs);
                }
            })
            .map_err(|e| OpenError::Connect(e.to_string()))?;

        let (readers, jobs) = async_channel::bounded::<(Job, oneshot::Sender<()>)>(4096);
        for n in 0..READERS {
            let mut conn = Conn::new(Backend::Sqlite(connect(path, false, true)?));
            let (jobs, statements) = (jobs.clone(), counted.clone());
            std::thread::Builder::new()
                .name(format!("kith-db-read-{n}"))
                .spawn(move || {
                    while let Ok((mut job, answer)) = jobs.recv_blocking() {
                        // Nobody listens any more when the request was dropped while it queued.
                        if answer.is_closed() {
                            continue;
                        }
                        // A panicking query must not take the reader with it.
                        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                            let _ = block_on(job(&mut conn));
                        }));
                        if ran.is_err() {
                            tracing::error!("a database read panicked");
                        }
                        conn.emitted.clear();
                        // Counted before it is answered: who reads the count next is not to miss
                        // it.
                        statements
                            .fetch_add(std::mem::take(&mut conn.statements), Ordering::Relaxed);
                        let _ = answer.send(());
                    }
                })
                .map_err(|e| OpenError::Connect(e.to_string()))?;
        }
        Ok(Pool { writer, readers })
    }

    pub async fn read(&self, job: Job) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        let sent = self.readers.send((job, answer)).await;
        sent.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())
    }

    pub async fn write(&self, job: Job) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        let sent = self.writer.send((job, answer)).await;
        sent.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

/// Opens a connection with the pragmas that embedded mode rests on.
fn connect(path: &str, sync_full: bool, reader: bool) -> Result<SqliteConnection, OpenError> {
    let mut connection = SqliteConnection::establish(path)
        .map_err(|e| OpenError::Connect(format!("{path}: {e}")))?;
    let sync = if sync_full { "FULL" } else { "NORMAL" };
    let query_only = if reader { "PRAGMA query_only=ON;" } else { "" };
    connection
        .batch_execute(&format!(
            "PRAGMA busy_timeout=10000; PRAGMA journal_mode=WAL; PRAGMA synchronous={sync};
             PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-8192;
             PRAGMA wal_autocheckpoint={LOG}; PRAGMA journal_size_limit=67108864; {query_only}"
        ))
        .map_err(|e| OpenError::Connect(format!("{path}: {e}")))?;
    Ok(connection)
}

/// A thread that moves what is committed from the log into the database file whenever it is told,
/// so that the writer, which moves what is left once the log is long, seldom waits for the disk.
fn checkpointer(path: &str) -> Result<async_channel::Sender<()>, OpenError> {
    let mut connection = connect(path, false, false)?;
    let (bell, rung) = async_channel::bounded(1);
    std::thread::Builder::new()
        .name("kith-db-checkpoint".into())
        .spawn(move || {
            while rung.recv_blocking().is_ok() {
                // PASSIVE waits for nobody, and nobody for it.
                if let Err(error) = connection.batch_execute("PRAGMA wal_checkpoint(PASSIVE)") {
                    tracing::warn!(%error, "cannot move the log into the database");
                }
            }
        })
        .map_err(|e| OpenError::Connect(e.to_string()))?;
    Ok(bell)
}

struct Writer {
    conn: Conn,
    commits: u64,
    checkpoint: async_channel::Sender<()>,
    after_commit: AfterCommit,
    origin: i64,
    now: Now,
    statements: Arc<AtomicU64>,
}

impl Writer {
    /// Runs the first job and all that wait behind it in one transaction, then answers them all. The first
    /// is undone with the transaction, should it come to nothing; the others have a savepoint each, in
    /// which SQLite keeps a copy of each page that they change.
    fn run_batch(&mut self, first: (Job, Answer), jobs: &async_channel::Receiver<(Job, Answer)>) {
        if let Err(error) = self.execute("BEGIN IMMEDIATE") {
            tracing::error!(%error, "cannot begin a transaction");
            // Without a transaction the job runs nothing: dropping it tells its caller.
            drop(first);
            return;
        }
        let mut answers = Vec::new();
        let mut events = Vec::new();
        if !self.run_first(first, &mut answers, &mut events) {
            return;
        }
        while answers.len() < BATCH
            && let Ok((job, answer)) = jobs.try_recv()
        {
            if !self.run_job(job, answer, &mut answers, &mut events) {
                // What came before is undone as well; what comes next is not to begin where nothing ends.
                let _ = self.execute("ROLLBACK");
                refuse(answers);
                return;
            }
        }
        let logged = block_on(super::events::append(
            &mut self.conn,
            &events,
            self.origin,
            (self.now)(),
        ));
        let committed = match logged {
            Ok(()) => self.execute("COMMIT"),
            Err(error) => Err(error),
        };
        self.statements
            .fetch_add(std::mem::take(&mut self.conn.statements), Ordering::Relaxed);
        match committed {
            Ok(()) => {
                (self.after_commit)(&events);
                for answer in answers {
                    let _ = answer.send(Ok(()));
                }
                self.commits += 1;
                if self.commits.is_multiple_of(CHECKPOINT) {
                    // Full: it is at it.
                    let _ = self.checkpoint.try_send(());
                }
            }
            Err(error) => {
                tracing::error!(%error, "a commit failed");
                let _ = self.execute("ROLLBACK");
                refuse(answers);
            }
        }
    }

    /// Runs a job with which a transaction begins; false when it was rolled back, and the transaction with
    /// it.
    fn run_first(
        &mut self,
        (mut job, answer): (Job, Answer),
        answers: &mut Vec<Answer>,
        events: &mut Vec<Event>,
    ) -> bool {
        let conn = &mut self.conn;
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| block_on(job(conn))));
        let emitted = std::mem::take(&mut self.conn.emitted);
        if matches!(ran, Ok(Ran::Well)) {
            events.extend(emitted);
            answers.push(answer);
            return true;
        }
        // On a full disk SQLite has done so by itself.
        if let Err(error) = self.execute("ROLLBACK") {
            tracing::error!(%error, "cannot roll back a transaction");
        }
        self.statements
            .fetch_add(std::mem::take(&mut self.conn.statements), Ordering::Relaxed);
        match ran {
            // It has its own error already.
            Ok(_) => {
                let _ = answer.send(Ok(()));
            }
            // The panic was printed.
            Err(_) => {
                tracing::error!("a transaction panicked and was rolled back");
                let _ = answer.send(Err(panicked()));
            }
        }
        false
    }

    /// Runs a job in its savepoint; false when that could not be closed: on a full disk SQLite rolls back all.
    fn run_job(
        &mut self,
        mut job: Job,
        answer: Answer,
        answers: &mut Vec<Answer>,
        events: &mut Vec<Event>,
    ) -> bool {
        if let Err(error) = self.execute("SAVEPOINT job") {
            tracing::error!(%error, "cannot open a savepoint");
            return false;
        }
        let conn = &mut self.conn;
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| block_on(job(conn))));
        let keep = matches!(ran, Ok(Ran::Well));
        let closed = if keep {
            self.execute("RELEASE job")
        } else {
            self.execute("ROLLBACK TO job")
                .and_then(|()| self.execute("RELEASE job"))
        };
        let emitted = std::mem::take(&mut self.conn.emitted);
        let closed_well = closed.is_ok();
        match (ran, closed) {
            (Ok(_), Ok(())) => {
                if keep {
                    events.extend(emitted);
                }
                answers.push(answer);
            }
            (Ok(_), Err(error)) => {
                tracing::error!(%error, "cannot close a savepoint");
                let _ = answer.send(Err(error));
            }
            // The panic was printed.
            (Err(_), closed) => {
                tracing::error!("a transaction panicked and was rolled back");
                let _ = answer.send(closed.and(Err(panicked())));
            }
        }
        closed_well
    }

    /// Runs one statement, which stays prepared.
    fn execute(&mut self, sql: &'static str) -> Result<(), Error> {
        match &mut self.conn.backend {
            Backend::Sqlite(connection) => block_on(prepared(sql).execute(connection)).map(drop),
            Backend::Postgres(_) => Err(gone()),
        }
    }
}

/// Tells those whose work is undone, for a reason that is none of theirs.
fn refuse(answers: Vec<Answer>) {
    for answer in answers {
        let _ = answer.send(Err(Error::RollbackErrorOnCommit {
            rollback_error: Box::new(Error::RollbackTransaction),
            commit_error: Box::new(gone()),
        }));
    }
}
