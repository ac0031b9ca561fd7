//! The verbs of the fediverse, and the rules they follow.
//!
//! Both doors lead here: a client's call and an inbound activity call the same function. Each
//! takes the transaction it runs in and writes, in it, the state, the outgoing activity with
//! its deliveries, the notifications and the events; nothing here waits for anything but the
//! database, and nothing knows of HTTP or JSON on the wire.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Config;
use crate::ids::Ids;
use crate::random::Random;

pub mod accounts;
pub mod analytics;
pub mod announcements;
pub mod archives;
pub mod blocks;
pub mod bookmark_folders;
pub mod cards;
pub mod chats;
pub mod codes;
pub mod collections;
pub mod conversations;
pub mod dashboard;
pub mod deletion;
pub mod deliveries;
pub mod digests;
mod discovery;
pub mod domain_blocks;
pub mod drafts;
pub mod dry_run;
pub mod email_blocks;
pub mod emoji_reactions;
pub mod emojis;
pub mod endorsements;
pub mod exports;
pub mod filters;
pub mod follows;
pub mod friends;
pub mod groups;
pub mod imports;
pub mod instance;
pub mod interactions;
pub mod invites;
pub mod ip_blocks;
pub mod jobs;
pub mod lists;
pub mod mail;
pub mod media;
pub mod moderation;
pub mod moves;
pub mod notifications;
pub mod oauth;
pub mod outgoing;
pub mod pins;
pub mod policies;
pub mod policy_lists;
pub mod policy_subscriptions;
pub mod polls;
pub mod presence;
pub mod profile_reads;
pub mod profiles;
pub mod push;
pub mod quotes;
pub mod reactions;
pub mod relays;
pub mod reports;
pub mod scheduled;
pub mod search;
pub mod self_destruct;
pub mod settings;
pub mod severances;
pub mod sign_in;
pub mod standing;
pub mod statuses;
pub mod suggestions;
pub mod synchronisation;
pub mod tags;
pub mod thread_reads;
pub mod threads;
pub mod totp;
pub mod trend_reviews;
pub mod trends;
pub mod username_blocks;
pub mod usernames;
pub mod users;
pub mod views;
pub mod visibility;
pub mod votes;

/// What the verbs need besides the transaction. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ctx {
    pub clock: Clock,
    pub ids: Ids,
    pub random: Random,
    pub config: Arc<Config>,
}

impl Ctx {
    /// Milliseconds since the epoch.
    pub fn now(&self) -> i64 {
        self.clock.now_ms()
    }
}
