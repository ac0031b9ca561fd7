//! Add and Remove (ActivityPub, sections 7.8 and 7.9) of what an actor has pinned.

use super::create::Ready;
use super::{Arrival, Failure, Prepared, collection, create};
use crate::db::accounts::Account;
use crate::db::{self, Conn};
use crate::domain::{Ctx, pins, statuses};
use crate::error::AppResult;
use crate::federation::featured::collection_of;
use crate::federation::fetch;
use crate::federation::value::{first_id, same_origin};

#[derive(Debug)]
pub struct Feature {
    /// The status.
    object: String,
    pinned: bool,
    /// The status itself, where it was not here.
    status: Option<Ready>,
}

pub(super) async fn prepare(arrival: &Arrival<'_>, pinned: bool) -> Result<Prepared, Failure> {
    let (object, _) = arrival.object()?;
    let target = first_id(arrival.activity, "target");
    let Some(target) = target else {
        return Prepared::nothing("not understood");
    };
    if Some(target) != collection_of(arrival.actor).as_deref() {
        return collection::prepare_change(arrival, target, pinned).await;
    }
    if !same_origin(object, &arrival.actor.uri) {
        return Err(Failure::Hopeless(
            "the object is on another host than the actor".to_owned(),
        ));
    }
    let (uri, actor) = (object.to_owned(), arrival.actor.id);
    let (here, followed) = arrival
        .app
        .read(move |c| {
            Box::pin(async move {
                let here = db::statuses::by_uri(c, &uri).await?.is_some();
                Ok((here, db::relations::followed_locally(c, actor).await?))
            })
        })
        .await?;
    let coming = arrival.coming.contains(object);
    let status = if here || coming || !pinned {
        None
    } else if followed {
        let (author, document) = fetch::note(arrival.app, object, arrival.budget).await?;
        let mut ready = create::ready_alone(arrival.app, author, &document).await?;
        create::resolve(arrival.app, &mut ready, arrival.budget).await;
        Some(ready)
    } else {
        return Prepared::nothing("it concerns nobody here");
    };
    Prepared::deed(super::Deed::Feature(Feature {
        object: object.to_owned(),
        pinned,
        status,
    }))
}

impl Feature {
    pub(super) async fn apply(
        &self,
        tx: &mut Conn,
        ctx: &Ctx,
        actor: &Account,
    ) -> AppResult<&'static str> {
        if let Some(status) = &self.status {
            status.store_quoted(tx, ctx).await?;
            statuses::receive(tx, ctx, &status.author, status.note.clone(), true).await?;
        }
        let status = db::statuses::by_uri(tx, &self.object).await?;
        let Some(status) = status.filter(|status| status.account_id == actor.id) else {
            return Ok("the object is not the actor's, or not known here");
        };
        if !self.pinned {
            pins::unpin(tx, ctx, actor, &status).await?;
            return Ok("");
        }
        match pins::pin(tx, ctx, actor, &status).await {
            Err(error) if error.status.is_client_error() => Ok("it cannot be pinned"),
            other => other.map(|()| ""),
        }
    }
}
