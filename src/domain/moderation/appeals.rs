//! Appeals: those who got a strike say, once, why it should not stand.

use super::actions::{self, Deed, Lift};
use super::audit::{self, Target};
use super::{Actor, Permission};
use crate::clock::DAY;
use crate::db::account_warnings::{APPROVED, AccountWarning, Appeal, PENDING, REJECTED};
use crate::db::{self, Conn};
use crate::domain::Ctx;
use crate::domain::mail::{self, Letter};
use crate::error::{AppError, AppResult};
use crate::secret;

/// For how long after a strike one may appeal.
pub const APPEAL_TIME: i64 = 20 * DAY;
/// Longest text of an appeal, in characters.
const MAX_TEXT: usize = 2000;

/// The strike of the secret in a letter.
pub async fn find_by_secret(conn: &mut Conn, text: &str) -> AppResult<Option<AccountWarning>> {
    Ok(db::account_warnings::by_appeal_hash(conn, &secret::hash(text)).await?)
}

/// Who got a strike appeals: within 20 days, and once.
pub async fn appeal(
    tx: &mut Conn,
    ctx: &Ctx,
    warning: &AccountWarning,
    text: &str,
) -> AppResult<Appeal> {
    let text = text.trim();
    if text.is_empty() {
        return Err(AppError::invalid("Validation failed: Text can't be blank"));
    }
    if text.chars().count() > MAX_TEXT {
        return Err(AppError::invalid(format!(
            "Validation failed: Text is too long (maximum is {MAX_TEXT} characters)"
        )));
    }
    let now = ctx.now();
    if warning.created_at + APPEAL_TIME <= now {
        return Err(AppError::invalid(
            "Validation failed: It is too late to appeal this strike",
        ));
    }
    let row = Appeal {
        id: ctx.ids.next(),
        warning_id: warning.id,
        account_id: warning.target_id,
        text: text.to_owned(),
        state: PENDING,
        created_at: now,
        decided_at: None,
        decided_by_id: None,
    };
    if !db::account_warnings::insert_appeal(tx, &row).await? {
        return Err(AppError::invalid(
            "Validation failed: This strike was appealed before",
        ));
    }
    Ok(row)
}

/// Approves an appeal: what the strike did is taken back, unless a later one did the same.
pub async fn approve(tx: &mut Conn, ctx: &Ctx, actor: &Actor, id: i64) -> AppResult<Appeal> {
    decide(tx, ctx, actor, id, APPROVED).await
}

/// Rejects an appeal: the strike stands.
pub async fn reject(tx: &mut Conn, ctx: &Ctx, actor: &Actor, id: i64) -> AppResult<Appeal> {
    decide(tx, ctx, actor, id, REJECTED).await
}

async fn decide(tx: &mut Conn, ctx: &Ctx, actor: &Actor, id: i64, state: i16) -> AppResult<Appeal> {
    actor.must(Permission::ManageAppeals)?;
    let appeal = db::account_warnings::appeal(tx, id)
        .await?
        .ok_or_else(AppError::not_found)?;
    let (account, user) = actor.target(tx, appeal.account_id).await?;
    let now = ctx.now();
    if !db::account_warnings::decide(tx, id, state, actor.id(), now).await? {
        return Err(super::denied().describe("The appeal was decided before"));
    }
    let warning = db::account_warnings::by_id(tx, appeal.warning_id)
        .await?
        .ok_or_else(AppError::not_found)?;
    if state == APPROVED {
        let newest = db::account_warnings::newest_of(tx, account.id, &warning.action).await?;
        db::account_warnings::overrule(tx, warning.id, now).await?;
        if let Some(what) = Deed::parse(&warning.action).and_then(Lift::of)
            && newest.is_some_and(|newest| newest.id == warning.id)
        {
            actions::restore(tx, ctx, (&account, user.as_ref()), what).await?;
        }
    }
    if let Some(user) = user.filter(|user| user.confirmed_at.is_some()) {
        let letter = Letter::AppealDecided {
            username: &account.username,
            approved: state == APPROVED,
        };
        mail::send(tx, ctx, &user.email, letter).await?;
    }
    let action = if state == APPROVED {
        "approve_appeal"
    } else {
        "reject_appeal"
    };
    let details = [("strike", warning.action.as_str())];
    audit::record(
        tx,
        ctx,
        actor,
        action,
        Target::Appeal(id, &account),
        &details,
    )
    .await?;
    Ok(Appeal {
        state,
        decided_at: Some(now),
        decided_by_id: actor.id(),
        ..appeal
    })
}
