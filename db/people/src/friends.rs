//! Friends, who follow each other, and the requests to become one.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::accounts::Account;
use super::any::AnyOfExt;
use super::relations::Page;
use super::schema::{accounts, follows, friend_requests};
use super::{Conn, Result, on_db};

/// A row of `friend_requests`: the latest of one account to another.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = friend_requests)]
pub struct FriendRequest {
    pub id: i64,
    /// Who asks.
    pub account_id: i64,
    /// Who is asked.
    pub target_id: i64,
    /// As in `domain::friends::State`.
    pub status: String,
    pub created_at: i64,
    pub decided_at: Option<i64>,
}

/// Which of an account's requests.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// `true`: those that came to it; `false`: those that it made; `None`: both.
    pub incoming: Option<bool>,
    /// Those in this state alone.
    pub status: Option<String>,
}

/// The request of one account to another, whatever became of it.
#[boxed]
pub async fn request(
    conn: &mut Conn,
    account_id: i64,
    target_id: i64,
) -> Result<Option<FriendRequest>> {
    on_db!(conn, |c| friend_requests::table
        .filter(friend_requests::account_id.eq(account_id))
        .filter(friend_requests::target_id.eq(target_id))
        .select(FriendRequest::as_select())
        .first(c)
        .await
        .optional())
}

/// A request by id, whosever it is.
#[boxed]
pub async fn by_id(conn: &mut Conn, id: i64) -> Result<Option<FriendRequest>> {
    Ok(by_ids(conn, &[id]).await?.pop())
}

/// Requests by id, in no order.
#[boxed]
pub async fn by_ids(conn: &mut Conn, ids: &[i64]) -> Result<Vec<FriendRequest>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| friend_requests::table
        .filter(friend_requests::id.any_of(ids))
        .select(FriendRequest::as_select())
        .load(c)
        .await)
}

/// Adds a request in the place of the one there was between the same two.
#[boxed]
pub async fn put(conn: &mut Conn, row: &FriendRequest) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(friend_requests::table)
        .values(row)
        .on_conflict((friend_requests::account_id, friend_requests::target_id))
        .do_update()
        .set((
            friend_requests::id.eq(row.id),
            friend_requests::status.eq(&row.status),
            friend_requests::created_at.eq(row.created_at),
            friend_requests::decided_at.eq(row.decided_at),
        ))
        .execute(c)
        .await)?;
    Ok(())
}

/// Writes what became of a request that was in the state `from`; false when it was not.
#[boxed]
pub async fn decide(conn: &mut Conn, id: i64, from: &str, to: &str, now: i64) -> Result<bool> {
    let decided = on_db!(conn, |c| diesel::update(
        friend_requests::table
            .find(id)
            .filter(friend_requests::status.eq(from))
    )
    .set((
        friend_requests::status.eq(to),
        friend_requests::decided_at.eq(now),
    ))
    .execute(c)
    .await)?;
    Ok(decided > 0)
}

/// How many of an account's requests are in a state, at most `limit`.
#[boxed]
pub async fn count(conn: &mut Conn, account_id: i64, status: &str, limit: i64) -> Result<i64> {
    let ids: Vec<i64> = on_db!(conn, |c| friend_requests::table
        .filter(friend_requests::account_id.eq(account_id))
        .filter(friend_requests::status.eq(status))
        .select(friend_requests::id)
        .limit(limit)
        .load(c)
        .await)?;
    Ok(ids.len() as i64)
}

/// One page of an account's requests, the newest first. Those with accounts that are suspended
/// or gone are left out.
#[boxed]
pub async fn page(
    conn: &mut Conn,
    account_id: i64,
    filter: &Filter,
    page: Page,
) -> Result<Vec<FriendRequest>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let ascending = page.min_id.is_some();
    macro_rules! side {
        ($whose:ident, $other:ident) => {{
            on_db!(conn, |c| {
                let mut rows = friend_requests::table
                    .inner_join(accounts::table.on(accounts::id.eq(friend_requests::$other)))
                    .filter(friend_requests::$whose.eq(account_id))
                    .filter(friend_requests::id.lt(max))
                    .filter(friend_requests::id.gt(min))
                    .filter(accounts::suspended_at.is_null())
                    .filter(accounts::deleted_at.is_null())
                    .select(FriendRequest::as_select())
                    .limit(page.limit)
                    .into_boxed();
                if let Some(status) = &filter.status {
                    rows = rows.filter(friend_requests::status.eq(status));
                }
                let rows = if ascending {
                    rows.order(friend_requests::id.asc())
                } else {
                    rows.order(friend_requests::id.desc())
                };
                rows.load::<FriendRequest>(c).await
            })?
        }};
    }
    let mut found: Vec<FriendRequest> = Vec::new();
    if filter.incoming != Some(true) {
        found.extend(side!(account_id, target_id));
    }
    if filter.incoming != Some(false) {
        found.extend(side!(target_id, account_id));
    }
    found.sort_by_key(|row| std::cmp::Reverse(row.id));
    let limit = usize::try_from(page.limit).unwrap_or_default();
    if ascending {
        found.drain(..found.len().saturating_sub(limit));
    } else {
        found.truncate(limit);
    }
    Ok(found)
}

/// One page of an account's friends by when it followed them, the newest first, with the id of
/// that follow.
#[boxed]
pub async fn friends(conn: &mut Conn, account_id: i64, page: Page) -> Result<Vec<(i64, Account)>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let back = diesel::alias!(follows as back);
    let rows = follows::table
        .inner_join(accounts::table.on(accounts::id.eq(follows::target_id)))
        .filter(follows::account_id.eq(account_id))
        .filter(diesel::dsl::exists(
            back.filter(back.field(follows::account_id).eq(follows::target_id))
                .filter(back.field(follows::target_id).eq(account_id)),
        ))
        .filter(follows::id.lt(max))
        .filter(follows::id.gt(min))
        .filter(accounts::suspended_at.is_null())
        .filter(accounts::deleted_at.is_null())
        .limit(page.limit);
    if page.min_id.is_some() {
        let mut rows: Vec<(i64, Account)> = on_db!(conn, |c| rows
            .order(follows::id.asc())
            .select((follows::id, Account::as_select()))
            .load(c)
            .await)?;
        rows.reverse();
        Ok(rows)
    } else {
        on_db!(conn, |c| rows
            .order(follows::id.desc())
            .select((follows::id, Account::as_select()))
            .load(c)
            .await)
    }
}
