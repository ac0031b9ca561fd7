//! One-time codes sent by mail: six digits, ten minutes, five tries, once.

use super::Ctx;
use crate::clock::{DAY, MINUTE, SECOND};
use crate::db::users::OneTimeCode;
use crate::db::{self, Conn};
use crate::error::AppResult;
use crate::secret;

/// How long a code is good.
const LIFE: i64 = 10 * MINUTE;
/// How often it may be tried.
const TRIES: i64 = 5;
/// How soon another may be sent.
const COOL_DOWN: i64 = 60 * SECOND;
/// How many are sent in a day: what bounds guessing, with the tries.
const A_DAY: i64 = 10;

/// What a code is for; one for one thing is no good for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To verify the e-mail address.
    Confirm,
    /// To set a new password.
    Reset,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Purpose::Confirm => "confirm",
            Purpose::Reset => "reset",
        }
    }
}

/// Makes a code, which replaces the one before; `None` while it is too soon for another.
pub async fn issue(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    purpose: Purpose,
) -> AppResult<Option<String>> {
    let now = ctx.now();
    let last = db::users::newest_code(tx, account_id, purpose.as_str()).await?;
    let sent = db::users::codes_since(tx, account_id, purpose.as_str(), now - DAY).await?;
    let soon = |last: OneTimeCode| last.used_at.is_none() && now - last.created_at < COOL_DOWN;
    if sent >= A_DAY || last.is_some_and(soon) {
        return Ok(None);
    }
    let code = ctx.random.code();
    let row = OneTimeCode {
        id: ctx.ids.next(),
        account_id,
        purpose: purpose.as_str().to_owned(),
        code_hash: hash(account_id, &code),
        tries: 0,
        created_at: now,
        expires_at: now + LIFE,
        used_at: None,
    };
    db::users::insert_code(tx, &row).await?;
    Ok(Some(code))
}

/// Makes the code that is on its way worthless.
pub async fn withdraw(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    purpose: Purpose,
) -> AppResult<()> {
    if let Some(row) = db::users::newest_code(tx, account_id, purpose.as_str()).await? {
        db::users::use_code(tx, row.id, ctx.now()).await?;
    }
    Ok(())
}

/// Whether the code is the account's newest and still good; it is spent then. A wrong one counts
/// as a try, so the transaction must be kept either way.
pub async fn redeem(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    purpose: Purpose,
    code: &str,
) -> AppResult<bool> {
    let now = ctx.now();
    let Some(row) = db::users::newest_code(tx, account_id, purpose.as_str()).await? else {
        return Ok(false);
    };
    if row.expires_at <= now || !db::users::try_code(tx, row.id, TRIES).await? {
        return Ok(false);
    }
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    if !secret::same(&row.code_hash, &hash(account_id, &code)) {
        return Ok(false);
    }
    db::users::use_code(tx, row.id, now).await?;
    Ok(true)
}

/// A code's hash differs from account to account.
fn hash(account_id: i64, code: &str) -> String {
    secret::hash(&format!("{account_id}:{code}"))
}
