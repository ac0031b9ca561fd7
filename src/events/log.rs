//! Follows the event log.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::{Cursor, Logged};
use crate::db::{self, Db};

/// How often the log is looked at when nothing woke us: what another process wrote is heard
/// of within this time.
const POLL: Duration = Duration::from_millis(200);
/// Woken, it may find nothing yet: on PostgreSQL what was committed is read when every transaction
/// that began before is over, which is soon. Then it looks again, each time after twice as long.
const SOON: Duration = Duration::from_millis(4);

/// Reads the log from `cursor` on and hands each batch to `handle`, until `stop` turns true.
///
/// `wake` is notified after each commit of this process. A failing read is logged and tried
/// again: the cursor moves only over what was handled.
pub async fn follow(
    db: Db,
    mut cursor: Cursor,
    wake: Arc<Notify>,
    mut stop: watch::Receiver<bool>,
    mut handle: impl AsyncFnMut(Vec<Logged>),
) {
    let soon = if db.is_postgres() { SOON } else { POLL };
    let mut pause = POLL;
    while !*stop.borrow() {
        // Registered before reading, so that a commit during the read is not missed.
        let woken = wake.notified();
        let read = db
            .read(move |conn| Box::pin(async move { db::events::after(conn, cursor).await }))
            .await;
        match read {
            Ok(batch) if !batch.is_empty() => {
                cursor = batch[batch.len() - 1].cursor;
                handle(batch).await;
                pause = POLL;
                continue;
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "cannot read the event log"),
        }
        tokio::select! {
            () = woken => pause = soon,
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(POLL),
            _ = stop.changed() => {}
        }
    }
}
