//! When profiles of other servers were read, and what those count.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::schema::{account_reads, account_stats};
use super::{Conn, Result, on_db, prepared};

/// A row of `account_reads`.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset,
)]
#[diesel(table_name = account_reads)]
pub struct AccountRead {
    pub account_id: i64,
    /// When it was last read; 0 for never.
    pub read_at: i64,
    /// Not again before.
    pub next_at: i64,
    /// How often in a row it could not be had.
    pub failures: i64,
}

/// When a profile was read.
#[boxed]
pub async fn of(conn: &mut Conn, account_id: i64) -> Result<Option<AccountRead>> {
    on_db!(conn, |c| account_reads::table
        .find(account_id)
        .select(AccountRead::as_select())
        .first(c)
        .await
        .optional())
}

/// Writes when a profile was read.
#[boxed]
pub async fn put(conn: &mut Conn, row: &AccountRead) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(account_reads::table)
        .values(row)
        .on_conflict(account_reads::account_id)
        .do_update()
        .set(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// What a server counts of an account of its own; `None` where it does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    pub followers: Option<i64>,
    pub following: Option<i64>,
    pub statuses: Option<i64>,
}

/// Keeps by how much that exceeds what is known here now.
#[boxed]
pub async fn set_told(conn: &mut Conn, account_id: i64, told: Told) -> Result<()> {
    if let Some(total) = told.followers {
        on_db!(conn, |c| diesel::update(
            account_stats::table.find(account_id)
        )
        .set(
            account_stats::followers_beyond
                .eq(total.into_sql::<BigInt>() - account_stats::followers_count)
        )
        .execute(c)
        .await)?;
    }
    if let Some(total) = told.following {
        on_db!(conn, |c| diesel::update(
            account_stats::table.find(account_id)
        )
        .set(
            account_stats::following_beyond
                .eq(total.into_sql::<BigInt>() - account_stats::following_count)
        )
        .execute(c)
        .await)?;
    }
    if let Some(total) = told.statuses {
        on_db!(conn, |c| diesel::update(
            account_stats::table.find(account_id)
        )
        .set(
            account_stats::statuses_beyond
                .eq(total.into_sql::<BigInt>() - account_stats::statuses_count)
        )
        .execute(c)
        .await)?;
    }
    Ok(())
}

/// One of the posts that were known elsewhere alone came to be known here, where its server's
/// number of them is known.
#[boxed]
pub async fn caught_up(conn: &mut Conn, account_id: i64) -> Result<()> {
    on_db!(conn, |c| prepared!(
        "UPDATE account_stats SET statuses_beyond = statuses_beyond - 1 \
         WHERE account_id = $1 AND statuses_beyond > 0"
    )
    .bind::<BigInt, _>(account_id)
    .execute(c)
    .await)?;
    Ok(())
}
