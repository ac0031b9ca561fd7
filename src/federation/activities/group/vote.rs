//! Likes and Dislikes that a group passes on, and their Undo.
//!
//! A vote is its actor's where the actor's proof or origin says so, or where the group is on the
//! actor's own server, which speaks for both. On a post of somebody here, who is told who voted,
//! strangers are looked up and their origins asked; else nothing is fetched for a vote.

use serde_json::Value;

use super::super::{Arrival, Deed, Failure, Prepared, known_actor};
use super::Inner;
use crate::db::accounts::Account;
use crate::db::{self, Conn};
use crate::domain::Ctx;
use crate::domain::groups::{self, PassedVote};
use crate::error::AppResult;
use crate::federation::fetch;
use crate::federation::value::{first_id, id, is_a, same_origin, text};

#[derive(Debug)]
pub struct Vote {
    object: String,
    vote: PassedVote,
    undone: bool,
}

/// `vote`: the Like or Dislike; the passed on activity itself, or what it undoes.
pub(in super::super) async fn prepare(
    arrival: &Arrival<'_>,
    inner: &Inner<'_>,
    vote: &Value,
) -> Result<Prepared, Failure> {
    let app = arrival.app;
    let object =
        first_id(vote, "object").ok_or_else(|| Failure::Hopeless("votes on nothing".to_owned()))?;
    let mut proven = inner.proven || same_origin(inner.actor, &arrival.actor.uri);
    let mut actor = known_actor(app, inner.actor).await?;
    if app.config.is_ours(object) {
        proven = proven || is_served(arrival, inner).await;
        if proven && actor.is_none() {
            actor = stranger(arrival, inner.actor).await;
        }
    }
    Prepared::deed(Deed::GroupVote(Vote {
        object: object.to_owned(),
        vote: PassedVote {
            uri: text(vote, "id").unwrap_or_default().to_owned(),
            actor_uri: inner.actor.to_owned(),
            actor,
            proven,
            like: is_a(vote, "Like"),
        },
        undone: inner.verb == "Undo",
    }))
}

/// Whether the origin of a passed on activity serves it as the group says it is.
async fn is_served(arrival: &Arrival<'_>, inner: &Inner<'_>) -> bool {
    let Ok(budget) = arrival.budget.deeper() else {
        return false;
    };
    let Ok(found) = fetch::document(arrival.app, inner.id, &budget).await else {
        return false;
    };
    is_a(&found, inner.verb)
        && found.get("actor").and_then(id) == Some(inner.actor)
        && first_id(&found, "object").is_some()
        && first_id(&found, "object") == first_id(inner.activity, "object")
}

async fn stranger(arrival: &Arrival<'_>, actor: &str) -> Option<Account> {
    let budget = arrival.budget.deeper().ok()?;
    fetch::actor(arrival.app, actor, &budget).await.ok()
}

impl Vote {
    pub(in super::super) async fn apply(
        &self,
        tx: &mut Conn,
        ctx: &Ctx,
        group: &Account,
    ) -> AppResult<&'static str> {
        let status = db::statuses::by_uri(tx, &self.object).await?;
        let Some(status) = status.filter(|status| status.reblog_of_id.is_none()) else {
            return Ok("the object is not known here");
        };
        if self.undone {
            groups::withdraw_vote(tx, ctx, group, &status, &self.vote).await
        } else {
            groups::vote(tx, ctx, group, &status, &self.vote).await
        }
    }
}
