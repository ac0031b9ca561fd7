//! WebSocket: one socket listens to many streams, taken up and left by frames.

use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior};

use super::frames::{self, Flow, Pace};
use super::{Entered, Of, Token, enter, expiry};
use crate::app::App;
use crate::error::{AppError, AppResult};
use crate::events::hub::End;

/// How often a peer is asked whether it is there.
const PING: Duration = Duration::from_secs(30);
/// A peer that answers none of so many is dropped.
const UNANSWERED: u8 = 2;
/// Largest frame a client may send, in bytes.
const MAX_FRAME: usize = 64 << 10;
/// A socket is idle most of its life: its buffers start small.
const READ_BUFFER: usize = 1 << 10;

/// The stream to begin with.
#[derive(Debug, Deserialize)]
pub struct Options {
    stream: Option<String>,
    tag: Option<String>,
    list: Option<String>,
}

/// A frame from a client.
#[derive(Debug, Deserialize)]
struct Frame {
    #[serde(rename = "type")]
    kind: String,
    stream: Option<String>,
    tag: Option<String>,
    list: Option<Name>,
}

/// An id: some clients send a number.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Name {
    Text(String),
    Number(i64),
}

/// `GET /api/v1/streaming`
pub async fn open(
    State(app): State<App>,
    options: Result<Query<Options>, QueryRejection>,
    token: Token,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> AppResult<Response> {
    let Query(options) = options.map_err(|_| AppError::bad_request("Malformed query"))?;
    let entered = enter(&app, &token.text).await?;
    let upgrade = upgrade.map_err(|_| AppError::bad_request("This is a WebSocket"))?;
    let mut upgrade = upgrade
        .max_message_size(MAX_FRAME)
        .max_frame_size(MAX_FRAME)
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0);
    if token.protocol {
        upgrade = upgrade.protocols([token.text]);
    }
    Ok(upgrade.on_upgrade(move |mut socket| async move {
        if let Some(stream) = options.stream.as_deref() {
            let of = Of {
                tag: options.tag.as_deref(),
                list: options.list.as_deref(),
            };
            let subscribed = entered.subscribe(&app, stream, of).await;
            if let Err(error) = subscribed
                && socket.send(refusal(&error)).await.is_err()
            {
                return;
            }
        }
        talk(app, socket, entered).await;
    }))
}

/// Carries messages both ways until the socket or the right to it ends.
async fn talk(app: App, mut socket: WebSocket, mut entered: Entered) {
    let mut stop = app.stop.clone();
    let lasts = entered.lasts(&app);
    let expiry = std::pin::pin!(expiry(lasts));
    let stopped = std::pin::pin!(stop.wait_for(|stop| *stop));
    // What ends it ends it at once, also while a slow peer keeps us waiting.
    let ended = {
        let Entered { listener, .. } = &mut entered;
        let (_, unused) = tokio::sync::oneshot::channel();
        let over = std::mem::replace(&mut listener.over, unused);
        async move {
            tokio::select! {
                biased;
                end = over => match end {
                    Ok(End::Slow) => (close_code::POLICY, "too slow"),
                    _ => (close_code::POLICY, "access token revoked"),
                },
                _ = stopped => (close_code::AWAY, "going away"),
                () = expiry => (close_code::POLICY, "access token expired"),
            }
        }
    };
    let why = tokio::select! {
        biased;
        why = ended => Some(why),
        () = exchange(&app, &mut socket, &mut entered) => None,
    };
    if let Some((code, reason)) = why {
        let close = Message::Close(Some(CloseFrame {
            code,
            reason: Utf8Bytes::from_static(reason),
        }));
        let _ = tokio::time::timeout(Duration::from_secs(2), socket.send(close)).await;
    }
}

/// Returns when the peer is gone.
async fn exchange(app: &App, socket: &mut WebSocket, entered: &mut Entered) {
    let mut ping = tokio::time::interval_at(Instant::now() + PING, PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut unanswered = 0;
    let mut flow = Flow::default();
    loop {
        let reply = tokio::select! {
            message = entered.listener.messages.recv() => {
                let Some(message) = message else { return };
                match Utf8Bytes::try_from(message.websocket()) {
                    Ok(text) => Some(Message::Text(text)),
                    Err(_) => None,
                }
            }
            frame = socket.recv() => {
                let Some(Ok(frame)) = frame else { return };
                unanswered = 0;
                match frame {
                    Message::Text(text) => {
                        if app.limits.on() {
                            match flow.count(app.clock.now_ms()) {
                                Pace::Fine => {}
                                Pace::Slow(ms) => {
                                    tokio::time::sleep(Duration::from_millis(ms)).await;
                                }
                                Pace::Flood => return flooded(socket).await,
                            }
                        }
                        match hear(app, entered, &text).await {
                            Ok(answer) => answer,
                            Err(error) => Some(refusal(&error)),
                        }
                    }
                    Message::Binary(_) => Some(refusal(&unknown())),
                    Message::Close(_) => return,
                    // Pings are answered by the library.
                    Message::Ping(_) | Message::Pong(_) => None,
                }
            }
            _ = ping.tick() => {
                if unanswered >= UNANSWERED {
                    return;
                }
                unanswered += 1;
                Some(Message::Ping(bytes::Bytes::new()))
            }
        };
        if let Some(reply) = reply
            && socket.send(reply).await.is_err()
        {
            return;
        }
    }
}

/// Ends a socket whose client says too much.
async fn flooded(socket: &mut WebSocket) {
    let close = Message::Close(Some(CloseFrame {
        code: close_code::POLICY,
        reason: Utf8Bytes::from_static("too many frames"),
    }));
    let _ = tokio::time::timeout(Duration::from_secs(2), socket.send(close)).await;
}

/// Does what a client's frame asks for; what it is answered, if anything.
async fn hear(app: &App, entered: &Entered, text: &str) -> AppResult<Option<Message>> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|_| unknown())?;
    if frames::is_for_us(&value) {
        let answer = frames::take(app, &entered.session, value).await;
        return Ok(Some(Message::Text(answer.to_string().into())));
    }
    let frame: Frame = serde_json::from_value(value).map_err(|_| unknown())?;
    let stream = frame.stream.as_deref().unwrap_or_default();
    let list = frame.list.map(|name| match name {
        Name::Text(text) => text,
        Name::Number(id) => id.to_string(),
    });
    let of = Of {
        tag: frame.tag.as_deref(),
        list: list.as_deref(),
    };
    match frame.kind.as_str() {
        "subscribe" => entered.subscribe(app, stream, of).await?,
        "unsubscribe" => entered.unsubscribe(app, stream, of).await?,
        _ => return Err(unknown()),
    }
    Ok(None)
}

fn unknown() -> AppError {
    AppError::bad_request("Unknown message type")
}

fn refusal(error: &AppError) -> Message {
    let text = json!({"error": error.error, "status": error.status.as_u16()});
    Message::Text(text.to_string().into())
}
