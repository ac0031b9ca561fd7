//! Favourites and bookmarks.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::accounts::Account;
use super::any::AnyOfExt;
use super::relations::Page;
use super::schema::{accounts, bookmarks, dislikes, emoji_reactions, favourites, pins, statuses};
use super::{Conn, Result, on_db};

/// A row of `favourites`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = favourites)]
pub struct Favourite {
    pub id: i64,
    pub account_id: i64,
    pub status_id: i64,
    /// The Like activity's id.
    pub uri: String,
    pub created_at: i64,
}

/// Adds a favourite; false when it is there already.
#[boxed]
pub async fn add_favourite(conn: &mut Conn, row: &Favourite) -> Result<bool> {
    let added = on_db!(conn, |c| diesel::insert_into(favourites::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(added > 0)
}

/// An account's favourite of a status.
#[boxed]
pub async fn favourite(
    conn: &mut Conn,
    account_id: i64,
    status_id: i64,
) -> Result<Option<Favourite>> {
    on_db!(conn, |c| favourites::table
        .filter(favourites::account_id.eq(account_id))
        .filter(favourites::status_id.eq(status_id))
        .first::<Favourite>(c)
        .await
        .optional())
}

/// An account's favourite by the Like's id.
#[boxed]
pub async fn favourite_by_uri(
    conn: &mut Conn,
    account_id: i64,
    uri: &str,
) -> Result<Option<Favourite>> {
    on_db!(conn, |c| favourites::table
        .filter(favourites::account_id.eq(account_id))
        .filter(favourites::uri.eq(uri))
        .first::<Favourite>(c)
        .await
        .optional())
}

/// Any one of an account's favourites.
#[boxed]
pub async fn any_of_account(conn: &mut Conn, account_id: i64) -> Result<Option<Favourite>> {
    on_db!(conn, |c| favourites::table
        .filter(favourites::account_id.eq(account_id))
        .first::<Favourite>(c)
        .await
        .optional())
}

/// Removes a favourite.
#[boxed]
pub async fn remove_favourite(conn: &mut Conn, id: i64) -> Result<bool> {
    let gone = on_db!(conn, |c| diesel::delete(favourites::table.find(id))
        .execute(c)
        .await)?;
    Ok(gone > 0)
}

/// Adds a bookmark; false when it is there already.
#[boxed]
pub async fn add_bookmark(
    conn: &mut Conn,
    id: i64,
    account_id: i64,
    status_id: i64,
    now: i64,
) -> Result<bool> {
    let added = on_db!(conn, |c| diesel::insert_into(bookmarks::table)
        .values((
            bookmarks::id.eq(id),
            bookmarks::account_id.eq(account_id),
            bookmarks::status_id.eq(status_id),
            bookmarks::created_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(added > 0)
}

/// Removes a bookmark.
#[boxed]
pub async fn remove_bookmark(conn: &mut Conn, account_id: i64, status_id: i64) -> Result<bool> {
    let gone = on_db!(conn, |c| diesel::delete(
        bookmarks::table
            .filter(bookmarks::account_id.eq(account_id))
            .filter(bookmarks::status_id.eq(status_id))
    )
    .execute(c)
    .await)?;
    Ok(gone > 0)
}

/// What an account did to some statuses.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    pub favourited: Vec<i64>,
    pub reblogged: Vec<i64>,
    pub bookmarked: Vec<i64>,
    pub pinned: Vec<i64>,
    pub disliked: Vec<i64>,
}

/// Which of some statuses an account favourited, reblogged, bookmarked, pinned and disliked: five
/// statements.
#[boxed]
pub async fn marks(conn: &mut Conn, account_id: i64, ids: &[i64]) -> Result<Marks> {
    if ids.is_empty() {
        return Ok(Marks::default());
    }
    let favourited = on_db!(conn, |c| favourites::table
        .filter(favourites::account_id.eq(account_id))
        .filter(favourites::status_id.any_of(ids))
        .select(favourites::status_id)
        .load(c)
        .await)?;
    let reblogged: Vec<Option<i64>> = on_db!(conn, |c| statuses::table
        .filter(statuses::reblog_of_id.any_of(ids))
        .filter(statuses::account_id.eq(account_id))
        .select(statuses::reblog_of_id)
        .load(c)
        .await)?;
    let bookmarked = on_db!(conn, |c| bookmarks::table
        .filter(bookmarks::account_id.eq(account_id))
        .filter(bookmarks::status_id.any_of(ids))
        .select(bookmarks::status_id)
        .load(c)
        .await)?;
    let pinned = on_db!(conn, |c| pins::table
        .filter(pins::status_id.any_of(ids))
        .filter(pins::account_id.eq(account_id))
        .select(pins::status_id)
        .load(c)
        .await)?;
    let disliked = on_db!(conn, |c| dislikes::table
        .filter(dislikes::account_id.eq(account_id))
        .filter(dislikes::status_id.any_of(ids))
        .select(dislikes::status_id)
        .load(c)
        .await)?;
    Ok(Marks {
        favourited,
        reblogged: reblogged.into_iter().flatten().collect(),
        bookmarked,
        pinned,
        disliked,
    })
}

/// Of some accounts, those that favourited, reblogged, bookmarked or disliked a status, or reacted
/// to it: five statements.
#[boxed]
pub async fn markers(conn: &mut Conn, status_id: i64, accounts: &[i64]) -> Result<Vec<i64>> {
    let mut found: Vec<i64> = on_db!(conn, |c| favourites::table
        .filter(favourites::status_id.eq(status_id))
        .filter(favourites::account_id.any_of(accounts))
        .select(favourites::account_id)
        .load(c)
        .await)?;
    let reblogged: Vec<i64> = on_db!(conn, |c| statuses::table
        .filter(statuses::reblog_of_id.eq(status_id))
        .filter(statuses::account_id.any_of(accounts))
        .select(statuses::account_id)
        .load(c)
        .await)?;
    let bookmarked: Vec<i64> = on_db!(conn, |c| bookmarks::table
        .filter(bookmarks::status_id.eq(status_id))
        .filter(bookmarks::account_id.any_of(accounts))
        .select(bookmarks::account_id)
        .load(c)
        .await)?;
    let disliked: Vec<i64> = on_db!(conn, |c| dislikes::table
        .filter(dislikes::status_id.eq(status_id))
        .filter(dislikes::account_id.any_of(accounts))
        .select(dislikes::account_id)
        .load(c)
        .await)?;
    let reacted: Vec<i64> = on_db!(conn, |c| emoji_reactions::table
        .filter(emoji_reactions::status_id.eq(status_id))
        .filter(emoji_reactions::account_id.any_of(accounts))
        .select(emoji_reactions::account_id)
        .load(c)
        .await)?;
    found.extend(reblogged);
    found.extend(bookmarked);
    found.extend(disliked);
    found.extend(reacted);
    Ok(found)
}

/// One page of who favourited a status, newest first, with the favourite's id.
#[boxed]
pub async fn favourited_by(
    conn: &mut Conn,
    status_id: i64,
    page: Page,
) -> Result<Vec<(i64, Account)>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let rows = favourites::table
        .inner_join(accounts::table.on(accounts::id.eq(favourites::account_id)))
        .filter(favourites::status_id.eq(status_id))
        .filter(favourites::id.lt(max))
        .filter(favourites::id.gt(min))
        .filter(accounts::suspended_at.is_null())
        .limit(page.limit);
    if page.min_id.is_some() {
        let mut rows: Vec<(i64, Account)> = on_db!(conn, |c| rows
            .order(favourites::id.asc())
            .select((favourites::id, Account::as_select()))
            .load(c)
            .await)?;
        rows.reverse();
        Ok(rows)
    } else {
        on_db!(conn, |c| rows
            .order(favourites::id.desc())
            .select((favourites::id, Account::as_select()))
            .load(c)
            .await)
    }
}

/// One page of who reblogged a status, newest first, with the reblog's id.
#[boxed]
pub async fn reblogged_by(
    conn: &mut Conn,
    status_id: i64,
    page: Page,
) -> Result<Vec<(i64, Account)>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let rows = statuses::table
        .inner_join(accounts::table.on(accounts::id.eq(statuses::account_id)))
        .filter(statuses::reblog_of_id.eq(status_id))
        .filter(statuses::id.lt(max))
        .filter(statuses::id.gt(min))
        .filter(accounts::suspended_at.is_null())
        .limit(page.limit);
    if page.min_id.is_some() {
        let mut rows: Vec<(i64, Account)> = on_db!(conn, |c| rows
            .order(statuses::id.asc())
            .select((statuses::id, Account::as_select()))
            .load(c)
            .await)?;
        rows.reverse();
        Ok(rows)
    } else {
        on_db!(conn, |c| rows
            .order(statuses::id.desc())
            .select((statuses::id, Account::as_select()))
            .load(c)
            .await)
    }
}

/// Positions of an account's favourites or bookmarks and the statuses they are of.
#[boxed]
pub async fn marked(
    conn: &mut Conn,
    account_id: i64,
    favourite: bool,
    page: Page,
) -> Result<Vec<(i64, i64)>> {
    macro_rules! rows {
        ($table:ident) => {{
            let max = page.max_id.unwrap_or(i64::MAX);
            let min = page.min_id.or(page.since_id).unwrap_or(0);
            let rows = $table::table
                .filter($table::account_id.eq(account_id))
                .filter($table::id.lt(max))
                .filter($table::id.gt(min))
                .limit(page.limit)
                .select(($table::id, $table::status_id));
            if page.min_id.is_some() {
                let mut rows: Vec<(i64, i64)> =
                    on_db!(conn, |c| rows.order($table::id.asc()).load(c).await)?;
                rows.reverse();
                Ok(rows)
            } else {
                on_db!(conn, |c| rows.order($table::id.desc()).load(c).await)
            }
        }};
    }
    if favourite {
        rows!(favourites)
    } else {
        rows!(bookmarks)
    }
}
