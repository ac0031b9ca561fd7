//! The tables of a database, as it names them itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::run::RunQueryDsl;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::TransferError;
use crate::{Conn, Result, boxed, on_db};

/// Tables that are not taken along: what only matters to processes that run now, and what is made
/// again from the rest. `search_progress` begins anew, and has the index made.
pub const LEFT_OUT: [&str; 7] = [
    "__diesel_schema_migrations",
    "connections",
    "events",
    "processes",
    "search_progress",
    "search_text",
    "sqlite_sequence",
];
/// FTS5 keeps its index in tables of these names.
const SHADOWS: &str = "search_text_";

/// Tables that tell of files that a backup leaves out: an archive can be asked for anew.
pub const NOT_BACKED_UP: [&str; 1] = ["account_archives"];

/// Tables that tell of copies of files from elsewhere: nothing without those files.
pub const REMOTE_COPIES: [&str; 2] = ["remote_files", "remote_files_total"];

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    Integer,
    /// Written as 0 or 1.
    Boolean,
    Text,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub kind: ColumnKind,
    /// Its type as PostgreSQL is to cast to; SQLite needs none.
    pub(super) cast: &'static str,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    /// Columns of the primary key, by their place in `columns`.
    pub(super) key: Vec<usize>,
}

impl Table {
    /// The same table with its columns in this order; `None` where they are others.
    pub fn arranged(&self, names: &[String]) -> Option<Table> {
        if names.len() != self.columns.len() {
            return None;
        }
        let place = |name: &str| names.iter().position(|known| known == name);
        let mut columns = Vec::with_capacity(names.len());
        for name in names {
            columns.push(self.columns.iter().find(|c| c.name == *name)?.clone());
        }
        let key = self.key.iter().map(|at| place(&self.columns[*at].name));
        Some(Table {
            name: self.name.clone(),
            key: key.collect::<Option<_>>()?,
            columns,
        })
    }

    /// Names of the columns.
    pub fn column_names(&self) -> Vec<String> {
        self.columns.iter().map(|c| c.name.clone()).collect()
    }
}

#[derive(QueryableByName)]
struct ColumnRow {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    column_name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    /// Its place in the primary key, from 1; 0 outside of it.
    #[diesel(sql_type = BigInt)]
    place: i64,
}

#[derive(QueryableByName)]
struct Reference {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    target: String,
}

/// The tables that are taken along, each after those that it refers to.
#[boxed]
pub(super) async fn tables(conn: &mut Conn) -> std::result::Result<Vec<Table>, TransferError> {
    let rows = columns(conn).await?;
    let mut tables: BTreeMap<String, (Table, Vec<(i64, usize)>)> = BTreeMap::new();
    for row in rows {
        if LEFT_OUT.contains(&row.table_name.as_str()) || row.table_name.starts_with(SHADOWS) {
            continue;
        }
        let (kind, cast) = kind(&row.kind).ok_or_else(|| {
            TransferError::unfit(format!(
                "{}.{} is of the type {:?}, which is not copied",
                row.table_name, row.column_name, row.kind
            ))
        })?;
        let (table, key) = tables.entry(row.table_name.clone()).or_insert_with(|| {
            let table = Table {
                name: row.table_name,
                columns: Vec::new(),
                key: Vec::new(),
            };
            (table, Vec::new())
        });
        if row.place > 0 {
            key.push((row.place, table.columns.len()));
        }
        table.columns.push(Column {
            name: row.column_name,
            kind,
            cast,
        });
    }
    let mut waiting = Vec::new();
    for (mut table, mut key) in tables.into_values() {
        key.sort_unstable();
        table.key = key.into_iter().map(|(_, at)| at).collect();
        if table.key.is_empty() {
            let name = table.name;
            return Err(TransferError::unfit(format!("{name} has no primary key")));
        }
        waiting.push(table);
    }
    let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for reference in references(conn).await? {
        if reference.table_name != reference.target {
            let of = needs.entry(reference.table_name).or_default();
            of.insert(reference.target);
        }
    }
    Ok(in_order(waiting, &needs))
}

/// Each after what it needs. What needs each other in a circle comes last.
fn in_order(mut waiting: Vec<Table>, needs: &BTreeMap<String, BTreeSet<String>>) -> Vec<Table> {
    let mut done: BTreeSet<String> = BTreeSet::new();
    let mut ordered = Vec::with_capacity(waiting.len());
    loop {
        let before = waiting.len();
        let (ready, rest): (Vec<Table>, Vec<Table>) = waiting.into_iter().partition(|table| {
            needs
                .get(&table.name)
                .is_none_or(|needed| needed.is_subset(&done))
        });
        done.extend(ready.iter().map(|table| table.name.clone()));
        ordered.extend(ready);
        waiting = rest;
        if waiting.is_empty() || waiting.len() == before {
            ordered.extend(waiting);
            return ordered;
        }
    }
}

fn kind(declared: &str) -> Option<(ColumnKind, &'static str)> {
    match declared.to_ascii_lowercase().as_str() {
        "integer" | "bigint" => Some((ColumnKind::Integer, "bigint")),
        "smallint" => Some((ColumnKind::Integer, "smallint")),
        "boolean" => Some((ColumnKind::Boolean, "int::boolean")),
        "text" => Some((ColumnKind::Text, "text")),
        _ => None,
    }
}

async fn columns(conn: &mut Conn) -> Result<Vec<ColumnRow>> {
    let sql = if conn.is_postgres() {
        "SELECT c.relname::text AS table_name, a.attname::text AS column_name, \
           format_type(a.atttypid, a.atttypmod) AS kind, \
           COALESCE(array_position(string_to_array(i.indkey::text, ' ')::int[], a.attnum::int), 0)::bigint AS place \
         FROM pg_class c \
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
         LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary \
         WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace \
         ORDER BY c.relname, a.attnum"
    } else {
        "SELECT m.name AS table_name, p.name AS column_name, p.type AS kind, p.pk AS place \
         FROM sqlite_master m JOIN pragma_table_info(m.name) p \
         WHERE m.type = 'table' ORDER BY m.name, p.cid"
    };
    on_db!(conn, |c| diesel::sql_query(sql).load(c).await)
}

async fn references(conn: &mut Conn) -> Result<Vec<Reference>> {
    let sql = if conn.is_postgres() {
        "SELECT c.relname::text AS table_name, r.relname::text AS target \
         FROM pg_constraint k \
         JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class r ON r.oid = k.confrelid \
         WHERE k.contype = 'f' AND k.connamespace = current_schema()::regnamespace"
    } else {
        "SELECT m.name AS table_name, f.\"table\" AS target \
         FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'"
    };
    on_db!(conn, |c| diesel::sql_query(sql).load(c).await)
}
