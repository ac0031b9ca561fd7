//! Follow (ActivityPub, section 7.5).

use super::{Arrival, Failure, Prepared, local_account};
use crate::db::Conn;
use crate::db::accounts::Account;
use crate::domain::accounts::INSTANCE_ACTOR;
use crate::domain::{Ctx, follows};
use crate::error::AppResult;

#[derive(Debug)]
pub struct Follow {
    uri: String,
    target: String,
}

pub(super) fn prepare(arrival: &Arrival<'_>) -> Result<Prepared, Failure> {
    let (target, _) = arrival.object()?;
    if !arrival.app.config.is_ours(target) {
        return Prepared::nothing("not about anyone here");
    }
    Prepared::deed(super::Deed::Follow(Follow {
        uri: arrival.id().to_owned(),
        target: target.to_owned(),
    }))
}

impl Follow {
    pub(super) async fn apply(
        &self,
        tx: &mut Conn,
        ctx: &Ctx,
        actor: &Account,
    ) -> AppResult<&'static str> {
        let Some(target) = local_account(tx, &self.target).await? else {
            return Ok("there is no such account here");
        };
        if target.username == INSTANCE_ACTOR {
            return Ok("the server itself cannot be followed");
        }
        let options = follows::Options {
            uri: Some(self.uri.clone()),
            ..follows::Options::default()
        };
        follows::follow(tx, ctx, actor, &target, options).await?;
        Ok("")
    }
}
