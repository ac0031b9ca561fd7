//! What a reader missed: frames of streams of their own, made again from the event log.
//!
//! What a reader may see is decided when it is read, not when it happened: a post that was deleted
//! meanwhile is not among it, and one that was edited is as it is now.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use http::StatusCode;

use super::{chat, notices};
use crate::api::entities;
use crate::api::entities::status::{Mode, Reader};
use crate::app::App;
use crate::caches::Session;
use crate::db::events::Span;
use crate::db::{self, Conn};
use crate::domain::filters::Context;
use crate::error::{AppError, AppResult};
use crate::events::hub::Message;
use crate::events::{Cursor, Event, Gone, Kind, Logged};

/// A home can be read on from a position behind which no more events lie than this, whosever
/// they are: finding one's own among them has to cost little.
const REACH: i64 = 50_000;

/// The streams that can be read on.
pub const STREAMS: [&str; 5] = [
    "user",
    "user:notification",
    KITH_NOTIFICATIONS,
    "direct",
    "user:chat",
];
const KITH_NOTIFICATIONS: &str = "user:notification:kith";

/// The name of a stream that can be read on.
pub fn stream(name: &str) -> Option<&'static str> {
    STREAMS.into_iter().find(|stream| *stream == name)
}

/// A position as a client gives it back; nothing, where it is empty.
pub fn cursor(text: Option<&str>) -> AppResult<Option<Cursor>> {
    match text.map(str::trim).filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => match text.parse() {
            Ok(cursor) => Ok(Some(cursor)),
            Err(()) => Err(AppError::bad_request("Malformed cursor")),
        },
    }
}

/// 410 for a position that the log does not hold any more.
pub fn expired() -> AppError {
    AppError::new(
        StatusCode::GONE,
        "This cursor is too old: load everything anew",
    )
}

/// Who reads which streams.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    pub account_id: i64,
    home: bool,
    home_notifications: bool,
    notifications: bool,
    kith_notifications: bool,
    direct: bool,
    chat: bool,
}

impl Reading {
    /// A session's account, and those of the named streams that its token may read.
    pub fn of(session: &Session, account_id: i64, streams: &[&str]) -> Reading {
        let statuses = session.allows("read:statuses");
        let notifications = session.allows("read:notifications");
        let wants = |stream| streams.contains(&stream);
        Reading {
            account_id,
            home: statuses && wants("user"),
            home_notifications: statuses && notifications && wants("user"),
            notifications: notifications && wants("user:notification"),
            kith_notifications: notifications && wants(KITH_NOTIFICATIONS),
            direct: statuses && wants("direct"),
            chat: statuses && wants("user:chat"),
        }
    }

    /// Kinds of events that are for the account alone.
    fn kinds(&self) -> Vec<&'static str> {
        let mut kinds = Vec::new();
        if self.home_notifications || self.notifications {
            kinds.extend([Kind::Notification, Kind::NotificationsMerged]);
        } else if self.kith_notifications {
            kinds.push(Kind::Notification);
        }
        if self.home {
            kinds.push(Kind::FiltersChanged);
        }
        if self.direct {
            kinds.push(Kind::ConversationChanged);
        }
        if self.chat {
            kinds.extend(chat::KINDS);
        }
        kinds.into_iter().map(Kind::as_str).collect()
    }

    /// The streams on which the account hears of an event.
    fn streams(&self, kind: Kind) -> Vec<&'static str> {
        let on = |wanted: bool, stream| wanted.then_some(stream);
        let streams = match kind {
            Kind::Notification | Kind::NotificationsMerged => [
                on(self.home_notifications, "user"),
                on(self.notifications, "user:notification"),
            ],
            Kind::ConversationChanged => [on(self.direct, "direct"), None],
            kind if chat::KINDS.contains(&kind) => [on(self.chat, "user:chat"), None],
            _ => [on(self.home, "user"), None],
        };
        streams.into_iter().flatten().collect()
    }
}

/// Something missed.
#[derive(Debug, Clone)]
pub struct Missed {
    pub cursor: Cursor,
    /// Where it was said.
    pub streams: Vec<&'static str>,
    pub event: &'static str,
    pub payload: Arc<str>,
}

impl Missed {
    /// As a message of one of the streams.
    pub fn message(&self, stream: &'static str) -> Message {
        Message::of(vec![stream], stream, self.event, self.payload.clone())
    }
}

/// A stretch of what was missed.
#[derive(Debug)]
pub struct Page {
    pub missed: Vec<Missed>,
    /// Everything up to here was looked at.
    pub reached: Cursor,
    /// There is more behind it.
    pub more: bool,
}

/// What a reader missed since a position, the oldest first.
///
/// # Errors
/// 410 where the log does not reach back to the position, or too far.
pub async fn read(app: &App, reading: Reading, after: Cursor, limit: i64) -> AppResult<Page> {
    let (events, reached, more) = app
        .read(move |c| Box::pin(stretch(c, reading, after, limit)))
        .await?;
    let missed = render(app, reading, events).await?;
    Ok(Page {
        missed,
        reached,
        more,
    })
}

/// The newest of what is for a reader alone, the oldest first: where to begin without a position.
pub async fn newest(app: &App, reading: Reading, limit: i64) -> AppResult<Page> {
    let (events, reached) = app
        .read(move |c| {
            Box::pin(async move {
                let end = db::events::end(c).await?;
                let kinds = reading.kinds();
                let account = reading.account_id;
                let events = db::events::newest_of_account(c, account, end, &kinds, limit).await?;
                Ok((events, end))
            })
        })
        .await?;
    let missed = render(app, reading, events).await?;
    Ok(Page {
        missed,
        reached,
        more: false,
    })
}

/// Events of a reader, how far was read, and whether there is more.
async fn stretch(
    conn: &mut Conn,
    reading: Reading,
    after: Cursor,
    limit: i64,
) -> AppResult<(Vec<Logged>, Cursor, bool)> {
    // The end first: what comes meanwhile is beyond it, and reaches who listens.
    let until = db::events::end(conn).await?;
    let oldest = db::events::oldest(conn).await?;
    let from_the_first = after == Cursor::default() && oldest.is_none_or(|first| first.id <= 1);
    if after > until || oldest.is_some_and(|oldest| after < oldest && !from_the_first) {
        return Err(expired());
    }
    let span = Span { after, until };
    let account = reading.account_id;
    let mut events = db::events::of_account(conn, account, span, &reading.kinds(), limit).await?;
    if reading.home {
        if db::events::exceeds(conn, span, REACH).await? {
            return Err(expired());
        }
        let kinds = [Kind::StatusCreated, Kind::StatusEdited].map(Kind::as_str);
        events.extend(db::events::of_home(conn, account, span, &kinds, limit).await?);
        let kinds = [Kind::StatusDeleted.as_str()];
        events.extend(db::events::of_everyone(conn, Some(account), span, &kinds, limit).await?);
        let kinds = [
            Kind::Announcement,
            Kind::AnnouncementReaction,
            Kind::AnnouncementGone,
        ];
        let kinds = kinds.map(Kind::as_str);
        events.extend(db::events::of_everyone(conn, None, span, &kinds, limit).await?);
    }
    events.sort_by_key(|logged| logged.cursor);
    let most = usize::try_from(limit).unwrap_or_default();
    // Each kind was read up to the limit: the first so many of all are there.
    let more = events.len() >= most;
    events.truncate(most);
    let reached = match events.last() {
        Some(last) if more => last.cursor,
        _ => until,
    };
    Ok((events, reached, more))
}

async fn render(app: &App, reading: Reading, events: Vec<Logged>) -> AppResult<Vec<Missed>> {
    let account = reading.account_id;
    let about = |kinds: &[Kind]| -> Vec<i64> {
        let about = events.iter().filter(|l| kinds.contains(&l.event.kind));
        let mut ids: Vec<i64> = about.map(|logged| logged.event.subject_id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let statuses = about(&[Kind::StatusCreated, Kind::StatusEdited]);
    let reader = Reader::of(app, account).await?.within(Context::Home);
    let statuses = entities::status::page(app, &statuses, Some(&reader), Mode::Thread).await?;
    let notified = about(&[Kind::Notification]);
    let of_kith = match reading.kith_notifications {
        true => entities::kith_notification::by_ids(app, account, notified.clone()).await?,
        false => Vec::new(),
    };
    let of_kith: HashMap<i64, Arc<str>> = of_kith
        .into_iter()
        .map(|(id, json)| (id, json.get().into()))
        .collect();
    let mastodons = reading.home_notifications || reading.notifications;
    let notifications = match mastodons {
        true => notifications(app, account, notified).await?,
        false => HashMap::new(),
    };
    let conversations = conversations(app, account, about(&[Kind::ConversationChanged])).await?;
    let chats: Vec<&Event> = events
        .iter()
        .map(|logged| &logged.event)
        .filter(|event| chat::KINDS.contains(&event.kind))
        .collect();
    let mut chats = chat::said(app, account, &chats).await?.into_iter();
    let mut arrived: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    let mut missed = Vec::with_capacity(events.len());
    for logged in &events {
        let event = &logged.event;
        let subject = event.subject_id;
        let said: Option<(&'static str, Arc<str>)> = match event.kind {
            Kind::StatusCreated if event.is_quiet() => None,
            Kind::StatusCreated => statuses.one(subject).map(|json| ("update", json.into())),
            Kind::StatusEdited => statuses
                .one(subject)
                .map(|json| ("status.update", json.into())),
            Kind::StatusDeleted => serde_json::from_str::<Gone>(&event.payload)
                .is_ok_and(|gone| gone.homes.contains(&account))
                .then(|| ("delete", subject.to_string().into())),
            Kind::Notification => notifications
                .get(&subject)
                .map(|json| ("notification", json.clone())),
            Kind::NotificationsMerged => Some(("notifications_merged", "1".into())),
            Kind::FiltersChanged => Some(("filters_changed", "".into())),
            Kind::ConversationChanged => conversations
                .get(&subject)
                .map(|json| ("conversation", json.clone())),
            Kind::Announcement | Kind::AnnouncementReaction | Kind::AnnouncementGone => {
                notices::announcement_said(app, event).await?
            }
            kind if chat::KINDS.contains(&kind) => {
                let said = chats.next().flatten();
                if kind == Kind::ChatMessage
                    && said.is_some()
                    && let Ok(chat) = event.payload.parse()
                {
                    arrived.entry(chat).or_default().push(subject);
                }
                said
            }
            _ => None,
        };
        if event.kind == Kind::Notification
            && let Some(payload) = of_kith.get(&subject)
        {
            missed.push(Missed {
                cursor: logged.cursor,
                streams: vec![KITH_NOTIFICATIONS],
                event: "notification",
                payload: payload.clone(),
            });
        }
        if let Some((name, payload)) = said {
            missed.push(Missed {
                cursor: logged.cursor,
                streams: reading.streams(event.kind),
                event: name,
                payload,
            });
        }
    }
    if !arrived.is_empty() {
        chat::arrived(app, account, arrived);
    }
    Ok(missed)
}

async fn notifications(
    app: &App,
    account: i64,
    ids: Vec<i64>,
) -> AppResult<HashMap<i64, Arc<str>>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = app
        .read(move |c| {
            Box::pin(async move { Ok(db::notifications::by_ids(c, account, &ids).await?) })
        })
        .await?;
    let mut shown = HashMap::with_capacity(rows.len());
    for (id, entity) in entities::notification::render(app, account, &rows).await? {
        shown.insert(id, serde_json::to_string(&entity)?.into());
    }
    Ok(shown)
}

async fn conversations(
    app: &App,
    account: i64,
    ids: Vec<i64>,
) -> AppResult<HashMap<i64, Arc<str>>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = app
        .read(move |c| {
            Box::pin(async move { Ok(db::conversations::by_ids(c, account, &ids).await?) })
        })
        .await?;
    let entities = entities::conversation::render(app, account, &rows).await?;
    let mut shown = HashMap::with_capacity(rows.len());
    for (row, entity) in rows.iter().zip(entities) {
        shown.insert(row.id, serde_json::to_string(&entity)?.into());
    }
    Ok(shown)
}
