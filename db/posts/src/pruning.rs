//! Which posts from elsewhere nobody here has to do with.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Text};

use super::boxed;
use super::prepared::prepared;
use super::run::RunQueryDsl;
use super::{Conn, Result, on_db, prepared};

/// What keeps a status `s`, each an index look-up or two. The same as Mastodon's
/// `tootctl statuses remove`, and what only Kith has. `CROSS JOIN`: SQLite would begin with all accounts of
/// here otherwise.
const KEEPS: &str = "s.local \
 OR EXISTS (SELECT 1 FROM statuses r WHERE r.in_reply_to_id = s.id) \
 OR EXISTS (SELECT 1 FROM statuses r WHERE r.reblog_of_id = s.id) \
 OR EXISTS (SELECT 1 FROM statuses o WHERE o.id = s.reblog_of_id AND o.local) \
 OR EXISTS (SELECT 1 FROM accounts a WHERE a.id = s.in_reply_to_account_id AND a.domain = '') \
 OR EXISTS (SELECT 1 FROM quotes q WHERE q.quoted_id = s.id) \
 OR EXISTS (SELECT 1 FROM quotes q JOIN statuses o ON o.id = q.quoted_id \
   WHERE q.status_id = s.id AND o.local) \
 OR EXISTS (SELECT 1 FROM mentions m CROSS JOIN accounts a \
   WHERE a.id = m.account_id AND m.status_id = s.id AND a.domain = '') \
 OR EXISTS (SELECT 1 FROM favourites f CROSS JOIN accounts a \
   WHERE a.id = f.account_id AND f.status_id = s.id AND a.domain = '') \
 OR EXISTS (SELECT 1 FROM dislikes f CROSS JOIN accounts a \
   WHERE a.id = f.account_id AND f.status_id = s.id AND a.domain = '') \
 OR EXISTS (SELECT 1 FROM emoji_reactions f CROSS JOIN accounts a \
   WHERE a.id = f.account_id AND f.status_id = s.id AND a.domain = '') \
 OR EXISTS (SELECT 1 FROM polls p CROSS JOIN poll_votes v CROSS JOIN accounts a \
   WHERE v.poll_id = p.id AND a.id = v.account_id AND p.status_id = s.id AND a.domain = '') \
 OR EXISTS (SELECT 1 FROM bookmarks b WHERE b.status_id = s.id) \
 OR EXISTS (SELECT 1 FROM pins p WHERE p.status_id = s.id) \
 OR EXISTS (SELECT 1 FROM notifications n WHERE n.status_id = s.id) \
 OR EXISTS (SELECT 1 FROM conversation_statuses c WHERE c.status_id = s.id) \
 OR EXISTS (SELECT 1 FROM chat_messages c WHERE c.shared_status_id = s.id) \
 OR EXISTS (SELECT 1 FROM filter_statuses f WHERE f.status_id = s.id) \
 OR EXISTS (SELECT 1 FROM reports r WHERE r.target_id = s.account_id AND r.action_taken_at IS NULL)";

/// What keeps it besides, unless that is not wanted: somebody follows its author, or asked to, or a
/// group that it is in.
const FOLLOWED: &str = " OR EXISTS (SELECT 1 FROM follows f WHERE f.target_id = s.account_id) \
 OR EXISTS (SELECT 1 FROM follow_requests f WHERE f.target_id = s.account_id) \
 OR EXISTS (SELECT 1 FROM group_posts g JOIN follows f ON f.target_id = g.group_id \
   WHERE g.status_id = s.id)";

/// A status, and whether something keeps it here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct Looked {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Bool)]
    pub kept: bool,
}

/// Looks at the statuses from an id up to, but not including, another, newest first, at most
/// `limit`. `followed`: also those of authors whom somebody here follows may go.
#[boxed]
pub async fn look(
    conn: &mut Conn,
    from: i64,
    below: i64,
    followed: bool,
    limit: i64,
) -> Result<Vec<Looked>> {
    let besides = if followed { "" } else { FOLLOWED };
    let sql = format!(
        "SELECT s.id AS id, ({KEEPS}{besides}) AS kept FROM ( \
           SELECT id, local, account_id, reblog_of_id, in_reply_to_account_id FROM statuses \
           WHERE id >= $1 AND id < $2 ORDER BY id DESC LIMIT $3 \
         ) AS s ORDER BY s.id DESC"
    );
    on_db!(conn, |c| prepared(sql)
        .bind::<BigInt, _>(from)
        .bind::<BigInt, _>(below)
        .bind::<BigInt, _>(limit)
        .load(c)
        .await)
}

/// Forgets that a status of an account elsewhere was deleted, for it was not: it may come again, and
/// its author's server counts it still.
#[boxed]
pub async fn exhume(conn: &mut Conn, uri: &str, account_id: i64) -> Result<()> {
    on_db!(conn, |c| prepared!(
        "DELETE FROM tombstones WHERE uri = $1 AND account_id = $2"
    )
    .bind::<Text, _>(uri)
    .bind::<BigInt, _>(account_id)
    .execute(c)
    .await)?;
    on_db!(conn, |c| prepared!(
        "UPDATE account_stats SET statuses_beyond = statuses_beyond + 1 WHERE account_id = $1"
    )
    .bind::<BigInt, _>(account_id)
    .execute(c)
    .await)?;
    Ok(())
}
