//! Changing the name of a local account.
//!
//! The actor's id keeps the name it was made with; what moves is `preferredUsername`, webfinger
//! and the page. The old name is never free again, and still leads to the account.

use super::{Ctx, username_blocks};
use crate::clock::DAY;
use crate::db::accounts::Account;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::text::names::{self, UsernameError};

/// How soon a name may be changed again.
pub const CHANGE_EVERY: i64 = 30 * DAY;

/// Gives an account another name, in its row as it is to be written. Its own former names are
/// its to take back.
pub async fn change(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &mut Account,
    username: &str,
) -> AppResult<()> {
    if username == account.username {
        return Ok(());
    }
    names::available_to_register(username).map_err(|problem| {
        AppError::invalid(format!(
            "Validation failed: Username {}",
            match problem {
                UsernameError::Empty => "can't be blank",
                UsernameError::TooLong => "is too long (maximum is 30 characters)",
                UsernameError::InvalidCharacter =>
                    "must contain only letters, numbers and underscores",
                UsernameError::Reserved => "is reserved",
            }
        ))
    })?;
    if username_blocks::blocks(tx, username).await? {
        return Err(AppError::invalid("Validation failed: Username is reserved"));
    }
    let now = ctx.now();
    let last = db::accounts::username_changed_at(tx, account.id).await?;
    if let Some(left) = last
        .map(|last| last + CHANGE_EVERY - now)
        .filter(|left| *left > 0)
    {
        return Err(AppError::too_many((left / 1000).unsigned_abs().max(1)));
    }
    let holder = db::accounts::by_handle(tx, username, "").await?;
    if holder.is_some_and(|holder| holder.id != account.id) {
        return Err(AppError::invalid(
            "Validation failed: Username has already been taken",
        ));
    }
    db::accounts::keep_username(tx, &account.username_lower, account.id, now).await?;
    account.username = username.to_owned();
    account.username_lower = username.to_lowercase();
    account.url = ctx.config.url(&format!("/@{username}"));
    Ok(())
}
