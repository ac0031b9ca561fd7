//! What moderators look for and change: accounts by their standing, their addresses, and who is
//! on the staff.

use super::boxed;
use super::run::RunQueryDsl;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};

use super::accounts::Account;
use super::any::AnyOfExt;
use super::relations::Page;
use super::schema::{accounts, follow_requests, follows, invites, tokens, users};
use super::users::User;
use super::{Conn, Result, on_db};

/// How accounts stand that are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Not suspended.
    Active,
    /// Waiting for approval.
    Pending,
    Disabled,
    Silenced,
    Suspended,
    Sensitized,
}

/// Which accounts are looked for; what is `None`, empty or false leaves it open.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Those who live here (true), or the others.
    pub local: Option<bool>,
    pub standing: Option<Standing>,
    /// Users of one of these roles.
    pub roles: Vec<String>,
    /// Brought by invitations of an account.
    pub invited_by: Option<i64>,
    /// How the name begins.
    pub username: Option<String>,
    /// How the display name begins.
    pub display_name: Option<String>,
    pub domain: Option<String>,
    /// How the e-mail address begins.
    pub email: Option<String>,
    /// An address of a session.
    pub ip: Option<String>,
}

impl Filter {
    /// Whether it asks for what only users have: such queries go by users, who are few, and not
    /// by all accounts that are known.
    fn is_of_users(&self) -> bool {
        matches!(self.standing, Some(Standing::Pending | Standing::Disabled))
            || !self.roles.is_empty()
            || self.invited_by.is_some()
            || self.email.is_some()
            || self.ip.is_some()
    }
}

/// Where a range of texts ends that begin with one: on either backend such a range uses an index.
fn end(text: &str) -> String {
    format!("{text}\u{10ffff}")
}

macro_rules! common {
    ($query:expr, $filter:expr, $page:expr) => {{
        let (filter, page) = ($filter, $page);
        let mut query = $query
            .filter(accounts::deleted_at.is_null())
            // The server's own actor is nobody to be moderated.
            .filter(accounts::domain.ne("").or(accounts::kind.ne("Application")))
            .limit(page.limit);
        match filter.local {
            Some(true) => query = query.filter(accounts::domain.eq("")),
            Some(false) => query = query.filter(accounts::domain.ne("")),
            None => {}
        }
        query = match filter.standing {
            Some(Standing::Active | Standing::Disabled) => {
                query.filter(accounts::suspended_at.is_null())
            }
            Some(Standing::Silenced) => query.filter(accounts::silenced_at.is_not_null()),
            Some(Standing::Suspended) => query.filter(accounts::suspended_at.is_not_null()),
            Some(Standing::Sensitized) => query.filter(accounts::sensitized_at.is_not_null()),
            Some(Standing::Pending) | None => query,
        };
        if let Some(domain) = &filter.domain {
            query = query.filter(accounts::domain.eq(domain.to_lowercase()));
        }
        if let Some(name) = &filter.username {
            let name = name.to_lowercase();
            let last = end(&name);
            query = query.filter(accounts::username_lower.between(name, last));
        }
        if let Some(name) = &filter.display_name {
            // As the index has it.
            let sql = diesel::dsl::sql::<Bool>(
                "display_name <> '' AND lower(display_name) BETWEEN lower(",
            )
            .bind::<Text, _>(name.clone())
            .sql(") AND lower(")
            .bind::<Text, _>(end(name))
            .sql(")");
            query = query.filter(sql);
        }
        query
    }};
}

/// Accounts, newest first.
#[boxed]
pub async fn accounts(conn: &mut Conn, filter: &Filter, page: Page) -> Result<Vec<Account>> {
    let max = page.max_id.unwrap_or(i64::MAX);
    let min = page.min_id.or(page.since_id).unwrap_or(0);
    let backwards = page.min_id.is_some();
    let mut rows: Vec<Account> = if filter.is_of_users() {
        on_db!(conn, |c| {
            let query = users::table
                .inner_join(accounts::table.on(accounts::id.eq(users::account_id)))
                .filter(users::account_id.lt(max))
                .filter(users::account_id.gt(min))
                .select(Account::as_select())
                .into_boxed();
            let mut query = common!(query, filter, page);
            match filter.standing {
                Some(Standing::Pending) => query = query.filter(users::approved_at.is_null()),
                Some(Standing::Disabled) => query = query.filter(users::disabled_at.is_not_null()),
                _ => {}
            }
            if !filter.roles.is_empty() {
                query = query.filter(users::role.eq_any(filter.roles.clone()));
                if !filter.roles.iter().any(|role| role == "user") {
                    // What the index of the staff holds.
                    query = query.filter(users::role.ne("user"));
                }
            }
            if let Some(inviter) = filter.invited_by {
                query = query.filter(
                    users::invite_id.eq_any(
                        invites::table
                            .filter(invites::account_id.eq(inviter))
                            .select(invites::id.nullable()),
                    ),
                );
            }
            if let Some(email) = &filter.email {
                let email = email.to_lowercase();
                let last = end(&email);
                query = query.filter(users::email_lower.between(email, last));
            }
            if let Some(ip) = &filter.ip {
                query = query.filter(
                    users::account_id.nullable().eq_any(
                        tokens::table
                            .filter(tokens::ip.eq(ip.clone()))
                            .filter(tokens::ip.ne(""))
                            .select(tokens::account_id),
                    ),
                );
            }
            query = if backwards {
                query.order(users::account_id.asc())
            } else {
                query.order(users::account_id.desc())
            };
            query.load(c).await
        })?
    } else {
        on_db!(conn, |c| {
            let query = accounts::table
                .filter(accounts::id.lt(max))
                .filter(accounts::id.gt(min))
                .select(Account::as_select())
                .into_boxed();
            let mut query = common!(query, filter, page);
            query = if backwards {
                query.order(accounts::id.asc())
            } else {
                query.order(accounts::id.desc())
            };
            query.load(c).await
        })?
    };
    if backwards {
        rows.reverse();
    }
    Ok(rows)
}

/// The users of accounts, in no order.
#[boxed]
pub async fn users_of(conn: &mut Conn, ids: &[i64]) -> Result<Vec<User>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| users::table
        .filter(users::account_id.any_of(ids))
        .select(User::as_select())
        .load(c)
        .await)
}

/// From where some users used their sessions: account, address and when last; at most `limit`,
/// the latest first.
#[boxed]
pub async fn addresses_of(
    conn: &mut Conn,
    ids: &[i64],
    limit: i64,
) -> Result<Vec<(Option<i64>, String, i64)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let used = || diesel::dsl::sql::<BigInt>("MAX(COALESCE(last_used_at, created_at))");
    on_db!(conn, |c| tokens::table
        .filter(tokens::account_id.any_of(ids))
        .filter(tokens::ip.ne(""))
        .group_by((tokens::account_id, tokens::ip))
        .select((tokens::account_id, tokens::ip, used()))
        .order(used().desc())
        .limit(limit)
        .load(c)
        .await)
}

/// Who made some invitations, where somebody did: pairs of invitation and account.
#[boxed]
pub async fn inviters(conn: &mut Conn, invite_ids: &[i64]) -> Result<Vec<(i64, Option<i64>)>> {
    if invite_ids.is_empty() {
        return Ok(Vec::new());
    }
    on_db!(conn, |c| invites::table
        .filter(invites::id.any_of(invite_ids))
        .select((invites::id, invites::account_id))
        .load(c)
        .await)
}

/// Accounts of users who have a role of the staff and may sign in, at most `limit`.
#[boxed]
pub async fn staff(conn: &mut Conn, limit: i64) -> Result<Vec<(Account, String)>> {
    on_db!(conn, |c| users::table
        .inner_join(accounts::table.on(accounts::id.eq(users::account_id)))
        .filter(users::role.ne("user"))
        .filter(users::disabled_at.is_null())
        .filter(accounts::suspended_at.is_null())
        .filter(accounts::deleted_at.is_null())
        .order(users::account_id)
        .limit(limit)
        .select((Account::as_select(), users::role))
        .load(c)
        .await)
}

/// Says whether all files of an account are to be shown as sensitive.
#[boxed]
pub async fn set_sensitized(conn: &mut Conn, account_id: i64, at: Option<i64>) -> Result<()> {
    on_db!(conn, |c| diesel::update(accounts::table.find(account_id))
        .set(accounts::sensitized_at.eq(at))
        .execute(c)
        .await)?;
    Ok(())
}

/// Local accounts that an account elsewhere follows, or asks to, at most `limit` of each.
#[boxed]
pub async fn followed_here(conn: &mut Conn, id: i64, limit: i64) -> Result<Vec<Account>> {
    macro_rules! targets {
        ($table:ident) => {
            on_db!(conn, |c| $table::table
                .inner_join(accounts::table.on(accounts::id.eq($table::target_id)))
                .filter($table::account_id.eq(id))
                .filter(accounts::domain.eq(""))
                .limit(limit)
                .select(Account::as_select())
                .load(c)
                .await)?
        };
    }
    let mut found: Vec<Account> = targets!(follows);
    let asked: Vec<Account> = targets!(follow_requests);
    found.extend(asked);
    Ok(found)
}
