//! Reports: filed here, and received from elsewhere.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::relations::Page;
use super::schema::{accounts, reports};
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

/// Which reports are wanted; `None` leaves it open.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub resolved: Option<bool>,
    /// Who reported.
    pub account_id: Option<i64>,
    /// Who is reported.
    pub target_id: Option<i64>,
    /// Where those live who are reported; `''` is here.
    pub target_domain: Option<String>,
    /// Who looks into it.
    pub assigned_id: Option<i64>,
}

/// Reports, newest first.
#[boxed]
pub async fn page(conn: &mut Conn, filter: &Filter, page: Page) -> Result<Vec<Report>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let mut rows: Vec<Report> = on_db!(conn, |c| {
        let mut query = reports::table
            .filter(reports::id.lt(max))
            .filter(reports::id.gt(min))
            .limit(page.limit)
            .select(Report::as_select())
            .into_boxed();
        match filter.resolved {
            Some(true) => query = query.filter(reports::action_taken_at.is_not_null()),
            Some(false) => query = query.filter(reports::action_taken_at.is_null()),
            None => {}
        }
        if let Some(id) = filter.account_id {
            query = query.filter(reports::account_id.eq(id));
        }
        if let Some(id) = filter.target_id {
            query = query.filter(reports::target_id.eq(id));
        }
        if let Some(id) = filter.assigned_id {
            query = query.filter(reports::assigned_account_id.eq(id));
        }
        if let Some(domain) = &filter.target_domain {
            query = query.filter(diesel::dsl::exists(
                accounts::table
                    .filter(accounts::id.eq(reports::target_id))
                    .filter(accounts::domain.eq(domain.to_lowercase())),
            ));
        }
        query = if page.min_id.is_some() {
            query.order(reports::id.asc())
        } else {
            query.order(reports::id.desc())
        };
        query.load(c).await
    })?;
    if page.min_id.is_some() {
        rows.reverse();
    }
    Ok(rows)
}

/// Reports by id, in no order.
#[boxed]
pub async fn by_ids(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Report>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| reports::table
        .filter(reports::id.any_of(ids))
        .load::<Report>(c)
        .await)
}

/// Reports about an account that nobody has resolved, oldest first, at most `limit`.
#[boxed]
pub async fn open_about(conn: &mut Conn, target_id: i64, limit: i64) -> Result<Vec<Report>> {
    on_db!(conn, |c| reports::table
        .filter(reports::target_id.eq(target_id))
        .filter(reports::action_taken_at.is_null())
        .order(reports::id)
        .limit(limit)
        .load::<Report>(c)
        .await)
}

/// Writes every column of a report.
#[boxed]
pub async fn update(conn: &mut Conn, row: &Report) -> Result<()> {
    on_db!(conn, |c| diesel::update(reports::table.find(row.id))
        .set(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Resolves what is open about an account, or one report alone; says how many.
#[boxed]
pub async fn resolve_about(
    conn: &mut Conn,
    target_id: i64,
    only: Option<i64>,
    by: Option<i64>,
    now: i64,
) -> Result<usize> {
    on_db!(conn, |c| diesel::update(
        reports::table
            .filter(reports::target_id.eq(target_id))
            .filter(reports::action_taken_at.is_null())
            .filter(reports::id.ge(only.unwrap_or(0)))
            .filter(reports::id.le(only.unwrap_or(i64::MAX)))
    )
    .set((
        reports::action_taken_at.eq(now),
        reports::action_taken_by_id.eq(by),
        reports::updated_at.eq(now),
    ))
    .execute(c)
    .await)
}
