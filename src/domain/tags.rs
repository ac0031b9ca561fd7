//! Following and featuring tags, and keeping count of their use.

use super::Ctx;
use super::trends;
use super::visibility::Visibility;
use crate::clock::DAY;
use crate::db::accounts::Account;
use crate::db::statuses::{Status, Tag};
use crate::db::tags::Choice;
use crate::db::trends::Kind as Trend;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};
use crate::text::plain;

/// Tags that an account may feature.
pub const MAX_FEATURED: i64 = 10;
/// Tags that an account may follow.
const MAX_FOLLOWED: i64 = 1000;
/// Posts that a new follow of a tag brings into the home at once.
const BACKFILL: i64 = 20;
/// Of a tag that is no longer followed, as many of the newest posts are taken out of the home.
const TAKEN_OUT: i64 = 1000;
/// Days of use that are told.
pub const HISTORY: i64 = 7;

/// The tag of a text, with or without `#`, as it is stored when it is new; `None` for what is no
/// hashtag.
pub fn parse(ctx: &Ctx, text: &str) -> Option<Tag> {
    let written = text.trim().trim_start_matches(['#', '＃']);
    let hashed = format!("#{written}");
    match plain::scan(&hashed).as_slice() {
        [entity] if entity.range == (0..hashed.len()) => match &entity.kind {
            plain::Kind::Hashtag(name) => Some(Tag {
                id: ctx.ids.next(),
                name: plain::normalize_tag(name),
                display_name: name.clone(),
                created_at: ctx.now(),
            }),
            _ => None,
        },
        _ => None,
    }
}

/// The tag of a name, added where it is new.
pub async fn ensure(tx: &mut Conn, ctx: &Ctx, name: &str) -> AppResult<Tag> {
    let tag = parse(ctx, name)
        .ok_or_else(|| AppError::invalid("Validation failed: Tag is not a valid hashtag"))?;
    let id = db::statuses::ensure_tag(tx, &tag).await?;
    let known = db::tags::by_ids(tx, &[id]).await?.pop();
    Ok(known.unwrap_or(tag))
}

fn choice(ctx: &Ctx, account: &Account, tag: &Tag) -> Choice {
    Choice {
        id: ctx.ids.next(),
        account_id: account.id,
        tag_id: tag.id,
        created_at: ctx.now(),
    }
}

/// `account` follows a tag: its public posts come to its home. Again is no error.
pub async fn follow(tx: &mut Conn, ctx: &Ctx, account: &Account, name: &str) -> AppResult<Tag> {
    let tag = ensure(tx, ctx, name).await?;
    if db::tags::count_followed(tx, account.id).await? >= MAX_FOLLOWED {
        return Err(AppError::invalid(
            "Validation failed: You are following too many hashtags",
        ));
    }
    if db::tags::follow(tx, &choice(ctx, account, &tag)).await? {
        for (status, author) in db::tags::newest(tx, tag.id, BACKFILL).await? {
            db::timelines::put_home(tx, &[account.id], status, author).await?;
        }
        tx.emit(Event::to(account.id, Kind::HomeChanged, account.id));
    }
    Ok(tag)
}

/// `account` does not follow a tag any more; what it alone brought goes from the home.
pub async fn unfollow(tx: &mut Conn, ctx: &Ctx, account: &Account, name: &str) -> AppResult<Tag> {
    let tag = ensure(tx, ctx, name).await?;
    if db::tags::unfollow(tx, account.id, tag.id).await? {
        db::tags::take_out(tx, account.id, tag.id, TAKEN_OUT).await?;
        tx.emit(Event::to(account.id, Kind::HomeChanged, account.id));
    }
    Ok(tag)
}

/// `account` shows a tag on its profile. `again`: whether to feature it twice is an error.
pub async fn feature(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    name: &str,
    again: bool,
) -> AppResult<Tag> {
    let tag = ensure(tx, ctx, name).await?;
    let there = !db::tags::featured_among(tx, account.id, &[tag.id])
        .await?
        .is_empty();
    if there && again {
        return Err(AppError::invalid(
            "Validation failed: Tag has already been taken",
        ));
    }
    if !there && db::tags::count_featured(tx, account.id).await? >= MAX_FEATURED {
        return Err(AppError::invalid(
            "Validation failed: You have already featured the maximum number of hashtags",
        ));
    }
    db::tags::feature(tx, &choice(ctx, account, &tag)).await?;
    Ok(tag)
}

/// `account` does not show a tag any more.
pub async fn unfeature(tx: &mut Conn, ctx: &Ctx, account: &Account, name: &str) -> AppResult<Tag> {
    let tag = ensure(tx, ctx, name).await?;
    db::tags::unfeature(tx, account.id, tag.id).await?;
    Ok(tag)
}

/// Notes the use of tags in a status that was just written, and brings it to those who follow
/// them. `quiet`: an old one, which is no news.
pub(super) async fn published(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    status: &Status,
    tag_ids: &[i64],
    quiet: bool,
) -> AppResult<()> {
    if tag_ids.is_empty() {
        return Ok(());
    }
    let visibility = Visibility::from_db(status.visibility);
    if author.is_local() && visibility.is_open() {
        db::tags::used(tx, author.id, tag_ids, status.created_at).await?;
    }
    if visibility == Visibility::Public && author.silenced_at.is_none() && !quiet {
        for tag in tag_ids {
            trends::used(tx, ctx, Trend::Tag, *tag, author.id).await?;
        }
        if !status.local_only || author.is_local() {
            db::tags::fan_out(tx, status.id, author.id, tag_ids).await?;
        }
    }
    Ok(())
}

/// Notes that an edit gave a status other tags.
pub(super) async fn changed(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    status: &Status,
    before: &[i64],
    after: &[i64],
) -> AppResult<()> {
    let added: Vec<i64> = after
        .iter()
        .copied()
        .filter(|t| !before.contains(t))
        .collect();
    let gone: Vec<i64> = before
        .iter()
        .copied()
        .filter(|t| !after.contains(t))
        .collect();
    let visibility = Visibility::from_db(status.visibility);
    if author.is_local() && visibility.is_open() {
        db::tags::used(tx, author.id, &added, status.created_at).await?;
        db::tags::unused(tx, author.id, &gone).await?;
    }
    let fresh = status.created_at > ctx.now() - DAY;
    if fresh && visibility == Visibility::Public && author.silenced_at.is_none() {
        for tag in added {
            trends::used(tx, ctx, Trend::Tag, tag, author.id).await?;
        }
    }
    Ok(())
}

/// Notes that a status with tags is gone.
pub(super) async fn erased(tx: &mut Conn, status: &Status, tag_ids: &[i64]) -> AppResult<()> {
    if status.local && Visibility::from_db(status.visibility).is_open() {
        db::tags::unused(tx, status.account_id, tag_ids).await?;
    }
    Ok(())
}
