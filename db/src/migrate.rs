//! Brings a database's schema up to date, or refuses one that a newer Kith has written.

use std::collections::HashSet;

use diesel::migration::MigrationSource;
use diesel::sqlite::SqliteConnection;
use diesel_async::{AsyncConnection, AsyncMigrationHarness, AsyncPgConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

const SQLITE: EmbeddedMigrations = embed_migrations!("../migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../migrations/postgres");

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

fn run<B, H>(harness: &mut H, source: EmbeddedMigrations) -> Result<(), MigrateError>
where
    B: diesel::backend::Backend,
    H: MigrationHarness<B>,
    EmbeddedMigrations: MigrationSource<B>,
{
    let failed = |e: Box<dyn std::error::Error + Send + Sync>| MigrateError::Failed(e.to_string());
    let known: HashSet<String> = MigrationSource::<B>::migrations(&source)
        .map_err(failed)?
        .iter()
        .map(|m| m.name().version().to_string())
        .collect();
    let applied = harness.applied_migrations().map_err(failed)?;
    if let Some(newer) = applied.iter().find(|v| !known.contains(&v.to_string())) {
        return Err(MigrateError::Newer(newer.to_string()));
    }
    harness.run_pending_migrations(source).map_err(failed)?;
    Ok(())
}
