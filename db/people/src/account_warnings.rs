//! Strikes against accounts that live here, and appeals against them.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::relations::Page;
use super::schema::{account_warnings, appeals};
use super::{Conn, Result, on_db};

/// A row of `account_warnings`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = account_warnings)]
pub struct AccountWarning {
    pub id: i64,
    /// Whom it is against.
    pub target_id: i64,
    /// Who gave it; nobody in particular for the command line.
    pub account_id: Option<i64>,
    pub report_id: Option<i64>,
    /// `none`, `sensitive`, `disable`, `silence` or `suspend`.
    pub action: String,
    pub text: String,
    /// JSON: a list of ids.
    pub status_ids: String,
    /// Of the secret by which those appeal who cannot sign in; empty without.
    pub appeal_hash: String,
    pub created_at: i64,
    /// When an appeal against it was approved.
    pub overruled_at: Option<i64>,
}

/// Where an appeal stands, as the database keeps it.
pub const PENDING: i16 = 0;
pub const APPROVED: i16 = 1;
pub const REJECTED: i16 = 2;

/// A row of `appeals`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = appeals)]
pub struct Appeal {
    pub id: i64,
    pub warning_id: i64,
    /// Who appeals.
    pub account_id: i64,
    pub text: String,
    /// [`PENDING`], [`APPROVED`] or [`REJECTED`].
    pub state: i16,
    pub created_at: i64,
    pub decided_at: Option<i64>,
    pub decided_by_id: Option<i64>,
}

/// Adds a strike.
#[boxed]
pub async fn insert(conn: &mut Conn, row: &AccountWarning) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(account_warnings::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// One strike.
#[boxed]
pub async fn by_id(conn: &mut Conn, id: i64) -> Result<Option<AccountWarning>> {
    on_db!(conn, |c| account_warnings::table
        .find(id)
        .first::<AccountWarning>(c)
        .await
        .optional())
}

/// Strikes by id, in no order.
#[boxed]
pub async fn by_ids(conn: &mut Conn, ids: &[i64]) -> Result<Vec<AccountWarning>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| account_warnings::table
        .filter(account_warnings::id.any_of(ids))
        .load::<AccountWarning>(c)
        .await)
}

/// The strike of a secret in a letter.
#[boxed]
pub async fn by_appeal_hash(conn: &mut Conn, hash: &str) -> Result<Option<AccountWarning>> {
    on_db!(conn, |c| account_warnings::table
        .filter(account_warnings::appeal_hash.eq(hash))
        // What the index holds.
        .filter(account_warnings::appeal_hash.ne(""))
        .first::<AccountWarning>(c)
        .await
        .optional())
}

/// Strikes against an account, newest first.
#[boxed]
pub async fn page(conn: &mut Conn, target_id: i64, page: Page) -> Result<Vec<AccountWarning>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let rows = account_warnings::table
        .filter(account_warnings::target_id.eq(target_id))
        .filter(account_warnings::id.lt(max))
        .filter(account_warnings::id.gt(min))
        .limit(page.limit);
    if page.min_id.is_some() {
        let mut rows: Vec<AccountWarning> = on_db!(conn, |c| rows
            .order(account_warnings::id.asc())
            .load(c)
            .await)?;
        rows.reverse();
        return Ok(rows);
    }
    on_db!(conn, |c| rows
        .order(account_warnings::id.desc())
        .load::<AccountWarning>(c)
        .await)
}

/// Notes that a strike does not hold any more.
#[boxed]
pub async fn overrule(conn: &mut Conn, id: i64, now: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(account_warnings::table.find(id))
        .set(account_warnings::overruled_at.eq(now))
        .execute(c)
        .await)?;
    Ok(())
}

/// The newest strike of an action against an account that holds.
#[boxed]
pub async fn newest_of(
    conn: &mut Conn,
    target_id: i64,
    action: &str,
) -> Result<Option<AccountWarning>> {
    on_db!(conn, |c| account_warnings::table
        .filter(account_warnings::target_id.eq(target_id))
        .filter(account_warnings::action.eq(action))
        .filter(account_warnings::overruled_at.is_null())
        .order(account_warnings::id.desc())
        .first::<AccountWarning>(c)
        .await
        .optional())
}

/// Adds an appeal; false when there is one against that strike.
#[boxed]
pub async fn insert_appeal(conn: &mut Conn, row: &Appeal) -> Result<bool> {
    let added = on_db!(conn, |c| diesel::insert_into(appeals::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(added > 0)
}

/// One appeal.
#[boxed]
pub async fn appeal(conn: &mut Conn, id: i64) -> Result<Option<Appeal>> {
    on_db!(conn, |c| appeals::table
        .find(id)
        .first::<Appeal>(c)
        .await
        .optional())
}

/// The appeals against some strikes, in no order.
#[boxed]
pub async fn appeals_of(conn: &mut Conn, warnings: &[i64]) -> Result<Vec<Appeal>> {
    if warnings.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| appeals::table
        .filter(appeals::warning_id.any_of(warnings))
        .load::<Appeal>(c)
        .await)
}

/// Appeals of a state, newest first.
#[boxed]
pub async fn appeals_page(conn: &mut Conn, state: i16, page: Page) -> Result<Vec<Appeal>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let rows = appeals::table
        .filter(appeals::state.eq(state))
        .filter(appeals::id.lt(max))
        .filter(appeals::id.gt(min))
        .limit(page.limit);
    if page.min_id.is_some() {
        let mut rows: Vec<Appeal> = on_db!(conn, |c| rows.order(appeals::id.asc()).load(c).await)?;
        rows.reverse();
        return Ok(rows);
    }
    on_db!(conn, |c| rows
        .order(appeals::id.desc())
        .load::<Appeal>(c)
        .await)
}

/// Decides on an appeal; false when it was decided before.
#[boxed]
pub async fn decide(
    conn: &mut Conn,
    id: i64,
    state: i16,
    by: Option<i64>,
    now: i64,
) -> Result<bool> {
    let decided = on_db!(conn, |c| diesel::update(
        appeals::table.find(id).filter(appeals::state.eq(PENDING))
    )
    .set((
        appeals::state.eq(state),
        appeals::decided_at.eq(now),
        appeals::decided_by_id.eq(by),
    ))
    .execute(c)
    .await)?;
    Ok(decided > 0)
}
