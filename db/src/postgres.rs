//! PostgreSQL: a pool, and transactions that run in tasks of their own.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::deadpool::{Object, Pool as Deadpool};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};

use futures::FutureExt;

use super::conn::{Backend, Conn};
use super::{AfterCommit, Error, Job, Now, OpenError, Options, gone, migrate};

/// Connections of one process. PostgreSQL's default allows 100 in all.
const CONNECTIONS: usize = 16;

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
        let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(&options.url);
        let pool = Deadpool::builder(manager)
            .max_size(CONNECTIONS)
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

    pub async fn read(&self, job: Job) -> Result<(), Error> {
        let mut conn = Conn::new(Backend::Postgres(connection(&self.pool).await?));
        job(&mut conn).await;
        self.statements
            .fetch_add(conn.statements, Ordering::Relaxed);
        Ok(())
    }

    pub async fn write(&self, job: Job) -> Result<(), Error> {
        let mut conn = Conn::new(Backend::Postgres(connection(&self.pool).await?));
        let after_commit = self.after_commit.clone();
        let (origin, now, statements) = (self.origin, self.now.clone(), self.statements.clone());
        // A task of its own: a caller that is dropped cannot cut the transaction short.
        let task = tokio::spawn(async move {
            execute(&mut conn, "BEGIN").await?;
            // A panic must not leave its half-done transaction on a pooled connection.
            let ran = AssertUnwindSafe(job(&mut conn)).catch_unwind().await;
            let done = if matches!(ran, Ok(true)) {
                let events = std::mem::take(&mut conn.emitted);
                let logged = super::events::append(&mut conn, &events, origin, now()).await;
                let committed = match logged {
                    Ok(()) => execute(&mut conn, "COMMIT").await,
                    Err(error) => Err(error),
                };
                match committed {
                    Ok(()) => {
                        after_commit(&events);
                        Ok(())
                    }
                    Err(error) => {
                        let _ = execute(&mut conn, "ROLLBACK").await;
                        Err(error)
                    }
                }
            } else {
                execute(&mut conn, "ROLLBACK").await
            };
            statements.fetch_add(conn.statements, Ordering::Relaxed);
            done
        });
        task.await.map_err(|_| gone())?
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
