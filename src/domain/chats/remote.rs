//! What partners elsewhere say. `federation` has checked by now that it is theirs.

use super::change::{erase, revised};
use super::policy::judge;
use super::reactions::{add, withdrawn};
use super::send::{Encrypted, MAX_FILES, publish, tell};
use super::{Verdict, ensure, lock, member};
use crate::clock::{MINUTE, SECOND};
use crate::db::accounts::Account;
use crate::db::chat_messages::{Message, Reaction};
use crate::db::chats as rows;
use crate::db::{self, Conn};
use crate::domain::statuses::{RemoteMedia, add_media};
use crate::domain::{Ctx, emojis};
use crate::error::AppResult;
use crate::events::{ChatMark, Kind};
use crate::ids::Ids;

/// How far ahead of ours another server's clock may be.
const AHEAD: i64 = MINUTE;
/// Earlier versions kept of a message from elsewhere.
const MAX_VERSIONS: usize = 100;

/// A message from elsewhere, its HTML cleaned.
#[derive(Debug, Clone)]
pub struct RemoteMessage {
    pub uri: String,
    /// `ChatMessage` or `Note`.
    pub form: &'static str,
    /// Plain text.
    pub source: String,
    /// Clean HTML.
    pub content: String,
    pub encrypted: Option<Encrypted>,
    /// JSON: `[{"shortcode", "url", "static_url"}]`.
    pub emojis: String,
    /// URIs of messages.
    pub in_reply_to: Option<String>,
    pub quote: Option<String>,
    /// URI of a post.
    pub shared: Option<String>,
    /// Milliseconds since the epoch.
    pub published: i64,
    pub updated: Option<i64>,
    pub media: Vec<RemoteMedia>,
}

/// The one of a chat's two that an author elsewhere answers: whoever here has, with the author,
/// the chat that a message of that URI is in.
pub async fn answered(tx: &mut Conn, author: &Account, uri: &str) -> AppResult<Option<Account>> {
    let Some(message) = db::chat_messages::by_uri(tx, uri).await? else {
        return Ok(None);
    };
    let Some(own) = rows::member(tx, message.chat_id, author.id).await? else {
        return Ok(None);
    };
    let other = db::accounts::by_id(tx, own.other_id).await?;
    Ok(other.filter(|account| account.is_local() && account.is_active()))
}

/// Takes in a message. Says why nothing was written, or nothing.
pub async fn receive(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    recipient: &Account,
    said: RemoteMessage,
) -> AppResult<&'static str> {
    if db::statuses::buried(tx, &said.uri).await?.is_some() {
        return Ok("it was deleted before it came");
    }
    if db::chat_messages::by_uri(tx, &said.uri).await?.is_some() {
        return Ok("it is here already");
    }
    let known = rows::of_pair(tx, author.id, recipient.id).await?;
    let state = match &known {
        Some(chat) => member(tx, chat.id, recipient.id).await?.state,
        None => rows::NEW,
    };
    let verdict = match judge(tx, author, recipient, state).await {
        Ok(verdict) => verdict,
        Err(error) if error.status.is_client_error() => return Ok("it is not wanted"),
        Err(error) => return Err(error),
    };
    let chat = ensure(tx, ctx, author.id, recipient.id).await?;
    if verdict == Verdict::Request {
        let theirs = member(tx, chat.id, recipient.id).await?;
        let after = theirs.horizon_id;
        let number = db::chat_messages::count_of(tx, chat.id, author.id, after, 10).await?;
        if number >= 10 {
            return Ok("the request was not accepted yet");
        }
    }
    let now = ctx.now();
    let mut created_at = said.published.clamp(1, now + AHEAD);
    let last = Ids::time_of(chat.last_id);
    if said.form == "Note" && created_at % SECOND == 0 && last / SECOND == created_at / SECOND {
        // Told to the second alone: what came later within it was said later.
        created_at = (last + 1).min(created_at + SECOND - 1);
    }
    let reply_to_id = message_in(tx, chat.id, said.in_reply_to).await?;
    if let Some(answered) = reply_to_id {
        // Whatever their clock says, an answer is later than what it answers.
        created_at = created_at.max(Ids::time_of(answered) + 1);
    }
    let quote_id = message_in(tx, chat.id, said.quote).await?;
    let shared = match &said.shared {
        Some(uri) => db::statuses::by_uri(tx, uri).await?,
        None => None,
    };
    let mut files = said.media;
    files.truncate(MAX_FILES);
    let files = add_media(tx, ctx, author, files).await?;
    emojis::remember(tx, ctx, &author.domain, &said.emojis).await?;
    let mut message = Message {
        id: Ids::at(created_at, &said.uri),
        chat_id: chat.id,
        account_id: author.id,
        uri: said.uri,
        form: said.form.to_owned(),
        source: said.source,
        source_type: "text/plain".to_owned(),
        content: said.content,
        encrypted: said
            .encrypted
            .as_ref()
            .map(serde_json::to_string)
            .transpose()?,
        emojis: said.emojis,
        reply_to_id,
        quote_id,
        shared_status_id: shared.map(|status| status.id),
        idempotency_key: None,
        activity_id: None,
        created_at,
        edited_at: said.updated.map(|at| at.clamp(1, now)),
        deleted_at: None,
        delivered_at: None,
        read_at: None,
    };
    let pair = (author, recipient);
    publish(tx, ctx, pair, &chat, &mut message, (&files, verdict)).await?;
    Ok("")
}

async fn message_in(tx: &mut Conn, chat_id: i64, uri: Option<String>) -> AppResult<Option<i64>> {
    let Some(uri) = uri else { return Ok(None) };
    let found = db::chat_messages::by_uri(tx, &uri).await?;
    Ok(found
        .filter(|message| message.chat_id == chat_id)
        .map(|message| message.id))
}

/// A message with the two, the chat locked; `None` where the actor is not one of them, or nobody
/// of them lives here.
async fn between(
    tx: &mut Conn,
    ctx: &Ctx,
    actor: &Account,
    uri: &str,
) -> AppResult<Option<(Message, Account)>> {
    let Some(found) = db::chat_messages::by_uri(tx, uri).await? else {
        return Ok(None);
    };
    let Some(own) = rows::member(tx, found.chat_id, actor.id).await? else {
        return Ok(None);
    };
    lock(tx, ctx, found.chat_id).await?;
    let other = db::accounts::by_id(tx, own.other_id).await?;
    let message = db::chat_messages::by_uri(tx, uri).await?;
    Ok(message.zip(other.filter(Account::is_local)))
}

/// Applies an author's Update. `None`: it is no message of a chat.
pub async fn revise(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    said: RemoteMessage,
) -> AppResult<Option<&'static str>> {
    let Some((before, other)) = between(tx, ctx, author, &said.uri).await? else {
        return Ok(None);
    };
    if before.account_id != author.id {
        return Ok(Some("the object is not the author's"));
    }
    if before.deleted_at.is_some() {
        return Ok(Some("it is deleted"));
    }
    let now = ctx.now();
    let edited = said.updated.map_or(now, |at| at.clamp(1, now));
    if before.edited_at.is_some_and(|at| at > edited) {
        return Ok(Some("it is older than what is here"));
    }
    let encrypted = said
        .encrypted
        .as_ref()
        .map(serde_json::to_string)
        .transpose()?;
    if before.content == said.content && before.encrypted == encrypted {
        return Ok(Some(""));
    }
    if db::chat_messages::versions(tx, before.id).await?.len() >= MAX_VERSIONS {
        return Ok(Some("it was edited too often"));
    }
    let message = Message {
        source: said.source,
        content: said.content,
        encrypted,
        emojis: said.emojis,
        edited_at: Some(edited),
        ..before.clone()
    };
    revised(tx, ctx, (author, &other), &before, &message).await?;
    Ok(Some(""))
}

/// Applies an author's Delete; false when it is about no message of a chat of theirs.
pub async fn remove(tx: &mut Conn, ctx: &Ctx, author: &Account, uri: &str) -> AppResult<bool> {
    let Some((message, other)) = between(tx, ctx, author, uri).await? else {
        return Ok(false);
    };
    if message.account_id == author.id && message.deleted_at.is_none() {
        erase(tx, ctx, (author, &other), message).await?;
    }
    Ok(true)
}

/// Applies a reaction of one of the two. `None`: it is about no message of a chat of theirs.
pub async fn react_remote(
    tx: &mut Conn,
    ctx: &Ctx,
    actor: &Account,
    object: &str,
    (uri, name, url): (&str, &str, &str),
) -> AppResult<Option<&'static str>> {
    let Some((message, other)) = between(tx, ctx, actor, object).await? else {
        return Ok(None);
    };
    if message.deleted_at.is_some() {
        return Ok(Some("the message is deleted"));
    }
    let theirs = member(tx, message.chat_id, other.id).await?;
    match judge(tx, actor, &other, theirs.state).await {
        Ok(_) => {}
        Err(error) if error.status.is_client_error() => return Ok(Some("it is not wanted")),
        Err(error) => return Err(error),
    }
    let row = Reaction {
        message_id: message.id,
        account_id: actor.id,
        name: name.to_owned(),
        url: url.to_owned(),
        uri: uri.to_owned(),
        created_at: ctx.now(),
    };
    match add(tx, ctx, (actor, &other), &message, &row).await {
        Err(error) if error.status.is_client_error() => Ok(Some("too many reactions")),
        other => other.map(|_| Some("")),
    }
}

/// Takes back a reaction, by its activity's id. False when there is none.
pub async fn unreact_remote(
    tx: &mut Conn,
    ctx: &Ctx,
    actor: &Account,
    uri: &str,
) -> AppResult<bool> {
    let Some(row) = db::chat_messages::reaction_by_uri(tx, actor.id, uri).await? else {
        return Ok(false);
    };
    let Some(message) = db::chat_messages::by_ids(tx, &[row.message_id])
        .await?
        .pop()
    else {
        return Ok(false);
    };
    let Some((message, other)) = between(tx, ctx, actor, &message.uri).await? else {
        return Ok(false);
    };
    db::chat_messages::remove_reaction(tx, message.id, actor.id, &row.name).await?;
    withdrawn(tx, (actor, &other), &message, &row).await?;
    Ok(true)
}

/// A partner elsewhere has read up to a message of somebody's here.
pub async fn partner_read(
    tx: &mut Conn,
    ctx: &Ctx,
    actor: &Account,
    uri: &str,
) -> AppResult<&'static str> {
    let Some((message, other)) = between(tx, ctx, actor, uri).await? else {
        return Ok("the object is not known here");
    };
    if message.account_id != other.id {
        return Ok("the message is the reader's own");
    }
    let mut own = member(tx, message.chat_id, actor.id).await?;
    let before = own.last_read_id;
    if before >= message.id {
        return Ok("");
    }
    own.last_read_id = message.id;
    own.unread_count = 0;
    rows::update_member(tx, &own).await?;
    let now = ctx.now();
    let span = (before, message.id);
    if db::chat_messages::read(tx, message.chat_id, other.id, span, now).await? > 0 {
        let payload = serde_json::to_string(&ChatMark {
            chat_id: message.chat_id,
            account_id: actor.id,
            at: now,
        })?;
        tell(tx, (actor, &other), Kind::ChatRead, message.id, &payload);
    }
    Ok("")
}

/// An author elsewhere is gone: so is what they said.
pub async fn forget_author(tx: &mut Conn, account: &Account, now: i64) -> AppResult<()> {
    Ok(db::chat_messages::erase_all_of(tx, account.id, now).await?)
}
