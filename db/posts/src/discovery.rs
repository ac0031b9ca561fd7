//! Finding accounts one does not know yet: the directory, suggestions, familiar followers.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::schema::{
    account_domain_blocks, account_stats, accounts, blocks, follow_requests, follows, mutes, users,
};
use super::{Conn, Result, on_db};

/// How the directory is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Who posted last, first.
    Active,
    /// Who came last, first.
    New,
}

/// A condition spelled out: only a literal matches a partial index.
fn literally(condition: &str) -> diesel::expression::SqlLiteral<diesel::sql_types::Bool> {
    diesel::dsl::sql(condition)
}

/// Accounts that may be shown to those who do not know them.
macro_rules! presentable {
    ($query:expr) => {
        $query
            .filter(literally("accounts.discoverable = TRUE"))
            .filter(accounts::suspended_at.is_null())
            .filter(accounts::silenced_at.is_null())
            .filter(accounts::deleted_at.is_null())
            .filter(accounts::moved_to.eq(""))
            // Nobody whose registration is not through, and not the server itself.
            .filter(
                accounts::domain.ne("").or(diesel::dsl::exists(
                    users::table
                        .filter(users::account_id.eq(accounts::id))
                        .filter(users::confirmed_at.is_not_null())
                        .filter(users::approved_at.is_not_null())
                        .filter(users::disabled_at.is_null()),
                )),
            )
    };
}

/// One page of the directory: ids of discoverable accounts, without those whom the reader blocks
/// or mutes, or whose domain they block.
#[boxed]
pub async fn directory(
    conn: &mut Conn,
    order: Order,
    local: bool,
    reader: Option<i64>,
    limit: i64,
    offset: i64,
) -> Result<Vec<i64>> {
    on_db!(conn, |c| {
        let mut query = presentable!(
            accounts::table
                .inner_join(account_stats::table.on(account_stats::account_id.eq(accounts::id)))
        )
        .limit(limit)
        .offset(offset)
        .select(accounts::id)
        .into_boxed();
        if local {
            query = query.filter(accounts::domain.eq(""));
        }
        if let Some(reader) = reader {
            query = query
                .filter(diesel::dsl::not(diesel::dsl::exists(
                    blocks::table
                        .filter(blocks::account_id.eq(reader))
                        .filter(blocks::target_id.eq(accounts::id)),
                )))
                .filter(diesel::dsl::not(diesel::dsl::exists(
                    blocks::table
                        .filter(blocks::account_id.eq(accounts::id))
                        .filter(blocks::target_id.eq(reader)),
                )))
                .filter(diesel::dsl::not(diesel::dsl::exists(
                    mutes::table
                        .filter(mutes::account_id.eq(reader))
                        .filter(mutes::target_id.eq(accounts::id)),
                )))
                .filter(diesel::dsl::not(diesel::dsl::exists(
                    account_domain_blocks::table
                        .filter(account_domain_blocks::account_id.eq(reader))
                        .filter(account_domain_blocks::domain.eq(accounts::domain)),
                )));
        }
        query = match order {
            // Who never posted is not active.
            Order::Active => query
                .filter(account_stats::last_status_at.is_not_null())
                .order((account_stats::last_status_at.desc(), accounts::id.desc())),
            Order::New => query.order(accounts::id.desc()),
        };
        query.load(c).await
    })
}

/// The presentable accounts with the most followers.
#[boxed]
pub async fn most_followed(conn: &mut Conn, limit: i64) -> Result<Vec<i64>> {
    let query = presentable!(
        accounts::table
            .inner_join(account_stats::table.on(account_stats::account_id.eq(accounts::id)))
    )
    .filter(literally("account_stats.followers_count > 0"))
    .order(account_stats::followers_count.desc())
    .limit(limit)
    .select(accounts::id);
    on_db!(conn, |c| query.load(c).await)
}

/// Of some accounts, those that may be suggested.
#[boxed]
pub async fn presentable_among(conn: &mut Conn, ids: &[i64]) -> Result<Vec<i64>> {
    let query = presentable!(accounts::table)
        .filter(accounts::id.any_of(ids))
        .select(accounts::id);
    on_db!(conn, |c| query.load(c).await)
}

/// Whom those follow whom an account follows: one entry for each such follow, at most `limit` of
/// them, those of its latest follows first.
#[boxed]
pub async fn followed_by_followed(
    conn: &mut Conn,
    account_id: i64,
    limit: i64,
) -> Result<Vec<i64>> {
    let theirs = diesel::alias!(follows as theirs);
    let rows = follows::table
        .inner_join(theirs.on(theirs.field(follows::account_id).eq(follows::target_id)))
        .filter(follows::account_id.eq(account_id))
        .filter(theirs.field(follows::target_id).ne(account_id))
        .order(follows::id.desc())
        .limit(limit)
        .select(theirs.field(follows::target_id));
    on_db!(conn, |c| rows.load(c).await)
}

/// All whom an account asks to follow, at most `limit`.
#[boxed]
pub async fn requested_ids(conn: &mut Conn, account_id: i64, limit: i64) -> Result<Vec<i64>> {
    on_db!(conn, |c| follow_requests::table
        .filter(follow_requests::account_id.eq(account_id))
        .limit(limit)
        .select(follow_requests::target_id)
        .load(c)
        .await)
}

/// Which of those whom an account follows follow some others, as pairs of follower and followed,
/// at most `limit`. Those who hide whom they follow, or who follows them, are left out.
#[boxed]
pub async fn familiar(
    conn: &mut Conn,
    account_id: i64,
    others: &[i64],
    limit: i64,
) -> Result<Vec<(i64, i64)>> {
    let (own, other) = diesel::alias!(follows as own, accounts as other);
    let rows = follows::table
        .inner_join(accounts::table.on(accounts::id.eq(follows::account_id)))
        .inner_join(other.on(other.field(accounts::id).eq(follows::target_id)))
        .filter(follows::target_id.any_of(others))
        .filter(diesel::dsl::exists(
            own.filter(own.field(follows::account_id).eq(account_id))
                .filter(own.field(follows::target_id).eq(follows::account_id)),
        ))
        .filter(accounts::hide_collections.eq(false))
        .filter(accounts::suspended_at.is_null())
        .filter(accounts::deleted_at.is_null())
        .filter(other.field(accounts::hide_collections).eq(false))
        .order(follows::id.desc())
        .limit(limit)
        .select((follows::account_id, follows::target_id));
    on_db!(conn, |c| rows.load(c).await)
}
