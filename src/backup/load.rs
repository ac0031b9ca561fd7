//! Filling a new database with rows from elsewhere.

use std::collections::BTreeMap;

use super::Outcome;
use super::manifest::{TableColumns, TableRows};
use super::rows::compare;
use crate::db::transfer::{NOT_BACKED_UP, REMOTE_COPIES, Table, Target, TransferError};

/// A database that is being filled.
pub struct Loading {
    target: Target,
    /// With their columns in the order in which rows come.
    tables: BTreeMap<String, Table>,
}

fn told(error: TransferError) -> String {
    error.to_string()
}

impl Loading {
    /// Begins with the schema that the rows are of.
    pub async fn begin(
        url: &str,
        migrations: &[String],
        coming: &[TableColumns],
        replace: bool,
        now: i64,
    ) -> Outcome<Loading> {
        let mut target = Target::create(url, migrations, replace, now)
            .await
            .map_err(told)?;
        let mut tables = BTreeMap::new();
        for table in target.tables().await.map_err(told)? {
            let Some(known) = coming.iter().find(|known| known.name == table.name) else {
                let name = table.name.as_str();
                if REMOTE_COPIES.contains(&name) || NOT_BACKED_UP.contains(&name) {
                    continue;
                }
                return Err(format!("there are no rows for the table {}", table.name));
            };
            let arranged = table
                .arranged(&known.columns)
                .ok_or_else(|| format!("the table {} has other columns", table.name))?;
            tables.insert(table.name.clone(), arranged);
        }
        if let Some(unknown) = coming.iter().find(|t| !tables.contains_key(&t.name)) {
            return Err(format!("there is no place for the table {}", unknown.name));
        }
        for table in tables.values() {
            target.clear(table).await.map_err(told)?;
        }
        Ok(Loading { target, tables })
    }

    /// Adds rows.
    pub async fn add(&mut self, table: &str, rows: &[String]) -> Outcome<()> {
        let known = self.tables.get(table);
        let table = known.ok_or_else(|| format!("there is no place for the table {table}"))?;
        self.target.insert(table, rows).await.map_err(told)
    }

    /// Holds what is there against what came, then brings the schema up to date.
    pub async fn finish(
        mut self,
        came: &BTreeMap<String, TableRows>,
        last_event: i64,
    ) -> Outcome<Target> {
        for (name, rows) in came {
            let known = self.tables.get(name);
            let table = known.ok_or_else(|| format!("there is no place for the table {name}"))?;
            compare(&mut self.target, table, rows).await?;
        }
        self.target.finish(last_event).await.map_err(told)
    }
}
