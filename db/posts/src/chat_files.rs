//! Files of chat messages, and documents that wait for one.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::media::{GIVEN_UP, Media};
use super::schema::{chat_files, chat_messages, chats, media};
use super::{Conn, Result, on_db};

/// A row of `chat_files`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = chat_files)]
pub struct ChatFile {
    pub media_id: i64,
    /// `None`: a document that no message has taken up.
    pub message_id: Option<i64>,
    pub position: i64,
    /// What the file was called, or `''`.
    pub name: String,
}

/// Marks an upload as one for chats alone.
#[boxed]
pub async fn reserve(conn: &mut Conn, media_id: i64, name: &str) -> Result<()> {
    let row = ChatFile {
        media_id,
        message_id: None,
        position: 0,
        name: name.to_owned(),
    };
    on_db!(conn, |c| diesel::insert_into(chat_files::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(())
}

/// Which of some uploads are for chats.
#[boxed]
pub async fn among(conn: &mut Conn, ids: &[i64]) -> Result<Vec<ChatFile>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| chat_files::table
        .filter(chat_files::media_id.any_of(ids))
        .load::<ChatFile>(c)
        .await)
}

/// Puts uploads on a message, in the given order.
#[boxed]
pub async fn attach(conn: &mut Conn, message_id: i64, ids: &[i64]) -> Result<()> {
    for (position, media_id) in ids.iter().enumerate() {
        let row = ChatFile {
            media_id: *media_id,
            message_id: Some(message_id),
            position: position as i64,
            name: String::new(),
        };
        on_db!(conn, |c| diesel::insert_into(chat_files::table)
            .values(&row)
            .on_conflict(chat_files::media_id)
            .do_update()
            .set((
                chat_files::message_id.eq(message_id),
                chat_files::position.eq(position as i64),
            ))
            .execute(c)
            .await)?;
    }
    Ok(())
}

/// The files of messages, in their order.
#[boxed]
pub async fn of_messages(conn: &mut Conn, ids: &[i64]) -> Result<Vec<(ChatFile, Media)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| chat_files::table
        .inner_join(media::table.on(media::id.eq(chat_files::media_id)))
        .filter(chat_files::message_id.any_of(ids))
        .order((chat_files::message_id, chat_files::position))
        .select((ChatFile::as_select(), Media::as_select()))
        .load(c)
        .await)
}

/// Files that messages hold, above an id, in the order of their ids, at most `limit`.
#[boxed]
pub async fn above(conn: &mut Conn, id: i64, limit: i64) -> Result<Vec<(ChatFile, Media)>> {
    on_db!(conn, |c| chat_files::table
        .inner_join(media::table.on(media::id.eq(chat_files::media_id)))
        .filter(chat_files::media_id.gt(id))
        .order(chat_files::media_id)
        .limit(limit)
        .select((ChatFile::as_select(), Media::as_select()))
        .load(c)
        .await)
}

/// Gives up the files of a message that goes.
#[boxed]
pub async fn give_up_with(conn: &mut Conn, message_id: i64) -> Result<()> {
    let held = chat_files::table
        .filter(chat_files::message_id.eq(message_id))
        .select(chat_files::media_id);
    on_db!(conn, |c| diesel::update(
        media::table.filter(media::id.eq_any(held))
    )
    .set(media::position.eq(GIVEN_UP))
    .execute(c)
    .await)?;
    on_db!(conn, |c| diesel::delete(
        chat_files::table.filter(chat_files::message_id.eq(message_id))
    )
    .execute(c)
    .await)?;
    Ok(())
}

/// A file with whom it belongs to.
#[derive(Debug, Clone)]
pub struct Held {
    pub file: ChatFile,
    pub media: Media,
    /// The two, where a message holds it.
    pub pair: Option<(i64, i64)>,
}

/// A file for chats by its id.
#[boxed]
pub async fn held(conn: &mut Conn, media_id: i64) -> Result<Option<Held>> {
    let found: Option<(ChatFile, Media, Option<i64>, Option<i64>)> =
        on_db!(conn, |c| chat_files::table
            .inner_join(media::table.on(media::id.eq(chat_files::media_id)))
            .left_join(
                chat_messages::table.on(chat_files::message_id.eq(chat_messages::id.nullable()))
            )
            .left_join(chats::table.on(chats::id.eq(chat_messages::chat_id)))
            .filter(chat_files::media_id.eq(media_id))
            .select((
                ChatFile::as_select(),
                Media::as_select(),
                chats::low_id.nullable(),
                chats::high_id.nullable(),
            ))
            .first(c)
            .await
            .optional())?;
    Ok(found.map(|(file, media, low, high)| Held {
        file,
        media,
        pair: low.zip(high),
    }))
}

/// Whose a stored file of an upload is, where it is for everyone: the upload names it, is not about to go, and no
/// message holds it.
#[boxed]
pub async fn public_owner(conn: &mut Conn, media_id: i64, key: &str) -> Result<Option<i64>> {
    on_db!(conn, |c| media::table
        .left_join(chat_files::table.on(chat_files::media_id.eq(media::id)))
        .filter(media::id.eq(media_id))
        .filter(media::file.eq(key).or(media::preview.eq(key)))
        .filter(media::position.ne(GIVEN_UP))
        .filter(chat_files::media_id.is_null())
        .select(media::account_id)
        .first(c)
        .await
        .optional())
}
