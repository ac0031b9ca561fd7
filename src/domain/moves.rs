//! Accounts that move: aliases, leaving for another account, and what becomes of those who have
//! to do with one that left.
//!
//! A move is believed when both say so: the old account, which moves, and the new one, which names
//! the old one as an alias. Followers who live here are taken along by a job, some at a time, and
//! with them what people here keep of the old account: mutes, blocks and notes.

use super::accounts::{INSTANCE_ACTOR, change_profile};
use super::follows::{self as following, Options};
use super::jobs::{self, Job};
use super::outgoing::{self, Audience, Outgoing};
use super::{Ctx, blocks, endorsements, lists};
use crate::clock::DAY;
use crate::db::accounts::Account;
use crate::db::moves::AccountMove;
use crate::db::relations::{Follow, Mute};
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};

/// How soon an account of ours may move again.
pub const MOVE_EVERY: i64 = 30 * DAY;
/// How soon another move of an account elsewhere is followed.
pub const FOLLOW_EVERY: i64 = 7 * DAY;
/// Aliases of one account.
pub const MAX_ALIASES: usize = 10;
/// Whoever is taken along in one transaction: nobody is to wait long behind it.
const BATCH: i64 = 20;
/// Those elsewhere that block an account who are told of its move, at most.
const MAX_BLOCKERS: i64 = 1000;

fn invalid(reason: &str) -> AppError {
    AppError::invalid(format!("Validation failed: {reason}"))
}

/// The row as it stands now, and stays until the transaction is through: all of it is written again.
async fn current(tx: &mut Conn, id: i64) -> AppResult<Account> {
    db::relations::lock_pair(tx, id, id).await?;
    db::accounts::by_id(tx, id)
        .await?
        .filter(Account::is_active)
        .ok_or_else(AppError::not_found)
}

/// Ids of the actors that an account says to be, too.
pub fn aliases(account: &Account) -> Vec<String> {
    serde_json::from_str(&account.also_known_as).unwrap_or_default()
}

/// Whether an account says that another is itself.
pub fn is_alias(account: &Account, of: &Account) -> bool {
    aliases(of).contains(&account.uri)
}

/// Where an account has moved to, as far as that is known here.
pub async fn target_of(conn: &mut Conn, account: &Account) -> AppResult<Option<Account>> {
    if account.moved_to.is_empty() || account.moved_to == account.uri {
        return Ok(None);
    }
    Ok(db::accounts::by_uri(conn, &account.moved_to)
        .await?
        .filter(Account::is_active))
}

/// 403 for an account of ours that has moved away: it may read, and come back.
pub fn may_act(account: &Account) -> AppResult<()> {
    if account.moved_to.is_empty() {
        return Ok(());
    }
    Err(AppError::forbidden("Your login is currently disabled")
        .describe("Your account has moved. DELETE /api/kith/v1/account/move takes that back"))
}

/// An account of ours says that it is another as well, which may then move to it.
pub async fn add_alias(tx: &mut Conn, ctx: &Ctx, id: i64, alias: &Account) -> AppResult<()> {
    let mut account = current(tx, id).await?;
    if alias.id == account.id {
        return Err(invalid("Alias cannot be the current account"));
    }
    if alias.username == INSTANCE_ACTOR && alias.is_local() {
        return Err(invalid("Alias could not be found"));
    }
    let mut all = aliases(&account);
    if all.contains(&alias.uri) {
        return Ok(());
    }
    if all.len() >= MAX_ALIASES {
        return Err(AppError::invalid(format!(
            "Validation failed: You cannot have more than {MAX_ALIASES} aliases"
        )));
    }
    all.push(alias.uri.clone());
    account.also_known_as = serde_json::to_string(&all)?;
    change_profile(tx, ctx, &account).await
}

/// It says so no more. 404 where it did not.
pub async fn remove_alias(tx: &mut Conn, ctx: &Ctx, id: i64, alias: &Account) -> AppResult<()> {
    let mut account = current(tx, id).await?;
    let mut all = aliases(&account);
    let before = all.len();
    all.retain(|uri| *uri != alias.uri);
    if all.len() == before {
        return Err(AppError::not_found());
    }
    account.also_known_as = serde_json::to_string(&all)?;
    change_profile(tx, ctx, &account).await
}

/// When an account of ours may move again; `None`: now.
pub async fn next_move_at(conn: &mut Conn, ctx: &Ctx, id: i64) -> AppResult<Option<i64>> {
    let last = db::moves::latest(conn, id).await?;
    Ok(last
        .map(|row| row.created_at + MOVE_EVERY)
        .filter(|at| *at > ctx.now()))
}

/// An account of ours leaves for another, which was read from its origin just now. With its
/// followers, unless it only redirects: then nobody is asked to follow, and the other need not
/// know of it.
pub async fn depart(
    tx: &mut Conn,
    ctx: &Ctx,
    id: i64,
    target_id: i64,
    with_followers: bool,
) -> AppResult<()> {
    let mut account = current(tx, id).await?;
    let target = db::accounts::by_id(tx, target_id)
        .await?
        .filter(Account::is_active)
        .ok_or_else(|| invalid("Target could not be found"))?;
    if target.id == account.id {
        return Err(invalid("Target cannot be the current account"));
    }
    if target.username == INSTANCE_ACTOR && target.is_local() {
        return Err(invalid("Target could not be found"));
    }
    if target.uri == account.moved_to {
        return Err(invalid(
            "Target is the same account you have already moved to",
        ));
    }
    if with_followers {
        if !is_alias(&account, &target) {
            return Err(
                invalid("Target is not an alias of this account").describe(format!(
                    "The target has to name {} as an alias before you can move to it",
                    ctx.config.handle(&account.username, "")
                )),
            );
        }
        if target_of(tx, &target).await?.is_some() {
            return Err(invalid("Target has moved itself"));
        }
        if let Some(at) = next_move_at(tx, ctx, id).await? {
            return Err(invalid("You are on cooldown").describe(format!(
                "You can move again in {} days",
                ((at - ctx.now()) / DAY + 1)
            )));
        }
    }
    account.moved_to = target.uri.clone();
    change_profile(tx, ctx, &account).await?;
    if !with_followers {
        return Ok(());
    }
    note(tx, ctx, &account, &target).await?;
    let activity = Outgoing::Move {
        uri: outgoing::activity_uri(ctx, &account, "moves"),
        target: target.uri.clone(),
        followers: account.followers_url.clone(),
    };
    let audience = Audience {
        followers: true,
        accounts: db::moves::blocked_elsewhere(tx, account.id, MAX_BLOCKERS).await?,
    };
    outgoing::send(tx, ctx, &account, &activity, audience).await
}

/// An account of ours is back: it redirects nobody any more. Who was moved stays moved.
pub async fn come_back(tx: &mut Conn, ctx: &Ctx, id: i64) -> AppResult<()> {
    let mut account = current(tx, id).await?;
    if account.moved_to.is_empty() {
        return Err(AppError::not_found());
    }
    account.moved_to = String::new();
    change_profile(tx, ctx, &account).await
}

/// An account elsewhere says that it moves to `target`, whose document was read from its origin
/// just now. Says why nothing is done, or nothing.
pub async fn receive(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    target: &Account,
) -> AppResult<&'static str> {
    db::relations::lock_pair(tx, account.id, account.id).await?;
    let (Some(mut account), Some(target)) = (
        db::accounts::by_id(tx, account.id).await?,
        db::accounts::by_id(tx, target.id).await?,
    ) else {
        return Ok("one of the two is gone");
    };
    if account.id == target.id || !account.is_active() || !target.is_active() {
        return Ok("one of the two is suspended or gone");
    }
    if !is_alias(&account, &target) {
        return Ok("the target does not name the actor as an alias");
    }
    if target_of(tx, &target).await?.is_some() {
        return Ok("the target has moved itself");
    }
    let last = db::moves::latest(tx, account.id).await?;
    if last.is_some_and(|row| row.created_at + FOLLOW_EVERY > ctx.now()) {
        return Ok("the actor moved not long ago");
    }
    if account.moved_to != target.uri {
        account.moved_to = target.uri.clone();
        db::accounts::update(tx, &account).await?;
        tx.emit(Event::of(Kind::AccountChanged, account.id));
    }
    note(tx, ctx, &account, &target).await?;
    Ok("")
}

/// Keeps that an account moved, and has those taken along who live here.
async fn note(tx: &mut Conn, ctx: &Ctx, account: &Account, target: &Account) -> AppResult<()> {
    let stats = db::accounts::stats_of(tx, &[account.id]).await?;
    let row = AccountMove {
        id: ctx.ids.next(),
        account_id: account.id,
        target_id: target.id,
        followers: stats.first().map_or(0, |stats| stats.followers_count),
        created_at: ctx.now(),
    };
    db::moves::insert(tx, &row).await?;
    let job = Job::Move {
        account_id: account.id,
        target_id: target.id,
    };
    jobs::enqueue(tx, ctx, &job).await
}

/// What there is to carry over from an account that moved, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Notes,
    Blocks,
    Mutes,
    Followers,
}

impl Part {
    /// All of them.
    pub const ALL: [Part; 4] = [Part::Notes, Part::Blocks, Part::Mutes, Part::Followers];
}

/// Carries some of a part over, from what comes after one; gives the last, or `None` when there
/// is no more. Done again, it does no more than once.
pub async fn carry_over(
    tx: &mut Conn,
    ctx: &Ctx,
    part: Part,
    (account_id, target_id): (i64, i64),
    after: i64,
) -> AppResult<Option<i64>> {
    let (Some(old), Some(new)) = (
        db::accounts::by_id(tx, account_id).await?,
        db::accounts::by_id(tx, target_id).await?,
    ) else {
        return Ok(None);
    };
    // Suspended, deleted or taken back meanwhile: nobody is moved any more.
    let back = old.is_local() && old.moved_to != new.uri;
    if !old.is_active() || !new.is_active() || back {
        return Ok(None);
    }
    let ids: Vec<i64> = match part {
        Part::Followers => {
            let rows = db::moves::followers_here(tx, old.id, after, BATCH).await?;
            for (follow, follower) in &rows {
                take_along(tx, ctx, follow, follower, (&old, &new)).await?;
            }
            rows.iter().map(|(follow, _)| follow.id).collect()
        }
        Part::Notes => {
            let rows = db::moves::notes_on(tx, old.id, after, BATCH).await?;
            for (writer, text) in &rows {
                let above = format!("Moved here from {}. Your note there:", shown(ctx, &old));
                add_note(tx, ctx, *writer, &new, &format!("{above}\n{text}")).await?;
            }
            rows.iter().map(|(writer, _)| *writer).collect()
        }
        Part::Blocks => {
            let rows = db::moves::blocked_here(tx, old.id, after, BATCH).await?;
            for (_, blocker) in &rows {
                carry_block(tx, ctx, blocker, (&old, &new)).await?;
            }
            rows.iter().map(|(_, blocker)| blocker.id).collect()
        }
        Part::Mutes => {
            let rows = db::moves::muted_here(tx, old.id, after, BATCH).await?;
            for (mute, muter) in &rows {
                carry_mute(tx, ctx, mute, muter, (&old, &new)).await?;
            }
            rows.iter().map(|(mute, _)| mute.id).collect()
        }
    };
    Ok(ids.last().copied().filter(|_| ids.len() as i64 == BATCH))
}

/// A follower of the old account follows the new one in the same way, and is on the same lists.
/// Who cannot, stays.
async fn take_along(
    tx: &mut Conn,
    ctx: &Ctx,
    follow: &Follow,
    follower: &Account,
    (old, new): (&Account, &Account),
) -> AppResult<()> {
    if !follower.is_active() || follower.id == new.id {
        return Ok(());
    }
    let lists = db::lists::with_member(tx, follower.id, old.id).await?;
    let is_there = follows(tx, follower, new).await?;
    let has_asked = db::relations::request(tx, follower.id, new.id)
        .await?
        .is_some();
    if !is_there && !has_asked {
        let options = Options {
            reblogs: Some(follow.reblogs),
            notify: Some(follow.notify),
            languages: Some(follow.languages.clone()),
            moved: true,
            ..Options::default()
        };
        match following::follow(tx, ctx, follower, new, options).await {
            Ok(()) => {}
            // Blocked, or turned away.
            Err(error) if error.status.is_client_error() => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    lists::take_along(tx, ctx, follower, &lists, new).await?;
    following::unfollow(tx, ctx, follower, old).await
}

/// Whoever lives here and blocks the old account blocks the new one, but not whom it follows.
async fn carry_block(
    tx: &mut Conn,
    ctx: &Ctx,
    blocker: &Account,
    (old, new): (&Account, &Account),
) -> AppResult<()> {
    if blocker.id == new.id || follows(tx, blocker, new).await? {
        return Ok(());
    }
    if db::relations::block(tx, blocker.id, new.id)
        .await?
        .is_some()
    {
        return Ok(());
    }
    blocks::block(tx, ctx, blocker, new, None).await?;
    let text = format!("Moved here from {}, whom you had blocked.", shown(ctx, old));
    add_note_if_none(tx, ctx, blocker.id, new, &text).await
}

/// Whoever mutes the old account mutes the new one for as long, but not whom it follows by its
/// own choice: mutes are carried over before followers are.
async fn carry_mute(
    tx: &mut Conn,
    ctx: &Ctx,
    mute: &Mute,
    muter: &Account,
    (old, new): (&Account, &Account),
) -> AppResult<()> {
    let left = mute.expires_at.map(|at| at - ctx.now());
    if muter.id == new.id || left.is_some_and(|left| left <= 0) {
        return Ok(());
    }
    let muted = db::relations::mute(tx, muter.id, new.id).await?.is_some();
    if muted || follows(tx, muter, new).await? {
        return Ok(());
    }
    blocks::mute(tx, ctx, muter, new, mute.notifications, left).await?;
    let text = format!("Moved here from {}, whom you had muted.", shown(ctx, old));
    add_note_if_none(tx, ctx, muter.id, new, &text).await
}

async fn follows(tx: &mut Conn, follower: &Account, target: &Account) -> AppResult<bool> {
    Ok(db::relations::follow(tx, follower.id, target.id)
        .await?
        .is_some())
}

/// An account as notes name it.
fn shown(ctx: &Ctx, account: &Account) -> String {
    format!("@{}", ctx.config.handle(&account.username, &account.domain))
}

async fn note_of(tx: &mut Conn, writer: i64, on: &Account) -> AppResult<Option<String>> {
    let notes = db::personal::notes_on(tx, writer, &[on.id]).await?;
    Ok(notes.into_iter().next().map(|(_, text)| text))
}

/// Puts a text above what someone has noted on an account, unless it is there.
async fn add_note(
    tx: &mut Conn,
    ctx: &Ctx,
    writer: i64,
    on: &Account,
    text: &str,
) -> AppResult<()> {
    let text = match note_of(tx, writer, on).await? {
        Some(known) if known.contains(text) => return Ok(()),
        Some(known) => format!("{text}\n\n{known}"),
        None => text.to_owned(),
    };
    let text: String = text.chars().take(endorsements::MAX_NOTE).collect();
    db::personal::set_note(tx, writer, on.id, &text, ctx.now()).await?;
    Ok(())
}

async fn add_note_if_none(
    tx: &mut Conn,
    ctx: &Ctx,
    writer: i64,
    on: &Account,
    text: &str,
) -> AppResult<()> {
    if note_of(tx, writer, on).await?.is_none() {
        db::personal::set_note(tx, writer, on.id, text, ctx.now()).await?;
    }
    Ok(())
}
