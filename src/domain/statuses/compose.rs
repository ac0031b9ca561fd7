//! What an author typed, turned into what is kept: HTML, mentions, tags.

use std::collections::HashMap;

use crate::db::accounts::Account;
use crate::db::statuses::Tag;
use crate::db::{self, Conn};
use crate::domain::Ctx;
use crate::domain::trend_reviews;
use crate::error::{AppError, AppResult};
use crate::text;
use crate::text::plain::{Entity, Kind, Link};

/// Limits of a status, announced in the instance entity.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub max_characters: usize,
    pub max_media: usize,
    pub characters_per_url: usize,
    pub max_mentions: usize,
    pub max_tags: usize,
}

/// The limits in force.
pub const LIMITS: Limits = Limits {
    max_characters: 5000,
    max_media: 16,
    characters_per_url: 23,
    max_mentions: 100,
    max_tags: 100,
};

/// Composed text with what it refers to.
pub(super) struct Composed {
    pub html: String,
    pub mentions: Vec<Account>,
    pub tags: Vec<Tag>,
}

/// Checks the length and renders; mentions are of accounts known here (the door has looked
/// unknown ones up before).
pub(super) async fn compose(
    tx: &mut Conn,
    ctx: &Ctx,
    source: &str,
    source_type: &str,
    spoiler: &str,
) -> AppResult<Composed> {
    let length = text::plain::char_count(source) + text::plain::char_count(spoiler);
    if length > LIMITS.max_characters {
        return Err(AppError::invalid(format!(
            "Validation failed: Text character limit of {} exceeded",
            LIMITS.max_characters
        )));
    }
    // Markdown and HTML are scanned as typed: what stands in code is found too, and merely
    // looked up in vain.
    let entities = text::plain::scan(source);
    let names: Vec<(&str, &str)> = entities
        .iter()
        .filter_map(|entity| match &entity.kind {
            Kind::Mention { username, domain } => {
                Some((username.as_str(), stored_domain(ctx, domain.as_deref())))
            }
            _ => None,
        })
        .collect();
    if names.len() > LIMITS.max_mentions {
        return Err(AppError::invalid("Validation failed: Too many mentions"));
    }
    let mut known: HashMap<(String, String), Account> = HashMap::new();
    let mut mentions: Vec<Account> = Vec::new();
    for (username, domain) in names {
        let key = (username.to_lowercase(), domain.to_lowercase());
        if known.contains_key(&key) {
            continue;
        }
        if let Some(account) = db::accounts::by_handle(tx, username, domain).await?
            && account.is_active()
        {
            mentions.push(account.clone());
            known.insert(key, account);
        }
    }
    let now = ctx.now();
    let mut tags: Vec<Tag> = Vec::new();
    for entity in &entities {
        if let Kind::Hashtag(written) = &entity.kind {
            let name = text::plain::normalize_tag(written);
            if tags.iter().all(|tag| tag.name != name) {
                tags.push(Tag {
                    id: ctx.ids.next(),
                    name,
                    display_name: written.clone(),
                    created_at: now,
                });
            }
        }
    }
    if tags.len() > LIMITS.max_tags {
        return Err(AppError::invalid("Validation failed: Too many hashtags"));
    }
    trend_reviews::check_usable(tx, &tags).await?;
    let resolve = |entity: &Entity| match &entity.kind {
        Kind::Mention { username, domain } => {
            let domain = stored_domain(ctx, domain.as_deref());
            known
                .get(&(username.to_lowercase(), domain.to_lowercase()))
                .map(|account| Link {
                    href: account.url.clone(),
                    label: None,
                })
        }
        Kind::Hashtag(tag) => Some(Link {
            href: ctx.config.tag_url(&text::plain::normalize_tag(tag)),
            label: None,
        }),
        Kind::Url(_) => None,
    };
    let html = match source_type {
        "text/markdown" => text::markdown::render(source, &resolve),
        "text/html" => text::sanitize::clean_status_html(source),
        _ => text::plain::compose(source, &entities, &resolve),
    };
    Ok(Composed {
        html,
        mentions,
        tags,
    })
}

/// A domain as accounts are stored under it: `''` for ours.
fn stored_domain<'a>(ctx: &Ctx, domain: Option<&'a str>) -> &'a str {
    match domain {
        Some(domain) if !ctx.config.is_our_domain(domain) => domain,
        _ => "",
    }
}
