//! Custom emoji: those of this server, and those that others send.

use serde::{Deserialize, Serialize};

use super::Ctx;
use crate::clock::iso_seconds;
use crate::config::Config;
use crate::db::emojis::CustomEmoji;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};
use crate::text::emoji::{is_shortcode, shortcodes};

/// Largest picture of an emoji, in bytes.
pub const MAX_BYTES: usize = 256 << 10;
/// Custom emoji of one text.
const MAX_USED: usize = 100;
/// Longest name of a category, in characters.
const MAX_CATEGORY: usize = 100;

/// An emoji as statuses, accounts and notes on their way out hold it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    pub shortcode: String,
    pub url: String,
    #[serde(default)]
    pub static_url: String,
    /// Of ours alone: id, media type, and when it was changed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uri: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mime: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub updated: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub visible_in_picker: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub category: String,
}

impl Used {
    /// One of ours.
    pub fn of(config: &Config, emoji: &CustomEmoji) -> Used {
        Used {
            shortcode: emoji.shortcode.clone(),
            url: config.media_url(&emoji.image),
            static_url: config.media_url(&emoji.static_image),
            uri: config.url(&format!("/emojis/{}", emoji.id)),
            mime: emoji.mime.clone(),
            updated: iso_seconds(emoji.updated_at),
            visible_in_picker: emoji.visible_in_picker,
            category: emoji.category.clone(),
        }
    }

    /// One of which no more is known than its picture.
    pub fn pictured(shortcode: &str, url: &str, static_url: &str) -> Used {
        Used {
            shortcode: shortcode.to_owned(),
            url: url.to_owned(),
            static_url: static_url.to_owned(),
            uri: String::new(),
            mime: String::new(),
            updated: String::new(),
            visible_in_picker: false,
            category: String::new(),
        }
    }

    /// Those that a row keeps as JSON.
    pub fn list(json: &str) -> Vec<Used> {
        if json.len() <= 2 {
            return Vec::new();
        }
        serde_json::from_str(json).unwrap_or_default()
    }
}

/// Those of this server's emoji that some texts of one author use, as rows keep them: JSON.
pub async fn used(tx: &mut Conn, ctx: &Ctx, texts: &[&str]) -> AppResult<String> {
    let names = shortcodes(texts, MAX_USED);
    if names.is_empty() {
        return Ok("[]".to_owned());
    }
    let mut known = db::emojis::by_names(tx, "", &names).await?;
    known.sort_by_key(|emoji| names.iter().position(|name| *name == emoji.shortcode));
    let list: Vec<Used> = known.iter().map(|e| Used::of(&ctx.config, e)).collect();
    Ok(serde_json::to_string(&list)?)
}

/// Keeps the emoji that an object from a domain came with, under that domain.
pub async fn remember(tx: &mut Conn, ctx: &Ctx, domain: &str, json: &str) -> AppResult<()> {
    let list = Used::list(json);
    if list.is_empty() || domain.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = list.iter().map(|emoji| emoji.shortcode.clone()).collect();
    let known = db::emojis::by_names(tx, domain, &names).await?;
    let now = ctx.now();
    for emoji in list {
        let same = known.iter().find(|k| k.shortcode == emoji.shortcode);
        if same.is_some_and(|known| known.image == emoji.url) {
            continue;
        }
        let row = CustomEmoji {
            id: ctx.ids.next(),
            shortcode: emoji.shortcode,
            domain: domain.to_owned(),
            static_image: if emoji.static_url.is_empty() {
                emoji.url.clone()
            } else {
                emoji.static_url
            },
            image: emoji.url,
            mime: String::new(),
            category: String::new(),
            visible_in_picker: false,
            created_at: now,
            updated_at: now,
        };
        db::emojis::put(tx, &row).await?;
    }
    Ok(())
}

/// A picture that was checked and stored.
#[derive(Debug, Clone)]
pub struct Picture {
    /// Storage keys.
    pub image: String,
    pub static_image: String,
    pub mime: String,
}

/// Adds an emoji of this server's, or gives it another picture and category. The one it
/// replaces, whose files nothing needs any more.
pub async fn add(
    tx: &mut Conn,
    ctx: &Ctx,
    shortcode: &str,
    picture: Picture,
    category: &str,
    visible_in_picker: bool,
) -> AppResult<Option<CustomEmoji>> {
    check_name(shortcode)?;
    if category.chars().count() > MAX_CATEGORY {
        return Err(AppError::invalid(format!(
            "the category is longer than {MAX_CATEGORY} characters"
        )));
    }
    let before = by_name(tx, shortcode).await?;
    let now = ctx.now();
    let row = CustomEmoji {
        id: before.as_ref().map_or_else(|| ctx.ids.next(), |b| b.id),
        shortcode: shortcode.to_owned(),
        domain: String::new(),
        image: picture.image,
        static_image: picture.static_image,
        mime: picture.mime,
        category: category.to_owned(),
        visible_in_picker,
        created_at: now,
        updated_at: now,
    };
    db::emojis::put(tx, &row).await?;
    tx.emit(Event::of(Kind::EmojisChanged, row.id));
    Ok(before.filter(|before| before.image != row.image))
}

/// Checks the name of an emoji to add.
pub fn check_name(shortcode: &str) -> AppResult<()> {
    if is_shortcode(shortcode) {
        Ok(())
    } else {
        Err(AppError::invalid(format!(
            "{shortcode:?} is no shortcode: 2 to 64 letters, digits and _"
        )))
    }
}

/// One of this server's by name.
pub async fn by_name(tx: &mut Conn, shortcode: &str) -> AppResult<Option<CustomEmoji>> {
    let found = db::emojis::by_names(tx, "", &[shortcode.to_owned()]).await?;
    Ok(found.into_iter().next())
}

/// Removes one of this server's; 404 when there is none of that name.
pub async fn remove(tx: &mut Conn, shortcode: &str) -> AppResult<CustomEmoji> {
    let emoji = by_name(tx, shortcode)
        .await?
        .ok_or_else(AppError::not_found)?;
    db::emojis::delete(tx, emoji.id).await?;
    tx.emit(Event::of(Kind::EmojisChanged, emoji.id));
    Ok(emoji)
}
