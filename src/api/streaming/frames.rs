//! What clients say over a socket: typed frames, each answered by one with the same `ref`.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::chat;
use crate::api::entities;
use crate::api::kith::chats::messages::Body;
use crate::app::App;
use crate::caches::Session;
use crate::db::accounts::Account;
use crate::domain::chats;
use crate::error::{AppError, AppResult};
use crate::http::auth;
use crate::http::params;

/// A frame about a chat.
#[derive(Debug, Deserialize)]
struct Frame {
    #[serde(default, rename = "type", deserialize_with = "params::text")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    chat_id: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    recipient_id: Option<String>,
    #[serde(default, deserialize_with = "params::text")]
    message_id: Option<String>,
    #[serde(flatten)]
    body: Body,
}

/// Largest `ref`, as JSON, in bytes.
const MAX_REF: usize = 256;
/// Frames in a row, and how many milliseconds until one more is forgiven.
const BURST: i64 = 400;
const EACH: i64 = 20;
/// Frames that come too fast in a row until the socket is closed.
const PATIENCE: u32 = 750;

/// How fast a socket's client talks.
#[derive(Debug, Default)]
pub struct Flow {
    /// When all frames will be forgiven, in milliseconds since the epoch.
    even_at: i64,
    held: u32,
}

/// What a frame's coming means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    Fine,
    /// Too fast: it waits so many milliseconds, and those behind it with it.
    Slow(u64),
    /// Too fast for too long.
    Flood,
}

impl Flow {
    /// Counts a frame.
    pub fn count(&mut self, now: i64) -> Pace {
        self.even_at = self.even_at.max(now) + EACH;
        let over = self.even_at - now - BURST * EACH;
        if over <= 0 {
            self.held = 0;
            return Pace::Fine;
        }
        self.held += 1;
        if self.held > PATIENCE {
            return Pace::Flood;
        }
        Pace::Slow(over.unsigned_abs())
    }
}

/// Whether a frame is one of these: of such a type, or without a type, with a recipient.
pub fn is_for_us(frame: &Value) -> bool {
    match frame.get("type") {
        Some(kind) => kind.as_str().is_some_and(|kind| kind.starts_with("chat.")),
        None => frame.get("recipient_id").is_some() || frame.get("chat_id").is_some(),
    }
}

/// Does what a frame asks for, and answers it: `ack` with what came of it, or `error`.
pub async fn take(app: &App, session: &Session, frame: Value) -> Value {
    let reference = frame
        .get("ref")
        .filter(|reference| reference.to_string().len() <= MAX_REF)
        .cloned()
        .unwrap_or_default();
    match act(app, session, frame).await {
        Ok(payload) => json!({"event": "ack", "ref": reference, "payload": payload}),
        Err(error) => {
            if error.status.is_server_error() {
                tracing::error!(%error, "a frame failed");
            }
            let mut payload = json!({"error": error.error, "status": error.status.as_u16()});
            if let Some(seconds) = error.retry_after {
                payload["retry_after"] = json!(seconds);
            }
            json!({"event": "error", "ref": reference, "payload": payload})
        }
    }
}

async fn act(app: &App, session: &Session, frame: Value) -> AppResult<Value> {
    let account = writer(app, session).await?;
    let frame: Frame = serde_json::from_value(frame)
        .map_err(|error| AppError::bad_request("Malformed frame").describe(error.to_string()))?;
    let id = |text: &Option<String>, what: &'static str| match text {
        Some(text) => text.parse::<i64>().map_err(|_| AppError::not_found()),
        None => Err(AppError::bad_request(what)),
    };
    match frame.kind.as_deref() {
        None | Some("chat.message") => send(app, account, frame).await,
        Some("chat.typing") => {
            let chat_id = id(&frame.chat_id, "Missing chat_id")?;
            chat::typing(app, &account, chat_id).await?;
            Ok(json!({}))
        }
        Some("chat.read") => {
            let at = (
                id(&frame.chat_id, "Missing chat_id")?,
                id(&frame.message_id, "Missing message_id")?,
            );
            let (ctx, reader) = (app.ctx.clone(), account.clone());
            let own = app
                .write(move |tx| Box::pin(async move { chats::read(tx, &ctx, &reader, at).await }))
                .await?;
            let chat = entities::chat::chats(app, account.id, &[own]).await?.pop();
            Ok(serde_json::to_value(chat.ok_or_else(AppError::not_found)?)?)
        }
        Some(_) => Err(AppError::bad_request("Unknown message type")),
    }
}

/// The account behind a socket, if its token still lets it write.
async fn writer(app: &App, session: &Session) -> AppResult<Arc<Account>> {
    // Looked at anew: the socket may not have been told yet that it is over.
    let session = auth::current(app, session.token_id).await?;
    session.admit()?;
    if !session.allows("write:statuses") {
        return Err(auth::outside_scope());
    }
    let id = session.account_id.ok_or_else(AppError::unauthorized)?;
    app.account(id).await?.ok_or_else(AppError::unauthorized)
}

async fn send(app: &App, author: Arc<Account>, frame: Frame) -> AppResult<Value> {
    let Frame {
        chat_id,
        recipient_id,
        body,
        ..
    } = frame;
    let draft = body.draft()?;
    let number = |text: String| text.parse::<i64>().map_err(|_| AppError::not_found());
    let chat_id = chat_id.map(number).transpose()?;
    let recipient_id = recipient_id.map(number).transpose()?;
    let (ctx, account) = (app.ctx.clone(), author.clone());
    let message = app
        .write(move |tx| {
            Box::pin(async move {
                let chat_id = match (chat_id, recipient_id) {
                    (Some(chat), _) => chat,
                    (None, Some(with)) => chats::open(tx, &ctx, &account, with).await?.chat_id,
                    (None, None) => {
                        return Err(AppError::bad_request("Missing chat_id or recipient_id"));
                    }
                };
                chats::send(tx, &ctx, &account, chat_id, draft).await
            })
        })
        .await?;
    let entity = entities::chat::message(app, author.id, message).await?;
    Ok(serde_json::to_value(
        entity.ok_or_else(AppError::not_found)?,
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_slowed_and_then_cut_off() {
        let mut flow = Flow::default();
        let mut now = 1_000_000;
        for _ in 0..BURST {
            assert_eq!(flow.count(now), Pace::Fine);
        }
        let mut slowed = 0;
        loop {
            match flow.count(now) {
                Pace::Fine => panic!("it does not slow down"),
                Pace::Slow(ms) => {
                    assert_eq!(ms, 20);
                    now += 20;
                    slowed += 1;
                }
                Pace::Flood => break,
            }
        }
        assert_eq!(slowed, PATIENCE);
        // Whoever stops for a moment is forgiven.
        let mut flow = Flow::default();
        for _ in 0..=BURST {
            flow.count(now);
        }
        assert_eq!(flow.count(now + BURST * EACH), Pace::Fine);
    }

    #[test]
    fn frames_without_a_type_need_someone_to_go_to() {
        assert!(is_for_us(&json!({"recipient_id": "1", "text": "hi"})));
        assert!(is_for_us(&json!({"type": "chat.nonsense"})));
        assert!(!is_for_us(&json!({"type": "subscribe", "chat_id": "1"})));
        assert!(!is_for_us(&json!({"text": "hi"})));
        assert!(!is_for_us(&json!(["chat.message"])));
    }
}
