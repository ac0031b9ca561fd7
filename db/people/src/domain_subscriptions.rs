//! Lists of policies that others keep and this server follows. There are a few.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::schema::domain_subscriptions;
use super::{Conn, Result, on_db};

/// Lists read at most.
const MOST: i64 = 100;

/// A row of `domain_subscriptions`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = domain_subscriptions, treat_none_as_null = true)]
pub struct Subscription {
    pub id: i64,
    pub url: String,
    /// The severest that its entries are taken for.
    pub severity_limit: String,
    /// How many of its entries are in force by it.
    pub entries: i64,
    /// When it was last read well.
    pub fetched_at: Option<i64>,
    /// Why it could not be read last time; empty when it could.
    pub last_error: String,
    pub created_at: i64,
}

/// All of them, oldest first.
#[boxed]
pub async fn all(conn: &mut Conn) -> Result<Vec<Subscription>> {
    on_db!(conn, |c| domain_subscriptions::table
        .order(domain_subscriptions::id)
        .limit(MOST)
        .load::<Subscription>(c)
        .await)
}

/// The one of an id.
#[boxed]
pub async fn by_id(conn: &mut Conn, id: i64) -> Result<Option<Subscription>> {
    on_db!(conn, |c| domain_subscriptions::table
        .find(id)
        .first::<Subscription>(c)
        .await
        .optional())
}

/// Adds one.
#[boxed]
pub async fn insert(conn: &mut Conn, row: &Subscription) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(domain_subscriptions::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Writes a changed one.
#[boxed]
pub async fn update(conn: &mut Conn, row: &Subscription) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        domain_subscriptions::table.find(row.id)
    )
    .set(row)
    .execute(c)
    .await)?;
    Ok(())
}

/// Removes one; its policies are removed by whoever asks.
#[boxed]
pub async fn remove(conn: &mut Conn, id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        domain_subscriptions::table.find(id)
    )
    .execute(c)
    .await)?;
    Ok(())
}
