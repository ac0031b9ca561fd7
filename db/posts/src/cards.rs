//! Previews of links, and which statuses show them.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::schema::{preview_cards, status_cards};
use super::{Conn, Result, on_db};

/// States of a card: not fetched yet, to be shown, nothing to show.
pub const WAITING: i16 = 0;
pub const READY: i16 = 1;
pub const NOTHING: i16 = 2;

/// A row of `preview_cards`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = preview_cards, treat_none_as_null = true)]
pub struct Card {
    pub id: i64,
    /// As `text::links::canonical` writes it.
    pub url: String,
    /// [`WAITING`], [`READY`] or [`NOTHING`].
    pub state: i16,
    /// `link`, `photo` or `video`.
    pub kind: String,
    /// Plain texts.
    pub title: String,
    pub description: String,
    pub author_name: String,
    pub author_url: String,
    /// The author's account, where the page's host vouches for it.
    pub author_account_id: Option<i64>,
    pub provider_name: String,
    pub provider_url: String,
    /// An `iframe` of ours around the video's player, or `''`.
    pub html: String,
    /// Pixels of the player or the picture, or 0.
    pub width: i64,
    pub height: i64,
    /// Storage key, or `''`.
    pub image: String,
    pub image_description: String,
    pub embed_url: String,
    pub blurhash: String,
    pub language: Option<String>,
    pub published_at: Option<i64>,
    /// When it was last fetched, or tried; 0 for never.
    pub fetched_at: i64,
    pub created_at: i64,
}

/// The card of a URL.
#[boxed]
pub async fn by_url(conn: &mut Conn, url: &str) -> Result<Option<Card>> {
    on_db!(conn, |c| preview_cards::table
        .filter(preview_cards::url.eq(url))
        .select(Card::as_select())
        .first(c)
        .await
        .optional())
}

/// Cards by id, in no order.
#[boxed]
pub async fn by_ids(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Card>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| preview_cards::table
        .filter(preview_cards::id.any_of(ids))
        .select(Card::as_select())
        .load(c)
        .await)
}

/// Adds a card; false when its URL has one already.
#[boxed]
pub async fn insert(conn: &mut Conn, card: &Card) -> Result<bool> {
    let added = on_db!(conn, |c| diesel::insert_into(preview_cards::table)
        .values(card)
        .on_conflict_do_nothing()
        .execute(c)
        .await)?;
    Ok(added > 0)
}

/// Writes every column of a card.
#[boxed]
pub async fn update(conn: &mut Conn, card: &Card) -> Result<()> {
    on_db!(conn, |c| diesel::update(preview_cards::table.find(card.id))
        .set(card)
        .execute(c)
        .await)?;
    Ok(())
}

/// Gives a status its card, in the place of another.
#[boxed]
pub async fn attach(conn: &mut Conn, status_id: i64, card_id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(status_cards::table)
        .values((
            status_cards::status_id.eq(status_id),
            status_cards::card_id.eq(card_id),
        ))
        .on_conflict(status_cards::status_id)
        .do_update()
        .set(status_cards::card_id.eq(card_id))
        .execute(c)
        .await)?;
    Ok(())
}

/// Takes a status's card away.
#[boxed]
pub async fn detach(conn: &mut Conn, status_id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(
        status_cards::table.find(status_id)
    )
    .execute(c)
    .await)?;
    Ok(())
}

/// The cards of statuses, in whatever state: pairs of status and card.
#[boxed]
pub async fn of_statuses(conn: &mut Conn, ids: &[i64]) -> Result<Vec<(i64, Card)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| status_cards::table
        .inner_join(preview_cards::table.on(preview_cards::id.eq(status_cards::card_id)))
        .filter(status_cards::status_id.any_of(ids))
        .select((status_cards::status_id, Card::as_select()))
        .load(c)
        .await)
}

/// Ids of the statuses that show a card, newest first, at most `limit`.
#[boxed]
pub async fn statuses_of(conn: &mut Conn, card_id: i64, limit: i64) -> Result<Vec<i64>> {
    on_db!(conn, |c| status_cards::table
        .filter(status_cards::card_id.eq(card_id))
        .order(status_cards::status_id.desc())
        .limit(limit)
        .select(status_cards::status_id)
        .load(c)
        .await)
}

/// Cards fetched before a time that no status shows, at most `limit`.
#[boxed]
pub async fn unused(conn: &mut Conn, before: i64, limit: i64) -> Result<Vec<Card>> {
    let shown = status_cards::table.filter(status_cards::card_id.eq(preview_cards::id));
    on_db!(conn, |c| preview_cards::table
        .filter(preview_cards::fetched_at.lt(before))
        .filter(preview_cards::created_at.lt(before))
        .filter(diesel::dsl::not(diesel::dsl::exists(shown)))
        .order(preview_cards::fetched_at)
        .limit(limit)
        .select(Card::as_select())
        .load(c)
        .await)
}

/// Deletes a card that no status shows; false when one does.
#[boxed]
pub async fn delete_unused(conn: &mut Conn, id: i64) -> Result<bool> {
    let shown = status_cards::table.filter(status_cards::card_id.eq(id));
    let gone = on_db!(conn, |c| diesel::delete(
        preview_cards::table
            .find(id)
            .filter(diesel::dsl::not(diesel::dsl::exists(shown)))
    )
    .execute(c)
    .await)?;
    Ok(gone > 0)
}
