//! `Quote`, `ShallowQuote` and `QuoteApproval`: the parts of a status that say what it quotes and
//! who may quote it. What is the same for everyone is kept with the status; how a quote stands
//! for a reader is decided on every read.

use super::status::Reader;
use crate::db::interactions::PolicyRow;
use crate::db::quotes::{ACCEPTED, PENDING, Quote, REJECTED};
use crate::db::statuses::Status;
use crate::domain::interactions::Standing;
use crate::domain::quotes::{Leave, Policy};
use crate::domain::visibility::Visibility;

/// Quotes in each other that are looked at: of the inner one, the id alone is told.
pub const DEPTH: usize = 2;

/// What is the same for every reader.
pub struct Quoting {
    quote: Option<(i16, Option<i64>)>,
    policy: Policy,
    /// The approval's JSON up to the reader's own.
    pub approval: String,
}

impl Quoting {
    /// From the rows of a status.
    pub fn of(status: &Status, quote: Option<&Quote>, policy: Option<&PolicyRow>) -> Quoting {
        let policy = Policy::of(status, policy);
        let list = |bits: i16| {
            let names = Policy::names(bits);
            if names.is_empty() {
                "[]".to_owned()
            } else {
                format!("[\"{}\"]", names.join("\",\""))
            }
        };
        Quoting {
            quote: quote.map(|q| (q.state, q.quoted_id)),
            approval: format!(
                "{{\"automatic\":{},\"manual\":{},\"current_user\":\"",
                list(policy.automatic),
                list(policy.manual)
            ),
            policy,
        }
    }

    /// The state as everyone sees it; `None` for what quotes nothing.
    pub fn state(&self) -> Option<&'static str> {
        let (state, quoted) = self.quote?;
        Some(match state {
            PENDING => "pending",
            ACCEPTED if quoted.is_none() => "deleted",
            ACCEPTED => "accepted",
            REJECTED => "rejected",
            _ => "revoked",
        })
    }

    /// The status to show as quoted.
    pub fn shown(&self) -> Option<i64> {
        let (state, quoted) = self.quote?;
        quoted.filter(|_| state == ACCEPTED)
    }

    /// Whether it matters whom the author follows.
    pub fn depends_on_following(&self) -> bool {
        self.policy.depends_on_following()
    }

    /// Whether readers see it differently, even those who neither wrote nor marked it.
    pub fn varies(&self) -> bool {
        let everyone = self.policy.automatic & 1 != 0;
        self.quote.is_some() || !(everyone || self.policy == Policy::NOBODY)
    }

    /// What becomes of a quote that the reader makes.
    pub fn leave(&self, status: &Status, reader: Option<&Reader>, friend: bool) -> Leave {
        let Some(reader) = reader else {
            return Leave::Denied;
        };
        if status.reblog_of_id.is_some() {
            return Leave::Denied;
        }
        let author = status.account_id;
        if reader.account_id == author {
            let direct = Visibility::from_db(status.visibility) == Visibility::Direct;
            return if direct {
                Leave::Denied
            } else {
                Leave::Automatic
            };
        }
        let relations = &reader.relations;
        if relations.blocking.contains(&author) || relations.blocked_by.contains(&author) {
            return Leave::Denied;
        }
        let follows = relations.following.contains_key(&author);
        self.policy.leave(Standing {
            follows,
            followed: friend,
            mentioned: false,
        })
    }
}

/// How an accepted quote stands for a reader.
pub struct Shown {
    pub state: &'static str,
    pub quoted_id: Option<i64>,
}

/// How an accepted quote stands for a reader: `quoted` is the status where it is there, and
/// whether they may see it. What they hide from themselves is told, for them to open.
pub fn shown(quoted: Option<(&Status, bool)>, reader: Option<&Reader>, now: i64) -> Shown {
    let (state, quoted_id) = match quoted {
        None => ("deleted", None),
        Some((_, false)) => ("unauthorized", None),
        Some((status, true)) => {
            let author = status.account_id;
            let state = match reader {
                Some(reader) if reader.relations.blocking.contains(&author) => "blocked_account",
                Some(reader) if reader.relations.mutes(author, now) => "muted_account",
                _ => "accepted",
            };
            (state, Some(status.id))
        }
    };
    Shown { state, quoted_id }
}
