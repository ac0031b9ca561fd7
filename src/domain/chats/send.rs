//! Sending.

use serde::{Deserialize, Serialize};

use super::policy::{Verdict, accepts_chat, judge};
use super::{Side, living, lock, member, out, side};
use crate::db::accounts::Account;
use crate::db::chat_messages::Message;
use crate::db::chats::{self as rows, Chat};
use crate::db::media::Media;
use crate::db::{self, Conn};
use crate::domain::jobs::{self, Job};
use crate::domain::notifications::{self, Subject, Type};
use crate::domain::{Ctx, emojis, media, moves, reactions};
use crate::error::{AppError, AppResult};
use crate::events::{Event, Kind};
use crate::ids::Ids;
use crate::media::storage::in_chat;
use crate::text;

/// Longest text, in characters.
pub const MAX_CHARACTERS: usize = 5000;
/// Files of one message.
pub const MAX_FILES: usize = 10;
/// Largest encrypted payload, in bytes.
pub const MAX_ENCRYPTED: usize = 64 << 10;
/// Longest media type of an encrypted payload, in bytes.
const MAX_TYPE: usize = 127;
/// Longest idempotency key, in bytes.
const MAX_KEY: usize = 256;
/// Messages that a request may have until it is accepted.
const MAX_REQUESTED: i64 = 10;
/// How often a taken id is stepped over.
const TRIES: u32 = 20;

/// What was encrypted between the two: the server stores and passes it on, and reads none of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encrypted {
    /// A media type: `message/mls`…
    #[serde(rename = "type")]
    pub kind: String,
    /// Whatever the type says, as text.
    pub content: String,
}

impl Encrypted {
    pub(super) fn check(&self) -> AppResult<()> {
        let kind = self.kind.as_str();
        let plain = kind.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
        if !kind.contains('/') || kind.len() > MAX_TYPE || !plain || self.content.is_empty() {
            return Err(AppError::invalid(
                "Validation failed: Encrypted needs a media type and content",
            ));
        }
        if self.content.len() > MAX_ENCRYPTED {
            return Err(AppError::invalid(format!(
                "Validation failed: Encrypted content may have at most {MAX_ENCRYPTED} bytes"
            )));
        }
        Ok(())
    }
}

/// A message to send.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    pub text: String,
    /// `text/plain` (also when empty) or `text/markdown`.
    pub content_type: String,
    pub media_ids: Vec<i64>,
    pub reply_to_id: Option<i64>,
    pub quote_id: Option<i64>,
    pub shared_status_id: Option<i64>,
    pub encrypted: Option<Encrypted>,
    pub idempotency_key: Option<String>,
}

/// `author` says something in a chat of theirs; the same idempotency key gives the same message.
pub async fn send(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    chat_id: i64,
    draft: Draft,
) -> AppResult<Message> {
    moves::may_act(author)?;
    let Side { own, other } = side(tx, author, chat_id).await?;
    let chat = lock(tx, ctx, chat_id).await?;
    if let Some(key) = &draft.idempotency_key {
        if key.is_empty() || key.len() > MAX_KEY {
            return Err(AppError::bad_request("Invalid Idempotency-Key"));
        }
        if let Some(earlier) = db::chat_messages::by_key(tx, chat_id, author.id, key).await? {
            return Ok(earlier);
        }
    }
    let theirs = member(tx, chat_id, other.id).await?;
    let verdict = judge(tx, author, &other, theirs.state).await?;
    if verdict == Verdict::Request {
        let after = theirs.horizon_id;
        let said =
            db::chat_messages::count_of(tx, chat_id, author.id, after, MAX_REQUESTED).await?;
        if said >= MAX_REQUESTED {
            return Err(AppError::forbidden(
                "This person has not accepted your messages yet",
            ));
        }
    }
    let nothing = draft.text.trim().is_empty()
        && draft.media_ids.is_empty()
        && draft.shared_status_id.is_none()
        && draft.encrypted.is_none();
    if nothing {
        return Err(AppError::invalid("Validation failed: Text can't be blank"));
    }
    if let Some(encrypted) = &draft.encrypted {
        encrypted.check()?;
    }
    let (content, source_type) = compose(&draft.text, &draft.content_type)?;
    for id in [draft.reply_to_id, draft.quote_id].into_iter().flatten() {
        living(tx, &own, id).await?;
    }
    let shared = match draft.shared_status_id {
        Some(id) => Some(reactions::subject(tx, author, id).await?),
        None => None,
    };
    if !other.is_local() && shared.as_ref().is_some_and(|status| status.local_only) {
        return Err(AppError::invalid(
            "Validation failed: The post does not leave this server",
        ));
    }
    let files = own_files(tx, author, &draft.media_ids).await?;
    let emojis = emojis::used(tx, ctx, &[&draft.text]).await?;
    let number = ctx.ids.next();
    let uri = format!("{}/chats/{number}", author.uri);
    // Later than everything that is here, so that the order is that of the commits.
    let created_at = ctx.now().max(Ids::time_of(chat.last_id) + 1);
    let mut message = Message {
        id: Ids::at(created_at, &uri),
        chat_id,
        account_id: author.id,
        uri,
        form: if accepts_chat(&other) {
            "ChatMessage"
        } else {
            "Note"
        }
        .to_owned(),
        source: draft.text,
        source_type: source_type.to_owned(),
        content,
        encrypted: draft
            .encrypted
            .as_ref()
            .map(serde_json::to_string)
            .transpose()?,
        emojis,
        reply_to_id: draft.reply_to_id,
        quote_id: draft.quote_id,
        shared_status_id: shared.as_ref().map(|status| status.id),
        idempotency_key: draft.idempotency_key,
        activity_id: None,
        created_at,
        edited_at: None,
        deleted_at: None,
        delivered_at: None,
        read_at: None,
    };
    let ids: Vec<i64> = files.iter().map(|media| media.id).collect();
    publish(
        tx,
        ctx,
        (author, &other),
        &chat,
        &mut message,
        (&ids, verdict),
    )
    .await?;
    // They were uploaded for a post, say, and lie where a CDN may read.
    if files
        .iter()
        .any(|m| in_chat(&m.file).or(in_chat(&m.preview)).is_some())
    {
        let message_id = message.id;
        jobs::enqueue(tx, ctx, &Job::ChatFiles { message_id }).await?;
    }
    if !other.is_local() {
        let previous = (chat.last_id > 0).then_some(chat.last_id);
        message.activity_id =
            out::create(tx, ctx, author, &other, &message, (&files, previous)).await?;
        db::chat_messages::update(tx, &message).await?;
    }
    Ok(message)
}

/// Stores a message of either door, and tells those of the two who live here. The chat is locked.
pub(super) async fn publish(
    tx: &mut Conn,
    ctx: &Ctx,
    (author, other): (&Account, &Account),
    chat: &Chat,
    message: &mut Message,
    (files, verdict): (&[i64], Verdict),
) -> AppResult<()> {
    let mut tries = 0;
    while !db::chat_messages::insert(tx, message).await? {
        // Another chat has a message of this very moment whose uri hashes alike.
        message.id += 1;
        tries += 1;
        if tries > TRIES {
            return Err(AppError::internal(anyhow::anyhow!(
                "no id is free for a chat message"
            )));
        }
    }
    db::chat_files::attach(tx, message.id, files).await?;
    if message.id > chat.last_id {
        rows::set_last(tx, chat.id, message.id).await?;
    }
    let mut own = member(tx, chat.id, author.id).await?;
    own.visible = true;
    own.position = own.position.max(message.id);
    own.state = rows::ACCEPTED;
    rows::update_member(tx, &own).await?;
    let mut theirs = member(tx, chat.id, other.id).await?;
    theirs.visible = true;
    theirs.position = theirs.position.max(message.id);
    theirs.unread_count += 1;
    match verdict {
        Verdict::Request => theirs.state = rows::REQUESTED,
        Verdict::Allowed if theirs.state != rows::ACCEPTED => theirs.state = rows::NEW,
        Verdict::Allowed => {}
    }
    rows::update_member(tx, &theirs).await?;
    if verdict == Verdict::Allowed {
        let subject = Subject::Other(chat.id);
        notifications::notify(tx, ctx, other, author, Type::ChatMessage, subject).await?;
    }
    tell(
        tx,
        (author, other),
        Kind::ChatMessage,
        message.id,
        &chat.id.to_string(),
    );
    Ok(())
}

/// Records an event for those of the two who live here.
pub(super) fn tell(
    tx: &mut Conn,
    (one, other): (&Account, &Account),
    kind: Kind,
    message_id: i64,
    payload: &str,
) {
    for account in [one, other] {
        if account.is_local() {
            tx.emit(Event::to(account.id, kind, message_id).with(payload));
        }
    }
}

/// Checks a text and renders it: clean HTML and what it was written in.
pub(super) fn compose(source: &str, content_type: &str) -> AppResult<(String, &'static str)> {
    if text::plain::char_count(source) > MAX_CHARACTERS {
        return Err(AppError::invalid(format!(
            "Validation failed: Text character limit of {MAX_CHARACTERS} exceeded"
        )));
    }
    // Names are no mentions here: nobody but the other is told.
    let resolve = |_: &text::plain::Entity| None;
    match content_type {
        "" | "text/plain" => {
            let entities = text::plain::scan(source);
            Ok((
                text::plain::compose(source, &entities, &resolve),
                "text/plain",
            ))
        }
        "text/markdown" => Ok((text::markdown::render(source, &resolve), "text/markdown")),
        _ => Err(AppError::invalid(
            "Validation failed: Content type must be text/plain or text/markdown",
        )),
    }
}

/// Uploads by id, each the author's own and held by nothing.
async fn own_files(tx: &mut Conn, author: &Account, ids: &[i64]) -> AppResult<Vec<Media>> {
    if ids.len() > MAX_FILES {
        return Err(AppError::invalid(format!(
            "Validation failed: Cannot attach more than {MAX_FILES} files"
        )));
    }
    let mut found = db::media::by_ids(tx, ids).await?;
    let usable = |m: &Media| m.account_id == author.id && !m.is_given_up() && m.status_id.is_none();
    let scheduled = db::scheduled::held(tx, ids).await?;
    let held = db::chat_files::among(tx, ids).await?;
    if found.len() != ids.len()
        || !found.iter().all(usable)
        || !scheduled.is_empty()
        || held.iter().any(|file| file.message_id.is_some())
    {
        return Err(AppError::invalid(
            "Validation failed: Media attachment not found",
        ));
    }
    media::ready(&found)?;
    found.sort_by_key(|m| ids.iter().position(|id| *id == m.id));
    Ok(found)
}
