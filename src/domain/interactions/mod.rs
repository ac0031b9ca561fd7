//! Liking, answering and boosting where not everyone may: what becomes of it, by the policy of
//! the status; asking, granting, refusing, revoking. Quotes have their own rules
//! ([`super::quotes`]) and the same policies and stamps.

mod decide;
mod policy;
mod reply;
mod request;

pub use decide::{asked, authorize, granted, refused, reject, stamp_deleted};
pub use policy::{Leave, Policies, Policy, Standing, Verb, who};
pub use reply::reply_asked;
pub(super) use reply::{Reception, ask_reply, received, replied};
pub(super) use request::withdraw;
pub use request::{FromAfar, Outcome, favourite, reblog};

use std::collections::BTreeMap;

use super::outgoing::{CanQuote, Note, NotePolicies, PUBLIC};
use super::settings::Settings;
use super::visibility::{Visibility, waits};
use super::{Ctx, statuses};
use crate::db::accounts::Account;
use crate::db::interactions::PolicyRow;
use crate::db::statuses::{Status, consent};
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};

/// What becomes of what somebody does with a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Nobody asks for a proof of it.
    Open,
    /// The local author's policy admits it at once, which others do not know without a stamp.
    Vouched,
    /// The author has to be asked.
    Ask,
    Denied,
}

/// Where stamps of quotes lie among what is an actor's; of likes, replies and boosts; of who is
/// featured in a collection.
pub const QUOTES: &str = "quote_authorizations";
pub const DEEDS: &str = "authorizations";
pub const FEATURES: &str = "feature_authorizations";

/// The id of a local author's stamp. It begins with the actor's, which stays when the username
/// changes.
pub fn stamp_uri(author: &Account, kind: &str, id: i64) -> String {
    format!("{}/{kind}/{id}", author.uri)
}

/// Whether nothing about a status keeps anyone from interacting with it: known without looking
/// anything up.
pub fn is_free(status: &Status) -> bool {
    status.consent & consent::POLICY == 0 && !waits(status.visibility)
}

/// What becomes of what `account` does with a status of `author`. `vouched`: a stamp of the author
/// for it was seen.
pub async fn admit(
    conn: &mut Conn,
    status: &Status,
    author: &Account,
    account: &Account,
    verb: Verb,
    vouched: bool,
) -> AppResult<Admission> {
    // What waits itself is nothing to go on from, not for its author either.
    if waits(status.visibility) {
        return Ok(Admission::Denied);
    }
    if account.id == author.id || status.consent & consent::POLICY == 0 {
        return Ok(Admission::Open);
    }
    let row = db::interactions::policy(conn, status.id, verb as i16).await?;
    let policy = row.map_or(Policy::EVERYONE, |row| Policy {
        automatic: row.automatic,
        manual: row.manual,
    });
    if policy.is_open() {
        return Ok(Admission::Open);
    }
    let mentioned = status.in_reply_to_account_id == Some(account.id)
        || db::statuses::mentions_of(conn, &[status.id])
            .await?
            .iter()
            .any(|(_, mentioned)| *mentioned == account.id);
    // Whom one speaks to may always answer.
    if mentioned && (verb == Verb::Reply || policy.automatic & who::MENTIONED != 0) {
        return Ok(Admission::Open);
    }
    if !author.is_local() && !account.is_local() {
        // Only the author's server knows who belongs to which of its sets.
        return Ok(if vouched {
            Admission::Open
        } else {
            Admission::Denied
        });
    }
    let standing = Standing {
        mentioned,
        follows: db::relations::follow(conn, account.id, author.id)
            .await?
            .is_some(),
        followed: policy.depends_on_following()
            && db::relations::follow(conn, author.id, account.id)
                .await?
                .is_some(),
    };
    Ok(match policy.leave(standing) {
        Leave::Automatic if author.is_local() => Admission::Vouched,
        Leave::Manual if author.is_local() => Admission::Ask,
        Leave::Unknown if author.is_local() => Admission::Denied,
        Leave::Denied => Admission::Denied,
        _ => Admission::Ask,
    })
}

/// Whether `account` may dislike a status or react to it: that goes by the policy for likes, and
/// cannot be asked for.
pub async fn may_vote(tx: &mut Conn, account: &Account, status: &Status) -> AppResult<bool> {
    if is_free(status) {
        return Ok(true);
    }
    let author = super::reactions::author_of(tx, status).await?;
    let admission = admit(tx, status, &author, account, Verb::Like, false).await?;
    Ok(matches!(admission, Admission::Open | Admission::Vouched))
}

/// 403, for whom a policy does not admit.
pub fn denied(verb: Verb) -> AppError {
    let what = match verb {
        Verb::Reply => "reply to",
        Verb::Announce => "boost",
        _ => "favourite",
    };
    AppError::forbidden("This action is not allowed").describe(format!(
        "The author of this post does not let you {what} it."
    ))
}

/// Sets who may like, answer and boost an account's posts that do not say, by their visibility;
/// gives back the settings.
pub async fn set_defaults(
    tx: &mut Conn,
    account_id: i64,
    defaults: &BTreeMap<Visibility, Policies>,
) -> AppResult<Settings> {
    // Their settings are one column.
    db::relations::lock_pair(tx, account_id, account_id).await?;
    let user = db::users::by_account(tx, account_id)
        .await?
        .ok_or_else(AppError::not_found)?;
    let mut settings = Settings::of(&user);
    settings.interaction_policies = defaults
        .iter()
        .filter(|(_, policies)| **policies != Policies::OPEN)
        .map(|(visibility, policies)| (visibility.as_api().to_owned(), *policies))
        .collect();
    db::users::set_settings(tx, account_id, &settings.to_db()?).await?;
    Ok(settings)
}

/// Changes who may like, answer and boost a status of one's own from now on.
pub async fn change_policies(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    id: i64,
    policies: Policies,
) -> AppResult<()> {
    let mut status = match db::statuses::by_id(tx, id).await? {
        Some(status) if status.account_id == author.id && status.reblog_of_id.is_none() => status,
        _ => return Err(AppError::not_found()),
    };
    set_policies(tx, id, policies).await?;
    status.consent = consent_with(status.consent, policies);
    db::statuses::update(tx, &status).await?;
    tx.emit(Event::of(Kind::StatusCounts, id));
    if waits(status.visibility) {
        return Ok(());
    }
    statuses::send_update(tx, ctx, author, &status).await
}

/// Writes the policies of a status. Its `consent` is the caller's to write.
pub(super) async fn set_policies(
    tx: &mut Conn,
    status_id: i64,
    policies: Policies,
) -> AppResult<()> {
    for verb in Verb::ALL {
        let policy = policies.of(verb);
        if policy == Policy::EVERYONE {
            db::interactions::clear_policy(tx, status_id, verb as i16).await?;
            continue;
        }
        let row = PolicyRow {
            status_id,
            verb: verb as i16,
            automatic: policy.automatic,
            manual: policy.manual,
        };
        db::interactions::set_policy(tx, row).await?;
    }
    Ok(())
}

/// A status's `consent` with these policies.
pub(super) fn consent_with(consent: i16, policies: Policies) -> i16 {
    if policies.is_open() {
        consent & !consent::POLICY
    } else {
        consent | consent::POLICY
    }
}

/// Adds the policies to a note, where they are not open.
pub(super) fn describe(author: &Account, policies: Policies, note: &mut Note) {
    if policies.is_open() {
        return;
    }
    let mentioned: Vec<String> = note.mentions.iter().map(|m| m.href.clone()).collect();
    let set = |verb| wire(author, policies.of(verb), verb, &mentioned);
    note.policies = Some(Box::new(NotePolicies {
        can_like: set(Verb::Like),
        can_reply: set(Verb::Reply),
        can_announce: set(Verb::Announce),
    }));
}

/// Adds to notes the stamps that they bear: one statement where there are such.
pub(super) async fn describe_stamps(
    conn: &mut Conn,
    statuses: &[Status],
    notes: &mut [Note],
) -> AppResult<()> {
    let stamped: Vec<i64> = statuses
        .iter()
        .filter(|status| status.consent & consent::STAMPED != 0)
        .map(|status| status.id)
        .collect();
    let rows = db::interactions::of_statuses(conn, &stamped).await?;
    for (status, note) in statuses.iter().zip(notes) {
        let row = rows.iter().find(|row| row.reply_id == Some(status.id));
        note.authorization = row
            .map(|row| row.stamp_uri.clone())
            .filter(|stamp| !stamp.is_empty());
    }
    Ok(())
}

/// The stamp that a local boost bears.
pub async fn stamp_of_boost(conn: &mut Conn, boost: &Status) -> AppResult<Option<String>> {
    if boost.consent & consent::STAMPED == 0 {
        return Ok(None);
    }
    let row = db::interactions::by_id(conn, boost.id).await?;
    Ok(row.map(|row| row.stamp_uri).filter(|uri| !uri.is_empty()))
}

/// The ids of those whom bits admit.
pub(super) fn ids(author: &Account, bits: i16, mentioned: &[String]) -> Vec<String> {
    let mut ids = Vec::new();
    if bits & who::EVERYONE != 0 {
        ids.push(PUBLIC.to_owned());
    }
    if bits & who::FOLLOWERS != 0 {
        ids.push(author.followers_url.clone());
    }
    if bits & who::FOLLOWING != 0 {
        ids.push(format!("{}/following", author.uri));
    }
    if bits & who::MENTIONED != 0 {
        ids.extend(mentioned.iter().cloned());
    }
    ids
}

/// A policy as a note bears it. Mutuals have no collection: followers are told to ask, and those
/// who are no mutuals are refused.
fn wire(author: &Account, policy: Policy, verb: Verb, mentioned: &[String]) -> CanQuote {
    let mut automatic = policy.automatic;
    let mut manual = policy.manual;
    if verb == Verb::Reply && !policy.is_open() {
        automatic |= who::MENTIONED;
    }
    if (automatic | manual) & who::MUTUALS != 0 && (automatic & who::FOLLOWERS) == 0 {
        manual |= who::FOLLOWERS;
    }
    let mut first = if policy.is_open() {
        Vec::new()
    } else {
        vec![author.uri.clone()]
    };
    first.extend(ids(author, automatic, mentioned));
    CanQuote {
        automatic: first,
        manual: ids(author, manual, mentioned),
    }
}
