//! What is kept in memory between requests, and how it learns of changes.
//!
//! [`Caches::apply`] runs after each commit, before the writer's caller is answered, and again
//! for what other processes wrote: a reader never sees less than its own writes.

mod active;
mod bounded;
mod cache;
mod kept;

use std::sync::atomic::AtomicI64;
use std::sync::{Arc, RwLock};
use std::time::Duration;

pub use active::ActiveWeek;
pub use bounded::{Bounded, Expiring};
pub use cache::Cache;
pub use kept::Kept;

use crate::db::accounts::Account;
use crate::domain::ip_blocks::IpRules;
use crate::domain::policies::Policies;
use crate::domain::visibility::Relations;
use crate::events::{Event, Gone, Kind};
use crate::federation::endpoints::Usage;
use crate::federation::local_keys::LocalKeys;

/// How long an account is taken to be followed by somebody here: what ends that is not always told.
const FOLLOWED: Duration = Duration::from_secs(30);

/// A token that was checked, and whose it is.
#[derive(Debug, Clone)]
pub struct Session {
    /// The token's id (`jti`).
    pub token_id: i64,
    pub app_id: Option<i64>,
    pub scopes: Arc<str>,
    /// `None` for an app's own token.
    pub account_id: Option<i64>,
    /// Milliseconds since the epoch.
    pub expires_at: Option<i64>,
    /// Why the user may not do anything now; `None` when they may.
    pub refused: Option<Refusal>,
    /// When its use was last written down, in milliseconds since the epoch.
    pub noted_at: Arc<AtomicI64>,
}

/// Why a user with a valid token is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The e-mail address is not verified yet.
    Unverified,
    /// The registration is not approved yet.
    Unapproved,
    Disabled,
    Suspended,
    /// The account is to be deleted, which can still be taken back.
    Leaving,
}

/// The marks of one viewer on one status, as bits.
pub mod mark {
    pub const FAVOURITED: u8 = 1;
    pub const REBLOGGED: u8 = 2;
    pub const BOOKMARKED: u8 = 4;
    pub const PINNED: u8 = 8;
    pub const DISLIKED: u8 = 16;
    /// Those that say that a status matters to its reader.
    pub const KEPT: u8 = FAVOURITED | REBLOGGED | BOOKMARKED | PINNED;
}

/// All caches of a process.
pub struct Caches {
    pub accounts: Cache<i64, Arc<Account>>,
    pub relations: Cache<i64, Arc<Relations>>,
    /// Ids of access tokens whose signature was checked, by their text. Says nothing of whether
    /// they still hold.
    pub tokens: Bounded<String, i64>,
    /// By the token's id.
    pub sessions: Cache<i64, Arc<Session>>,
    /// Accounts that somebody here followed a moment ago: what they post is kept.
    pub followed_here: Expiring<i64, ()>,
    /// Newest status ids of a home.
    pub homes: Cache<i64, Arc<Vec<i64>>>,
    /// By viewer and status.
    pub marks: Cache<(i64, i64), u8>,
    /// The emoji that a viewer gave, as name and domain, by viewer and status.
    pub reactions: Cache<(i64, i64), Arc<crate::api::entities::kith::Given>>,
    /// What a viewer chose, by viewer and poll.
    pub votes: Cache<(i64, i64), Arc<Vec<i64>>>,
    /// An account entity as JSON.
    pub account_json: Cache<i64, Arc<str>>,
    /// A status entity without what depends on the viewer.
    pub statuses: Cache<i64, Arc<crate::api::entities::status::Prepared>>,
    /// The newest groups of an account's notifications.
    pub notification_groups: Cache<i64, Arc<Vec<crate::api::entities::notification_group::Shown>>>,
    /// Our custom emoji as the API lists them, and what the server says of itself.
    pub custom_emojis: Kept<str>,
    pub about: Kept<crate::api::entities::instance::About>,
    pub numbers: Kept<crate::api::entities::instance::Numbers>,
    /// What local accounts sign with.
    pub signing: Cache<i64, Arc<LocalKeys>>,
    /// Who was here this week, as far as it is written down.
    pub active: ActiveWeek,
    /// The same of the day.
    pub active_today: ActiveWeek,
    /// The policies for other servers.
    pub policies: Kept<Policies>,
    /// The rules about IP addresses.
    pub ip_rules: Kept<IpRules>,
    /// This server's numbers, and when they were counted.
    usage: RwLock<Option<(i64, Arc<Usage>)>>,
}

impl Caches {
    /// Empty caches, bounded in entries.
    pub fn new() -> Caches {
        Caches {
            accounts: Cache::new(4_000),
            relations: Cache::new(2_000),
            tokens: Bounded::new(10_000),
            sessions: Cache::new(10_000),
            followed_here: Expiring::new(20_000, FOLLOWED),
            homes: Cache::new(2_000),
            marks: Cache::new(50_000),
            reactions: Cache::new(10_000),
            votes: Cache::new(10_000),
            account_json: Cache::new(4_000),
            statuses: Cache::new(4_000),
            notification_groups: Cache::new(2_000),
            custom_emojis: Kept::default(),
            about: Kept::default(),
            numbers: Kept::default(),
            signing: Cache::new(2_000),
            active: ActiveWeek::default(),
            active_today: ActiveWeek::default(),
            policies: Kept::default(),
            ip_rules: Kept::default(),
            usage: RwLock::new(None),
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.accounts.clear();
        self.relations.clear();
        self.sessions.clear();
        self.followed_here.clear();
        self.homes.clear();
        self.marks.clear();
        self.reactions.clear();
        self.votes.clear();
        self.account_json.clear();
        self.statuses.clear();
        self.notification_groups.clear();
        self.signing.clear();
        self.custom_emojis.forget();
        self.about.forget();
        self.policies.forget();
        self.ip_rules.forget();
    }

    /// This server's numbers, if they were counted since a time.
    pub fn usage(&self, since: i64) -> Option<Arc<Usage>> {
        let usage = self.usage.read().ok()?;
        usage
            .as_ref()
            .filter(|(at, _)| *at > since)
            .map(|(_, usage)| usage.clone())
    }

    /// Keeps this server's numbers.
    pub fn set_usage(&self, now: i64, usage: Arc<Usage>) {
        if let Ok(mut slot) = self.usage.write() {
            *slot = Some((now, usage));
        }
    }

    /// Drops what an event makes stale.
    pub fn apply(&self, event: &Event) {
        let subject = event.subject_id;
        match event.kind {
            Kind::StatusCreated => {
                event.homes.iter().for_each(|home| self.homes.drop(*home));
                if let Some(author) = event.author() {
                    self.account_json.drop(author);
                }
            }
            Kind::StatusEdited | Kind::StatusCounts => self.statuses.drop(subject),
            Kind::StatusDeleted => {
                self.statuses.drop(subject);
                if let Ok(gone) = serde_json::from_str::<Gone>(&event.payload) {
                    gone.homes.iter().for_each(|home| self.homes.drop(*home));
                    if gone.has_more_homes() {
                        self.homes.clear();
                    }
                }
            }
            Kind::ViewerChanged => {
                if let Some(viewer) = event.account_id {
                    self.marks.drop((viewer, subject));
                    self.reactions.drop((viewer, subject));
                    self.votes.drop((viewer, subject));
                }
            }
            Kind::AccountChanged => {
                self.accounts.drop(subject);
                self.account_json.drop(subject);
                self.signing.drop(subject);
                self.followed_here.remove(&subject);
            }
            // It is part of what is kept of each of its statuses.
            Kind::AccountSensitized => self.statuses.clear(),
            Kind::RelationChanged | Kind::FiltersChanged => {
                if let Some(account) = event.account_id {
                    self.relations.drop(account);
                }
            }
            Kind::HomeChanged => self.homes.drop(subject),
            Kind::TokenRevoked => self.sessions.drop(subject),
            Kind::UserChanged => self.sessions.clear(),
            Kind::PolicyChanged => {
                self.policies.forget();
                // Whose files are shown is part of what is kept.
                self.account_json.clear();
                self.statuses.clear();
            }
            Kind::IpRulesChanged => self.ip_rules.forget(),
            Kind::Notification | Kind::NotificationGone => {
                if let Some(account) = event.account_id {
                    self.notification_groups.drop(account);
                }
            }
            Kind::EmojisChanged => self.custom_emojis.forget(),
            Kind::SettingsChanged => {
                self.about.forget();
                if let Ok(mut usage) = self.usage.write() {
                    *usage = None;
                }
            }
            Kind::NotificationsMerged
            | Kind::Announcement
            | Kind::AnnouncementReaction
            | Kind::AnnouncementGone
            | Kind::ConversationChanged
            | Kind::ChatMessage
            | Kind::ChatMessageEdited
            | Kind::ChatMessageDeleted
            | Kind::ChatReaction
            | Kind::ChatRead
            | Kind::ChatDelivered
            | Kind::DeliveriesWaiting
            | Kind::InboxWaiting
            | Kind::PresenceChanged
            | Kind::Passing
            | Kind::JobWaiting
            | Kind::FriendRequestChanged
            | Kind::Unknown => {}
        }
    }
}

impl Default for Caches {
    fn default() -> Caches {
        Caches::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deletion_reaches_homes_that_it_does_not_name() {
        let caches = Caches::new();
        let gone = |homes: i64| {
            let gone = Gone {
                account_id: 1,
                visibility: 0,
                local: true,
                reblog_of_id: None,
                tags: Vec::new(),
                homes: (0..homes).collect(),
                lists: Vec::new(),
            };
            let payload = serde_json::to_string(&gone).expect("it is JSON");
            Event::of(Kind::StatusDeleted, 7).with(payload)
        };
        let other = Gone::HOMES + 1;
        caches
            .homes
            .put(caches.homes.ticket(), other, Arc::default());
        caches.apply(&gone(10));
        assert!(caches.homes.get(&other).is_some());
        caches.apply(&gone(Gone::HOMES));
        assert!(caches.homes.get(&other).is_none());
    }
}
