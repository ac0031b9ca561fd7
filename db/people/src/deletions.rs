//! What is left of an account that is gone, and to whom that is to be told.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};

use super::relations::Follow;
use super::schema::{follow_requests, follows, outgoing_activities};
use super::{Conn, Result, on_db};

/// Tables whose rows are an account's own (`account_id`), each with a column that tells them apart,
/// and an index that leads to them. What hangs on the rows goes with them.
///
/// Not here: what counts elsewhere and is undone one by one (statuses, votes, follows), names (they
/// stay taken), reports, keys (for as long as something has to be signed), and `poll_votes`, which
/// polls count.
const OWN: [(&str, &str); 36] = [
    ("account_domain_blocks", "id"),
    ("account_imports", "id"),
    ("account_notes", "target_id"),
    ("account_profiles", "account_id"),
    ("account_days", "day"),
    ("account_tags", "tag_id"),
    ("account_words", "word"),
    ("active_weeks", "week"),
    ("announcement_reactions", "announcement_id"),
    ("announcement_reads", "announcement_id"),
    ("bookmark_folders", "id"),
    ("bookmarks", "id"),
    ("chat_hidden", "message_id"),
    ("conversations", "id"),
    ("dismissed_suggestions", "target_id"),
    ("drafts", "id"),
    ("endorsements", "id"),
    ("feature_authorizations", "id"),
    ("featured_tags", "id"),
    ("filters", "id"),
    ("home_entries", "status_id"),
    ("idempotency_keys", "status_id"),
    ("interaction_requests", "id"),
    ("last_seen", "account_id"),
    ("lists", "id"),
    ("markers", "timeline"),
    ("notification_groups", "newest_id"),
    ("notification_merges", "from_account_id"),
    ("notification_permissions", "from_account_id"),
    ("notification_policies", "account_id"),
    ("notification_requests", "id"),
    ("notifications", "id"),
    ("pins", "id"),
    ("scheduled_statuses", "id"),
    ("tag_follows", "id"),
    ("thread_mutes", "conversation_id"),
];

/// Tables that let somebody in.
const CREDENTIALS: [&str; 8] = [
    "one_time_codes",
    "oauth_codes",
    "web_sessions",
    "refresh_tokens",
    "recovery_codes",
    "totp",
    "tokens",
    "users",
];

/// Removes some rows of an account's own, at most `limit`; says whether there were any.
#[boxed]
pub async fn purge_some(conn: &mut Conn, account_id: i64, limit: i64) -> Result<bool> {
    for (table, key) in OWN {
        let sql = format!(
            "DELETE FROM {table} WHERE account_id = $1 AND {key} IN \
             (SELECT {key} FROM {table} WHERE account_id = $1 LIMIT $2)"
        );
        let gone = on_db!(conn, |c| diesel::sql_query(&sql)
            .bind::<BigInt, _>(account_id)
            .bind::<BigInt, _>(limit)
            .execute(c)
            .await)?;
        if gone > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes the user of an account and whatever let them in; their address is free again.
#[boxed]
pub async fn forget_user(conn: &mut Conn, account_id: i64) -> Result<()> {
    for table in CREDENTIALS {
        let sql = format!("DELETE FROM {table} WHERE account_id = $1");
        on_db!(conn, |c| diesel::sql_query(&sql)
            .bind::<BigInt, _>(account_id)
            .execute(c)
            .await)?;
    }
    Ok(())
}

/// Some of the follows and requests of an account, in either direction, at most `limit` of each.
#[boxed]
pub async fn some_follows(conn: &mut Conn, account_id: i64, limit: i64) -> Result<Vec<Follow>> {
    let mut found = Vec::new();
    macro_rules! add {
        ($($table:ident, $column:ident;)*) => {$(
            found.extend(on_db!(conn, |c| $table::table
                .filter($table::$column.eq(account_id))
                .limit(limit)
                .load::<Follow>(c)
                .await)?);
        )*};
    }
    add! {
        follows, account_id;
        follows, target_id;
        follow_requests, account_id;
        follow_requests, target_id;
    }
    Ok(found)
}

/// Whether something that an account sent is still on its way.
#[boxed]
pub async fn is_sending(conn: &mut Conn, account_id: i64) -> Result<bool> {
    let waits = "EXISTS (SELECT 1 FROM deliveries WHERE deliveries.activity_id = \
                 outgoing_activities.id AND deliveries.state = 0)";
    let first: Option<i64> = on_db!(conn, |c| outgoing_activities::table
        .filter(outgoing_activities::account_id.eq(account_id))
        .filter(diesel::dsl::sql::<Bool>(waits))
        .select(outgoing_activities::id)
        .limit(1)
        .first(c)
        .await
        .optional())?;
    Ok(first.is_some())
}

/// An inbox and its host.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Inbox {
    #[diesel(sql_type = Text)]
    pub inbox: String,
    #[diesel(sql_type = Text)]
    pub host: String,
}

/// Shared inboxes of the servers that something was last delivered to, one for each host, at most
/// `limit`: two index look-ups each.
#[boxed]
pub async fn shared_inboxes(conn: &mut Conn, limit: i64) -> Result<Vec<Inbox>> {
    let sql = "SELECT inbox, host FROM ( \
         SELECT hosts.host AS host, ( \
           SELECT accounts.delivery_url FROM accounts \
           WHERE accounts.delivery_host = hosts.host \
             AND accounts.domain <> '' \
             AND accounts.delivery_url <> accounts.inbox_url \
             AND accounts.suspended_at IS NULL AND accounts.deleted_at IS NULL \
           LIMIT 1 \
         ) AS inbox \
         FROM hosts WHERE hosts.last_success_at IS NOT NULL \
         ORDER BY hosts.last_success_at DESC LIMIT $1 \
       ) AS known WHERE inbox IS NOT NULL";
    on_db!(conn, |c| diesel::sql_query(sql)
        .bind::<BigInt, _>(limit)
        .load(c)
        .await)
}

/// What an account has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    pub statuses: i64,
    pub followers: i64,
    pub following: i64,
    pub files: i64,
    pub bytes: i64,
}

/// What an account has, counted.
#[boxed]
pub async fn held(conn: &mut Conn, account_id: i64) -> Result<Held> {
    #[derive(QueryableByName)]
    struct Files {
        #[diesel(sql_type = BigInt)]
        files: i64,
        #[diesel(sql_type = BigInt)]
        bytes: i64,
    }
    let sql = "SELECT COUNT(*) AS files, CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes \
               FROM media WHERE account_id = $1";
    let files: Vec<Files> = on_db!(conn, |c| diesel::sql_query(sql)
        .bind::<BigInt, _>(account_id)
        .load(c)
        .await)?;
    let stats = super::accounts::stats_of(conn, &[account_id]).await?;
    let mut held = Held::default();
    if let Some(stats) = stats.into_iter().next() {
        held.statuses = stats.statuses_count;
        held.followers = stats.followers_count;
        held.following = stats.following_count;
    }
    if let Some(found) = files.into_iter().next() {
        held.files = found.files;
        held.bytes = found.bytes;
    }
    Ok(held)
}
