//! Messages of chats, with their edits and reactions.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::dsl::{exists, not};
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::schema::{
    chat_edits, chat_files, chat_hidden, chat_members, chat_messages, chat_reactions, media,
};
use super::{Conn, Result, on_db};

/// A row of `chat_messages`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = chat_messages, treat_none_as_null = true)]
pub struct Message {
    /// Sorts: the time, then a hash of the uri.
    pub id: i64,
    pub chat_id: i64,
    pub account_id: i64,
    /// The object's id.
    pub uri: String,
    /// What it travels as: `ChatMessage` or `Note`.
    pub form: String,
    /// What its author typed, or the plain text of one from elsewhere.
    pub source: String,
    /// `text/plain` or `text/markdown`.
    pub source_type: String,
    /// Clean HTML.
    pub content: String,
    /// JSON: `{"type", "content"}`.
    pub encrypted: Option<String>,
    /// JSON: `[{"shortcode", "url", "static_url"}]`.
    pub emojis: String,
    pub reply_to_id: Option<i64>,
    pub quote_id: Option<i64>,
    pub shared_status_id: Option<i64>,
    pub idempotency_key: Option<String>,
    /// What carries it to a remote partner.
    pub activity_id: Option<i64>,
    pub created_at: i64,
    pub edited_at: Option<i64>,
    pub deleted_at: Option<i64>,
    pub delivered_at: Option<i64>,
    pub read_at: Option<i64>,
}

/// A row of `chat_edits`: an earlier version.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = chat_edits)]
pub struct Version {
    pub id: i64,
    pub message_id: i64,
    pub source: String,
    pub content: String,
    /// When it was written.
    pub created_at: i64,
}

/// A row of `chat_reactions`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = chat_reactions)]
pub struct Reaction {
    pub message_id: i64,
    pub account_id: i64,
    /// An emoji, or the shortcode of a custom one, with `@domain` where it is not ours.
    pub name: String,
    /// The custom one's picture, a storage key or an address elsewhere; `''` for others.
    pub url: String,
    /// The activity's id; `''` where none was sent.
    pub uri: String,
    pub created_at: i64,
}

/// Which page of a chat to read: messages before one, after one, or the newest.
#[derive(Debug, Clone, Copy, Default)]
pub struct Slice {
    pub before: Option<i64>,
    pub after: Option<i64>,
    pub include_deleted: bool,
    pub limit: i64,
}

/// Adds a message; false when its id or uri is taken.
#[boxed]
pub async fn insert(conn: &mut Conn, row: &Message) -> Result<bool> {
    let added = on_db!(conn, |c| diesel::insert_into(chat_messages::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(added > 0)
}

/// Writes every column.
#[boxed]
pub async fn update(conn: &mut Conn, row: &Message) -> Result<()> {
    on_db!(conn, |c| diesel::update(chat_messages::table.find(row.id))
        .set(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Messages by id, in no order.
#[boxed]
pub async fn by_ids(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Message>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| chat_messages::table
        .filter(chat_messages::id.any_of(ids))
        .select(Message::as_select())
        .load(c)
        .await)
}

/// One message by its object id.
#[boxed]
pub async fn by_uri(conn: &mut Conn, uri: &str) -> Result<Option<Message>> {
    on_db!(conn, |c| chat_messages::table
        .filter(chat_messages::uri.eq(uri))
        .select(Message::as_select())
        .first(c)
        .await
        .optional())
}

/// What an author's idempotency key made before.
#[boxed]
pub async fn by_key(
    conn: &mut Conn,
    chat_id: i64,
    account_id: i64,
    key: &str,
) -> Result<Option<Message>> {
    on_db!(conn, |c| chat_messages::table
        .filter(chat_messages::chat_id.eq(chat_id))
        .filter(chat_messages::account_id.eq(account_id))
        .filter(chat_messages::idempotency_key.eq(key))
        .select(Message::as_select())
        .first(c)
        .await
        .optional())
}

/// One page of a chat as one of the two sees it, the oldest first.
#[boxed]
pub async fn page(
    conn: &mut Conn,
    chat_id: i64,
    account_id: i64,
    horizon: i64,
    slice: Slice,
) -> Result<Vec<Message>> {
    let hidden = chat_hidden::table
        .filter(chat_hidden::message_id.eq(chat_messages::id))
        .filter(chat_hidden::account_id.eq(account_id));
    let rows = chat_messages::table
        .filter(chat_messages::chat_id.eq(chat_id))
        .filter(chat_messages::id.gt(horizon.max(slice.after.unwrap_or(0))))
        .filter(chat_messages::id.lt(slice.before.unwrap_or(i64::MAX)))
        .filter(
            chat_messages::deleted_at
                .is_null()
                .or(slice.include_deleted.into_sql::<diesel::sql_types::Bool>()),
        )
        .filter(not(exists(hidden)))
        .limit(slice.limit);
    if slice.after.is_some() {
        return on_db!(conn, |c| rows
            .order(chat_messages::id.asc())
            .select(Message::as_select())
            .load(c)
            .await);
    }
    let mut rows: Vec<Message> = on_db!(conn, |c| rows
        .order(chat_messages::id.desc())
        .select(Message::as_select())
        .load(c)
        .await)?;
    rows.reverse();
    Ok(rows)
}

/// Whether one of the two has deleted a message for themselves.
#[boxed]
pub async fn is_hidden(conn: &mut Conn, message_id: i64, account_id: i64) -> Result<bool> {
    on_db!(conn, |c| diesel::select(exists(
        chat_hidden::table.find((message_id, account_id))
    ))
    .get_result(c)
    .await)
}

/// One of the two deletes a message for themselves; false when they had.
#[boxed]
pub async fn hide(conn: &mut Conn, message_id: i64, account_id: i64) -> Result<bool> {
    let added = on_db!(conn, |c| diesel::insert_into(chat_hidden::table)
        .values((
            chat_hidden::message_id.eq(message_id),
            chat_hidden::account_id.eq(account_id),
        ))
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(added > 0)
}

/// The newest message of some chats that an account sees: pairs of chat and message.
#[boxed]
pub async fn newest(conn: &mut Conn, account_id: i64, chats: &[i64]) -> Result<Vec<(i64, i64)>> {
    if chats.is_empty() {
        return Ok(Vec::new());
    }
    let hidden = chat_hidden::table
        .filter(chat_hidden::message_id.eq(chat_messages::id))
        .filter(chat_hidden::account_id.eq(account_id));
    let last = chat_messages::table
        .filter(chat_messages::chat_id.eq(chat_members::chat_id))
        .filter(chat_messages::id.gt(chat_members::horizon_id))
        .filter(chat_messages::deleted_at.is_null())
        .filter(not(exists(hidden)))
        .order(chat_messages::id.desc())
        .limit(1)
        .select(chat_messages::id)
        .single_value();
    let rows: Vec<(i64, Option<i64>)> = on_db!(conn, |c| chat_members::table
        .filter(chat_members::account_id.eq(account_id))
        .filter(chat_members::chat_id.any_of(chats))
        .select((chat_members::chat_id, last))
        .load(c)
        .await)?;
    Ok(rows
        .into_iter()
        .filter_map(|(chat, last)| Some((chat, last?)))
        .collect())
}

/// How many messages of the other's an account has not read yet: after one, deleted ones aside.
#[boxed]
pub async fn count_unread(
    conn: &mut Conn,
    chat_id: i64,
    account_id: i64,
    after: i64,
) -> Result<i64> {
    let hidden = chat_hidden::table
        .filter(chat_hidden::message_id.eq(chat_messages::id))
        .filter(chat_hidden::account_id.eq(account_id));
    on_db!(conn, |c| chat_messages::table
        .filter(chat_messages::chat_id.eq(chat_id))
        .filter(chat_messages::id.gt(after))
        .filter(chat_messages::account_id.ne(account_id))
        .filter(chat_messages::deleted_at.is_null())
        .filter(not(exists(hidden)))
        .count()
        .get_result(c)
        .await)
}

/// How many messages an account has in a chat, `limit` at most.
#[boxed]
pub async fn count_of(
    conn: &mut Conn,
    chat_id: i64,
    account_id: i64,
    after: i64,
    limit: i64,
) -> Result<i64> {
    let ids: Vec<i64> = on_db!(conn, |c| chat_messages::table
        .filter(chat_messages::chat_id.eq(chat_id))
        .filter(chat_messages::account_id.eq(account_id))
        .filter(chat_messages::id.gt(after))
        .limit(limit)
        .select(chat_messages::id)
        .load(c)
        .await)?;
    Ok(ids.len() as i64)
}

/// Marks an author's messages up to one as read.
#[boxed]
pub async fn read(
    conn: &mut Conn,
    chat_id: i64,
    author: i64,
    (after, up_to): (i64, i64),
    now: i64,
) -> Result<usize> {
    on_db!(conn, |c| diesel::update(
        chat_messages::table
            .filter(chat_messages::chat_id.eq(chat_id))
            .filter(chat_messages::account_id.eq(author))
            .filter(chat_messages::id.gt(after))
            .filter(chat_messages::id.le(up_to))
            .filter(chat_messages::read_at.is_null())
    )
    .set(chat_messages::read_at.eq(now))
    .execute(c)
    .await)
}

/// Marks messages as delivered; those that were not before.
#[boxed]
pub async fn delivered(conn: &mut Conn, ids: &[i64], now: i64) -> Result<Vec<Message>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| diesel::update(
        chat_messages::table
            .filter(chat_messages::id.any_of(ids))
            .filter(chat_messages::delivered_at.is_null())
            .filter(chat_messages::deleted_at.is_null())
    )
    .set(chat_messages::delivered_at.eq(now))
    .returning(Message::as_returning())
    .get_results(c)
    .await)
}

/// Messages that deliveries carried and that are not known to have arrived.
#[boxed]
pub async fn carried_by(conn: &mut Conn, deliveries: &[i64]) -> Result<Vec<i64>> {
    use super::schema::deliveries as sent;
    if deliveries.is_empty() {
        return Ok(Vec::new());
    }
    let activities = sent::table
        .filter(sent::id.any_of(deliveries))
        .select(sent::activity_id.nullable());
    on_db!(conn, |c| chat_messages::table
        .filter(chat_messages::activity_id.eq_any(activities))
        .filter(chat_messages::activity_id.is_not_null())
        .filter(chat_messages::delivered_at.is_null())
        .select(chat_messages::id)
        .load(c)
        .await)
}

/// Keeps an earlier version.
#[boxed]
pub async fn add_version(conn: &mut Conn, row: &Version) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(chat_edits::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Earlier versions of a message, the oldest first.
#[boxed]
pub async fn versions(conn: &mut Conn, message_id: i64) -> Result<Vec<Version>> {
    on_db!(conn, |c| chat_edits::table
        .filter(chat_edits::message_id.eq(message_id))
        .order(chat_edits::id)
        .load::<Version>(c)
        .await)
}

/// Forgets the earlier versions and the reactions of a message that goes.
#[boxed]
pub async fn strip(conn: &mut Conn, message_id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        chat_edits::table.filter(chat_edits::message_id.eq(message_id))
    )
    .execute(c)
    .await)?;
    on_db!(conn, |c| diesel::delete(
        chat_reactions::table.filter(chat_reactions::message_id.eq(message_id))
    )
    .execute(c)
    .await)?;
    Ok(())
}

/// Leaves nothing of an author's messages but that they were there, and none of their reactions.
#[boxed]
pub async fn erase_all_of(conn: &mut Conn, account_id: i64, now: i64) -> Result<()> {
    let own = chat_messages::table
        .filter(chat_messages::account_id.eq(account_id))
        .select(chat_messages::id);
    on_db!(conn, |c| diesel::delete(
        chat_edits::table.filter(chat_edits::message_id.eq_any(own))
    )
    .execute(c)
    .await)?;
    on_db!(conn, |c| diesel::delete(
        chat_reactions::table.filter(
            chat_reactions::account_id
                .eq(account_id)
                .or(chat_reactions::message_id.eq_any(own))
        )
    )
    .execute(c)
    .await)?;
    on_db!(conn, |c| diesel::update(
        media::table.filter(
            media::id.eq_any(
                chat_files::table
                    .filter(chat_files::message_id.eq_any(own.nullable()))
                    .select(chat_files::media_id)
            )
        )
    )
    .set(media::position.eq(super::media::GIVEN_UP))
    .execute(c)
    .await)?;
    on_db!(conn, |c| diesel::delete(
        chat_files::table.filter(chat_files::message_id.eq_any(own.nullable()))
    )
    .execute(c)
    .await)?;
    on_db!(conn, |c| diesel::update(
        chat_messages::table
            .filter(chat_messages::account_id.eq(account_id))
            .filter(chat_messages::deleted_at.is_null())
    )
    .set((
        chat_messages::source.eq(""),
        chat_messages::content.eq(""),
        chat_messages::encrypted.eq(None::<String>),
        chat_messages::emojis.eq("[]"),
        chat_messages::shared_status_id.eq(None::<i64>),
        chat_messages::deleted_at.eq(now),
    ))
    .execute(c)
    .await)?;
    Ok(())
}

/// Adds a reaction; false when it is there already.
#[boxed]
pub async fn add_reaction(conn: &mut Conn, row: &Reaction) -> Result<bool> {
    let added = on_db!(conn, |c| diesel::insert_into(chat_reactions::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(added > 0)
}

/// Takes a reaction back, and gives it.
#[boxed]
pub async fn remove_reaction(
    conn: &mut Conn,
    message_id: i64,
    account_id: i64,
    name: &str,
) -> Result<Option<Reaction>> {
    on_db!(conn, |c| diesel::delete(
        chat_reactions::table.find((message_id, account_id, name))
    )
    .returning(Reaction::as_returning())
    .get_result(c)
    .await
    .optional())
}

/// An account's reaction by its activity's id.
#[boxed]
pub async fn reaction_by_uri(
    conn: &mut Conn,
    account_id: i64,
    uri: &str,
) -> Result<Option<Reaction>> {
    // Spelled out: only a literal matches the partial index.
    let named = diesel::dsl::sql::<diesel::sql_types::Bool>("chat_reactions.uri <> ''");
    on_db!(conn, |c| chat_reactions::table
        .filter(chat_reactions::uri.eq(uri))
        .filter(named)
        .filter(chat_reactions::account_id.eq(account_id))
        .first::<Reaction>(c)
        .await
        .optional())
}

/// Reactions to messages, the oldest first.
#[boxed]
pub async fn reactions(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Reaction>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| chat_reactions::table
        .filter(chat_reactions::message_id.any_of(ids))
        .order((chat_reactions::created_at, chat_reactions::name))
        .load::<Reaction>(c)
        .await)
}
