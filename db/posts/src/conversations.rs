//! Direct statuses among the same people, as each of them sees them.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::relations::Page;
use super::schema::{conversation_statuses, conversations};
use super::{Conn, Result, on_db};

/// A row of `conversations`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = conversations)]
pub struct Conversation {
    pub id: i64,
    /// Who sees it.
    pub account_id: i64,
    /// The `conversation_id` of its statuses.
    pub thread_id: i64,
    /// Ids of the others, ascending, by commas.
    pub participants: String,
    pub last_status_id: i64,
    pub unread: bool,
}

impl Conversation {
    /// Ids of the others.
    pub fn others(&self) -> Vec<i64> {
        self.participants
            .split(',')
            .filter_map(|id| id.parse().ok())
            .collect()
    }
}

/// Puts a status into the conversation it belongs to, and gives that. `answers`: the status that
/// it answers.
#[boxed]
pub async fn add(
    conn: &mut Conn,
    row: &Conversation,
    answers: Option<i64>,
) -> Result<Conversation> {
    let mut kept: Conversation = on_db!(conn, |c| diesel::insert_into(conversations::table)
        .values(row)
        .on_conflict((
            conversations::account_id,
            conversations::thread_id,
            conversations::participants
        ))
        .do_update()
        .set(conversations::unread.eq(row.unread))
        .returning(Conversation::as_returning())
        .get_result(c)
        .await)?;
    on_db!(conn, |c| diesel::insert_into(conversation_statuses::table)
        .values((
            conversation_statuses::conversation_id.eq(kept.id),
            conversation_statuses::status_id.eq(row.last_status_id),
        ))
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    // One from elsewhere may come late; and where its server tells whole seconds alone, an answer
    // may seem to be older than what it answers.
    if kept.last_status_id < row.last_status_id || answers == Some(kept.last_status_id) {
        kept.last_status_id = row.last_status_id;
        on_db!(conn, |c| diesel::update(conversations::table.find(kept.id))
            .set(conversations::last_status_id.eq(row.last_status_id))
            .execute(c)
            .await)?;
    }
    Ok(kept)
}

/// One of an account's.
#[boxed]
pub async fn by_id(conn: &mut Conn, account_id: i64, id: i64) -> Result<Option<Conversation>> {
    on_db!(conn, |c| conversations::table
        .find(id)
        .filter(conversations::account_id.eq(account_id))
        .select(Conversation::as_select())
        .first(c)
        .await
        .optional())
}

/// Some of an account's.
#[boxed]
pub async fn by_ids(conn: &mut Conn, account_id: i64, ids: &[i64]) -> Result<Vec<Conversation>> {
    on_db!(conn, |c| conversations::table
        .filter(conversations::id.any_of(ids))
        .filter(conversations::account_id.eq(account_id))
        .select(Conversation::as_select())
        .load(c)
        .await)
}

/// One page of an account's, by their last statuses, newest first.
#[boxed]
pub async fn page(conn: &mut Conn, account_id: i64, page: Page) -> Result<Vec<Conversation>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let rows = conversations::table
        .filter(conversations::account_id.eq(account_id))
        .filter(conversations::last_status_id.lt(max))
        .filter(conversations::last_status_id.gt(min))
        .limit(page.limit);
    if page.min_id.is_some() {
        let mut rows: Vec<Conversation> = on_db!(conn, |c| rows
            .order(conversations::last_status_id.asc())
            .select(Conversation::as_select())
            .load(c)
            .await)?;
        rows.reverse();
        Ok(rows)
    } else {
        on_db!(conn, |c| rows
            .order(conversations::last_status_id.desc())
            .select(Conversation::as_select())
            .load(c)
            .await)
    }
}

/// Marks one as read.
#[boxed]
pub async fn read(conn: &mut Conn, id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(conversations::table.find(id))
        .set(conversations::unread.eq(false))
        .execute(c)
        .await)?;
    Ok(())
}

/// Removes one from its account's list; its statuses stay.
#[boxed]
pub async fn delete(conn: &mut Conn, account_id: i64, id: i64) -> Result<bool> {
    let gone = on_db!(conn, |c| diesel::delete(
        conversations::table
            .find(id)
            .filter(conversations::account_id.eq(account_id))
    )
    .execute(c)
    .await)?;
    Ok(gone > 0)
}

/// Takes a status that goes out of its conversations: each falls back to what was said before,
/// or goes with it. Says which stay, as pairs of account and conversation.
#[boxed]
pub async fn forget_status(conn: &mut Conn, status_id: i64) -> Result<Vec<(i64, i64)>> {
    let held: Vec<i64> = on_db!(conn, |c| diesel::delete(
        conversation_statuses::table.filter(conversation_statuses::status_id.eq(status_id))
    )
    .returning(conversation_statuses::conversation_id)
    .get_results(c)
    .await)?;
    let mut stay = Vec::new();
    for id in held {
        let before: Option<i64> = on_db!(conn, |c| conversation_statuses::table
            .filter(conversation_statuses::conversation_id.eq(id))
            .order(conversation_statuses::status_id.desc())
            .select(conversation_statuses::status_id)
            .first(c)
            .await
            .optional())?;
        let account: Option<i64> = match before {
            Some(before) => on_db!(conn, |c| diesel::update(conversations::table.find(id))
                .set(conversations::last_status_id.eq(before))
                .returning(conversations::account_id)
                .get_result(c)
                .await
                .optional())?,
            None => {
                on_db!(conn, |c| diesel::delete(conversations::table.find(id))
                    .execute(c)
                    .await)?;
                None
            }
        };
        stay.extend(account.map(|account| (account, id)));
    }
    Ok(stay)
}

/// Threads turned out to be part of another: so are their conversations, but where there is one
/// of the same people already, which takes the statuses.
#[boxed]
pub async fn join(conn: &mut Conn, threads: &[i64], into: i64) -> Result<()> {
    let rows: Vec<Conversation> = on_db!(conn, |c| conversations::table
        .filter(conversations::thread_id.any_of(threads))
        .filter(conversations::thread_id.ne(into))
        .order(conversations::id)
        .select(Conversation::as_select())
        .load(c)
        .await)?;
    for row in rows {
        let same: Option<Conversation> = on_db!(conn, |c| conversations::table
            .filter(conversations::account_id.eq(row.account_id))
            .filter(conversations::thread_id.eq(into))
            .filter(conversations::participants.eq(&row.participants))
            .select(Conversation::as_select())
            .first(c)
            .await
            .optional())?;
        let Some(same) = same else {
            on_db!(conn, |c| diesel::update(conversations::table.find(row.id))
                .set(conversations::thread_id.eq(into))
                .execute(c)
                .await)?;
            continue;
        };
        let statuses: Vec<i64> = on_db!(conn, |c| conversation_statuses::table
            .filter(conversation_statuses::conversation_id.eq(row.id))
            .select(conversation_statuses::status_id)
            .load(c)
            .await)?;
        delete(conn, row.account_id, row.id).await?;
        for status in statuses {
            let moved = Conversation {
                last_status_id: status,
                unread: same.unread || row.unread,
                ..same.clone()
            };
            add(conn, &moved, None).await?;
        }
    }
    Ok(())
}
