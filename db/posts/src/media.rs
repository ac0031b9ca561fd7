//! Attachments.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::conn::Backend;
use super::schema::{chat_files, draft_media, media, scheduled_media};
use super::{Conn, Result, on_db};

/// A row of `media`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = media)]
pub struct Media {
    pub id: i64,
    pub account_id: i64,
    pub status_id: Option<i64>,
    /// From 0; [`GIVEN_UP`] for what is about to be deleted, [`FORMER`] for what an edit removed.
    pub position: i64,
    /// `image`, `gifv`, `video`, `audio` or `unknown`.
    pub kind: String,
    pub mime: String,
    /// Storage key, or `''` where only `remote_url` is known.
    pub file: String,
    /// Storage key of the thumbnail, or `''`.
    pub preview: String,
    pub remote_url: String,
    pub description: String,
    pub blurhash: String,
    /// JSON, as the API's `meta`.
    pub meta: String,
    /// Bytes in storage.
    pub size: i64,
    pub created_at: i64,
}

/// Columns of an attachment that are written anew; the others stay as they are, whoever changes them meanwhile.
#[derive(Debug, Clone, Default, PartialEq, Eq, AsChangeset)]
#[diesel(table_name = media)]
pub struct Changed {
    pub kind: Option<String>,
    pub mime: Option<String>,
    pub file: Option<String>,
    pub preview: Option<String>,
    pub description: Option<String>,
    pub blurhash: Option<String>,
    pub meta: Option<String>,
    pub size: Option<i64>,
}

/// Position of what no status can take up any more: its files go first, then its row.
pub const GIVEN_UP: i64 = -1;
/// Position of what an edit took off its status: earlier versions show it.
pub const FORMER: i64 = -2;

impl Media {
    /// Whether it is about to be deleted.
    pub fn is_given_up(&self) -> bool {
        self.position == GIVEN_UP
    }
}

/// Adds an attachment.
#[boxed]
pub async fn insert(conn: &mut Conn, row: &Media) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(media::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// An attachment by its id, which nobody else changes until the transaction is through.
#[boxed]
pub async fn hold(conn: &mut Conn, id: i64) -> Result<Option<Media>> {
    if let Backend::Postgres(c) = &mut conn.backend {
        conn.statements += 1;
        return media::table
            .find(id)
            .for_update()
            .first(&mut **c)
            .await
            .optional();
    }
    Ok(by_ids(conn, &[id]).await?.pop())
}

/// Writes some columns of an attachment.
#[boxed]
pub async fn change(conn: &mut Conn, id: i64, changed: &Changed) -> Result<()> {
    // diesel refuses an update of nothing.
    if *changed == Changed::default() {
        return Ok(());
    }
    on_db!(conn, |c| diesel::update(media::table.find(id))
        .set(changed)
        .execute(c)
        .await)?;
    Ok(())
}

/// Gives an attachment's files other names, unless it has changed or is given up; whether it did.
#[boxed]
pub async fn rename(conn: &mut Conn, was: &Media, file: &str, preview: &str) -> Result<bool> {
    let renamed = on_db!(conn, |c| diesel::update(
        media::table
            .find(was.id)
            .filter(media::file.eq(&was.file))
            .filter(media::preview.eq(&was.preview))
            .filter(media::position.ne(GIVEN_UP))
    )
    .set((media::file.eq(file), media::preview.eq(preview)))
    .execute(c)
    .await)?;
    Ok(renamed > 0)
}

/// Attachments by id, in no order.
#[boxed]
pub async fn by_ids(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Media>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| media::table
        .filter(media::id.any_of(ids))
        .load::<Media>(c)
        .await)
}

/// Attachments of statuses, in their order.
#[boxed]
pub async fn of_statuses(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Media>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| media::table
        .filter(media::status_id.any_of(ids))
        .filter(media::position.ge(0))
        .order((media::status_id, media::position))
        .load::<Media>(c)
        .await)
}

/// Deletes one.
#[boxed]
pub async fn delete(conn: &mut Conn, id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(media::table.find(id))
        .execute(c)
        .await)?;
    Ok(())
}

/// Puts attachments on a status in the given order; others that it had stay for its history.
#[boxed]
pub async fn attach(conn: &mut Conn, status_id: i64, ids: &[i64], fresh: bool) -> Result<()> {
    if !fresh {
        on_db!(conn, |c| diesel::update(
            media::table
                .filter(media::status_id.eq(status_id))
                .filter(media::id.ne_all(ids))
        )
        .set(media::position.eq(FORMER))
        .execute(c)
        .await)?;
    }
    for (position, id) in ids.iter().enumerate() {
        on_db!(conn, |c| diesel::update(media::table.find(id))
            .set((
                media::status_id.eq(status_id),
                media::position.eq(position as i64),
            ))
            .execute(c)
            .await)?;
    }
    Ok(())
}

/// Gives up an attachment that no status holds.
#[boxed]
pub async fn give_up(conn: &mut Conn, id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        media::table.find(id).filter(media::status_id.is_null())
    )
    .set(media::position.eq(GIVEN_UP))
    .execute(c)
    .await)?;
    Ok(())
}

/// Takes all attachments off a status that goes: they wait for another as if uploaded now.
#[boxed]
pub async fn release(conn: &mut Conn, status_id: i64, now: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        media::table.filter(media::status_id.eq(status_id))
    )
    .set((
        media::status_id.eq(None::<i64>),
        media::position.eq(0),
        media::created_at.eq(now),
    ))
    .execute(c)
    .await)?;
    Ok(())
}

/// Gives up all attachments of a status that goes, and names them.
#[boxed]
pub async fn give_up_with(conn: &mut Conn, status_id: i64) -> Result<Vec<Media>> {
    on_db!(conn, |c| diesel::update(
        media::table.filter(media::status_id.eq(status_id))
    )
    .set((
        media::status_id.eq(None::<i64>),
        media::position.eq(GIVEN_UP),
    ))
    .returning(Media::as_returning())
    .get_results(c)
    .await)
}

/// Gives up uploads that no status took up before a time, at most `limit`, and names them, with
/// those given up before that are still there.
#[boxed]
pub async fn give_up_abandoned(conn: &mut Conn, before: i64, limit: i64) -> Result<Vec<Media>> {
    let ids: Vec<i64> = on_db!(conn, |c| media::table
        .filter(media::status_id.is_null())
        .filter(media::created_at.lt(before))
        .filter(diesel::dsl::not(diesel::dsl::exists(
            scheduled_media::table.filter(scheduled_media::media_id.eq(media::id)),
        )))
        .filter(diesel::dsl::not(diesel::dsl::exists(
            draft_media::table.filter(draft_media::media_id.eq(media::id)),
        )))
        .filter(diesel::dsl::not(diesel::dsl::exists(
            chat_files::table
                .filter(chat_files::media_id.eq(media::id))
                .filter(chat_files::message_id.is_not_null()),
        )))
        .order(media::created_at)
        .limit(limit)
        .select(media::id)
        .load(c)
        .await)?;
    on_db!(conn, |c| diesel::update(
        media::table
            .filter(media::id.any_of(&ids))
            .filter(media::status_id.is_null())
    )
    .set(media::position.eq(GIVEN_UP))
    .returning(Media::as_returning())
    .get_results(c)
    .await)
}

/// Uploads that were given up come after all from before a time.
#[boxed]
pub async fn put_off(conn: &mut Conn, ids: &[i64], time: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        media::table
            .filter(media::id.any_of(ids))
            .filter(media::status_id.is_null())
    )
    .set(media::created_at.eq(time))
    .execute(c)
    .await)?;
    Ok(())
}

/// Changes the alt text.
#[boxed]
pub async fn describe(conn: &mut Conn, id: i64, description: &str) -> Result<()> {
    on_db!(conn, |c| diesel::update(media::table.find(id))
        .set(media::description.eq(description))
        .execute(c)
        .await)?;
    Ok(())
}
