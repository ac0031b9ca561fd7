//! Like (ActivityPub, section 7.10).

use super::{Arrival, Failure, Prepared};
use crate::db::accounts::Account;
use crate::db::{self, Conn};
use crate::domain::visibility::may_see;
use crate::domain::{Ctx, reactions};
use crate::error::AppResult;

#[derive(Debug)]
pub struct Like {
    uri: String,
    object: String,
}

pub(super) fn prepare(arrival: &Arrival<'_>) -> Result<Prepared, Failure> {
    let (object, _) = arrival.object()?;
    Prepared::deed(super::Deed::Like(Like {
        uri: arrival.id().to_owned(),
        object: object.to_owned(),
    }))
}

impl Like {
    pub(super) async fn apply(
        &self,
        tx: &mut Conn,
        ctx: &Ctx,
        actor: &Account,
    ) -> AppResult<&'static str> {
        let status = db::statuses::by_uri(tx, &self.object).await?;
        let Some(status) = status.filter(|status| status.reblog_of_id.is_none()) else {
            return Ok("the object is not known here");
        };
        if !may_see(tx, &status, Some(actor)).await? {
            return Ok("the actor may not see the object");
        }
        reactions::favourite(tx, ctx, actor, &status, Some(self.uri.clone())).await?;
        Ok("")
    }
}
