//! Custom emoji: ours, and what other servers sent.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::any::AnyOfExt;
use super::schema::custom_emojis;
use super::{Conn, Result, on_db};

/// Most emoji of ours that are listed.
const LISTED: i64 = 20_000;

/// A row of `custom_emojis`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = custom_emojis)]
pub struct CustomEmoji {
    pub id: i64,
    pub shortcode: String,
    /// Empty for ours.
    pub domain: String,
    /// A storage key for ours, a URL for others.
    pub image: String,
    /// The same without motion.
    pub static_image: String,
    pub mime: String,
    pub category: String,
    pub visible_in_picker: bool,
    pub created_at: i64,
    pub updated_at: i64,
}

/// All of ours, by category and name.
#[boxed]
pub async fn local(conn: &mut Conn) -> Result<Vec<CustomEmoji>> {
    on_db!(conn, |c| custom_emojis::table
        .filter(custom_emojis::domain.eq(""))
        .order((custom_emojis::category, custom_emojis::shortcode))
        .limit(LISTED)
        .load::<CustomEmoji>(c)
        .await)
}

/// Those of a domain that have these names.
#[boxed]
pub async fn by_names(conn: &mut Conn, domain: &str, names: &[String]) -> Result<Vec<CustomEmoji>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| custom_emojis::table
        .filter(custom_emojis::domain.eq(domain))
        .filter(custom_emojis::shortcode.any_of(names))
        .load::<CustomEmoji>(c)
        .await)
}

/// One by id.
#[boxed]
pub async fn by_id(conn: &mut Conn, id: i64) -> Result<Option<CustomEmoji>> {
    on_db!(conn, |c| custom_emojis::table
        .find(id)
        .first::<CustomEmoji>(c)
        .await
        .optional())
}

/// Adds one, or gives one of that name and domain another picture.
#[boxed]
pub async fn put(conn: &mut Conn, row: &CustomEmoji) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(custom_emojis::table)
        .values(row)
        .on_conflict((custom_emojis::domain, custom_emojis::shortcode))
        .do_update()
        .set((
            custom_emojis::image.eq(&row.image),
            custom_emojis::static_image.eq(&row.static_image),
            custom_emojis::mime.eq(&row.mime),
            custom_emojis::category.eq(&row.category),
            custom_emojis::visible_in_picker.eq(row.visible_in_picker),
            custom_emojis::updated_at.eq(row.updated_at),
        ))
        .execute(c)
        .await)?;
    Ok(())
}

/// Removes one.
#[boxed]
pub async fn delete(conn: &mut Conn, id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::delete(custom_emojis::table.find(id))
        .execute(c)
        .await)?;
    Ok(())
}
