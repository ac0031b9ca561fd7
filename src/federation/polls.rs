//! Asking other servers for the counts of their polls.

use std::time::Duration;

use super::activities::create;
use super::fetch;
use crate::app::App;
use crate::client::{Budget, Limits};
use crate::clock::MINUTE;
use crate::db;
use crate::db::polls::Poll;
use crate::domain::statuses;
use crate::error::AppResult;

/// Counts that are older are asked for again.
const FRESH: i64 = 3 * MINUTE;
/// What asking may cost: somebody waits for it.
const LIMITS: Limits = Limits {
    requests: 3,
    bytes: 1024 * 1024,
    depth: 2,
    time: Duration::from_secs(5),
};

/// Brings the counts of a poll of another server up to date, unless they are, or that was tried
/// a moment ago. Says whether it did; what cannot be had stays as it is.
pub async fn refresh_poll(app: &App, poll: &Poll) -> AppResult<bool> {
    let Some(fetched_at) = poll.fetched_at else {
        return Ok(false);
    };
    let now = app.clock.now_ms();
    let is_final = poll.expires_at.is_some_and(|at| at < fetched_at);
    if is_final || now - fetched_at < FRESH || app.federation.polls.contains(&poll.id) {
        return Ok(false);
    }
    app.federation.polls.insert(poll.id, ());
    let status_id = poll.status_id;
    let status = app
        .read(move |c| Box::pin(async move { Ok(db::statuses::by_id(c, status_id).await?) }))
        .await?;
    let Some(status) = status else {
        return Ok(false);
    };
    let found = fetch::note(app, &status.uri, &Budget::new(LIMITS)).await;
    let ready = match found {
        Ok((author, document)) => create::ready_alone(app, author, &document).await,
        Err(error) => Err(error.into()),
    };
    match ready {
        Ok(ready) if ready.note.uri == status.uri => {
            let ctx = app.ctx.clone();
            app.write(move |tx| {
                Box::pin(async move { statuses::revise(tx, &ctx, &ready.author, ready.note).await })
            })
            .await
        }
        Ok(_) => Ok(false),
        Err(error) => {
            tracing::debug!(uri = status.uri, ?error, "a poll could not be refreshed");
            Ok(false)
        }
    }
}
