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

#[derive(Debug)]
pub struct Vote {
    voter: Account,
    status_id: i64,
    poll_id: i64,
    /// The option's position.
    choice: i64,
}

/// Whether an object says by its type that it is a vote.
pub(super) fn is_answer(object: &Value) -> bool {
    is_a(object, "Answer")
}

/// What an object comes to if it is a vote in a poll of ours; `None` when it is something else.
pub(super) async fn prepare(
    app: &App,
    voter: &Account,
    object: &Value,
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
    let (name, uri) = (name.to_owned(), uri.to_owned());
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
                let option = options.iter().find(|option| option.title == name);
                Ok(option.map(|option| (status.id, poll.id, option.position)))
            })
        })
        .await?;
    if let Some((status_id, poll_id, choice)) = found {
        let vote = Vote {
            voter: voter.clone(),
            status_id,
            poll_id,
            choice,
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
        let choices = [self.choice];
        match polls::vote(tx, ctx, &self.voter, &status, self.poll_id, &choices).await {
            Err(error) if error.status.is_client_error() => Ok("the poll does not take it"),
            other => other.map(|()| ""),
        }
    }
}
