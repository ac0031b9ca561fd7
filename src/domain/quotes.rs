//! Quoting with leave (FEP-044f): who may quote what, asking, granting, refusing, revoking.

use super::Ctx;
use super::interactions::{self, Policies, Standing, Verb};
pub use super::interactions::{Leave, Policy, who};
use super::notifications::{self, Type};
use super::outgoing::{
    self, Addressing, Audience, CanQuote, Note, Outgoing, PUBLIC, QuoteRef, RequestRef,
};
use super::statuses;
use super::visibility::{Visibility, may_see, waits};
use crate::db::accounts::Account;
use crate::db::interactions::{Authorization, PolicyRow};
use crate::db::quotes::{ACCEPTED, PENDING, Quote, REJECTED, REVOKED};
use crate::db::statuses::Status;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};

/// Statuses whose showing changes with that of what they quote, at most.
const QUOTERS: i64 = 1000;

impl Policy {
    /// As `quote_approval_policy` names it.
    pub fn parse(text: &str) -> Option<Policy> {
        match text {
            "public" => Some(Policy::EVERYONE),
            "followers" => Some(Policy::FOLLOWERS),
            "nobody" => Some(Policy::NOBODY),
            _ => None,
        }
    }

    /// A status's policy, by its row where it has one. What is not for everyone is quoted by its
    /// author alone; a status from elsewhere that says nothing is not to be quoted.
    pub fn of(status: &Status, row: Option<&PolicyRow>) -> Policy {
        if !Visibility::from_db(status.visibility).is_open() || status.reblog_of_id.is_some() {
            return Policy::NOBODY;
        }
        match row {
            Some(row) => Policy {
                automatic: row.automatic,
                manual: row.manual,
            },
            None if status.local => Policy::EVERYONE,
            None => Policy::NOBODY,
        }
    }

    /// Bits as the API names them.
    pub fn names(bits: i16) -> Vec<&'static str> {
        [
            (who::EVERYONE, "public"),
            (who::FOLLOWERS, "followers"),
            (who::FOLLOWING, "following"),
            (who::OTHERS, "unsupported_policy"),
        ]
        .into_iter()
        .filter(|(bit, _)| bits & bit != 0)
        .map(|(_, name)| name)
        .collect()
    }
}

/// A status's policy.
async fn policy_of(conn: &mut Conn, status: &Status) -> AppResult<Policy> {
    let row = db::interactions::policy(conn, status.id, Verb::Quote as i16).await?;
    Ok(Policy::of(status, row.as_ref()))
}

/// What becomes of a quote of a status that `account` makes.
async fn leave(
    conn: &mut Conn,
    status: &Status,
    author: &Account,
    account: &Account,
) -> AppResult<Leave> {
    if author.id == account.id {
        let direct = Visibility::from_db(status.visibility) == Visibility::Direct;
        return Ok(if direct {
            Leave::Denied
        } else {
            Leave::Automatic
        });
    }
    if !author.is_active() {
        return Ok(Leave::Denied);
    }
    for (one, other) in [(author.id, account.id), (account.id, author.id)] {
        if db::relations::block(conn, one, other).await?.is_some() {
            return Ok(Leave::Denied);
        }
    }
    let policy = policy_of(conn, status).await?;
    let follows = db::relations::follow(conn, account.id, author.id)
        .await?
        .is_some();
    let followed = policy.depends_on_following()
        && db::relations::follow(conn, author.id, account.id)
            .await?
            .is_some();
    Ok(policy.leave(Standing {
        follows,
        followed,
        mentioned: false,
    }))
}

/// Sets who may quote a status that was just written, where that is not what goes without
/// saying.
async fn set_policy(tx: &mut Conn, status: &Status, policy: Policy) -> AppResult<()> {
    if policy == Policy::of(status, None) {
        db::interactions::clear_policy(tx, status.id, Verb::Quote as i16).await?;
    } else {
        let row = PolicyRow {
            status_id: status.id,
            verb: Verb::Quote as i16,
            automatic: policy.automatic,
            manual: policy.manual,
        };
        db::interactions::set_policy(tx, row).await?;
    }
    Ok(())
}

/// What a local author is about to quote, with what becomes of it.
pub(super) struct Intent {
    quoted: Status,
    author: Account,
    leave: Leave,
}

impl Intent {
    /// The visibility of the quoting status: what is for followers is quoted for followers.
    pub fn narrow(&self, wanted: Visibility) -> Visibility {
        let quoted = Visibility::from_db(self.quoted.visibility);
        if quoted.is_open() || !wanted.is_open() {
            wanted
        } else {
            Visibility::Private
        }
    }

    /// Whom the quoting status has to be shown to, so that they can see what they allow.
    pub fn to_mention(&self, visibility: Visibility, author: &Account) -> Option<Account> {
        (!visibility.is_open() && self.author.id != author.id).then(|| self.author.clone())
    }
}

/// Looks up what an author wants to quote: 404 for what they may not see or not quote.
pub(super) async fn intend(tx: &mut Conn, account: &Account, id: i64) -> AppResult<Intent> {
    let missing = || {
        AppError::not_found().describe("The post you are trying to quote does not appear to exist.")
    };
    let mut quoted = db::statuses::by_id(tx, id).await?.ok_or_else(missing)?;
    if let Some(original) = quoted.reblog_of_id {
        quoted = db::statuses::by_id(tx, original)
            .await?
            .ok_or_else(missing)?;
    }
    if !may_see(tx, &quoted, Some(account)).await? || quoted.local_only && !account.is_local() {
        return Err(missing());
    }
    let author = db::accounts::by_id(tx, quoted.account_id)
        .await?
        .ok_or_else(missing)?;
    match leave(tx, &quoted, &author, account).await? {
        Leave::Denied => Err(missing()),
        leave => Ok(Intent {
            quoted,
            author,
            leave,
        }),
    }
}

/// Writes the quote of a local status that was just written. Gives back the QuoteRequest to send
/// once its note is made, where the author elsewhere has to be asked.
pub(super) async fn quote(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    status: &Status,
    intent: Intent,
) -> AppResult<Option<(String, Account, String)>> {
    let Intent {
        quoted,
        author,
        leave,
    } = intent;
    let own = author.id == account.id;
    let ask = !own && !author.is_local();
    let mut row = Quote {
        status_id: status.id,
        account_id: account.id,
        quoted_id: Some(quoted.id),
        quoted_account_id: Some(author.id),
        quoted_uri: quoted.uri.clone(),
        state: PENDING,
        legacy: false,
        request_uri: String::new(),
        approval_uri: String::new(),
        created_at: ctx.now(),
    };
    if ask {
        row.request_uri = outgoing::activity_uri(ctx, account, "quote_requests");
        db::quotes::put(tx, &row).await?;
        return Ok(Some((row.request_uri, author, quoted.uri)));
    }
    if !own && leave != Leave::Automatic {
        db::quotes::put(tx, &row).await?;
        return Ok(None);
    }
    if !own {
        row.approval_uri = grant(tx, ctx, &author, &quoted, &status.uri).await?;
    }
    accept(tx, ctx, account, status, row).await?;
    Ok(None)
}

/// Sends the QuoteRequest for a local status.
pub(super) async fn ask(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    note: Note,
    (uri, author, quoted_uri): (String, Account, String),
) -> AppResult<()> {
    let activity = Outgoing::QuoteRequest {
        uri,
        object: quoted_uri,
        instrument: Box::new(note),
    };
    outgoing::send(tx, ctx, account, &activity, Audience::one(author.id)).await
}

/// Gives leave to an object to quote a local status; the stamp's id.
async fn grant(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    quoted: &Status,
    quoting_uri: &str,
) -> AppResult<String> {
    let row = Authorization {
        id: ctx.ids.next(),
        verb: Verb::Quote as i16,
        account_id: author.id,
        status_id: quoted.id,
        interacting_uri: quoting_uri.to_owned(),
        created_at: ctx.now(),
    };
    let row = db::interactions::authorize(tx, &row).await?;
    Ok(interactions::stamp_uri(
        author,
        interactions::QUOTES,
        row.id,
    ))
}

/// Writes a quote as accepted: counted, told to the quoted author, shown anew.
async fn accept(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    status: &Status,
    row: Quote,
) -> AppResult<()> {
    let before = db::quotes::of_status(tx, status.id).await?;
    let counted = before
        .filter(|b| b.state == ACCEPTED)
        .and_then(|b| b.quoted_id);
    let row = Quote {
        state: ACCEPTED,
        ..row
    };
    db::quotes::put(tx, &row).await?;
    tx.emit(Event::of(Kind::StatusCounts, status.id));
    let Some(quoted_id) = row.quoted_id else {
        return Ok(());
    };
    if counted != Some(quoted_id) {
        db::quotes::count(tx, quoted_id, 1).await?;
        tx.emit(Event::of(Kind::StatusCounts, quoted_id));
        if let Some(other) = counted {
            db::quotes::count(tx, other, -1).await?;
            tx.emit(Event::of(Kind::StatusCounts, other));
        }
    }
    if let Some(author) = row.quoted_account_id
        && let Some(author) = db::accounts::by_id(tx, author).await?
    {
        notifications::notify(tx, ctx, &author, account, Type::Quote, Some(status.id)).await?;
    }
    Ok(())
}

/// Ends a quote that was made or asked for, in another state.
async fn end(tx: &mut Conn, row: Quote, state: i16) -> AppResult<()> {
    if let Some(quoted) = row.quoted_id.filter(|_| row.state == ACCEPTED) {
        db::quotes::count(tx, quoted, -1).await?;
        tx.emit(Event::of(Kind::StatusCounts, quoted));
    }
    let status_id = row.status_id;
    let row = Quote {
        state,
        approval_uri: String::new(),
        ..row
    };
    db::quotes::put(tx, &row).await?;
    tx.emit(Event::of(Kind::StatusEdited, status_id));
    Ok(())
}

/// The local status of a quote, with its author; `None` for one from elsewhere.
async fn local_quoting(tx: &mut Conn, row: &Quote) -> AppResult<Option<(Account, Status)>> {
    let Some(status) = db::statuses::by_id(tx, row.status_id).await? else {
        return Ok(None);
    };
    if !status.local {
        return Ok(None);
    }
    let author = db::accounts::by_id(tx, status.account_id).await?;
    Ok(author.filter(Account::is_active).map(|a| (a, status)))
}

/// Tells the servers that have a local status that its quote stands otherwise now.
async fn tell(tx: &mut Conn, ctx: &Ctx, row: &Quote) -> AppResult<()> {
    match local_quoting(tx, row).await? {
        Some((author, status)) => statuses::send_update(tx, ctx, &author, &status).await,
        None => Ok(()),
    }
}

/// An author takes back the leave for a quote of a status of theirs; gives back the quoting
/// status's id. 403 for somebody else's status, 404 where it is not quoted there.
pub async fn revoke(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    quoted_id: i64,
    quoting_id: i64,
) -> AppResult<i64> {
    let quoted = db::statuses::by_id(tx, quoted_id)
        .await?
        .ok_or_else(AppError::not_found)?;
    if quoted.account_id != author.id {
        return Err(if may_see(tx, &quoted, Some(author)).await? {
            AppError::forbidden("This action is not allowed")
        } else {
            AppError::not_found()
        });
    }
    let row = db::quotes::of_status(tx, quoting_id)
        .await?
        .filter(|row| row.quoted_id == Some(quoted.id))
        .ok_or_else(AppError::not_found)?;
    let quoting = db::statuses::by_id(tx, quoting_id)
        .await?
        .ok_or_else(AppError::not_found)?;
    if row.state == REVOKED {
        return Ok(quoting_id);
    }
    let stamp =
        db::interactions::authorization(tx, quoted.id, Verb::Quote as i16, &quoting.uri).await?;
    end(tx, row.clone(), REVOKED).await?;
    if let Some(stamp) = stamp {
        let uri = interactions::stamp_uri(author, interactions::QUOTES, stamp.id);
        db::interactions::withdraw(tx, stamp.id).await?;
        db::statuses::bury(tx, &uri, author.id, ctx.now()).await?;
        let quoter = db::accounts::by_id(tx, quoting.account_id).await?;
        let activity = Outgoing::Delete {
            uri: format!("{uri}#delete"),
            object: uri,
            addressing: Addressing {
                to: vec![PUBLIC.to_owned()],
                cc: quoter.into_iter().map(|account| account.uri).collect(),
                ..Addressing::default()
            },
        };
        let audience = Audience {
            followers: true,
            accounts: vec![quoting.account_id],
        };
        outgoing::send(tx, ctx, author, &activity, audience).await?;
    }
    tell(tx, ctx, &row).await?;
    Ok(quoting_id)
}

/// Changes who may quote a status of one's own from now on.
pub async fn change_policy(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    id: i64,
    policy: Policy,
) -> AppResult<()> {
    let status = match db::statuses::by_id(tx, id).await? {
        Some(status) if status.account_id == author.id && status.reblog_of_id.is_none() => status,
        _ => return Err(AppError::not_found()),
    };
    set_policy(tx, &status, policy).await?;
    tx.emit(Event::of(Kind::StatusCounts, id));
    statuses::send_update(tx, ctx, author, &status).await
}

/// Sets the policy of a status that is just being written or edited, without telling anyone.
pub(super) async fn put_policy(tx: &mut Conn, status: &Status, policy: Policy) -> AppResult<()> {
    set_policy(tx, status, policy).await
}

/// A quote as a status from elsewhere makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteQuote {
    /// What is quoted.
    pub uri: String,
    /// Not by FEP-044f: its server cannot ask.
    pub legacy: bool,
    /// The stamp it names.
    pub authorization: Option<String>,
    /// The stamp was fetched from the quoted author's server and is for this quote.
    pub verified: bool,
}

/// Writes the quote and the policy of a status from elsewhere that just came, or was edited.
pub(super) async fn received(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    status: &Status,
    quote: Option<&RemoteQuote>,
    policy: Option<Policy>,
) -> AppResult<()> {
    if let Some(policy) = policy {
        set_policy(tx, status, policy).await?;
    }
    let Some(quote) = quote else { return Ok(()) };
    let quoted = db::statuses::by_uri(tx, &quote.uri)
        .await?
        .filter(|quoted| quoted.reblog_of_id.is_none() && quoted.id != status.id);
    let known = db::quotes::of_status(tx, status.id)
        .await?
        .filter(|row| row.quoted_uri == quote.uri);
    let mut row = Quote {
        status_id: status.id,
        account_id: account.id,
        quoted_id: quoted.as_ref().map(|q| q.id),
        quoted_account_id: quoted.as_ref().map(|q| q.account_id),
        quoted_uri: quote.uri.clone(),
        state: known.as_ref().map_or(PENDING, |row| row.state),
        legacy: quote.legacy,
        request_uri: known
            .as_ref()
            .map_or_else(String::new, |r| r.request_uri.clone()),
        approval_uri: quote.authorization.clone().unwrap_or_default(),
        created_at: known
            .as_ref()
            .map_or_else(|| ctx.now(), |row| row.created_at),
    };
    if row.state == REVOKED || row.state == REJECTED {
        return Ok(());
    }
    let may = match &quoted {
        Some(quoted) => may_stand(tx, ctx, account, status, quoted, quote, &mut row).await?,
        None => false,
    };
    if may {
        if row.state != ACCEPTED {
            accept(tx, ctx, account, status, row).await?;
        }
        return Ok(());
    }
    if row.state == ACCEPTED {
        // The stamp it had is not there any more.
        return end(tx, known.unwrap_or(row), REVOKED).await;
    }
    db::quotes::put(tx, &row).await?;
    tx.emit(Event::of(Kind::StatusCounts, status.id));
    Ok(())
}

/// Whether a quote from elsewhere is one that the quoted author allows.
async fn may_stand(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    status: &Status,
    quoted: &Status,
    quote: &RemoteQuote,
    row: &mut Quote,
) -> AppResult<bool> {
    if quoted.account_id == account.id {
        return Ok(true);
    }
    if !quoted.local {
        return Ok(quote.verified && Visibility::from_db(quoted.visibility).is_open());
    }
    let Some(author) = db::accounts::by_id(tx, quoted.account_id).await? else {
        return Ok(false);
    };
    if let Some(stamp) =
        db::interactions::authorization(tx, quoted.id, Verb::Quote as i16, &status.uri).await?
    {
        row.approval_uri = interactions::stamp_uri(&author, interactions::QUOTES, stamp.id);
        return Ok(true);
    }
    // Whoever cannot ask is answered by the policy; whoever can will.
    if quote.legacy && leave(tx, quoted, &author, account).await? == Leave::Automatic {
        row.approval_uri = grant(tx, ctx, &author, quoted, &status.uri).await?;
        return Ok(true);
    }
    Ok(false)
}

/// A QuoteRequest from elsewhere for a local status: answered by its policy. The quoting object
/// may be here (or not, when its author keeps it from us).
pub async fn requested(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    quoted: &Status,
    request_uri: &str,
    instrument: &str,
) -> AppResult<()> {
    let author = db::accounts::by_id(tx, quoted.account_id)
        .await?
        .ok_or_else(AppError::not_found)?;
    let request = RequestRef {
        uri: request_uri.to_owned(),
        actor: account.uri.clone(),
        object: quoted.uri.clone(),
        instrument: instrument.to_owned(),
    };
    let audience = Audience::one(account.id);
    let quoting = db::statuses::by_uri(tx, instrument).await?;
    let quoting = quoting.filter(|status| status.account_id == account.id);
    let row = match &quoting {
        Some(status) => db::quotes::of_status(tx, status.id)
            .await?
            .filter(|row| row.quoted_id == Some(quoted.id)),
        None => None,
    };
    // What was revoked once is not to be had by asking again.
    let revoked = row.as_ref().is_some_and(|row| row.state == REVOKED);
    let waiting = quoting.as_ref().is_some_and(|q| waits(q.visibility));
    let refused = revoked || waiting;
    if refused || leave(tx, quoted, &author, account).await? != Leave::Automatic {
        if let Some(row) = row.filter(|row| row.state == PENDING) {
            end(tx, row, REJECTED).await?;
        }
        let activity = Outgoing::RejectQuote {
            uri: outgoing::activity_uri(ctx, &author, "rejects"),
            request,
        };
        return outgoing::send(tx, ctx, &author, &activity, audience).await;
    }
    let stamp = grant(tx, ctx, &author, quoted, instrument).await?;
    if let (Some(row), Some(status)) = (row, quoting) {
        let accepted = row.state == ACCEPTED;
        let row = Quote {
            request_uri: request_uri.to_owned(),
            approval_uri: stamp.clone(),
            ..row
        };
        if !accepted {
            accept(tx, ctx, account, &status, row).await?;
            tx.emit(Event::of(Kind::StatusEdited, status.id));
        }
    }
    let activity = Outgoing::AcceptQuote {
        uri: outgoing::activity_uri(ctx, &author, "accepts"),
        request,
        result: stamp,
    };
    outgoing::send(tx, ctx, &author, &activity, audience).await
}

/// The quote that a QuoteRequest of ours asked `author` for.
pub async fn asked(
    conn: &mut Conn,
    request_uri: &str,
    author: &Account,
) -> AppResult<Option<Quote>> {
    let row = db::quotes::by_request(conn, request_uri).await?;
    Ok(row.filter(|row| row.quoted_account_id == Some(author.id)))
}

/// The quoted author granted what we asked for; `stamp` was fetched from their server.
pub async fn granted(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    request_uri: &str,
    stamp: &str,
) -> AppResult<bool> {
    let Some(row) = asked(tx, request_uri, author).await? else {
        return Ok(false);
    };
    let Some((account, status)) = local_quoting(tx, &row).await? else {
        return Ok(false);
    };
    if row.state != PENDING {
        return Ok(true);
    }
    let row = Quote {
        approval_uri: stamp.to_owned(),
        ..row
    };
    accept(tx, ctx, &account, &status, row).await?;
    tx.emit(Event::of(Kind::StatusEdited, status.id));
    statuses::send_update(tx, ctx, &account, &status).await?;
    Ok(true)
}

/// The quoted author refused, or took back, what we asked for.
pub async fn refused(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    request_uri: &str,
) -> AppResult<bool> {
    let Some(row) = asked(tx, request_uri, author).await? else {
        return Ok(false);
    };
    let state = match row.state {
        PENDING => REJECTED,
        ACCEPTED => REVOKED,
        _ => return Ok(true),
    };
    end(tx, row.clone(), state).await?;
    if state == REVOKED {
        tell(tx, ctx, &row).await?;
    }
    Ok(true)
}

/// An author elsewhere deleted a stamp of theirs: what it allowed is revoked. False when nothing
/// here rests on it.
pub async fn stamp_deleted(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    stamp: &str,
) -> AppResult<bool> {
    let rows = db::quotes::by_approval(tx, stamp).await?;
    let theirs: Vec<Quote> = rows
        .into_iter()
        .filter(|row| row.quoted_account_id == Some(author.id) && row.state == ACCEPTED)
        .collect();
    for row in &theirs {
        end(tx, row.clone(), REVOKED).await?;
        tell(tx, ctx, row).await?;
    }
    Ok(!theirs.is_empty())
}

/// Tells local accounts that something they quote was edited.
pub(super) async fn quoted_changed(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    quoted_id: i64,
) -> AppResult<()> {
    for (account, quoting) in db::quotes::local_quoters(tx, quoted_id, QUOTERS).await? {
        let kind = Type::QuotedUpdate;
        notifications::notify(tx, ctx, &account, author, kind, Some(quoting)).await?;
    }
    Ok(())
}

/// Before a status goes: what it quotes is quoted once less, and what quotes it is shown anew.
pub(super) async fn erased(tx: &mut Conn, status: &Status) -> AppResult<()> {
    let quoting = db::quotes::quoting(tx, status.id, QUOTERS).await?;
    for id in quoting {
        tx.emit(Event::of(Kind::StatusCounts, id));
    }
    let made = db::quotes::of_status(tx, status.id).await?;
    if let Some(quoted) = made
        .filter(|q| q.state == ACCEPTED)
        .and_then(|q| q.quoted_id)
    {
        db::quotes::count(tx, quoted, -1).await?;
        tx.emit(Event::of(Kind::StatusCounts, quoted));
    }
    Ok(())
}

/// Adds to the note of a status that quotes nothing and has no policy of its own what goes
/// without saying.
pub(super) fn describe_plain(author: &Account, status: &Status, note: &mut Note) {
    note.can_quote = Some(by_ids(author, Policy::of(status, None)));
}

/// Adds to notes of statuses what they quote and who may quote them: two statements.
pub(super) async fn describe(
    conn: &mut Conn,
    author: &Account,
    statuses: &[Status],
    notes: &mut [Note],
) -> AppResult<()> {
    let ids: Vec<i64> = statuses.iter().map(|s| s.id).collect();
    let quotes = db::quotes::of_statuses(conn, &ids).await?;
    let policies = db::interactions::policies_of(conn, &ids).await?;
    let quoted: Vec<i64> = quotes.iter().filter_map(|q| q.quoted_id).collect();
    let quoted = db::statuses::by_ids(conn, &quoted).await?;
    for (status, note) in statuses.iter().zip(notes) {
        let own = policies.iter().filter(|row| row.status_id == status.id);
        let row = own.clone().find(|row| row.verb == Verb::Quote as i16);
        interactions::describe(author, Policies::from_rows(own), note);
        note.can_quote = Some(by_ids(author, Policy::of(status, row)));
        note.quote = quotes
            .iter()
            .find(|q| q.status_id == status.id)
            .and_then(|q| {
                // A quote that was refused or revoked is none.
                if !matches!(q.state, PENDING | ACCEPTED) {
                    return None;
                }
                let page = quoted.iter().find(|s| Some(s.id) == q.quoted_id);
                Some(QuoteRef {
                    uri: q.quoted_uri.clone(),
                    page: page
                        .map(|s| s.url.clone())
                        .filter(|url| !url.is_empty())
                        .unwrap_or_else(|| q.quoted_uri.clone()),
                    authorization: Some(q.approval_uri.clone())
                        .filter(|uri| q.state == ACCEPTED && !uri.is_empty()),
                })
            });
    }
    Ok(())
}

/// A policy by the ids of those it admits; the author alone where it admits nobody.
pub(super) fn by_ids(author: &Account, policy: Policy) -> CanQuote {
    let ids = |bits: i16| interactions::ids(author, bits, &[]);
    let mut automatic = ids(policy.automatic);
    if automatic.is_empty() {
        automatic.push(author.uri.clone());
    }
    CanQuote {
        automatic,
        manual: ids(policy.manual),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_have_the_names_of_the_api() {
        assert_eq!(Policy::names(5), ["public", "following"]);
        assert_eq!(Policy::parse("nobody"), Some(Policy::NOBODY));
        assert_eq!(Policy::parse("friends"), None);
    }
}
