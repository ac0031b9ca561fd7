//! Delete (ActivityPub, section 7.4): of a status, or of the actor itself.

use super::{Arrival, Failure, Prepared};
use crate::db::accounts::Account;
use crate::db::{self, Conn};
use crate::domain::{self, Ctx};
use crate::error::AppResult;
use crate::federation::fetch;
use crate::federation::value::{is_a, same_origin};

#[derive(Debug)]
pub struct Remove {
    author: Account,
    uri: String,
}

pub(super) fn prepare(arrival: &Arrival<'_>) -> Result<Prepared, Failure> {
    let (object, _) = arrival.object()?;
    if object == arrival.actor.uri {
        return Prepared::deed(super::Deed::RemoveActor);
    }
    // Whether it is the actor's own is checked where it is known (threat S19).
    if !same_origin(object, &arrival.actor.uri) {
        return Err(Failure::Hopeless(
            "the object is on another host than the actor".to_owned(),
        ));
    }
    Prepared::deed(super::Deed::Remove(Remove {
        author: arrival.actor.clone(),
        uri: object.to_owned(),
    }))
}

/// Somebody says that an object is gone: believed when its origin says so too.
pub(super) async fn prepare_fetched(
    arrival: &Arrival<'_>,
    object: &str,
) -> Result<Prepared, Failure> {
    let app = arrival.app;
    let uri = object.to_owned();
    let found = app
        .read(move |c| {
            Box::pin(async move {
                let Some(status) = db::statuses::by_uri(c, &uri).await? else {
                    return Ok(None);
                };
                let author = db::accounts::by_id(c, status.account_id).await?;
                Ok(author.filter(|_| !status.local))
            })
        })
        .await?;
    let Some(author) = found else {
        return Prepared::nothing("the object is not known here");
    };
    match fetch::document(app, object, arrival.budget).await {
        Err(fetch::Error::Gone(_)) => {}
        Ok(document) if is_a(&document, "Tombstone") => {}
        Ok(_) => return Prepared::nothing("its origin still serves the object"),
        Err(error) => return Err(error.into()),
    }
    Prepared::deed(super::Deed::Remove(Remove {
        author,
        uri: object.to_owned(),
    }))
}

impl Remove {
    /// Of an author's own object.
    pub(super) fn new(author: Account, uri: &str) -> Remove {
        Remove {
            author,
            uri: uri.to_owned(),
        }
    }

    pub(super) async fn apply(&self, tx: &mut Conn, ctx: &Ctx) -> AppResult<&'static str> {
        let (author, uri) = (&self.author, &self.uri);
        if !domain::chats::remove(tx, ctx, author, uri).await?
            && !domain::collections::removed(tx, author, uri).await?
            && !domain::collections::stamp_deleted(tx, ctx, author, uri).await?
        {
            domain::statuses::remove(tx, ctx, author, uri).await?;
        }
        Ok("")
    }
}

pub(super) async fn apply_actor(
    tx: &mut Conn,
    ctx: &Ctx,
    actor: &Account,
) -> AppResult<&'static str> {
    domain::accounts::remove_remote(tx, ctx, actor).await?;
    Ok("")
}
