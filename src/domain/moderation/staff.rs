//! Telling the staff what waits for them.

use super::Permission;
use crate::db::accounts::Account;
use crate::db::reports::Report;
use crate::db::{self, Conn};
use crate::domain::Ctx;
use crate::domain::notifications::{Subject, Type, notify};
use crate::domain::users::Role;
use crate::error::AppResult;

/// Moderators and admins that are told.
const MOST: i64 = 200;

async fn tell(
    tx: &mut Conn,
    ctx: &Ctx,
    permission: Permission,
    from: &Account,
    (kind, subject): (Type, Subject),
    but: Option<i64>,
) -> AppResult<()> {
    for (account, role) in db::moderation::staff(tx, MOST).await? {
        // Nobody hears of a report about themself.
        let concerned = Some(account.id) == but;
        if !concerned && Role::parse(&role).is_some_and(|role| role.can(permission)) {
            notify(tx, ctx, &account, from, kind, subject).await?;
        }
    }
    Ok(())
}

/// Somebody registered, and their address is theirs.
pub async fn signed_up(tx: &mut Conn, ctx: &Ctx, account: &Account) -> AppResult<()> {
    let permission = Permission::ManageUsers;
    tell(
        tx,
        ctx,
        permission,
        account,
        (Type::AdminSignUp, Subject::Sender),
        None,
    )
    .await
}

/// A report came. While another about the same account is open, the staff know of it.
pub async fn reported(
    tx: &mut Conn,
    ctx: &Ctx,
    reporter: &Account,
    report: &Report,
) -> AppResult<()> {
    let open = db::reports::open_about(tx, report.target_id, 2).await?;
    if open.iter().any(|other| other.id != report.id) {
        return Ok(());
    }
    let subject = Subject::Other(report.id);
    let permission = Permission::ManageReports;
    let (about, but) = ((Type::AdminReport, subject), Some(report.target_id));
    tell(tx, ctx, permission, reporter, about, but).await
}
