//! Accept and Reject of a Follow (ActivityPub, sections 7.6 and 7.7).

use super::{Arrival, Failure, Prepared, local_account};
use crate::db::Conn;
use crate::db::accounts::Account;
use crate::domain::accounts::INSTANCE_ACTOR;
use crate::domain::{Ctx, follows, relays};
use crate::error::AppResult;
use crate::federation::value::{id, is_a, is_public, text, without_fragment};

#[derive(Debug)]
pub struct Answer {
    accept: bool,
    /// The local account that asked.
    follower: String,
    /// The Follow's id, where it is told.
    follow: String,
}

pub(super) fn prepare(arrival: &Arrival<'_>, accept: bool) -> Result<Prepared, Failure> {
    let object = arrival
        .activity
        .get("object")
        .ok_or_else(|| Failure::Hopeless("the activity has no object".to_owned()))?;
    let embedded = object.get("actor").and_then(id);
    if embedded.is_some() && !is_a(object, "Follow") {
        return Prepared::nothing("not understood");
    }
    // Who asks a relay follows everyone.
    if let Some(followed) = object.get("object").and_then(id)
        && followed != arrival.actor.uri
        && !is_public(followed)
    {
        return Err(Failure::Hopeless(
            "answers a Follow of somebody else".to_owned(),
        ));
    }
    // The ids of our Follows begin with their actor's.
    let follower = embedded
        .or_else(|| id(object).map(without_fragment))
        .or_else(|| text(object, "id").map(without_fragment))
        .unwrap_or_default();
    if !arrival.app.config.is_ours(follower) {
        return Prepared::nothing("not about anyone here");
    }
    Prepared::deed(super::Deed::Answer(Answer {
        accept,
        follower: follower.to_owned(),
        follow: id(object).unwrap_or_default().to_owned(),
    }))
}

impl Answer {
    pub(super) async fn apply(
        &self,
        tx: &mut Conn,
        ctx: &Ctx,
        actor: &Account,
    ) -> AppResult<&'static str> {
        let Some(follower) = local_account(tx, &self.follower).await? else {
            return Ok("there is no such account here");
        };
        if follower.username == INSTANCE_ACTOR {
            return Ok(
                match relays::answered(tx, ctx, actor, &self.follow, self.accept).await? {
                    true => "",
                    false => "no relay was asked by this Follow",
                },
            );
        }
        let done = if self.accept {
            follows::accept(tx, ctx, actor, &follower).await
        } else {
            follows::reject(tx, ctx, actor, &follower).await
        };
        match done {
            Ok(()) => Ok(""),
            Err(error) if error.status == http::StatusCode::NOT_FOUND => {
                Ok("nobody here asked to follow the actor")
            }
            Err(error) => Err(error),
        }
    }
}
