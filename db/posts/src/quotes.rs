//! Quotes (FEP-044f). Who may quote what, and the stamps for it, are among [`super::interactions`].

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::accounts::Account;
use super::any::AnyOfExt;
use super::relations::Page;
use super::schema::{accounts, quotes, status_stats};
use super::{Conn, Result, on_db};

/// States of a quote.
pub const PENDING: i16 = 0;
pub const ACCEPTED: i16 = 1;
pub const REJECTED: i16 = 2;
pub const REVOKED: i16 = 3;

/// A row of `quotes`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = quotes, treat_none_as_null = true)]
pub struct Quote {
    /// The status that quotes.
    pub status_id: i64,
    /// Its author.
    pub account_id: i64,
    /// The quoted status; `None` where it is not here (any more).
    pub quoted_id: Option<i64>,
    /// Its author.
    pub quoted_account_id: Option<i64>,
    pub quoted_uri: String,
    /// [`PENDING`], [`ACCEPTED`], [`REJECTED`] or [`REVOKED`].
    pub state: i16,
    /// Written without FEP-044f: its server cannot ask.
    pub legacy: bool,
    /// The QuoteRequest's id, or `''`.
    pub request_uri: String,
    /// The QuoteAuthorization's id, or `''`.
    pub approval_uri: String,
    pub created_at: i64,
}

/// Adds a quote, in the place of one that the status had.
#[boxed]
pub async fn put(conn: &mut Conn, row: &Quote) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(quotes::table)
        .values(row)
        .on_conflict(quotes::status_id)
        .do_update()
        .set(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// The quotes that statuses make, in no order.
#[boxed]
pub async fn of_statuses(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Quote>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| quotes::table
        .filter(quotes::status_id.any_of(ids))
        .load::<Quote>(c)
        .await)
}

/// The quote that a status makes.
#[boxed]
pub async fn of_status(conn: &mut Conn, id: i64) -> Result<Option<Quote>> {
    Ok(of_statuses(conn, &[id]).await?.pop())
}

/// Removes the quote that a status makes.
#[boxed]
pub async fn remove(conn: &mut Conn, status_id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(quotes::table.find(status_id))
        .execute(c)
        .await)?;
    Ok(())
}

/// A quote by the QuoteRequest that asked for it.
#[boxed]
pub async fn by_request(conn: &mut Conn, uri: &str) -> Result<Option<Quote>> {
    if uri.is_empty() {
        return Ok(None);
    }
    on_db!(conn, |c| quotes::table
        .filter(quotes::request_uri.eq(uri))
        // Literally, as the partial index has it.
        .filter(diesel::dsl::sql::<diesel::sql_types::Bool>(
            "request_uri <> ''"
        ))
        .first::<Quote>(c)
        .await
        .optional())
}

/// Quotes by the stamp that allows them, at most a hundred.
#[boxed]
pub async fn by_approval(conn: &mut Conn, uri: &str) -> Result<Vec<Quote>> {
    if uri.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| quotes::table
        .filter(quotes::approval_uri.eq(uri))
        .filter(diesel::dsl::sql::<diesel::sql_types::Bool>(
            "approval_uri <> ''"
        ))
        .limit(100)
        .load::<Quote>(c)
        .await)
}

/// Ids of statuses that quote one, in whatever state, newest first, at most `limit`.
#[boxed]
pub async fn quoting(conn: &mut Conn, quoted_id: i64, limit: i64) -> Result<Vec<i64>> {
    on_db!(conn, |c| quotes::table
        .filter(quotes::quoted_id.eq(quoted_id))
        .order(quotes::status_id.desc())
        .limit(limit)
        .select(quotes::status_id)
        .load(c)
        .await)
}

/// One page of the statuses that quote one with leave, newest first.
#[boxed]
pub async fn page(conn: &mut Conn, quoted_id: i64, page: Page) -> Result<Vec<i64>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let rows = quotes::table
        .filter(quotes::quoted_id.eq(quoted_id))
        .filter(quotes::state.eq(ACCEPTED))
        .filter(quotes::status_id.lt(max))
        .filter(quotes::status_id.gt(min))
        .limit(page.limit)
        .select(quotes::status_id);
    if page.min_id.is_some() {
        let mut ids: Vec<i64> =
            on_db!(conn, |c| rows.order(quotes::status_id.asc()).load(c).await)?;
        ids.reverse();
        Ok(ids)
    } else {
        on_db!(conn, |c| rows.order(quotes::status_id.desc()).load(c).await)
    }
}

/// Local accounts that quote a status with leave, with their quoting status, at most `limit`.
#[boxed]
pub async fn local_quoters(
    conn: &mut Conn,
    quoted_id: i64,
    limit: i64,
) -> Result<Vec<(Account, i64)>> {
    on_db!(conn, |c| quotes::table
        .inner_join(accounts::table.on(accounts::id.eq(quotes::account_id)))
        .filter(quotes::quoted_id.eq(quoted_id))
        .filter(quotes::state.eq(ACCEPTED))
        .filter(accounts::domain.eq(""))
        .limit(limit)
        .select((Account::as_select(), quotes::status_id))
        .load(c)
        .await)
}

/// Adds to the number of quotes of a status.
#[boxed]
pub async fn count(conn: &mut Conn, quoted_id: i64, number: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        status_stats::table.find(quoted_id)
    )
    .set(status_stats::quotes_count.eq(status_stats::quotes_count + number))
    .execute(c)
    .await)?;
    Ok(())
}
