//! Which accounts from elsewhere nobody here has to do with, and forgetting them.

use std::fmt::Write;

use diesel::QueryableByName;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};

use super::boxed;
use super::run::RunQueryDsl;
use super::schema::accounts;
use super::{Conn, Result, on_db};

/// Where a row that names an account keeps it, each with an index that leads there. Everything else
/// that names one says no more than its own server does, or is only ever of somebody here; a test holds the list of
/// that.
pub const KEPT_BY: [(&str, &str); 50] = [
    ("statuses", "account_id"),
    ("follows", "account_id"),
    ("follows", "target_id"),
    ("follow_requests", "account_id"),
    ("follow_requests", "target_id"),
    ("mentions", "account_id"),
    ("favourites", "account_id"),
    ("dislikes", "account_id"),
    ("emoji_reactions", "account_id"),
    ("poll_votes", "account_id"),
    ("polls", "account_id"),
    ("quotes", "account_id"),
    ("pins", "account_id"),
    ("media", "account_id"),
    ("blocks", "account_id"),
    ("blocks", "target_id"),
    ("mutes", "account_id"),
    ("mutes", "target_id"),
    ("account_notes", "target_id"),
    ("dismissed_suggestions", "target_id"),
    ("endorsements", "account_id"),
    ("endorsements", "target_id"),
    ("list_members", "account_id"),
    ("friend_requests", "account_id"),
    ("friend_requests", "target_id"),
    ("notifications", "from_account_id"),
    ("notification_merges", "from_account_id"),
    ("notification_permissions", "from_account_id"),
    ("notification_requests", "from_account_id"),
    ("chats", "low_id"),
    ("chats", "high_id"),
    ("chat_messages", "account_id"),
    ("chat_reactions", "account_id"),
    ("group_posts", "group_id"),
    ("group_votes", "group_id"),
    ("collections", "account_id"),
    ("collection_items", "account_id"),
    ("feature_authorizations", "account_id"),
    ("interaction_authorizations", "account_id"),
    ("interaction_requests", "account_id"),
    ("interaction_requests", "target_id"),
    ("account_moves", "account_id"),
    ("account_moves", "target_id"),
    ("reports", "account_id"),
    ("reports", "target_id"),
    ("account_warnings", "target_id"),
    ("account_severances", "account_id"),
    ("severed_follows", "other_id"),
    ("origin_suspensions", "account_id"),
    ("preview_cards", "author_account_id"),
];

/// An account, and whether something keeps it here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct Looked {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Bool)]
    pub kept: bool,
}

/// What keeps an account `a`: what moderators decided of it, that it is gone (its name stays taken), a
/// relay, and all of [`KEPT_BY`].
fn keeps() -> String {
    let mut keeps = "a.suspended_at IS NOT NULL OR a.silenced_at IS NOT NULL \
        OR a.sensitized_at IS NOT NULL OR a.deleted_at IS NOT NULL \
        OR EXISTS (SELECT 1 FROM relays r WHERE r.actor_uri = a.uri)"
        .to_owned();
    for (table, column) in KEPT_BY {
        // Writing to a string does not fail.
        let _ = write!(
            keeps,
            " OR EXISTS (SELECT 1 FROM {table} k WHERE k.{column} = a.id)"
        );
    }
    keeps
}

/// Looks at the accounts of elsewhere above an id, in the order of their ids, at most `limit`. Whose
/// profile was read at `since` or later is kept, too.
#[boxed]
pub async fn look(conn: &mut Conn, above: i64, since: i64, limit: i64) -> Result<Vec<Looked>> {
    let sql = format!(
        "SELECT a.id AS id, (a.fetched_at >= $1 OR {}) AS kept FROM ( \
           SELECT id, uri, fetched_at, suspended_at, silenced_at, sensitized_at, deleted_at \
           FROM accounts WHERE id > $2 AND domain <> '' ORDER BY id LIMIT $3 \
         ) AS a ORDER BY a.id",
        keeps()
    );
    on_db!(conn, |c| diesel::sql_query(&sql)
        .bind::<BigInt, _>(since)
        .bind::<BigInt, _>(above)
        .bind::<BigInt, _>(limit)
        .load(c)
        .await)
}

/// Holds an account of elsewhere, so that nothing can come to name it before the transaction is
/// through.
#[boxed]
pub async fn hold(conn: &mut Conn, id: i64) -> Result<()> {
    if let super::conn::Backend::Postgres(c) = &mut conn.backend {
        conn.statements += 1;
        let _: Option<i64> = accounts::table
            .find(id)
            .select(accounts::id)
            .for_update()
            .first(&mut **c)
            .await
            .optional()?;
    }
    Ok(())
}

/// Deletes an account of elsewhere, with all that names it.
#[boxed]
pub async fn delete(conn: &mut Conn, id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        accounts::table.find(id).filter(accounts::domain.ne(""))
    )
    .execute(c)
    .await)?;
    Ok(())
}
