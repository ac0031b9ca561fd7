//! Announcements: what admins tell everyone here.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::Ctx;
use super::jobs::{self, Job};
use super::visibility::Visibility;
use crate::db::announcements::Announcement;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};
use crate::text;
use crate::text::emoji::{is_emoji, is_shortcode};
use crate::text::plain::{Entity, Kind as What, Link};

/// Different reactions to one announcement.
const MAX_REACTIONS: usize = 8;
/// Longest text, in characters.
const MAX_CHARACTERS: usize = 10_000;

/// What the text of an announcement refers to; `announcements.refs` as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refs {
    /// Accounts.
    pub mentions: Vec<i64>,
    pub statuses: Vec<i64>,
    /// Normalised names.
    pub tags: Vec<String>,
}

/// An announcement as an admin writes it.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    pub text: String,
    pub all_day: bool,
    pub starts_at: Option<i64>,
    pub ends_at: Option<i64>,
    /// `None`: at once.
    pub scheduled_at: Option<i64>,
}

/// Makes an announcement; it is published at once or when its time comes.
pub async fn create(tx: &mut Conn, ctx: &Ctx, draft: Draft) -> AppResult<Announcement> {
    let now = ctx.now();
    let mut row = Announcement {
        id: ctx.ids.next(),
        source: String::new(),
        content: String::new(),
        refs: String::new(),
        all_day: false,
        starts_at: None,
        ends_at: None,
        scheduled_at: None,
        published_at: None,
        withdrawn_at: None,
        created_at: now,
        updated_at: now,
    };
    apply(tx, ctx, &mut row, draft).await?;
    db::announcements::insert(tx, &row).await?;
    plan(tx, ctx, &row).await?;
    Ok(row)
}

/// Changes an announcement.
pub async fn update(tx: &mut Conn, ctx: &Ctx, id: i64, draft: Draft) -> AppResult<Announcement> {
    let mut row = db::announcements::by_id(tx, id)
        .await?
        .ok_or_else(AppError::not_found)?;
    apply(tx, ctx, &mut row, draft).await?;
    row.updated_at = ctx.now();
    // Given a later end, an ended one comes back.
    row.withdrawn_at = None;
    db::announcements::update(tx, &row).await?;
    plan(tx, ctx, &row).await?;
    Ok(row)
}

/// Deletes an announcement.
pub async fn delete(tx: &mut Conn, id: i64) -> AppResult<()> {
    if !db::announcements::delete(tx, id).await? {
        return Err(AppError::not_found());
    }
    tx.emit(Event::of(Kind::AnnouncementGone, id));
    Ok(())
}

async fn apply(tx: &mut Conn, ctx: &Ctx, row: &mut Announcement, draft: Draft) -> AppResult<()> {
    if draft.text.trim().is_empty() {
        return Err(AppError::invalid("the text is empty"));
    }
    if draft.text.chars().count() > MAX_CHARACTERS {
        return Err(AppError::invalid(format!(
            "the text is longer than {MAX_CHARACTERS} characters"
        )));
    }
    if let (Some(from), Some(to)) = (draft.starts_at, draft.ends_at)
        && to < from
    {
        return Err(AppError::invalid("it ends before it starts"));
    }
    if draft.ends_at.is_some_and(|end| end <= ctx.now()) {
        return Err(AppError::invalid("it would have ended by now"));
    }
    let (content, refs) = compose(tx, ctx, &draft.text).await?;
    row.source = draft.text;
    row.content = content;
    row.refs = serde_json::to_string(&refs)?;
    row.all_day = draft.all_day;
    row.starts_at = draft.starts_at;
    row.ends_at = draft.ends_at;
    row.scheduled_at = draft.scheduled_at;
    if row.published_at.is_none() && draft.scheduled_at.is_none_or(|at| at <= ctx.now()) {
        row.published_at = Some(ctx.now());
    }
    Ok(())
}

/// Tells of what is out, and sees to what comes later.
async fn plan(tx: &mut Conn, ctx: &Ctx, row: &Announcement) -> AppResult<()> {
    let job = Job::Announcement { id: row.id };
    if row.published_at.is_some() {
        tx.emit(Event::of(Kind::Announcement, row.id));
    } else if let Some(at) = row.scheduled_at {
        jobs::enqueue_at(tx, ctx, &job, at).await?;
    }
    if let Some(at) = row.ends_at {
        jobs::enqueue_at(tx, ctx, &job, at).await?;
    }
    Ok(())
}

/// Publishes an announcement whose time has come, and ends one whose time is over. A job of
/// times that were changed meanwhile finds nothing to do.
pub async fn keep_time(tx: &mut Conn, ctx: &Ctx, id: i64) -> AppResult<()> {
    let Some(mut row) = db::announcements::by_id(tx, id).await? else {
        return Ok(());
    };
    let now = ctx.now();
    let over = row.ends_at.is_some_and(|end| end <= now);
    if over && row.withdrawn_at.is_none() {
        row.withdrawn_at = Some(now);
        db::announcements::update(tx, &row).await?;
        if row.published_at.is_some() {
            tx.emit(Event::of(Kind::AnnouncementGone, id));
        }
    } else if !over && row.published_at.is_none() && row.scheduled_at.is_some_and(|at| at <= now) {
        row.published_at = Some(now);
        db::announcements::update(tx, &row).await?;
        tx.emit(Event::of(Kind::Announcement, id));
    }
    Ok(())
}

/// Text to HTML, with what it refers to.
async fn compose(tx: &mut Conn, ctx: &Ctx, source: &str) -> AppResult<(String, Refs)> {
    let entities = text::plain::scan(source);
    let mut refs = Refs::default();
    let mut links: HashMap<(String, String), String> = HashMap::new();
    let place = |domain: Option<&str>| match domain {
        Some(domain) if !ctx.config.is_our_domain(domain) => domain.to_lowercase(),
        _ => String::new(),
    };
    for entity in &entities {
        match &entity.kind {
            What::Mention { username, domain } => {
                let domain = place(domain.as_deref());
                let known = db::accounts::by_handle(tx, username, &domain).await?;
                if let Some(account) = known.filter(|account| account.is_active()) {
                    if !refs.mentions.contains(&account.id) {
                        refs.mentions.push(account.id);
                    }
                    links.insert((username.to_lowercase(), domain), account.url);
                }
            }
            What::Hashtag(written) => {
                let name = text::plain::normalize_tag(written);
                if !refs.tags.contains(&name) {
                    refs.tags.push(name);
                }
            }
            What::Url(url) => {
                if let Some(id) = status_at(tx, ctx, url).await?
                    && !refs.statuses.contains(&id)
                {
                    refs.statuses.push(id);
                }
            }
        }
    }
    let resolve = |entity: &Entity| match &entity.kind {
        What::Mention { username, domain } => {
            let key = (username.to_lowercase(), place(domain.as_deref()));
            links.get(&key).map(|href| Link {
                href: href.clone(),
                label: None,
            })
        }
        What::Hashtag(tag) => Some(Link {
            href: ctx.config.tag_url(&text::plain::normalize_tag(tag)),
            label: None,
        }),
        What::Url(_) => None,
    };
    let html = text::plain::compose(source, &entities, &resolve);
    Ok((html, refs))
}

/// The status that everyone may see at an address.
async fn status_at(tx: &mut Conn, ctx: &Ctx, url: &str) -> AppResult<Option<i64>> {
    let status = if ctx.config.is_ours(url) {
        let id = url.rsplit('/').next().and_then(|id| id.parse().ok());
        match id {
            Some(id) => db::statuses::by_id(tx, id)
                .await?
                .filter(|status| status.url == url || status.uri == url),
            None => None,
        }
    } else {
        match db::statuses::by_uri(tx, url).await? {
            Some(status) => Some(status),
            None => db::statuses::by_remote_url(tx, url).await?,
        }
    };
    Ok(status
        .filter(|s| Visibility::from_db(s.visibility).is_open() && !s.local_only)
        .map(|status| status.id))
}

/// An announcement that is out now.
async fn current(tx: &mut Conn, ctx: &Ctx, id: i64) -> AppResult<Announcement> {
    let now = ctx.now();
    db::announcements::by_id(tx, id)
        .await?
        .filter(|row| {
            row.published_at.is_some_and(|at| at <= now)
                && row.withdrawn_at.is_none()
                && row.ends_at.is_none_or(|end| end > now)
        })
        .ok_or_else(AppError::not_found)
}

/// An account has read an announcement.
pub async fn dismiss(tx: &mut Conn, ctx: &Ctx, account_id: i64, id: i64) -> AppResult<()> {
    current(tx, ctx, id).await?;
    Ok(db::announcements::mark_read(tx, account_id, id).await?)
}

/// An account reacts with an emoji: one of Unicode's, or the name of one of ours.
pub async fn react(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    id: i64,
    name: &str,
) -> AppResult<()> {
    current(tx, ctx, id).await?;
    let known =
        is_emoji(name) || (is_shortcode(name) && super::emojis::by_name(tx, name).await?.is_some());
    if !known {
        return Err(AppError::invalid(
            "Validation failed: Name is not a recognized emoji",
        ));
    }
    let given = db::announcements::reactions(tx, &[id]).await?;
    if given.len() >= MAX_REACTIONS && given.iter().all(|(_, other, _)| other != name) {
        return Err(AppError::invalid(
            "Validation failed: Limit of different reactions reached",
        ));
    }
    if db::announcements::add_reaction(tx, id, account_id, name, ctx.now()).await? {
        tx.emit(Event::of(Kind::AnnouncementReaction, id).with(name));
    }
    Ok(())
}

/// An account takes its reaction back; 404 when there is none.
pub async fn unreact(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    id: i64,
    name: &str,
) -> AppResult<()> {
    current(tx, ctx, id).await?;
    if !db::announcements::remove_reaction(tx, id, account_id, name).await? {
        return Err(AppError::not_found());
    }
    tx.emit(Event::of(Kind::AnnouncementReaction, id).with(name));
    Ok(())
}
