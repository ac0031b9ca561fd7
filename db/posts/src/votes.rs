//! Dislikes. Likes are the favourites of [`super::reactions`].

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::accounts::Account;
use super::relations::Page;
use super::schema::{accounts, dislikes};
use super::{Conn, Result, on_db, prepared};

/// A row of `dislikes`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = dislikes)]
pub struct Dislike {
    pub id: i64,
    pub account_id: i64,
    pub status_id: i64,
    /// The Dislike activity's id.
    pub uri: String,
    pub created_at: i64,
}

/// Keeps others from voting on or reacting to a status until the transaction is through: what
/// excludes each other, or is limited, has to be looked at by one at a time.
#[boxed]
pub async fn lock(conn: &mut Conn, status_id: i64) -> Result<()> {
    // SQLite has one writer.
    if conn.is_postgres() {
        on_db!(conn, |c| prepared!(
            "UPDATE status_stats SET score = score WHERE status_id = $1"
        )
        .bind::<BigInt, _>(status_id)
        .execute(c)
        .await)?;
    }
    Ok(())
}

/// Adds a dislike; false when it is there already.
#[boxed]
pub async fn add(conn: &mut Conn, row: &Dislike) -> Result<bool> {
    let added = on_db!(conn, |c| diesel::insert_into(dislikes::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(added > 0)
}

/// An account's dislike of a status.
#[boxed]
pub async fn dislike(conn: &mut Conn, account_id: i64, status_id: i64) -> Result<Option<Dislike>> {
    on_db!(conn, |c| dislikes::table
        .filter(dislikes::account_id.eq(account_id))
        .filter(dislikes::status_id.eq(status_id))
        .first::<Dislike>(c)
        .await
        .optional())
}

/// An account's dislike by the activity's id.
#[boxed]
pub async fn by_uri(conn: &mut Conn, account_id: i64, uri: &str) -> Result<Option<Dislike>> {
    on_db!(conn, |c| dislikes::table
        .filter(dislikes::account_id.eq(account_id))
        .filter(dislikes::uri.eq(uri))
        .first::<Dislike>(c)
        .await
        .optional())
}

/// Any one of an account's dislikes.
#[boxed]
pub async fn any_of_account(conn: &mut Conn, account_id: i64) -> Result<Option<Dislike>> {
    on_db!(conn, |c| dislikes::table
        .filter(dislikes::account_id.eq(account_id))
        .first::<Dislike>(c)
        .await
        .optional())
}

/// Removes a dislike.
#[boxed]
pub async fn remove(conn: &mut Conn, id: i64) -> Result<bool> {
    let gone = on_db!(conn, |c| diesel::delete(dislikes::table.find(id))
        .execute(c)
        .await)?;
    Ok(gone > 0)
}

/// Adds to the number of a status's dislikes.
#[boxed]
pub async fn count(conn: &mut Conn, status_id: i64, dislikes: i64) -> Result<()> {
    on_db!(conn, |c| prepared!(
        "UPDATE status_stats SET dislikes_count = dislikes_count + $1, score = score - $1 \
         WHERE status_id = $2"
    )
    .bind::<BigInt, _>(dislikes)
    .bind::<BigInt, _>(status_id)
    .execute(c)
    .await)?;
    Ok(())
}

/// One page of who disliked a status, newest first, with the dislike's id.
#[boxed]
pub async fn disliked_by(
    conn: &mut Conn,
    status_id: i64,
    page: Page,
) -> Result<Vec<(i64, Account)>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let rows = dislikes::table
        .inner_join(accounts::table.on(accounts::id.eq(dislikes::account_id)))
        .filter(dislikes::status_id.eq(status_id))
        .filter(dislikes::id.lt(max))
        .filter(dislikes::id.gt(min))
        .filter(accounts::suspended_at.is_null())
        .limit(page.limit);
    if page.min_id.is_some() {
        let mut rows: Vec<(i64, Account)> = on_db!(conn, |c| rows
            .order(dislikes::id.asc())
            .select((dislikes::id, Account::as_select()))
            .load(c)
            .await)?;
        rows.reverse();
        Ok(rows)
    } else {
        on_db!(conn, |c| rows
            .order(dislikes::id.desc())
            .select((dislikes::id, Account::as_select()))
            .load(c)
            .await)
    }
}
