//! Invitations to register.

use super::Ctx;
use super::users::Problem;
use crate::clock::DAY;
use crate::db::invites::Invite;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};

/// Letters of a code: none that is taken for another when it is read aloud or copied by hand.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// How many may use an invitation, and for how long.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms {
    /// Any number when there is none.
    pub max_uses: Option<i64>,
    /// For ever when there is none.
    pub days: Option<i64>,
}

/// What is wrong with a registration whose invitation is unknown, over or used up: not told apart.
pub fn no_good() -> Problem {
    Problem {
        field: "invite",
        code: "ERR_INVALID",
        text: "is not valid, or no longer",
    }
}

/// Whether somebody may register with a code: the invitation can be used, and who it is by is a
/// user in good standing.
pub async fn is_open(conn: &mut Conn, ctx: &Ctx, code: &str) -> AppResult<bool> {
    let Some(invite) = db::invites::by_code(conn, code).await? else {
        return Ok(false);
    };
    if !invite.is_open(ctx.now()) {
        return Ok(false);
    }
    let Some(by) = invite.account_id else {
        return Ok(true);
    };
    let account = db::accounts::by_id(conn, by).await?;
    let user = db::users::by_account(conn, by).await?;
    Ok(account.is_some_and(|account| account.is_active())
        && user.is_some_and(|user| user.disabled_at.is_none()))
}

/// Makes an invitation, in the name of a local account or of nobody in particular.
pub async fn create(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: Option<i64>,
    terms: Terms,
) -> AppResult<Invite> {
    if terms.max_uses.is_some_and(|uses| uses < 1) || terms.days.is_some_and(|days| days < 1) {
        return Err(AppError::invalid(
            "an invitation is good for at least one use and one day",
        ));
    }
    let now = ctx.now();
    let invite = Invite {
        id: ctx.ids.next(),
        code: code(ctx.random.bytes()),
        account_id,
        max_uses: terms.max_uses,
        uses: 0,
        created_at: now,
        expires_at: terms
            .days
            .map(|days| now.saturating_add(days.saturating_mul(DAY))),
        revoked_at: None,
    };
    db::invites::insert(tx, &invite).await?;
    Ok(invite)
}

/// Ends an invitation; 404 for one that there is not, or that was ended before.
pub async fn revoke(tx: &mut Conn, ctx: &Ctx, code: &str) -> AppResult<()> {
    if db::invites::revoke(tx, code, ctx.now()).await? {
        Ok(())
    } else {
        Err(AppError::not_found())
    }
}

/// 80 random bits as a code.
fn code(bytes: [u8; 16]) -> String {
    bytes
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(byte % 32)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_a_letter_of_five_bits_for_each_byte() {
        let mut bytes = [0; 16];
        bytes[1] = 31;
        bytes[2] = 32;
        assert_eq!(code(bytes), "a9aaaaaaaaaaaaaa");
        let mut letters = LETTERS.to_vec();
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters.len(), 32);
    }
}
