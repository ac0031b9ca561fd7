//! Forgetting what came from elsewhere and nobody here has to do with.

use super::erase;
use crate::db::{self, Conn};
use crate::domain::Ctx;
use crate::error::AppResult;

/// Forgets a status from elsewhere unless something keeps it here (`db::pruning`); false where it
/// stays, or is gone. Nobody is told, and it may come again: it was not deleted.
pub async fn prune(tx: &mut Conn, ctx: &Ctx, id: i64, followed: bool) -> AppResult<bool> {
    // It was looked at before: somebody may have marked it meanwhile.
    let looked = db::pruning::look(tx, id, id.saturating_add(1), followed, 1).await?;
    if looked.iter().all(|looked| looked.kept) {
        return Ok(false);
    }
    let Some(status) = db::statuses::by_id(tx, id).await? else {
        return Ok(false);
    };
    erase(tx, ctx, &status).await?;
    db::pruning::exhume(tx, &status.uri, status.account_id).await?;
    Ok(true)
}
