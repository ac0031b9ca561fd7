//! Posts that belong to groups (FEP-1b12), and votes that groups passed on.

use super::boxed;
use super::prepared::prepared;
use super::run::RunQueryDsl;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::accounts::Account;
use super::any::AnyOfExt;
use super::schema::{accounts, group_posts, group_votes, statuses};
use super::{Conn, Result, on_db, prepared};

/// A row of `group_posts`: a status in a group.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = group_posts, treat_none_as_null = true)]
pub struct GroupPost {
    pub status_id: i64,
    pub group_id: i64,
    /// Nobody may answer it any more.
    pub locked: bool,
    /// When a moderator took it out of the group.
    pub removed_at: Option<i64>,
    /// The id of the activity that did, or `''`.
    pub removed_by: String,
    /// The group's Announce that was withdrawn with it, or `''`.
    pub announce_uri: String,
    pub announced_at: i64,
}

/// A vote that a group passed on, of somebody not known to have cast it.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = group_votes)]
pub struct GroupVote {
    pub status_id: i64,
    /// Whose the group says it is.
    pub actor_uri: String,
    pub group_id: i64,
    /// 1 for a like, -1 for a dislike.
    pub value: i16,
    pub created_at: i64,
}

/// Puts a status into a group; again is no error.
#[boxed]
pub async fn put(conn: &mut Conn, status_id: i64, group_id: i64, locked: bool) -> Result<()> {
    let row = GroupPost {
        status_id,
        group_id,
        locked,
        removed_at: None,
        removed_by: String::new(),
        announce_uri: String::new(),
        announced_at: 0,
    };
    on_db!(conn, |c| diesel::insert_into(group_posts::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(())
}

/// A status in a group.
#[boxed]
pub async fn post(conn: &mut Conn, status_id: i64, group_id: i64) -> Result<Option<GroupPost>> {
    on_db!(conn, |c| group_posts::table
        .find((status_id, group_id))
        .select(GroupPost::as_select())
        .first(c)
        .await
        .optional())
}

/// The groups that statuses are in.
#[boxed]
pub async fn of_statuses(conn: &mut Conn, ids: &[i64]) -> Result<Vec<GroupPost>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| group_posts::table
        .filter(group_posts::status_id.any_of(ids))
        .order((group_posts::status_id, group_posts::group_id))
        .select(GroupPost::as_select())
        .load(c)
        .await)
}

/// The groups that a status is in, as accounts.
#[boxed]
pub async fn accounts_of(conn: &mut Conn, status_id: i64) -> Result<Vec<Account>> {
    on_db!(conn, |c| group_posts::table
        .inner_join(accounts::table.on(accounts::id.eq(group_posts::group_id)))
        .filter(group_posts::status_id.eq(status_id))
        .order(group_posts::group_id)
        .select(Account::as_select())
        .load(c)
        .await)
}

/// Of some statuses, those that a moderator took out of a group.
#[boxed]
pub async fn removed(conn: &mut Conn, ids: &[i64]) -> Result<Vec<i64>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| group_posts::table
        .filter(group_posts::status_id.any_of(ids))
        .filter(group_posts::removed_at.is_not_null())
        .select(group_posts::status_id)
        .load(c)
        .await)
}

/// Those of some statuses that nobody may answer.
#[boxed]
pub async fn locked(conn: &mut Conn, ids: &[i64]) -> Result<Vec<i64>> {
    on_db!(conn, |c| group_posts::table
        .filter(group_posts::status_id.any_of(ids))
        .filter(group_posts::locked.eq(true))
        .select(group_posts::status_id)
        .load(c)
        .await)
}

/// Writes every column of a status in a group.
#[boxed]
pub async fn update(conn: &mut Conn, row: &GroupPost) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        group_posts::table.find((row.status_id, row.group_id))
    )
    .set(row)
    .execute(c)
    .await)?;
    Ok(())
}

/// What an account has in a group, or had there before an activity took it out; at most `limit`.
#[boxed]
pub async fn of_author(
    conn: &mut Conn,
    group_id: i64,
    author_id: i64,
    removed_by: Option<&str>,
    limit: i64,
) -> Result<Vec<GroupPost>> {
    on_db!(conn, |c| {
        let mut rows = group_posts::table
            .inner_join(statuses::table.on(statuses::id.eq(group_posts::status_id)))
            .filter(group_posts::group_id.eq(group_id))
            .filter(statuses::account_id.eq(author_id))
            .order(group_posts::status_id.desc())
            .limit(limit)
            .select(GroupPost::as_select())
            .into_boxed();
        rows = match removed_by {
            Some(uri) => rows
                .filter(group_posts::removed_at.is_not_null())
                .filter(group_posts::removed_by.eq(uri)),
            None => rows.filter(group_posts::removed_at.is_null()),
        };
        rows.load(c).await
    })
}

/// Takes a reblog out of the homes and lists that hold what it is of.
#[boxed]
pub async fn spare_holders(conn: &mut Conn, reblog_id: i64, original_id: i64) -> Result<()> {
    for statement in [
        "DELETE FROM home_entries WHERE status_id = $1 AND account_id IN \
         (SELECT account_id FROM home_entries WHERE status_id = $2)",
        "DELETE FROM list_entries WHERE status_id = $1 AND list_id IN \
         (SELECT list_id FROM list_entries WHERE status_id = $2)",
    ] {
        on_db!(conn, |c| prepared(statement)
            .bind::<BigInt, _>(reblog_id)
            .bind::<BigInt, _>(original_id)
            .execute(c)
            .await)?;
    }
    Ok(())
}

/// Puts answers to a status into its groups, and takes them out of all others.
#[boxed]
pub async fn inherit(conn: &mut Conn, parent_id: i64, answers: &[i64]) -> Result<()> {
    let above: Vec<i64> = on_db!(conn, |c| group_posts::table
        .filter(group_posts::status_id.eq(parent_id))
        .select(group_posts::group_id)
        .load(c)
        .await)?;
    on_db!(conn, |c| diesel::delete(
        group_posts::table
            .filter(group_posts::status_id.any_of(answers))
            .filter(group_posts::group_id.ne_all(&above))
    )
    .execute(c)
    .await)?;
    on_db!(conn, |c| prepared!(
        "INSERT INTO group_posts (status_id, group_id, locked, removed_at, removed_by, \
         announce_uri, announced_at) \
         SELECT statuses.id, above.group_id, FALSE, NULL, '', '', 0 FROM statuses \
         JOIN group_posts AS above ON above.status_id = statuses.in_reply_to_id \
         WHERE statuses.in_reply_to_id = $1 AND statuses.visibility <= 1 \
         ON CONFLICT DO NOTHING"
    )
    .bind::<BigInt, _>(parent_id)
    .execute(c)
    .await)?;
    Ok(())
}

/// An actor's vote that a group passed on.
#[boxed]
pub async fn vote(conn: &mut Conn, status_id: i64, actor_uri: &str) -> Result<Option<GroupVote>> {
    on_db!(conn, |c| group_votes::table
        .find((status_id, actor_uri))
        .select(GroupVote::as_select())
        .first(c)
        .await
        .optional())
}

/// Adds a vote that a group passed on; false when there is one of the same actor.
#[boxed]
pub async fn add_vote(conn: &mut Conn, vote: &GroupVote) -> Result<bool> {
    let added = on_db!(conn, |c| diesel::insert_into(group_votes::table)
        .values(vote)
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(added > 0)
}

/// Takes an actor's vote that a group passed on away, and says what it was.
#[boxed]
pub async fn take_vote(
    conn: &mut Conn,
    status_id: i64,
    actor_uri: &str,
) -> Result<Option<GroupVote>> {
    let row = vote(conn, status_id, actor_uri).await?;
    if row.is_some() {
        on_db!(conn, |c| diesel::delete(
            group_votes::table.find((status_id, actor_uri))
        )
        .execute(c)
        .await)?;
    }
    Ok(row)
}
