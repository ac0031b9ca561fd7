//! What happened to statuses of local authors, by day. A day is a number: days since the epoch.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::schema::{account_days, status_days};
use super::{Conn, Result, on_db, prepared};

/// Numbers of one day, or of several together; what is to be added to them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = status_days)]
pub struct Counts {
    pub views: i64,
    pub likes: i64,
    pub dislikes: i64,
    /// Direct replies.
    pub comments: i64,
    /// Reblogs.
    pub shares: i64,
    /// Emoji reactions.
    pub reactions: i64,
}

/// The same of an account's statuses together, and what it gave itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    pub received: Counts,
    pub likes_given: i64,
    pub dislikes_given: i64,
}

/// Adds to a status's numbers of a day.
#[boxed]
pub async fn count_status(
    conn: &mut Conn,
    status_id: i64,
    day: i64,
    change: &Counts,
) -> Result<()> {
    on_db!(conn, |c| prepared!(
        "INSERT INTO status_days \
         (status_id, day, views, likes, dislikes, comments, shares, reactions) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (status_id, day) DO UPDATE SET \
         views = status_days.views + excluded.views, \
         likes = status_days.likes + excluded.likes, \
         dislikes = status_days.dislikes + excluded.dislikes, \
         comments = status_days.comments + excluded.comments, \
         shares = status_days.shares + excluded.shares, \
         reactions = status_days.reactions + excluded.reactions"
    )
    .bind::<BigInt, _>(status_id)
    .bind::<BigInt, _>(day)
    .bind::<BigInt, _>(change.views)
    .bind::<BigInt, _>(change.likes)
    .bind::<BigInt, _>(change.dislikes)
    .bind::<BigInt, _>(change.comments)
    .bind::<BigInt, _>(change.shares)
    .bind::<BigInt, _>(change.reactions)
    .execute(c)
    .await)?;
    Ok(())
}

/// Adds to an account's numbers of a day.
#[boxed]
pub async fn count_account(
    conn: &mut Conn,
    account_id: i64,
    day: i64,
    change: &Totals,
) -> Result<()> {
    let received = &change.received;
    on_db!(conn, |c| prepared!(
        "INSERT INTO account_days (account_id, day, views, likes, dislikes, comments, shares, \
         reactions, likes_given, dislikes_given) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         ON CONFLICT (account_id, day) DO UPDATE SET \
         views = account_days.views + excluded.views, \
         likes = account_days.likes + excluded.likes, \
         dislikes = account_days.dislikes + excluded.dislikes, \
         comments = account_days.comments + excluded.comments, \
         shares = account_days.shares + excluded.shares, \
         reactions = account_days.reactions + excluded.reactions, \
         likes_given = account_days.likes_given + excluded.likes_given, \
         dislikes_given = account_days.dislikes_given + excluded.dislikes_given"
    )
    .bind::<BigInt, _>(account_id)
    .bind::<BigInt, _>(day)
    .bind::<BigInt, _>(received.views)
    .bind::<BigInt, _>(received.likes)
    .bind::<BigInt, _>(received.dislikes)
    .bind::<BigInt, _>(received.comments)
    .bind::<BigInt, _>(received.shares)
    .bind::<BigInt, _>(received.reactions)
    .bind::<BigInt, _>(change.likes_given)
    .bind::<BigInt, _>(change.dislikes_given)
    .execute(c)
    .await)?;
    Ok(())
}

/// Takes the numbers of a status that goes from those of its author.
#[boxed]
pub async fn uncount_status(conn: &mut Conn, account_id: i64, status_id: i64) -> Result<()> {
    let rows: Vec<(i64, Counts)> = on_db!(conn, |c| status_days::table
        .filter(status_days::status_id.eq(status_id))
        .order(status_days::day)
        .select((status_days::day, Counts::as_select()))
        .load(c)
        .await)?;
    for (day, counts) in rows {
        let change = Totals {
            received: Counts {
                views: -counts.views,
                likes: -counts.likes,
                dislikes: -counts.dislikes,
                comments: -counts.comments,
                shares: -counts.shares,
                reactions: -counts.reactions,
            },
            ..Totals::default()
        };
        count_account(conn, account_id, day, &change).await?;
    }
    Ok(())
}

/// A status's numbers of the days from one to another.
#[boxed]
pub async fn of_status(
    conn: &mut Conn,
    status_id: i64,
    from: i64,
    to: i64,
) -> Result<Vec<(i64, Counts)>> {
    on_db!(conn, |c| status_days::table
        .filter(status_days::status_id.eq(status_id))
        .filter(status_days::day.between(from, to))
        .order(status_days::day)
        .select((status_days::day, Counts::as_select()))
        .load(c)
        .await)
}

/// An account's numbers of the days from one to another.
#[boxed]
pub async fn of_account(
    conn: &mut Conn,
    account_id: i64,
    from: i64,
    to: i64,
) -> Result<Vec<(i64, Totals)>> {
    let rows: Vec<Day> = on_db!(conn, |c| account_days::table
        .filter(account_days::account_id.eq(account_id))
        .filter(account_days::day.between(from, to))
        .order(account_days::day)
        .select(Day::as_select())
        .load(c)
        .await)?;
    Ok(rows
        .into_iter()
        .map(|row| (row.day, row.totals()))
        .collect())
}

/// A row of `account_days`.
#[derive(Queryable, Selectable)]
#[diesel(table_name = account_days)]
struct Day {
    day: i64,
    views: i64,
    likes: i64,
    dislikes: i64,
    comments: i64,
    shares: i64,
    reactions: i64,
    likes_given: i64,
    dislikes_given: i64,
}

impl Day {
    fn totals(&self) -> Totals {
        Totals {
            received: Counts {
                views: self.views,
                likes: self.likes,
                dislikes: self.dislikes,
                comments: self.comments,
                shares: self.shares,
                reactions: self.reactions,
            },
            likes_given: self.likes_given,
            dislikes_given: self.dislikes_given,
        }
    }
}
