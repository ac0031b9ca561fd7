//! Notifications.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::relations::Page;
use super::schema::notifications;
use super::{Conn, Result, on_db};

/// A row of `notifications`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = notifications)]
pub struct Notification {
    pub id: i64,
    pub account_id: i64,
    pub from_account_id: i64,
    /// As in the Mastodon API: `mention`, `favourite`, `reblog`, `follow`…
    pub kind: String,
    pub status_id: Option<i64>,
    pub created_at: i64,
    pub read_at: Option<i64>,
}

/// Adds a notification.
pub async fn insert(conn: &mut Conn, row: &Notification) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(notifications::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Whether the same is there already.
pub async fn exists(conn: &mut Conn, row: &Notification) -> Result<bool> {
    let same = notifications::table
        .filter(notifications::account_id.eq(row.account_id))
        .filter(notifications::from_account_id.eq(row.from_account_id))
        .filter(notifications::kind.eq(&row.kind))
        .select(notifications::id)
        .limit(1);
    let found: Option<i64> = match row.status_id {
        Some(status) => on_db!(conn, |c| same
            .filter(notifications::status_id.eq(status))
            .first(c)
            .await
            .optional())?,
        None => on_db!(conn, |c| same
            .filter(notifications::status_id.is_null())
            .first(c)
            .await
            .optional())?,
    };
    Ok(found.is_some())
}

/// One notification of an account.
pub async fn by_id(conn: &mut Conn, account_id: i64, id: i64) -> Result<Option<Notification>> {
    on_db!(conn, |c| notifications::table
        .find(id)
        .filter(notifications::account_id.eq(account_id))
        .first::<Notification>(c)
        .await
        .optional())
}

/// One page, newest first. `kinds` empty: all but `exclude`.
pub async fn page(
    conn: &mut Conn,
    account_id: i64,
    kinds: &[String],
    exclude: &[String],
    from: Option<i64>,
    page: Page,
) -> Result<Vec<Notification>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let ascending = page.min_id.is_some();
    let mut rows: Vec<Notification> = on_db!(conn, |c| {
        let mut query = notifications::table
            .filter(notifications::account_id.eq(account_id))
            .filter(notifications::id.lt(max))
            .filter(notifications::id.gt(min))
            .limit(page.limit)
            .into_boxed();
        if !kinds.is_empty() {
            query = query.filter(notifications::kind.eq_any(kinds));
        }
        if !exclude.is_empty() {
            query = query.filter(notifications::kind.ne_all(exclude));
        }
        if let Some(from) = from {
            query = query.filter(notifications::from_account_id.eq(from));
        }
        query = if ascending {
            query.order(notifications::id.asc())
        } else {
            query.order(notifications::id.desc())
        };
        query.load(c).await
    })?;
    if ascending {
        rows.reverse();
    }
    Ok(rows)
}

/// Deletes one notification of an account.
pub async fn delete(conn: &mut Conn, account_id: i64, id: i64) -> Result<bool> {
    let gone = on_db!(conn, |c| diesel::delete(
        notifications::table
            .find(id)
            .filter(notifications::account_id.eq(account_id))
    )
    .execute(c)
    .await)?;
    Ok(gone > 0)
}

/// Deletes all of an account's.
pub async fn clear(conn: &mut Conn, account_id: i64) -> Result<usize> {
    on_db!(conn, |c| diesel::delete(
        notifications::table.filter(notifications::account_id.eq(account_id))
    )
    .execute(c)
    .await)
}

/// Deletes what one account's deed left in another's list: an unfollow, an undone favourite.
pub async fn retract(
    conn: &mut Conn,
    account_id: i64,
    from_account_id: i64,
    kind: &str,
    status_id: Option<i64>,
) -> Result<()> {
    let rows = notifications::table
        .filter(notifications::account_id.eq(account_id))
        .filter(notifications::from_account_id.eq(from_account_id))
        .filter(notifications::kind.eq(kind));
    match status_id {
        Some(status) => on_db!(conn, |c| diesel::delete(
            rows.filter(notifications::status_id.eq(status))
        )
        .execute(c)
        .await)?,
        None => on_db!(conn, |c| diesel::delete(rows).execute(c).await)?,
    };
    Ok(())
}
