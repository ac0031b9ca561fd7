//! The end of a server: nobody comes in any more, and every account of it is deleted, of which other
//! servers are told.

use super::deletion;
use super::{Ctx, policies};
use crate::db::accounts::Account;
use crate::db::{self, Conn};
use crate::domain::accounts::INSTANCE_ACTOR;
use crate::error::AppResult;
use crate::events::{Event, Kind};

/// Nobody can register any more. What was decided stays decided, whatever the settings say.
pub async fn begin(tx: &mut Conn, ctx: &Ctx) -> AppResult<()> {
    let now = ctx.now().to_string();
    db::policies::ensure_setting(tx, policies::SELF_DESTRUCT, &now).await?;
    tx.emit(Event::of(Kind::PolicyChanged, 0));
    Ok(())
}

/// Whether it has begun.
pub async fn begun(conn: &mut Conn) -> AppResult<bool> {
    let since = db::policies::setting(conn, policies::SELF_DESTRUCT).await?;
    Ok(since.is_some())
}

/// Accounts of this server after an id that are still there, with the last id that was looked at;
/// `None` at the end.
pub async fn remaining(
    conn: &mut Conn,
    above: i64,
    limit: i64,
) -> AppResult<Option<(Vec<Account>, i64)>> {
    let page = db::accounts::of_domain(conn, "", above, limit).await?;
    Ok(page.last().map(|last| last.id).map(|last| {
        // This server's own actor signs what is to be sent until the last of it has arrived.
        let mut there = page;
        there.retain(|account| account.deleted_at.is_none() && account.username != INSTANCE_ACTOR);
        (there, last)
    }))
}

/// An account goes now; one that goes already, or is gone, is let alone.
pub async fn delete(tx: &mut Conn, ctx: &Ctx, account_id: i64) -> AppResult<()> {
    deletion::hasten(tx, ctx, account_id).await
}
