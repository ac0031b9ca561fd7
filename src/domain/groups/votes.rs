//! Votes that a group passes on.
//!
//! Communities send nobody's vote but their own word that it was cast: it can seldom be asked for.
//! Where it is known who cast it (by its proof, by its origin, or because the group's server is that
//! actor's own), it is that actor's vote like any other. Of everyone else it is counted and no more:
//! no name is shown, nobody is told. So a group that lies can bend the counts of its own posts, as
//! it could anyway, and speak in the name of nobody.

use crate::db::accounts::Account;
use crate::db::analytics::Counts;
use crate::db::groups::GroupVote;
use crate::db::statuses::Status;
use crate::db::{self, Conn};
use crate::domain::interactions::{self, FromAfar, Outcome};
use crate::domain::visibility::may_see;
use crate::domain::{Ctx, analytics, reactions, votes};
use crate::error::AppResult;
use crate::events::{Event, Kind};

/// A vote, or one that is taken back.
#[derive(Debug, Clone)]
pub struct PassedVote {
    /// The Like's or Dislike's id.
    pub uri: String,
    /// Whose it is said to be.
    pub actor_uri: String,
    /// That actor, where it is known here.
    pub actor: Option<Account>,
    /// Whether it is known to be that actor's.
    pub proven: bool,
    /// A like, or a dislike.
    pub like: bool,
}

/// What to do with a vote that a group passed on.
enum Whose {
    /// It is this account's.
    Of(Box<Account>),
    /// It is counted.
    Nobodys,
}

/// Whether a group has a say in votes on a status, and whose a vote is; else why it is nothing.
async fn judge(
    tx: &mut Conn,
    group: &Account,
    status: &Status,
    vote: &PassedVote,
) -> AppResult<Result<Whose, &'static str>> {
    if db::groups::post(tx, status.id, group.id).await?.is_none() {
        return Ok(Err("the object is not the group's"));
    }
    let Some(actor) = &vote.actor else {
        return Ok(Ok(Whose::Nobodys));
    };
    if actor.is_local() || !actor.is_active() {
        return Ok(Err("the vote is not the group's to pass on"));
    }
    if !may_see(tx, status, Some(actor)).await? {
        return Ok(Err("the actor may not see the object"));
    }
    Ok(Ok(if vote.proven {
        Whose::Of(Box::new(actor.clone()))
    } else {
        Whose::Nobodys
    }))
}

/// A group passes on a vote on a status. Says why it is not counted.
pub async fn vote(
    tx: &mut Conn,
    ctx: &Ctx,
    group: &Account,
    status: &Status,
    vote: &PassedVote,
) -> AppResult<&'static str> {
    match judge(tx, group, status, vote).await? {
        Err(reason) => return Ok(reason),
        Ok(Whose::Of(actor)) => {
            let uri = vote.uri.clone();
            if vote.like {
                let from = FromAfar {
                    uri,
                    ..FromAfar::default()
                };
                let done = interactions::favourite(tx, ctx, &actor, status, Some(&from)).await?;
                return Ok(done.reason());
            }
            if !interactions::may_vote(tx, &actor, status).await? {
                return Ok(Outcome::Denied.reason());
            }
            votes::dislike(tx, ctx, &actor, status, Some(uri)).await?;
            return Ok("");
        }
        // Whether a policy admits nobody in particular is not to be known.
        Ok(Whose::Nobodys) if !interactions::is_free(status) => {
            return Ok(Outcome::Denied.reason());
        }
        Ok(Whose::Nobodys) => {}
    }
    db::votes::lock(tx, status.id).await?;
    if let Some(actor) = &vote.actor
        && voted(tx, actor, status).await?
    {
        return Ok("the actor's own vote is here");
    }
    let row = GroupVote {
        status_id: status.id,
        actor_uri: vote.actor_uri.clone(),
        group_id: group.id,
        value: if vote.like { 1 } else { -1 },
        created_at: ctx.now(),
    };
    let before = db::groups::vote(tx, status.id, &vote.actor_uri).await?;
    if before.is_some_and(|before| before.value == row.value) {
        return Ok("");
    }
    forget_vote(tx, status, &vote.actor_uri).await?;
    if db::groups::add_vote(tx, &row).await? {
        count(tx, status, &row, 1).await?;
    }
    Ok("")
}

/// A group passes on that a vote is taken back. Says why there is nothing to do.
pub async fn withdraw_vote(
    tx: &mut Conn,
    ctx: &Ctx,
    group: &Account,
    status: &Status,
    vote: &PassedVote,
) -> AppResult<&'static str> {
    match judge(tx, group, status, vote).await? {
        Err(reason) => return Ok(reason),
        Ok(Whose::Of(actor)) if vote.like => {
            reactions::unfavourite(tx, ctx, &actor, status).await?;
        }
        Ok(Whose::Of(actor)) => votes::undislike(tx, ctx, &actor, status).await?,
        Ok(Whose::Nobodys) => {}
    }
    db::votes::lock(tx, status.id).await?;
    let before = db::groups::vote(tx, status.id, &vote.actor_uri).await?;
    if before.is_some_and(|before| (before.value > 0) == vote.like) {
        forget_vote(tx, status, &vote.actor_uri).await?;
    }
    Ok("")
}

/// Whether an account's own vote on a status is here.
async fn voted(tx: &mut Conn, actor: &Account, status: &Status) -> AppResult<bool> {
    let like = db::reactions::favourite(tx, actor.id, status.id).await?;
    let dislike = db::votes::dislike(tx, actor.id, status.id).await?;
    Ok(like.is_some() || dislike.is_some())
}

/// Counts an actor's vote no more that a group passed on: the actor's own takes its place.
pub async fn forget_vote(tx: &mut Conn, status: &Status, actor_uri: &str) -> AppResult<()> {
    match db::groups::take_vote(tx, status.id, actor_uri).await? {
        Some(row) => count(tx, status, &row, -1).await,
        None => Ok(()),
    }
}

async fn count(tx: &mut Conn, status: &Status, row: &GroupVote, times: i64) -> AppResult<()> {
    let mut change = Counts::default();
    if row.value > 0 {
        change.likes = times;
        db::statuses::count(tx, status.id, 0, 0, times).await?;
    } else {
        change.dislikes = times;
        db::votes::count(tx, status.id, times).await?;
    }
    analytics::happened(tx, status, row.created_at, change).await?;
    tx.emit(Event::of(Kind::StatusCounts, status.id));
    Ok(())
}
