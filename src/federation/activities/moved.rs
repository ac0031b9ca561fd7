//! Move (ActivityStreams vocabulary, used as Mastodon does): an actor moves to another.
//!
//! Believed when the other, read from its origin now, names the actor in `alsoKnownAs`.

use super::{Arrival, Failure, Prepared};
use crate::db::accounts::Account;
use crate::db::{self, Conn};
use crate::domain::{Ctx, moves};
use crate::error::AppResult;
use crate::federation::fetch;
use crate::federation::value::first_id;

#[derive(Debug)]
pub struct Move {
    target: Account,
}

pub(super) async fn prepare(arrival: &Arrival<'_>) -> Result<Prepared, Failure> {
    let (object, _) = arrival.object()?;
    if object != arrival.actor.uri {
        return Err(Failure::Hopeless("moves somebody else".to_owned()));
    }
    let app = arrival.app;
    let uri = first_id(arrival.activity, "target")
        .ok_or_else(|| Failure::Hopeless("the activity has no target".to_owned()))?;
    if uri == arrival.actor.uri {
        return Prepared::nothing("the actor moves to itself");
    }
    if fetch::is_blocked(app, uri).await? {
        return Prepared::nothing("the target's domain is blocked");
    }
    let target = if app.config.is_ours(uri) {
        let uri = uri.to_owned();
        app.read(move |c| Box::pin(async move { Ok(db::accounts::by_uri(c, &uri).await?) }))
            .await?
    } else {
        Some(fetch::refresh(app, uri, arrival.budget).await?)
    };
    match target {
        Some(target) => Prepared::deed(super::Deed::Move(Move { target })),
        None => Prepared::nothing("there is no such account here"),
    }
}

impl Move {
    pub(super) async fn apply(
        &self,
        tx: &mut Conn,
        ctx: &Ctx,
        actor: &Account,
    ) -> AppResult<&'static str> {
        moves::receive(tx, ctx, actor, &self.target).await
    }
}
