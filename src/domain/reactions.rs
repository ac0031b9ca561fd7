//! Favouriting, reblogging and bookmarking.

use super::interactions::{self, Verb};
use super::notifications::{self, Type};
use super::outgoing::{self, Addressing, Audience, Outgoing, PUBLIC};
use super::statuses::erase_row;
use super::visibility::{Visibility, may_see};
use super::{Ctx, analytics, emoji_reactions, groups, votes};
use crate::db::accounts::Account;
use crate::db::analytics::Counts;
use crate::db::reactions::Favourite;
use crate::db::statuses::{Status, consent};
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};

/// The status of an id that an account may see; for a reblog, what it is of.
pub async fn subject(tx: &mut Conn, account: &Account, id: i64) -> AppResult<Status> {
    let mut status = db::statuses::by_id(tx, id)
        .await?
        .ok_or_else(AppError::not_found)?;
    if let Some(original) = status.reblog_of_id {
        status = db::statuses::by_id(tx, original)
            .await?
            .ok_or_else(AppError::not_found)?;
    }
    if may_see(tx, &status, Some(account)).await? {
        Ok(status)
    } else {
        Err(AppError::not_found())
    }
}

pub(super) async fn author_of(tx: &mut Conn, status: &Status) -> AppResult<Account> {
    db::accounts::by_id(tx, status.account_id)
        .await?
        .ok_or_else(AppError::not_found)
}

/// `account` favourites a status it may see, in the place of a dislike: what its policy says to
/// that is settled ([`interactions::favourite`]). `uri` is the Like's id when it has one already,
/// `authorization` the stamp that allows it. Again is no error.
pub(super) async fn favourite(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    status: &Status,
    uri: Option<String>,
    authorization: Option<String>,
) -> AppResult<()> {
    let row = Favourite {
        id: ctx.ids.next(),
        account_id: account.id,
        status_id: status.id,
        uri: uri.unwrap_or_else(|| outgoing::activity_uri(ctx, account, "likes")),
        created_at: ctx.now(),
    };
    db::votes::lock(tx, status.id).await?;
    if !account.is_local() {
        groups::forget_vote(tx, status, &account.uri).await?;
    }
    if !db::reactions::add_favourite(tx, &row).await? {
        return Ok(());
    }
    votes::undislike(tx, ctx, account, status).await?;
    db::statuses::count(tx, status.id, 0, 0, 1).await?;
    analytics::voted(tx, status, account, row.created_at, 1, 0).await?;
    tx.emit(Event::of(Kind::StatusCounts, status.id));
    tx.emit(Event::to(account.id, Kind::ViewerChanged, status.id));
    let author = author_of(tx, status).await?;
    notifications::notify(tx, ctx, &author, account, Type::Favourite, Some(status.id)).await?;
    if account.is_local() {
        let groups = groups::told(tx, status).await?;
        let activity = Outgoing::Like {
            uri: row.uri,
            object: status.uri.clone(),
            addressing: groups::vote_addressing(&author, &groups),
            authorization,
        };
        let audience = groups::vote_audience(&author, &groups);
        outgoing::send(tx, ctx, account, &activity, audience).await?;
    }
    Ok(())
}

/// `account` takes its favourite back. None to take back is no error.
pub async fn unfavourite(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    status: &Status,
) -> AppResult<()> {
    db::votes::lock(tx, status.id).await?;
    let Some(row) = db::reactions::favourite(tx, account.id, status.id).await? else {
        return interactions::withdraw(tx, account, status, Verb::Like).await;
    };
    if !db::reactions::remove_favourite(tx, row.id).await? {
        return Ok(());
    }
    db::statuses::count(tx, status.id, 0, 0, -1).await?;
    analytics::voted(tx, status, account, row.created_at, -1, 0).await?;
    tx.emit(Event::of(Kind::StatusCounts, status.id));
    tx.emit(Event::to(account.id, Kind::ViewerChanged, status.id));
    let author = author_of(tx, status).await?;
    notifications::retract(tx, &author, account, Type::Favourite, Some(status.id)).await?;
    if account.is_local() {
        let groups = groups::told(tx, status).await?;
        let activity = Outgoing::UndoLike {
            uri: outgoing::activity_uri(ctx, account, "undo"),
            like: row.uri,
            object: status.uri.clone(),
            addressing: groups::vote_addressing(&author, &groups),
        };
        let audience = groups::vote_audience(&author, &groups);
        outgoing::send(tx, ctx, account, &activity, audience).await?;
    }
    Ok(())
}

/// A reblog to make.
#[derive(Debug, Clone, Default)]
pub struct Reblog {
    /// Public unless said otherwise; never wider than the status.
    pub visibility: Option<Visibility>,
    /// The Announce's id and time, when it came from elsewhere.
    pub remote: Option<(String, i64)>,
    /// The leave for it.
    pub granted: Option<Granted>,
    /// An old one, of which nobody hears.
    pub quiet: bool,
}

/// Leave that was asked for.
#[derive(Debug, Clone)]
pub struct Granted {
    /// The id that the reblog was to have.
    pub id: i64,
    pub stamp: String,
}

/// Refuses a reblog that is none to make: only what is open may be reblogged, and followers-only
/// posts by their author.
pub(super) fn check_reblog(
    account: &Account,
    status: &Status,
    wanted: Option<Visibility>,
) -> AppResult<()> {
    let own = status.account_id == account.id;
    let allowed = match Visibility::from_db(status.visibility) {
        Visibility::Public | Visibility::Unlisted => true,
        Visibility::Private => own,
        Visibility::Direct | Visibility::Mutuals => false,
    };
    if !allowed || (status.local_only && !account.is_local()) {
        return Err(AppError::forbidden("This action is not allowed"));
    }
    match wanted {
        None | Some(Visibility::Public | Visibility::Unlisted | Visibility::Private) => Ok(()),
        Some(_) => Err(AppError::invalid(
            "Validation failed: Visibility is not supported for reblogs",
        )),
    }
}

/// `account` reblogs a status it may see, which its policy allows ([`interactions::reblog`]); again
/// gives the same reblog.
pub(super) async fn reblog(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    status: &Status,
    reblog: Reblog,
) -> AppResult<Status> {
    check_reblog(account, status, reblog.visibility)?;
    if let Some(known) = db::statuses::reblog_by(tx, account.id, status.id).await? {
        return Ok(known);
    }
    let now = ctx.now();
    let wanted = reblog.visibility.unwrap_or(Visibility::Public);
    let visibility = wanted.max(Visibility::from_db(status.visibility));
    let granted = reblog.granted;
    let (id, uri, published) = match reblog.remote {
        Some((uri, published)) => (
            ctx.ids.for_remote(published, &uri),
            uri,
            published.clamp(1, now),
        ),
        None => {
            let id = granted.as_ref().map_or_else(|| ctx.ids.next(), |g| g.id);
            let uri = ctx.config.status_uri(&account.username, id) + "/activity";
            (id, uri, now)
        }
    };
    let mut row = Status {
        id,
        url: uri.clone(),
        uri,
        account_id: account.id,
        local: account.is_local(),
        local_only: status.local_only,
        visibility: visibility as i16,
        kind: "Announce".to_owned(),
        title: String::new(),
        content: String::new(),
        source: String::new(),
        source_type: "text/plain".to_owned(),
        spoiler_text: String::new(),
        sensitive: status.sensitive,
        language: None,
        in_reply_to_id: None,
        in_reply_to_account_id: None,
        in_reply_to_uri: None,
        reblog_of_id: Some(status.id),
        conversation_id: id,
        app_id: None,
        emojis: "[]".to_owned(),
        created_at: published,
        edited_at: None,
        fetched_at: None,
        consent: if granted.is_some() {
            consent::STAMPED
        } else {
            0
        },
        context: String::new(),
        replies: String::new(),
    };
    if db::statuses::insert(tx, &mut row).await?.is_none() {
        // Somebody else's Announce has this id: it is not ours to take.
        return Err(AppError::invalid("Validation failed: Already reblogged"));
    }
    db::accounts::count_status(tx, account.id, published).await?;
    db::statuses::count(tx, status.id, 0, 1, 0).await?;
    analytics::happened(tx, status, row.created_at, shares(1)).await?;
    tx.emit(Event::of(Kind::StatusCounts, status.id));
    tx.emit(Event::to(account.id, Kind::ViewerChanged, status.id));
    if reblog.quiet {
        db::account_reads::caught_up(tx, account.id).await?;
        tx.emit(Event::created(row.id, account.id, true));
        return Ok(row);
    }
    db::timelines::fan_out(tx, row.id, account.id, None, true, None).await?;
    db::lists::fan_out(tx, row.id, account.id, None, true, None).await?;
    if account.is_local() {
        db::timelines::put_home(tx, &[account.id], row.id, account.id).await?;
    } else if groups::is_group(account) {
        // A group passes on all that is posted to it: who has the post already has read it.
        db::groups::spare_holders(tx, row.id, status.id).await?;
    }
    let homes = db::timelines::homes_of(tx, row.id, i64::MAX).await?;
    tx.emit(Event::created(row.id, account.id, false).in_homes(homes));
    let author = author_of(tx, status).await?;
    notifications::notify(tx, ctx, &author, account, Type::Reblog, Some(status.id)).await?;
    if account.is_local() && !row.local_only {
        let activity = Outgoing::Announce {
            uri: row.uri.clone(),
            object: status.uri.clone(),
            published,
            addressing: announce_addressing(account, visibility, &author),
            authorization: granted.map(|granted| granted.stamp),
        };
        let audience = Audience {
            followers: true,
            accounts: vec![author.id],
        };
        outgoing::send(tx, ctx, account, &activity, audience).await?;
    }
    Ok(row)
}

/// A group elsewhere lists in its outbox that it passed on a status, under the id of its Announce:
/// it is among the group's posts, and no news.
pub async fn passed_on(
    tx: &mut Conn,
    ctx: &Ctx,
    group: &Account,
    status: &Status,
    uri: &str,
    published: Option<i64>,
) -> AppResult<()> {
    let visibility = Visibility::from_db(status.visibility);
    let possible = visibility.is_open() && !status.local_only && status.reblog_of_id.is_none();
    if !possible || db::statuses::buried(tx, uri).await?.is_some() {
        return Ok(());
    }
    match groups::shown(tx, group, status).await? {
        Some(Ok(())) => {}
        None if interactions::is_free(status) => {}
        _ => return Ok(()),
    }
    let made = Reblog {
        visibility: None,
        remote: Some((uri.to_owned(), published.unwrap_or(status.created_at))),
        granted: None,
        quiet: true,
    };
    match reblog(tx, ctx, group, status, made).await {
        Err(error) if error.status.is_client_error() => Ok(()),
        made => made.map(|_| ()),
    }
}

/// `account` takes its reblog back. None to take back is no error.
pub async fn unreblog(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    status: &Status,
) -> AppResult<()> {
    let Some(row) = db::statuses::reblog_by(tx, account.id, status.id).await? else {
        return interactions::withdraw(tx, account, status, Verb::Announce).await;
    };
    withdraw(tx, ctx, &row, status).await?;
    let author = author_of(tx, status).await?;
    notifications::retract(tx, &author, account, Type::Reblog, Some(status.id)).await?;
    if account.is_local() && !row.local_only {
        let visibility = Visibility::from_db(row.visibility);
        let activity = Outgoing::UndoAnnounce {
            uri: outgoing::activity_uri(ctx, account, "undo"),
            announce: row.uri.clone(),
            object: status.uri.clone(),
            addressing: announce_addressing(account, visibility, &author),
        };
        let audience = Audience {
            followers: true,
            accounts: vec![author.id],
        };
        outgoing::send(tx, ctx, account, &activity, audience).await?;
    }
    Ok(())
}

/// Takes back a like, a dislike or an emoji reaction of an account; false when there was none.
pub(super) async fn undo_one_of(tx: &mut Conn, ctx: &Ctx, account: &Account) -> AppResult<bool> {
    let like = db::reactions::any_of_account(tx, account.id).await?;
    if let Some(row) = like
        && let Some(status) = db::statuses::by_id(tx, row.status_id).await?
    {
        unfavourite(tx, ctx, account, &status).await?;
        return Ok(true);
    }
    let dislike = db::votes::any_of_account(tx, account.id).await?;
    if let Some(row) = dislike
        && let Some(status) = db::statuses::by_id(tx, row.status_id).await?
    {
        votes::undislike(tx, ctx, account, &status).await?;
        return Ok(true);
    }
    let reaction = db::emoji_reactions::any_of_account(tx, account.id).await?;
    if let Some(row) = reaction
        && let Some(status) = db::statuses::by_id(tx, row.status_id).await?
    {
        emoji_reactions::withdraw(tx, ctx, account, &status, &row).await?;
        return Ok(true);
    }
    Ok(false)
}

/// Removes a reblog of a status, and counts it no more.
pub(super) async fn withdraw(
    tx: &mut Conn,
    ctx: &Ctx,
    row: &Status,
    status: &Status,
) -> AppResult<()> {
    if !erase_row(tx, ctx, row, Vec::new()).await? {
        return Ok(());
    }
    db::statuses::count(tx, status.id, 0, -1, 0).await?;
    analytics::happened(tx, status, row.created_at, shares(-1)).await?;
    tx.emit(Event::of(Kind::StatusCounts, status.id));
    tx.emit(Event::to(row.account_id, Kind::ViewerChanged, status.id));
    Ok(())
}

fn shares(shares: i64) -> Counts {
    Counts {
        shares,
        ..Counts::default()
    }
}

/// Who a reblog is addressed to.
pub fn announce_addressing(
    account: &Account,
    visibility: Visibility,
    author: &Account,
) -> Addressing {
    let followers = account.followers_url.clone();
    let public = PUBLIC.to_owned();
    match visibility {
        Visibility::Public => Addressing {
            to: vec![public],
            cc: vec![author.uri.clone(), followers],
            ..Addressing::default()
        },
        Visibility::Unlisted => Addressing {
            to: vec![followers],
            cc: vec![author.uri.clone(), public],
            ..Addressing::default()
        },
        _ => Addressing {
            to: vec![followers],
            cc: vec![author.uri.clone()],
            ..Addressing::default()
        },
    }
}

/// `account` bookmarks a status it may see; nobody is told.
pub async fn bookmark(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    status: &Status,
) -> AppResult<()> {
    let added =
        db::reactions::add_bookmark(tx, ctx.ids.next(), account.id, status.id, ctx.now()).await?;
    if added {
        tx.emit(Event::to(account.id, Kind::ViewerChanged, status.id));
    }
    Ok(())
}

/// `account` removes its bookmark.
pub async fn unbookmark(tx: &mut Conn, account: &Account, status: &Status) -> AppResult<()> {
    if db::reactions::remove_bookmark(tx, account.id, status.id).await? {
        tx.emit(Event::to(account.id, Kind::ViewerChanged, status.id));
    }
    Ok(())
}
