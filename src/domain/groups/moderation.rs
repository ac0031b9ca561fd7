//! What a group's moderators do with posts that belong to it.
//!
//! A post that is taken out of a group is not deleted: its author and those who follow them keep it.
//! It is no longer passed on to those who follow the group, and not shown in threads, but to its
//! author. It can be brought back as it was.

use crate::db::accounts::Account;
use crate::db::groups::GroupPost;
use crate::db::statuses::Status;
use crate::db::{self, Conn};
use crate::domain::groups::Addressed;
use crate::domain::reactions::{self, Reblog};
use crate::domain::visibility::Visibility;
use crate::domain::{Ctx, pins};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};

/// Posts of somebody banned that are taken out at once: the newest.
const MAX_BANNED: i64 = 200;
/// What stands above an answer that is looked at for locks.
const MAX_ABOVE: usize = 100;

/// What is said of a status that is not in the group.
const NOT_ITS: &str = "the object is not the group's";

/// A moderator takes a status out of a group. `by`: the id of the activity that says so.
pub async fn remove(
    tx: &mut Conn,
    ctx: &Ctx,
    group: &Account,
    status: &Status,
    by: &str,
) -> AppResult<&'static str> {
    let Some(row) = db::groups::post(tx, status.id, group.id).await? else {
        return Ok(NOT_ITS);
    };
    if row.removed_at.is_none() {
        take_out(tx, ctx, group, status, row, by).await?;
    }
    Ok("")
}

async fn take_out(
    tx: &mut Conn,
    ctx: &Ctx,
    group: &Account,
    status: &Status,
    mut row: GroupPost,
    by: &str,
) -> AppResult<()> {
    row.removed_at = Some(ctx.now());
    row.removed_by = by.to_owned();
    if let Some(reblog) = db::statuses::reblog_by(tx, group.id, status.id).await? {
        reactions::unreblog(tx, ctx, group, status).await?;
        db::statuses::may_return(tx, &reblog.uri, group.id).await?;
        row.announce_uri = reblog.uri;
        row.announced_at = reblog.created_at;
    }
    db::groups::update(tx, &row).await?;
    pins::unpin(tx, ctx, group, status).await?;
    tx.emit(Event::of(Kind::StatusCounts, status.id));
    Ok(())
}

/// A moderator brings a status back into a group.
pub async fn restore(
    tx: &mut Conn,
    ctx: &Ctx,
    group: &Account,
    status: &Status,
) -> AppResult<&'static str> {
    let Some(row) = db::groups::post(tx, status.id, group.id).await? else {
        return Ok(NOT_ITS);
    };
    if row.removed_at.is_some() {
        put_back(tx, ctx, group, status, row).await?;
    }
    Ok("")
}

async fn put_back(
    tx: &mut Conn,
    ctx: &Ctx,
    group: &Account,
    status: &Status,
    row: GroupPost,
) -> AppResult<()> {
    let back = GroupPost {
        removed_at: None,
        removed_by: String::new(),
        announce_uri: String::new(),
        announced_at: 0,
        ..row
    };
    db::groups::update(tx, &back).await?;
    if !row.announce_uri.is_empty() {
        db::statuses::unbury(tx, &row.announce_uri, group.id).await?;
        let reblog = Reblog {
            quiet: false,
            visibility: Some(Visibility::Public),
            remote: Some((row.announce_uri, row.announced_at)),
            granted: None,
        };
        reactions::reblog(tx, ctx, group, status, reblog).await?;
    }
    tx.emit(Event::of(Kind::StatusCounts, status.id));
    Ok(())
}

/// An account is banned from a group with all it posted there: the newest of it is taken out.
pub async fn ban(
    tx: &mut Conn,
    ctx: &Ctx,
    group: &Account,
    account: &Account,
    by: &str,
) -> AppResult<()> {
    let rows = db::groups::of_author(tx, group.id, account.id, None, MAX_BANNED).await?;
    for (row, status) in with_statuses(tx, rows).await? {
        take_out(tx, ctx, group, &status, row, by).await?;
    }
    Ok(())
}

/// A ban is lifted: what it took out comes back.
pub async fn unban(
    tx: &mut Conn,
    ctx: &Ctx,
    group: &Account,
    account: &Account,
    by: &str,
) -> AppResult<()> {
    let rows = db::groups::of_author(tx, group.id, account.id, Some(by), MAX_BANNED).await?;
    for (row, status) in with_statuses(tx, rows).await? {
        put_back(tx, ctx, group, &status, row).await?;
    }
    Ok(())
}

async fn with_statuses(tx: &mut Conn, rows: Vec<GroupPost>) -> AppResult<Vec<(GroupPost, Status)>> {
    let ids: Vec<i64> = rows.iter().map(|row| row.status_id).collect();
    let statuses = db::statuses::by_ids(tx, &ids).await?;
    let with = |row: GroupPost| {
        let status = statuses.iter().find(|status| status.id == row.status_id)?;
        Some((row, status.clone()))
    };
    Ok(rows.into_iter().filter_map(with).collect())
}

/// A moderator says whether a status may be answered.
pub async fn lock(
    tx: &mut Conn,
    group: &Account,
    status: &Status,
    locked: bool,
) -> AppResult<&'static str> {
    let Some(row) = db::groups::post(tx, status.id, group.id).await? else {
        return Ok(NOT_ITS);
    };
    let row = GroupPost { locked, ..row };
    db::groups::update(tx, &row).await?;
    Ok("")
}

/// A status says anew whether it may be answered, in the groups it names.
pub(in crate::domain) async fn relock(
    tx: &mut Conn,
    status: &Status,
    addressed: &Addressed,
) -> AppResult<()> {
    if addressed.found.is_empty() {
        return Ok(());
    }
    for row in db::groups::of_statuses(tx, &[status.id]).await? {
        if addressed.found.contains(&row.group_id) && row.locked != addressed.locked {
            let locked = addressed.locked;
            db::groups::update(tx, &GroupPost { locked, ..row }).await?;
        }
    }
    Ok(())
}

/// Refuses an answer to what moderators have locked, or to what stands below it: its group would
/// not take it.
pub async fn check_open(tx: &mut Conn, parent: &Status) -> AppResult<()> {
    if db::groups::of_statuses(tx, &[parent.id]).await?.is_empty() {
        return Ok(());
    }
    let above = db::statuses::ancestors(tx, parent, MAX_ABOVE).await?;
    let mut ids: Vec<i64> = above.iter().map(|status| status.id).collect();
    ids.push(parent.id);
    if db::groups::locked(tx, &ids).await?.is_empty() {
        Ok(())
    } else {
        Err(AppError::invalid(
            "Validation failed: The group's moderators have locked this discussion",
        ))
    }
}

/// A moderator pins a status in a group, or pins it no more.
pub async fn pin(
    tx: &mut Conn,
    ctx: &Ctx,
    group: &Account,
    status: &Status,
    pinned: bool,
) -> AppResult<&'static str> {
    match db::groups::post(tx, status.id, group.id).await? {
        Some(row) if row.removed_at.is_none() => {}
        _ => return Ok(NOT_ITS),
    }
    if pinned {
        pins::pin_in_group(tx, ctx, group, status).await?;
    } else {
        pins::unpin(tx, ctx, group, status).await?;
    }
    Ok("")
}
