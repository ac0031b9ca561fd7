//! Posting, editing and deleting statuses, from here and from elsewhere.

mod compose;
mod edits;
mod local;
mod prune;
mod remote;
mod send;
mod waiting;

pub use compose::{LIMITS, Limits};
pub use edits::{MediaVersion, history};
pub(in crate::domain) use local::source_type;
pub use local::{Draft, Edit, MediaChange, PollEdit, delete, edit, post};
pub(super) use local::{check, earlier};
pub use prune::prune;
pub(in crate::domain) use remote::add_media;
pub use remote::{RemoteMedia, RemoteNote, receive, remove, revise};
pub(super) use send::send_update;
pub(super) use waiting::{admitted, turned_down};

use super::analytics;
use super::conversations;
use super::discovery;
use super::emojis::Used;
use super::groups;
use super::notifications::{self, Type};
use super::outgoing::{Addressing, Attachment, HashTag, MentionTag, Note, PUBLIC};
use super::polls;
use super::visibility::{Visibility, may_see, waits, wanted};
use super::{Ctx, reactions};
use crate::db::accounts::Account;
use crate::db::analytics::Counts;
use crate::db::media::Media;
use crate::db::statuses::{Status, Tag, consent};
use crate::db::{self, Conn};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Gone, Kind};

/// Lists named in a deletion's event at most.
const LISTS_IN_EVENT: i64 = 5000;
/// Waiting replies that a newly arrived parent adopts at once.
const ADOPTED: i64 = 500;

/// What a status hangs together with, besides its own row.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts {
    pub mentions: Vec<Account>,
    pub tags: Vec<Tag>,
    pub media: Vec<i64>,
    /// The groups it names.
    pub groups: Vec<i64>,
    /// Nobody may answer it in its groups.
    pub locked: bool,
}

/// Writes a new status with its parts and does what follows in the database: counts, homes,
/// notifications, events. `None` when it is here already.
async fn publish(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    status: &mut Status,
    parts: Parts,
    parent: Option<&Status>,
    quiet: bool,
) -> AppResult<Option<i64>> {
    let Some(id) = db::statuses::insert(tx, status).await? else {
        return Ok(None);
    };
    let tag_ids = attach(tx, status, &parts).await?;
    appear(
        tx,
        ctx,
        author,
        status,
        &parts.mentions,
        &tag_ids,
        parent,
        quiet,
    )
    .await?;
    Ok(Some(id))
}

/// Writes the parts of a status that was just inserted; the ids of its tags.
async fn attach(tx: &mut Conn, status: &Status, parts: &Parts) -> AppResult<Vec<i64>> {
    let id = status.id;
    let mentioned: Vec<i64> = parts.mentions.iter().map(|a| a.id).collect();
    db::statuses::set_mentions(tx, id, &mentioned, true).await?;
    let tag_ids = ensure_tags(tx, &parts.tags).await?;
    db::statuses::set_tags(tx, id, &tag_ids, true).await?;
    db::media::attach(tx, id, &parts.media, true).await?;
    groups::join(tx, status, (&parts.groups, parts.locked)).await?;
    Ok(tag_ids)
}

/// Does what follows in the database once a status is there for its readers.
#[expect(
    clippy::too_many_arguments,
    reason = "whoever wrote it, or lets it appear, has it all at hand"
)]
async fn appear(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    status: &Status,
    mentions: &[Account],
    tag_ids: &[i64],
    parent: Option<&Status>,
    quiet: bool,
) -> AppResult<()> {
    let id = status.id;
    db::accounts::count_status(tx, author.id, status.created_at).await?;
    if quiet {
        db::account_reads::caught_up(tx, author.id).await?;
    }
    if let Some(parent) = parent {
        db::statuses::count(tx, parent.id, 1, 0, 0).await?;
        analytics::happened(tx, parent, status.created_at, comments(1)).await?;
        tx.emit(Event::of(Kind::StatusCounts, parent.id));
    }
    let mut homes = Vec::new();
    if quiet {
        db::thread_reads::keep_quiet(tx, id, ctx.now()).await?;
    } else {
        homes = bring_home(tx, author, status, mentions).await?;
        tell(tx, ctx, author, status, mentions).await?;
    }
    discovery::published(tx, ctx, author, status, mentions, tag_ids, quiet).await?;
    if !tag_ids.is_empty() {
        // It came to the homes of those who follow one of them.
        homes = db::timelines::homes_of(tx, id, i64::MAX).await?;
    }
    tx.emit(Event::created(id, author.id, quiet).in_homes(homes));
    Ok(())
}

/// Gives a status that came from elsewhere the replies to it that came before it.
async fn adopt(tx: &mut Conn, status: &Status) -> AppResult<()> {
    // Who may answer what has a policy is looked at when the answer comes.
    let own = status.consent & consent::POLICY != 0;
    let adopted = db::statuses::adopt_orphans(tx, status, own, ADOPTED).await?;
    if !adopted.is_empty() {
        db::statuses::count(tx, status.id, adopted.len() as i64, 0, 0).await?;
        groups::adopt(tx, status.id, &adopted).await?;
        for reply in adopted {
            tx.emit(Event::of(Kind::StatusEdited, reply));
        }
    }
    Ok(())
}

/// Puts a new status into the homes and lists that it belongs to; says whose homes those are.
async fn bring_home(
    tx: &mut Conn,
    author: &Account,
    status: &Status,
    mentions: &[Account],
) -> AppResult<Vec<i64>> {
    let id = status.id;
    let visibility = Visibility::from_db(status.visibility);
    let mut homes = Vec::new();
    if visibility == Visibility::Direct {
        for account in mentions.iter().filter(|a| a.is_local()) {
            if db::relations::follow(tx, account.id, author.id)
                .await?
                .is_some()
            {
                homes.push(account.id);
            }
        }
        db::timelines::put_home(tx, &homes, id, author.id).await?;
    } else {
        let reply_to = status.in_reply_to_account_id;
        let language = status.language.as_deref();
        homes = db::timelines::fan_out(tx, id, author.id, reply_to, false, language).await?;
        db::lists::fan_out(tx, id, author.id, reply_to, false, language).await?;
        if visibility == Visibility::Mutuals {
            db::timelines::keep_mutuals(tx, id, author.id).await?;
            homes = db::timelines::homes_of(tx, id, i64::MAX).await?;
        }
    }
    if author.is_local() {
        db::timelines::put_home(tx, &[author.id], id, author.id).await?;
        homes.push(author.id);
    }
    Ok(homes)
}

/// Notifies those whom a new status concerns.
async fn tell(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    status: &Status,
    mentions: &[Account],
) -> AppResult<()> {
    for account in mentions {
        notifications::notify(tx, ctx, account, author, Type::Mention, Some(status.id)).await?;
    }
    if Visibility::from_db(status.visibility) == Visibility::Direct {
        conversations::add(tx, ctx, author, status, mentions).await
    } else {
        let mentioned: Vec<i64> = mentions.iter().map(|a| a.id).collect();
        notify_watchers(tx, ctx, author, status, &mentioned).await
    }
}

/// A status was taken in quietly, and now its author's server tells us of it: so do we.
async fn tell_late(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    status: &Status,
    mentions: &[Account],
) -> AppResult<()> {
    bring_home(tx, author, status, mentions).await?;
    tell(tx, ctx, author, status, mentions).await?;
    let tag_ids = discovery::tags_of(tx, status.id).await?;
    discovery::published(tx, ctx, author, status, mentions, &tag_ids, false).await?;
    let homes = db::timelines::homes_of(tx, status.id, i64::MAX).await?;
    tx.emit(Event::created(status.id, author.id, false).in_homes(homes));
    Ok(())
}

/// The collection of the thread that a status stands in: as it says itself, or of one that begins
/// a thread here, ours.
pub fn context_of(status: &Status) -> Option<String> {
    if !status.context.is_empty() {
        return Some(status.context.clone());
    }
    owns_thread(status).then(|| format!("{}/context", status.uri))
}

/// Whether a status begins a thread here that everyone may see.
pub fn owns_thread(status: &Status) -> bool {
    status.local
        && !status.local_only
        && status.reblog_of_id.is_none()
        && status.in_reply_to_id.is_none()
        && status.in_reply_to_uri.is_none()
        && Visibility::from_db(status.visibility).is_open()
}

/// Tells those who asked to hear of an author's new posts.
async fn notify_watchers(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    status: &Status,
    mentioned: &[i64],
) -> AppResult<()> {
    if status.in_reply_to_id.is_some() && status.in_reply_to_account_id != Some(author.id) {
        return Ok(());
    }
    for watcher in db::relations::watchers(tx, author.id).await? {
        if !mentioned.contains(&watcher.id) && may_see(tx, status, Some(&watcher)).await? {
            notifications::notify(tx, ctx, &watcher, author, Type::Status, Some(status.id)).await?;
        }
    }
    Ok(())
}

async fn ensure_tags(tx: &mut Conn, tags: &[Tag]) -> AppResult<Vec<i64>> {
    let mut ids = Vec::with_capacity(tags.len());
    for tag in tags {
        ids.push(db::statuses::ensure_tag(tx, tag).await?);
    }
    Ok(ids)
}

/// Removes a status, its reblogs with it, and leaves a tombstone; counts and streams follow.
async fn erase(tx: &mut Conn, ctx: &Ctx, status: &Status) -> AppResult<()> {
    if let Some(original) = status.reblog_of_id {
        return match db::statuses::by_id(tx, original).await? {
            Some(original) => reactions::withdraw(tx, ctx, status, &original).await,
            None => erase_row(tx, ctx, status, Vec::new()).await.map(|_| ()),
        };
    }
    if waits(status.visibility) {
        return waiting::erase(tx, ctx, status).await;
    }
    let tags = db::statuses::tags_of(tx, &[status.id]).await?;
    // A reblog's row would lose its subject: it goes too.
    loop {
        let reblogs = db::statuses::reblogs_of(tx, status.id, 500).await?;
        if reblogs.is_empty() {
            break;
        }
        for reblog in reblogs {
            erase_row(tx, ctx, &reblog, Vec::new()).await?;
        }
    }
    let tag_ids: Vec<i64> = tags.iter().map(|(_, tag)| tag.id).collect();
    discovery::erased(tx, status, &tag_ids).await?;
    let tags = tags.into_iter().map(|(_, tag)| tag.name).collect();
    if let Some(parent) = status.in_reply_to_id {
        uncount_comment(tx, status, parent).await?;
    }
    db::statuses::orphan_replies(tx, status.id).await?;
    conversations::forget(tx, status).await?;
    if status.local {
        db::analytics::uncount_status(tx, status.account_id, status.id).await?;
    }
    erase_row(tx, ctx, status, tags).await.map(|_| ())
}

/// Erases a status of an account; false when there was none.
pub(super) async fn erase_one_of(tx: &mut Conn, ctx: &Ctx, account_id: i64) -> AppResult<bool> {
    match db::statuses::any_of_account(tx, account_id).await? {
        Some(status) => erase(tx, ctx, &status).await.map(|()| true),
        None => Ok(false),
    }
}

/// A comment on a status goes.
pub(super) async fn uncount_comment(tx: &mut Conn, status: &Status, parent: i64) -> AppResult<()> {
    db::statuses::count(tx, parent, -1, 0, 0).await?;
    if let Some(parent) = db::statuses::by_id(tx, parent).await? {
        analytics::happened(tx, &parent, status.created_at, comments(-1)).await?;
    }
    tx.emit(Event::of(Kind::StatusCounts, parent));
    Ok(())
}

fn comments(comments: i64) -> Counts {
    Counts {
        comments,
        ..Counts::default()
    }
}

/// Removes one row, with the event that streams need; false when it is gone already.
pub(super) async fn erase_row(
    tx: &mut Conn,
    ctx: &Ctx,
    status: &Status,
    tags: Vec<String>,
) -> AppResult<bool> {
    let gone = Gone {
        account_id: status.account_id,
        visibility: status.visibility,
        local: status.local,
        reblog_of_id: status.reblog_of_id,
        tags,
        homes: db::timelines::homes_of(tx, status.id, Gone::HOMES).await?,
        lists: db::lists::holding(tx, status.id, LISTS_IN_EVENT)
            .await?
            .into_iter()
            .map(|(list, _)| list)
            .collect(),
    };
    if !db::statuses::delete(tx, status.id).await? {
        return Ok(false);
    }
    db::accounts::uncount_statuses(tx, status.account_id, 1).await?;
    db::statuses::bury(tx, &status.uri, status.account_id, ctx.now()).await?;
    tx.emit(Event::of(Kind::AccountChanged, status.account_id));
    tx.emit(Event::of(Kind::StatusDeleted, status.id).with(serde_json::to_string(&gone)?));
    Ok(true)
}

/// Who a local status is addressed to.
pub fn addressing(author: &Account, visibility: Visibility, mentioned: &[&str]) -> Addressing {
    let mentioned = || mentioned.iter().map(|uri| (*uri).to_owned());
    let followers = author.followers_url.clone();
    let public = PUBLIC.to_owned();
    match visibility {
        Visibility::Public => Addressing {
            to: vec![public],
            cc: std::iter::once(followers).chain(mentioned()).collect(),
            ..Addressing::default()
        },
        Visibility::Unlisted => Addressing {
            to: vec![followers],
            cc: std::iter::once(public).chain(mentioned()).collect(),
            ..Addressing::default()
        },
        Visibility::Private => Addressing {
            to: vec![followers],
            cc: mentioned().collect(),
            ..Addressing::default()
        },
        // Each mutual's server is told of those alone who live on it.
        Visibility::Direct | Visibility::Mutuals => Addressing {
            to: mentioned().collect(),
            ..Addressing::default()
        },
    }
}

/// A local status as it goes out, or as its URI shows it.
pub async fn note_of(
    conn: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    status: &Status,
) -> AppResult<Note> {
    notes_of(conn, ctx, author, std::slice::from_ref(status))
        .await?
        .pop()
        .ok_or_else(AppError::not_found)
}

/// Several statuses of one local author as they go out, in their order: eleven statements, and one
/// more where some bear stamps.
pub async fn notes_of(
    conn: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    statuses: &[Status],
) -> AppResult<Vec<Note>> {
    let ids: Vec<i64> = statuses.iter().map(|s| s.id).collect();
    let mentions = db::statuses::mentions_of(conn, &ids).await?;
    let mut mentioned: Vec<i64> = mentions.iter().map(|(_, account)| *account).collect();
    mentioned.sort_unstable();
    mentioned.dedup();
    let accounts = db::accounts::by_ids(conn, &mentioned).await?;
    let tags = db::statuses::tags_of(conn, &ids).await?;
    let media = db::media::of_statuses(conn, &ids).await?;
    let questions = polls::questions(conn, ctx, &ids).await?;
    let groups = groups::of_notes(conn, &ids).await?;
    let parents: Vec<i64> = statuses
        .iter()
        .filter(|s| s.in_reply_to_uri.is_none())
        .filter_map(|s| s.in_reply_to_id)
        .collect();
    let parents = db::statuses::by_ids(conn, &parents).await?;
    let mut notes: Vec<Note> = statuses
        .iter()
        .map(|status| {
            let mentions: Vec<Account> = mentions
                .iter()
                .filter(|(id, _)| *id == status.id)
                .filter_map(|(_, account)| accounts.iter().find(|a| a.id == *account))
                .cloned()
                .collect();
            let tags: Vec<Tag> = tags
                .iter()
                .filter(|(id, _)| *id == status.id)
                .map(|(_, tag)| tag.clone())
                .collect();
            let media: Vec<Media> = media
                .iter()
                .filter(|m| m.status_id == Some(status.id))
                .cloned()
                .collect();
            let parent = status.in_reply_to_uri.clone().or_else(|| {
                let parent = parents
                    .iter()
                    .find(|p| Some(p.id) == status.in_reply_to_id)?;
                Some(parent.uri.clone())
            });
            let question = questions.iter().find(|(id, _)| *id == status.id);
            let mut note = note(ctx, author, status, &mentions, &tags, &media, parent);
            note.question = question.map(|(_, question)| question.clone());
            if let Some(groups) = groups.get(&status.id) {
                groups::describe(&mut note, groups);
            }
            note
        })
        .collect();
    super::quotes::describe(conn, author, statuses, &mut notes).await?;
    super::interactions::describe_stamps(conn, statuses, &mut notes).await?;
    Ok(notes)
}

/// The same from parts that are at hand.
fn note(
    ctx: &Ctx,
    author: &Account,
    status: &Status,
    mentions: &[Account],
    tags: &[Tag],
    media: &[Media],
    parent: Option<String>,
) -> Note {
    let uris: Vec<&str> = mentions.iter().map(|a| a.uri.as_str()).collect();
    Note {
        uri: status.uri.clone(),
        url: status.url.clone(),
        attributed_to: author.uri.clone(),
        addressing: addressing(author, wanted(status.visibility), &uris),
        name: String::new(),
        content: status.content.clone(),
        source: status.source.clone(),
        source_type: status.source_type.clone(),
        summary: status.spoiler_text.clone(),
        sensitive: status.sensitive || author.sensitized_at.is_some(),
        language: status.language.clone(),
        in_reply_to: parent,
        context: context_of(status),
        published: status.created_at,
        updated: status.edited_at,
        mentions: mentions
            .iter()
            .map(|account| MentionTag {
                href: account.uri.clone(),
                name: format!("@{}", ctx.config.handle(&account.username, &account.domain)),
            })
            .collect(),
        tags: tags
            .iter()
            .map(|tag| HashTag {
                href: ctx.config.tag_url(&tag.name),
                name: tag.display_name.clone(),
            })
            .collect(),
        attachments: media.iter().map(|m| attachment(ctx, m)).collect(),
        question: None,
        quote: None,
        can_quote: None,
        policies: None,
        authorization: None,
        mutuals: wanted(status.visibility) == Visibility::Mutuals,
        emojis: Used::list(&status.emojis),
    }
}

/// A file as it goes out.
pub(in crate::domain) fn attachment(ctx: &Ctx, media: &Media) -> Attachment {
    let meta: serde_json::Value = serde_json::from_str(&media.meta).unwrap_or_default();
    let focus = |axis: &str| {
        meta.pointer(&format!("/focus/{axis}"))
            .and_then(serde_json::Value::as_f64)
            .map(|v| (v * 1000.0).round() as i64)
    };
    Attachment {
        url: if media.file.is_empty() {
            media.remote_url.clone()
        } else {
            ctx.config.media_url(&media.file)
        },
        mime: media.mime.clone(),
        description: media.description.clone(),
        blurhash: media.blurhash.clone(),
        width: meta
            .pointer("/original/width")
            .and_then(serde_json::Value::as_i64),
        height: meta
            .pointer("/original/height")
            .and_then(serde_json::Value::as_i64),
        focus: focus("x").zip(focus("y")),
    }
}

/// Tells local accounts that something they reblogged was edited.
async fn notify_rebloggers(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    status_id: i64,
) -> AppResult<()> {
    for account in db::statuses::local_rebloggers(tx, status_id, 1000).await? {
        notifications::notify(tx, ctx, &account, author, Type::Update, Some(status_id)).await?;
    }
    Ok(())
}
