//! What becomes of notifications from strangers: the reader's policy.

use super::{Type, strangers};
use crate::clock::DAY;
use crate::db::accounts::Account;
use crate::db::notification_requests as rows;
use crate::db::{self, Conn};
use crate::domain::visibility::Visibility;
use crate::error::AppResult;

/// An account is new for so long.
const NEW_ACCOUNT: i64 = 30 * DAY;
/// A follower counts as none for so long.
const NEW_FOLLOWER: i64 = 3 * DAY;
/// Steps up a thread that are looked at for a post of the reader's.
const ANCESTORS: usize = 100;

/// What is to become of a notification; the worst of several counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Accept,
    /// Kept apart until the sender's request is accepted.
    Filter,
    Drop,
}

/// The same as a setting.
pub type Decision = Verdict;

impl Verdict {
    /// As the API names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Accept => "accept",
            Verdict::Filter => "filter",
            Verdict::Drop => "drop",
        }
    }

    /// The verdict of a name.
    pub fn parse(text: &str) -> Option<Verdict> {
        Some(match text {
            "accept" => Verdict::Accept,
            "filter" => Verdict::Filter,
            "drop" => Verdict::Drop,
            _ => return None,
        })
    }
}

/// What an account decided for each kind of sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    pub not_following: Decision,
    pub not_followers: Decision,
    pub new_accounts: Decision,
    pub private_mentions: Decision,
    pub limited_accounts: Decision,
}

impl Default for Policy {
    /// Everyone but those whom moderators limited.
    fn default() -> Policy {
        Policy {
            not_following: Verdict::Accept,
            not_followers: Verdict::Accept,
            new_accounts: Verdict::Accept,
            private_mentions: Verdict::Accept,
            limited_accounts: Verdict::Filter,
        }
    }
}

impl Policy {
    /// An account's policy.
    pub async fn load(conn: &mut Conn, account_id: i64) -> AppResult<Policy> {
        let usual = Policy::default();
        let Some(row) = rows::policy(conn, account_id).await? else {
            return Ok(usual);
        };
        let read = |text: &str, usual| Verdict::parse(text).unwrap_or(usual);
        Ok(Policy {
            not_following: read(&row.not_following, usual.not_following),
            not_followers: read(&row.not_followers, usual.not_followers),
            new_accounts: read(&row.new_accounts, usual.new_accounts),
            private_mentions: read(&row.private_mentions, usual.private_mentions),
            limited_accounts: read(&row.limited_accounts, usual.limited_accounts),
        })
    }

    /// Sets an account's policy.
    pub async fn save(&self, tx: &mut Conn, account_id: i64) -> AppResult<()> {
        let text = |verdict: Verdict| verdict.as_str().to_owned();
        let row = rows::Policy {
            account_id,
            not_following: text(self.not_following),
            not_followers: text(self.not_followers),
            new_accounts: text(self.new_accounts),
            private_mentions: text(self.private_mentions),
            limited_accounts: text(self.limited_accounts),
        };
        Ok(rows::set_policy(tx, &row).await?)
    }
}

/// Decides on a notification. What everyone accepts costs one statement; the rest is looked up
/// only where the policy asks.
pub(super) async fn judge(
    tx: &mut Conn,
    to: &Account,
    from: &Account,
    kind: Type,
    status_id: Option<i64>,
    now: i64,
) -> AppResult<Verdict> {
    let policy = Policy::load(tx, to.id).await?;
    let limited = policy.limited_accounts > Verdict::Accept && from.silenced_at.is_some();
    let new = policy.new_accounts > Verdict::Accept && from.created_at > now - NEW_ACCOUNT;
    let private = policy.private_mentions > Verdict::Accept && kind == Type::Mention;
    let unfollowed = policy.not_following > Verdict::Accept;
    let mut verdict = Verdict::Accept;
    if (limited || new || private || unfollowed)
        && db::relations::follow(tx, to.id, from.id).await?.is_none()
    {
        if unfollowed {
            verdict = verdict.max(policy.not_following);
        }
        if limited {
            verdict = verdict.max(policy.limited_accounts);
        }
        if new {
            verdict = verdict.max(policy.new_accounts);
        }
        if private && is_unasked_direct(tx, to, from, status_id).await? {
            verdict = verdict.max(policy.private_mentions);
        }
    }
    if policy.not_followers > verdict {
        let follow = db::relations::follow(tx, from.id, to.id).await?;
        if follow.is_none_or(|follow| follow.created_at > now - NEW_FOLLOWER) {
            verdict = policy.not_followers;
        }
    }
    if verdict == Verdict::Accept
        && kind == Type::Mention
        && strangers::looks_like_spam(tx, to, from, status_id, now).await?
    {
        verdict = Verdict::Filter;
    }
    if verdict > Verdict::Accept && rows::is_permitted(tx, to.id, from.id).await? {
        verdict = Verdict::Accept;
    }
    Ok(verdict)
}

/// Whether a status is direct and no answer to where the reader had addressed the sender.
async fn is_unasked_direct(
    tx: &mut Conn,
    to: &Account,
    from: &Account,
    status_id: Option<i64>,
) -> AppResult<bool> {
    let Some(id) = status_id else {
        return Ok(false);
    };
    let Some(status) = db::statuses::by_id(tx, id).await? else {
        return Ok(false);
    };
    if Visibility::from_db(status.visibility) != Visibility::Direct {
        return Ok(false);
    }
    if status.in_reply_to_id.is_none() {
        return Ok(true);
    }
    let before = db::statuses::ancestors(tx, &status, ANCESTORS).await?;
    let own: Vec<i64> = before
        .iter()
        .filter(|status| status.account_id == to.id)
        .map(|status| status.id)
        .collect();
    if own.is_empty() {
        return Ok(true);
    }
    let mentions = db::statuses::mentions_of(tx, &own).await?;
    Ok(!mentions.iter().any(|(_, account)| *account == from.id))
}
