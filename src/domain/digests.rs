//! Digests by mail of what somebody has not read (opt-in): one letter a day or a week, and none
//! when nothing came.
//!
//! The settings say when the next one is due; a job of that time sends it and puts the next into
//! the queue, in one transaction. A job of another time is of settings that changed since.

use super::Ctx;
use super::jobs::{self, Job};
use super::mail::{self, Letter};
use super::notifications::{Type, sentence};
use super::settings::Settings;
use crate::clock::DAY;
use crate::db::notifications::Filter;
use crate::db::relations::Page;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};

/// Notifications that a letter names.
const NAMED: i64 = 10;
/// Unread ones are counted up to this.
const COUNTED: i64 = 1000;

/// The time between two, of a setting; `None` where there are to be none.
fn every(digest: Option<&str>) -> Option<i64> {
    match digest {
        Some("daily") => Some(DAY),
        Some("weekly") => Some(7 * DAY),
        _ => None,
    }
}

/// Refuses what is no setting.
pub fn check(digest: &str) -> AppResult<()> {
    match digest {
        "never" | "daily" | "weekly" => Ok(()),
        _ => Err(AppError::invalid(
            "Validation failed: Email digest is not never, daily or weekly",
        )),
    }
}

/// Writes into the settings how often, and has the first sent when that time is over.
pub async fn choose(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    settings: &mut Settings,
    digest: &str,
) -> AppResult<()> {
    check(digest)?;
    let chosen = Some(digest.to_owned()).filter(|digest| every(Some(digest)).is_some());
    if settings.email_digest != chosen {
        settings.email_digest = chosen;
        plan(tx, ctx, account_id, settings).await?;
    }
    Ok(())
}

/// The next one.
async fn plan(tx: &mut Conn, ctx: &Ctx, account_id: i64, settings: &mut Settings) -> AppResult<()> {
    let at = every(settings.email_digest.as_deref()).map(|every| ctx.now() + every);
    settings.digest_at = at;
    match at {
        Some(at) => jobs::enqueue_at(tx, ctx, &Job::Digest { account_id, at }, at).await,
        None => Ok(()),
    }
}

/// Sends the digest that was planned for a time, and plans the next.
pub async fn send(tx: &mut Conn, ctx: &Ctx, account_id: i64, at: i64) -> AppResult<()> {
    // Their settings are one column.
    db::relations::lock_pair(tx, account_id, account_id).await?;
    let Some(user) = db::users::by_account(tx, account_id).await? else {
        return Ok(());
    };
    let account = db::accounts::by_id(tx, account_id).await?;
    let Some(account) = account.filter(|account| account.deleted_at.is_none()) else {
        return Ok(());
    };
    let mut settings = Settings::of(&user);
    let Some(every) = every(settings.email_digest.as_deref()) else {
        return Ok(());
    };
    if settings.digest_at != Some(at) {
        return Ok(());
    }
    plan(tx, ctx, account_id, &mut settings).await?;
    db::users::set_settings(tx, account_id, &settings.to_db()?).await?;
    let may = user.confirmed_at.is_some() && user.disabled_at.is_none() && account.is_active();
    if !may {
        return Ok(());
    }
    let marks = db::kith_notifications::marks(tx, account_id).await?;
    let page = Page {
        limit: NAMED,
        ..Page::default()
    };
    let filter = Filter::default();
    let rows = db::kith_notifications::page(tx, account_id, &filter, Some(marks), page).await?;
    // What was unread already the last time is no reason to write again.
    if rows.first().is_none_or(|row| row.created_at <= at - every) {
        return Ok(());
    }
    let senders: Vec<i64> = rows.iter().map(|row| row.from_account_id).collect();
    let senders = db::accounts::by_ids(tx, &senders).await?;
    let lines: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            let sender = senders
                .iter()
                .find(|sender| sender.id == row.from_account_id)?;
            let name = match sender.display_name.as_str() {
                "" => &sender.username,
                name => name,
            };
            Some(sentence(Type::parse(&row.kind), name))
        })
        .collect();
    let letter = Letter::Digest {
        username: &account.username,
        unread: db::kith_notifications::count_unread(tx, account_id, COUNTED).await?,
        lines: &lines,
        url: &ctx.config.url("/"),
    };
    mail::send(tx, ctx, &user.email, letter).await
}
