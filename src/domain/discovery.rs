//! What follows for tags, previews and quotes when a status is written, edited or deleted: called
//! from there with one line each.

use super::{Ctx, cards, quotes, tags};
use crate::db::accounts::Account;
use crate::db::statuses::Status;
use crate::db::{self, Conn};
use crate::error::AppResult;

/// Links of mentions, in either form.
fn profiles(mentions: &[Account]) -> Vec<String> {
    mentions
        .iter()
        .flat_map(|account| [account.url.clone(), account.uri.clone()])
        .collect()
}

/// After a status and its parts were written, before its homes are told.
pub(super) async fn published(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    status: &Status,
    mentions: &[Account],
    tag_ids: &[i64],
    quiet: bool,
) -> AppResult<()> {
    tags::published(tx, ctx, author, status, tag_ids, quiet).await?;
    cards::published(tx, ctx, author, status, &profiles(mentions), quiet).await
}

/// After an edit was written. `tags_before`: ids.
pub(super) async fn changed(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    status: &Status,
    mentions: &[Account],
    tags_before: &[i64],
    tags_after: &[i64],
) -> AppResult<()> {
    tags::changed(tx, ctx, author, status, tags_before, tags_after).await?;
    cards::changed(tx, ctx, author, status, &profiles(mentions)).await
}

/// Ids of the tags that a status has now.
pub(super) async fn tags_of(tx: &mut Conn, status_id: i64) -> AppResult<Vec<i64>> {
    let tags = db::statuses::tags_of(tx, &[status_id]).await?;
    Ok(tags.into_iter().map(|(_, tag)| tag.id).collect())
}

/// Before a status goes.
pub(super) async fn erased(tx: &mut Conn, status: &Status, tag_ids: &[i64]) -> AppResult<()> {
    tags::erased(tx, status, tag_ids).await?;
    quotes::erased(tx, status).await
}
