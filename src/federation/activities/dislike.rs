//! Dislike (ActivityStreams vocabulary), as Lemmy, PeerTube and others send it.

use super::{Arrival, Failure, Prepared, voted_on};
use crate::db::Conn;
use crate::db::accounts::Account;
use crate::domain::interactions::{self, Outcome};
use crate::domain::{Ctx, votes};
use crate::error::AppResult;

#[derive(Debug)]
pub struct Dislike {
    uri: String,
    object: String,
}

pub(super) fn prepare(arrival: &Arrival<'_>) -> Result<Prepared, Failure> {
    let (object, _) = arrival.object()?;
    Prepared::deed(super::Deed::Dislike(Dislike {
        uri: arrival.id().to_owned(),
        object: object.to_owned(),
    }))
}

impl Dislike {
    pub(super) async fn apply(
        &self,
        tx: &mut Conn,
        ctx: &Ctx,
        actor: &Account,
    ) -> AppResult<&'static str> {
        match voted_on(tx, actor, &self.object).await? {
            Ok(status) if !interactions::may_vote(tx, actor, &status).await? => {
                Ok(Outcome::Denied.reason())
            }
            Ok(status) => {
                votes::dislike(tx, ctx, actor, &status, Some(self.uri.clone())).await?;
                Ok("")
            }
            Err(reason) => Ok(reason),
        }
    }
}
