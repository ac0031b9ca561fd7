//! Doing what a policy may stand in the way of: it is done, asked for, or refused.

use super::decide::{accept, grant, tell_refusal};
use super::{Admission, Verb, admit, denied, is_free};
use crate::db::accounts::Account;
use crate::db::interactions::{ACCEPTED, PENDING, REJECTED, Request};
use crate::db::statuses::Status;
use crate::db::{self, Conn};
use crate::domain::Ctx;
use crate::domain::notifications::{self, Type};
use crate::domain::outgoing::{self, Audience, Instrument, Outgoing};
use crate::domain::reactions::{self, Reblog, announce_addressing, author_of};
use crate::domain::visibility::Visibility;
use crate::error::AppResult;

/// What became of a like, reply or boost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// It waits for the author's leave.
    Asked,
    Denied,
}

impl Outcome {
    /// 403 where it was refused.
    pub fn allowed(self, verb: Verb) -> AppResult<()> {
        match self {
            Outcome::Denied => Err(denied(verb)),
            _ => Ok(()),
        }
    }

    /// What an inbox notes of it.
    pub fn reason(self) -> &'static str {
        match self {
            Outcome::Done => "",
            Outcome::Asked => "it waits for the leave of whom it is about",
            Outcome::Denied => "the policy of the object does not admit it",
        }
    }
}

/// What is known of a like or boost that came from elsewhere.
#[derive(Debug, Clone, Default)]
pub struct FromAfar {
    /// Its id.
    pub uri: String,
    /// The id of the request that asks for leave, where one does.
    pub request: Option<String>,
    /// A stamp for it was seen at its origin.
    pub vouched: bool,
    /// Milliseconds since the epoch.
    pub published: i64,
}

/// A like or boost to make.
struct Deed<'a> {
    verb: Verb,
    account: &'a Account,
    author: &'a Account,
    status: &'a Status,
    /// Of a boost.
    visibility: Option<Visibility>,
    from: Option<&'a FromAfar>,
}

impl Deed<'_> {
    fn polite(&self) -> Option<&str> {
        self.from.and_then(|from| from.request.as_deref())
    }
}

/// `account` favourites a status it may see, as far as its policy allows. Again is no error.
pub async fn favourite(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    status: &Status,
    from: Option<&FromAfar>,
) -> AppResult<Outcome> {
    let polite = from.is_some_and(|from| from.request.is_some());
    if is_free(status) && !polite {
        let uri = from.map(|from| from.uri.clone());
        reactions::favourite(tx, ctx, account, status, uri, None).await?;
        return Ok(Outcome::Done);
    }
    db::votes::lock(tx, status.id).await?;
    let known = db::reactions::favourite(tx, account.id, status.id).await?;
    if known.is_some() && !polite {
        return Ok(Outcome::Done);
    }
    let author = author_of(tx, status).await?;
    let deed = Deed {
        verb: Verb::Like,
        account,
        author: &author,
        status,
        visibility: None,
        from,
    };
    carry_out(tx, ctx, &deed).await
}

/// `account` reblogs a status it may see, as far as its policy allows; the reblog, where there is
/// one now. Again gives the same.
pub async fn reblog(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    status: &Status,
    visibility: Option<Visibility>,
    from: Option<&FromAfar>,
) -> AppResult<(Outcome, Option<Status>)> {
    let polite = from.is_some_and(|from| from.request.is_some());
    if is_free(status) && !polite {
        let reblog = Reblog {
            quiet: false,
            visibility,
            remote: from.map(|from| (from.uri.clone(), from.published)),
            granted: None,
        };
        let made = reactions::reblog(tx, ctx, account, status, reblog).await?;
        return Ok((Outcome::Done, Some(made)));
    }
    db::votes::lock(tx, status.id).await?;
    reactions::check_reblog(account, status, visibility)?;
    let known = db::statuses::reblog_by(tx, account.id, status.id).await?;
    if known.is_some() && !polite {
        return Ok((Outcome::Done, known));
    }
    let author = author_of(tx, status).await?;
    let deed = Deed {
        verb: Verb::Announce,
        account,
        author: &author,
        status,
        visibility,
        from,
    };
    let outcome = carry_out(tx, ctx, &deed).await?;
    let made = match outcome {
        Outcome::Done => db::statuses::reblog_by(tx, account.id, status.id).await?,
        _ => None,
    };
    Ok((outcome, made))
}

async fn carry_out(tx: &mut Conn, ctx: &Ctx, deed: &Deed<'_>) -> AppResult<Outcome> {
    let &Deed {
        verb,
        account,
        author,
        status,
        visibility,
        from,
    } = deed;
    let vouched = from.is_some_and(|from| from.vouched);
    let admission = admit(tx, status, author, account, verb, vouched).await?;
    let earlier = db::interactions::of_account(tx, status.id, verb as i16, account.id).await?;
    let refused = earlier.as_ref().is_some_and(|row| row.state == REJECTED);
    // What was refused or revoked once is not to be had by asking again.
    if admission == Admission::Denied || (refused && admission != Admission::Open) {
        if let Some(request) = deed.polite() {
            let row = row_of(ctx, deed, request);
            tell_refusal(tx, ctx, author, account, status, &row).await?;
        }
        return Ok(Outcome::Denied);
    }
    // Asked again for what was granted, the answer is the same.
    if let (Some(row), Some(from)) = (&earlier, from)
        && let Some(request) = deed.polite()
        && row.state == ACCEPTED
        && row.interaction_uri == from.uri
    {
        let row = Request {
            request_uri: request.to_owned(),
            ..row.clone()
        };
        let stamp = row.stamp_uri.clone();
        accept(tx, ctx, row, &stamp).await?;
        return Ok(Outcome::Done);
    }
    let stamped = author.is_local()
        && (deed.polite().is_some() || (admission == Admission::Vouched && verb != Verb::Like));
    match admission {
        Admission::Open | Admission::Vouched if stamped => {
            let row = renewed(ctx, deed, earlier);
            put(tx, &row).await?;
            let stamp = grant(tx, ctx, author, status, verb, &row.interaction_uri).await?;
            accept(tx, ctx, row, &stamp).await?;
            Ok(Outcome::Done)
        }
        Admission::Ask => ask(tx, ctx, deed, earlier).await,
        _ => {
            let uri = from.map(|from| from.uri.clone());
            if verb == Verb::Like {
                reactions::favourite(tx, ctx, account, status, uri, None).await?;
            } else {
                let reblog = Reblog {
                    quiet: false,
                    visibility,
                    remote: from.map(|from| (from.uri.clone(), from.published)),
                    granted: None,
                };
                reactions::reblog(tx, ctx, account, status, reblog).await?;
            }
            Ok(Outcome::Done)
        }
    }
}

/// A new request for a like or boost.
fn row_of(ctx: &Ctx, deed: &Deed<'_>, request_uri: &str) -> Request {
    let id = ctx.ids.next();
    let account = deed.account;
    let interaction_uri = match deed.from {
        Some(from) => from.uri.clone(),
        None if deed.verb == Verb::Like => outgoing::activity_uri(ctx, account, "likes"),
        None => ctx.config.status_uri(&account.username, id) + "/activity",
    };
    Request {
        id,
        verb: deed.verb as i16,
        account_id: account.id,
        target_id: deed.author.id,
        status_id: deed.status.id,
        reply_id: None,
        visibility: deed.visibility.unwrap_or(Visibility::Public) as i16,
        state: PENDING,
        interaction_uri,
        request_uri: request_uri.to_owned(),
        stamp_uri: String::new(),
        created_at: ctx.now(),
        decided_at: None,
    }
}

/// The request for a like or boost: the one that waits or was granted for the same, or a new one.
fn renewed(ctx: &Ctx, deed: &Deed<'_>, earlier: Option<Request>) -> Request {
    let same = |row: &Request| match deed.from {
        Some(from) => row.interaction_uri == from.uri,
        None => row.state == PENDING,
    };
    let request = deed.polite().unwrap_or_default();
    match earlier.filter(same) {
        Some(row) if request.is_empty() => row,
        Some(row) => Request {
            request_uri: request.to_owned(),
            ..row
        },
        None => row_of(ctx, deed, request),
    }
}

/// Writes a request, whether it is there or not.
async fn put(tx: &mut Conn, row: &Request) -> AppResult<()> {
    if db::interactions::by_id(tx, row.id).await?.is_some() {
        db::interactions::update(tx, row).await?;
    } else {
        db::interactions::insert(tx, row).await?;
    }
    Ok(())
}

/// Asks the author for leave to like or boost.
async fn ask(
    tx: &mut Conn,
    ctx: &Ctx,
    deed: &Deed<'_>,
    earlier: Option<Request>,
) -> AppResult<Outcome> {
    let &Deed {
        verb,
        account,
        author,
        status,
        ..
    } = deed;
    if let Some(row) = &earlier
        && row.state == PENDING
        && deed.from.is_none()
    {
        return Ok(Outcome::Asked);
    }
    // One waits at a time.
    if let Some(row) = earlier.filter(|row| row.state == PENDING) {
        db::interactions::delete(tx, row.id).await?;
    }
    let mut row = row_of(ctx, deed, deed.polite().unwrap_or_default());
    if author.is_local() {
        db::interactions::insert(tx, &row).await?;
        let kind = notification(verb);
        notifications::notify(tx, ctx, author, account, kind, Some(status.id)).await?;
        return Ok(Outcome::Asked);
    }
    let instrument = if verb == Verb::Like {
        Instrument::Like {
            uri: row.interaction_uri.clone(),
        }
    } else {
        let visibility = Visibility::from_db(row.visibility);
        Instrument::Announce {
            uri: row.interaction_uri.clone(),
            published: row.created_at,
            addressing: announce_addressing(account, visibility, author),
        }
    };
    send_request(tx, ctx, account, author, status, &mut row, instrument).await?;
    Ok(Outcome::Asked)
}

/// Writes a request to an author elsewhere, and sends it.
pub(super) async fn send_request(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    author: &Account,
    status: &Status,
    row: &mut Request,
    instrument: Instrument,
) -> AppResult<()> {
    let verb = Verb::from_db(row.verb).unwrap_or(Verb::Like);
    row.request_uri = outgoing::activity_uri(ctx, account, REQUESTS);
    db::interactions::insert(tx, row).await?;
    let activity = Outgoing::InteractionRequest {
        verb,
        uri: row.request_uri.clone(),
        object: status.uri.clone(),
        to: author.uri.clone(),
        instrument,
    };
    outgoing::send(tx, ctx, account, &activity, Audience::one(author.id)).await
}

/// What the ids of our requests have in common.
const REQUESTS: &str = "interaction_requests";

/// What is told to whom a request waits for.
pub(super) fn notification(verb: Verb) -> Type {
    match verb {
        Verb::Announce => Type::PendingReblog,
        Verb::Reply => Type::PendingReply,
        _ => Type::PendingFavourite,
    }
}

/// `account` takes back a like or boost that waits.
pub async fn withdraw(
    tx: &mut Conn,
    account: &Account,
    status: &Status,
    verb: Verb,
) -> AppResult<()> {
    if is_free(status) {
        return Ok(());
    }
    let row = db::interactions::of_account(tx, status.id, verb as i16, account.id).await?;
    if let Some(row) = row.filter(|row| row.state == PENDING) {
        db::interactions::delete(tx, row.id).await?;
        let author = author_of(tx, status).await?;
        let kind = notification(verb);
        notifications::retract(tx, &author, account, kind, Some(status.id)).await?;
    }
    Ok(())
}
