//! Checking a name and a password, wherever they are given.

use crate::app::App;
use crate::caches::Refusal;
use crate::db;
use crate::db::accounts::Account;
use crate::db::users::User;
use crate::domain::deletion;
use crate::domain::sign_in;
use crate::domain::totp::{self, Verdict};
use crate::error::{AppError, AppResult};
use crate::http::auth::refusal;
use crate::http::client_ip::Caller;
use crate::limits::{Deed, Who};
use crate::passwords;

/// The account that a login (name or e-mail address) and a password are of; `None` where they
/// are nobody's, after the same work. 403 for a user who may not sign in now, which only who
/// knows the password learns; 429 after too many attempts.
pub async fn check(
    app: &App,
    caller: &Caller,
    login: &str,
    password: String,
) -> AppResult<Option<Account>> {
    find(app, caller, login, password, false).await
}

/// The same, also for a user whose account is about to be deleted: they may want it back.
pub async fn check_even_leaving(
    app: &App,
    caller: &Caller,
    login: &str,
    password: String,
) -> AppResult<Option<Account>> {
    find(app, caller, login, password, true).await
}

async fn find(
    app: &App,
    caller: &Caller,
    login: &str,
    password: String,
    even_leaving: bool,
) -> AppResult<Option<Account>> {
    caller.count(app, Deed::SignIn)?;
    let now = app.clock.now_ms();
    app.limits.count(Deed::SignIn, Who::name(login), now)?;
    let login = login.to_owned();
    let found = app
        .read(move |c| Box::pin(async move { sign_in::find(c, &login).await }))
        .await?;
    let hash = found.as_ref().map(|(user, _)| user.password_hash.clone());
    if password.len() > passwords::MAX_BYTES || !passwords::verify(password, hash).await? {
        return Ok(None);
    }
    let Some((user, account)) = found else {
        return Ok(None);
    };
    match standing(&user, &account) {
        Some(Refusal::Leaving) if even_leaving => Ok(Some(account)),
        Some(refused) => Err(refusal(refused)),
        None => Ok(Some(account)),
    }
}

/// Why a user may not sign in now; `None` when they may.
pub fn standing(user: &User, account: &Account) -> Option<Refusal> {
    let leaving = deletion::is_leaving(user.leaving_at, account.suspended_at);
    if account.suspended_at.is_some() && !leaving {
        Some(Refusal::Suspended)
    } else if user.disabled_at.is_some() {
        Some(Refusal::Disabled)
    } else if user.confirmed_at.is_none() {
        Some(Refusal::Unverified)
    } else if user.approved_at.is_none() {
        Some(Refusal::Unapproved)
    } else if leaving {
        Some(Refusal::Leaving)
    } else {
        None
    }
}

/// What the second factor of someone whose password was right came to; 429 while one has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Second {
    /// It was right, or none is asked for.
    Passed,
    /// One is asked for, and none was given.
    Missing,
    Wrong,
}

/// Checks the second factor of an account whose password was right.
pub async fn second(app: &App, account_id: i64, given: Option<String>) -> AppResult<Second> {
    let asked = app
        .read(move |c| Box::pin(async move { totp::is_asked_for(c, account_id).await }))
        .await?;
    if !asked {
        return Ok(Second::Passed);
    }
    let (ctx, key) = (app.ctx.clone(), app.totp_key());
    let verdict = app
        .write(move |tx| {
            Box::pin(async move { totp::check(tx, &ctx, &key, account_id, given.as_deref()).await })
        })
        .await?;
    match verdict {
        Verdict::Passed => Ok(Second::Passed),
        Verdict::Missing => Ok(Second::Missing),
        Verdict::Wrong => Ok(Second::Wrong),
        Verdict::Wait(seconds) => Err(AppError::too_many(seconds)),
    }
}

/// 403 unless who is signed in gives their password, and the second factor where one is in use; 422
/// without a password.
pub async fn confirm(
    app: &App,
    account_id: i64,
    password: Option<String>,
    totp: Option<String>,
) -> AppResult<()> {
    let now = app.clock.now_ms();
    app.limits
        .count(Deed::Password, Who::Account(account_id), now)?;
    let password = password.filter(|password| !password.is_empty());
    let password =
        password.ok_or_else(|| AppError::invalid("Validation failed: Password can't be blank"))?;
    let stored = app
        .read(move |c| Box::pin(async move { Ok(db::users::by_account(c, account_id).await?) }))
        .await?
        .map(|user| user.password_hash);
    if password.len() > passwords::MAX_BYTES || !passwords::verify(password, stored).await? {
        return Err(AppError::forbidden("The current password is wrong"));
    }
    let denied = |text, description: &str| Err(AppError::forbidden(text).describe(description));
    match second(app, account_id, totp).await? {
        Second::Passed => Ok(()),
        Second::Missing => denied("A one-time password is needed", "totp_required"),
        Second::Wrong => denied("The one-time password is wrong", "totp_wrong"),
    }
}
