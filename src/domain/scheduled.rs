//! Statuses to be posted later.

use super::Ctx;
use super::jobs::{self, Job};
use super::statuses::{self, Draft};
use super::visibility::may_see;
use crate::clock::{DAY, MINUTE};
use crate::db::accounts::Account;
use crate::db::scheduled::Scheduled;
use crate::db::statuses::Status;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};

/// How far ahead at least.
const SOONEST: i64 = 5 * MINUTE;
/// How many of an account wait at most, in all and of one day.
const MAX_ALL: i64 = 300;
const MAX_DAY: i64 = 25;

/// Keeps a status of `author` for a time. With the idempotency key of an earlier one, gives that.
pub async fn schedule(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    draft: Draft,
    at: i64,
) -> AppResult<Scheduled> {
    if let Some(earlier) = statuses::earlier(tx, ctx, author, &draft).await?
        && let Some(row) = db::scheduled::by_id(tx, author.id, earlier).await?
    {
        return Ok(row);
    }
    check_time(ctx, at)?;
    check_number(tx, author, at).await?;
    statuses::check(tx, ctx, author, &draft).await?;
    let row = Scheduled {
        id: ctx.ids.next(),
        account_id: author.id,
        scheduled_at: at,
        draft: serde_json::to_string(&draft)?,
        created_at: ctx.now(),
    };
    db::scheduled::insert(tx, &row).await?;
    db::scheduled::hold_media(tx, row.id, &draft.media_ids).await?;
    if let Some(key) = &draft.idempotency_key {
        db::statuses::set_idempotency_key(tx, author.id, key, row.id, row.created_at).await?;
    }
    enqueue(tx, ctx, &row).await?;
    Ok(row)
}

fn check_time(ctx: &Ctx, at: i64) -> AppResult<()> {
    if at < ctx.now() + SOONEST {
        return Err(AppError::invalid(
            "Validation failed: Scheduled at must be at least 5 minutes in the future",
        ));
    }
    Ok(())
}

async fn check_number(tx: &mut Conn, author: &Account, at: i64) -> AppResult<()> {
    let day = at / DAY * DAY;
    let (all, then) = db::scheduled::count(tx, author.id, day, day + DAY).await?;
    for (number, most, of) in [(all, MAX_ALL, ""), (then, MAX_DAY, " for that day")] {
        if number >= most {
            return Err(AppError::invalid(format!(
                "Validation failed: You have exceeded the limit of {most} scheduled posts{of}"
            )));
        }
    }
    Ok(())
}

async fn enqueue(tx: &mut Conn, ctx: &Ctx, row: &Scheduled) -> AppResult<()> {
    let job = Job::Publish {
        scheduled_id: row.id,
    };
    jobs::cancel(tx, &job).await?;
    jobs::enqueue_at(tx, ctx, &job, row.scheduled_at).await
}

/// `author` sets another time.
pub async fn change(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    id: i64,
    at: i64,
) -> AppResult<Scheduled> {
    let mut row = db::scheduled::by_id(tx, author.id, id)
        .await?
        .ok_or_else(AppError::not_found)?;
    check_time(ctx, at)?;
    if row.scheduled_at / DAY != at / DAY {
        check_number(tx, author, at).await?;
    }
    if !db::scheduled::move_to(tx, author.id, id, at).await? {
        return Err(AppError::not_found());
    }
    row.scheduled_at = at;
    enqueue(tx, ctx, &row).await?;
    Ok(row)
}

/// `author` thinks better of it.
pub async fn cancel(tx: &mut Conn, author: &Account, id: i64) -> AppResult<()> {
    if !db::scheduled::delete(tx, author.id, id).await? {
        return Err(AppError::not_found());
    }
    jobs::cancel(tx, &Job::Publish { scheduled_id: id }).await
}

/// What a scheduled status that is due says, for what has to be looked up before it is posted.
pub async fn text(conn: &mut Conn, id: i64) -> AppResult<Option<String>> {
    let draft: Option<Draft> = db::scheduled::draft(conn, id)
        .await?
        .map(|draft| serde_json::from_str(&draft))
        .transpose()?;
    Ok(draft.map(|draft| draft.text))
}

/// Posts a scheduled status that is due. It is taken out of the table in the transaction that
/// posts it, so that it is posted once, however often this runs. `None` when there is nothing
/// to post (any more).
pub async fn publish(tx: &mut Conn, ctx: &Ctx, id: i64) -> AppResult<Option<Status>> {
    let Some(row) = db::scheduled::take(tx, id, ctx.now()).await? else {
        return Ok(None);
    };
    let author = db::accounts::by_id(tx, row.account_id).await?;
    let Some(author) = author.filter(Account::is_active) else {
        return Ok(None);
    };
    let mut draft: Draft = serde_json::from_str(&row.draft)?;
    // The key did its work when this was scheduled.
    draft.idempotency_key = None;
    // What it answered may be gone: then it stands by itself.
    if let Some(parent) = draft.in_reply_to_id {
        let parent = db::statuses::by_id(tx, parent).await?;
        let there = match parent {
            Some(parent) => may_see(tx, &parent, Some(&author)).await?,
            None => false,
        };
        if !there {
            draft.in_reply_to_id = None;
        }
    }
    statuses::post(tx, ctx, &author, draft).await.map(Some)
}
