//! Polls, their options and votes.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::accounts::Account;
use super::any::AnyOfExt;
use super::schema::{accounts, poll_options, poll_votes, polls};
use super::{Conn, Result, on_db};

/// A row of `polls`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = polls, treat_none_as_null = true)]
pub struct Poll {
    pub id: i64,
    pub status_id: i64,
    /// Whose it is.
    pub account_id: i64,
    /// Whether more than one option may be chosen.
    pub multiple: bool,
    /// Whether counts are hidden until it ends.
    pub hide_totals: bool,
    /// `None` where its server does not tell.
    pub voters_count: Option<i64>,
    /// `None` where it has no end.
    pub expires_at: Option<i64>,
    /// When its counts were last heard of; `None` for polls made here.
    pub fetched_at: Option<i64>,
    pub created_at: i64,
}

impl Poll {
    /// Whether it is over at a time.
    pub fn has_ended(&self, now: i64) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

/// A row of `poll_options`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = poll_options)]
pub struct PollOption {
    pub poll_id: i64,
    /// From 0: what votes name.
    pub position: i64,
    /// Plain text.
    pub title: String,
    pub votes_count: i64,
}

/// A row of `poll_votes`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = poll_votes)]
pub struct PollVote {
    pub id: i64,
    pub poll_id: i64,
    pub account_id: i64,
    /// The option's position.
    pub choice: i64,
    pub created_at: i64,
}

/// Adds a poll with its options.
#[boxed]
pub async fn insert(conn: &mut Conn, poll: &Poll, options: &[PollOption]) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(polls::table)
        .values(poll)
        .execute(c)
        .await)?;
    for option in options {
        on_db!(conn, |c| diesel::insert_into(poll_options::table)
            .values(option)
            .execute(c)
            .await)?;
    }
    Ok(())
}

/// Writes every column of a poll.
#[boxed]
pub async fn update(conn: &mut Conn, poll: &Poll) -> Result<()> {
    on_db!(conn, |c| diesel::update(polls::table.find(poll.id))
        .set(poll)
        .execute(c)
        .await)?;
    Ok(())
}

/// Removes a poll with its options and votes.
#[boxed]
pub async fn delete(conn: &mut Conn, id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(polls::table.find(id))
        .execute(c)
        .await)?;
    Ok(())
}

/// One poll by id.
#[boxed]
pub async fn by_id(conn: &mut Conn, id: i64) -> Result<Option<Poll>> {
    on_db!(conn, |c| polls::table
        .find(id)
        .select(Poll::as_select())
        .first(c)
        .await
        .optional())
}

/// One poll by id, which nobody else changes until the transaction is through.
#[boxed]
pub async fn lock(conn: &mut Conn, id: i64) -> Result<Option<Poll>> {
    on_db!(conn, |c| diesel::update(polls::table.find(id))
        .set(polls::voters_count.eq(polls::voters_count))
        .returning(Poll::as_returning())
        .get_result(c)
        .await
        .optional())
}

/// Polls of statuses, in no order.
#[boxed]
pub async fn of_statuses(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Poll>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| polls::table
        .filter(polls::status_id.any_of(ids))
        .select(Poll::as_select())
        .load(c)
        .await)
}

/// Options of polls, in their order.
#[boxed]
pub async fn options_of(conn: &mut Conn, ids: &[i64]) -> Result<Vec<PollOption>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| poll_options::table
        .filter(poll_options::poll_id.any_of(ids))
        .order((poll_options::poll_id, poll_options::position))
        .select(PollOption::as_select())
        .load(c)
        .await)
}

/// The poll of a status with its options.
#[boxed]
pub async fn of_status(conn: &mut Conn, id: i64) -> Result<Option<(Poll, Vec<PollOption>)>> {
    let Some(poll) = of_statuses(conn, &[id]).await?.pop() else {
        return Ok(None);
    };
    let options = options_of(conn, &[poll.id]).await?;
    Ok(Some((poll, options)))
}

/// Sets an option's count as its server tells it.
#[boxed]
pub async fn set_count(conn: &mut Conn, poll_id: i64, position: i64, votes: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        poll_options::table.find((poll_id, position))
    )
    .set(poll_options::votes_count.eq(votes))
    .execute(c)
    .await)?;
    Ok(())
}

/// Adds a vote and counts it; false when it is there already.
#[boxed]
pub async fn add_vote(conn: &mut Conn, vote: &PollVote) -> Result<bool> {
    let added = on_db!(conn, |c| diesel::insert_into(poll_votes::table)
        .values(vote)
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    if added > 0 {
        on_db!(conn, |c| diesel::update(
            poll_options::table.find((vote.poll_id, vote.choice))
        )
        .set(poll_options::votes_count.eq(poll_options::votes_count + 1))
        .execute(c)
        .await)?;
    }
    Ok(added > 0)
}

/// Counts one more voter, where voters are counted.
#[boxed]
pub async fn count_voter(conn: &mut Conn, id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(polls::table.find(id))
        .set(polls::voters_count.eq(polls::voters_count + 1))
        .execute(c)
        .await)?;
    Ok(())
}

/// What an account chose in some polls: pairs of poll and option.
#[boxed]
pub async fn choices(conn: &mut Conn, account_id: i64, polls: &[i64]) -> Result<Vec<(i64, i64)>> {
    if polls.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| poll_votes::table
        .filter(poll_votes::poll_id.any_of(polls))
        .filter(poll_votes::account_id.eq(account_id))
        .order((poll_votes::poll_id, poll_votes::choice))
        .select((poll_votes::poll_id, poll_votes::choice))
        .load(c)
        .await)
}

/// Of some accounts, those that voted in a status's poll.
#[boxed]
pub async fn voted(conn: &mut Conn, status_id: i64, accounts: &[i64]) -> Result<Vec<i64>> {
    on_db!(conn, |c| poll_votes::table
        .inner_join(polls::table.on(polls::id.eq(poll_votes::poll_id)))
        .filter(polls::status_id.eq(status_id))
        .filter(poll_votes::account_id.any_of(accounts))
        .select(poll_votes::account_id)
        .load(c)
        .await)
}

/// Those who live here and voted in a poll, by id, after one.
#[boxed]
pub async fn local_voters(
    conn: &mut Conn,
    poll_id: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<Account>> {
    let voters = poll_votes::table
        .filter(poll_votes::poll_id.eq(poll_id))
        .select(poll_votes::account_id);
    on_db!(conn, |c| accounts::table
        .filter(accounts::id.eq_any(voters))
        .filter(accounts::id.gt(after))
        .filter(accounts::domain.eq(""))
        .order(accounts::id)
        .limit(limit)
        .select(Account::as_select())
        .load(c)
        .await)
}

/// Ids of those elsewhere who voted in a poll, at most `limit`.
#[boxed]
pub async fn remote_voters(conn: &mut Conn, poll_id: i64, limit: i64) -> Result<Vec<i64>> {
    on_db!(conn, |c| poll_votes::table
        .inner_join(accounts::table.on(accounts::id.eq(poll_votes::account_id)))
        .filter(poll_votes::poll_id.eq(poll_id))
        .filter(accounts::domain.ne(""))
        .limit(limit)
        .select(poll_votes::account_id)
        .distinct()
        .load(c)
        .await)
}
