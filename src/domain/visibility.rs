//! Who may see what. API, federation, streaming, search and pages all ask here.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::filters::Filters;
use crate::db::accounts::Account;
use crate::db::relations::Mute;
use crate::db::statuses::Status;
use crate::db::{self, Conn};
use crate::error::AppResult;

/// How far a status reaches. The numbers are what the database keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(i16)]
pub enum Visibility {
    Public = 0,
    Unlisted = 1,
    /// Followers only.
    Private = 2,
    /// Those mentioned only.
    Direct = 3,
    /// Those who follow the author and whom the author follows.
    Mutuals = 4,
}

impl Visibility {
    /// From the database's number; anything unknown is as private as can be.
    pub fn from_db(number: i16) -> Visibility {
        match number {
            0 => Visibility::Public,
            1 => Visibility::Unlisted,
            2 => Visibility::Private,
            4 => Visibility::Mutuals,
            _ => Visibility::Direct,
        }
    }

    /// As Mastodon's API writes it: mutuals show as `private`.
    pub fn as_api(self) -> &'static str {
        match self {
            Visibility::Public => "public",
            Visibility::Unlisted => "unlisted",
            Visibility::Private | Visibility::Mutuals => "private",
            Visibility::Direct => "direct",
        }
    }

    /// As clients name it, Kith's own value included.
    pub fn parse(text: &str) -> Option<Visibility> {
        Some(match text {
            "public" => Visibility::Public,
            "unlisted" => Visibility::Unlisted,
            "private" => Visibility::Private,
            "direct" => Visibility::Direct,
            "mutuals" => Visibility::Mutuals,
            _ => return None,
        })
    }

    /// Whether everyone may see it who finds it.
    pub fn is_open(self) -> bool {
        matches!(self, Visibility::Public | Visibility::Unlisted)
    }
}

/// More than a status's visibility will be, while it waits for the leave of whom it answers.
pub const PENDING: i16 = 16;
/// More than it would have been, where that was refused.
pub const REFUSED: i16 = 32;

/// Whether a status waits for leave, or was refused it: for everything else it is as private as
/// can be.
pub fn waits(visibility: i16) -> bool {
    visibility >= PENDING
}

/// How far a status reaches, or will once it waits no more.
pub fn wanted(visibility: i16) -> Visibility {
    Visibility::from_db(visibility & (PENDING - 1))
}

/// Whether somebody may see a status that waits, which is not their own: whoever decides on it.
fn decides(status: &Status, viewer: i64) -> bool {
    status.visibility < REFUSED && status.in_reply_to_account_id == Some(viewer)
}

/// How one account stands to others: what decides what it sees. Kept in memory for those who
/// read, and dropped when a relation changes.
#[derive(Debug, Clone, Default)]
pub struct Relations {
    /// Whom it follows, and whether it wants their reblogs.
    pub following: HashMap<i64, bool>,
    pub blocking: HashSet<i64>,
    pub blocked_by: HashSet<i64>,
    pub muting: HashMap<i64, Mute>,
    /// Domains it wants nothing of.
    pub domain_blocks: HashSet<String>,
    pub filters: Arc<Filters>,
    /// The `conversation_id` of threads it hears nothing of.
    pub muted_threads: HashSet<i64>,
}

/// Relations kept for one account at most, of each kind.
const RELATIONS: i64 = 20_000;

impl Relations {
    /// Reads an account's relations: seven statements, and two more where it has filters.
    pub async fn load(conn: &mut Conn, account_id: i64) -> AppResult<Relations> {
        let following = db::relations::following_ids(conn, account_id, RELATIONS).await?;
        let (blocking, blocked_by) = db::relations::block_ids(conn, account_id, RELATIONS).await?;
        let muting = db::relations::mutes_of(conn, account_id, RELATIONS).await?;
        let domains = db::personal::blocked_domains(conn, account_id, RELATIONS).await?;
        let filters = Filters::load(conn, account_id).await?;
        let muted_threads = db::threads::muted_by(conn, account_id, RELATIONS).await?;
        Ok(Relations {
            following: following.into_iter().collect(),
            blocking: blocking.into_iter().collect(),
            blocked_by: blocked_by.into_iter().collect(),
            muting: muting.into_iter().map(|m| (m.target_id, m)).collect(),
            domain_blocks: domains.into_iter().collect(),
            filters: Arc::new(filters),
            muted_threads: muted_threads.into_iter().collect(),
        })
    }

    /// Whether it wants nothing of a domain (`''`: ours, which cannot be blocked).
    pub fn blocks_domain(&self, domain: &str) -> bool {
        !self.domain_blocks.is_empty() && self.domain_blocks.contains(domain)
    }

    /// Whether an account is muted at a time.
    pub fn mutes(&self, account_id: i64, now: i64) -> bool {
        self.muting
            .get(&account_id)
            .is_some_and(|m| m.expires_at.is_none_or(|at| at > now))
    }
}

/// Someone who reads.
#[derive(Debug, Clone, Copy)]
pub struct Viewer<'a> {
    pub account_id: i64,
    pub relations: &'a Relations,
}

/// Whether a viewer (`None`: anyone) may see a status.
///
/// `mentioned` are the accounts the status mentions; `followed_by_author` says whether its
/// author follows the viewer, which matters for mutuals only.
pub fn can_see(
    status: &Status,
    author: &Account,
    mentioned: &[i64],
    followed_by_author: bool,
    viewer: Option<Viewer<'_>>,
) -> bool {
    if !author.is_active() {
        return false;
    }
    let visibility = Visibility::from_db(status.visibility);
    let Some(viewer) = viewer else {
        return visibility.is_open() && !status.local_only;
    };
    if viewer.account_id == status.account_id {
        return true;
    }
    if viewer.relations.blocked_by.contains(&status.account_id) {
        return false;
    }
    match visibility {
        Visibility::Public | Visibility::Unlisted => true,
        _ if waits(status.visibility) => decides(status, viewer.account_id),
        _ if mentioned.contains(&viewer.account_id) => true,
        Visibility::Private => viewer.relations.following.contains_key(&status.account_id),
        Visibility::Mutuals => {
            followed_by_author && viewer.relations.following.contains_key(&status.account_id)
        }
        Visibility::Direct => false,
    }
}

/// Whether a status that a viewer may see is also to be shown in a timeline of theirs: not from
/// (or reblogged from) those they block or mute, nor from those who block them.
pub fn in_timeline(authors: &[i64], viewer: Viewer<'_>, now: i64) -> bool {
    let relations = viewer.relations;
    authors.iter().all(|author| {
        *author == viewer.account_id
            || !(relations.blocking.contains(author)
                || relations.blocked_by.contains(author)
                || relations.mutes(*author, now))
    })
}

/// Loads what [`can_see`] asks for and answers for one status: for the verbs, which work on one.
pub async fn may_see(
    conn: &mut Conn,
    status: &Status,
    viewer: Option<&Account>,
) -> AppResult<bool> {
    let Some(author) = db::accounts::by_id(conn, status.account_id).await? else {
        return Ok(false);
    };
    let Some(viewer) = viewer else {
        return Ok(can_see(status, &author, &[], false, None));
    };
    if !author.is_active() {
        return Ok(false);
    }
    if viewer.id == author.id {
        return Ok(true);
    }
    if db::relations::block(conn, author.id, viewer.id)
        .await?
        .is_some()
    {
        return Ok(false);
    }
    if author.is_local()
        && !viewer.is_local()
        && db::personal::blocks_domain(conn, author.id, &viewer.domain).await?
    {
        return Ok(false);
    }
    let visibility = Visibility::from_db(status.visibility);
    if status.local_only && !viewer.is_local() {
        return Ok(false);
    }
    if visibility.is_open() {
        return Ok(true);
    }
    if waits(status.visibility) {
        return Ok(decides(status, viewer.id));
    }
    let mentions = db::statuses::mentions_of(conn, &[status.id]).await?;
    if mentions.iter().any(|(_, account)| *account == viewer.id) {
        return Ok(true);
    }
    let follows = db::relations::follow(conn, viewer.id, author.id)
        .await?
        .is_some();
    Ok(match visibility {
        Visibility::Private => follows,
        Visibility::Mutuals => {
            follows
                && db::relations::follow(conn, author.id, viewer.id)
                    .await?
                    .is_some()
        }
        _ => false,
    })
}

#[cfg(test)]
pub(in crate::domain) mod tests;
