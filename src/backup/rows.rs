//! Rows on their way: read page by page, and added up.

use aws_lc_rs::digest;

use super::Outcome;
use super::manifest::TableRows;
use crate::db::transfer::{RowsDigest, Snapshot, Table, Target, TransferError};

/// What a table's rows come to so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally(RowsDigest);

impl Tally {
    /// Adds some rows.
    pub fn add(&mut self, rows: &[String]) {
        for row in rows {
            let hash = digest::digest(&digest::SHA256, row.as_bytes());
            let mut bytes = [0; 32];
            bytes.copy_from_slice(hash.as_ref());
            self.0.add(&bytes);
        }
    }

    /// As the manifest has it.
    pub fn told(&self) -> TableRows {
        TableRows {
            rows: self.0.rows(),
            digest: self.0.hex(),
        }
    }
}

/// Where rows are read.
pub enum Source<'a> {
    Snapshot(&'a mut Snapshot),
    Target(&'a mut Target),
}

impl Source<'_> {
    async fn page(
        &mut self,
        table: &Table,
        after: Option<&str>,
    ) -> Result<Vec<String>, TransferError> {
        match self {
            Source::Snapshot(snapshot) => snapshot.rows(table, after).await,
            Source::Target(target) => target.rows(table, after).await,
        }
    }
}

/// A table that is read page by page.
pub struct Reading<'a> {
    source: Source<'a>,
    table: &'a Table,
    last: Option<String>,
    pub tally: Tally,
}

impl<'a> Reading<'a> {
    pub fn of(source: Source<'a>, table: &'a Table) -> Reading<'a> {
        Reading {
            source,
            table,
            last: None,
            tally: Tally::default(),
        }
    }

    /// The next rows; none at the end.
    pub async fn next(&mut self) -> Outcome<Vec<String>> {
        let page = self.source.page(self.table, self.last.as_deref()).await;
        let page = page.map_err(|e| e.to_string())?;
        self.tally.add(&page);
        if let Some(last) = page.last() {
            self.last = Some(last.clone());
        }
        Ok(page)
    }
}

/// Holds what is in a new database against what came.
pub async fn compare(target: &mut Target, table: &Table, wanted: &TableRows) -> Outcome<()> {
    let mut reading = Reading::of(Source::Target(target), table);
    while !reading.next().await?.is_empty() {}
    let found = reading.tally.told();
    if found == *wanted {
        return Ok(());
    }
    Err(format!(
        "{} is not what was written: {} rows instead of {}, or other ones",
        table.name, found.rows, wanted.rows
    ))
}
