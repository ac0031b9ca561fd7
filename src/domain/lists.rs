//! Lists: some of those one follows, with a timeline of their own.

use super::Ctx;
use crate::db::accounts::Account;
use crate::db::lists::List;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};

/// Lists of one account at most.
pub const MAX_LISTS: i64 = 50;
/// Characters of a title at most.
const MAX_TITLE: usize = 256;
/// Members named in one call at most.
const MAX_NAMED: usize = 500;
/// Statuses that a new member brings at once.
const BACKFILL: i64 = 40;
/// Statuses that come back home when a list is exclusive no more.
const RETURN: i64 = 200;

/// What is to be set of a list; `None` keeps what is.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    pub title: Option<String>,
    /// `followed`, `list` or `none`.
    pub replies_policy: Option<String>,
    pub exclusive: Option<bool>,
}

/// Writes what is to be set into a list.
fn apply(list: &mut List, settings: Settings) -> AppResult<()> {
    if let Some(title) = settings.title {
        list.title = title.trim().to_owned();
    }
    if list.title.is_empty() {
        return Err(AppError::invalid("Validation failed: Title can't be blank"));
    }
    if list.title.chars().count() > MAX_TITLE {
        return Err(AppError::invalid(format!(
            "Validation failed: Title is too long (maximum is {MAX_TITLE} characters)"
        )));
    }
    if let Some(policy) = settings.replies_policy {
        if !matches!(policy.as_str(), "followed" | "list" | "none") {
            return Err(AppError::invalid(
                "Validation failed: Replies policy is not included in the list",
            ));
        }
        list.replies_policy = policy;
    }
    list.exclusive = settings.exclusive.unwrap_or(list.exclusive);
    Ok(())
}

/// A list of an account's own.
pub async fn own(conn: &mut Conn, owner: &Account, id: i64) -> AppResult<List> {
    db::lists::by_id(conn, owner.id, id)
        .await?
        .ok_or_else(AppError::not_found)
}

/// `owner` makes a list.
pub async fn create(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    settings: Settings,
) -> AppResult<List> {
    let mut list = List {
        id: ctx.ids.next(),
        account_id: owner.id,
        title: String::new(),
        replies_policy: "list".to_owned(),
        exclusive: false,
        created_at: ctx.now(),
    };
    apply(&mut list, settings)?;
    let known = db::lists::of_account(tx, owner.id, MAX_LISTS).await?;
    if known.len() as i64 >= MAX_LISTS {
        return Err(AppError::invalid(
            "Validation failed: You have reached the maximum number of lists",
        ));
    }
    db::lists::insert(tx, &list).await?;
    Ok(list)
}

/// `owner` changes a list. What is in it from now on alone leaves the home, or comes back.
pub async fn change(
    tx: &mut Conn,
    owner: &Account,
    id: i64,
    settings: Settings,
) -> AppResult<List> {
    let before = own(tx, owner, id).await?;
    let mut list = before.clone();
    apply(&mut list, settings)?;
    db::lists::update(tx, &list).await?;
    if list.exclusive != before.exclusive {
        if list.exclusive {
            db::lists::leave_home(tx, &list).await?;
        } else {
            db::lists::return_home(tx, &list, RETURN).await?;
        }
        tx.emit(Event::to(owner.id, Kind::HomeChanged, owner.id));
    }
    Ok(list)
}

/// `owner` deletes a list.
pub async fn delete(tx: &mut Conn, owner: &Account, id: i64) -> AppResult<()> {
    let list = own(tx, owner, id).await?;
    if list.exclusive {
        db::lists::return_home(tx, &list, RETURN).await?;
        tx.emit(Event::to(owner.id, Kind::HomeChanged, owner.id));
    }
    db::lists::delete(tx, id).await?;
    Ok(())
}

/// `owner` puts accounts it follows on a list.
pub async fn add(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    id: i64,
    accounts: &[i64],
) -> AppResult<()> {
    let list = own(tx, owner, id).await?;
    if accounts.len() > MAX_NAMED {
        return Err(AppError::invalid("Validation failed: Too many accounts"));
    }
    for account in accounts {
        if db::relations::follow(tx, owner.id, *account)
            .await?
            .is_none()
        {
            return Err(AppError::not_found());
        }
        if !db::lists::add_member(tx, ctx.ids.next(), id, *account).await? {
            return Err(AppError::invalid(
                "Validation failed: Account has already been taken",
            ));
        }
        db::lists::backfill(tx, id, *account, BACKFILL).await?;
        if list.exclusive {
            db::timelines::remove_author(tx, owner.id, *account).await?;
        }
    }
    if list.exclusive {
        tx.emit(Event::to(owner.id, Kind::HomeChanged, owner.id));
    }
    Ok(())
}

/// `owner` takes accounts off a list. Who is not on it is no error.
pub async fn remove(tx: &mut Conn, owner: &Account, id: i64, accounts: &[i64]) -> AppResult<()> {
    own(tx, owner, id).await?;
    if accounts.len() > MAX_NAMED {
        return Err(AppError::invalid("Validation failed: Too many accounts"));
    }
    for account in accounts {
        db::lists::remove_member(tx, id, *account).await?;
    }
    Ok(())
}

/// Lists of `owner` that have an account which moved get the one it moved to.
pub(super) async fn take_along(
    tx: &mut Conn,
    ctx: &Ctx,
    owner: &Account,
    lists: &[List],
    to: &Account,
) -> AppResult<()> {
    // What it posted shows once it has accepted the follow.
    let follows = db::relations::follow(tx, owner.id, to.id).await?.is_some();
    for list in lists {
        if !db::lists::add_member(tx, ctx.ids.next(), list.id, to.id).await? || !follows {
            continue;
        }
        db::lists::backfill(tx, list.id, to.id, BACKFILL).await?;
        if list.exclusive {
            db::timelines::remove_author(tx, owner.id, to.id).await?;
        }
    }
    Ok(())
}
