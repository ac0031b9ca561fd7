//! Chat messages on their way to a partner elsewhere.

use serde::{Deserialize, Serialize};

use super::policy::accepts_chat;
use super::send::Encrypted;
use crate::db::accounts::Account;
use crate::db::chat_messages::{Message, Reaction};
use crate::db::emojis::CustomEmoji;
use crate::db::media::Media;
use crate::db::{self, Conn};
use crate::domain::emojis::Used;
use crate::domain::outgoing::{self, Addressing, Attachment, Audience, Outgoing};
use crate::domain::{Ctx, statuses};
use crate::error::AppResult;

/// A chat message as it goes out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatNote {
    pub uri: String,
    /// The author's URI.
    pub attributed_to: String,
    /// The partner's.
    pub to: String,
    /// The partner's handle, `@user@domain`.
    pub to_name: String,
    /// `ChatMessage`, or `Note` for servers that know no chats.
    pub form: String,
    pub content: String,
    pub source: String,
    pub source_type: String,
    pub encrypted: Option<Encrypted>,
    /// What it answers: a Note answers what was said before, so that it is part of a thread.
    pub in_reply_to: Option<String>,
    pub quote: Option<String>,
    /// A shared post: its id and its page.
    pub shared: Option<(String, String)>,
    /// Milliseconds since the epoch.
    pub published: i64,
    pub updated: Option<i64>,
    pub attachments: Vec<Attachment>,
    pub emojis: Vec<Used>,
}

/// Sends a new message; the activity that carries it.
pub(super) async fn create(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    other: &Account,
    message: &Message,
    (files, previous): (&[Media], Option<i64>),
) -> AppResult<Option<i64>> {
    let note = note(tx, ctx, author, other, message, (files, previous)).await?;
    let activity = Outgoing::ChatCreate {
        note: Box::new(note),
    };
    outgoing::record(tx, ctx, author, &activity, Audience::one(other.id)).await
}

/// Sends what a message says now.
pub(super) async fn update(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    other: &Account,
    message: &Message,
    files: &[Media],
) -> AppResult<()> {
    let note = note(tx, ctx, author, other, message, (files, None)).await?;
    let activity = Outgoing::ChatUpdate {
        uri: format!("{}#updates/{}", message.uri, ctx.ids.next()),
        note: Box::new(note),
    };
    outgoing::send(tx, ctx, author, &activity, Audience::one(other.id)).await
}

/// Sends that a message is taken back.
pub(super) async fn delete(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    other: &Account,
    message: &Message,
) -> AppResult<()> {
    let activity = Outgoing::Delete {
        uri: format!("{}#delete", message.uri),
        object: message.uri.clone(),
        addressing: Addressing {
            to: vec![other.uri.clone()],
            ..Addressing::default()
        },
    };
    outgoing::send(tx, ctx, author, &activity, Audience::one(other.id)).await
}

/// Sends a reaction.
pub(super) async fn react(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    other: &Account,
    message: &Message,
    (row, custom): (&Reaction, Option<CustomEmoji>),
) -> AppResult<()> {
    let emoji = custom.map(|emoji| Used::of(&ctx.config, &emoji));
    let activity = Outgoing::ChatReact {
        uri: row.uri.clone(),
        object: message.uri.clone(),
        content: content(row),
        emoji: emoji.map(Box::new),
        to: other.uri.clone(),
    };
    outgoing::send(tx, ctx, account, &activity, Audience::one(other.id)).await
}

/// Sends that a reaction is taken back.
pub(super) async fn unreact(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    other: &Account,
    message: &Message,
    row: &Reaction,
) -> AppResult<()> {
    let activity = Outgoing::UndoChatReact {
        uri: outgoing::activity_uri(ctx, account, "undo"),
        react: row.uri.clone(),
        object: message.uri.clone(),
        content: content(row),
        to: other.uri.clone(),
    };
    outgoing::send(tx, ctx, account, &activity, Audience::one(other.id)).await
}

/// Sends that a message was read, to who knows what that is.
pub(super) async fn read(
    tx: &mut Conn,
    ctx: &Ctx,
    account: &Account,
    other: &Account,
    message: &Message,
) -> AppResult<()> {
    if !accepts_chat(other) || message.account_id != other.id {
        return Ok(());
    }
    let activity = Outgoing::ChatRead {
        uri: outgoing::activity_uri(ctx, account, "reads"),
        object: message.uri.clone(),
        to: other.uri.clone(),
    };
    outgoing::send(tx, ctx, account, &activity, Audience::one(other.id)).await
}

/// A reaction as EmojiReact names it: custom ones between colons.
fn content(row: &Reaction) -> String {
    if row.url.is_empty() {
        row.name.clone()
    } else {
        format!(":{}:", row.name)
    }
}

async fn note(
    tx: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    other: &Account,
    message: &Message,
    (files, previous): (&[Media], Option<i64>),
) -> AppResult<ChatNote> {
    let answers = message.reply_to_id.or(message.quote_id);
    let answers = match message.form.as_str() {
        "Note" => answers.or(previous),
        _ => message.reply_to_id,
    };
    let named: Vec<i64> = [answers, message.quote_id].into_iter().flatten().collect();
    let named = db::chat_messages::by_ids(tx, &named).await?;
    let uri_of = |id: Option<i64>| {
        let row = named.iter().find(|row| Some(row.id) == id)?;
        Some(row.uri.clone())
    };
    let shared = match message.shared_status_id {
        Some(id) => db::statuses::by_id(tx, id).await?,
        None => None,
    };
    Ok(ChatNote {
        uri: message.uri.clone(),
        attributed_to: author.uri.clone(),
        to: other.uri.clone(),
        to_name: format!("@{}", ctx.config.handle(&other.username, &other.domain)),
        form: message.form.clone(),
        content: message.content.clone(),
        source: message.source.clone(),
        source_type: message.source_type.clone(),
        encrypted: message
            .encrypted
            .as_deref()
            .map(serde_json::from_str)
            .transpose()?,
        in_reply_to: uri_of(answers),
        quote: uri_of(message.quote_id),
        shared: shared.map(|status| {
            let page = match status.url.as_str() {
                "" => status.uri.clone(),
                page => page.to_owned(),
            };
            (status.uri, page)
        }),
        published: message.created_at,
        updated: message.edited_at,
        attachments: files
            .iter()
            .map(|media| Attachment {
                url: ctx.config.chat_file_url(media, other.id, None).0,
                ..statuses::attachment(ctx, media)
            })
            .collect(),
        emojis: Used::list(&message.emojis),
    })
}
