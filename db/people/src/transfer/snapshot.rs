//! A database as it was at one moment, to be read out while others go on writing.

use std::path::Path;

use diesel::connection::{DefaultLoadingMode, SimpleConnection};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;
use diesel_async::SimpleAsyncConnection;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use futures::StreamExt;

use super::catalog::{self, ColumnKind, Table};
use super::{TransferError, sqlite_path};
use crate::conn::Backend;
use crate::run::RunQueryDsl;
use crate::{Conn, OpenError, Result, boxed, on_db};

/// Rows read at a time, and bytes after which no more are.
const ROWS: usize = 500;
const BYTES: usize = 2 << 20;

/// A database as it was when this was opened. It is read as it is, and not migrated: so a new
/// Kith backs up what an older one serves.
pub struct Snapshot {
    conn: Conn,
}

impl Snapshot {
    /// Looks at a database. Nobody who writes waits for it; SQLite's log grows meanwhile.
    pub async fn open(url: &str) -> std::result::Result<Snapshot, TransferError> {
        let mut conn = connect(url).await?;
        match &mut conn.backend {
            Backend::Sqlite(connection) => connection
                .batch_execute("PRAGMA query_only=ON; BEGIN; SELECT count(*) FROM sqlite_master")?,
            Backend::Postgres(connection) => {
                connection
                    .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1")
                    .await?;
            }
        }
        Ok(Snapshot { conn })
    }

    /// The same of a database that nobody else is to use meanwhile: SQLite lets nobody in until
    /// this is dropped. It refuses where somebody does.
    pub async fn open_alone(url: &str, now: i64) -> std::result::Result<Snapshot, TransferError> {
        if let Some(who) = in_use(url, now).await? {
            return Err(TransferError::unfit(format!(
                "the database is in use by {who}: stop it first"
            )));
        }
        if sqlite_path(url).is_none() {
            return Snapshot::open(url).await;
        }
        let mut conn = connect(url).await?;
        if let Backend::Sqlite(connection) = &mut conn.backend {
            connection.batch_execute("BEGIN EXCLUSIVE; PRAGMA query_only=ON")?;
        }
        Ok(Snapshot { conn })
    }

    /// The migrations that made the schema, by version.
    pub async fn migrations(&mut self) -> std::result::Result<Vec<String>, TransferError> {
        migrations(&mut self.conn).await
    }

    /// The tables that are taken along, each after those that it refers to.
    pub async fn tables(&mut self) -> std::result::Result<Vec<Table>, TransferError> {
        catalog::tables(&mut self.conn).await
    }

    /// The last position that the event log gave out, whether or not its row is still there.
    pub async fn last_event(&mut self) -> std::result::Result<i64, TransferError> {
        let sql = match self.conn.is_postgres() {
            true => {
                "SELECT GREATEST((SELECT MAX(id) FROM events), \
                 pg_sequence_last_value(pg_get_serial_sequence('events', 'id')::regclass), 0) AS n"
            }
            false => {
                "SELECT MAX((SELECT COALESCE(MAX(id), 0) FROM events), (SELECT COALESCE(MAX(seq), 0) \
                 FROM sqlite_sequence WHERE name = 'events')) AS n"
            }
        };
        Ok(number(&mut self.conn, sql).await?)
    }

    /// Some rows of a table in the order of its key, after one of them.
    pub async fn rows(
        &mut self,
        table: &Table,
        after: Option<&str>,
    ) -> std::result::Result<Vec<String>, TransferError> {
        rows(&mut self.conn, table, after).await
    }

    /// The connection, for other queries at the same moment.
    pub fn conn(&mut self) -> &mut Conn {
        &mut self.conn
    }
}

/// A database file that is there, kept from everybody else.
pub struct Held {
    _connection: SqliteConnection,
}

/// Keeps a SQLite file from everybody else until what this gives is dropped, where there is one;
/// refused with who uses it.
pub fn hold(path: &str) -> std::result::Result<Option<Held>, TransferError> {
    if !Path::new(path).exists() {
        return Ok(None);
    }
    let mut connection = SqliteConnection::establish(path)
        .map_err(|e| OpenError::Connect(format!("{path}: {e}")))?;
    // Only who is alone can end the write-ahead log. A server that starts begins it again.
    let alone = connection
        .batch_execute("PRAGMA busy_timeout=0; PRAGMA journal_mode=DELETE; BEGIN EXCLUSIVE");
    match alone {
        Err(error) if error.to_string().contains("locked") => {
            Err(TransferError::unfit("a running server, or another command"))
        }
        // What is no database any more is nobody's.
        _ => Ok(Some(Held {
            _connection: connection,
        })),
    }
}

/// Who uses a database now, as far as can be told: of SQLite whoever has it open, of PostgreSQL a
/// server that said within the last seconds that it runs.
#[boxed]
pub async fn in_use(url: &str, now: i64) -> std::result::Result<Option<String>, TransferError> {
    if let Some(path) = sqlite_path(url) {
        if !Path::new(path).exists() {
            return Ok(None);
        }
        return match hold(path) {
            Err(TransferError::Unfit(who)) => Ok(Some(who)),
            held => held.map(|_| None),
        };
    }
    running(&mut connect(url).await?, now).await
}

/// The servers that run on a database of PostgreSQL.
#[boxed]
pub(super) async fn running(
    conn: &mut Conn,
    now: i64,
) -> std::result::Result<Option<String>, TransferError> {
    /// How long a process may be silent, in milliseconds: `domain::presence` thinks the same.
    const SILENT: i64 = 15_000;
    let known = "SELECT count(*) AS n FROM pg_class WHERE relname = 'processes' \
                 AND relnamespace = current_schema()::regnamespace";
    if number(conn, known).await? == 0 {
        return Ok(None);
    }
    let sql = format!(
        "SELECT count(*) AS n FROM processes WHERE seen_at > {}",
        now - SILENT
    );
    Ok(match number(conn, &sql).await? {
        0 => None,
        1 => Some("a server that was seen within the last 15 seconds".to_owned()),
        n => Some(format!(
            "{n} servers that were seen within the last 15 seconds"
        )),
    })
}

/// A connection of its own to a database that is there.
#[boxed]
pub(super) async fn connect(url: &str) -> std::result::Result<Conn, TransferError> {
    if let Some(path) = sqlite_path(url) {
        if !Path::new(path).exists() {
            return Err(TransferError::unfit(format!("there is no database {path}")));
        }
        let mut connection = SqliteConnection::establish(path)
            .map_err(|e| OpenError::Connect(format!("{path}: {e}")))?;
        connection
            .batch_execute("PRAGMA busy_timeout=10000; PRAGMA cache_size=-8192")
            .map_err(|e| OpenError::Connect(format!("{path}: {e}")))?;
        return Ok(Conn::new(Backend::Sqlite(connection)));
    }
    Ok(Conn::new(Backend::Postgres(postgres(url).await?)))
}

/// A connection to PostgreSQL.
#[boxed]
pub(super) async fn postgres(
    url: &str,
) -> std::result::Result<Object<diesel_async::AsyncPgConnection>, TransferError> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        let scheme = url.split(':').next().unwrap_or_default();
        return Err(OpenError::Scheme(format!("{scheme}:…")).into());
    }
    let failed = |error: String| TransferError::Open(OpenError::Connect(error));
    let manager = AsyncDieselConnectionManager::new(url);
    let pool = Pool::builder(manager).max_size(1).build();
    let pool = pool.map_err(|e| failed(e.to_string()))?;
    pool.get().await.map_err(|e| failed(e.to_string()))
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

#[boxed]
pub(super) async fn migrations(conn: &mut Conn) -> std::result::Result<Vec<String>, TransferError> {
    let sql = "SELECT version FROM __diesel_schema_migrations ORDER BY version";
    let rows: Result<Vec<Version>> = on_db!(conn, |c| diesel::sql_query(sql).load(c).await);
    let rows = rows.map_err(|e| {
        TransferError::unfit(format!("the database is none of Kith's, or empty ({e})"))
    })?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// What a `SELECT … AS n` says.
#[boxed]
pub(super) async fn number(conn: &mut Conn, sql: &str) -> Result<i64> {
    let row: Number = on_db!(conn, |c| diesel::sql_query(sql).get_result(c).await)?;
    Ok(row.n)
}

#[derive(QueryableByName)]
struct RowText {
    #[diesel(sql_type = Text)]
    line: String,
}

/// Some rows of a table in the order of its key, after one of them. Each is written as serde_json
/// writes it, whichever database it is from.
#[boxed]
pub(super) async fn rows(
    conn: &mut Conn,
    table: &Table,
    after: Option<&str>,
) -> std::result::Result<Vec<String>, TransferError> {
    let sql = select(table, after.is_some(), conn.is_postgres());
    let after = after.map(|row| key(table, row)).transpose()?;
    let query = diesel::sql_query(sql);
    let mut lines = Vec::new();
    let mut bytes = 0;
    // Read row by row, and left off when it is much: how long rows are shows only then.
    match &mut conn.backend {
        Backend::Sqlite(connection) => {
            let mut query = query.into_boxed();
            if let Some(key) = after {
                query = query.bind::<Text, _>(key);
            }
            let found =
                diesel::RunQueryDsl::load_iter::<RowText, DefaultLoadingMode>(query, connection)?;
            for row in found {
                let line = row?.line;
                bytes += line.len();
                lines.push(line);
                if bytes >= BYTES {
                    break;
                }
            }
        }
        Backend::Postgres(connection) => {
            let mut query = query.into_boxed();
            if let Some(key) = after {
                query = query.bind::<Text, _>(key);
            }
            let connection: &mut diesel_async::AsyncPgConnection = connection;
            let mut found =
                diesel_async::RunQueryDsl::load_stream::<RowText>(query, connection).await?;
            while let Some(row) = found.next().await {
                let line = row?.line;
                bytes += line.len();
                lines.push(line);
                if bytes >= BYTES {
                    break;
                }
            }
        }
    }
    lines.iter().map(|line| canonical(table, line)).collect()
}

/// The query for rows; with `after` it takes the key of the last one, a JSON array.
fn select(table: &Table, after: bool, postgres: bool) -> String {
    let columns = table.columns.iter().map(|column| match column.kind {
        ColumnKind::Boolean if postgres => format!("\"{}\"::int", column.name),
        _ => format!("\"{}\"", column.name),
    });
    let columns: Vec<String> = columns.collect();
    let key = table.key.iter().map(|at| &table.columns[*at]);
    let names: Vec<String> = key.clone().map(|c| format!("\"{}\"", c.name)).collect();
    let past = key.enumerate().map(|(n, column)| match postgres {
        true => format!("(CAST($1 AS jsonb)->>{n})::{}", column.cast),
        false => format!("json_extract(?1, '$[{n}]')"),
    });
    let past: Vec<String> = past.collect();
    let condition = match after {
        true => format!("WHERE ({}) > ({})", names.join(", "), past.join(", ")),
        false => String::new(),
    };
    let line = match postgres {
        true => format!("json_build_array({})::text", columns.join(", ")),
        false => format!("json_array({})", columns.join(", ")),
    };
    format!(
        "SELECT {line} AS line FROM \"{}\" {condition} ORDER BY {} LIMIT {ROWS}",
        table.name,
        names.join(", ")
    )
}

/// The key of a row, as a JSON array.
fn key(table: &Table, row: &str) -> std::result::Result<String, TransferError> {
    let values: Vec<serde_json::Value> = parsed(table, row)?;
    let key: Vec<&serde_json::Value> = table.key.iter().map(|at| &values[*at]).collect();
    written(table, &key)
}

fn canonical(table: &Table, row: &str) -> std::result::Result<String, TransferError> {
    written(table, &parsed(table, row)?)
}

/// The values of a row, one for each column.
pub(super) fn parsed(
    table: &Table,
    row: &str,
) -> std::result::Result<Vec<serde_json::Value>, TransferError> {
    let values: Option<Vec<serde_json::Value>> = serde_json::from_str(row).ok();
    values
        .filter(|values| values.len() == table.columns.len())
        .ok_or_else(|| TransferError::unfit(format!("a row of {} cannot be read", table.name)))
}

fn written<T: serde::Serialize>(
    table: &Table,
    values: &T,
) -> std::result::Result<String, TransferError> {
    serde_json::to_string(values)
        .map_err(|e| TransferError::unfit(format!("a row of {}: {e}", table.name)))
}
