//! What groups pass on (FEP-1b12): posts, and what people did to them, in an Announce.
//!
//! A group's word is believed of its own affairs alone: that a post is shown to those who follow
//! it, and what its moderators do with posts that belong to it (`domain::groups`). Of everything
//! else the origin or the actor's proof is believed, as if the group had said nothing; votes are
//! counted, but in nobody's name that is not proven (`vote`).

pub mod moderation;
pub mod resolve;
pub mod vote;

use serde_json::Value;

use super::{Arrival, Deed, Failure, Prepared, create, delete, update};
use crate::db::accounts::Account;
use crate::db::{self, Conn};
use crate::domain::{Ctx, groups};
use crate::error::AppResult;
use crate::federation::objects::actor as actors;
use crate::federation::value::{first_id, id, kind_of, many, same_origin, text, time, uri};
use crate::federation::{fetch, inbox};

/// What is passed on.
const VERBS: &[&str] = &[
    "Create", "Update", "Delete", "Undo", "Like", "Dislike", "Add", "Remove", "Lock", "Unlock",
    "Block",
];

/// What moderators send by themselves.
pub(super) const MODERATED: &[&str] = &[
    "Update", "Delete", "Undo", "Add", "Remove", "Lock", "Unlock", "Block",
];

/// A post that a group passes on.
#[derive(Debug)]
pub struct Post {
    /// The Announce's id.
    uri: String,
    /// Milliseconds since the epoch.
    published: i64,
    object: String,
    /// The post, where it was not here.
    create: Option<create::Create>,
    /// What somebody did was passed on, and not the post itself.
    embedded: bool,
}

/// An activity that a group passes on.
pub(super) struct Inner<'a> {
    pub verb: &'static str,
    pub id: &'a str,
    pub actor: &'a str,
    pub activity: &'a Value,
    /// Whether it carries its actor's proof.
    pub proven: bool,
}

impl<'a> Inner<'a> {
    /// The id of its object.
    pub fn object(&self) -> Result<&'a str, Failure> {
        first_id(self.activity, "object")
            .ok_or_else(|| Failure::Hopeless("passes on an activity without object".to_owned()))
    }
}

/// Whether an actor is one whose Announce is read here.
pub(super) fn is_group(account: &Account) -> bool {
    groups::is_group(account)
}

pub(super) async fn prepare(arrival: &Arrival<'_>) -> Result<Prepared, Failure> {
    let (object_id, object) = arrival.object()?;
    let Some(verb) = kind_of(object, VERBS) else {
        // An Announce of an Announce is none of a post.
        if object.get("object").is_some() {
            return Prepared::nothing("not understood");
        }
        return post(arrival, object_id, None).await;
    };
    let actor = object.get("actor").and_then(id).unwrap_or_default();
    let id = text(object, "id").unwrap_or_default();
    if uri(actor).is_none() || !same_origin(id, actor) {
        return Err(Failure::Hopeless(
            "what is passed on is not on its actor's host".to_owned(),
        ));
    }
    let app = arrival.app;
    if app.config.is_ours(actor) {
        // It came back: that the group took it is all that is new.
        return match verb {
            "Create" => {
                post(
                    arrival,
                    first_id(object, "object").unwrap_or_default(),
                    None,
                )
                .await
            }
            _ => Prepared::nothing("somebody here did it"),
        };
    }
    if fetch::is_blocked(app, actor).await? {
        return Prepared::nothing("the domain is blocked");
    }
    let inner = Inner {
        verb,
        id,
        actor,
        activity: object,
        proven: inbox::holds_proof(app, actor, object).await?,
    };
    match verb {
        "Create" => post(arrival, inner.object()?, Some(&inner)).await,
        "Update" => revision(arrival, &inner).await,
        "Delete" => deletion(arrival, &inner).await,
        "Like" | "Dislike" => vote::prepare(arrival, &inner, inner.activity).await,
        "Undo" => undo(arrival, &inner).await,
        _ => moderated(arrival, &inner).await,
    }
}

/// A post, from its origin or its author's proof. `inner`: the Create, where one is passed on.
async fn post(
    arrival: &Arrival<'_>,
    object: &str,
    inner: Option<&Inner<'_>>,
) -> Result<Prepared, Failure> {
    let prepared = match inner {
        Some(inner) if inner.proven => {
            let author = fetch::actor(arrival.app, inner.actor, arrival.budget).await?;
            create::prepare_proven(arrival, author, inner.activity).await?
        }
        _ => create::prepare_fetched(arrival, object, None).await?,
    };
    let create = match prepared {
        Prepared::Nothing(create::HERE) => None,
        Prepared::Deed(deed) => match *deed {
            Deed::Create(create) => Some(create),
            // A vote in a poll.
            other => return Prepared::deed(other),
        },
        nothing => return Ok(nothing),
    };
    if create.as_ref().is_some_and(|create| !create.is_open()) {
        return Prepared::nothing("the object is not for everyone");
    }
    shown(arrival, object, create, inner.is_some())
}

/// What a post, known or made ready, comes to.
fn shown(
    arrival: &Arrival<'_>,
    object: &str,
    create: Option<create::Create>,
    embedded: bool,
) -> Result<Prepared, Failure> {
    let now = arrival.app.clock.now_ms();
    let object = create.as_ref().map_or(object, create::Create::uri);
    Prepared::deed(Deed::GroupPost(Post {
        uri: arrival.id().to_owned(),
        published: time(arrival.activity, "published").unwrap_or(now),
        object: object.to_owned(),
        create,
        embedded,
    }))
}

/// An edit: of a post, by its author; or of the group itself, which is read from its origin.
async fn revision(arrival: &Arrival<'_>, inner: &Inner<'_>) -> Result<Prepared, Failure> {
    let object = inner.object()?;
    if object == arrival.actor.uri {
        fetch::refresh(arrival.app, object, arrival.budget).await?;
        return Prepared::nothing("");
    }
    if actors::is_actor(inner.activity.get("object").unwrap_or_default()) {
        return Prepared::nothing("not understood");
    }
    if inner.proven {
        let author = fetch::actor(arrival.app, inner.actor, arrival.budget).await?;
        return update::prepare_proven(arrival, author, inner.activity).await;
    }
    update::prepare_fetched(arrival, object, None).await
}

/// A deletion by the author, which the origin confirms, or by a moderator.
async fn deletion(arrival: &Arrival<'_>, inner: &Inner<'_>) -> Result<Prepared, Failure> {
    let object = inner.object()?;
    let Some(author) = author_of(arrival, object).await? else {
        return Prepared::nothing("the object is not known here");
    };
    if author.uri == inner.actor && !author.is_local() {
        if inner.proven {
            return Prepared::deed(Deed::Remove(delete::Remove::new(author, object)));
        }
        match delete::prepare_fetched(arrival, object).await? {
            // It may be taken out of the group alone.
            Prepared::Nothing(_) => {}
            gone => return Ok(gone),
        }
    }
    moderated(arrival, inner).await
}

/// What is taken back: a vote, a deletion, or what a moderator did.
async fn undo(arrival: &Arrival<'_>, inner: &Inner<'_>) -> Result<Prepared, Failure> {
    let Some(undone) = many(inner.activity, "object").first() else {
        return Err(Failure::Hopeless("undoes nothing".to_owned()));
    };
    let by = undone.get("actor").and_then(id);
    match kind_of(undone, &["Like", "Dislike", "Delete", "Lock", "Block"]) {
        Some("Like" | "Dislike") if by != Some(inner.actor) => Err(Failure::Hopeless(
            "undoes what somebody else did".to_owned(),
        )),
        Some("Like" | "Dislike") => vote::prepare(arrival, inner, undone).await,
        Some("Delete") => {
            let object = first_id(undone, "object").unwrap_or_default();
            match returned(arrival, object).await? {
                Some(create) => shown(arrival, object, Some(create), true),
                None => moderated(arrival, inner).await,
            }
        }
        Some(_) => moderated(arrival, inner).await,
        None => Prepared::nothing("not understood"),
    }
}

/// What the group's moderators did: the group says so, and need not prove who it was.
async fn moderated(arrival: &Arrival<'_>, inner: &Inner<'_>) -> Result<Prepared, Failure> {
    match moderation::read(arrival.actor, inner.verb, inner.activity) {
        Some(moderation) => Prepared::deed(Deed::Moderation(moderation)),
        None => Prepared::nothing("not understood"),
    }
}

/// The author of a status that is here.
async fn author_of(arrival: &Arrival<'_>, object: &str) -> AppResult<Option<Account>> {
    let object = object.to_owned();
    arrival
        .app
        .read(move |c| {
            Box::pin(async move {
                match db::statuses::by_uri(c, &object).await? {
                    Some(status) => Ok(db::accounts::by_id(c, status.account_id).await?),
                    None => Ok(None),
                }
            })
        })
        .await
}

/// A post that its author deleted and has brought back: its origin serves it again.
pub(super) async fn returned(
    arrival: &Arrival<'_>,
    object: &str,
) -> Result<Option<create::Create>, Failure> {
    let uri = object.to_owned();
    let deleted_by = arrival
        .app
        .read(move |c| Box::pin(async move { Ok(db::statuses::deleted_by(c, &uri).await?) }))
        .await?;
    let Some(author_id) = deleted_by else {
        return Ok(None);
    };
    match create::prepare_returned(arrival, object, author_id).await? {
        Prepared::Deed(deed) => match *deed {
            Deed::Create(create) if create.is_open() => Ok(Some(create)),
            _ => Ok(None),
        },
        Prepared::Nothing(_) => Ok(None),
    }
}

impl Post {
    pub(super) async fn apply(
        &self,
        tx: &mut Conn,
        ctx: &Ctx,
        group: &Account,
    ) -> AppResult<&'static str> {
        if let Some(create) = &self.create {
            let reason = create.apply(tx, ctx).await?;
            if !reason.is_empty() {
                return Ok(reason);
            }
        }
        let Some(status) = db::statuses::by_uri(tx, &self.object).await? else {
            return Ok("the object is not known here");
        };
        let announce = (self.uri.as_str(), self.published);
        groups::pass_on(tx, ctx, group, &status, announce, self.embedded).await
    }
}
