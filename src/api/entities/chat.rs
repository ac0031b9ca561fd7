//! Chats and their messages, each as one of the two sees it.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::media::MediaAttachment;
use super::status::{self, Mode, Reader};
use super::{account, raw};
use crate::app::App;
use crate::clock::{DAY, iso};
use crate::config::Config;
use crate::config::is_remote;
use crate::db;
use crate::db::accounts::Account;
use crate::db::chat_files::ChatFile;
use crate::db::chat_messages::{Message, Reaction as ReactionRow, Version};
use crate::db::chats::{Chat, Member, REQUESTED};
use crate::db::media::Media;
use crate::domain::chats::{Encrypted, accepts_chat};
use crate::error::AppResult;

/// `Chat`.
#[derive(Debug, Serialize)]
pub struct ChatEntity {
    id: String,
    /// The other one.
    account: Box<RawValue>,
    last_message: Option<MessageEntity>,
    unread_count: i64,
    /// The other's request waits to be accepted.
    request: bool,
    /// Whether the other's server knows chats; else messages travel as direct posts.
    accepts_chat: bool,
    created_at: String,
    updated_at: String,
}

/// `Message`.
#[derive(Debug, Serialize)]
pub struct MessageEntity {
    id: String,
    chat_id: String,
    account_id: String,
    text: String,
    html: String,
    attachments: Vec<Attachment>,
    reply_to_id: Option<String>,
    quote_id: Option<String>,
    shared_status: Option<Box<RawValue>>,
    reactions: Vec<Reaction>,
    emojis: Vec<account::Emoji>,
    encrypted: Option<Encrypted>,
    created_at: String,
    edited_at: Option<String>,
    deleted_at: Option<String>,
    delivered_at: Option<String>,
    read_at: Option<String>,
    mine: bool,
}

/// A file of a message: `MediaAttachment`, with what a document is.
#[derive(Debug, Serialize)]
pub struct Attachment {
    #[serde(flatten)]
    media: MediaAttachment,
    kith: About,
}

#[derive(Debug, Serialize)]
struct About {
    /// What the file was called.
    name: Option<String>,
    mime: String,
    size: i64,
}

/// A reaction with how many of the two have it.
#[derive(Debug, Serialize)]
pub struct Reaction {
    name: String,
    count: i64,
    me: bool,
    /// A custom emoji's picture.
    url: Option<String>,
}

/// A version of a message.
#[derive(Debug, Serialize)]
pub struct VersionEntity {
    text: String,
    html: String,
    edited_at: String,
}

/// Shows versions.
pub fn versions(rows: Vec<Version>) -> Vec<VersionEntity> {
    rows.into_iter()
        .map(|row| VersionEntity {
            text: row.source,
            html: row.content,
            edited_at: iso(row.created_at),
        })
        .collect()
}

/// Shows chats to one of their two, in their order: nine statements and the shared posts, however
/// many there are.
pub async fn chats(app: &App, owner: i64, rows: &[Member]) -> AppResult<Vec<ChatEntity>> {
    let ids: Vec<i64> = rows.iter().map(|row| row.chat_id).collect();
    let others: Vec<i64> = rows.iter().map(|row| row.other_id).collect();
    let json = account::json(app, &others).await?;
    type Loaded = (Vec<Chat>, Vec<Message>, Vec<Account>);
    let (found, last, partners): Loaded = app
        .read(move |c| {
            Box::pin(async move {
                let newest = db::chat_messages::newest(c, owner, &ids).await?;
                let newest: Vec<i64> = newest.into_iter().map(|(_, id)| id).collect();
                Ok((
                    db::chats::by_ids(c, &ids).await?,
                    db::chat_messages::by_ids(c, &newest).await?,
                    db::accounts::by_ids(c, &others).await?,
                ))
            })
        })
        .await?;
    let mut last: HashMap<i64, MessageEntity> = messages(app, owner, &last)
        .await?
        .into_iter()
        .zip(last.iter().map(|message| message.chat_id))
        .map(|(entity, chat)| (chat, entity))
        .collect();
    let found: HashMap<i64, Chat> = found.into_iter().map(|chat| (chat.id, chat)).collect();
    let partners: HashMap<i64, Account> = partners.into_iter().map(|a| (a.id, a)).collect();
    let entity = |row: &Member| {
        let chat = found.get(&row.chat_id)?;
        Some(ChatEntity {
            id: row.chat_id.to_string(),
            account: raw(json.get(&row.other_id)?)?,
            last_message: last.remove(&row.chat_id),
            unread_count: row.unread_count,
            request: row.state == REQUESTED,
            accepts_chat: accepts_chat(partners.get(&row.other_id)?),
            created_at: iso(chat.created_at),
            updated_at: iso(chat.updated_at),
        })
    };
    Ok(rows.iter().filter_map(entity).collect())
}

/// What belongs to some messages.
struct Rows {
    files: Vec<(ChatFile, Media)>,
    reactions: Vec<ReactionRow>,
}

/// Shows messages to one of the two, in their order: two statements and the shared posts.
pub async fn messages(app: &App, owner: i64, rows: &[Message]) -> AppResult<Vec<MessageEntity>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let found = app
        .read(move |c| {
            Box::pin(async move {
                Ok(Rows {
                    files: db::chat_files::of_messages(c, &ids).await?,
                    reactions: db::chat_messages::reactions(c, &ids).await?,
                })
            })
        })
        .await?;
    let shared: Vec<i64> = rows.iter().filter_map(|row| row.shared_status_id).collect();
    let shown = match shared.is_empty() {
        true => None,
        false => {
            let reader = Reader::of(app, owner).await?;
            Some(status::page(app, &shared, Some(&reader), Mode::Visible).await?)
        }
    };
    // For a whole day the same, so that clients keep what they have fetched.
    let until = (app.clock.now_ms() / DAY + 2) * DAY;
    let entity = |row: &Message| {
        let own = |id: i64| id == row.id;
        let text = |id: Option<i64>| id.map(|id| id.to_string());
        MessageEntity {
            id: row.id.to_string(),
            chat_id: row.chat_id.to_string(),
            account_id: row.account_id.to_string(),
            text: row.source.clone(),
            html: row.content.clone(),
            attachments: found
                .files
                .iter()
                .filter(|(file, _)| file.message_id.is_some_and(own))
                .map(|(file, media)| attachment(&app.config, file, media, (owner, until)))
                .collect(),
            reply_to_id: text(row.reply_to_id),
            quote_id: text(row.quote_id),
            shared_status: row
                .shared_status_id
                .and_then(|id| raw(&shown.as_ref()?.one(id)?)),
            reactions: reactions(&app.config, owner, &found.reactions, row.id),
            emojis: account::emojis(&app.config, &row.emojis),
            encrypted: row
                .encrypted
                .as_deref()
                .and_then(|json| serde_json::from_str(json).ok()),
            created_at: iso(row.created_at),
            edited_at: row.edited_at.map(iso),
            deleted_at: row.deleted_at.map(iso),
            // Who has read it has got it.
            delivered_at: row.delivered_at.or(row.read_at).map(iso),
            read_at: row.read_at.map(iso),
            mine: row.account_id == owner,
        }
    };
    Ok(rows.iter().map(entity).collect())
}

/// One message.
pub async fn message(app: &App, owner: i64, row: Message) -> AppResult<Option<MessageEntity>> {
    Ok(messages(app, owner, &[row]).await?.pop())
}

/// A file as one reader sees it, for some time.
pub fn attachment(
    config: &Config,
    file: &ChatFile,
    media: &Media,
    (reader, until): (i64, i64),
) -> Attachment {
    let (url, preview) = config.chat_file_url(media, reader, Some(until));
    let remote = media.file.is_empty() && !media.remote_url.is_empty();
    let has_preview = match remote {
        true => matches!(media.kind.as_str(), "image" | "gifv" | "video"),
        false => !media.preview.is_empty(),
    };
    let shown = super::media::render(config, media);
    Attachment {
        media: MediaAttachment {
            preview_url: has_preview.then_some(preview),
            url: (remote || !media.file.is_empty()).then_some(url),
            ..shown
        },
        kith: About {
            name: Some(file.name.clone()).filter(|name| !name.is_empty()),
            mime: media.mime.clone(),
            size: media.size,
        },
    }
}

/// Reactions to a message, by name, in the order in which they first came.
fn reactions(config: &Config, owner: i64, rows: &[ReactionRow], message: i64) -> Vec<Reaction> {
    let mut list: Vec<Reaction> = Vec::new();
    for row in rows.iter().filter(|row| row.message_id == message) {
        let me = row.account_id == owner;
        match list.iter_mut().find(|known| known.name == row.name) {
            Some(known) => {
                known.count += 1;
                known.me |= me;
            }
            None => list.push(Reaction {
                name: row.name.clone(),
                count: 1,
                me,
                url: match row.url.as_str() {
                    "" => None,
                    url if is_remote(url) => Some(config.shown_url("emoji", url)),
                    key => Some(config.media_url(key)),
                },
            }),
        }
    }
    list
}
