//! Brings a database's schema up to date, or refuses one that a newer Kith has written.

use std::collections::HashSet;

use diesel::migration::MigrationSource;
use diesel::sqlite::SqliteConnection;
use diesel_async::{AsyncConnection, AsyncMigrationHarness, AsyncPgConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::Conn;
use crate::conn::Backend;

const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error("the database was written by a newer version of Kith (schema {0}): upgrade Kith")]
    Newer(String),
    #[error("cannot connect to the database: {0}")]
    Connect(String),
    #[error("cannot migrate the database: {0}")]
    Failed(String),
}

/// Migrates a SQLite database.
pub fn sqlite(connection: &mut SqliteConnection) -> Result<(), MigrateError> {
    run(connection, SQLITE)
}

/// Migrates a PostgreSQL database over a connection of its own. Processes that start at the
/// same time take turns.
pub async fn postgres(url: &str) -> Result<(), MigrateError> {
    let mut connection = AsyncPgConnection::establish(url)
        .await
        .map_err(|e| MigrateError::Connect(e.to_string()))?;
    // The lock goes with the connection.
    diesel_async::SimpleAsyncConnection::batch_execute(
        &mut connection,
        "SELECT pg_advisory_lock(5283411)",
    )
    .await
    .map_err(|e| MigrateError::Failed(e.to_string()))?;
    run(&mut AsyncMigrationHarness::new(connection), POSTGRES)
}

/// Refuses migrations that this version does not know.
pub fn check_known(versions: &[String]) -> Result<(), MigrateError> {
    let known = versions_of::<diesel::sqlite::Sqlite>(&SQLITE)?;
    match versions.iter().find(|version| !known.contains(*version)) {
        Some(newer) => Err(MigrateError::Newer(newer.clone())),
        None => Ok(()),
    }
}

/// The versions of all migrations of this version, in their order.
pub fn known_versions() -> Result<Vec<String>, MigrateError> {
    let known = versions_of::<diesel::sqlite::Sqlite>(&SQLITE)?;
    let mut known: Vec<String> = known.into_iter().collect();
    known.sort_unstable();
    Ok(known)
}

/// Runs, on a connection that may be in a transaction, those of some migrations that have not
/// run, or of all; gives the connection back, which is gone where that failed.
pub fn up_to(conn: Conn, versions: Option<&[String]>) -> Result<Conn, MigrateError> {
    let backend = match conn.backend {
        Backend::Sqlite(mut connection) => {
            some::<diesel::sqlite::Sqlite, _>(&mut connection, SQLITE, versions)?;
            Backend::Sqlite(connection)
        }
        Backend::Postgres(connection) => {
            let mut harness = AsyncMigrationHarness::new(connection);
            some::<diesel::pg::Pg, _>(&mut harness, POSTGRES, versions)?;
            Backend::Postgres(harness.into_inner())
        }
    };
    Ok(Conn::new(backend))
}

fn some<B, H>(
    harness: &mut H,
    source: EmbeddedMigrations,
    versions: Option<&[String]>,
) -> Result<(), MigrateError>
where
    B: diesel::backend::Backend,
    H: MigrationHarness<B>,
    EmbeddedMigrations: MigrationSource<B>,
{
    let failed = |e: Box<dyn std::error::Error + Send + Sync>| MigrateError::Failed(e.to_string());
    // They come in their order.
    for migration in harness.pending_migrations(source).map_err(failed)? {
        let version = migration.name().version().to_string();
        if versions.is_none_or(|wanted| wanted.contains(&version)) {
            harness.run_migration(&migration).map_err(failed)?;
        }
    }
    Ok(())
}

fn versions_of<B>(source: &EmbeddedMigrations) -> Result<HashSet<String>, MigrateError>
where
    B: diesel::backend::Backend,
    EmbeddedMigrations: MigrationSource<B>,
{
    let known = MigrationSource::<B>::migrations(source);
    let known = known.map_err(|e| MigrateError::Failed(e.to_string()))?;
    Ok(known
        .iter()
        .map(|m| m.name().version().to_string())
        .collect())
}

fn run<B, H>(harness: &mut H, source: EmbeddedMigrations) -> Result<(), MigrateError>
where
    B: diesel::backend::Backend,
    H: MigrationHarness<B>,
    EmbeddedMigrations: MigrationSource<B>,
{
    let failed = |e: Box<dyn std::error::Error + Send + Sync>| MigrateError::Failed(e.to_string());
    let known = versions_of::<B>(&source)?;
    let applied = harness.applied_migrations().map_err(failed)?;
    if let Some(newer) = applied.iter().find(|v| !known.contains(&v.to_string())) {
        return Err(MigrateError::Newer(newer.to_string()));
    }
    harness.run_pending_migrations(source).map_err(failed)?;
    Ok(())
}
