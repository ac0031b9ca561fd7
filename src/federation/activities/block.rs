//! Block (ActivityPub, section 7.9: sent by some, to hide its actor from whom it blocks).

use super::{Arrival, Failure, Prepared, local_account};
use crate::db::Conn;
use crate::db::accounts::Account;
use crate::domain::{Ctx, blocks};
use crate::error::AppResult;

#[derive(Debug)]
pub struct Block {
    uri: String,
    target: String,
}

pub(super) fn prepare(arrival: &Arrival<'_>) -> Result<Prepared, Failure> {
    let (target, _) = arrival.object()?;
    // From a community or server (Lemmy): not between these two.
    if arrival.activity.get("target").is_some_and(|t| !t.is_null()) {
        return Prepared::nothing("a ban, and no block");
    }
    if !arrival.app.config.is_ours(target) {
        return Prepared::nothing("not about anyone here");
    }
    Prepared::deed(super::Deed::Block(Block {
        uri: arrival.id().to_owned(),
        target: target.to_owned(),
    }))
}

impl Block {
    pub(super) async fn apply(
        &self,
        tx: &mut Conn,
        ctx: &Ctx,
        actor: &Account,
    ) -> AppResult<&'static str> {
        let Some(target) = local_account(tx, &self.target).await? else {
            return Ok("there is no such account here");
        };
        blocks::block(tx, ctx, actor, &target, Some(self.uri.clone())).await?;
        Ok("")
    }
}
