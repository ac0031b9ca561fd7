//! Filters of users: groups, keywords, statuses.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::schema::{filter_keywords, filter_statuses, filters};
use super::{Conn, Result, on_db};

/// A row of `filters`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = filters, treat_none_as_null = true)]
pub struct Filter {
    pub id: i64,
    pub account_id: i64,
    pub title: String,
    /// Names of contexts by commas: see `domain::filters::Context`.
    pub context: String,
    /// As in `domain::filters::Action`.
    pub action: String,
    pub expires_at: Option<i64>,
    pub created_at: i64,
}

/// A row of `filter_keywords`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = filter_keywords)]
pub struct Keyword {
    pub id: i64,
    pub filter_id: i64,
    pub keyword: String,
    pub whole_word: bool,
    pub created_at: i64,
}

/// A row of `filter_statuses`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = filter_statuses)]
pub struct FilteredStatus {
    pub id: i64,
    pub filter_id: i64,
    pub status_id: i64,
    pub created_at: i64,
}

/// An account's filters, newest first, at most `limit`.
#[boxed]
pub async fn of_account(conn: &mut Conn, account_id: i64, limit: i64) -> Result<Vec<Filter>> {
    on_db!(conn, |c| filters::table
        .filter(filters::account_id.eq(account_id))
        .order(filters::id.desc())
        .limit(limit)
        .load::<Filter>(c)
        .await)
}

/// One of an account's filters.
#[boxed]
pub async fn by_id(conn: &mut Conn, account_id: i64, id: i64) -> Result<Option<Filter>> {
    on_db!(conn, |c| filters::table
        .find(id)
        .filter(filters::account_id.eq(account_id))
        .first::<Filter>(c)
        .await
        .optional())
}

/// How many filters an account has.
#[boxed]
pub async fn count(conn: &mut Conn, account_id: i64) -> Result<i64> {
    on_db!(conn, |c| filters::table
        .filter(filters::account_id.eq(account_id))
        .count()
        .get_result(c)
        .await)
}

/// Adds a filter.
#[boxed]
pub async fn insert(conn: &mut Conn, row: &Filter) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(filters::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Writes every column of a filter.
#[boxed]
pub async fn update(conn: &mut Conn, row: &Filter) -> Result<()> {
    on_db!(conn, |c| diesel::update(filters::table.find(row.id))
        .set(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Removes a filter with what it holds.
#[boxed]
pub async fn delete(conn: &mut Conn, id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(filters::table.find(id))
        .execute(c)
        .await)?;
    Ok(())
}

/// The keywords of filters, in the order they were added.
#[boxed]
pub async fn keywords_of(conn: &mut Conn, filter_ids: &[i64]) -> Result<Vec<Keyword>> {
    if filter_ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| filter_keywords::table
        .filter(filter_keywords::filter_id.any_of(filter_ids))
        .order(filter_keywords::id)
        .load::<Keyword>(c)
        .await)
}

/// The statuses of filters, in the order they were added.
#[boxed]
pub async fn statuses_of(conn: &mut Conn, filter_ids: &[i64]) -> Result<Vec<FilteredStatus>> {
    if filter_ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| filter_statuses::table
        .filter(filter_statuses::filter_id.any_of(filter_ids))
        .order(filter_statuses::id)
        .load::<FilteredStatus>(c)
        .await)
}

/// A keyword of one of an account's filters, with its filter.
#[boxed]
pub async fn keyword(
    conn: &mut Conn,
    account_id: i64,
    id: i64,
) -> Result<Option<(Keyword, Filter)>> {
    on_db!(conn, |c| filter_keywords::table
        .inner_join(filters::table.on(filters::id.eq(filter_keywords::filter_id)))
        .filter(filter_keywords::id.eq(id))
        .filter(filters::account_id.eq(account_id))
        .select((Keyword::as_select(), Filter::as_select()))
        .first(c)
        .await
        .optional())
}

/// How many keywords an account's filters have together.
#[boxed]
pub async fn count_keywords(conn: &mut Conn, account_id: i64) -> Result<i64> {
    on_db!(conn, |c| filter_keywords::table
        .inner_join(filters::table.on(filters::id.eq(filter_keywords::filter_id)))
        .filter(filters::account_id.eq(account_id))
        .count()
        .get_result(c)
        .await)
}

/// Adds a keyword.
#[boxed]
pub async fn insert_keyword(conn: &mut Conn, row: &Keyword) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(filter_keywords::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Writes every column of a keyword.
#[boxed]
pub async fn update_keyword(conn: &mut Conn, row: &Keyword) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        filter_keywords::table.find(row.id)
    )
    .set(row)
    .execute(c)
    .await)?;
    Ok(())
}

/// Removes a keyword.
#[boxed]
pub async fn delete_keyword(conn: &mut Conn, id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(filter_keywords::table.find(id))
        .execute(c)
        .await)?;
    Ok(())
}

/// A status of one of an account's filters.
#[boxed]
pub async fn status(conn: &mut Conn, account_id: i64, id: i64) -> Result<Option<FilteredStatus>> {
    on_db!(conn, |c| filter_statuses::table
        .inner_join(filters::table.on(filters::id.eq(filter_statuses::filter_id)))
        .filter(filter_statuses::id.eq(id))
        .filter(filters::account_id.eq(account_id))
        .select(FilteredStatus::as_select())
        .first(c)
        .await
        .optional())
}

/// Adds a status; gives the row that is there then.
#[boxed]
pub async fn add_status(conn: &mut Conn, row: &FilteredStatus) -> Result<FilteredStatus> {
    on_db!(conn, |c| diesel::insert_into(filter_statuses::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    on_db!(conn, |c| filter_statuses::table
        .filter(filter_statuses::filter_id.eq(row.filter_id))
        .filter(filter_statuses::status_id.eq(row.status_id))
        .first::<FilteredStatus>(c)
        .await)
}

/// Removes a status from its filter.
#[boxed]
pub async fn delete_status(conn: &mut Conn, id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(filter_statuses::table.find(id))
        .execute(c)
        .await)?;
    Ok(())
}
