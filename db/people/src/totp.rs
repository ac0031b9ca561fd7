//! Second factors and the recovery codes beside them.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::schema::{recovery_codes, totp};
use super::{Conn, Result, on_db};

/// A row of `totp`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = totp, treat_none_as_null = true)]
pub struct Totp {
    pub account_id: i64,
    /// Sealed.
    pub secret: String,
    /// Asked for since then; `None` before.
    pub confirmed_at: Option<i64>,
    /// The newest time step whose code was taken: older ones are not any more.
    pub last_step: i64,
    /// Wrong codes in a row.
    pub tries: i64,
    /// When the last code was tried.
    pub tried_at: i64,
    pub created_at: i64,
}

/// The second factor of an account.
#[boxed]
pub async fn of(conn: &mut Conn, account_id: i64) -> Result<Option<Totp>> {
    on_db!(conn, |c| totp::table
        .find(account_id)
        .select(Totp::as_select())
        .first(c)
        .await
        .optional())
}

/// Sets an account's second factor, and its recovery codes by their hashes in place of any.
#[boxed]
pub async fn set(conn: &mut Conn, row: &Totp, code_hashes: &[String]) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(totp::table)
        .values(row)
        .on_conflict(totp::account_id)
        .do_update()
        .set(row)
        .execute(c)
        .await)?;
    forget_recovery_codes(conn, row.account_id).await?;
    for hash in code_hashes {
        on_db!(conn, |c| diesel::insert_into(recovery_codes::table)
            .values((
                recovery_codes::account_id.eq(row.account_id),
                recovery_codes::code_hash.eq(hash),
            ))
            .execute(c)
            .await)?;
    }
    Ok(())
}

/// Removes an account's second factor with its recovery codes.
#[boxed]
pub async fn remove(conn: &mut Conn, account_id: i64) -> Result<bool> {
    forget_recovery_codes(conn, account_id).await?;
    let gone = on_db!(conn, |c| diesel::delete(totp::table.find(account_id))
        .execute(c)
        .await)?;
    Ok(gone > 0)
}

async fn forget_recovery_codes(conn: &mut Conn, account_id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        recovery_codes::table.filter(recovery_codes::account_id.eq(account_id))
    )
    .execute(c)
    .await)?;
    Ok(())
}

/// Counts a try where so many are behind it; false when another came between.
#[boxed]
pub async fn count_try(conn: &mut Conn, account_id: i64, tries: i64, now: i64) -> Result<bool> {
    let counted = on_db!(conn, |c| diesel::update(
        totp::table.find(account_id).filter(totp::tries.eq(tries))
    )
    .set((totp::tries.eq(tries + 1), totp::tried_at.eq(now)))
    .execute(c)
    .await)?;
    Ok(counted > 0)
}

/// Forgets the wrong tries of an account.
#[boxed]
pub async fn forgive(conn: &mut Conn, account_id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(totp::table.find(account_id))
        .set(totp::tries.eq(0))
        .execute(c)
        .await)?;
    Ok(())
}

/// Takes the code of a time step; false when it, or a later one, was taken before.
#[boxed]
pub async fn take_step(conn: &mut Conn, account_id: i64, step: i64) -> Result<bool> {
    let taken = on_db!(conn, |c| diesel::update(
        totp::table
            .find(account_id)
            .filter(totp::last_step.lt(step))
    )
    .set(totp::last_step.eq(step))
    .execute(c)
    .await)?;
    Ok(taken > 0)
}

/// From now on the second factor is asked for.
#[boxed]
pub async fn confirm(conn: &mut Conn, account_id: i64, now: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(totp::table.find(account_id))
        .set(totp::confirmed_at.eq(now))
        .execute(c)
        .await)?;
    Ok(())
}

/// Takes a recovery code by its hash; false where there is none that is unused.
#[boxed]
pub async fn use_recovery_code(
    conn: &mut Conn,
    account_id: i64,
    code_hash: &str,
    now: i64,
) -> Result<bool> {
    let used = on_db!(conn, |c| diesel::update(
        recovery_codes::table
            .find((account_id, code_hash))
            .filter(recovery_codes::used_at.is_null())
    )
    .set(recovery_codes::used_at.eq(now))
    .execute(c)
    .await)?;
    Ok(used > 0)
}
