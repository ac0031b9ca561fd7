//! What is to be done later, as values: enqueued in the transaction that wants it.

use serde::{Deserialize, Serialize};

use super::Ctx;
use crate::db::jobs::JobRow;
use crate::db::{self, Conn};
use crate::error::AppResult;
use crate::events::{Event, Kind};
use crate::mail::Mail;

/// A job, as the queue keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case")]
pub enum Job {
    /// A letter to send.
    Mail(Mail),
    /// Pages that a profile's fields lead to are asked whether they link back.
    VerifyLinks { account_id: i64 },
    /// Follows between an account and a domain that it blocks end.
    SeverDomain { account_id: i64, domain: String },
    /// Follows of an account elsewhere that was suspended end.
    SeverSuspended { account_id: i64 },
    /// The policy for a domain changed: its accounts are to stand as the policies say. `stamp`: when
    /// it was made.
    Standing { domain: String, stamp: i64 },
    /// The same of several domains, each with when its policy was made.
    Standings { changed: Vec<(String, i64)> },
    /// An account was suspended: those whose follows that cut off are to be told.
    Severed { account_id: i64 },
    /// A list of policies that others keep is to be read.
    DomainList { subscription_id: i64 },
    /// A scheduled status to post.
    Publish { scheduled_id: i64 },
    /// New counts of a local poll to tell elsewhere.
    PollUpdate { poll_id: i64 },
    /// A poll ends: those who took part are told.
    PollEnd { poll_id: i64 },
    /// What an account elsewhere has pinned is to be asked for.
    Featured { account_id: i64 },
    /// The collections of an account elsewhere are to be asked for.
    Collections { account_id: i64 },
    /// Stamps of what waits in a collection elsewhere are to be looked at.
    FeaturedItems { collection_id: i64 },
    /// A thread is to be filled up with what other servers know of it.
    Thread {
        conversation_id: i64,
        /// One of its statuses: threads may turn out to be part of another.
        status_id: i64,
    },
    /// The profile of an account elsewhere is to be read there.
    Profile { account_id: i64 },
    /// An uploaded file to make playable.
    Media { id: i64 },
    /// Files of a chat message that lie where everybody may read are to lie where nobody may.
    ChatFiles { message_id: i64 },
    /// The same of all that messages hold, above an id: what was sent before files moved at once.
    HideChatFiles { above: i64 },
    /// The preview of a link to fetch.
    Card {
        /// Row of `preview_cards`.
        card_id: i64,
    },
    /// The posts of an account to put into the search index anew, from below an id on.
    Reindex { account_id: i64, below: i64 },
    /// A notification to push to a subscription.
    Push {
        subscription_id: i64,
        notification_id: i64,
    },
    /// What a sender's closed request leaves to do: their filtered notifications up to an id are
    /// let through or deleted.
    SettleNotifications {
        account_id: i64,
        from_account_id: i64,
        accepted: bool,
        until: i64,
    },
    /// An announcement's time has come, to be published or to end.
    Announcement { id: i64 },
    /// The time has come at which an account of ours is to be deleted.
    DeleteAccount { account_id: i64 },
    /// An account is gone: so is what it wrote and did here.
    EraseAccount { account_id: i64 },
    /// An account of ours is erased: its keys are needed until what it sent has arrived.
    ForgetKeys { account_id: i64 },
    /// An account moved: those here who have to do with it are to have to do with the new one.
    Move { account_id: i64, target_id: i64 },
    /// The followers here of an account elsewhere are to be compared with those that its server
    /// lists.
    SynchroniseFollowers {
        account_id: i64,
        /// Where it lists them.
        url: String,
        /// What they come to, as the header said.
        digest: String,
    },
    /// A file that a user brought along is to be worked off.
    Import { import_id: i64 },
    /// An archive of what a user has here is to be written.
    Archive { archive_id: i64 },
    /// A status line's time is over.
    StatusLine { account_id: i64 },
    /// A digest by mail is due, as it was planned for a time.
    Digest { account_id: i64, at: i64 },
}

/// Kinds of jobs that ask other servers for much that nobody waits for. Few of them run at a time,
/// so that others always find a place.
pub const PATIENT: [&str; 4] = ["thread", "profile", "import", "archive"];

impl Job {
    /// Its name in the queue.
    pub fn kind(&self) -> &'static str {
        match self {
            Job::Mail(_) => "mail",
            Job::VerifyLinks { .. } => "verify_links",
            Job::SeverDomain { .. } => "sever_domain",
            Job::SeverSuspended { .. } => "sever_suspended",
            Job::Standing { .. } => "standing",
            Job::Standings { .. } => "standings",
            Job::Severed { .. } => "severed",
            Job::DomainList { .. } => "domain_list",
            Job::Publish { .. } => "publish",
            Job::PollUpdate { .. } => "poll_update",
            Job::PollEnd { .. } => "poll_end",
            Job::Featured { .. } => "featured",
            Job::Collections { .. } => "collections",
            Job::FeaturedItems { .. } => "featured_items",
            Job::Thread { .. } => "thread",
            Job::Profile { .. } => "profile",
            Job::Media { .. } => "media",
            Job::ChatFiles { .. } => "chat_files",
            Job::HideChatFiles { .. } => "hide_chat_files",
            Job::Card { .. } => "card",
            Job::Reindex { .. } => "reindex",
            Job::Push { .. } => "push",
            Job::SettleNotifications { .. } => "settle_notifications",
            Job::Announcement { .. } => "announcement",
            Job::DeleteAccount { .. } => "delete_account",
            Job::EraseAccount { .. } => "erase_account",
            Job::ForgetKeys { .. } => "forget_keys",
            Job::Move { .. } => "move",
            Job::SynchroniseFollowers { .. } => "synchronise_followers",
            Job::Import { .. } => "import",
            Job::Archive { .. } => "archive",
            Job::StatusLine { .. } => "status_line",
            Job::Digest { .. } => "digest",
        }
    }

    /// What at most one waiting job has; `None` where any number may wait.
    pub fn key(&self) -> Option<String> {
        match self {
            Job::Mail(_)
            | Job::VerifyLinks { .. }
            | Job::SeverDomain { .. }
            | Job::SeverSuspended { .. }
            | Job::Standing { .. }
            | Job::Standings { .. }
            | Job::Media { .. }
            | Job::HideChatFiles { .. }
            | Job::Reindex { .. }
            | Job::Push { .. }
            | Job::SettleNotifications { .. }
            | Job::Announcement { .. }
            | Job::Import { .. }
            | Job::ForgetKeys { .. } => None,
            Job::Card { card_id: id }
            | Job::ChatFiles { message_id: id }
            | Job::Archive { archive_id: id }
            | Job::DomainList {
                subscription_id: id,
            }
            | Job::Publish { scheduled_id: id }
            | Job::PollUpdate { poll_id: id }
            | Job::PollEnd { poll_id: id }
            | Job::Featured { account_id: id }
            | Job::Collections { account_id: id }
            | Job::FeaturedItems { collection_id: id }
            | Job::Thread {
                conversation_id: id,
                ..
            }
            | Job::Profile { account_id: id }
            | Job::DeleteAccount { account_id: id }
            | Job::EraseAccount { account_id: id }
            | Job::Severed { account_id: id }
            | Job::StatusLine { account_id: id } => Some(format!("{}:{id}", self.kind())),
            Job::SynchroniseFollowers { account_id: id, .. } => {
                Some(format!("{}:{id}", self.kind()))
            }
            Job::Move {
                account_id,
                target_id,
            } => Some(format!("move:{account_id}:{target_id}")),
            Job::Digest { account_id, at } => Some(format!("digest:{account_id}:{at}")),
        }
    }
}

/// Puts a job into the queue, to be run as soon as the transaction is through.
pub async fn enqueue(tx: &mut Conn, ctx: &Ctx, job: &Job) -> AppResult<()> {
    enqueue_at(tx, ctx, job, ctx.now()).await
}

/// The same, to be run at a time. Where one with its key waits, that one stays.
pub async fn enqueue_at(tx: &mut Conn, ctx: &Ctx, job: &Job, run_at: i64) -> AppResult<()> {
    let now = ctx.now();
    let row = JobRow {
        id: ctx.ids.next(),
        kind: job.kind().to_owned(),
        unique_key: job.key(),
        payload: serde_json::to_string(job)?,
        attempts: 0,
        run_at,
        leased_until: 0,
        failed_at: None,
        last_error: String::new(),
        created_at: now,
        leased_by: 0,
        trace: tx.trace.clone(),
    };
    if db::jobs::insert(tx, &row).await? && run_at <= now {
        tx.emit(Event::of(Kind::JobWaiting, row.id));
    }
    Ok(())
}

/// Takes back a job that waits.
pub async fn cancel(tx: &mut Conn, job: &Job) -> AppResult<()> {
    if let Some(key) = job.key() {
        db::jobs::cancel(tx, &key).await?;
    }
    Ok(())
}
