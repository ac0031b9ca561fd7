//! PostgreSQL: a pool, and transactions that run in tasks of their own.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool::managed::QueueMode;
use diesel_async::pooled_connection::deadpool::{Object, Pool as Deadpool};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};

use futures::FutureExt;

use super::conn::{Backend, Conn};
use super::{AfterCommit, Error, Job, Now, OpenError, Options, Ran, gone, migrate, panicked};
use crate::event::Event;

/// How often a transaction that others are in the way of is run.
const TRIES: u32 = 6;
/// The pause after its first run; the second is four times as long, the third nine times.
const BREAK: Duration = Duration::from_millis(20);

pub struct Pool {
    pool: Deadpool<AsyncPgConnection>,
    after_commit: AfterCommit,
    origin: i64,
    now: Now,
    statements: Arc<AtomicU64>,
}

impl Pool {
    pub async fn open(
        options: &Options,
        after_commit: AfterCommit,
        statements: Arc<AtomicU64>,
    ) -> Result<Pool, OpenError> {
        migrate::postgres(&options.url).await?;
        // A connection that is closed is known to be: it is not asked each time.
        let mut config = ManagerConfig::default();
        config.recycling_method = RecyclingMethod::Fast;
        let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new_with_config(
            &options.url,
            config,
        );
        // The one that was used last knows most statements already.
        let pool = Deadpool::builder(manager)
            .max_size(options.connections)
            .queue_mode(QueueMode::Lifo)
            .build()
            .map_err(|e| OpenError::Connect(e.to_string()))?;
        Ok(Pool {
            pool,
            after_commit,
            origin: options.origin,
            now: options.now.clone(),
            statements,
        })
    }

    pub async fn read(&self, mut job: Job) -> Result<(), Error> {
        let mut conn = Conn::new(Backend::Postgres(connection(&self.pool).await?));
        let ran = AssertUnwindSafe(job(&mut conn)).catch_unwind().await;
        self.statements
            .fetch_add(conn.statements, Ordering::Relaxed);
        if ran.is_err() {
            tracing::error!("a database read panicked");
            // Its answer may be half read.
            if let Backend::Postgres(connection) = conn.backend {
                drop(Object::take(connection));
            }
        }
        Ok(())
    }

    pub async fn write(&self, mut job: Job) -> Result<(), Error> {
        let mut conn = Conn::new(Backend::Postgres(connection(&self.pool).await?));
        let after_commit = self.after_commit.clone();
        let (origin, now, statements) = (self.origin, self.now.clone(), self.statements.clone());
        // A task of its own: a caller that is dropped cannot cut the transaction short.
        let task = tokio::spawn(async move {
            let mut tries = 1;
            let done = loop {
                match transaction(&mut conn, &mut job, origin, &now).await {
                    Ok(Ended::Committed(events)) => {
                        after_commit(&events);
                        break Ok(());
                    }
                    // What a reader then finds is not to be hidden by what is kept in memory.
                    Ok(Ended::Unknown(events, error)) => {
                        after_commit(&events);
                        break Err(error);
                    }
                    Ok(Ended::InVain) if tries < TRIES => {
                        // The other goes on now; it is to be through before this one begins.
                        tokio::time::sleep(BREAK * tries * tries).await;
                        tries += 1;
                    }
                    Ok(_) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            statements.fetch_add(conn.statements, Ordering::Relaxed);
            done
        });
        task.await
            .map_err(|error| if error.is_panic() { panicked() } else { gone() })?
    }
}

/// How a transaction ended.
enum Ended {
    Committed(Vec<Event>),
    /// The database went while it was asked to commit: it may have done so.
    Unknown(Vec<Event>, Error),
    /// Rolled back, as its closure wanted.
    RolledBack,
    /// Rolled back because another was in its way.
    InVain,
}

async fn transaction(
    conn: &mut Conn,
    job: &mut Job,
    origin: i64,
    now: &Now,
) -> Result<Ended, Error> {
    execute(conn, "BEGIN").await?;
    // A panic must not leave its half-done transaction on a pooled connection.
    let ran = AssertUnwindSafe(job(conn)).catch_unwind().await;
    let events = std::mem::take(&mut conn.emitted);
    if matches!(ran, Ok(Ran::Well)) {
        let committed = match super::events::append(conn, &events, origin, now()).await {
            Ok(()) => execute(conn, "COMMIT").await,
            Err(error) => Err(error),
        };
        return match committed {
            Ok(()) => Ok(Ended::Committed(events)),
            Err(error) if super::is_gone(&error) => Ok(Ended::Unknown(events, error)),
            Err(error) => {
                let _ = execute(conn, "ROLLBACK").await;
                Err(error)
            }
        };
    }
    execute(conn, "ROLLBACK").await?;
    match ran {
        Ok(Ran::InVain) => Ok(Ended::InVain),
        _ => Ok(Ended::RolledBack),
    }
}

async fn connection(
    pool: &Deadpool<AsyncPgConnection>,
) -> Result<Object<AsyncPgConnection>, Error> {
    pool.get().await.map_err(|error| {
        tracing::error!(%error, "no database connection");
        gone()
    })
}

async fn execute(conn: &mut Conn, sql: &str) -> Result<(), Error> {
    match &mut conn.backend {
        Backend::Postgres(connection) => connection.batch_execute(sql).await,
        Backend::Sqlite(_) => Err(gone()),
    }
}
