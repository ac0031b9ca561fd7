//! What moderators do: who may do what to whom, what it does, and the record of it.

mod actions;
mod appeals;
pub mod audit;
mod reports;
mod roles;
mod staff;

pub use actions::{Deed, Lift, Preview, Sanction, act, erase, lift, preview, sever_followers};
pub use appeals::{
    APPEAL_TIME, appeal, approve as approve_appeal, find_by_secret, reject as reject_appeal,
};
pub use reports::{Change, Triage, change as change_report, triage};
pub use roles::{EVERYTHING, Permission};
pub use staff::{reported, signed_up};

use super::users::{self, Role};
use super::{Ctx, accounts};
use crate::db::accounts::Account;
use crate::db::users::User;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use audit::Target;

/// Who acts: a moderator or admin, or whoever runs commands on the server itself.
#[derive(Debug, Clone)]
pub struct Actor {
    account: Option<Account>,
    role: Role,
    /// What the audit log calls them.
    name: String,
}

impl Actor {
    /// A user of the staff.
    pub fn staff(account: Account, role: Role) -> Actor {
        Actor {
            name: account.username.clone(),
            role,
            account: Some(account),
        }
    }

    /// A command, as it is typed: `kith user suspend`.
    pub fn command(name: &str) -> Actor {
        Actor {
            account: None,
            role: Role::Admin,
            name: name.to_owned(),
        }
    }

    /// The account of the one who acts; none for a command.
    pub fn id(&self) -> Option<i64> {
        self.account.as_ref().map(|account| account.id)
    }

    /// What the audit log calls them.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// 403 unless their role holds a permission.
    pub fn must(&self, permission: Permission) -> AppResult<()> {
        if self.role.can(permission) {
            Ok(())
        } else {
            Err(denied())
        }
    }

    /// The account that is to be acted on, with its user: 404 for none, 403 for oneself and for whom
    /// one's role does not outrank.
    async fn target(&self, tx: &mut Conn, id: i64) -> AppResult<(Account, Option<User>)> {
        // One decision about an account at a time, its owner's to delete it among them.
        db::relations::lock_pair(tx, id, id).await?;
        let account = db::accounts::by_id(tx, id)
            .await?
            .filter(|account| account.deleted_at.is_none() && !is_our_own(account))
            .ok_or_else(AppError::not_found)?;
        if self.id() == Some(account.id) {
            return Err(denied().describe("You cannot act on yourself"));
        }
        let user = match account.is_local() {
            true => db::users::by_account(tx, account.id).await?,
            false => None,
        };
        let role = user.as_ref().map_or(Role::User, role_of);
        if self.account.is_some() && role >= self.role {
            return Err(denied().describe("Their role is not below yours"));
        }
        Ok((account, user))
    }
}

/// The actor that stands for the server itself.
fn is_our_own(account: &Account) -> bool {
    account.is_local() && account.username == accounts::INSTANCE_ACTOR
}

/// 403 with the API's text.
pub fn denied() -> AppError {
    AppError::forbidden("This action is not allowed")
}

/// The role of a user.
pub fn role_of(user: &User) -> Role {
    Role::parse(&user.role).unwrap_or(Role::User)
}

/// Lets a registration in that waits for approval.
pub async fn approve(tx: &mut Conn, ctx: &Ctx, actor: &Actor, id: i64) -> AppResult<()> {
    let (account, user) = waiting(tx, actor, id).await?;
    if user.approved_at.is_some() {
        return Err(denied().describe("The user was approved before"));
    }
    users::approve(tx, ctx, account.id).await?;
    audit::record(tx, ctx, actor, "approve", Target::Account(&account), &[]).await
}

/// Turns a registration away that waits for approval.
pub async fn reject(tx: &mut Conn, ctx: &Ctx, actor: &Actor, id: i64) -> AppResult<()> {
    let (account, user) = waiting(tx, actor, id).await?;
    if user.approved_at.is_some() {
        return Err(denied().describe("The user was approved before"));
    }
    users::reject(tx, ctx, account.id).await?;
    audit::record(tx, ctx, actor, "reject", Target::Account(&account), &[]).await
}

async fn waiting(tx: &mut Conn, actor: &Actor, id: i64) -> AppResult<(Account, User)> {
    actor.must(Permission::ManageUsers)?;
    let (account, user) = actor.target(tx, id).await?;
    // Mastodon's answer too where there is no user.
    Ok((account, user.ok_or_else(denied)?))
}

/// Gives a user another role. What their tokens may do changes at once: the role is asked for at
/// each call.
pub async fn set_role(
    tx: &mut Conn,
    ctx: &Ctx,
    actor: &Actor,
    id: i64,
    role: Role,
) -> AppResult<User> {
    actor.must(Permission::ManageRoles)?;
    let (account, user) = actor.target(tx, id).await?;
    let before = user.ok_or_else(AppError::not_found)?.role;
    let changes = users::Changes {
        role: Some(role),
        ..users::Changes::default()
    };
    let user = users::modify(tx, ctx, id, changes).await?;
    let details = [("from", before.as_str()), ("to", role.as_str())];
    audit::record(
        tx,
        ctx,
        actor,
        "change_role",
        Target::Account(&account),
        &details,
    )
    .await?;
    Ok(user)
}
