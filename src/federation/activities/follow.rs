//! Follow (ActivityPub, section 7.5).

use serde_json::Value;

use super::{Arrival, Failure, Prepared, local_account};
use crate::db::Conn;
use crate::db::accounts::Account;
use crate::domain::accounts::INSTANCE_ACTOR;
use crate::domain::{Ctx, follows, friends, relays};
use crate::error::AppResult;
use crate::federation::render::{FRIEND_REQUEST, NAMESPACE};
use crate::federation::value::{flag, many};

#[derive(Debug)]
pub struct Follow {
    uri: String,
    target: String,
    /// Whether it asks to be friends.
    friend_request: bool,
}

pub(super) fn prepare(arrival: &Arrival<'_>) -> Result<Prepared, Failure> {
    let (target, _) = arrival.object()?;
    if !arrival.app.config.is_ours(target) {
        return Prepared::nothing("not about anyone here");
    }
    Prepared::deed(super::Deed::Follow(Follow {
        uri: arrival.id().to_owned(),
        target: target.to_owned(),
        friend_request: asks_for_friendship(arrival.activity),
    }))
}

/// Whether a Follow is a friend request: by the term as Kith writes it, or by its whole address.
fn asks_for_friendship(activity: &Value) -> bool {
    let whole = format!("{NAMESPACE}friendRequest");
    [FRIEND_REQUEST, &whole].into_iter().any(|name| {
        let value = many(activity, name).first();
        value.is_some_and(|value| {
            value.as_bool() == Some(true) || flag(value, "@value") == Some(true)
        })
    })
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
            if relays::followed(tx, ctx, actor, &self.uri).await? {
                return Ok("");
            }
            return Ok("the server itself cannot be followed");
        }
        if self.friend_request {
            friends::ask(tx, ctx, actor, &target, Some(self.uri.clone())).await?;
            return Ok("");
        }
        let options = follows::Options {
            uri: Some(self.uri.clone()),
            ..follows::Options::default()
        };
        follows::follow(tx, ctx, actor, &target, options).await?;
        Ok("")
    }
}
