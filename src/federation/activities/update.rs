//! Update (ActivityPub, section 7.3) of a status, or of the actor's own profile.

use serde_json::Value;

use super::{Arrival, Failure, Prepared, chat, collection, create, quote};
use crate::db::accounts::Account;
use crate::db::{self, Conn};
use crate::domain::{self, Ctx};
use crate::error::AppResult;
use crate::federation::fetch;
use crate::federation::objects::{actor as actors, collection as collections, note as notes};
use crate::federation::value::{self, same_origin};

#[derive(Debug)]
pub struct Revise {
    status: create::Ready,
}

pub(super) async fn prepare(arrival: &Arrival<'_>) -> Result<Prepared, Failure> {
    let (id, object) = arrival.object()?;
    if id == arrival.actor.uri && (object.is_string() || actors::is_actor(object)) {
        // Read from its origin, keys and all, whatever the activity says.
        let actor = fetch::refresh(arrival.app, id, arrival.budget).await?;
        // Where it has moved to is shown; that one may have moved further, but not for this.
        let to = &actor.moved_to;
        if !to.is_empty() && to != id && !arrival.app.config.is_ours(to) {
            let _ = fetch::actor(arrival.app, to, arrival.budget).await;
        }
        return Prepared::nothing("");
    }
    if !same_origin(id, &arrival.actor.uri) {
        return Err(Failure::Hopeless(
            "the object is on another host than the actor".to_owned(),
        ));
    }
    if !object.is_string() && chat::is_here(arrival, id).await? {
        return chat::prepare_edit(arrival, object);
    }
    if object.is_string() {
        return prepare_fetched(arrival, id, Some(&arrival.actor.uri)).await;
    }
    if collections::is_collection(object) {
        return collection::prepare_update(arrival, id, object).await;
    }
    if create::is_anothers(object, &arrival.actor.uri) {
        return prepare_fetched(arrival, id, None).await;
    }
    if !notes::is_note(object) {
        return Prepared::nothing("not understood");
    }
    // One that is still on its way in has to be there first: it is, in the order of arrival.
    if !arrival.coming.contains(id) && !is_here(arrival, id).await? {
        return Prepared::nothing("the object is not known here");
    }
    revise(arrival, arrival.actor.clone(), object).await
}

/// A status that is fetched from its origin, whoever told us of its change.
pub(super) async fn prepare_fetched(
    arrival: &Arrival<'_>,
    id: &str,
    by: Option<&str>,
) -> Result<Prepared, Failure> {
    let here = arrival.coming.contains(id) || is_here(arrival, id).await?;
    if arrival.app.config.is_ours(id) || !here {
        return Prepared::nothing("the object is not known here");
    }
    let (author, document) = fetch::note(arrival.app, id, arrival.budget).await?;
    if by.is_some_and(|by| by != author.uri) {
        return Err(Failure::Hopeless(
            "the object is attributed to somebody else".to_owned(),
        ));
    }
    revise(arrival, author, &document).await
}

/// A status in an Update that was passed on and carries its author's proof.
pub(super) async fn prepare_proven(
    arrival: &Arrival<'_>,
    author: Account,
    activity: &Value,
) -> Result<Prepared, Failure> {
    let object = activity.get("object").unwrap_or_default();
    let id = value::id(object).unwrap_or_default();
    if !notes::is_note(object) || !same_origin(id, &author.uri) {
        return prepare_fetched(arrival, id, None).await;
    }
    if !arrival.coming.contains(id) && !is_here(arrival, id).await? {
        return Prepared::nothing("the object is not known here");
    }
    revise(arrival, author, object).await
}

async fn is_here(arrival: &Arrival<'_>, id: &str) -> AppResult<bool> {
    let id = id.to_owned();
    arrival
        .app
        .read(move |c| Box::pin(async move { Ok(db::statuses::by_uri(c, &id).await?.is_some()) }))
        .await
}

async fn revise(
    arrival: &Arrival<'_>,
    author: Account,
    object: &Value,
) -> Result<Prepared, Failure> {
    let mut status = create::ready_alone(arrival.app, author, object).await?;
    quote::resolve(arrival.app, &mut status, arrival.budget).await;
    Prepared::deed(super::Deed::Revise(Revise { status }))
}

impl Revise {
    pub(super) async fn apply(&self, tx: &mut Conn, ctx: &Ctx) -> AppResult<&'static str> {
        self.status.store_quoted(tx, ctx).await?;
        let create::Ready { author, note, .. } = &self.status;
        if domain::statuses::revise(tx, ctx, author, note.clone()).await? {
            Ok("")
        } else {
            Ok("the object is not the author's, or not known here")
        }
    }
}
