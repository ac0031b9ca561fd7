//! A second factor at sign-in: one-time passwords of an authenticator app, and recovery codes.
//!
//! A code is good once. Five wrong ones in a row make everyone wait, ten minutes at first and
//! twice as long after each further five, a day at most: whoever knows the password alone cannot
//! guess on. A new password ends the waiting.

use super::mail::{self, Letter};
use super::{Ctx, sign_in};
use crate::clock::{DAY, MINUTE};
use crate::db::totp::Totp;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::seal::SealingKey;
use crate::{secret, totp};

/// Recovery codes given out at a time.
const RECOVERY_CODES: usize = 10;
/// Bytes of each: too many to be guessed from their hashes.
const RECOVERY_BYTES: usize = 10;
/// Wrong codes in a row until everyone waits.
const TRIES: i64 = 5;
const WAIT: i64 = 10 * MINUTE;

/// What is shown once, when a second factor is set up.
#[derive(Debug, Clone)]
pub struct Begun {
    /// Base 32.
    pub secret: String,
    /// For a picture that apps read.
    pub uri: String,
    pub recovery_codes: Vec<String>,
}

/// What became of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was right, or none is asked for.
    Passed,
    /// One is asked for, and none was given.
    Missing,
    Wrong,
    /// Nothing was looked at: seconds to wait.
    Wait(u64),
}

/// Sets up a second factor, which is asked for once it was confirmed.
pub async fn begin(
    tx: &mut Conn,
    ctx: &Ctx,
    key: &SealingKey,
    account_id: i64,
) -> AppResult<Begun> {
    let account = db::accounts::by_id(tx, account_id)
        .await?
        .ok_or_else(AppError::not_found)?;
    let known = db::totp::of(tx, account_id).await?;
    if known.is_some_and(|known| known.confirmed_at.is_some()) {
        return Err(AppError::invalid(
            "One-time passwords are in use already: stop using them first",
        ));
    }
    let bytes: [u8; totp::SECRET_BYTES] = ctx.random.bytes();
    let recovery_codes: Vec<String> = (0..RECOVERY_CODES).map(|_| recovery_code(ctx)).collect();
    let hashes: Vec<String> = recovery_codes
        .iter()
        .map(|code| hash(account_id, code))
        .collect();
    let row = Totp {
        account_id,
        secret: key
            .seal(&ctx.random, account_id, &bytes)
            .ok_or_else(|| AppError::internal(anyhow::anyhow!("a secret cannot be sealed")))?,
        confirmed_at: None,
        last_step: 0,
        tries: 0,
        tried_at: 0,
        created_at: ctx.now(),
    };
    db::totp::set(tx, &row, &hashes).await?;
    let place = &ctx.config.account_domain;
    Ok(Begun {
        secret: totp::base32(&bytes),
        uri: totp::uri(&bytes, place, &account.username),
        recovery_codes,
    })
}

/// In fours, for whoever types it.
fn recovery_code(ctx: &Ctx) -> String {
    let text = totp::base32(&ctx.random.bytes::<RECOVERY_BYTES>()).to_lowercase();
    let (a, rest) = text.split_at(4);
    let (b, rest) = rest.split_at(4);
    let (c, d) = rest.split_at(4);
    format!("{a}-{b}-{c}-{d}")
}

fn hash(account_id: i64, code: &str) -> String {
    secret::hash(&format!("{account_id}:{}", plain(code)))
}

/// A code without what people put in between.
fn plain(code: &str) -> String {
    code.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// The first code of the app: from now on it is asked for, and every session but the one of a
/// token ends. The transaction is to be kept whatever the verdict: it counts the try.
pub async fn confirm(
    tx: &mut Conn,
    ctx: &Ctx,
    key: &SealingKey,
    account_id: i64,
    code: &str,
    but_token: i64,
) -> AppResult<Verdict> {
    let row = db::totp::of(tx, account_id)
        .await?
        .filter(|row| row.confirmed_at.is_none())
        .ok_or_else(|| AppError::invalid("There are no one-time passwords to confirm"))?;
    let verdict = verify(tx, ctx, key, &row, code, false).await?;
    if verdict == Verdict::Passed {
        db::totp::confirm(tx, account_id, ctx.now()).await?;
        sign_in::end_all(tx, ctx, account_id, Some(but_token)).await?;
        tell(tx, ctx, account_id, true).await?;
    }
    Ok(verdict)
}

/// Stops asking for a second factor, by a code of it or a recovery code; every session but the
/// one of a token ends. The transaction is to be kept whatever the verdict.
pub async fn stop(
    tx: &mut Conn,
    ctx: &Ctx,
    key: &SealingKey,
    account_id: i64,
    code: &str,
    but_token: i64,
) -> AppResult<Verdict> {
    let row = db::totp::of(tx, account_id)
        .await?
        .filter(|row| row.confirmed_at.is_some())
        .ok_or_else(|| AppError::invalid("One-time passwords are not in use"))?;
    let verdict = verify(tx, ctx, key, &row, code, true).await?;
    if verdict == Verdict::Passed {
        db::totp::remove(tx, account_id).await?;
        sign_in::end_all(tx, ctx, account_id, Some(but_token)).await?;
        tell(tx, ctx, account_id, false).await?;
    }
    Ok(verdict)
}

/// Stops asking for a second factor, for an admin; false where none was asked for.
pub async fn remove(tx: &mut Conn, ctx: &Ctx, account_id: i64) -> AppResult<bool> {
    let removed = db::totp::remove(tx, account_id).await?;
    if removed {
        tell(tx, ctx, account_id, false).await?;
    }
    Ok(removed)
}

async fn tell(tx: &mut Conn, ctx: &Ctx, account_id: i64, on: bool) -> AppResult<()> {
    let (Some(user), Some(account)) = (
        db::users::by_account(tx, account_id).await?,
        db::accounts::by_id(tx, account_id).await?,
    ) else {
        return Ok(());
    };
    let letter = Letter::SecondFactor {
        username: &account.username,
        on,
    };
    mail::send(tx, ctx, &user.email, letter).await
}

/// Whether a second factor is asked for at sign-in.
pub async fn is_asked_for(conn: &mut Conn, account_id: i64) -> AppResult<bool> {
    let row = db::totp::of(conn, account_id).await?;
    Ok(row.is_some_and(|row| row.confirmed_at.is_some()))
}

/// Checks the second factor of someone whose password was right. The transaction is to be kept
/// whatever the verdict: it counts the try.
pub async fn check(
    tx: &mut Conn,
    ctx: &Ctx,
    key: &SealingKey,
    account_id: i64,
    given: Option<&str>,
) -> AppResult<Verdict> {
    let row = db::totp::of(tx, account_id).await?;
    let Some(row) = row.filter(|row| row.confirmed_at.is_some()) else {
        return Ok(Verdict::Passed);
    };
    match given.filter(|given| !given.trim().is_empty()) {
        Some(given) => verify(tx, ctx, key, &row, given, true).await,
        None => Ok(Verdict::Missing),
    }
}

async fn verify(
    tx: &mut Conn,
    ctx: &Ctx,
    key: &SealingKey,
    row: &Totp,
    given: &str,
    recovery: bool,
) -> AppResult<Verdict> {
    let (now, id) = (ctx.now(), row.account_id);
    if let Some(seconds) = wait(row, now) {
        return Ok(Verdict::Wait(seconds));
    }
    if !db::totp::count_try(tx, id, row.tries, now).await? {
        return Ok(Verdict::Wait(1));
    }
    let given = plain(given);
    let right = if given.len() == 6 {
        let bytes = key.open(id, &row.secret).ok_or_else(|| {
            AppError::internal(anyhow::anyhow!(
                "a second factor was sealed with another key than that of secrets.toml"
            ))
        })?;
        match totp::find(&bytes, &given, now, row.last_step) {
            Some(step) => db::totp::take_step(tx, id, step).await?,
            None => false,
        }
    } else {
        recovery && db::totp::use_recovery_code(tx, id, &hash(id, &given), now).await?
    };
    if !right {
        return Ok(Verdict::Wrong);
    }
    db::totp::forgive(tx, id).await?;
    Ok(Verdict::Passed)
}

/// Seconds until another code may be tried.
fn wait(row: &Totp, now: i64) -> Option<u64> {
    if row.tries == 0 || row.tries % TRIES != 0 {
        return None;
    }
    let doubled = (row.tries / TRIES - 1).min(10);
    let until = row.tried_at + (WAIT << doubled).min(DAY);
    (until > now).then(|| ((until - now + 999) / 1000).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_come_after_every_fifth_try_and_grow_to_a_day() {
        let row = |tries| Totp {
            account_id: 1,
            secret: String::new(),
            confirmed_at: None,
            last_step: 0,
            tries,
            tried_at: 1000,
            created_at: 0,
        };
        assert_eq!(wait(&row(0), 1000), None);
        assert_eq!(wait(&row(4), 1000), None);
        assert_eq!(wait(&row(5), 1000), Some(600));
        assert_eq!(wait(&row(5), 1000 + WAIT), None);
        assert_eq!(wait(&row(6), 1000), None);
        assert_eq!(wait(&row(10), 1000), Some(1200));
        assert_eq!(wait(&row(500), 1000), Some(86_400));
    }
}
