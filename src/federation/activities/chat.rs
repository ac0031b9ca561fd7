//! Chat messages of other servers: Pleroma's ChatMessage, and direct Notes that answer a message
//! of a chat; with their edits and Read.

use std::borrow::Cow;

use serde_json::Value;

use super::{Arrival, Deed, Failure, Prepared, local_account};
use crate::db::accounts::Account;
use crate::db::{self, Conn};
use crate::domain::Ctx;
use crate::domain::chats::{self, Encrypted, MAX_ENCRYPTED, RemoteMessage};
use crate::error::AppResult;
use crate::federation::objects::note as notes;
use crate::federation::value::{
    emojis, first_id, ids, is_a, is_public, same_origin, text, time, uri,
};
use crate::text::sanitize::clean_status_html;
use crate::text::to_plain;

/// Bytes of content kept, before it is cleaned.
const MAX_CONTENT: usize = 50_000;

/// A message for somebody here.
#[derive(Debug)]
pub struct Said {
    recipient: String,
    message: RemoteMessage,
}

/// An edit of a message.
#[derive(Debug)]
pub struct Edited {
    message: RemoteMessage,
}

/// How far somebody has read.
#[derive(Debug)]
pub struct Read {
    object: String,
}

/// Whether an object is a message of a chat.
pub(super) fn is_message(object: &Value) -> bool {
    is_a(object, "ChatMessage")
}

/// A ChatMessage, to exactly one recipient, who lives here.
pub(super) async fn prepare(arrival: &Arrival<'_>, object: &Value) -> Result<Prepared, Failure> {
    let to: Vec<&str> = ids(object, "to").chain(ids(object, "cc")).take(3).collect();
    let [recipient] = to[..] else {
        return Err(Failure::Hopeless(
            "a chat message has exactly one recipient".to_owned(),
        ));
    };
    if !arrival.app.config.is_ours(recipient) {
        return Prepared::nothing("it concerns nobody here");
    }
    let message = read(
        object,
        arrival.actor,
        arrival.app.clock.now_ms(),
        "ChatMessage",
    )?;
    Prepared::deed(Deed::Chat(Said {
        recipient: recipient.to_owned(),
        message,
    }))
}

/// What a direct Note comes to if it answers a message of its author's chat with somebody here,
/// and is for that one alone.
pub(super) async fn prepare_answer(
    arrival: &Arrival<'_>,
    object: &Value,
) -> Result<Option<Prepared>, Failure> {
    let Some(parent) = notes::parent(object).filter(|_| is_a(object, "Note")) else {
        return Ok(None);
    };
    let mut to: Vec<&str> = ids(object, "to")
        .chain(ids(object, "cc"))
        .take(10)
        .collect();
    to.sort_unstable();
    to.dedup();
    to.retain(|recipient| *recipient != arrival.actor.uri);
    let [recipient] = to[..] else {
        return Ok(None);
    };
    if is_public(recipient) || !arrival.app.config.is_ours(recipient) {
        return Ok(None);
    }
    let (author, parent) = (arrival.actor.clone(), parent.to_owned());
    let answered = arrival
        .app
        .read(move |c| Box::pin(async move { chats::answered(c, &author, &parent).await }))
        .await?;
    if answered.is_none_or(|account| account.uri != recipient) {
        return Ok(None);
    }
    let message = read(object, arrival.actor, arrival.app.clock.now_ms(), "Note")?;
    Prepared::deed(Deed::Chat(Said {
        recipient: recipient.to_owned(),
        message,
    }))
    .map(Some)
}

/// Whether an id is a message's.
pub(super) async fn is_here(arrival: &Arrival<'_>, id: &str) -> AppResult<bool> {
    let id = id.to_owned();
    arrival
        .app
        .read(move |c| {
            Box::pin(async move { Ok(db::chat_messages::by_uri(c, &id).await?.is_some()) })
        })
        .await
}

pub(super) fn prepare_edit(arrival: &Arrival<'_>, object: &Value) -> Result<Prepared, Failure> {
    let form = if is_message(object) {
        "ChatMessage"
    } else {
        "Note"
    };
    let message = read(object, arrival.actor, arrival.app.clock.now_ms(), form)?;
    Prepared::deed(Deed::ChatEdit(Edited { message }))
}

pub(super) fn prepare_read(arrival: &Arrival<'_>) -> Result<Prepared, Failure> {
    let (object, _) = arrival.object()?;
    Prepared::deed(Deed::ChatRead(Read {
        object: object.to_owned(),
    }))
}

/// Reads an object that its author signed. Refuses one whose author, id and host do not go
/// together (threat S3).
pub fn read(
    object: &Value,
    author: &Account,
    now: i64,
    form: &'static str,
) -> Result<RemoteMessage, Failure> {
    let hopeless = |reason: &str| Failure::Hopeless(reason.to_owned());
    let id = text(object, "id").ok_or_else(|| hopeless("an object without an id"))?;
    if uri(id).is_none() || !same_origin(id, &author.uri) {
        return Err(hopeless(
            "the object's id is on another host than its author",
        ));
    }
    let mut by = ids(object, "attributedTo")
        .chain(ids(object, "actor"))
        .peekable();
    if by.peek().is_none() || !by.all(|by| by == author.uri) {
        return Err(hopeless("the object is attributed to somebody else"));
    }
    let written = text(object, "content").unwrap_or_default();
    let written = &written[..written.floor_char_boundary(MAX_CONTENT)];
    let shared = first_id(object, "sharedStatus").filter(|shared| uri(shared).is_some());
    let written = match shared.and(written.find("<p class=\"quote-inline\">")) {
        Some(at) => &written[..at],
        None => written,
    };
    let content = clean_status_html(&without_mention(written, form));
    let encrypted = object.get("encrypted").and_then(|sealed| {
        let encrypted = Encrypted {
            kind: text(sealed, "mediaType")?.to_owned(),
            content: text(sealed, "content")?.to_owned(),
        };
        let fits = encrypted.kind.len() <= 127 && encrypted.content.len() <= MAX_ENCRYPTED;
        fits.then_some(encrypted)
    });
    let media = notes::media(object, form);
    if content.is_empty() && encrypted.is_none() && media.is_empty() && shared.is_none() {
        return Err(hopeless("the message says nothing"));
    }
    let parent = |name: &str| {
        let id = first_id(object, name).filter(|id| uri(id).is_some())?;
        Some(id.to_owned())
    };
    Ok(RemoteMessage {
        uri: id.to_owned(),
        form,
        source: to_plain(&content),
        content,
        encrypted,
        emojis: emojis(object),
        in_reply_to: parent("inReplyTo"),
        quote: parent("quoteUri"),
        shared: shared.map(str::to_owned),
        published: time(object, "published").unwrap_or(now),
        updated: time(object, "updated"),
        media,
    })
}

/// A direct post names whom it is for, which a chat has no need of.
fn without_mention<'a>(html: &'a str, form: &str) -> Cow<'a, str> {
    let (paragraph, text) = match html.strip_prefix("<p>") {
        Some(text) => ("<p>", text),
        None => ("", html),
    };
    let rest = text
        .strip_prefix("<span class=\"h-card\"")
        .filter(|_| form == "Note")
        .and_then(|mention| mention.split_once("</a></span>"));
    match rest {
        Some((_, rest)) => format!("{paragraph}{}", rest.trim_start()).into(),
        None => html.into(),
    }
}

impl Said {
    pub(super) async fn apply(
        &self,
        tx: &mut Conn,
        ctx: &Ctx,
        actor: &Account,
    ) -> AppResult<&'static str> {
        let Some(recipient) = local_account(tx, &self.recipient).await? else {
            return Ok("the recipient is not here");
        };
        chats::receive(tx, ctx, actor, &recipient, self.message.clone()).await
    }
}

impl Edited {
    pub(super) async fn apply(
        &self,
        tx: &mut Conn,
        ctx: &Ctx,
        actor: &Account,
    ) -> AppResult<&'static str> {
        let done = chats::revise(tx, ctx, actor, self.message.clone()).await?;
        Ok(done.unwrap_or("the object is not the author's, or not known here"))
    }
}

impl Read {
    pub(super) async fn apply(
        &self,
        tx: &mut Conn,
        ctx: &Ctx,
        actor: &Account,
    ) -> AppResult<&'static str> {
        chats::partner_read(tx, ctx, actor, &self.object).await
    }
}
