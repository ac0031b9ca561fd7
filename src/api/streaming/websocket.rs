//! WebSocket: one socket listens to many streams, taken up and left by frames.

use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior};

use super::frames::{self, Flow, Pace};
use super::{Behind, Entered, From, Of, Token, enter, expiry};
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
    /// Of Kith's own: where to take the stream up, and whether frames carry their positions.
    cursor: Option<String>,
    cursors: Option<String>,
}

/// A frame from a client.
#[derive(Debug, Deserialize)]
struct Frame {
    #[serde(rename = "type")]
    kind: String,
    stream: Option<String>,
    tag: Option<String>,
    list: Option<Name>,
    cursor: Option<String>,
    #[serde(default)]
    cursors: bool,
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
    let mut entered = enter(&app, &token.text).await?;
    let upgrade = upgrade.map_err(|_| AppError::bad_request("This is a WebSocket"))?;
    let mut upgrade = upgrade
        .max_message_size(MAX_FRAME)
        .max_frame_size(MAX_FRAME)
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0);
    if token.protocol {
        upgrade = upgrade.protocols([token.text]);
    }
    // Before the handshake is answered: who sees the socket open misses nothing from then on.
    let mut first = None;
    if let Some(stream) = options.stream.as_deref() {
        let of = Of {
            tag: options.tag.as_deref(),
            list: options.list.as_deref(),
        };
        let from = From {
            cursor: options.cursor.as_deref(),
            cursors: matches!(options.cursors.as_deref(), Some("1" | "true")),
        };
        first = Some(entered.subscribe(&app, stream, of, from).await);
    }
    Ok(upgrade.on_upgrade(move |socket| talk(app, socket, entered, first)))
}

/// `GET /api/v1/streaming/health`. Who asks by a WebSocket, as `kith doctor` does, gets one, which ends
/// at once: so it is seen whether a proxy in between passes them on.
pub async fn health(upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>) -> Response {
    match upgrade {
        Ok(upgrade) => upgrade.on_upgrade(|socket| async move { drop(socket) }),
        Err(_) => "OK".into_response(),
    }
}

/// Carries messages both ways until the socket or the right to it ends.
async fn talk(
    app: App,
    mut socket: WebSocket,
    mut entered: Entered,
    first: Option<AppResult<Option<Behind>>>,
) {
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
                    Ok(end @ End::Behind) => (close_code::AGAIN, end.reason()),
                    Ok(end) => (close_code::POLICY, end.reason()),
                    // The hub lets nobody go without a word.
                    Err(_) => (close_code::AGAIN, End::Behind.reason()),
                },
                _ = stopped => (close_code::AWAY, "going away"),
                () = expiry => (close_code::POLICY, "access token expired"),
            }
        }
    };
    let why = tokio::select! {
        biased;
        why = ended => Some(why),
        _ = exchange(&app, &mut socket, &mut entered, first) => None,
    };
    // What still waits is not sent any more, and is not to be held while we say goodbye.
    entered.listener.messages.close();
    while entered.listener.messages.try_recv().is_ok() {}
    if let Some((code, reason)) = why {
        let close = Message::Close(Some(CloseFrame {
            code,
            reason: Utf8Bytes::from_static(reason),
        }));
        let _ = tokio::time::timeout(Duration::from_secs(2), socket.send(close)).await;
    }
}

/// That the peer is gone.
struct Left;

/// Returns when the peer is gone.
async fn exchange(
    app: &App,
    socket: &mut WebSocket,
    entered: &mut Entered,
    first: Option<AppResult<Option<Behind>>>,
) -> Result<(), Left> {
    if let Some(subscribed) = first {
        Box::pin(catch_up(app, socket, entered, subscribed)).await?;
    }
    let mut ping = tokio::time::interval_at(Instant::now() + PING, PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut pulse = Pulse::default();
    let mut flow = Flow::default();
    loop {
        let reply = tokio::select! {
            message = entered.listener.messages.recv() => {
                // It is ended, and why is told at the same time: a goodbye is said for that.
                let Some(message) = message else { return std::future::pending().await };
                entered.course.websocket(&message).and_then(text)
            }
            frame = socket.recv() => {
                let Some(Ok(frame)) = frame else { return Err(Left) };
                pulse.felt();
                match frame {
                    Message::Text(text) => {
                        if app.limits.on() {
                            match flow.count(app.clock.now_ms()) {
                                Pace::Fine => {}
                                Pace::Slow(ms) => {
                                    tokio::time::sleep(Duration::from_millis(ms)).await;
                                }
                                Pace::Flood => {
                                    flooded(socket).await;
                                    return Err(Left);
                                }
                            }
                        }
                        match Box::pin(hear(app, entered, &text)).await {
                            Ok(Heard::Answer(answer)) => Some(answer),
                            Ok(Heard::Behind(behind)) => {
                                Box::pin(catch_up(app, socket, entered, Ok(behind))).await?;
                                None
                            }
                            Err(error) => Some(refusal(&error)),
                        }
                    }
                    Message::Binary(_) => Some(refusal(&unknown())),
                    Message::Close(_) => return Err(Left),
                    // Pings are answered by the library.
                    Message::Ping(_) | Message::Pong(_) => None,
                }
            }
            _ = ping.tick() => {
                if !pulse.ask() {
                    return Err(Left);
                }
                Some(Message::Ping(bytes::Bytes::new()))
            }
        };
        if let Some(reply) = reply {
            send(socket, reply).await?;
        }
    }
}

/// Whether a peer is there, by the pings it answers.
#[derive(Debug, Default)]
struct Pulse {
    unanswered: u8,
}

impl Pulse {
    /// The peer said something.
    fn felt(&mut self) {
        self.unanswered = 0;
    }

    /// Another ping is due; false where it answered none of the last ones.
    fn ask(&mut self) -> bool {
        if self.unanswered >= UNANSWERED {
            return false;
        }
        self.unanswered += 1;
        true
    }
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), Left> {
    socket.send(message).await.map_err(|_| Left)
}

fn text(frame: bytes::Bytes) -> Option<Message> {
    Utf8Bytes::try_from(frame).ok().map(Message::Text)
}

/// Says what a listener missed of a stream, or why it is not to have it.
async fn catch_up(
    app: &App,
    socket: &mut WebSocket,
    entered: &mut Entered,
    subscribed: AppResult<Option<Behind>>,
) -> Result<(), Left> {
    let mut left = match subscribed {
        Ok(left) => left,
        Err(error) => return send(socket, refusal(&error)).await,
    };
    while let Some(behind) = left {
        let messages = match entered.missed(app, behind).await {
            Ok((messages, more)) => {
                left = more;
                messages
            }
            Err(error) => return send(socket, refusal(&error)).await,
        };
        for (cursor, message) in messages {
            if let Some(frame) = text(message.websocket_at(cursor)) {
                send(socket, frame).await?;
            }
        }
    }
    Ok(())
}

/// Ends a socket whose client says too much.
async fn flooded(socket: &mut WebSocket) {
    let close = Message::Close(Some(CloseFrame {
        code: close_code::POLICY,
        reason: Utf8Bytes::from_static("too many frames"),
    }));
    let _ = tokio::time::timeout(Duration::from_secs(2), socket.send(close)).await;
}

/// What comes of a client's frame.
enum Heard {
    Answer(Message),
    /// A stream was taken up or left; what is to be caught up with.
    Behind(Option<Behind>),
}

/// Does what a client's frame asks for.
async fn hear(app: &App, entered: &mut Entered, text: &str) -> AppResult<Heard> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|_| unknown())?;
    if frames::is_for_us(&value) {
        let answer = frames::take(app, &entered.session, value).await;
        return Ok(Heard::Answer(Message::Text(answer.to_string().into())));
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
        "subscribe" => {
            let from = From {
                cursor: frame.cursor.as_deref(),
                cursors: frame.cursors,
            };
            let behind = entered.subscribe(app, stream, of, from).await?;
            Ok(Heard::Behind(behind))
        }
        "unsubscribe" => {
            entered.unsubscribe(app, stream, of).await?;
            Ok(Heard::Behind(None))
        }
        _ => Err(unknown()),
    }
}

fn unknown() -> AppError {
    AppError::bad_request("Unknown message type")
}

fn refusal(error: &AppError) -> Message {
    let text = json!({"error": error.error, "status": error.status.as_u16()});
    Message::Text(text.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::Pulse;

    #[test]
    fn a_peer_that_answers_no_two_pings_is_gone() {
        let mut pulse = Pulse::default();
        assert!(pulse.ask());
        pulse.felt();
        assert!(pulse.ask());
        assert!(pulse.ask());
        assert!(!pulse.ask());
    }
}
