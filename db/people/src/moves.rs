//! Accounts that moved, and who here has to do with them.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::accounts::Account;
use super::relations::{Block, Follow, Mute};
use super::schema::{account_moves, account_notes, accounts, blocks, follows, mutes};
use super::{Conn, Result, on_db};

/// A row of `account_moves`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = account_moves)]
pub struct AccountMove {
    pub id: i64,
    /// Who moved.
    pub account_id: i64,
    /// Where to.
    pub target_id: i64,
    /// Followers it had then, as far as they are known here.
    pub followers: i64,
    pub created_at: i64,
}

/// Adds a move.
#[boxed]
pub async fn insert(conn: &mut Conn, row: &AccountMove) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(account_moves::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// An account's last move.
#[boxed]
pub async fn latest(conn: &mut Conn, account_id: i64) -> Result<Option<AccountMove>> {
    on_db!(conn, |c| account_moves::table
        .filter(account_moves::account_id.eq(account_id))
        .order((account_moves::created_at.desc(), account_moves::id.desc()))
        .select(AccountMove::as_select())
        .first(c)
        .await
        .optional())
}

/// Follows of an account by those who live here, the oldest first, after one.
#[boxed]
pub async fn followers_here(
    conn: &mut Conn,
    target_id: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<(Follow, Account)>> {
    on_db!(conn, |c| follows::table
        .inner_join(accounts::table.on(accounts::id.eq(follows::account_id)))
        .filter(follows::target_id.eq(target_id))
        .filter(follows::id.gt(after))
        .filter(accounts::domain.eq(""))
        .order(follows::id)
        .limit(limit)
        .select((Follow::as_select(), Account::as_select()))
        .load(c)
        .await)
}

/// Blocks of an account by those who live here, in the order of who blocks, after one.
#[boxed]
pub async fn blocked_here(
    conn: &mut Conn,
    target_id: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<(Block, Account)>> {
    on_db!(conn, |c| blocks::table
        .inner_join(accounts::table.on(accounts::id.eq(blocks::account_id)))
        .filter(blocks::target_id.eq(target_id))
        .filter(blocks::account_id.gt(after))
        .filter(accounts::domain.eq(""))
        .order(blocks::account_id)
        .limit(limit)
        .select((Block::as_select(), Account::as_select()))
        .load(c)
        .await)
}

/// Mutes of an account, the oldest first, after one. None but our own accounts mute.
#[boxed]
pub async fn muted_here(
    conn: &mut Conn,
    target_id: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<(Mute, Account)>> {
    on_db!(conn, |c| mutes::table
        .inner_join(accounts::table.on(accounts::id.eq(mutes::account_id)))
        .filter(mutes::target_id.eq(target_id))
        .filter(mutes::id.gt(after))
        .order(mutes::id)
        .limit(limit)
        .select((Mute::as_select(), Account::as_select()))
        .load(c)
        .await)
}

/// Notes on an account, in the order of who wrote them, after one: who, and the text.
#[boxed]
pub async fn notes_on(
    conn: &mut Conn,
    target_id: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<(i64, String)>> {
    on_db!(conn, |c| account_notes::table
        .filter(account_notes::target_id.eq(target_id))
        .filter(account_notes::account_id.gt(after))
        .order(account_notes::account_id)
        .limit(limit)
        .select((account_notes::account_id, account_notes::comment))
        .load(c)
        .await)
}

/// Accounts elsewhere that block one, at most `limit`.
#[boxed]
pub async fn blocked_elsewhere(conn: &mut Conn, target_id: i64, limit: i64) -> Result<Vec<i64>> {
    on_db!(conn, |c| blocks::table
        .inner_join(accounts::table.on(accounts::id.eq(blocks::account_id)))
        .filter(blocks::target_id.eq(target_id))
        .filter(accounts::domain.ne(""))
        .limit(limit)
        .select(blocks::account_id)
        .load(c)
        .await)
}
