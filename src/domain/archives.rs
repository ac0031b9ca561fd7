//! Archives of all that a user has here, to keep or to take elsewhere. A job writes them.

use super::Ctx;
use super::jobs::{self, Job};
use super::mail::{self, Letter};
use crate::clock::DAY;
use crate::db::archives::Archive;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};

/// How soon another may be asked for, and how long one is kept.
const EVERY: i64 = 7 * DAY;

/// A user wants an archive: 422 where they had one this week.
pub async fn begin(tx: &mut Conn, ctx: &Ctx, account_id: i64) -> AppResult<Archive> {
    // One at a time.
    db::relations::lock_pair(tx, account_id, account_id).await?;
    let now = ctx.now();
    let last = db::archives::newest(tx, account_id).await?;
    if let Some(last) = last.filter(|last| last.created_at + EVERY > now) {
        return Err(
            AppError::invalid("Validation failed: You can have one archive a week").describe(
                format!(
                    "You can ask for another in {} days",
                    (last.created_at + EVERY - now) / DAY + 1
                ),
            ),
        );
    }
    let id = ctx.ids.next();
    let row = Archive {
        id,
        account_id,
        file: format!("archives/{id}-{}.zip", ctx.random.token().to_lowercase()),
        size: 0,
        created_at: now,
        ready_at: None,
        expires_at: now + EVERY,
    };
    db::archives::insert(tx, &row).await?;
    let archive_id = row.id;
    jobs::enqueue(tx, ctx, &Job::Archive { archive_id }).await?;
    Ok(row)
}

/// An archive is written, and its user is told; false where it is not wanted any more.
pub async fn ready(tx: &mut Conn, ctx: &Ctx, archive: &Archive, size: i64) -> AppResult<bool> {
    let now = ctx.now();
    if !db::archives::ready(tx, archive.id, size, now, now + EVERY).await? {
        return Ok(false);
    }
    let user = db::users::by_account(tx, archive.account_id).await?;
    let account = db::accounts::by_id(tx, archive.account_id).await?;
    if let Some((user, account)) = user.zip(account) {
        let letter = Letter::Archive {
            username: &account.username,
        };
        mail::send(tx, ctx, &user.email, letter).await?;
    }
    Ok(true)
}
