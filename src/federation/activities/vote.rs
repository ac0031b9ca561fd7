//! A vote: the Create of a Note whose `name` is an option of the poll that it answers
//! (Mastodon documentation, spec/activitypub, "Poll votes"). Pleroma calls the object Answer.

use serde_json::Value;

use super::{Failure, Prepared};
use crate::app::App;
use crate::db::accounts::Account;
use crate::db::{self, Conn};
use crate::domain::visibility::may_see;
use crate::domain::{Ctx, polls};
use crate::error::AppResult;
use crate::federation::objects::note as notes;
use crate::federation::value::{ids, is_a, text};

/// Choices of one activity that are looked at.
const MAX_CHOICES: usize = 50;

#[derive(Debug)]
pub struct Vote {
    voter: Account,
    status_id: i64,
    poll_id: i64,
    /// The options' positions.
    choices: Vec<i64>,
}

/// The votes of an activity that brings several at once (GoToSocial, for polls with several
/// choices): that of the first, with all their choices.
pub(super) fn together(objects: &[Value]) -> Option<Vec<&str>> {
    let first = objects.first().filter(|_| objects.len() > 1)?;
    let same = |object: &Value, name: &str| object.get(name) == first.get(name);
    let is_vote = |object: &Value| {
        (is_a(object, "Note") || is_answer(object))
            && text(object, "content").is_none_or(str::is_empty)
            && same(object, "inReplyTo")
            && same(object, "attributedTo")
    };
    if notes::parent(first).is_none() || !objects.iter().all(is_vote) {
        return None;
    }
    objects.iter().map(|object| text(object, "name")).collect()
}

/// Whether an object says by its type that it is a vote.
pub(super) fn is_answer(object: &Value) -> bool {
    is_a(object, "Answer")
}

/// What an object comes to if it is a vote in a poll of ours; `None` when it is something else.
/// `more`: names of what else is chosen with it.
pub(super) async fn prepare(
    app: &App,
    voter: &Account,
    object: &Value,
    more: &[&str],
) -> Result<Option<Prepared>, Failure> {
    if !is_a(object, "Note") && !is_answer(object) {
        return Ok(None);
    }
    let name = text(object, "name").filter(|name| !name.is_empty());
    let poll = notes::parent(object).filter(|parent| app.config.is_ours(parent));
    let (Some(name), Some(uri)) = (name, poll) else {
        return Ok(None);
    };
    if !ids(object, "attributedTo").all(|by| by == voter.uri) {
        return Err(Failure::Hopeless(
            "the vote is attributed to somebody else".to_owned(),
        ));
    }
    let chosen: Vec<String> = std::iter::once(name)
        .chain(more.iter().copied())
        .take(MAX_CHOICES)
        .map(str::to_owned)
        .collect();
    let uri = uri.to_owned();
    let found = app
        .read(move |c| {
            Box::pin(async move {
                let status = db::statuses::by_uri(c, &uri).await?;
                let Some(status) = status.filter(|status| status.local) else {
                    return Ok(None);
                };
                let Some((poll, options)) = db::polls::of_status(c, status.id).await? else {
                    return Ok(None);
                };
                let mut choices: Vec<i64> = Vec::new();
                for option in options
                    .iter()
                    .filter(|option| chosen.contains(&option.title))
                {
                    choices.push(option.position);
                }
                Ok((!choices.is_empty()).then_some((status.id, poll.id, choices)))
            })
        })
        .await?;
    if let Some((status_id, poll_id, choices)) = found {
        let vote = Vote {
            voter: voter.clone(),
            status_id,
            poll_id,
            choices,
        };
        return Prepared::deed(super::Deed::Vote(vote)).map(Some);
    }
    // A vote and nothing else: there is no text to keep.
    if text(object, "content").is_none_or(str::is_empty) {
        return Prepared::nothing("there is no such poll or option").map(Some);
    }
    Ok(None)
}

impl Vote {
    pub(super) async fn apply(&self, tx: &mut Conn, ctx: &Ctx) -> AppResult<&'static str> {
        let Some(status) = db::statuses::by_id(tx, self.status_id).await? else {
            return Ok("the poll is gone");
        };
        if !may_see(tx, &status, Some(&self.voter)).await? {
            return Ok("the actor may not see the poll");
        }
        let choices = &self.choices;
        match polls::vote(tx, ctx, &self.voter, &status, self.poll_id, choices).await {
            Err(error) if error.status.is_client_error() => Ok("the poll does not take it"),
            other => other.map(|()| ""),
        }
    }
}
