//! Polls (Mastodon documentation, entities/Poll).

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use super::account::{Emoji, emojis};
use crate::app::App;
use crate::clock::iso;
use crate::config::Config;
use crate::db;
use crate::db::polls::{Poll, PollOption};
use crate::error::AppResult;

/// A poll with its options, and nothing of who reads.
#[derive(Debug, Clone)]
pub struct Known {
    pub poll: Poll,
    pub options: Vec<PollOption>,
    /// Those of its status, as the database keeps them.
    pub emojis: String,
}

/// Someone who reads, and what they chose.
#[derive(Debug, Clone, Copy)]
pub struct Voter<'a> {
    pub account_id: i64,
    pub choices: &'a [i64],
}

/// `Poll`.
#[derive(Debug, Serialize)]
pub struct Entity<'a> {
    id: String,
    expires_at: Option<String>,
    expired: bool,
    multiple: bool,
    votes_count: i64,
    voters_count: Option<i64>,
    options: Vec<Choice<'a>>,
    emojis: Vec<Emoji>,
    #[serde(skip_serializing_if = "Option::is_none")]
    voted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    own_votes: Option<&'a [i64]>,
}

#[derive(Debug, Serialize)]
struct Choice<'a> {
    title: &'a str,
    votes_count: Option<i64>,
}

/// Shows a poll at a time. Its author counts as one who voted: there is nothing left to choose.
pub fn entity<'a>(
    config: &Config,
    known: &'a Known,
    voter: Option<Voter<'a>>,
    now: i64,
) -> Entity<'a> {
    let poll = &known.poll;
    let expired = poll.has_ended(now);
    let open = expired || !poll.hide_totals;
    Entity {
        id: poll.id.to_string(),
        expires_at: poll.expires_at.map(iso),
        expired,
        multiple: poll.multiple,
        votes_count: known.options.iter().map(|o| o.votes_count.max(0)).sum(),
        voters_count: poll.voters_count,
        options: known
            .options
            .iter()
            .map(|option| Choice {
                title: &option.title,
                votes_count: open.then_some(option.votes_count.max(0)),
            })
            .collect(),
        emojis: emojis(config, &known.emojis),
        voted: voter.map(|voter| voter.account_id == poll.account_id || !voter.choices.is_empty()),
        own_votes: voter.map(|voter| voter.choices),
    }
}

/// What a reader chose in the polls of some statuses, given as pairs of status and poll: from
/// memory, the rest in one statement.
pub async fn choices(
    app: &App,
    reader: i64,
    polls: &[(i64, i64)],
) -> AppResult<HashMap<i64, Arc<Vec<i64>>>> {
    let mut found = HashMap::with_capacity(polls.len());
    let mut missing = Vec::new();
    for (status, poll) in polls {
        match app.caches.votes.get(&(reader, *poll)) {
            Some(choices) => {
                found.insert(*status, choices);
            }
            None => missing.push((*status, *poll)),
        }
    }
    if missing.is_empty() {
        return Ok(found);
    }
    let ticket = app.caches.votes.ticket();
    let ids: Vec<i64> = missing.iter().map(|(_, poll)| *poll).collect();
    let rows = app
        .read(move |c| Box::pin(async move { Ok(db::polls::choices(c, reader, &ids).await?) }))
        .await?;
    for (status, poll) in missing {
        let choices: Vec<i64> = rows
            .iter()
            .filter(|(id, _)| *id == poll)
            .map(|(_, choice)| *choice)
            .collect();
        let choices = Arc::new(choices);
        app.caches
            .votes
            .put(ticket, (reader, poll), choices.clone());
        found.insert(status, choices);
    }
    Ok(found)
}
