//! Replies that wait for the leave of whom they answer: written, and seen by the two alone.

use super::send::{audience, send_note};
use super::{Parts, adopt, appear, attach, note_of};
use crate::db::accounts::Account;
use crate::db::statuses::{Status, consent};
use crate::db::{self, Conn};
use crate::domain::outgoing::Outgoing;
use crate::domain::visibility::{PENDING, REFUSED, waits, wanted};
use crate::domain::{Ctx, groups, quotes};
use crate::error::AppResult;
use crate::events::{Event, Gone, Kind};

/// Writes a reply that waits. `None` when it is here already.
pub(super) async fn keep(
    tx: &mut Conn,
    author: &Account,
    status: &mut Status,
    parts: Parts,
) -> AppResult<Option<i64>> {
    status.visibility += PENDING;
    let Some(id) = db::statuses::insert(tx, status).await? else {
        return Ok(None);
    };
    attach(tx, status, &parts).await?;
    if author.is_local() {
        db::timelines::put_home(tx, &[author.id], id, author.id).await?;
    }
    Ok(Some(id))
}

/// A reply got leave: it appears, and goes to its readers elsewhere. One that did not wait is left
/// as it is.
pub(in crate::domain) async fn admitted(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    mut status: Status,
) -> AppResult<()> {
    let stamped = status.consent | consent::STAMPED;
    let waited = waits(status.visibility);
    if !waited && (!status.local || status.consent == stamped) {
        return Ok(());
    }
    if status.local {
        status.consent = stamped;
    }
    status.visibility = wanted(status.visibility) as i16;
    db::statuses::update(tx, &status).await?;
    tx.emit(Event::of(Kind::StatusCounts, status.id));
    if !waited {
        return Ok(());
    }
    let mentioned: Vec<i64> = db::statuses::mentions_of(tx, &[status.id])
        .await?
        .into_iter()
        .map(|(_, account)| account)
        .collect();
    let mentions = db::accounts::by_ids(tx, &mentioned).await?;
    let tags = db::statuses::tags_of(tx, &[status.id]).await?;
    let tag_ids: Vec<i64> = tags.into_iter().map(|(_, tag)| tag.id).collect();
    let parent = match status.in_reply_to_id {
        Some(id) => db::statuses::by_id(tx, id).await?,
        None => None,
    };
    let parent = parent.as_ref();
    let named = mentions.iter().filter(|account| groups::is_group(account));
    let named: Vec<i64> = named.map(|group| group.id).collect();
    groups::join(tx, &status, (&named, false)).await?;
    appear(tx, ctx, author, &status, &mentions, &tag_ids, parent, false).await?;
    if !status.local {
        return adopt(tx, &status).await;
    }
    if status.local_only {
        return Ok(());
    }
    let note = note_of(tx, ctx, author, &status).await?;
    let audience = audience(tx, author, &status, &mentions, parent).await?;
    let create = |note| Outgoing::Create { note };
    send_note(tx, ctx, author, note, audience, create).await
}

/// A reply got no leave: one from elsewhere goes, one from here is left to its author alone.
pub(in crate::domain) async fn turned_down(
    tx: &mut Conn,
    ctx: &Ctx,
    mut status: Status,
) -> AppResult<()> {
    if !status.local {
        return erase(tx, ctx, &status).await;
    }
    status.visibility = REFUSED + wanted(status.visibility) as i16;
    db::statuses::update(tx, &status).await?;
    tx.emit(Event::of(Kind::StatusCounts, status.id));
    Ok(())
}

/// Removes a reply that waits or was refused: it was never counted.
pub(super) async fn erase(tx: &mut Conn, ctx: &Ctx, status: &Status) -> AppResult<()> {
    let gone = Gone {
        account_id: status.account_id,
        visibility: status.visibility,
        local: status.local,
        reblog_of_id: None,
        tags: Vec::new(),
        homes: if status.local {
            vec![status.account_id]
        } else {
            Vec::new()
        },
        lists: Vec::new(),
    };
    quotes::erased(tx, status).await?;
    if !db::statuses::delete(tx, status.id).await? {
        return Ok(());
    }
    db::statuses::bury(tx, &status.uri, status.account_id, ctx.now()).await?;
    tx.emit(Event::of(Kind::StatusDeleted, status.id).with(serde_json::to_string(&gone)?));
    if let Some(to) = status.in_reply_to_account_id {
        tx.emit(Event::to(to, Kind::NotificationGone, 0));
    }
    Ok(())
}
