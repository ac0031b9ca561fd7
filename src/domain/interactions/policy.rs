//! Who may do what with a status, as its author set it.

use serde::{Deserialize, Serialize};

use crate::db::interactions::PolicyRow;

/// Bits of those whom a policy admits, besides the author.
pub mod who {
    pub const EVERYONE: i16 = 1;
    /// Those who follow the author.
    pub const FOLLOWERS: i16 = 2;
    /// Those whom the author follows.
    pub const FOLLOWING: i16 = 4;
    /// Others, whom only the author's server knows.
    pub const OTHERS: i16 = 8;
    /// Those who follow the author and whom the author follows.
    pub const MUTUALS: i16 = 16;
    /// Those whom the status mentions.
    pub const MENTIONED: i16 = 32;
}

/// What is done with a status. The numbers are what the database keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(i16)]
pub enum Verb {
    Quote = 0,
    Like = 1,
    Reply = 2,
    Announce = 3,
}

impl Verb {
    /// Those that [`Policies`] are about.
    pub const ALL: [Verb; 3] = [Verb::Like, Verb::Reply, Verb::Announce];

    /// From the database's number.
    pub fn from_db(number: i16) -> Option<Verb> {
        [Verb::Quote, Verb::Like, Verb::Reply, Verb::Announce]
            .into_iter()
            .find(|verb| *verb as i16 == number)
    }

    /// As ActivityPub's types begin with it: `LikeRequest`, `LikeAuthorization`, `canLike`.
    pub fn stem(self) -> &'static str {
        match self {
            Verb::Quote => "Quote",
            Verb::Like => "Like",
            Verb::Reply => "Reply",
            Verb::Announce => "Announce",
        }
    }

    /// As the API names it.
    pub fn as_api(self) -> &'static str {
        match self {
            Verb::Quote => "quote",
            Verb::Like => "favourite",
            Verb::Reply => "reply",
            Verb::Announce => "reblog",
        }
    }
}

/// Who may do one thing with a status, besides its author: bits of [`who`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Those who may at once.
    pub automatic: i16,
    /// Those who may ask.
    pub manual: i16,
}

/// How somebody stands to a status and its author.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    pub follows: bool,
    pub followed: bool,
    pub mentioned: bool,
}

/// What becomes of what somebody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    Automatic,
    Manual,
    /// Only the author's server knows.
    Unknown,
    Denied,
}

impl Leave {
    /// As the API names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Leave::Automatic => "automatic",
            Leave::Manual => "manual",
            Leave::Unknown => "unknown",
            Leave::Denied => "denied",
        }
    }
}

impl Policy {
    pub const NOBODY: Policy = Policy {
        automatic: 0,
        manual: 0,
    };
    pub const EVERYONE: Policy = Policy {
        automatic: who::EVERYONE,
        manual: 0,
    };
    pub const FOLLOWERS: Policy = Policy {
        automatic: who::FOLLOWERS,
        manual: 0,
    };

    /// Whether everyone may at once.
    pub fn is_open(self) -> bool {
        self.automatic & who::EVERYONE != 0
    }

    /// Whether it decides whom the author follows.
    pub fn depends_on_following(self) -> bool {
        (self.automatic | self.manual) & (who::FOLLOWING | who::MUTUALS) != 0
    }

    /// What becomes of what somebody does who is not the author: the widest that admits them
    /// counts.
    pub fn leave(self, standing: Standing) -> Leave {
        let admits = |bits: i16| {
            let is = |bit: i16| bits & bit != 0;
            is(who::EVERYONE)
                || (is(who::FOLLOWERS) && standing.follows)
                || (is(who::FOLLOWING) && standing.followed)
                || (is(who::MUTUALS) && standing.follows && standing.followed)
                || (is(who::MENTIONED) && standing.mentioned)
        };
        if admits(self.automatic) {
            Leave::Automatic
        } else if admits(self.manual) {
            Leave::Manual
        } else if (self.automatic | self.manual) & who::OTHERS != 0 {
            Leave::Unknown
        } else {
            Leave::Denied
        }
    }
}

/// Who may like, answer and boost a status. Who may quote it is by itself, for that goes without
/// saying otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policies {
    pub like: Policy,
    pub reply: Policy,
    pub announce: Policy,
}

impl Default for Policies {
    fn default() -> Policies {
        Policies::OPEN
    }
}

impl Policies {
    /// As it goes without saying: everyone may everything.
    pub const OPEN: Policies = Policies {
        like: Policy::EVERYONE,
        reply: Policy::EVERYONE,
        announce: Policy::EVERYONE,
    };

    /// Whether everyone may everything.
    pub fn is_open(self) -> bool {
        Verb::ALL.iter().all(|verb| self.of(*verb).is_open())
    }

    /// That of a verb.
    pub fn of(self, verb: Verb) -> Policy {
        match verb {
            Verb::Like => self.like,
            Verb::Reply => self.reply,
            Verb::Announce => self.announce,
            Verb::Quote => Policy::EVERYONE,
        }
    }

    /// The same with that of a verb anew.
    pub fn with(mut self, verb: Verb, policy: Policy) -> Policies {
        match verb {
            Verb::Like => self.like = policy,
            Verb::Reply => self.reply = policy,
            Verb::Announce => self.announce = policy,
            Verb::Quote => {}
        }
        self
    }

    /// From a status's rows; what has none is open.
    pub fn from_rows<'a>(rows: impl Iterator<Item = &'a PolicyRow>) -> Policies {
        rows.fold(Policies::OPEN, |policies, row| {
            let policy = Policy {
                automatic: row.automatic,
                manual: row.manual,
            };
            match Verb::from_db(row.verb) {
                Some(verb) => policies.with(verb, policy),
                None => policies,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(automatic: i16, manual: i16) -> Policy {
        Policy { automatic, manual }
    }

    #[test]
    fn leave_goes_by_the_widest_that_admits() {
        let stranger = Standing::default();
        let fan = Standing {
            follows: true,
            ..stranger
        };
        let idol = Standing {
            followed: true,
            ..stranger
        };
        let friend = Standing {
            followed: true,
            ..fan
        };
        let named = Standing {
            mentioned: true,
            ..stranger
        };
        for (policy, standing, leave) in [
            (Policy::EVERYONE, stranger, Leave::Automatic),
            (Policy::NOBODY, friend, Leave::Denied),
            (policy(who::FOLLOWERS, 0), fan, Leave::Automatic),
            (policy(who::FOLLOWERS, 0), idol, Leave::Denied),
            (
                policy(who::FOLLOWERS, who::EVERYONE),
                stranger,
                Leave::Manual,
            ),
            (policy(who::FOLLOWERS, who::EVERYONE), fan, Leave::Automatic),
            (policy(who::FOLLOWING, 0), idol, Leave::Automatic),
            (policy(who::MUTUALS, 0), fan, Leave::Denied),
            (policy(who::MUTUALS, 0), idol, Leave::Denied),
            (policy(who::MUTUALS, 0), friend, Leave::Automatic),
            (policy(who::MENTIONED, 0), named, Leave::Automatic),
            (policy(0, who::MENTIONED), named, Leave::Manual),
            (policy(who::MENTIONED, 0), friend, Leave::Denied),
            (policy(0, who::OTHERS), friend, Leave::Unknown),
            (policy(who::OTHERS, who::FOLLOWERS), fan, Leave::Manual),
        ] {
            assert_eq!(policy.leave(standing), leave, "{policy:?} {standing:?}");
        }
    }

    #[test]
    fn what_has_no_row_is_open() {
        assert!(Policies::from_rows([].iter()).is_open());
        let row = |verb: i16, automatic| PolicyRow {
            status_id: 1,
            verb,
            automatic,
            manual: 0,
        };
        // Who may quote is none of theirs.
        assert!(Policies::from_rows([row(0, 0)].iter()).is_open());
        let closed = Policies::from_rows([row(2, 0), row(9, 0)].iter());
        assert_eq!(closed.of(Verb::Reply), Policy::NOBODY);
        assert!(closed.of(Verb::Like).is_open() && !closed.is_open());
    }
}
