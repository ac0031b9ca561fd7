//! LikeRequest, ReplyRequest and AnnounceRequest, their answers, and stamps of what comes
//! (GoToSocial's interaction controls).

use serde_json::{Value, json};

use super::create::{self, Ready};
use super::{Arrival, Failure, Prepared, group, quote, voted_on};
use crate::app::App;
use crate::client::Budget;
use crate::db::accounts::Account;
use crate::db::statuses::consent;
use crate::db::{self, Conn};
use crate::domain::interactions::{self, FromAfar, Outcome, Verb};
use crate::domain::visibility::{Visibility, waits};
use crate::domain::{Ctx, statuses};
use crate::error::AppResult;
use crate::federation::fetch;
use crate::federation::objects::{note as notes, quote as objects};
use crate::federation::render::interaction::authorization_name;
use crate::federation::value::{first_id, id, is_a, kind_of, many, same_origin, time, uri};

/// A request to like, answer or boost something of ours.
#[derive(Debug)]
pub struct Request {
    object: String,
    from: FromAfar,
    what: What,
}

#[derive(Debug)]
enum What {
    Like,
    Announce(Visibility),
    Reply(Box<Ready>),
}

pub(super) async fn prepare(arrival: &Arrival<'_>, verb: Verb) -> Result<Prepared, Failure> {
    let app = arrival.app;
    let (object, _) = arrival.object()?;
    if !app.config.is_ours(object) {
        return Prepared::nothing("not about anything here");
    }
    let hopeless = |reason: &str| Failure::Hopeless(reason.to_owned());
    let instrument = many(arrival.activity, "instrument")
        .first()
        .ok_or_else(|| hopeless("asks for nothing"))?;
    let instrument_id = id(instrument)
        .filter(|id| uri(id).is_some() && same_origin(id, &arrival.actor.uri))
        .ok_or_else(|| hopeless("what it asks for is on another host than the actor"))?;
    let embedded = instrument.is_object();
    let whole = embedded
        && instrument.get("actor").and_then(id) == Some(&arrival.actor.uri)
        && first_id(instrument, "object") == Some(object);
    let what = match verb {
        Verb::Like if !embedded || (whole && is_a(instrument, "Like")) => What::Like,
        Verb::Announce if whole && is_a(instrument, "Announce") => {
            What::Announce(match notes::visibility(instrument, arrival.actor) {
                Visibility::Public => Visibility::Public,
                Visibility::Unlisted => Visibility::Unlisted,
                _ => Visibility::Private,
            })
        }
        Verb::Reply => {
            let document = if notes::is_note(instrument) {
                instrument.clone()
            } else {
                fetch::document(app, instrument_id, arrival.budget).await?
            };
            let mut ready = create::ready_alone(app, arrival.actor.clone(), &document).await?;
            quote::resolve(app, &mut ready, arrival.budget).await;
            group::resolve::sought(app, &mut ready, arrival.budget).await;
            let fits = ready.note.uri == instrument_id
                && ready.note.in_reply_to.as_deref() == Some(object);
            if !fits {
                return Err(hopeless("what it asks for is no such reply"));
            }
            What::Reply(Box::new(ready))
        }
        _ => return Err(hopeless("what it asks for is something else")),
    };
    Prepared::deed(super::Deed::InteractionRequest(Request {
        object: object.to_owned(),
        from: FromAfar {
            uri: instrument_id.to_owned(),
            request: Some(arrival.id().to_owned()),
            vouched: false,
            published: time(instrument, "published").unwrap_or_else(|| app.clock.now_ms()),
        },
        what,
    }))
}

impl Request {
    pub(super) async fn apply(
        &self,
        tx: &mut Conn,
        ctx: &Ctx,
        actor: &Account,
    ) -> AppResult<&'static str> {
        let status = match voted_on(tx, actor, &self.object).await? {
            Ok(status) if status.local => status,
            Ok(_) => return Ok("the object is not known here"),
            Err(reason) => return Ok(reason),
        };
        let from = Some(&self.from);
        let outcome = match &self.what {
            What::Like => interactions::favourite(tx, ctx, actor, &status, from).await?,
            What::Announce(visibility) => {
                let open = Visibility::from_db(status.visibility).is_open();
                if !open || status.local_only {
                    return Ok("the object is not to be reblogged");
                }
                let wanted = Some(*visibility);
                interactions::reblog(tx, ctx, actor, &status, wanted, from)
                    .await?
                    .0
            }
            What::Reply(ready) => self.reply(tx, ctx, actor, &status, ready).await?,
        };
        Ok(outcome.reason())
    }

    async fn reply(
        &self,
        tx: &mut Conn,
        ctx: &Ctx,
        actor: &Account,
        parent: &db::statuses::Status,
        ready: &Ready,
    ) -> AppResult<Outcome> {
        let request = self.from.request.as_deref().unwrap_or_default();
        let ids = (request, self.from.uri.as_str());
        let known = db::statuses::by_uri(tx, &ready.note.uri).await?;
        if known.is_none() {
            let mut note = ready.note.clone();
            note.request = Some(request.to_owned());
            if let Some(reply) = statuses::receive(tx, ctx, actor, note, false).await? {
                return Ok(if waits(reply.visibility) {
                    Outcome::Asked
                } else {
                    Outcome::Done
                });
            }
        }
        interactions::reply_asked(tx, ctx, actor, parent, known.as_ref(), ids).await
    }
}

/// Types of requests.
const REQUESTS: [&str; 3] = ["LikeRequest", "ReplyRequest", "AnnounceRequest"];
/// Types of what is answered where nobody asked.
const DONE: [&str; 2] = ["Like", "Announce"];

/// Whether an Accept or Reject is about a like, reply or boost.
pub(super) fn is_answered(activity: &Value) -> bool {
    many(activity, "object").first().is_some_and(|object| {
        kind_of(object, &REQUESTS).is_some()
            || kind_of(object, &DONE).is_some()
            || notes::is_note(object)
            || (object.get("type").is_none()
                && id(object).is_some_and(|id| {
                    ["#interaction_requests/", "#likes/", "/statuses/"]
                        .iter()
                        .any(|part| id.contains(part))
                }))
            || (first_id(activity, "target").is_some()
                && object.as_str().is_some_and(|id| !id.contains("#follows/")))
    })
}

/// The answer to a request of ours.
#[derive(Debug)]
pub struct Answer {
    /// The stamp, fetched from its origin; `None`: refused.
    stamp: Option<String>,
    /// The id of the request, or of what it was for.
    uri: String,
}

pub(super) async fn prepare_answer(
    arrival: &Arrival<'_>,
    accept: bool,
) -> Result<Prepared, Failure> {
    let app = arrival.app;
    let (object, _) = arrival.object()?;
    if !app.config.is_ours(object) {
        return if accept {
            prepare_reply_of_another(arrival, object).await
        } else {
            Prepared::nothing("not about anyone here")
        };
    }
    let (object, author) = (object.to_owned(), arrival.actor.clone());
    let wanted = object.clone();
    let asked = app
        .read(move |c| {
            Box::pin(async move {
                let Some(row) = interactions::asked(c, &wanted, &author).await? else {
                    return Ok(None);
                };
                let status = db::statuses::by_id(c, row.status_id).await?;
                Ok(status.map(|status| (row, status.uri)))
            })
        })
        .await?;
    let Some((row, target)) = asked else {
        return Prepared::nothing("nobody here asked the actor");
    };
    let stamp = if accept {
        let result = first_id(arrival.activity, "result")
            .ok_or_else(|| Failure::Hopeless("gives leave without a stamp".to_owned()))?;
        let verb = Verb::from_db(row.verb).unwrap_or(Verb::Quote);
        let document = fetch::document(app, result, arrival.budget).await?;
        let (author, uri) = (&arrival.actor.uri, &row.interaction_uri);
        if !objects::is_stamp(&document, verb, result, author, uri, &target) {
            return Err(Failure::Hopeless(
                "the stamp is for something else".to_owned(),
            ));
        }
        Some(result.to_owned())
    } else {
        None
    };
    Prepared::deed(super::Deed::InteractionAnswer(Answer {
        stamp,
        uri: object,
    }))
}

/// An author tells their followers that they let somebody elsewhere answer them who had not asked:
/// the reply is fetched, and taken in with its stamp.
async fn prepare_reply_of_another(arrival: &Arrival<'_>, reply: &str) -> Result<Prepared, Failure> {
    let app = arrival.app;
    let known = first_id(arrival.activity, "target").zip(first_id(arrival.activity, "result"));
    let Some((target, stamp)) = known else {
        return Prepared::nothing("not about anyone here");
    };
    let by_actor = restricted(app, target)
        .await
        .is_some_and(|author| author == arrival.actor.uri);
    if !by_actor {
        return Prepared::nothing("not about anyone here");
    }
    let (author, mut document) = fetch::note(app, reply, arrival.budget).await?;
    if notes::parent(&document) != Some(target) {
        return Prepared::nothing("not about anyone here");
    }
    document["replyAuthorization"] = json!(stamp);
    create::take_in(arrival, author, &document, arrival.actor.id).await
}

impl Answer {
    pub(super) async fn apply(
        &self,
        tx: &mut Conn,
        ctx: &Ctx,
        actor: &Account,
    ) -> AppResult<&'static str> {
        let known = match &self.stamp {
            Some(stamp) => interactions::granted(tx, ctx, actor, &self.uri, stamp).await?,
            None => interactions::refused(tx, ctx, actor, &self.uri).await?,
        };
        Ok(if known {
            ""
        } else {
            "nobody here asked the actor"
        })
    }
}

/// The author of a status from elsewhere that has a policy of its own, where it is here.
async fn restricted(app: &App, status: &str) -> Option<String> {
    let uri = status.to_owned();
    app.read(move |c| {
        Box::pin(async move {
            let status = db::statuses::by_uri(c, &uri).await?;
            let held = |s: &db::statuses::Status| !s.local && s.consent & consent::POLICY != 0;
            match status.filter(held) {
                Some(status) => Ok(db::accounts::by_id(c, status.account_id).await?),
                None => Ok(None),
            }
        })
    })
    .await
    .ok()
    .flatten()
    .map(|author| author.uri)
}

/// Whether a stamp is `author`'s leave for `interacting` to do something with `target`, as the
/// author's own server serves it.
async fn is_vouched(
    app: &App,
    verb: Verb,
    stamp: &str,
    author: &str,
    (interacting, target): (&str, &str),
    budget: &Budget,
) -> bool {
    if !same_origin(stamp, author) || app.config.is_ours(stamp) {
        return false;
    }
    let Ok(budget) = budget.deeper() else {
        return false;
    };
    fetch::document(app, stamp, &budget)
        .await
        .is_ok_and(|found| objects::is_stamp(&found, verb, stamp, author, interacting, target))
}

/// Whether an activity bears a good stamp for what it does with something from elsewhere that has
/// a policy.
pub(super) async fn vouched(arrival: &Arrival<'_>, verb: Verb, object: &str) -> bool {
    let activity = arrival.activity;
    let stamp =
        first_id(activity, authorization_name(verb)).or_else(|| first_id(activity, "approvedBy"));
    let Some(stamp) = stamp else { return false };
    let Some(author) = restricted(arrival.app, object).await else {
        return false;
    };
    let pair = (arrival.id(), object);
    is_vouched(arrival.app, verb, stamp, &author, pair, arrival.budget).await
}

/// Looks up whether a reply may answer what it answers, where that is from elsewhere and has a
/// policy: `above` are those of its thread that are not here yet.
pub async fn resolve(app: &App, ready: &mut Ready, above: &[Ready], budget: &Budget) {
    let Some((stamp, parent)) =
        (ready.note.authorization.clone()).zip(ready.note.in_reply_to.clone())
    else {
        return;
    };
    let author = match above.iter().find(|ready| ready.note.uri == parent) {
        Some(found) if found.note.policies.is_none_or(|p| p.is_open()) => None,
        Some(found) => Some(found.author.uri.clone()),
        None => restricted(app, &parent).await,
    };
    if let Some(author) = author {
        let pair = (ready.note.uri.as_str(), parent.as_str());
        ready.note.vouched = is_vouched(app, Verb::Reply, &stamp, &author, pair, budget).await;
    }
}
