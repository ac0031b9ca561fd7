//! Turns events of the log into messages for the sockets that listen here.
//!
//! A status is rendered once for all whose view of it is the same, and apart only for its author
//! and for those who marked it before. Whether an account may have it is decided by
//! [`crate::domain::visibility`], from what each listening account hides.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use futures::FutureExt;
use serde_json::value::RawValue;

use super::{chat, notices, passing, presence};
use crate::api::entities;
use crate::app::App;
use crate::db;
use crate::db::accounts::Account;
use crate::db::statuses::Status;
use crate::domain::deletion::is_leaving;
use crate::domain::filters::Context;
use crate::domain::visibility::{Relations, Viewer, Visibility, in_timeline};
use crate::error::AppResult;
use crate::events::hub::{Channel, End, Message, NoAccess, Origin};
use crate::events::{Cursor, Event, Gone, Kind, Logged, log};

/// How soon an event is told again that nobody could be told of.
const AGAIN: Duration = Duration::from_millis(200);
/// How long what happens is gathered while nobody listens.
const UNHEARD: Duration = Duration::from_millis(5);
/// How often an event is told that the database is gone for, until it is asked whether it answers others; and how often
/// it does until that event is passed over.
const MOST: u32 = 25;
const ANSWERED: u32 = 3;
/// Readers that are tried for the rendering that most share.
const TRIES: usize = 5;

/// Follows the log from a position until the application ends: first this process's caches and
/// bells, for what other processes did, then its sockets.
pub async fn run(app: App, from: Cursor) {
    let (db, wake, stop) = (app.db.clone(), app.wake.log.clone(), app.stop.clone());
    // Who listens before anything happens has heard all there was.
    app.hub.told(from);
    let mut read = Instant::now();
    log::follow(db, from, wake, stop, async move |batch: Vec<Logged>| {
        for logged in batch {
            // What panics once does so again, and what comes behind it is not to wait for ever.
            let done = AssertUnwindSafe(hear(&app, &logged)).catch_unwind().await;
            if done.is_err() {
                let (kind, subject) = (logged.event.kind.as_str(), logged.event.subject_id);
                tracing::error!(
                    kind,
                    subject,
                    "an event is passed over: telling it panicked"
                );
            }
            app.hub.told(logged.cursor);
        }
        // Where much happens and nobody listens, it is not read commit by commit.
        if app.hub.is_empty() && read.elapsed() < UNHEARD {
            tokio::time::sleep(UNHEARD).await;
        }
        read = Instant::now();
    })
    .await;
}

async fn hear(app: &App, logged: &Logged) {
    app.heard(logged).await;
    let event = &logged.event;
    app.hub.telling(logged.cursor);
    if logged.origin != app.origin {
        // Someone else is there; the next beat finds out whether they stay.
        app.bus.set_company(true);
        if event.kind == Kind::Passing {
            passing::arrived(app, &event.payload);
        }
    }
    tell_surely(app, event).await;
}

/// Tells an event, also when the database is away for a while: nobody is to miss it, or to hear it twice.
async fn tell_surely(app: &App, event: &Event) {
    let mut stop = app.stop.clone();
    let (mut tries, mut answered) = (0, 0);
    while let Err(error) = tell(app, event).await {
        let kind = event.kind.as_str();
        tries += 1;
        if !error.is_database_gone() {
            tracing::warn!(%error, kind, "an event did not reach the streams");
            return;
        }
        if app.hub.has_sent() {
            // Some have it. All come again, and read on from what they have.
            tracing::warn!(%error, kind, "the streams are ended, to be taken up again");
            app.hub.end_all(End::Behind);
            return;
        }
        if tries == 1 {
            tracing::warn!(%error, kind, "an event waits for the database");
        }
        if tries >= MOST && database_answers(app).await {
            // Once it may just have come back.
            answered += 1;
        }
        if answered == ANSWERED {
            let subject = event.subject_id;
            tracing::error!(%error, kind, subject, "an event is passed over: it alone cannot be told");
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

async fn database_answers(app: &App) -> bool {
    let asked = (app.db).read(|c| Box::pin(async move { db::events::end(c).await }));
    asked.await.is_ok()
}

/// Tells an event to those who listen and may hear of it.
async fn tell(app: &App, event: &Event) -> AppResult<()> {
    let hub = &app.hub;
    if hub.is_empty() {
        return Ok(());
    }
    let subject = event.subject_id;
    match event.kind {
        Kind::StatusCreated if event.is_quiet() => {}
        Kind::StatusCreated => status(app, subject, "update").await?,
        Kind::StatusEdited => status(app, subject, "status.update").await?,
        Kind::StatusDeleted => {
            if let Ok(gone) = serde_json::from_str::<Gone>(&event.payload) {
                deleted(app, subject, &gone);
            }
        }
        Kind::Notification => {
            if let Some(account) = event.account_id {
                notification(app, account, subject).await?;
            }
        }
        Kind::ConversationChanged => {
            if let Some(account) = event.account_id {
                conversation(app, account, subject).await?;
            }
        }
        Kind::NotificationsMerged => {
            if let Some(account) = event.account_id {
                notices::merged(app, account);
            }
        }
        Kind::Announcement | Kind::AnnouncementReaction | Kind::AnnouncementGone => {
            notices::announcement(app, event).await?;
        }
        Kind::RelationChanged => {
            if let Some(account) = event.account_id {
                refresh_view(app, account).await?;
            }
        }
        Kind::FiltersChanged => {
            if let Some(account) = event.account_id {
                refresh_view(app, account).await?;
                let channel = Channel::Home(account);
                let message = Arc::new(Message::new(&channel, "filters_changed", "".into()));
                hub.send(&channel, &message, |_, _| true);
            }
        }
        Kind::PresenceChanged => presence::changed(app, event).await?,
        kind if chat::KINDS.contains(&kind) => chat::tell(app, event).await?,
        Kind::TokenRevoked => {
            // What takes an account away revokes its tokens: the reason is the account's.
            let why = match hub.account_of(subject) {
                // Only the words depend on it.
                Some(account) => refused(app, account).await.unwrap_or(None),
                None => None,
            };
            hub.end_token(subject, why.map_or(End::Revoked, End::NoAccess));
        }
        // Sessions that a change ends end by themselves; those that stay stay.
        Kind::UserChanged | Kind::AccountChanged if hub.is_present(subject) => {
            if let Some(why) = refused(app, subject).await? {
                hub.end_account(subject, End::NoAccess(why));
            }
        }
        _ => {}
    }
    Ok(())
}

/// Why an account's user may not use it now.
async fn refused(app: &App, account_id: i64) -> AppResult<Option<NoAccess>> {
    let account = app.account(account_id).await?;
    let Some(account) = account.filter(|account| account.deleted_at.is_none()) else {
        return Ok(Some(NoAccess::Deleted));
    };
    let user = app
        .read(move |c| Box::pin(async move { Ok(db::users::by_account(c, account_id).await?) }))
        .await?;
    Ok(match user {
        None => Some(NoAccess::Deleted),
        Some(user) if is_leaving(user.leaving_at, account.suspended_at) => Some(NoAccess::Deleted),
        Some(_) if account.suspended_at.is_some() => Some(NoAccess::Suspended),
        Some(user) if user.disabled_at.is_some() => Some(NoAccess::Disabled),
        Some(user) if user.confirmed_at.is_none() || user.approved_at.is_none() => {
            Some(NoAccess::Pending)
        }
        Some(_) => None,
    })
}

/// Reads anew what an account hides, if it listens here.
pub async fn refresh_view(app: &App, account_id: i64) -> AppResult<()> {
    if !app.hub.is_present(account_id) {
        return Ok(());
    }
    let begun = app.hub.begin_view();
    let relations = app.relations(account_id).await?;
    app.hub.set_view(account_id, begun, hidden(&relations));
    Ok(())
}

/// Of an account's relations, what hides things from it. Most hide nothing, and share this.
fn hidden(relations: &Relations) -> Arc<Relations> {
    static NOBODY: LazyLock<Arc<Relations>> = LazyLock::new(Arc::default);
    let Relations {
        blocking,
        blocked_by,
        muting,
        domain_blocks,
        filters,
        ..
    } = relations;
    if blocking.is_empty()
        && blocked_by.is_empty()
        && muting.is_empty()
        && domain_blocks.is_empty()
        && filters.is_empty()
    {
        return NOBODY.clone();
    }
    Arc::new(Relations {
        following: Default::default(),
        muted_threads: Default::default(),
        blocking: blocking.clone(),
        blocked_by: blocked_by.clone(),
        muting: muting.clone(),
        domain_blocks: domain_blocks.clone(),
        filters: filters.clone(),
    })
}

/// What is known of a status that goes out.
struct Subject {
    status: Status,
    author: Account,
    /// Whoever wrote or reblogged it.
    concerned: Vec<i64>,
    /// Their domains.
    domains: Vec<String>,
    /// Whoever wrote what it quotes.
    quoted: Option<i64>,
    homes: Vec<i64>,
    /// Lists that hold it, with their owners.
    lists: Vec<(i64, i64)>,
    tags: Vec<Arc<str>>,
    has_media: bool,
}

async fn load(app: &App, id: i64) -> AppResult<Option<Subject>> {
    app.read(move |c| {
        Box::pin(async move {
            let Some(status) = db::statuses::by_id(c, id).await? else {
                return Ok(None);
            };
            let Some(author) = db::accounts::by_id(c, status.account_id).await? else {
                return Ok(None);
            };
            let mut concerned = vec![status.account_id];
            let mut domains = vec![author.domain.clone()];
            if let Some(original) = status.reblog_of_id
                && let Some(original) = db::statuses::by_id(c, original).await?
            {
                concerned.push(original.account_id);
                let author = db::accounts::by_id(c, original.account_id).await?;
                domains.extend(author.map(|author| author.domain));
            }
            let homes = db::timelines::homes_of(c, id, i64::MAX).await?;
            let lists = db::lists::holding(c, id, i64::MAX).await?;
            let tags = db::statuses::tags_of(c, &[id]).await?;
            let media = db::media::of_statuses(c, &[id]).await?;
            let quote = db::quotes::of_status(c, status.reblog_of_id.unwrap_or(id)).await?;
            Ok(Some(Subject {
                status,
                author,
                concerned,
                domains,
                homes,
                lists,
                tags: tags.into_iter().map(|(_, tag)| tag.name.into()).collect(),
                has_media: !media.is_empty(),
                quoted: quote.and_then(|quote| quote.quoted_account_id),
            }))
        })
    })
    .await
}

async fn status(app: &App, id: i64, event: &'static str) -> AppResult<()> {
    let Some(subject) = load(app, id).await? else {
        return Ok(());
    };
    let now = app.clock.now_ms();
    let admits = |account_id: i64, relations: &Relations| {
        let viewer = Viewer {
            account_id,
            relations,
        };
        in_timeline(&subject.concerned, viewer, now)
            && !subject
                .domains
                .iter()
                .any(|domain| relations.blocks_domain(domain))
    };
    let readers = app.hub.among(&subject.homes, Channel::Home, admits);
    to_homes(app, &subject, event, readers).await?;
    to_lists(app, &subject, event, admits).await?;
    let channels: Vec<Channel> = public_channels(&subject)
        .into_iter()
        .filter(|channel| app.hub.has(channel))
        .collect();
    if channels.is_empty() {
        return Ok(());
    }
    let prepared = entities::status::prepare(app, &[id]).await?;
    let Some(prepared) = prepared.get(&id) else {
        return Ok(());
    };
    // What stays on this server is not for everyone, but for all who listen: they are signed in.
    let local_only = subject.status.local_only;
    let shared = entities::status::render_one(app, id, None).await?;
    if shared.is_none() && !local_only {
        return Ok(());
    }
    // Those with a filter that it matches get it with what matched, or not at all.
    let matches = |account: i64, relations: &Relations| {
        account != subject.status.account_id
            && !relations.filters.is_empty()
            && !relations
                .filters
                .matches(prepared.words(), &[id], now)
                .is_empty()
    };
    // Who hides the quoted author does not get it.
    let admits = |account_id: i64, relations: &Relations| {
        let viewer = Viewer {
            account_id,
            relations,
        };
        admits(account_id, relations)
            && subject
                .quoted
                .is_none_or(|quoted| in_timeline(&[quoted], viewer, now))
    };
    let payload: Option<Arc<str>> = shared.map(|entity| entity.get().into());
    for channel in &channels {
        if let Some(payload) = &payload {
            let message = Arc::new(Message::new(channel, event, payload.clone()));
            app.hub.send(channel, &message, |account, relations| {
                admits(account, relations) && !matches(account, relations)
            });
        }
        let apart = app.hub.listening(channel, |account, relations| {
            admits(account, relations) && (payload.is_none() || matches(account, relations))
        });
        for reader in apart {
            let context = Some(Context::Public);
            let entity = entities::status::render_one_in(app, id, Some(reader), context).await?;
            if let Some(entity) = entity {
                let message = Message::new(channel, event, entity.get().into());
                let message = Arc::new(message);
                app.hub
                    .send(channel, &message, |account, _| account == reader);
            }
        }
    }
    Ok(())
}

/// Sends a status to the homes of `readers`.
async fn to_homes(
    app: &App,
    subject: &Subject,
    event: &'static str,
    readers: Vec<i64>,
) -> AppResult<()> {
    if readers.is_empty() {
        return Ok(());
    }
    let id = subject.status.id;
    let original = subject.status.reblog_of_id;
    // A post that just appeared bears nobody's marks yet.
    let marked = if event == "update" && original.is_none() {
        HashSet::new()
    } else {
        let (subject, readers) = (original.unwrap_or(id), readers.clone());
        let marked = app
            .read(move |c| {
                Box::pin(async move {
                    let mut marked = db::reactions::markers(c, subject, &readers).await?;
                    marked.extend(db::polls::voted(c, subject, &readers).await?);
                    Ok(marked)
                })
            })
            .await?;
        marked.into_iter().collect()
    };
    let filter = |_: i64, relations: &Relations| !relations.filters.is_empty();
    let filtering: HashSet<i64> = app
        .hub
        .among(&readers, Channel::Home, filter)
        .into_iter()
        .collect();
    let subject_id = original.unwrap_or(id);
    // Of some, what they quote or who may quote them looks different to each reader.
    let varies = entities::status::prepare(app, &[subject_id])
        .await?
        .get(&subject_id)
        .is_some_and(|prepared| prepared.varies());
    let (apart, shared): (Vec<i64>, Vec<i64>) = readers.into_iter().partition(|reader| {
        varies
            || subject.concerned.contains(reader)
            || marked.contains(reader)
            || filtering.contains(reader)
    });
    let context = Some(Context::Home);
    for reader in apart {
        let entity = entities::status::render_one_in(app, id, Some(reader), context).await?;
        if let Some(entity) = entity {
            send_home(app, &[reader], event, &entity);
        }
    }
    for reader in shared.iter().take(TRIES) {
        if let Some(entity) = entities::status::render_one(app, id, Some(*reader)).await? {
            send_home(app, &shared, event, &entity);
            break;
        }
    }
    Ok(())
}

/// Sends a status to the lists that hold it, each as its owner sees it.
async fn to_lists(
    app: &App,
    subject: &Subject,
    event: &'static str,
    admits: impl Fn(i64, &Relations) -> bool,
) -> AppResult<()> {
    for (list, owner) in &subject.lists {
        let channel = list_channel(*list);
        if app
            .hub
            .among(&[*owner], |_| channel.clone(), &admits)
            .is_empty()
        {
            continue;
        }
        let entity = entities::status::render_one(app, subject.status.id, Some(*owner)).await?;
        if let Some(entity) = entity {
            let message = Arc::new(Message::new(&channel, event, entity.get().into()));
            app.hub.send(&channel, &message, &admits);
        }
    }
    Ok(())
}

/// The channel of a list.
pub fn list_channel(id: i64) -> Channel {
    Channel::List(id.to_string().into())
}

fn send_home(app: &App, readers: &[i64], event: &'static str, entity: &RawValue) {
    let Some(first) = readers.first() else {
        return;
    };
    // The frame of every home is the same.
    let message = Message::new(&Channel::Home(*first), event, entity.get().into());
    let message = Arc::new(message);
    for reader in readers {
        app.hub.send(&Channel::Home(*reader), &message, |_, _| true);
    }
}

/// The channels for everyone that a status belongs to: as the timelines of the same names.
fn public_channels(subject: &Subject) -> Vec<Channel> {
    let status = &subject.status;
    let author = &subject.author;
    let public = Visibility::from_db(status.visibility) == Visibility::Public;
    if !public || status.reblog_of_id.is_some() || !author.is_active() {
        return Vec::new();
    }
    if author.silenced_at.is_some() {
        return Vec::new();
    }
    let mut channels = tag_channels(&subject.tags, status.local);
    let answers_another = (status.in_reply_to_uri.is_some() || status.in_reply_to_id.is_some())
        && status.in_reply_to_account_id != Some(status.account_id);
    if !answers_another {
        for origin in origins(status.local) {
            channels.push(Channel::Public(origin));
            if subject.has_media {
                channels.push(Channel::PublicMedia(origin));
            }
        }
    }
    channels
}

fn origins(local: bool) -> [Origin; 2] {
    let own = if local { Origin::Local } else { Origin::Remote };
    [Origin::Anywhere, own]
}

fn tag_channels(tags: &[Arc<str>], local: bool) -> Vec<Channel> {
    let everywhere = tags.iter().cloned().map(Channel::Hashtag);
    let here = tags.iter().cloned().map(Channel::HashtagLocal);
    if local {
        everywhere.chain(here).collect()
    } else {
        everywhere.collect()
    }
}

fn deleted(app: &App, id: i64, gone: &Gone) {
    let homes = gone.homes.iter().copied().map(Channel::Home);
    let lists = gone.lists.iter().copied().map(list_channel);
    let mut channels: Vec<Channel> = homes.chain(lists).collect();
    if Visibility::from_db(gone.visibility) == Visibility::Public && gone.reblog_of_id.is_none() {
        let tags: Vec<Arc<str>> = gone.tags.iter().map(|tag| tag.as_str().into()).collect();
        channels.extend(tag_channels(&tags, gone.local));
        for origin in origins(gone.local) {
            channels.push(Channel::Public(origin));
            channels.push(Channel::PublicMedia(origin));
        }
    }
    let id: Arc<str> = id.to_string().into();
    for channel in channels.iter().filter(|channel| app.hub.has(channel)) {
        let message = Arc::new(Message::new(channel, "delete", id.clone()));
        app.hub.send(channel, &message, |_, _| true);
    }
}

async fn notification(app: &App, account: i64, id: i64) -> AppResult<()> {
    let kith = Channel::KithNotifications(account);
    if app.hub.has(&kith)
        && let Some(json) = entities::kith_notification::render_one(app, account, id).await?
    {
        let message = Arc::new(Message::new(&kith, "notification", json.get().into()));
        app.hub.send(&kith, &message, |_, _| true);
    }
    let channels = [
        Channel::HomeNotifications(account),
        Channel::Notifications(account),
    ];
    if !channels.iter().any(|channel| app.hub.has(channel)) {
        return Ok(());
    }
    let Some(entity) = entities::notification::render_one(app, account, id).await? else {
        return Ok(());
    };
    let payload: Arc<str> = entity.get().into();
    for channel in &channels {
        let message = Arc::new(Message::new(channel, "notification", payload.clone()));
        app.hub.send(channel, &message, |_, _| true);
    }
    Ok(())
}

async fn conversation(app: &App, account: i64, id: i64) -> AppResult<()> {
    let channel = Channel::Direct(account);
    if !app.hub.has(&channel) {
        return Ok(());
    }
    let Some(entity) = entities::conversation::render_one(app, account, id).await? else {
        return Ok(());
    };
    let message = Arc::new(Message::new(&channel, "conversation", entity.get().into()));
    app.hub.send(&channel, &message, |_, _| true);
    Ok(())
}
