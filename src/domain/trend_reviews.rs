//! Moderators' decisions on what trends, and on tags.
//!
//! What nobody decided on trends by itself, unless the setting `trendable-by-default` is `false`: then
//! it waits until somebody has looked at it.

use std::collections::HashMap;

use super::Ctx;
use crate::db::statuses::Tag;
use crate::db::trend_reviews::TagRule;
use crate::db::trends::Kind;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::text::plain;

/// The setting that says whether what nobody has looked at trends.
const BY_DEFAULT: &str = "trendable_by_default";

/// Decisions on some subjects of a kind.
#[derive(Debug, Clone, Default)]
pub struct Reviews {
    by_default: bool,
    decided: HashMap<i64, bool>,
    rules: HashMap<i64, TagRule>,
}

impl Reviews {
    /// Reads them: three statements at most.
    pub async fn load(conn: &mut Conn, kind: Kind, subjects: &[i64]) -> AppResult<Reviews> {
        let setting = db::policies::setting(conn, BY_DEFAULT).await?;
        let rules = match kind {
            Kind::Tag => db::trend_reviews::tag_rules(conn, subjects).await?,
            _ => Vec::new(),
        };
        Ok(Reviews {
            by_default: setting.as_deref() != Some("false"),
            decided: db::trend_reviews::of(conn, kind, subjects)
                .await?
                .into_iter()
                .collect(),
            rules: rules.into_iter().map(|rule| (rule.tag_id, rule)).collect(),
        })
    }

    /// Whether nobody has decided on a subject.
    pub fn requires_review(&self, id: i64) -> bool {
        !self.decided.contains_key(&id)
    }

    /// Whether a subject may trend.
    pub fn trendable(&self, id: i64) -> bool {
        self.decided.get(&id).copied().unwrap_or(self.by_default)
    }

    /// Whether it may, whatever else is decided of it: what people are not to find does not trend.
    pub fn shown(&self, id: i64) -> bool {
        let rule = self.rule(id);
        self.trendable(id) && rule.usable && rule.listable
    }

    /// The rule for a tag.
    pub fn rule(&self, tag_id: i64) -> TagRule {
        self.rules.get(&tag_id).copied().unwrap_or(TagRule {
            tag_id,
            usable: true,
            listable: true,
        })
    }
}

/// Decides whether a subject may trend; it does, or does not any more, at once.
pub async fn decide(
    tx: &mut Conn,
    ctx: &Ctx,
    kind: Kind,
    id: i64,
    trendable: bool,
) -> AppResult<()> {
    db::trend_reviews::set(tx, kind, id, trendable, ctx.now()).await?;
    let shown = Reviews::load(tx, kind, &[id]).await?.shown(id);
    Ok(db::trend_reviews::show(tx, kind, id, shown).await?)
}

/// What is decided of a tag; `None` leaves it.
#[derive(Debug, Clone, Default)]
pub struct TagChange {
    /// The same name in other letters' cases.
    pub display_name: Option<String>,
    pub trendable: Option<bool>,
    pub usable: Option<bool>,
    pub listable: Option<bool>,
}

/// Changes a tag, which is looked at by that; 404 where there is none.
pub async fn change_tag(tx: &mut Conn, ctx: &Ctx, id: i64, change: TagChange) -> AppResult<Tag> {
    let mut tag = db::tags::by_ids(tx, &[id])
        .await?
        .pop()
        .ok_or_else(AppError::not_found)?;
    if let Some(name) = change.display_name {
        if plain::normalize_tag(&name) != tag.name {
            return Err(AppError::invalid(
                "Validation failed: Display name is not the same tag",
            ));
        }
        db::trend_reviews::set_display_name(tx, id, &name).await?;
        tag.display_name = name;
    }
    let reviews = Reviews::load(tx, Kind::Tag, &[id]).await?;
    let before = reviews.rule(id);
    let rule = TagRule {
        tag_id: id,
        usable: change.usable.unwrap_or(before.usable),
        listable: change.listable.unwrap_or(before.listable),
    };
    if rule != before {
        db::trend_reviews::set_tag_rule(tx, &rule).await?;
    }
    let trendable = change.trendable.unwrap_or(reviews.trendable(id));
    decide(tx, ctx, Kind::Tag, id, trendable).await?;
    Ok(tag)
}

/// 422 where a post that is written here has a tag that it may not have.
pub(super) async fn check_usable(conn: &mut Conn, tags: &[Tag]) -> AppResult<()> {
    if tags.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = tags.iter().map(|tag| tag.name.as_str()).collect();
    let refused = db::trend_reviews::unusable(conn, &names).await?;
    if refused.is_empty() {
        return Ok(());
    }
    let hashed: Vec<String> = refused.iter().map(|name| format!("#{name}")).collect();
    Err(AppError::invalid(format!(
        "Validation failed: Text contained a disallowed hashtag: {}",
        hashed.join(", ")
    )))
}
