//! Groups of other servers (FEP-1b12): communities, magazines, forums.
//!
//! A post belongs to the groups that its author addressed it to, and to those that what it answers
//! belongs to. That, and nothing that a group says by itself, gives the group a say in it: it passes
//! on votes on it (`votes`), and its moderators lock it and take it out (`moderation`).

mod moderation;
mod votes;

pub use moderation::{ban, lock, pin, remove, restore, unban};
pub(super) use moderation::{check_open, relock};
pub use votes::{PassedVote, forget_vote, vote, withdraw_vote};

use std::collections::HashMap;

use super::Ctx;
use super::interactions::{self, FromAfar};
use super::outgoing::{Addressing, Audience, Note, PUBLIC};
use super::reactions::{self, Reblog};
use super::visibility::Visibility;
use crate::db::accounts::Account;
use crate::db::statuses::Status;
use crate::db::{self, Conn};
use crate::error::AppResult;
use crate::text;

/// Groups that a post is in, at most.
const MAX_GROUPS: usize = 5;
/// Characters of a title that is made of the first line.
const MAX_TITLE: usize = 200;

/// Whether an account is a group that something can be posted to.
pub fn is_group(account: &Account) -> bool {
    account.kind == "Group" && !account.is_local() && account.is_active()
}

/// The groups that a status from elsewhere is addressed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addressed {
    /// Ids of actors that have to be groups.
    pub named: Vec<String>,
    /// Ids of recipients of any kind.
    pub others: Vec<String>,
    /// The groups among them that are known here.
    pub found: Vec<i64>,
    /// Nobody may answer it any more.
    pub locked: bool,
}

/// Puts a new status into its groups: an answer into those of what it answers, whatever it names
/// (else anybody could bring a group into a discussion of others), but what people here name
/// themselves; everything else into those that its author named. Only what is open is any group's.
pub(super) async fn join(
    tx: &mut Conn,
    status: &Status,
    (named, locked): (&[i64], bool),
) -> AppResult<()> {
    if !Visibility::from_db(status.visibility).is_open() || status.local_only {
        return Ok(());
    }
    let mut groups = Vec::new();
    if let Some(parent) = status.in_reply_to_id {
        let above = db::groups::of_statuses(tx, &[parent]).await?;
        groups.extend(above.iter().map(|row| row.group_id));
    }
    if status.in_reply_to_id.is_none() || status.local {
        groups.extend_from_slice(named);
    }
    let mut seen = Vec::new();
    for group in groups {
        if !seen.contains(&group) && seen.len() < MAX_GROUPS {
            db::groups::put(tx, status.id, group, locked).await?;
            seen.push(group);
        }
    }
    Ok(())
}

/// Some answers came before what they answer: they are in its groups, and in no other that they
/// named.
pub(super) async fn adopt(tx: &mut Conn, status_id: i64, answers: &[i64]) -> AppResult<()> {
    Ok(db::groups::inherit(tx, status_id, answers).await?)
}

/// Whether a group shows a post to those who follow it, else why not; `None`: it is none of the
/// group's, as far as its author says.
pub(super) async fn shown(
    tx: &mut Conn,
    group: &Account,
    status: &Status,
) -> AppResult<Option<Result<(), &'static str>>> {
    let Some(row) = db::groups::post(tx, status.id, group.id).await? else {
        return Ok(None);
    };
    if row.removed_at.is_some() {
        return Ok(Some(Err("it was removed from the group")));
    }
    let below = match (status.in_reply_to_id, &status.in_reply_to_uri) {
        (Some(parent), _) => db::groups::post(tx, parent, group.id).await?.is_some(),
        (None, parent) => parent.is_some(),
    };
    Ok(Some(if below { Err("") } else { Ok(()) }))
}

/// A group passes on a post, whose Announce has an id and a time: those who follow it are shown a
/// reblog. Comments are not: they stand in their threads. `embedded`: it passed on what somebody
/// did, and not the post itself, as anybody may. Says why there was nothing to do.
pub async fn pass_on(
    tx: &mut Conn,
    ctx: &Ctx,
    group: &Account,
    status: &Status,
    (uri, published): (&str, i64),
    embedded: bool,
) -> AppResult<&'static str> {
    let open = Visibility::from_db(status.visibility).is_open();
    if !open || status.local_only || status.reblog_of_id.is_some() {
        return Ok("the object is not to be reblogged");
    }
    if db::statuses::buried(tx, uri).await?.is_some() {
        return Ok("it was undone before it came");
    }
    match shown(tx, group, status).await? {
        None if embedded => return Ok(""),
        // Its author did not give it to the group, which then is anybody who boosts it.
        None => {
            if !status.local && !db::relations::followed_locally(tx, group.id).await? {
                return Ok("it concerns nobody here");
            }
            let from = FromAfar {
                uri: uri.to_owned(),
                published,
                ..FromAfar::default()
            };
            let visibility = Some(Visibility::Public);
            let (done, _) =
                interactions::reblog(tx, ctx, group, status, visibility, Some(&from)).await?;
            return Ok(done.reason());
        }
        Some(Err(reason)) => return Ok(reason),
        Some(Ok(())) => {}
    }
    let reblog = Reblog {
        quiet: false,
        visibility: Some(Visibility::Public),
        remote: Some((uri.to_owned(), published)),
        granted: None,
    };
    reactions::reblog(tx, ctx, group, status, reblog).await?;
    Ok("")
}

/// The groups of a local status, which get what is said of it: those that can be told.
pub(super) async fn told(tx: &mut Conn, status: &Status) -> AppResult<Vec<Account>> {
    if status.local_only || !Visibility::from_db(status.visibility).is_open() {
        return Ok(Vec::new());
    }
    let groups = db::groups::accounts_of(tx, status.id).await?;
    Ok(groups.into_iter().filter(is_group).collect())
}

/// The groups of local statuses, by status: two statements.
pub(super) async fn of_notes(
    conn: &mut Conn,
    ids: &[i64],
) -> AppResult<HashMap<i64, Vec<Account>>> {
    let mut groups: HashMap<i64, Vec<Account>> = HashMap::new();
    let rows = db::groups::of_statuses(conn, ids).await?;
    let accounts: Vec<i64> = rows.iter().map(|row| row.group_id).collect();
    let accounts = db::accounts::by_ids(conn, &accounts).await?;
    for row in rows {
        let found = accounts.iter().find(|account| account.id == row.group_id);
        if let Some(group) = found.filter(|account| is_group(account)) {
            groups.entry(row.status_id).or_default().push(group.clone());
        }
    }
    Ok(groups)
}

/// Addresses a note, or its Delete, to its groups: a post to them, a comment with a copy.
pub(super) fn address(addressing: &mut Addressing, groups: &[Account], comment: bool) {
    for group in groups {
        let uri = &group.uri;
        let list = if comment {
            &mut addressing.cc
        } else {
            addressing.cc.retain(|recipient| recipient != uri);
            &mut addressing.to
        };
        if !list.contains(uri) {
            list.push(uri.clone());
        }
        addressing.audience.push(uri.clone());
    }
}

/// Addresses a local note to its groups, and gives a post of its own a title, which communities
/// show their posts under.
pub(super) fn describe(note: &mut Note, groups: &[Account]) {
    if groups.is_empty() {
        return;
    }
    let comment = note.in_reply_to.is_some();
    address(&mut note.addressing, groups, comment);
    if !comment {
        let handles: Vec<&str> = note
            .mentions
            .iter()
            .filter(|mention| note.addressing.audience.contains(&mention.href))
            .map(|mention| mention.name.as_str())
            .collect();
        note.name = title(&note.summary, &note.content, &handles);
    }
}

/// What a community shows a post under: the content warning, or the first line that says more than
/// which group it is for.
fn title(summary: &str, html: &str, handles: &[&str]) -> String {
    if !summary.is_empty() {
        return summary.to_owned();
    }
    let plain = text::to_plain(html);
    let lines = plain.lines().map(|line| {
        let words: Vec<&str> = line
            .split_whitespace()
            .filter(|word| !is_handle(word, handles))
            .collect();
        words.join(" ")
    });
    let line = lines
        .into_iter()
        .find(|line| line.chars().any(char::is_alphanumeric))
        .unwrap_or_default();
    if line.chars().count() <= MAX_TITLE {
        return line;
    }
    let mut short: String = line.chars().take(MAX_TITLE - 1).collect();
    short.push('…');
    short
}

/// Whether a word names one of some accounts (`@user@domain`), with or without its domain.
fn is_handle(word: &str, handles: &[&str]) -> bool {
    handles.iter().any(|handle| {
        let name = handle
            .rfind('@')
            .filter(|at| *at > 0)
            .map_or(*handle, |at| &handle[..at]);
        word.eq_ignore_ascii_case(handle) || word.eq_ignore_ascii_case(name)
    })
}

/// Who a vote on a post of groups is addressed to: its author and the groups, for everyone to see.
/// Elsewhere a vote names nobody.
pub(super) fn vote_addressing(author: &Account, groups: &[Account]) -> Addressing {
    let mut addressing = Addressing::default();
    if groups.is_empty() {
        return addressing;
    }
    addressing.to = vec![author.uri.clone()];
    addressing.cc = vec![PUBLIC.to_owned()];
    address(&mut addressing, groups, false);
    addressing
}

/// Who gets a vote on a post: its author, and its groups, which count it and pass it on.
pub(super) fn vote_audience(author: &Account, groups: &[Account]) -> Audience {
    Audience {
        followers: false,
        accounts: std::iter::once(author)
            .filter(|author| !author.is_local())
            .chain(groups)
            .map(|account| account.id)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles() {
        let handles = ["@boats@lemmy.example"];
        let of = |html: &str| title("", html, &handles);
        assert_eq!(title("wet", "<p>My boat</p>", &handles), "wet");
        assert_eq!(
            of("<p>My boat</p><p>She is fast <a href=x>@boats</a></p>"),
            "My boat"
        );
        assert_eq!(
            of("<p><a href=x>@boats</a></p><p>…</p><p>My boat<br>is red</p>"),
            "My boat"
        );
        assert_eq!(of("<p>@boats@lemmy.example My boat</p>"), "My boat");
        assert_eq!(of("<p>@boats</p>"), "");
        let long = of(&format!("<p>{}</p>", "boat ".repeat(100)));
        assert_eq!(long.chars().count(), MAX_TITLE);
        assert!(long.ends_with('…'));
    }
}
