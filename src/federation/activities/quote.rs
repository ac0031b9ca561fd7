//! QuoteRequest, its answers, and what a status that arrives quotes (FEP-044f).

use serde_json::Value;

use super::create::{self, Ready};
use super::{Arrival, Failure, Prepared};
use crate::app::App;
use crate::client::Budget;
use crate::db::accounts::Account;
use crate::db::{self, Conn};
use crate::domain::interactions::Verb;
use crate::domain::visibility::may_see;
use crate::domain::{self, Ctx, quotes};
use crate::error::AppResult;
use crate::federation::fetch;
use crate::federation::objects::{note as notes, quote as objects};
use crate::federation::value::{first_id, id, is_a, many, same_origin, uri};

/// A request to quote something of ours.
#[derive(Debug)]
pub struct Request {
    uri: String,
    quoted: String,
    instrument: String,
    /// The quoting status, where it could be had.
    status: Option<Ready>,
}

pub(super) async fn prepare(arrival: &Arrival<'_>) -> Result<Prepared, Failure> {
    let app = arrival.app;
    let (quoted, _) = arrival.object()?;
    if !app.config.is_ours(quoted) {
        return Prepared::nothing("not about anything here");
    }
    let instrument = many(arrival.activity, "instrument")
        .first()
        .ok_or_else(|| Failure::Hopeless("asks to quote with nothing".to_owned()))?;
    let instrument_id = id(instrument)
        .filter(|id| uri(id).is_some() && same_origin(id, &arrival.actor.uri))
        .ok_or_else(|| {
            Failure::Hopeless("the quoting object is on another host than the actor".to_owned())
        })?;
    let document = if notes::is_note(instrument) {
        Some(instrument.clone())
    } else {
        // Their server may keep it from ours until it is allowed.
        match fetch::document(app, instrument_id, arrival.budget).await {
            Ok(document) => Some(document),
            Err(fetch::Error::Later(reason)) => return Err(Failure::Later(reason)),
            Err(_) => None,
        }
    };
    let status = match document {
        Some(document) => {
            let ready = create::ready_alone(app, arrival.actor.clone(), &document).await;
            ready.ok().filter(|ready| {
                ready.note.uri == instrument_id
                    && ready.note.quote.as_ref().is_some_and(|q| q.uri == quoted)
            })
        }
        None => None,
    };
    Prepared::deed(super::Deed::QuoteRequest(Request {
        uri: arrival.id().to_owned(),
        quoted: quoted.to_owned(),
        instrument: instrument_id.to_owned(),
        status,
    }))
}

impl Request {
    pub(super) async fn apply(
        &self,
        tx: &mut Conn,
        ctx: &Ctx,
        actor: &Account,
    ) -> AppResult<&'static str> {
        let quoted = db::statuses::by_uri(tx, &self.quoted).await?;
        let Some(quoted) = quoted.filter(|s| s.local && s.reblog_of_id.is_none()) else {
            return Ok("the object is not known here");
        };
        if !may_see(tx, &quoted, Some(actor)).await? {
            return Ok("the actor may not see the object");
        }
        if let Some(ready) = &self.status {
            // Its Create may come later, and finds it here then.
            domain::statuses::receive(tx, ctx, &ready.author, ready.note.clone(), false).await?;
        }
        let (uri, instrument) = (&self.uri, &self.instrument);
        quotes::requested(tx, ctx, actor, &quoted, uri, instrument).await?;
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

/// Whether an Accept or Reject answers a QuoteRequest.
pub(super) fn is_answered(activity: &Value) -> bool {
    many(activity, "object").first().is_some_and(|object| {
        is_a(object, "QuoteRequest")
            || (object.get("type").is_none()
                && id(object).is_some_and(|id| id.contains("#quote_requests/")))
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
    let (uri, author) = (request.to_owned(), arrival.actor.clone());
    let asked = app
        .read(move |c| {
            Box::pin(async move {
                let Some(row) = quotes::asked(c, &uri, &author).await? else {
                    return Ok(None);
                };
                let status = db::statuses::by_id(c, row.status_id).await?;
                Ok(status.map(|status| (status.uri, row.quoted_uri)))
            })
        })
        .await?;
    let Some((quoting, quoted)) = asked else {
        return Prepared::nothing("nobody here asked the actor");
    };
    let stamp = if accept {
        let result = first_id(arrival.activity, "result")
            .ok_or_else(|| Failure::Hopeless("accepts a quote without a stamp".to_owned()))?;
        let author = &arrival.actor.uri;
        let document = fetch::document(app, result, arrival.budget).await?;
        if !objects::is_stamp(&document, Verb::Quote, result, author, &quoting, &quoted) {
            return Err(Failure::Hopeless(
                "the stamp is for something else".to_owned(),
            ));
        }
        Some(result.to_owned())
    } else {
        None
    };
    Prepared::deed(super::Deed::QuoteAnswer(Answer {
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
            Some(stamp) => quotes::granted(tx, ctx, actor, &self.request, stamp).await?,
            None => quotes::refused(tx, ctx, actor, &self.request).await?,
        };
        Ok(if known {
            ""
        } else {
            "nobody here asked the actor"
        })
    }
}

/// Looks up what a status quotes, and whether it may: the quoted status where it is not here,
/// and the stamp from its origin. What cannot be had leaves the quote pending.
pub async fn resolve(app: &App, ready: &mut Ready, budget: &Budget) {
    let Some(quote) = ready.note.quote.clone() else {
        return;
    };
    let Ok(budget) = budget.deeper() else { return };
    let Some(author) = quoted_author(app, ready, &quote.uri, &budget).await else {
        return;
    };
    let verified = match &quote.authorization {
        _ if author == ready.author.uri => true,
        // Ours are looked up where they are kept.
        Some(stamp) if same_origin(stamp, &author) && !app.config.is_ours(stamp) => {
            let (quoting, quoted) = (&ready.note.uri, &quote.uri);
            fetch::document(app, stamp, &budget)
                .await
                .is_ok_and(|found| {
                    objects::is_stamp(&found, Verb::Quote, stamp, &author, quoting, quoted)
                })
        }
        _ => false,
    };
    if let Some(quote) = &mut ready.note.quote {
        quote.verified = verified;
    }
}

/// The id of the author of a quoted status, which is fetched where it is not here.
async fn quoted_author(
    app: &App,
    ready: &mut Ready,
    quoted: &str,
    budget: &Budget,
) -> Option<String> {
    let uri = quoted.to_owned();
    let known = app
        .read(move |c| {
            Box::pin(async move {
                match db::statuses::by_uri(c, &uri).await? {
                    Some(status) => Ok(db::accounts::by_id(c, status.account_id).await?),
                    None => Ok(None),
                }
            })
        })
        .await
        .ok()?;
    if let Some(author) = known {
        return Some(author.uri);
    }
    if app.config.is_ours(quoted) {
        return None;
    }
    let (author, document) = fetch::note(app, quoted, budget).await.ok()?;
    let found = create::ready_alone(app, author, &document).await.ok()?;
    if !found.note.visibility.is_open() || found.note.uri != quoted {
        return None;
    }
    let author = found.author.uri.clone();
    ready.quoted = Some(Box::new(found));
    Some(author)
}
