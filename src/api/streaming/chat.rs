//! `user:chat`: what happens in an account's chats.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::json;

use super::passing;
use crate::api::entities::chat;
use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::accounts::Account;
use crate::domain::chats;
use crate::error::AppResult;
use crate::events::hub::{Channel, Message};
use crate::events::{ChatMark, ChatReaction, Event, Kind};

/// Kinds of events that the stream tells of, each for one account alone.
pub const KINDS: [Kind; 6] = [
    Kind::ChatMessage,
    Kind::ChatMessageEdited,
    Kind::ChatMessageDeleted,
    Kind::ChatReaction,
    Kind::ChatRead,
    Kind::ChatDelivered,
];

/// What an event is called on the stream, and what is said of it: JSON.
pub type Said = (&'static str, Arc<str>);

/// What some events of an account's say to it, in their order, as things are now: a message that
/// is gone meanwhile has nothing to say. Three statements and the shared posts, however many.
pub async fn said(app: &App, account: i64, events: &[&Event]) -> AppResult<Vec<Option<Said>>> {
    let named = |event: &&&Event| {
        matches!(
            event.kind,
            Kind::ChatMessage | Kind::ChatMessageEdited | Kind::ChatReaction
        )
    };
    let mut ids: Vec<i64> = events.iter().filter(named).map(|e| e.subject_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut shown: HashMap<i64, serde_json::Value> = HashMap::new();
    if !ids.is_empty() {
        let rows = app
            .read(move |c| Box::pin(async move { Ok(db::chat_messages::by_ids(c, &ids).await?) }))
            .await?;
        let rows: Vec<_> = rows
            .into_iter()
            .filter(|row| row.deleted_at.is_none())
            .collect();
        let entities = chat::messages(app, account, &rows).await?;
        for (row, entity) in rows.iter().zip(entities) {
            shown.insert(row.id, serde_json::to_value(entity)?);
        }
    }
    events.iter().map(|event| one(event, &shown)).collect()
}

fn one(event: &Event, shown: &HashMap<i64, serde_json::Value>) -> AppResult<Option<Said>> {
    let id = event.subject_id.to_string();
    let message = shown.get(&event.subject_id);
    let said = |name, value: serde_json::Value| Some((name, Arc::from(value.to_string())));
    Ok(match event.kind {
        Kind::ChatMessage => message.and_then(|m| said("chat.message", m.clone())),
        Kind::ChatMessageEdited => message.and_then(|m| said("chat.message.edited", m.clone())),
        Kind::ChatMessageDeleted => {
            let (chat, scope) = event
                .payload
                .split_once(' ')
                .unwrap_or((&event.payload, ""));
            let value = json!({"chat_id": chat, "message_id": id, "scope": scope});
            said("chat.message.deleted", value)
        }
        Kind::ChatReaction => {
            let change: ChatReaction = serde_json::from_str(&event.payload)?;
            let value = |message: &serde_json::Value| {
                json!({
                    "chat_id": change.chat_id.to_string(),
                    "message_id": id,
                    "account_id": change.account_id.to_string(),
                    "name": change.name,
                    "added": change.added,
                    "reactions": message["reactions"],
                })
            };
            message.and_then(|m| said("chat.reaction", value(m)))
        }
        Kind::ChatRead | Kind::ChatDelivered => {
            let mark: ChatMark = serde_json::from_str(&event.payload)?;
            let (name, at) = match event.kind {
                Kind::ChatRead => ("chat.read", "read_at"),
                _ => ("chat.delivered", "delivered_at"),
            };
            let value = json!({
                "chat_id": mark.chat_id.to_string(),
                "message_id": id,
                "account_id": mark.account_id.to_string(),
                at: iso(mark.at),
            });
            said(name, value)
        }
        _ => None,
    })
}

/// Tells an event to its account, where it listens. A message that reaches it is delivered.
pub async fn tell(app: &App, event: &Event) -> AppResult<()> {
    let Some(account) = event.account_id else {
        return Ok(());
    };
    let channel = Channel::Chat(account);
    if !app.hub.has(&channel) {
        return Ok(());
    }
    let Some((name, payload)) = said(app, account, &[event]).await?.pop().flatten() else {
        return Ok(());
    };
    let message = Arc::new(Message::new(&channel, name, payload));
    app.hub.send(&channel, &message, |_, _| true);
    if event.kind == Kind::ChatMessage
        && let Ok(chat_id) = event.payload.parse()
    {
        arrived(
            app,
            account,
            BTreeMap::from([(chat_id, vec![event.subject_id])]),
        );
    }
    Ok(())
}

/// Marks messages of others that an account was sent, by chat, as delivered: beside what goes on.
pub fn arrived(app: &App, account: i64, messages: BTreeMap<i64, Vec<i64>>) {
    let app = app.clone();
    tokio::spawn(async move {
        let ctx = app.ctx.clone();
        let marked = app.write(move |tx| {
            Box::pin(async move {
                for (chat, ids) in messages {
                    let rows = db::chat_messages::by_ids(tx, &ids).await?;
                    let ids: Vec<i64> = rows
                        .iter()
                        .filter(|row| row.account_id != account && row.delivered_at.is_none())
                        .map(|row| row.id)
                        .collect();
                    if !ids.is_empty() {
                        chats::delivered(tx, &ctx, account, chat, &ids).await?;
                    }
                }
                Ok(())
            })
        });
        if let Err(error) = marked.await {
            tracing::debug!(%error, "cannot note that a message was delivered");
        }
    });
}

/// `account` is writing: its partner hears of it where they listen. Nothing is kept of it.
pub async fn typing(app: &App, account: &Arc<Account>, chat_id: i64) -> AppResult<()> {
    let writer = account.clone();
    let to = app
        .read(move |c| Box::pin(async move { chats::typing(c, &writer, chat_id).await }))
        .await?;
    if let Some(to) = to {
        let payload = json!({
            "chat_id": chat_id.to_string(),
            "account_id": account.id.to_string(),
        });
        passing::pass(app, to, "chat.typing", payload.to_string());
    }
    Ok(())
}
