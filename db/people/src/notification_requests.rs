//! Who may notify whom: policies, permissions, and the requests of those who are filtered.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};

use super::any::AnyOfExt;
use super::relations::Page;
use super::schema::{
    notification_merges, notification_permissions, notification_policies, notification_requests,
    notifications,
};
use super::{Conn, Result, on_db};

/// A row of `notification_policies`: `accept`, `filter` or `drop` for each kind of sender.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = notification_policies)]
pub struct Policy {
    pub account_id: i64,
    pub not_following: String,
    pub not_followers: String,
    pub new_accounts: String,
    pub private_mentions: String,
    pub limited_accounts: String,
}

/// A row of `notification_requests`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = notification_requests)]
pub struct Request {
    pub id: i64,
    pub account_id: i64,
    pub from_account_id: i64,
    pub last_status_id: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
}

/// An account's policy, if it has set one.
#[boxed]
pub async fn policy(conn: &mut Conn, account_id: i64) -> Result<Option<Policy>> {
    on_db!(conn, |c| notification_policies::table
        .find(account_id)
        .first::<Policy>(c)
        .await
        .optional())
}

/// Sets an account's policy.
#[boxed]
pub async fn set_policy(conn: &mut Conn, row: &Policy) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(notification_policies::table)
        .values(row)
        .on_conflict(notification_policies::account_id)
        .do_update()
        .set(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Whether no policy applies to a sender.
#[boxed]
pub async fn is_permitted(conn: &mut Conn, account_id: i64, from: i64) -> Result<bool> {
    let found: Option<i64> = on_db!(conn, |c| notification_permissions::table
        .find((account_id, from))
        .select(notification_permissions::from_account_id)
        .first(c)
        .await
        .optional())?;
    Ok(found.is_some())
}

/// Exempts a sender from the policy.
#[boxed]
pub async fn permit(conn: &mut Conn, account_id: i64, from: i64, now: i64) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(
        notification_permissions::table
    )
    .values((
        notification_permissions::account_id.eq(account_id),
        notification_permissions::from_account_id.eq(from),
        notification_permissions::created_at.eq(now),
    ))
    .on_conflict_do_nothing()
    .execute(c)
    .await)?;
    Ok(())
}

/// Adds a request, or brings the sender's up to date.
#[boxed]
pub async fn put(conn: &mut Conn, row: &Request) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(notification_requests::table)
        .values(row)
        .on_conflict((
            notification_requests::account_id,
            notification_requests::from_account_id
        ))
        .do_update()
        .set((
            notification_requests::last_status_id.eq(row.last_status_id),
            notification_requests::updated_at.eq(row.updated_at),
        ))
        .execute(c)
        .await)?;
    Ok(())
}

/// Requests that have a filtered notification: the posts of others may be gone by now.
macro_rules! live {
    ($account:expr) => {
        notification_requests::table
            .filter(notification_requests::account_id.eq($account))
            .filter(diesel::dsl::exists(
                notifications::table
                    .filter(notifications::account_id.eq(notification_requests::account_id))
                    .filter(
                        notifications::from_account_id.eq(notification_requests::from_account_id),
                    )
                    .filter(sql::<Bool>("notifications.filtered = TRUE")),
            ))
    };
}

/// One page of an account's requests, newest first.
#[boxed]
pub async fn page(conn: &mut Conn, account_id: i64, page: Page) -> Result<Vec<Request>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let ascending = page.min_id.is_some();
    let query = live!(account_id)
        .filter(notification_requests::id.lt(max))
        .filter(notification_requests::id.gt(min))
        .limit(page.limit);
    if ascending {
        let mut rows: Vec<Request> = on_db!(conn, |c| query
            .order(notification_requests::id.asc())
            .load(c)
            .await)?;
        rows.reverse();
        Ok(rows)
    } else {
        on_db!(conn, |c| query
            .order(notification_requests::id.desc())
            .load(c)
            .await)
    }
}

/// An account's requests by id.
#[boxed]
pub async fn by_ids(conn: &mut Conn, account_id: i64, ids: &[i64]) -> Result<Vec<Request>> {
    on_db!(conn, |c| notification_requests::table
        .filter(notification_requests::account_id.eq(account_id))
        .filter(notification_requests::id.any_of(ids))
        .load::<Request>(c)
        .await)
}

/// How many requests an account has, at most `limit`.
#[boxed]
pub async fn count(conn: &mut Conn, account_id: i64, limit: i64) -> Result<i64> {
    let ids: Vec<i64> = on_db!(conn, |c| live!(account_id)
        .select(notification_requests::id)
        .limit(limit)
        .load(c)
        .await)?;
    Ok(ids.len() as i64)
}

/// How many filtered notifications an account has, at most `limit`.
#[boxed]
pub async fn count_filtered(conn: &mut Conn, account_id: i64, limit: i64) -> Result<i64> {
    let ids: Vec<i64> = on_db!(conn, |c| notifications::table
        .filter(notifications::account_id.eq(account_id))
        .filter(sql::<Bool>("filtered = TRUE"))
        .filter(notifications::kith.eq(false))
        .select(notifications::id)
        .limit(limit)
        .load(c)
        .await)?;
    Ok(ids.len() as i64)
}

/// How many filtered notifications each of some senders has.
#[boxed]
pub async fn counts_by_sender(
    conn: &mut Conn,
    account_id: i64,
    senders: &[i64],
) -> Result<Vec<(i64, i64)>> {
    on_db!(conn, |c| notifications::table
        .filter(notifications::account_id.eq(account_id))
        .filter(notifications::from_account_id.any_of(senders))
        .filter(sql::<Bool>("filtered = TRUE"))
        .filter(notifications::kith.eq(false))
        .group_by(notifications::from_account_id)
        .select((notifications::from_account_id, sql::<BigInt>("COUNT(*)")))
        .load(c)
        .await)
}

/// Removes a request.
#[boxed]
pub async fn delete(conn: &mut Conn, id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        notification_requests::table.find(id)
    )
    .execute(c)
    .await)?;
    Ok(())
}

/// An accepted sender's notifications are being put among the others.
#[boxed]
pub async fn begin_merge(conn: &mut Conn, account_id: i64, from: i64) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(notification_merges::table)
        .values((
            notification_merges::account_id.eq(account_id),
            notification_merges::from_account_id.eq(from),
        ))
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(())
}

/// They are there.
#[boxed]
pub async fn end_merge(conn: &mut Conn, account_id: i64, from: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        notification_merges::table.find((account_id, from))
    )
    .execute(c)
    .await)?;
    Ok(())
}

/// Whether any of an account's are under way.
#[boxed]
pub async fn is_merging(conn: &mut Conn, account_id: i64) -> Result<bool> {
    let found: Option<i64> = on_db!(conn, |c| notification_merges::table
        .filter(notification_merges::account_id.eq(account_id))
        .select(notification_merges::from_account_id)
        .first(c)
        .await
        .optional())?;
    Ok(found.is_some())
}
