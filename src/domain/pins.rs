//! Pinning statuses to one's profile.

use super::Ctx;
use super::outgoing::{self, Audience, Outgoing};
use super::visibility::Visibility;
use crate::db::accounts::Account;
use crate::db::relations::Page;
use crate::db::statuses::Status;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};

/// Statuses that a local account may pin.
pub const MAX_PINS: i64 = 5;
/// Pins kept of an account elsewhere: the last ones.
const MAX_REMOTE: i64 = 20;

/// `account` pins a status of its own. Again is no error.
pub async fn pin(tx: &mut Conn, ctx: &Ctx, account: &Account, status: &Status) -> AppResult<()> {
    let refuse = |why: &str| Err(AppError::invalid(format!("Validation failed: {why}")));
    if status.account_id != account.id {
        return refuse("Someone else's post cannot be pinned");
    }
    if status.reblog_of_id.is_some() {
        return refuse("A boost cannot be pinned");
    }
    let visibility = Visibility::from_db(status.visibility);
    if visibility == Visibility::Direct {
        return refuse("Posts that are only visible to mentioned users cannot be pinned");
    }
    let local = account.is_local();
    let pinned = db::pins::pinned(tx, account.id, &[status.id]).await?;
    let known = !pinned.is_empty();
    if local && !known && db::pins::count(tx, account.id).await? >= MAX_PINS {
        return refuse("You have already pinned the maximum number of posts");
    }
    if !db::pins::add(tx, ctx.ids.next(), account.id, status.id, ctx.now()).await? {
        return Ok(());
    }
    tx.emit(Event::to(account.id, Kind::ViewerChanged, status.id));
    if !local {
        return drop_oldest(tx, account).await;
    }
    tell(tx, ctx, account, status, |uri, object, target| {
        Outgoing::Add {
            uri,
            object,
            target,
        }
    })
    .await
}

/// A group's moderators pin a status of the group. Again is no error.
pub(super) async fn pin_in_group(
    tx: &mut Conn,
    ctx: &Ctx,
    group: &Account,
    status: &Status,
) -> AppResult<()> {
    if db::pins::add(tx, ctx.ids.next(), group.id, status.id, ctx.now()).await? {
        tx.emit(Event::to(group.id, Kind::ViewerChanged, status.id));
        drop_oldest(tx, group).await?;
    }
    Ok(())
}

/// `account` unpins a status. None pinned is no error.
pub async fn unpin(tx: &mut Conn, ctx: &Ctx, account: &Account, status: &Status) -> AppResult<()> {
    if !db::pins::remove(tx, account.id, status.id).await? {
        return Ok(());
    }
    tx.emit(Event::to(account.id, Kind::ViewerChanged, status.id));
    if !account.is_local() {
        return Ok(());
    }
    tell(tx, ctx, account, status, |uri, object, target| {
        Outgoing::Remove {
            uri,
            object,
            target,
        }
    })
    .await
}

/// Tells the followers' servers, of what is open alone.
async fn tell(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    status: &Status,
    activity: impl FnOnce(String, String, String) -> Outgoing,
) -> AppResult<()> {
    if status.local_only || !Visibility::from_db(status.visibility).is_open() {
        return Ok(());
    }
    let activity = activity(
        outgoing::activity_uri(ctx, account, "featured"),
        status.uri.clone(),
        outgoing::featured_uri(account),
    );
    let audience = Audience {
        followers: true,
        accounts: Vec::new(),
    };
    outgoing::send(tx, ctx, account, &activity, audience).await
}

async fn drop_oldest(tx: &mut Conn, account: &Account) -> AppResult<()> {
    let page = Page {
        limit: MAX_REMOTE * 2,
        ..Page::default()
    };
    let pins = db::pins::page(tx, account.id, page).await?;
    for (_, status) in pins.into_iter().skip(MAX_REMOTE as usize) {
        db::pins::remove(tx, account.id, status).await?;
    }
    Ok(())
}
