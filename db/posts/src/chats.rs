//! Chats of two people, and how each of the two sees theirs.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::schema::{chat_members, chats};
use super::{Conn, Result, on_db};

/// A row of `chats`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = chats)]
pub struct Chat {
    pub id: i64,
    pub low_id: i64,
    pub high_id: i64,
    /// The newest message, deleted or not; 0 while there is none.
    pub last_id: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

/// How one of the two stands to the chat: nothing yet.
pub const NEW: i16 = 0;
/// They wrote, or accepted that the other writes.
pub const ACCEPTED: i16 = 1;
/// The other's request waits for them.
pub const REQUESTED: i16 = 2;
/// They declined the other's request.
pub const DECLINED: i16 = 3;

/// A row of `chat_members`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = chat_members)]
pub struct Member {
    pub chat_id: i64,
    pub account_id: i64,
    /// The other of the two.
    pub other_id: i64,
    /// What the list goes by: the newest message, or the chat's own id.
    pub position: i64,
    /// Whether it is in the list.
    pub visible: bool,
    /// [`NEW`], [`ACCEPTED`], [`REQUESTED`] or [`DECLINED`].
    pub state: i16,
    pub unread_count: i64,
    pub last_read_id: i64,
    /// What is not newer is deleted for them.
    pub horizon_id: i64,
}

/// The chat of two people.
#[boxed]
pub async fn of_pair(conn: &mut Conn, one: i64, other: i64) -> Result<Option<Chat>> {
    on_db!(conn, |c| chats::table
        .filter(chats::low_id.eq(one.min(other)))
        .filter(chats::high_id.eq(one.max(other)))
        .first::<Chat>(c)
        .await
        .optional())
}

/// Chats by id, in no order.
#[boxed]
pub async fn by_ids(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Chat>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| chats::table
        .filter(chats::id.any_of(ids))
        .load::<Chat>(c)
        .await)
}

/// Adds a chat with its two members, unless the two have one; the one they have.
#[boxed]
pub async fn ensure(conn: &mut Conn, row: &Chat) -> Result<Chat> {
    let added = on_db!(conn, |c| diesel::insert_into(chats::table)
        .values(row)
        .on_conflict((chats::low_id, chats::high_id))
        .do_nothing()
        .execute(c)
        .await)?;
    if added == 0 {
        return of_pair(conn, row.low_id, row.high_id)
            .await?
            .ok_or(diesel::result::Error::NotFound);
    }
    for (account_id, other_id) in [(row.low_id, row.high_id), (row.high_id, row.low_id)] {
        let member = Member {
            chat_id: row.id,
            account_id,
            other_id,
            position: row.id,
            visible: false,
            state: NEW,
            unread_count: 0,
            last_read_id: 0,
            horizon_id: 0,
        };
        on_db!(conn, |c| diesel::insert_into(chat_members::table)
            .values(&member)
            .execute(c)
            .await)?;
    }
    Ok(row.clone())
}

/// Keeps others from writing to a chat until this transaction ends, and gives it as it is now.
#[boxed]
pub async fn lock(conn: &mut Conn, id: i64, now: i64) -> Result<Option<Chat>> {
    on_db!(conn, |c| diesel::update(chats::table.find(id))
        .set(chats::updated_at.eq(now))
        .returning(Chat::as_returning())
        .get_result(c)
        .await
        .optional())
}

/// The newest message is another one.
#[boxed]
pub async fn set_last(conn: &mut Conn, id: i64, last_id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(chats::table.find(id))
        .set(chats::last_id.eq(last_id))
        .execute(c)
        .await)?;
    Ok(())
}

/// A chat as one of its two sees it; `None` for everybody else.
#[boxed]
pub async fn member(conn: &mut Conn, chat_id: i64, account_id: i64) -> Result<Option<Member>> {
    on_db!(conn, |c| chat_members::table
        .find((chat_id, account_id))
        .select(Member::as_select())
        .first(c)
        .await
        .optional())
}

/// Writes how one of the two sees it. The chat is locked.
#[boxed]
pub async fn update_member(conn: &mut Conn, row: &Member) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        chat_members::table.find((row.chat_id, row.account_id))
    )
    .set((
        chat_members::position.eq(row.position),
        chat_members::visible.eq(row.visible),
        chat_members::state.eq(row.state),
        chat_members::unread_count.eq(row.unread_count),
        chat_members::last_read_id.eq(row.last_read_id),
        chat_members::horizon_id.eq(row.horizon_id),
    ))
    .execute(c)
    .await)?;
    Ok(())
}

/// One page of an account's chats, the latest first: requests that wait, or all others.
#[boxed]
pub async fn page(
    conn: &mut Conn,
    account_id: i64,
    requests: bool,
    (max, min): (Option<i64>, Option<i64>),
    limit: i64,
) -> Result<Vec<Member>> {
    // Spelled out: only a literal matches the partial index.
    let listed = diesel::dsl::sql::<diesel::sql_types::Bool>("chat_members.visible = TRUE");
    let rows = chat_members::table
        .filter(chat_members::account_id.eq(account_id))
        .filter(listed)
        .filter(chat_members::state.eq(REQUESTED).eq(requests))
        .filter(chat_members::position.lt(max.unwrap_or(i64::MAX)))
        .filter(chat_members::position.gt(min.unwrap_or(0)))
        .limit(limit);
    if min.is_some() {
        let mut rows: Vec<Member> = on_db!(conn, |c| rows
            .order(chat_members::position.asc())
            .select(Member::as_select())
            .load(c)
            .await)?;
        rows.reverse();
        Ok(rows)
    } else {
        on_db!(conn, |c| rows
            .order(chat_members::position.desc())
            .select(Member::as_select())
            .load(c)
            .await)
    }
}

/// Those an account chats with, both of whom wrote or accepted that the other does: among some,
/// where some are given; at most `limit`.
#[boxed]
pub async fn partners(
    conn: &mut Conn,
    account_id: i64,
    among: Option<&[i64]>,
    limit: i64,
) -> Result<Vec<i64>> {
    let own = diesel::alias!(chat_members as own);
    let accepted = own
        .filter(own.field(chat_members::chat_id).eq(chat_members::chat_id))
        .filter(own.field(chat_members::account_id).eq(account_id))
        .filter(own.field(chat_members::state).eq(ACCEPTED));
    let rows = chat_members::table
        .filter(chat_members::other_id.eq(account_id))
        .filter(chat_members::state.eq(ACCEPTED))
        .filter(diesel::dsl::exists(accepted))
        .limit(limit)
        .select(chat_members::account_id);
    match among {
        None => on_db!(conn, |c| rows.load(c).await),
        Some(ids) => on_db!(conn, |c| rows
            .filter(chat_members::account_id.any_of(ids))
            .load(c)
            .await),
    }
}
