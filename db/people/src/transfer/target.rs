//! A database that is made anew, of rows from elsewhere.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::SqliteConnection;
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection, TransactionManager};

use super::catalog::{self, Table};
use super::snapshot::{self, number, postgres};
use super::{TransferError, sqlite_path};
use crate::conn::Backend;
use crate::migrate;
use crate::run::RunQueryDsl;
use crate::{Conn, OpenError, Result, boxed, on_db};

type Transactions = <AsyncPgConnection as AsyncConnection>::TransactionManager;

/// How far the ids of the new event log lie beyond those of the old one, so that no client takes
/// an old position for one in the new log.
const BEYOND: i64 = 1_000_000_000;

/// What is in a place where a database is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupied {
    /// Nothing.
    Empty,
    /// A database of Kith's, or a file.
    Kith,
    /// Tables of something else.
    Foreign,
}

/// Says what is there.
#[boxed]
pub async fn occupied(url: &str) -> std::result::Result<Occupied, TransferError> {
    if let Some(path) = sqlite_path(url) {
        return Ok(match Path::new(path).exists() {
            true => Occupied::Kith,
            false => Occupied::Empty,
        });
    }
    let mut conn = Conn::new(Backend::Postgres(postgres(url).await?));
    occupied_schema(&mut conn).await
}

async fn occupied_schema(conn: &mut Conn) -> std::result::Result<Occupied, TransferError> {
    let of = |name: &str| {
        format!(
            "SELECT count(*) AS n FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f') \
             AND relnamespace = current_schema()::regnamespace{name}"
        )
    };
    if number(conn, &of("")).await? == 0 {
        return Ok(Occupied::Empty);
    }
    let ours = of(" AND relname = '__diesel_schema_migrations'");
    Ok(match number(conn, &ours).await? {
        0 => Occupied::Foreign,
        _ => Occupied::Kith,
    })
}

/// A database that is being made: a SQLite file, or a transaction on PostgreSQL.
pub struct Target {
    conn: Conn,
    /// When it was begun.
    now: i64,
}

impl Target {
    /// Begins a database with the schema of these migrations. A SQLite file must not be there;
    /// on PostgreSQL, `replace` clears the schema of what Kith had in it, unless a server runs there.
    pub async fn create(
        url: &str,
        migrations: &[String],
        replace: bool,
        now: i64,
    ) -> std::result::Result<Target, TransferError> {
        migrate::check_known(migrations)?;
        let mut conn = match sqlite_path(url) {
            Some(path) => file(path)?,
            None => schema(url, replace, now).await?,
        };
        conn = migrate::up_to(conn, Some(migrations))?;
        if let Backend::Sqlite(connection) = &mut conn.backend {
            connection.batch_execute("BEGIN")?;
        }
        Ok(Target { conn, now })
    }

    /// The tables that wait for rows, each after those that it refers to.
    pub async fn tables(&mut self) -> std::result::Result<Vec<Table>, TransferError> {
        catalog::tables(&mut self.conn).await
    }

    /// Empties a table of what its migrations put there.
    pub async fn clear(&mut self, table: &Table) -> std::result::Result<(), TransferError> {
        let conn = &mut self.conn;
        let sql = format!("DELETE FROM \"{}\"", table.name);
        on_db!(conn, |c| diesel::sql_query(sql).execute(c).await)?;
        Ok(())
    }

    /// Adds rows, as a [`Snapshot`](super::Snapshot) gives them.
    pub async fn insert(
        &mut self,
        table: &Table,
        rows: &[String],
    ) -> std::result::Result<(), TransferError> {
        insert(&mut self.conn, table, rows).await
    }

    /// Some rows, as they are there now.
    pub async fn rows(
        &mut self,
        table: &Table,
        after: Option<&str>,
    ) -> std::result::Result<Vec<String>, TransferError> {
        snapshot::rows(&mut self.conn, table, after).await
    }

    /// Sets what counts on by itself, brings the schema up to date, and looks at the whole once
    /// more. `last_event` is where the old event log ended.
    pub async fn finish(mut self, last_event: i64) -> std::result::Result<Target, TransferError> {
        let (conn, now) = (&mut self.conn, self.now);
        // Nor for one of a log that was begun before from the same backup: positions are given out
        // more slowly than microseconds pass.
        let events = last_event
            .saturating_add(BEYOND)
            .max(now.saturating_mul(1000));
        if let Backend::Sqlite(connection) = &mut conn.backend {
            // Rows with ids have set the others.
            connection.batch_execute(&format!(
                "DELETE FROM sqlite_sequence WHERE name = 'events'; \
                 INSERT INTO sqlite_sequence (name, seq) VALUES ('events', {events}); COMMIT"
            ))?;
        } else {
            count_on(conn).await?;
            let sql =
                format!("SELECT setval(pg_get_serial_sequence('events', 'id'), {events}) AS n");
            number(conn, &sql).await?;
        }
        let mut conn = migrate::up_to(self.conn, None)?;
        if let Backend::Sqlite(_) = conn.backend {
            check_file(&mut conn).await?;
        }
        Ok(Target { conn, now })
    }

    /// Writes down by which mark it is known ([`super::mark`]).
    pub async fn set_mark(&mut self, mark: &str) -> std::result::Result<(), TransferError> {
        Ok(crate::policies::set_setting(&mut self.conn, super::MARK, mark).await?)
    }

    /// Makes it last.
    pub async fn commit(mut self) -> std::result::Result<(), TransferError> {
        if let Backend::Postgres(connection) = &mut self.conn.backend {
            let connection: &mut AsyncPgConnection = connection;
            Transactions::commit_transaction(connection).await?;
        }
        Ok(())
    }
}

/// A new file, fast to fill: whoever gives it its name has it synced first.
fn file(path: &str) -> std::result::Result<Conn, TransferError> {
    if Path::new(path).exists() {
        return Err(TransferError::unfit(format!("{path} is there already")));
    }
    let failed = |e: String| OpenError::Connect(format!("{path}: {e}"));
    let mut connection = SqliteConnection::establish(path).map_err(|e| failed(e.to_string()))?;
    connection
        .batch_execute(
            "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF; PRAGMA foreign_keys=OFF; \
             PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY",
        )
        .map_err(|e| failed(e.to_string()))?;
    Ok(Conn::new(Backend::Sqlite(connection)))
}

/// A transaction on PostgreSQL, in a schema where nothing is left.
async fn schema(url: &str, replace: bool, now: i64) -> std::result::Result<Conn, TransferError> {
    let mut connection = postgres(url).await?;
    // As in `migrate`: processes that start meanwhile wait. The lock goes with the connection.
    connection
        .batch_execute("SELECT pg_advisory_lock(5283411)")
        .await?;
    Transactions::begin_transaction(&mut *connection).await?;
    let mut conn = Conn::new(Backend::Postgres(connection));
    match occupied_schema(&mut conn).await? {
        Occupied::Empty => {}
        // Once more: one may have started since this was asked. From here on none does.
        Occupied::Kith if replace => match snapshot::running(&mut conn, now).await? {
            Some(who) => {
                return Err(TransferError::unfit(format!(
                    "the database is in use by {who}: stop it first"
                )));
            }
            None => drop_tables(&mut conn).await?,
        },
        Occupied::Kith => return Err(TransferError::unfit("the database is not empty")),
        Occupied::Foreign => {
            return Err(TransferError::unfit(
                "the database holds tables that are not Kith's",
            ));
        }
    }
    Ok(conn)
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = Text)]
    name: String,
}

async fn drop_tables(conn: &mut Conn) -> Result<()> {
    let sql = "SELECT quote_ident(relname) AS name FROM pg_class \
               WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace";
    let tables: Vec<Named> = on_db!(conn, |c| diesel::sql_query(sql).load(c).await)?;
    for table in tables {
        let sql = format!("DROP TABLE {} CASCADE", table.name);
        on_db!(conn, |c| diesel::sql_query(sql).execute(c).await)?;
    }
    Ok(())
}

/// Whether a text of some rows holds a NUL character.
fn holds_nul(table: &Table, rows: &[String]) -> std::result::Result<bool, TransferError> {
    for row in rows {
        let values: Vec<serde_json::Value> = snapshot::parsed(table, row)?;
        if values
            .iter()
            .any(|v| v.as_str().is_some_and(|t| t.contains('\0')))
        {
            return Ok(true);
        }
    }
    Ok(false)
}

#[boxed]
async fn insert(
    conn: &mut Conn,
    table: &Table,
    rows: &[String],
) -> std::result::Result<(), TransferError> {
    if rows.is_empty() {
        return Ok(());
    }
    let postgres = conn.is_postgres();
    let json = format!("[{}]", rows.join(","));
    // Whoever writes about it writes a backslash that is escaped itself.
    let nul = json.contains("\\u0000") && holds_nul(table, rows)?;
    if postgres && nul {
        return Err(TransferError::unfit(format!(
            "a text of {} holds a NUL character, which PostgreSQL cannot keep",
            table.name
        )));
    }
    if nul {
        return insert_one_by_one(conn, table, rows).await;
    }
    let names: Vec<String> = (table.columns.iter())
        .map(|column| format!("\"{}\"", column.name))
        .collect();
    let values: Vec<String> = (table.columns.iter().enumerate())
        .map(|(n, column)| match postgres {
            true => format!("(value->>{n})::{}", column.cast),
            false => format!("value->>{n}"),
        })
        .collect();
    let from = match postgres {
        true => "jsonb_array_elements(CAST($1 AS jsonb)) AS rows(value)",
        false => "json_each(?1)",
    };
    let sql = format!(
        "INSERT INTO \"{}\" ({}) SELECT {} FROM {from}",
        table.name,
        names.join(", "),
        values.join(", ")
    );
    let added = on_db!(conn, |c| diesel::sql_query(sql)
        .bind::<Text, _>(&json)
        .execute(c)
        .await)
    .map_err(|e| TransferError::unfit(format!("rows of {} cannot be added: {e}", table.name)))?;
    if added != rows.len() {
        return Err(TransferError::unfit(format!(
            "of {} rows of {} {added} were added",
            rows.len(),
            table.name
        )));
    }
    Ok(())
}

/// For SQLite, whose JSON functions end a text at a NUL character.
async fn insert_one_by_one(
    conn: &mut Conn,
    table: &Table,
    rows: &[String],
) -> std::result::Result<(), TransferError> {
    let names: Vec<String> = table
        .columns
        .iter()
        .map(|column| format!("\"{}\"", column.name))
        .collect();
    let marks = vec!["?"; names.len()].join(", ");
    let sql = format!(
        "INSERT INTO \"{}\" ({}) VALUES ({marks})",
        table.name,
        names.join(", ")
    );
    let Backend::Sqlite(connection) = &mut conn.backend else {
        return Ok(());
    };
    for row in rows {
        let mut query = diesel::sql_query(sql.as_str()).into_boxed::<diesel::sqlite::Sqlite>();
        for value in snapshot::parsed(table, row)? {
            query = match value {
                serde_json::Value::String(text) => query.bind::<Text, _>(text),
                value => query.bind::<Nullable<BigInt>, _>(value.as_i64()),
            };
        }
        diesel::RunQueryDsl::execute(query, connection)?;
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Sequence {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    column_name: String,
}

/// Has PostgreSQL's sequences go on behind the rows that are there.
async fn count_on(conn: &mut Conn) -> Result<()> {
    let sql = "SELECT table_name::text, column_name::text FROM information_schema.columns \
               WHERE table_schema = current_schema() AND column_default LIKE 'nextval(%'";
    let sequences: Vec<Sequence> = on_db!(conn, |c| diesel::sql_query(sql).load(c).await)?;
    for Sequence {
        table_name,
        column_name,
    } in sequences
    {
        let sql = format!(
            "SELECT setval(pg_get_serial_sequence('\"{table_name}\"', '{column_name}'), \
             (SELECT COALESCE(MAX(\"{column_name}\"), 0) + 1 FROM \"{table_name}\"), false) AS n"
        );
        number(conn, &sql).await?;
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    found: String,
}

#[derive(QueryableByName)]
struct Violations {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// SQLite's own checks of what was written.
async fn check_file(conn: &mut Conn) -> std::result::Result<(), TransferError> {
    let sql = "SELECT integrity_check AS found FROM pragma_integrity_check LIMIT 10";
    let found: Vec<Found> = on_db!(conn, |c| diesel::sql_query(sql).load(c).await)?;
    if let Some(bad) = found.iter().find(|row| row.found != "ok") {
        let what = bad.found.lines().next().unwrap_or_default();
        return Err(TransferError::unfit(format!("integrity check: {what}")));
    }
    let sql = "SELECT \"table\" AS table_name, count(*) AS n FROM pragma_foreign_key_check \
               GROUP BY \"table\"";
    let broken: Vec<Violations> = on_db!(conn, |c| diesel::sql_query(sql).load(c).await)?;
    match broken.into_iter().next() {
        Some(bad) => Err(TransferError::unfit(format!(
            "{} rows of {} refer to what is not there",
            bad.n, bad.table_name
        ))),
        None => Ok(()),
    }
}
