//! Featuring accounts on one's profile, and noting something on them for oneself.

use super::Ctx;
use crate::db::accounts::Account;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};

/// Accounts that one may feature.
const MOST: i64 = 1000;
/// Longest note, in characters.
pub const MAX_NOTE: usize = 2000;

/// `account` features `target`, whom it follows.
pub async fn endorse(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    target: &Account,
) -> AppResult<()> {
    if db::relations::follow(tx, account.id, target.id)
        .await?
        .is_none()
    {
        return Err(AppError::invalid(
            "Validation failed: You must be already following the account you want to endorse",
        ));
    }
    if db::personal::count_endorsed(tx, account.id).await? >= MOST {
        return Err(AppError::invalid(format!(
            "Validation failed: You cannot feature more than {MOST} accounts"
        )));
    }
    db::personal::endorse(tx, ctx.ids.next(), account.id, target.id, ctx.now()).await?;
    Ok(())
}

/// `account` features `target` no more. Nothing to end is no error.
pub async fn unendorse(tx: &mut Conn, account: &Account, target: &Account) -> AppResult<()> {
    db::personal::unendorse(tx, account.id, target.id).await?;
    Ok(())
}

/// `account` notes something on `target`; an empty text removes the note.
pub async fn note(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    target: &Account,
    comment: &str,
) -> AppResult<()> {
    let comment = comment.trim();
    if comment.chars().count() > MAX_NOTE {
        return Err(AppError::invalid(format!(
            "Validation failed: Comment is too long (maximum is {MAX_NOTE} characters)"
        )));
    }
    db::personal::set_note(tx, account.id, target.id, comment, ctx.now()).await?;
    Ok(())
}
