//! Following: asking, accepting, refusing, ending.

use super::Ctx;
use super::domain_blocks;
use super::friends;
use super::jobs::{self, Job};
use super::notifications::{self, Type};
use super::outgoing::{self, Audience, FollowRef, Outgoing};
use super::{moves, synchronisation};
use crate::db::accounts::Account;
use crate::db::relations::Follow;
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};

/// How many an account may follow.
pub const MAX_FOLLOWING: i64 = 7500;
/// Statuses that a new follow puts into the home at once.
const BACKFILL: i64 = 20;

/// How one account follows another; `None` keeps what is.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub reblogs: Option<bool>,
    pub notify: Option<bool>,
    /// Comma-separated codes; empty for all.
    pub languages: Option<String>,
    /// The Follow activity's id, when it came from elsewhere.
    pub uri: Option<String>,
    /// Whether it asks to be friends.
    pub friend_request: bool,
    /// Whether the follower is taken along by somebody who moved: no limit counts, and the new
    /// account, where it lives here, neither decides nor is notified.
    pub moved: bool,
}

/// How a follow, or the request for one, ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By who follows.
    Withdrawn,
    /// By who is followed.
    Refused,
}

/// `follower` asks to follow `target`: at once where `target` is open and local, else a request.
/// Repeated from elsewhere, it is answered with another Accept; repeated by a client, it changes
/// the options.
pub async fn follow(
    tx: &mut Conn,
    ctx: &Ctx,
    follower: &Account,
    target: &Account,
    options: Options,
) -> AppResult<()> {
    if follower.id == target.id {
        return Err(AppError::forbidden("This action is not allowed")
            .describe("You cannot follow yourself"));
    }
    if !target.is_active() {
        return Err(AppError::not_found());
    }
    if blocked(tx, follower, target).await? {
        if !follower.is_local() {
            let refused = FollowRef {
                uri: options.uri.unwrap_or_default(),
                actor: follower.uri.clone(),
                object: target.uri.clone(),
            };
            send_reject(tx, ctx, target, follower, refused).await?;
            return Ok(());
        }
        return Err(AppError::forbidden("This action is not allowed"));
    }
    if let Some(known) = db::relations::follow(tx, follower.id, target.id).await? {
        set_options(tx, follower, target, &known, &options).await?;
        if follower.is_local() && !target.is_local() && options.friend_request {
            let uri = outgoing::activity_uri(ctx, follower, "follows");
            db::relations::set_follow_uri(tx, known.id, &uri).await?;
            send_follow(tx, ctx, follower, target, uri, true).await?;
        }
        if !follower.is_local() && target.is_local() {
            if let Some(uri) = options.uri.as_ref().filter(|uri| **uri != known.uri) {
                db::relations::set_follow_uri(tx, known.id, uri).await?;
            }
            let again = FollowRef {
                uri: options.uri.unwrap_or(known.uri),
                actor: follower.uri.clone(),
                object: target.uri.clone(),
            };
            send_accept(tx, ctx, target, follower, again).await?;
        }
        return Ok(());
    }
    if moves::target_of(tx, target).await?.is_some() {
        if follower.is_local() {
            return Err(
                AppError::forbidden("This action is not allowed").describe("The account has moved")
            );
        }
        let refused = FollowRef {
            uri: options.uri.unwrap_or_default(),
            actor: follower.uri.clone(),
            object: target.uri.clone(),
        };
        return send_reject(tx, ctx, target, follower, refused).await;
    }
    if follower.is_local() && !options.moved {
        let stats = db::accounts::stats_of(tx, &[follower.id]).await?;
        if stats
            .first()
            .is_some_and(|s| s.following_count >= MAX_FOLLOWING)
        {
            return Err(AppError::invalid(format!(
                "Validation failed: You cannot follow more than {MAX_FOLLOWING} people"
            )));
        }
    }
    let wanted = options.clone();
    let row = Follow {
        id: ctx.ids.next(),
        account_id: follower.id,
        target_id: target.id,
        uri: options
            .uri
            .unwrap_or_else(|| outgoing::activity_uri(ctx, follower, "follows")),
        reblogs: options.reblogs.unwrap_or(true),
        notify: options.notify.unwrap_or(false),
        languages: options.languages.unwrap_or_default(),
        created_at: ctx.now(),
    };
    // A local account decides here; one elsewhere decides there. Whoever is limited has to ask
    // anyone. Whom it asked to be friends it has admitted.
    let open = (!target.locked || options.moved) && follower.silenced_at.is_none();
    if target.is_local() && (open || friends::has_asked(tx, target, follower).await?) {
        // A request from when it was not admitted is answered by this.
        if db::relations::remove_request(tx, follower.id, target.id).await? {
            notifications::retract(tx, target, follower, Type::FollowRequest, None).await?;
        }
        let quietly = wanted.moved;
        establish(tx, ctx, follower, target, row, quietly).await?;
        return Ok(());
    }
    let uri = row.uri.clone();
    if db::relations::add_request(tx, &row).await? {
        notifications::notify(tx, ctx, target, follower, Type::FollowRequest, None).await?;
        relation_changed(tx, follower, target);
    } else if !follower.is_local() {
        // Asked again under another id: the answer will name the newest.
        db::relations::remove_request(tx, follower.id, target.id).await?;
        db::relations::add_request(tx, &row).await?;
        return Ok(());
    } else {
        if let Some(known) = db::relations::request(tx, follower.id, target.id).await? {
            let (reblogs, notify, languages) = wanted.over(&known);
            db::relations::set_request_options(tx, known.id, reblogs, notify, &languages).await?;
            if !target.is_local() && wanted.friend_request {
                db::relations::set_request_uri(tx, known.id, &uri).await?;
                send_follow(tx, ctx, follower, target, uri, true).await?;
            }
        }
        return Ok(());
    }
    if !target.is_local() {
        send_follow(tx, ctx, follower, target, uri, wanted.friend_request).await?;
    }
    Ok(())
}

async fn send_follow(
    tx: &mut Conn,
    ctx: &Ctx,
    follower: &Account,
    target: &Account,
    uri: String,
    friend_request: bool,
) -> AppResult<()> {
    let follow = FollowRef {
        uri,
        actor: follower.uri.clone(),
        object: target.uri.clone(),
    };
    let activity = if friend_request {
        Outgoing::FriendRequest(follow)
    } else {
        Outgoing::Follow(follow)
    };
    outgoing::send(tx, ctx, follower, &activity, Audience::one(target.id)).await
}

impl Options {
    /// What they come to over a follow or request that is there: reblogs, notify, languages.
    fn over(&self, known: &Follow) -> (bool, bool, String) {
        (
            self.reblogs.unwrap_or(known.reblogs),
            self.notify.unwrap_or(known.notify),
            self.languages
                .clone()
                .unwrap_or_else(|| known.languages.clone()),
        )
    }
}

/// Changes how `follower` follows `target`; what it does not want any more goes from its home.
async fn set_options(
    tx: &mut Conn,
    follower: &Account,
    target: &Account,
    known: &Follow,
    options: &Options,
) -> AppResult<()> {
    let (reblogs, notify, languages) = options.over(known);
    if (reblogs, notify, &languages) == (known.reblogs, known.notify, &known.languages) {
        return Ok(());
    }
    db::relations::set_follow_options(tx, known.id, reblogs, notify, &languages).await?;
    relation_changed(tx, follower, target);
    if !follower.is_local() || (reblogs, &languages) == (known.reblogs, &known.languages) {
        return Ok(());
    }
    if !reblogs {
        db::timelines::remove_reblogs(tx, follower.id, target.id).await?;
    }
    if !languages.is_empty() {
        let codes: Vec<&str> = languages.split(',').collect();
        db::timelines::remove_other_languages(tx, follower.id, target.id, &codes).await?;
    }
    db::timelines::backfill(tx, follower.id, target.id, reblogs, &languages, BACKFILL).await?;
    tx.emit(Event::to(follower.id, Kind::HomeChanged, follower.id));
    Ok(())
}

/// Either of the two blocks the other, or the other's domain.
pub(super) async fn blocked(tx: &mut Conn, a: &Account, b: &Account) -> AppResult<bool> {
    Ok(db::relations::block(tx, a.id, b.id).await?.is_some()
        || db::relations::block(tx, b.id, a.id).await?.is_some()
        || domain_blocks::between(tx, a, b).await?)
}

/// The follow becomes real: counts, home, notification unless it comes quietly, Accept.
async fn establish(
    tx: &mut Conn,
    ctx: &Ctx,
    follower: &Account,
    target: &Account,
    row: Follow,
    quietly: bool,
) -> AppResult<()> {
    let uri = row.uri.clone();
    let notify = target.is_local() && !quietly;
    if db::relations::add_follow(tx, &row).await? {
        count(tx, follower, target, 1).await?;
        synchronisation::toggle(tx, follower, target).await?;
        tx.emit(Event::of(Kind::AccountChanged, target.id));
        tx.emit(Event::of(Kind::AccountChanged, follower.id));
        relation_changed(tx, follower, target);
        if follower.is_local() {
            let (reblogs, languages) = (row.reblogs, &row.languages);
            db::timelines::backfill(tx, follower.id, target.id, reblogs, languages, BACKFILL)
                .await?;
            tx.emit(Event::to(follower.id, Kind::HomeChanged, follower.id));
            if !target.is_local() {
                let account_id = target.id;
                jobs::enqueue(tx, ctx, &Job::Featured { account_id }).await?;
                jobs::enqueue(tx, ctx, &Job::Collections { account_id }).await?;
            }
        }
        if notify {
            notifications::notify(tx, ctx, target, follower, Type::Follow, None).await?;
        }
    }
    if target.is_local() && !follower.is_local() {
        let follow = FollowRef {
            uri,
            actor: follower.uri.clone(),
            object: target.uri.clone(),
        };
        send_accept(tx, ctx, target, follower, follow).await?;
    }
    friends::followed(tx, ctx, follower, target).await
}

/// `target` accepts the request of `follower`: from the client (local target) or by an Accept
/// that arrived (remote target).
pub async fn accept(
    tx: &mut Conn,
    ctx: &Ctx,
    target: &Account,
    follower: &Account,
) -> AppResult<()> {
    let Some(request) = db::relations::request(tx, follower.id, target.id).await? else {
        return Err(AppError::not_found());
    };
    // On PostgreSQL it may have been taken back since it was looked up.
    if !db::relations::remove_request(tx, follower.id, target.id).await? {
        return Err(AppError::not_found());
    }
    notifications::retract(tx, target, follower, Type::FollowRequest, None).await?;
    establish(tx, ctx, follower, target, request, false).await
}

/// `target` refuses the request of `follower`, or takes an accepted follow back (a remote
/// Reject, or "remove from followers").
pub async fn reject(
    tx: &mut Conn,
    ctx: &Ctx,
    target: &Account,
    follower: &Account,
) -> AppResult<()> {
    let request = db::relations::request(tx, follower.id, target.id).await?;
    let follow = db::relations::follow(tx, follower.id, target.id).await?;
    let Some(row) = request.or(follow) else {
        return Err(AppError::not_found());
    };
    end(tx, ctx, follower, target, End::Refused).await?;
    if target.is_local() && !follower.is_local() {
        let refused = FollowRef {
            uri: row.uri,
            actor: follower.uri.clone(),
            object: target.uri.clone(),
        };
        send_reject(tx, ctx, target, follower, refused).await?;
    }
    Ok(())
}

/// `follower` ends its follow, or takes back its request. Nothing to end is no error.
pub async fn unfollow(
    tx: &mut Conn,
    ctx: &Ctx,
    follower: &Account,
    target: &Account,
) -> AppResult<()> {
    let request = db::relations::request(tx, follower.id, target.id).await?;
    let follow = db::relations::follow(tx, follower.id, target.id).await?;
    let Some(row) = request.or(follow) else {
        return Ok(());
    };
    end(tx, ctx, follower, target, End::Withdrawn).await?;
    if follower.is_local() && !target.is_local() {
        let activity = Outgoing::UndoFollow {
            uri: outgoing::activity_uri(ctx, follower, "undo"),
            follow: FollowRef {
                uri: row.uri,
                actor: follower.uri.clone(),
                object: target.uri.clone(),
            },
        };
        outgoing::send(tx, ctx, follower, &activity, Audience::one(target.id)).await?;
    }
    Ok(())
}

/// Ends a follow, or the request for one, between here and an account elsewhere that nothing else is sent to any
/// more, and tells its server: it goes on living there.
pub(super) async fn cut(
    tx: &mut Conn,
    ctx: &Ctx,
    row: Follow,
    follower: &Account,
    target: &Account,
) -> AppResult<()> {
    let follow = FollowRef {
        uri: row.uri,
        actor: follower.uri.clone(),
        object: target.uri.clone(),
    };
    let (ours, theirs, activity) = if target.is_local() {
        end(tx, ctx, follower, target, End::Refused).await?;
        let uri = outgoing::activity_uri(ctx, target, "rejects");
        (target, follower, Outgoing::Reject { uri, follow })
    } else {
        end(tx, ctx, follower, target, End::Withdrawn).await?;
        let uri = outgoing::activity_uri(ctx, follower, "undo");
        (follower, target, Outgoing::UndoFollow { uri, follow })
    };
    if ours.deleted_at.is_some() {
        return Ok(());
    }
    let inbox = (theirs.delivery_url.clone(), theirs.delivery_host.clone());
    outgoing::send_to(tx, ctx, ours, &activity, &[inbox]).await
}

/// Removes follow and request with what hung on them; tells nobody elsewhere.
pub(super) async fn end(
    tx: &mut Conn,
    ctx: &Ctx,
    follower: &Account,
    target: &Account,
    how: End,
) -> AppResult<()> {
    friends::ended(tx, ctx, follower, target, how).await?;
    if db::relations::remove_request(tx, follower.id, target.id).await? {
        notifications::retract(tx, target, follower, Type::FollowRequest, None).await?;
        relation_changed(tx, follower, target);
        // Whom one was moved to is on lists already.
        if follower.is_local() {
            db::lists::drop_member(tx, follower.id, target.id).await?;
        }
    }
    if db::relations::remove_follow(tx, follower.id, target.id).await? {
        count(tx, follower, target, -1).await?;
        synchronisation::toggle(tx, follower, target).await?;
        notifications::retract(tx, target, follower, Type::Follow, None).await?;
        tx.emit(Event::of(Kind::AccountChanged, target.id));
        tx.emit(Event::of(Kind::AccountChanged, follower.id));
        relation_changed(tx, follower, target);
        // Only whom one follows is featured.
        db::personal::unendorse(tx, follower.id, target.id).await?;
        if follower.is_local() {
            db::timelines::remove_author(tx, follower.id, target.id).await?;
            db::lists::drop_member(tx, follower.id, target.id).await?;
            tx.emit(Event::to(follower.id, Kind::HomeChanged, follower.id));
        }
    }
    Ok(())
}

/// Counts a follow, or one that ended: always in the same order, so that two who follow each other
/// at a time do not wait for each other, and the later one sees the earlier.
async fn count(tx: &mut Conn, follower: &Account, target: &Account, by: i64) -> AppResult<()> {
    let mut counts = [(target.id, by, 0), (follower.id, 0, by)];
    counts.sort_unstable();
    for (id, followers, following) in counts {
        db::accounts::count_relations(tx, id, followers, following).await?;
    }
    Ok(())
}

/// Both sides' cached relations are stale.
pub(super) fn relation_changed(tx: &mut Conn, a: &Account, b: &Account) {
    tx.emit(Event::to(a.id, Kind::RelationChanged, b.id));
    tx.emit(Event::to(b.id, Kind::RelationChanged, a.id));
}

async fn send_accept(
    tx: &mut Conn,
    ctx: &Ctx,
    target: &Account,
    follower: &Account,
    follow: FollowRef,
) -> AppResult<()> {
    let activity = Outgoing::Accept {
        uri: outgoing::activity_uri(ctx, target, "accepts"),
        follow,
    };
    outgoing::send(tx, ctx, target, &activity, Audience::one(follower.id)).await
}

async fn send_reject(
    tx: &mut Conn,
    ctx: &Ctx,
    target: &Account,
    follower: &Account,
    follow: FollowRef,
) -> AppResult<()> {
    let activity = Outgoing::Reject {
        uri: outgoing::activity_uri(ctx, target, "rejects"),
        follow,
    };
    outgoing::send(tx, ctx, target, &activity, Audience::one(follower.id)).await
}
