//! Who is there: whose streams are open, on whichever process, and when others were last.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Ctx;
use super::visibility::Relations;
use crate::db::leases::Whose;
use crate::db::presence::{Connection, Running};
use crate::db::{self, Conn};
use crate::error::AppResult;
use crate::events::hub::Presence;
use crate::events::{Event, Kind};

/// A process that has not said for so long that it runs does not, in milliseconds.
const STALE: i64 = 15_000;
/// Connections of a process that does not run any more, forgotten at a time.
const BATCH: i64 = 500;
/// Whom a coming or going is told to at most.
const AUDIENCE: i64 = 2000;

/// Which processes count as running now.
pub fn running(process_id: i64, now: i64) -> Running {
    Running {
        process_id,
        since: now - STALE,
    }
}

/// Whether an account is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    pub account_id: i64,
    pub online: bool,
    /// When it was last known to be; milliseconds since the epoch.
    pub last_seen_at: Option<i64>,
}

/// That an account came or went; the payload of [`Kind::PresenceChanged`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub online: bool,
    pub at: i64,
}

/// How those of some accounts stand whose presence a viewer may know: their own, their friends',
/// and those of whom they chat with, where these do not keep it to themselves.
pub async fn of(
    conn: &mut Conn,
    viewer: i64,
    relations: Arc<Relations>,
    accounts: &[i64],
    running: Running,
) -> AppResult<Vec<Known>> {
    let mut known = friends_among(conn, viewer, accounts).await?;
    known.extend(db::chats::partners(conn, viewer, Some(accounts), AUDIENCE).await?);
    known.extend(accounts.iter().filter(|id| **id == viewer));
    let hidden: HashSet<i64> = db::users::hide_presence(conn, accounts)
        .await?
        .into_iter()
        .collect();
    let mut shown = Vec::new();
    for id in accounts {
        let apart = relations.blocking.contains(id) || relations.blocked_by.contains(id);
        let kept = hidden.contains(id) && *id != viewer;
        if known.contains(id) && !apart && !kept && !shown.contains(id) {
            shown.push(*id);
        }
    }
    let online = db::presence::online(conn, &shown, running).await?;
    let seen = db::presence::last_seen(conn, &shown).await?;
    Ok(shown
        .into_iter()
        .map(|account_id| {
            let there = online.iter().find(|(id, _)| *id == account_id);
            let left = seen.iter().find(|(id, _)| *id == account_id);
            let left = left.map(|(_, at)| *at);
            Known {
                account_id,
                online: there.is_some(),
                last_seen_at: there.and_then(|(_, at)| *at).max(left),
            }
        })
        .collect())
}

/// Which of some accounts follow the viewer and are followed by them.
async fn friends_among(conn: &mut Conn, viewer: i64, accounts: &[i64]) -> AppResult<HashSet<i64>> {
    let back = db::relations::followed_by(conn, viewer, accounts).await?;
    let to = db::relations::follows_to(conn, viewer, &back).await?;
    Ok(to.into_iter().map(|follow| follow.target_id).collect())
}

/// Whom it is told that an account came or went; nobody, where it keeps that to itself.
pub async fn audience(conn: &mut Conn, account_id: i64) -> AppResult<Vec<i64>> {
    if !db::users::hide_presence(conn, &[account_id])
        .await?
        .is_empty()
    {
        return Ok(Vec::new());
    }
    let mut audience = db::relations::mutual_ids(conn, account_id, AUDIENCE).await?;
    audience.extend(db::chats::partners(conn, account_id, None, AUDIENCE).await?);
    Ok(distinct(audience.into_iter()))
}

/// Writes down how tokens listen on a process, and tells which accounts came or went by it.
pub async fn record(
    tx: &mut Conn,
    ctx: &Ctx,
    process_id: i64,
    changes: &[Presence],
) -> AppResult<()> {
    let accounts = distinct(changes.iter().map(|change| change.account_id));
    let mut gone = Vec::new();
    let mut rows = Vec::new();
    for change in changes {
        match &change.streams {
            None => gone.push(change.token_id),
            Some(streams) => rows.push(Connection {
                process_id,
                token_id: change.token_id,
                account_id: change.account_id,
                streams: streams.join(" "),
            }),
        }
    }
    let now = ctx.now();
    let before = lock(tx, &accounts, now, running(process_id, now)).await?;
    db::presence::remove(tx, process_id, &gone).await?;
    db::presence::put(tx, &rows).await?;
    tell(tx, &accounts, &before, now, running(process_id, now)).await
}

/// Says that a process runs, and forgets what listened on those that do not any more; what they
/// had leased is free again. Gives whether it was known to run, and whether others do.
pub async fn beat(tx: &mut Conn, ctx: &Ctx, process_id: i64) -> AppResult<(bool, bool)> {
    let now = ctx.now();
    let mut known = false;
    let mut company = false;
    for (other, seen_at) in db::presence::processes(tx).await? {
        if other == process_id {
            known = true;
        } else if seen_at >= now - STALE {
            company = true;
        } else {
            forget(tx, other, seen_at, running(process_id, now)).await?;
        }
    }
    db::presence::beat(tx, process_id, now).await?;
    Ok((known, company))
}

/// Says that a process ends: nobody listens there any more. False: call it again, there were too
/// many for one time.
pub async fn leave(tx: &mut Conn, ctx: &Ctx, process_id: i64) -> AppResult<bool> {
    let now = ctx.now();
    forget(tx, process_id, now, running(process_id, now)).await
}

/// Forgets a process, or as many of its connections as can be at a time; whether that was all.
async fn forget(tx: &mut Conn, process_id: i64, seen_at: i64, running: Running) -> AppResult<bool> {
    let rows = db::presence::of_process(tx, process_id, BATCH).await?;
    let accounts = distinct(rows.iter().map(|row| row.account_id));
    let tokens: Vec<i64> = rows.iter().map(|row| row.token_id).collect();
    lock(tx, &accounts, seen_at, running).await?;
    db::presence::remove(tx, process_id, &tokens).await?;
    // Up to here they were there, by what others were told.
    tell(tx, &accounts, &accounts, seen_at, running).await?;
    let all = (rows.len() as i64) < BATCH;
    if all && process_id != running.process_id {
        db::leases::release(tx, Whose::Of(process_id), seen_at).await?;
    }
    if all {
        db::presence::forget_process(tx, process_id).await?;
    }
    Ok(all)
}

/// Those of some accounts that are there. Their rows are locked until the transaction ends, so
/// that of two processes that an account leaves at once one sees that it was the last.
async fn lock(tx: &mut Conn, accounts: &[i64], now: i64, running: Running) -> AppResult<Vec<i64>> {
    db::presence::set_last_seen(tx, accounts, now).await?;
    let there = db::presence::online(tx, accounts, running).await?;
    Ok(there.into_iter().map(|(id, _)| id).collect())
}

/// Tells which of some accounts came or went since `before`.
async fn tell(
    tx: &mut Conn,
    accounts: &[i64],
    before: &[i64],
    at: i64,
    running: Running,
) -> AppResult<()> {
    let after = db::presence::online(tx, accounts, running).await?;
    for account in accounts {
        let online = after.iter().any(|(id, _)| id == account);
        if online != before.contains(account) {
            let change = Change { online, at };
            let payload = serde_json::to_string(&change)?;
            tx.emit(Event::of(Kind::PresenceChanged, *account).with(payload));
        }
    }
    Ok(())
}

fn distinct(ids: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut ids: Vec<i64> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
