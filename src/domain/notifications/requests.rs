//! The requests of those whom a policy filters.

use crate::db::notification_requests::{self as rows, Request};
use crate::db::notifications::Notification;
use crate::db::{self, Conn};
use crate::domain::Ctx;
use crate::domain::jobs::{self, Job};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};

/// Notifications moved or deleted in one transaction.
const BATCH: i64 = 500;

/// A filtered sender wrote: a request, or one more reason for the one there is.
pub(super) async fn asked(tx: &mut Conn, ctx: &Ctx, row: &Notification) -> AppResult<()> {
    let request = Request {
        id: ctx.ids.next(),
        account_id: row.account_id,
        from_account_id: row.from_account_id,
        last_status_id: row.status_id,
        created_at: row.created_at,
        updated_at: row.created_at,
    };
    Ok(rows::put(tx, &request).await?)
}

/// Accepts requests: their senders are never filtered again, and a job puts what they sent among
/// the other notifications. `all`: each of them must be there.
pub async fn accept(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    ids: &[i64],
    all: bool,
) -> AppResult<()> {
    for request in found(tx, account_id, ids, all).await? {
        rows::permit(tx, account_id, request.from_account_id, ctx.now()).await?;
        rows::begin_merge(tx, account_id, request.from_account_id).await?;
        close(tx, ctx, &request, true).await?;
    }
    Ok(())
}

/// Dismisses requests with what their senders sent; they may ask again.
pub async fn dismiss(
    tx: &mut Conn,
    ctx: &Ctx,
    account_id: i64,
    ids: &[i64],
    all: bool,
) -> AppResult<()> {
    for request in found(tx, account_id, ids, all).await? {
        close(tx, ctx, &request, false).await?;
    }
    Ok(())
}

async fn found(tx: &mut Conn, account_id: i64, ids: &[i64], all: bool) -> AppResult<Vec<Request>> {
    let requests = rows::by_ids(tx, account_id, ids).await?;
    if all && requests.len() < ids.len() {
        return Err(AppError::not_found());
    }
    Ok(requests)
}

async fn close(tx: &mut Conn, ctx: &Ctx, request: &Request, accepted: bool) -> AppResult<()> {
    rows::delete(tx, request.id).await?;
    let job = Job::SettleNotifications {
        account_id: request.account_id,
        from_account_id: request.from_account_id,
        accepted,
        // What comes later has nothing to do with this request.
        until: ctx.ids.next(),
    };
    jobs::enqueue(tx, ctx, &job).await
}

/// One step of what a closed request leaves to do; false when it was the last.
pub async fn settle(
    tx: &mut Conn,
    account_id: i64,
    from_account_id: i64,
    accepted: bool,
    until: i64,
) -> AppResult<bool> {
    use db::notifications::{drop_filtered, let_through};
    let moved = if accepted {
        let_through(tx, account_id, from_account_id, until, BATCH).await?
    } else {
        drop_filtered(tx, account_id, from_account_id, until, BATCH).await?
    };
    if accepted && moved > 0 {
        tx.emit(Event::to(account_id, Kind::NotificationGone, 0));
    }
    if moved as i64 == BATCH {
        return Ok(true);
    }
    if accepted {
        rows::end_merge(tx, account_id, from_account_id).await?;
        if !rows::is_merging(tx, account_id).await? {
            tx.emit(Event::to(account_id, Kind::NotificationsMerged, 0));
        }
    }
    Ok(false)
}
