//! Polls: made with a status, voted in from here and elsewhere, ended.

use serde::{Deserialize, Serialize};

use super::Ctx;
use super::jobs::{self, Job};
use super::notifications::{self, Type};
use super::outgoing::{self, Audience, Outgoing, Question};
use super::visibility::{Visibility, waits};
use crate::clock::SECOND;
use crate::db::accounts::Account;
use crate::db::polls::{Poll, PollOption, PollVote};
use crate::db::statuses::Status;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};

/// Limits of a poll, announced in the instance entity.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub max_options: usize,
    /// Characters of an option.
    pub max_characters: usize,
    /// How long it is open, in seconds.
    pub min_expiration: i64,
    pub max_expiration: i64,
}

/// The limits in force.
pub const LIMITS: Limits = Limits {
    max_options: 10,
    max_characters: 100,
    min_expiration: 300,
    max_expiration: 2_629_746,
};

/// How long counts are gathered before other servers are told.
const GATHER: i64 = 30 * SECOND;
/// Voters told in one transaction.
const TOLD: i64 = 200;
/// Voters elsewhere whose servers are told of new counts at most.
const REMOTE_VOTERS: i64 = 10_000;

/// A poll to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollDraft {
    pub options: Vec<String>,
    /// Seconds that it is open.
    pub expires_in: i64,
    #[serde(default)]
    pub multiple: bool,
    #[serde(default)]
    pub hide_totals: bool,
}

/// A poll from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemotePoll {
    /// Titles, plain text, with their votes.
    pub options: Vec<(String, i64)>,
    pub multiple: bool,
    pub expires_at: Option<i64>,
    pub voters_count: Option<i64>,
}

/// Checks a poll to make.
pub fn check(draft: &PollDraft) -> AppResult<()> {
    let refuse = |why: String| Err(AppError::invalid(format!("Validation failed: {why}")));
    let options = &draft.options;
    if options.len() < 2 || options.iter().any(|option| option.trim().is_empty()) {
        return refuse("Poll must have more than one item".to_owned());
    }
    if options.len() > LIMITS.max_options {
        return refuse(format!(
            "Poll can't contain more than {} items",
            LIMITS.max_options
        ));
    }
    if options
        .iter()
        .any(|option| option.chars().count() > LIMITS.max_characters)
    {
        return refuse(format!(
            "Poll items can't be longer than {} characters each",
            LIMITS.max_characters
        ));
    }
    let mut titles: Vec<&str> = options.iter().map(|option| option.trim()).collect();
    titles.sort_unstable();
    titles.dedup();
    if titles.len() < options.len() {
        return refuse("Poll contains duplicate items".to_owned());
    }
    if draft.expires_in < LIMITS.min_expiration {
        return refuse("Poll duration is too short".to_owned());
    }
    if draft.expires_in > LIMITS.max_expiration {
        return refuse("Poll duration is too far into the future".to_owned());
    }
    Ok(())
}

/// Gives a local status its poll.
pub async fn attach(tx: &mut Conn, ctx: &Ctx, status: &Status, draft: &PollDraft) -> AppResult<()> {
    check(draft)?;
    let now = ctx.now();
    let poll = Poll {
        id: ctx.ids.next(),
        status_id: status.id,
        account_id: status.account_id,
        multiple: draft.multiple,
        hide_totals: draft.hide_totals,
        voters_count: Some(0),
        expires_at: Some(now + draft.expires_in * SECOND),
        fetched_at: None,
        created_at: now,
    };
    let titles = draft.options.iter().map(|title| (title.trim(), 0));
    insert(tx, &poll, titles).await?;
    end_later(tx, ctx, &poll).await
}

/// Gives a status from elsewhere its poll.
pub async fn attach_remote(
    tx: &mut Conn,
    ctx: &Ctx,
    status: &Status,
    remote: &RemotePoll,
) -> AppResult<()> {
    let now = ctx.now();
    let poll = Poll {
        id: ctx.ids.next(),
        status_id: status.id,
        account_id: status.account_id,
        multiple: remote.multiple,
        hide_totals: false,
        voters_count: remote.voters_count,
        expires_at: remote.expires_at,
        fetched_at: Some(now),
        created_at: now,
    };
    let options = remote.options.iter().map(|(title, n)| (title.as_str(), *n));
    insert(tx, &poll, options).await
}

async fn insert<'a>(
    tx: &mut Conn,
    poll: &Poll,
    options: impl Iterator<Item = (&'a str, i64)>,
) -> AppResult<()> {
    let rows: Vec<PollOption> = options
        .enumerate()
        .map(|(position, (title, votes_count))| PollOption {
            poll_id: poll.id,
            position: position as i64,
            title: title.to_owned(),
            votes_count,
        })
        .collect();
    Ok(db::polls::insert(tx, poll, &rows).await?)
}

async fn end_later(tx: &mut Conn, ctx: &Ctx, poll: &Poll) -> AppResult<()> {
    match poll.expires_at {
        Some(at) => jobs::enqueue_at(tx, ctx, &Job::PollEnd { poll_id: poll.id }, at).await,
        None => Ok(()),
    }
}

/// What an edit did to a status's poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing, or its counts alone.
    None,
    /// Another poll is there, or none any more: votes are gone.
    Replaced,
    /// When it ends, or whether counts are hidden.
    Settings,
}

/// Applies an edit by its author to the poll of a local status: other options or another kind of
/// choice begin it anew.
pub async fn edit(
    tx: &mut Conn,
    ctx: &Ctx,
    status: &Status,
    wanted: Option<&PollDraft>,
) -> AppResult<Change> {
    let before = db::polls::of_status(tx, status.id).await?;
    match (before, wanted) {
        (None, None) => Ok(Change::None),
        (None, Some(draft)) => {
            attach(tx, ctx, status, draft).await?;
            Ok(Change::Replaced)
        }
        (Some((poll, _)), None) => {
            db::polls::delete(tx, poll.id).await?;
            Ok(Change::Replaced)
        }
        (Some((poll, options)), Some(draft)) => {
            check(draft)?;
            let same = poll.multiple == draft.multiple
                && options.len() == draft.options.len()
                && options
                    .iter()
                    .zip(&draft.options)
                    .all(|(option, title)| option.title == title.trim());
            if !same {
                db::polls::delete(tx, poll.id).await?;
                attach(tx, ctx, status, draft).await?;
                return Ok(Change::Replaced);
            }
            let expires_at = Some(ctx.now() + draft.expires_in * SECOND);
            let changed = Poll {
                hide_totals: draft.hide_totals,
                expires_at,
                ..poll.clone()
            };
            db::polls::update(tx, &changed).await?;
            jobs::cancel(tx, &Job::PollEnd { poll_id: poll.id }).await?;
            end_later(tx, ctx, &changed).await?;
            Ok(Change::Settings)
        }
    }
}

fn is_same(poll: &Poll, options: &[PollOption], remote: &RemotePoll) -> bool {
    poll.multiple == remote.multiple
        && options.len() == remote.options.len()
        && options
            .iter()
            .zip(&remote.options)
            .all(|(option, (title, _))| option.title == *title)
}

/// Whether what its server says is about the poll that a status from elsewhere has.
pub async fn is_about(
    tx: &mut Conn,
    status: &Status,
    remote: Option<&RemotePoll>,
) -> AppResult<bool> {
    let here = db::polls::of_status(tx, status.id).await?;
    Ok(match (here, remote) {
        (Some((poll, options)), Some(remote)) => is_same(&poll, &options, remote),
        _ => false,
    })
}

/// Applies what its server says of the poll of a status from elsewhere.
pub async fn revise(
    tx: &mut Conn,
    ctx: &Ctx,
    status: &Status,
    remote: Option<&RemotePoll>,
) -> AppResult<Change> {
    let before = db::polls::of_status(tx, status.id).await?;
    let (Some((poll, options)), Some(remote)) = (&before, remote) else {
        if let Some((poll, _)) = before {
            db::polls::delete(tx, poll.id).await?;
            return Ok(Change::Replaced);
        }
        if let Some(remote) = remote {
            attach_remote(tx, ctx, status, remote).await?;
            return Ok(Change::Replaced);
        }
        return Ok(Change::None);
    };
    if !is_same(poll, options, remote) {
        db::polls::delete(tx, poll.id).await?;
        attach_remote(tx, ctx, status, remote).await?;
        return Ok(Change::Replaced);
    }
    let changed = Poll {
        voters_count: remote.voters_count,
        expires_at: remote.expires_at,
        fetched_at: Some(ctx.now()),
        ..poll.clone()
    };
    db::polls::update(tx, &changed).await?;
    for (option, (_, votes)) in options.iter().zip(&remote.options) {
        if option.votes_count != *votes {
            db::polls::set_count(tx, poll.id, option.position, *votes).await?;
        }
    }
    if poll.expires_at != changed.expires_at {
        let job = Job::PollEnd { poll_id: poll.id };
        jobs::cancel(tx, &job).await?;
        if !db::polls::local_voters(tx, poll.id, 0, 1).await?.is_empty() {
            end_later(tx, ctx, &changed).await?;
        }
        return Ok(Change::Settings);
    }
    Ok(Change::None)
}

/// `voter` chooses options (by position) of the poll of a status that it may see. Those who live
/// here vote once; from elsewhere, each choice comes by itself.
pub async fn vote(
    tx: &mut Conn,
    ctx: &Ctx,
    voter: &Account,
    status: &Status,
    poll_id: i64,
    choices: &[i64],
) -> AppResult<()> {
    let refuse = |why: &str| Err(AppError::invalid(format!("Validation failed: {why}")));
    let poll = db::polls::lock(tx, poll_id)
        .await?
        .ok_or_else(AppError::not_found)?;
    if poll.has_ended(ctx.now()) {
        return refuse("The poll has already ended");
    }
    if poll.account_id == voter.id {
        return refuse("You cannot vote in your own polls");
    }
    let options = db::polls::options_of(tx, &[poll.id]).await?;
    let mut chosen: Vec<&PollOption> = Vec::new();
    for choice in choices {
        let Some(option) = options.iter().find(|option| option.position == *choice) else {
            return refuse("The chosen vote option does not exist");
        };
        if chosen.iter().all(|known| known.position != *choice) {
            chosen.push(option);
        }
    }
    if chosen.is_empty() {
        return refuse("Choices can't be blank");
    }
    let before = db::polls::choices(tx, voter.id, &[poll.id]).await?;
    let again = !before.is_empty() && (voter.is_local() || !poll.multiple);
    if again || (chosen.len() > 1 && !poll.multiple) {
        return refuse("You have already voted on this poll");
    }
    let mut sent = Vec::new();
    for option in &chosen {
        let row = PollVote {
            id: ctx.ids.next(),
            poll_id: poll.id,
            account_id: voter.id,
            choice: option.position,
            created_at: ctx.now(),
        };
        if db::polls::add_vote(tx, &row).await? {
            sent.push((row.id, option.title.clone()));
        }
    }
    if before.is_empty() {
        db::polls::count_voter(tx, poll.id).await?;
    }
    tx.emit(Event::of(Kind::StatusCounts, status.id));
    tx.emit(Event::to(voter.id, Kind::ViewerChanged, poll.id));
    let author = db::accounts::by_id(tx, poll.account_id)
        .await?
        .ok_or_else(AppError::not_found)?;
    if author.is_local() {
        if !poll.hide_totals && !status.local_only {
            let job = Job::PollUpdate { poll_id: poll.id };
            jobs::enqueue_at(tx, ctx, &job, ctx.now() + GATHER).await?;
        }
    } else if voter.is_local() {
        end_later(tx, ctx, &poll).await?;
        for (id, name) in sent {
            let activity = Outgoing::Vote {
                uri: format!("{}#votes/{id}", voter.uri),
                name,
                in_reply_to: status.uri.clone(),
                to: author.uri.clone(),
            };
            outgoing::send(tx, ctx, voter, &activity, Audience::one(author.id)).await?;
        }
    }
    Ok(())
}

/// Polls of local statuses as they go out: pairs of status and question, two statements.
pub async fn questions(
    conn: &mut Conn,
    ctx: &Ctx,
    statuses: &[i64],
) -> AppResult<Vec<(i64, Question)>> {
    let polls = db::polls::of_statuses(conn, statuses).await?;
    let ids: Vec<i64> = polls.iter().map(|poll| poll.id).collect();
    let options = db::polls::options_of(conn, &ids).await?;
    let now = ctx.now();
    Ok(polls
        .into_iter()
        .map(|poll| {
            let ended = poll.has_ended(now);
            let open = !poll.hide_totals || ended;
            let question = Question {
                options: options
                    .iter()
                    .filter(|option| option.poll_id == poll.id)
                    .map(|option| (option.title.clone(), open.then_some(option.votes_count)))
                    .collect(),
                multiple: poll.multiple,
                end_time: poll.expires_at,
                closed: poll.expires_at.filter(|_| ended),
                voters_count: poll.voters_count,
            };
            (poll.status_id, question)
        })
        .collect())
}

/// Tells other servers the counts of a local poll: those of its author's followers, of those
/// mentioned, and of the voters.
pub async fn tell_counts(tx: &mut Conn, ctx: &Ctx, poll_id: i64) -> AppResult<()> {
    let Some(poll) = db::polls::by_id(tx, poll_id).await? else {
        return Ok(());
    };
    let author = db::accounts::by_id(tx, poll.account_id).await?;
    let status = db::statuses::by_id(tx, poll.status_id).await?;
    let (Some(author), Some(status)) = (author, status) else {
        return Ok(());
    };
    let is_told = author.is_local() && author.is_active() && !status.local_only;
    if !is_told || waits(status.visibility) {
        return Ok(());
    }
    let note = super::statuses::note_of(tx, ctx, &author, &status).await?;
    let mut accounts = db::polls::remote_voters(tx, poll.id, REMOTE_VOTERS).await?;
    let mentioned = db::statuses::mentions_of(tx, &[status.id]).await?;
    accounts.extend(mentioned.into_iter().map(|(_, account)| account));
    let visibility = Visibility::from_db(status.visibility);
    if visibility == Visibility::Mutuals {
        accounts.extend(db::relations::mutual_ids(tx, author.id, REMOTE_VOTERS).await?);
    }
    let audience = Audience {
        followers: visibility <= Visibility::Private,
        accounts,
    };
    let activity = Outgoing::Update {
        uri: format!("{}#updates/{}", status.uri, ctx.ids.next()),
        note: Box::new(note),
    };
    outgoing::send(tx, ctx, &author, &activity, audience).await
}

/// Tells local voters after an account id that a poll has ended, and, once all know, its author
/// and other servers. Gives the account to go on after; `None` when done. Safe to repeat.
pub async fn end(tx: &mut Conn, ctx: &Ctx, poll_id: i64, after: i64) -> AppResult<Option<i64>> {
    let Some(poll) = db::polls::by_id(tx, poll_id).await? else {
        return Ok(None);
    };
    // An edit may have put the end off: it has a job of its own.
    if !poll.has_ended(ctx.now()) {
        return Ok(None);
    }
    let Some(author) = db::accounts::by_id(tx, poll.account_id).await? else {
        return Ok(None);
    };
    let voters = db::polls::local_voters(tx, poll.id, after, TOLD).await?;
    for voter in &voters {
        notifications::notify(tx, ctx, voter, &author, Type::Poll, Some(poll.status_id)).await?;
    }
    if voters.len() == TOLD as usize {
        return Ok(voters.last().map(|voter| voter.id));
    }
    notifications::notify(tx, ctx, &author, &author, Type::Poll, Some(poll.status_id)).await?;
    if author.is_local() {
        tell_counts(tx, ctx, poll.id).await?;
    }
    Ok(None)
}
