//! Whom one might follow.

use std::collections::{HashMap, HashSet};

use super::visibility::Relations;
use crate::db::{self, Conn};
use crate::error::AppResult;

/// Follows of those one follows that are counted.
const COUNTED: i64 = 20_000;
/// Candidates of each source that are looked at.
const CANDIDATES: usize = 300;
/// Dismissals and requests that are kept in mind.
const KEPT: i64 = 10_000;

/// Where a suggestion comes from. The names are the Mastodon API's (entities/Suggestion).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Those whom one follows follow them.
    FriendsOfFriends,
    /// They have the most followers here.
    MostFollowed,
}

impl Source {
    /// As the API names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::FriendsOfFriends => "friends_of_friends",
            Source::MostFollowed => "most_followed",
        }
    }

    /// As the API named it before 4.3.
    pub fn legacy(self) -> &'static str {
        match self {
            Source::FriendsOfFriends => "past_interactions",
            Source::MostFollowed => "global",
        }
    }
}

/// Accounts that one does not follow yet, with why, best first: those whom most of those follow
/// whom one follows, then those with the most followers. Whom one blocks, mutes, asked to follow
/// or dismissed is left out, like those who do not want to be found.
pub async fn of(
    conn: &mut Conn,
    account_id: i64,
    relations: &Relations,
    now: i64,
    limit: usize,
) -> AppResult<Vec<(i64, Vec<Source>)>> {
    let mut out: HashSet<i64> = db::personal::dismissed_suggestions(conn, account_id, KEPT)
        .await?
        .into_iter()
        .collect();
    out.extend(db::discovery::requested_ids(conn, account_id, KEPT).await?);
    out.insert(account_id);
    let wanted = |id: &i64| {
        !out.contains(id)
            && !relations.following.contains_key(id)
            && !relations.blocking.contains(id)
            && !relations.blocked_by.contains(id)
            && !relations.mutes(*id, now)
    };
    let mut counts: HashMap<i64, usize> = HashMap::new();
    for id in db::discovery::followed_by_followed(conn, account_id, COUNTED).await? {
        *counts.entry(id).or_default() += 1;
    }
    let mut near: Vec<(i64, usize)> = counts.into_iter().filter(|(id, _)| wanted(id)).collect();
    near.sort_by_key(|(id, count)| (std::cmp::Reverse(*count), *id));
    near.truncate(CANDIDATES);
    let ids: Vec<i64> = near.iter().map(|(id, _)| *id).collect();
    let presentable: HashSet<i64> = db::discovery::presentable_among(conn, &ids)
        .await?
        .into_iter()
        .collect();
    let most = db::discovery::most_followed(conn, CANDIDATES as i64).await?;
    let mut found: Vec<(i64, Vec<Source>)> = ids
        .into_iter()
        .filter(|id| presentable.contains(id))
        .map(|id| (id, vec![Source::FriendsOfFriends]))
        .collect();
    for id in most.into_iter().filter(wanted) {
        match found.iter_mut().find(|(known, _)| *known == id) {
            Some((_, sources)) => sources.push(Source::MostFollowed),
            None => found.push((id, vec![Source::MostFollowed])),
        }
    }
    if !relations.domain_blocks.is_empty() {
        let ids: Vec<i64> = found.iter().map(|(id, _)| *id).collect();
        let unwanted: HashSet<i64> = db::accounts::by_ids(conn, &ids)
            .await?
            .into_iter()
            .filter(|account| relations.blocks_domain(&account.domain))
            .map(|account| account.id)
            .collect();
        found.retain(|(id, _)| !unwanted.contains(id));
    }
    found.truncate(limit);
    Ok(found)
}
