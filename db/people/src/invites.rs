//! Invitations: codes that let people register.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;

use super::schema::invites;
use super::{Conn, Result, on_db};

/// A row of `invites`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = invites)]
pub struct Invite {
    pub id: i64,
    pub code: String,
    /// Who answers for those it brings; nobody in particular for one of the command line.
    pub account_id: Option<i64>,
    /// How many may use it; any number when there is none.
    pub max_uses: Option<i64>,
    pub uses: i64,
    pub created_at: i64,
    /// When it ends, milliseconds since the epoch.
    pub expires_at: Option<i64>,
    pub revoked_at: Option<i64>,
}

impl Invite {
    /// Whether it can be used at a time.
    pub fn is_open(&self, now: i64) -> bool {
        self.revoked_at.is_none()
            && self.expires_at.is_none_or(|at| at > now)
            && self.max_uses.is_none_or(|most| most > self.uses)
    }
}

/// Adds an invitation.
#[boxed]
pub async fn insert(conn: &mut Conn, row: &Invite) -> Result<()> {
    on_db!(conn, |c| diesel::insert_into(invites::table)
        .values(row)
        .execute(c)
        .await)?;
    Ok(())
}

/// Uses an invitation once, if it can be; its id.
#[boxed]
pub async fn take(conn: &mut Conn, code: &str, now: i64) -> Result<Option<i64>> {
    on_db!(conn, |c| diesel::update(
        invites::table
            .filter(invites::code.eq(code))
            .filter(invites::revoked_at.is_null())
            .filter(
                invites::expires_at
                    .is_null()
                    .or(invites::expires_at.gt(now))
            )
            .filter(
                invites::max_uses
                    .is_null()
                    .or(invites::max_uses.assume_not_null().gt(invites::uses))
            )
    )
    .set(invites::uses.eq(invites::uses + 1))
    .returning(invites::id)
    .get_result(c)
    .await
    .optional())
}

/// Takes one use of an invitation back.
#[boxed]
pub async fn give_back(conn: &mut Conn, id: i64) -> Result<()> {
    on_db!(conn, |c| diesel::update(
        invites::table.find(id).filter(invites::uses.gt(0))
    )
    .set(invites::uses.eq(invites::uses - 1))
    .execute(c)
    .await)?;
    Ok(())
}

/// An invitation by its code.
#[boxed]
pub async fn by_code(conn: &mut Conn, code: &str) -> Result<Option<Invite>> {
    on_db!(conn, |c| invites::table
        .filter(invites::code.eq(code))
        .select(Invite::as_select())
        .first(c)
        .await
        .optional())
}

/// Ends an invitation by its code; false when there is no such one that was not ended.
#[boxed]
pub async fn revoke(conn: &mut Conn, code: &str, now: i64) -> Result<bool> {
    let ended = on_db!(conn, |c| diesel::update(
        invites::table
            .filter(invites::code.eq(code))
            .filter(invites::revoked_at.is_null())
    )
    .set(invites::revoked_at.eq(now))
    .execute(c)
    .await)?;
    Ok(ended > 0)
}

/// Invitations by id, from one on, at most `limit`.
#[boxed]
pub async fn page(conn: &mut Conn, after: i64, limit: i64) -> Result<Vec<Invite>> {
    on_db!(conn, |c| invites::table
        .filter(invites::id.gt(after))
        .order(invites::id)
        .limit(limit)
        .select(Invite::as_select())
        .load(c)
        .await)
}
