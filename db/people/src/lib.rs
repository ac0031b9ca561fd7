//! Who uses the server, who runs it, and what it has to do: queries, one file per family of tables.

use kith_boxed::boxed;
use kith_db_core::{
    Conn, Error, MigrateError, OpenError, Result, accounts, any, conn, event, kept, migrate, on_db,
    prepared, relations, run, schema,
};

pub mod account_pruning;
pub mod account_reads;
pub mod account_warnings;
pub mod analytics;
pub mod announcements;
pub mod audit;
pub mod dashboard;
pub mod deletions;
pub mod deliveries;
pub mod domain_subscriptions;
pub mod exports;
pub mod filters;
pub mod follower_digests;
pub mod friends;
pub mod health;
pub mod hosts;
pub mod imports;
pub mod inbox;
pub mod instance;
pub mod invites;
pub mod jobs;
pub mod kith_notifications;
pub mod leases;
pub mod markers;
pub mod moderation;
pub mod moves;
pub mod notification_requests;
pub mod notifications;
pub mod origin_suspensions;
pub mod outgoing;
pub mod periodic;
pub mod personal;
pub mod policies;
pub mod policy_effects;
pub mod presence;
pub mod profiles;
pub mod push;
pub mod relays;
pub mod reports;
pub mod severances;
pub mod sign_up_rules;
pub mod tokens;
pub mod totp;
pub mod transfer;
pub mod users;
