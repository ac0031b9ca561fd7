//! The audit log: who did what to what.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::relations::Page;
use super::schema::audit_log;
use super::{Conn, Result, on_db};

/// A row of `audit_log`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_log)]
pub struct Entry {
    pub id: i64,
    /// Who did it; nobody in particular for the command line.
    pub account_id: Option<i64>,
    /// Their name then, or the command.
    pub actor: String,
    pub action: String,
    /// `account`, `report`, `appeal`…
    pub target_type: String,
    pub target_id: Option<i64>,
    /// What the target was called then.
    pub target: String,
    /// JSON.
    pub details: String,
    pub created_at: i64,
}

/// Which entries are wanted; `None` leaves it open.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub account_id: Option<i64>,
    pub action: Option<String>,
    pub target_type: Option<String>,
    pub target_id: Option<i64>,
}

/// Adds an entry.
#[boxed]
pub async fn insert(conn: &mut Conn, row: &Entry) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(audit_log::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Entries, newest first.
#[boxed]
pub async fn page(conn: &mut Conn, filter: &Filter, page: Page) -> Result<Vec<Entry>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let mut rows: Vec<Entry> = on_db!(conn, |c| {
        let mut query = audit_log::table
            .filter(audit_log::id.lt(max))
            .filter(audit_log::id.gt(min))
            .limit(page.limit)
            .into_boxed();
        if let Some(id) = filter.account_id {
            query = query.filter(audit_log::account_id.eq(id));
        }
        if let Some(action) = &filter.action {
            query = query.filter(audit_log::action.eq(action));
        }
        if let Some(kind) = &filter.target_type {
            query = query.filter(audit_log::target_type.eq(kind));
        }
        if let Some(id) = filter.target_id {
            query = query.filter(audit_log::target_id.eq(id));
        }
        query = if page.min_id.is_some() {
            query.order(audit_log::id.asc())
        } else {
            query.order(audit_log::id.desc())
        };
        query.load(c).await
    })?;
    if page.min_id.is_some() {
        rows.reverse();
    }
    Ok(rows)
}
