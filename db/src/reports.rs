//! Reports: filed here, and received from elsewhere.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::schema::reports;
use super::{Conn, Result, on_db};

/// A row of `reports`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = reports, treat_none_as_null = true)]
pub struct Report {
    pub id: i64,
    /// The Flag's id.
    pub uri: String,
    /// Who reported.
    pub account_id: i64,
    /// Who is reported.
    pub target_id: i64,
    /// `spam`, `legal`, `violation` or `other`.
    pub category: String,
    pub comment: String,
    /// JSON: a list of ids.
    pub status_ids: String,
    /// JSON: a list of ids.
    pub rule_ids: String,
    /// Whether the server of who is reported was told.
    pub forwarded: bool,
    pub created_at: i64,
    pub updated_at: i64,
    /// The moderator who looks into it.
    pub assigned_account_id: Option<i64>,
    pub action_taken_at: Option<i64>,
    pub action_taken_by_id: Option<i64>,
}

/// Adds a report; false when one of the same URI is there.
#[boxed]
pub async fn insert(conn: &mut Conn, row: &Report) -> Result<bool> {
    let added = on_db!(conn, |c| diesel::insert_into(reports::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(added > 0)
}

/// One report.
#[boxed]
pub async fn by_id(conn: &mut Conn, id: i64) -> Result<Option<Report>> {
    on_db!(conn, |c| reports::table
        .find(id)
        .first::<Report>(c)
        .await
        .optional())
}

/// Reports about an account, newest first.
#[boxed]
pub async fn about(conn: &mut Conn, target_id: i64, limit: i64) -> Result<Vec<Report>> {
    on_db!(conn, |c| reports::table
        .filter(reports::target_id.eq(target_id))
        .order(reports::id.desc())
        .limit(limit)
        .load::<Report>(c)
        .await)
}
