//! Storage: connections, the schema, and every query, one file per family of tables.
//!
//! Packages of their own, so that queries are compiled once, whatever changes above them (each
//! function is `#[boxed]`), and side by side: what all need is in `core`, the rest in two halves
//! that know nothing of each other. diesel appears here only. A query function takes `&mut Conn`,
//! returns [`Result`], and says `Ok(None)` where a row is missing; what that means is the caller's
//! to decide.

pub use kith_db_core::{
    AfterCommit, Conn, Db, Error, MigrateError, Now, OpenError, Options, Result, SPANS, Tracing,
    Transient, Work, accounts, event, events, is_gone, known_versions, migrate_only, relations,
};
pub use kith_db_people::{
    account_pruning, account_reads, account_warnings, analytics, announcements, audit, dashboard,
    deletions, deliveries, domain_subscriptions, exports, filters, follower_digests, friends,
    health, hosts, imports, inbox, instance, invites, jobs, kith_notifications, leases, markers,
    moderation, moves, notification_requests, notifications, origin_suspensions, outgoing,
    periodic, personal, policies, policy_effects, presence, profiles, push, relays, reports,
    severances, sign_up_rules, tokens, totp, transfer, users,
};
pub use kith_db_posts::{
    archives, bookmark_folders, cards, chat_files, chat_messages, chats, collections, comments,
    conversations, discovery, drafts, edits, emoji_reactions, emojis, groups, interactions, lists,
    media, media_work, pins, polls, pruning, quotes, reactions, remote_files, scheduled, search,
    statuses, stored_files, tagged, tags, thread_reads, threads, timelines, translations,
    trend_reviews, trends, views, votes,
};
