//! All that an account has of a kind, in an order that stays, for who carries it elsewhere.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::accounts::Account;
use super::relations::{Block, Follow, Mute};
use super::schema::{
    account_domain_blocks, accounts, blocks, bookmarks, follows, list_members, mutes, statuses,
};
use super::{Conn, Result, on_db};

macro_rules! others {
    ($name:ident, $table:ident, $row:ident, $what:literal) => {
        #[doc = concat!("Those whom an account ", $what, ", by id, above one.")]
        #[boxed]
        pub async fn $name(
            conn: &mut Conn,
            account_id: i64,
            above: i64,
            limit: i64,
        ) -> Result<Vec<($row, Account)>> {
            on_db!(conn, |c| $table::table
                .inner_join(accounts::table.on(accounts::id.eq($table::target_id)))
                .filter($table::account_id.eq(account_id))
                .filter($table::target_id.gt(above))
                .order($table::target_id)
                .limit(limit)
                .select(($row::as_select(), Account::as_select()))
                .load(c)
                .await)
        }
    };
}

others!(follows, follows, Follow, "follows");
others!(blocks, blocks, Block, "blocks");
others!(mutes, mutes, Mute, "mutes");

/// Domains that an account blocks, with the block's id and time, above an id.
#[boxed]
pub async fn domains(
    conn: &mut Conn,
    account_id: i64,
    above: i64,
    limit: i64,
) -> Result<Vec<(i64, String, i64)>> {
    on_db!(conn, |c| account_domain_blocks::table
        .filter(account_domain_blocks::account_id.eq(account_id))
        .filter(account_domain_blocks::id.gt(above))
        .order(account_domain_blocks::id)
        .limit(limit)
        .select((
            account_domain_blocks::id,
            account_domain_blocks::domain,
            account_domain_blocks::created_at,
        ))
        .load(c)
        .await)
}

/// Members of a list, by id, above one.
#[boxed]
pub async fn members(
    conn: &mut Conn,
    list_id: i64,
    above: i64,
    limit: i64,
) -> Result<Vec<Account>> {
    on_db!(conn, |c| list_members::table
        .inner_join(accounts::table.on(accounts::id.eq(list_members::account_id)))
        .filter(list_members::list_id.eq(list_id))
        .filter(list_members::account_id.gt(above))
        .order(list_members::account_id)
        .limit(limit)
        .select(Account::as_select())
        .load(c)
        .await)
}

/// What an account has bookmarked, above a bookmark's id.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Bookmarked {
    pub id: i64,
    pub created_at: i64,
    pub status_id: i64,
    pub uri: String,
}

/// Bookmarks of an account, above an id.
#[boxed]
pub async fn bookmarks(
    conn: &mut Conn,
    account_id: i64,
    above: i64,
    limit: i64,
) -> Result<Vec<Bookmarked>> {
    on_db!(conn, |c| bookmarks::table
        .inner_join(statuses::table.on(statuses::id.eq(bookmarks::status_id)))
        .filter(bookmarks::account_id.eq(account_id))
        .filter(bookmarks::id.gt(above))
        .order(bookmarks::id)
        .limit(limit)
        .select((
            bookmarks::id,
            bookmarks::created_at,
            statuses::id,
            statuses::uri,
        ))
        .load(c)
        .await)
}
