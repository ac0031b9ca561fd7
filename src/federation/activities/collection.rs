//! Featured collections that change, FeatureRequest and its answers (FEP-7aa9).

use serde_json::Value;

use super::{Arrival, Failure, Prepared, local_account};
use crate::db::accounts::Account;
use crate::db::{self, Conn};
use crate::domain::Ctx;
use crate::domain::collections::{self as domain, RemoteCollection, RemoteItem};
use crate::error::AppResult;
use crate::federation::objects::collection as objects;
use crate::federation::value::{first_id, id, is_a, many, same_origin};
use crate::federation::{collections, fetch};

/// What is to become of a collection of the actor's.
#[derive(Debug)]
pub enum Change {
    /// It is there, or says something else.
    Told(RemoteCollection),
    /// It is gone.
    Gone(String),
    /// Somebody is put into it.
    Added(String, RemoteItem),
    /// An item is taken out of it.
    TakenOut(String, String),
}

/// Whether a collection of the actor's is known, and whether anybody here follows the actor.
async fn standing(arrival: &Arrival<'_>, uri: &str) -> AppResult<(bool, bool)> {
    let (uri, actor) = (uri.to_owned(), arrival.actor.id);
    arrival
        .app
        .read(move |c| {
            Box::pin(async move {
                let known = db::collections::by_uri(c, &uri).await?;
                let known = known.is_some_and(|row| row.account_id == actor);
                Ok((known, db::relations::followed_locally(c, actor).await?))
            })
        })
        .await
}

/// Add to, or Remove from, something that is not what the actor has pinned.
pub(super) async fn prepare_change(
    arrival: &Arrival<'_>,
    target: &str,
    add: bool,
) -> Result<Prepared, Failure> {
    let (object, embedded) = arrival.object()?;
    let to_list = collections::list_of(arrival.actor).map_or_else(
        // An actor that was read before it had collections.
        || objects::is_collection(embedded),
        |list| list == target,
    );
    if !same_origin(target, &arrival.actor.uri) {
        return Prepared::nothing("not understood");
    }
    if !same_origin(object, &arrival.actor.uri) {
        return Err(Failure::Hopeless(
            "the object is on another host than the actor".to_owned(),
        ));
    }
    if to_list && !add {
        return deed(Change::Gone(object.to_owned()));
    }
    if to_list {
        return told(arrival, object, embedded).await;
    }
    let (known, followed) = standing(arrival, target).await?;
    match (known, add) {
        (true, false) => deed(Change::TakenOut(target.to_owned(), object.to_owned())),
        (true, true) => {
            let fetched;
            let entry = if embedded.is_object() {
                embedded
            } else {
                fetched = fetch::document(arrival.app, object, arrival.budget).await?;
                &fetched
            };
            let item = objects::item(entry, target)
                .ok_or_else(|| Failure::Hopeless("adds what is no item".to_owned()))?;
            deed(Change::Added(target.to_owned(), item))
        }
        (false, true) => {
            let featured = first_id(embedded, "featuredObject").unwrap_or_default();
            if !is_a(embedded, "FeaturedItem") {
                return Prepared::nothing("not understood");
            }
            if !followed && !arrival.app.config.is_ours(featured) {
                return Prepared::nothing("it concerns nobody here");
            }
            let owner = &arrival.actor.uri;
            let told = collections::fetch(arrival.app, target, owner, arrival.budget).await?;
            deed(Change::Told(told))
        }
        (false, false) => Prepared::nothing("not understood"),
    }
}

fn deed(change: Change) -> Result<Prepared, Failure> {
    Prepared::deed(super::Deed::Collection(change))
}

/// A collection of the actor's, embedded or to be fetched, where it concerns anybody here.
async fn told(arrival: &Arrival<'_>, uri: &str, object: &Value) -> Result<Prepared, Failure> {
    let (known, followed) = standing(arrival, uri).await?;
    let (app, owner) = (arrival.app, &arrival.actor.uri);
    let features_ours = |told: &RemoteCollection| {
        let mut items = told.items.iter();
        items.any(|item| app.config.is_ours(&item.object))
    };
    let told = if objects::is_collection(object) {
        let read =
            objects::read(object, owner).map_err(|reason| Failure::Hopeless(reason.to_owned()))?;
        if !known && !followed && !features_ours(&read) {
            return Prepared::nothing("it concerns nobody here");
        }
        collections::whole(app, object, owner, arrival.budget).await?
    } else if known || followed {
        collections::fetch(app, uri, owner, arrival.budget).await?
    } else {
        return Prepared::nothing("it concerns nobody here");
    };
    deed(Change::Told(told))
}

/// An Update of a collection.
pub(super) async fn prepare_update(
    arrival: &Arrival<'_>,
    uri: &str,
    object: &Value,
) -> Result<Prepared, Failure> {
    told(arrival, uri, object).await
}

impl Change {
    pub(super) async fn apply(
        &self,
        tx: &mut Conn,
        ctx: &Ctx,
        actor: &Account,
    ) -> AppResult<&'static str> {
        let done = match self {
            Change::Told(told) => domain::received(tx, ctx, actor, told).await?.is_some(),
            Change::Gone(uri) => domain::removed(tx, actor, uri).await?,
            Change::Added(collection, item) => {
                domain::item_added(tx, ctx, actor, collection, item).await?
            }
            Change::TakenOut(collection, item) => {
                domain::item_removed(tx, ctx, actor, collection, item).await?
            }
        };
        Ok(if done {
            ""
        } else {
            "the collection is not the actor's, or not kept here"
        })
    }
}

/// A request to feature somebody here.
#[derive(Debug)]
pub struct Request {
    uri: String,
    featured: String,
    instrument: String,
    /// The collection, where it was not known and could be had.
    collection: Option<RemoteCollection>,
}

pub(super) async fn prepare_request(arrival: &Arrival<'_>) -> Result<Prepared, Failure> {
    let (app, owner) = (arrival.app, &arrival.actor.uri);
    let (featured, _) = arrival.object()?;
    if !app.config.is_ours(featured) {
        return Prepared::nothing("not about anyone here");
    }
    let instrument = many(arrival.activity, "instrument")
        .first()
        .ok_or_else(|| Failure::Hopeless("asks to feature in nothing".to_owned()))?;
    let uri = id(instrument)
        .filter(|uri| same_origin(uri, owner))
        .ok_or_else(|| {
            Failure::Hopeless("the collection is on another host than the actor".to_owned())
        })?;
    let (known, _) = standing(arrival, uri).await?;
    let collection = if objects::is_collection(instrument) {
        let told = collections::whole(app, instrument, owner, arrival.budget).await?;
        Some(told)
    } else if known {
        None
    } else {
        match collections::fetch(app, uri, owner, arrival.budget).await {
            Ok(told) => Some(told),
            Err(fetch::Error::Later(reason)) => return Err(Failure::Later(reason)),
            // Nobody is featured in what cannot be looked at.
            Err(_) => None,
        }
    };
    Prepared::deed(super::Deed::FeatureRequest(Request {
        uri: arrival.id().to_owned(),
        featured: featured.to_owned(),
        instrument: uri.to_owned(),
        collection,
    }))
}

impl Request {
    pub(super) async fn apply(
        &self,
        tx: &mut Conn,
        ctx: &Ctx,
        actor: &Account,
    ) -> AppResult<&'static str> {
        let Some(featured) = local_account(tx, &self.featured).await? else {
            return Ok("there is no such account here");
        };
        let collection = match &self.collection {
            Some(told) => domain::received(tx, ctx, actor, told).await?,
            None => db::collections::by_uri(tx, &self.instrument)
                .await?
                .filter(|row| row.account_id == actor.id),
        };
        let request = domain::Asked {
            uri: &self.uri,
            instrument: &self.instrument,
            collection: collection.as_ref(),
        };
        domain::requested(tx, ctx, actor, &featured, request).await?;
        Ok("")
    }
}

/// The answer to a request of ours.
#[derive(Debug)]
pub struct Answer {
    /// The stamp, fetched from its origin; `None`: refused.
    stamp: Option<String>,
    /// The request's id.
    request: String,
}

/// Whether an Accept or Reject answers a FeatureRequest.
pub(super) fn is_answered(activity: &Value) -> bool {
    many(activity, "object").first().is_some_and(|object| {
        is_a(object, "FeatureRequest")
            || (object.get("type").is_none()
                && id(object).is_some_and(|id| id.contains("#feature_requests/")))
    })
}

pub(super) async fn prepare_answer(
    arrival: &Arrival<'_>,
    accept: bool,
) -> Result<Prepared, Failure> {
    let app = arrival.app;
    let (request, _) = arrival.object()?;
    if !app.config.is_ours(request) {
        return Prepared::nothing("not about anyone here");
    }
    let (uri, featured) = (request.to_owned(), arrival.actor.clone());
    let asked = app
        .read(move |c| Box::pin(async move { domain::asked(c, &uri, &featured).await }))
        .await?;
    let Some((_, collection)) = asked else {
        return Prepared::nothing("nobody here asked the actor");
    };
    let stamp = if accept {
        let result = first_id(arrival.activity, "result")
            .ok_or_else(|| Failure::Hopeless("accepts without a stamp".to_owned()))?;
        let document = fetch::document(app, result, arrival.budget).await?;
        if !objects::is_stamp(&document, result, &arrival.actor.uri, &collection.uri) {
            return Err(Failure::Hopeless(
                "the stamp is for something else".to_owned(),
            ));
        }
        Some(result.to_owned())
    } else {
        None
    };
    Prepared::deed(super::Deed::FeatureAnswer(Answer {
        stamp,
        request: request.to_owned(),
    }))
}

impl Answer {
    pub(super) async fn apply(
        &self,
        tx: &mut Conn,
        ctx: &Ctx,
        actor: &Account,
    ) -> AppResult<&'static str> {
        let known = match &self.stamp {
            Some(stamp) => domain::granted(tx, ctx, actor, &self.request, stamp).await?,
            None => domain::refused(tx, ctx, actor, &self.request).await?,
        };
        Ok(if known {
            ""
        } else {
            "nobody here asked the actor"
        })
    }
}
