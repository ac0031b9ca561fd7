//! Flag: a report from another server, sent by its own actor or by whoever reports (Mastodon
//! documentation, spec/activitypub, "Reports extension").

use super::{Arrival, Failure, Prepared};
use crate::db::Conn;
use crate::db::accounts::Account;
use crate::domain::{Ctx, reports};
use crate::error::AppResult;
use crate::federation::value::{ids, text};
use crate::text::to_plain;

/// Objects of one report that are looked at.
const MAX_OBJECTS: usize = 100;
/// Bytes of a comment that are read.
const MAX_COMMENT: usize = 20_000;

#[derive(Debug)]
pub struct Flag {
    uri: String,
    objects: Vec<String>,
    comment: String,
}

pub(super) async fn prepare(arrival: &Arrival<'_>) -> Result<Prepared, Failure> {
    let policies = arrival.app.policies().await?;
    if policies.rejects_reports_of(arrival.actor) {
        return Prepared::nothing("reports from its domain are not taken");
    }
    let objects: Vec<String> = ids(arrival.activity, "object")
        .take(MAX_OBJECTS)
        .map(str::to_owned)
        .collect();
    if objects.is_empty() {
        return Prepared::nothing("not about anyone here");
    }
    let comment = text(arrival.activity, "content").unwrap_or_default();
    let comment = &comment[..comment.floor_char_boundary(MAX_COMMENT)];
    Prepared::deed(super::Deed::Flag(Flag {
        uri: arrival.id().to_owned(),
        objects,
        // Plain text by most, HTML by some.
        comment: to_plain(comment),
    }))
}

impl Flag {
    pub(super) async fn apply(
        &self,
        tx: &mut Conn,
        ctx: &Ctx,
        actor: &Account,
    ) -> AppResult<&'static str> {
        if reports::receive(tx, ctx, actor, &self.uri, &self.objects, &self.comment).await? {
            Ok("")
        } else {
            Ok("not about anyone here")
        }
    }
}
