//! `/socket.io/`: one's chats, notifications and who is there, for Socket.IO clients (protocol 5).
//!
//! A socket here is a listener like any other: it may hold as many, hears the same, and ends when
//! its token does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, SocketRef, TryData};
use socketioxide::handler::ConnectHandler;
use socketioxide::layer::SocketIoLayer;
use tokio::sync::Notify;

use super::frames::{self, Flow, Pace};
use super::{Entered, From, Of, check, enter, expiry};
use crate::app::App;
use crate::caches::Session;
use crate::clock::iso;
use crate::error::AppError;
use crate::events::hub::{End, Sent};

/// How often a peer is asked whether it is there, and how long it may take to say so.
const PING: Duration = Duration::from_secs(30);
/// Largest frame a client may send, in bytes.
const MAX_FRAME: usize = 64 << 10;
/// A socket is idle most of its life: its buffers start small.
const READ_BUFFER: usize = 1 << 10;
/// Packets that wait for a socket at most.
const QUEUE: usize = 256;
/// How long a client may take from the connection to its token.
const PATIENCE: Duration = Duration::from_secs(15);

/// Client events, and the frames of `user:chat` that they are.
const EVENTS: [(&str, &str); 3] = [
    ("send_message", "chat.message"),
    ("typing", "chat.typing"),
    ("read", "chat.read"),
];

/// Answers what asks for `/socket.io/`, and hands on everything else.
pub fn layer(app: &App) -> SocketIoLayer {
    let (layer, io) = SocketIo::builder()
        .req_path("/socket.io")
        .ping_interval(PING)
        .ping_timeout(PING)
        .connect_timeout(PATIENCE)
        .max_payload(MAX_FRAME as u64)
        .max_buffer_size(QUEUE)
        .ws_read_buffer_size(READ_BUFFER)
        .ws_max_message_size(MAX_FRAME)
        .ws_max_frame_size(MAX_FRAME)
        .build_layer();
    let (opened, checked) = (app.clone(), app.clone());
    let open = move |socket: SocketRef, TryData(auth): TryData<Value>| {
        let app = opened.clone();
        async move { serve(app, socket, auth.ok()).await }
    };
    let admit = move |socket: SocketRef, TryData(auth): TryData<Value>| {
        let app = checked.clone();
        async move {
            let token = token(&socket, auth.ok().as_ref()).ok_or_else(AppError::unauthorized);
            match token {
                Ok(token) => check(&app, &token).await.map(|_| ()),
                Err(error) => Err(error),
            }
            .map_err(|error| error.error)
        }
    };
    // The local adapter has nothing to wait for.
    io.ns("/", open.with(admit));
    layer
}

/// `auth.token`, or `token` or `access_token` in the query.
fn token(socket: &SocketRef, auth: Option<&Value>) -> Option<String> {
    if let Some(token) = auth.and_then(|auth| auth["token"].as_str()) {
        return Some(token.to_owned());
    }
    let query = socket.req_parts().uri.query()?;
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "token" || name == "access_token")
        .map(|(_, token)| token.into_owned())
}

async fn serve(app: App, socket: SocketRef, auth: Option<Value>) {
    let gone = Arc::new(Notify::new());
    let left = gone.clone();
    socket.on_disconnect(move || async move { left.notify_one() });
    let entered = match token(&socket, auth.as_ref()) {
        Some(token) => enter(&app, &token).await.ok(),
        None => None,
    };
    if let Some(mut entered) = entered {
        for stream in ["user:chat", "user:notification:kith"] {
            // A token that may not read one of them hears the other alone.
            let taken = entered.subscribe(&app, stream, Of::default(), From::default());
            if let Err(error) = taken.await {
                tracing::debug!(%error, stream, "not for this token");
            }
        }
        hear(&app, &socket, &entered.session);
        let hello = json!({
            "account_id": entered.account_id.to_string(),
            "server_time": iso(app.clock.now_ms()),
        });
        if socket.emit("connected", &hello).is_ok() {
            tell(&app, &socket, &mut entered, &gone).await;
        }
    }
    let _ = socket.disconnect();
}

/// Tells a socket what happens, until it or the right to it ends.
async fn tell(app: &App, socket: &SocketRef, entered: &mut Entered, gone: &Notify) {
    let mut stop = app.stop.clone();
    let expiry = std::pin::pin!(expiry(entered.lasts(app)));
    let listener = &mut entered.listener;
    let (messages, over) = (&mut listener.messages, &mut listener.over);
    let told = async {
        while let Some(sent) = messages.recv().await {
            // A queue that is full is that of a peer that does not keep up.
            if let Some((name, value)) = said(&sent)
                && socket.emit(name, &value).is_err()
            {
                return;
            }
        }
    };
    let why = tokio::select! {
        biased;
        end = over => end.unwrap_or(End::Behind).reason(),
        _ = stop.wait_for(|stop| *stop) => "going away",
        () = expiry => "access token expired",
        () = gone.notified() => return,
        () = told => return,
    };
    let _ = socket.emit("end", &json!({"reason": why}));
}

/// What a message is called here, and what it says.
fn said(sent: &Sent) -> Option<(&'static str, Value)> {
    let name = match (sent.message.stream, sent.message.event) {
        ("user:notification:kith", "notification") => "new_notification",
        ("user:chat", "chat.message") => "chat_message",
        ("user:chat", "chat.message.edited") => "chat_message_edited",
        ("user:chat", "chat.message.deleted") => "chat_message_deleted",
        ("user:chat", "chat.reaction") => "chat_reaction",
        ("user:chat", "chat.read") => "chat_read",
        ("user:chat", "chat.delivered") => "chat_delivered",
        ("user:chat", "chat.typing") => "typing",
        ("user:chat", "presence") => "presence",
        _ => return None,
    };
    Some((name, serde_json::from_str(&sent.message.payload).ok()?))
}

/// Does what the client's events ask for, and acknowledges each with what came of it, or with
/// `{error, status}`.
fn hear(app: &App, socket: &SocketRef, session: &Arc<Session>) {
    let flow = Arc::new(Mutex::new(Flow::default()));
    for (event, kind) in EVENTS {
        let (app, session, flow) = (app.clone(), session.clone(), flow.clone());
        let heard = move |socket: SocketRef, TryData(data): TryData<Value>, ack: AckSender| {
            let (app, session, flow) = (app.clone(), session.clone(), flow.clone());
            async move {
                let pace = match app.limits.on() {
                    true => {
                        let mut flow = flow.lock().unwrap_or_else(PoisonError::into_inner);
                        flow.count(app.clock.now_ms())
                    }
                    false => Pace::Fine,
                };
                match pace {
                    Pace::Fine => {}
                    Pace::Slow(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
                    Pace::Flood => {
                        let _ = socket.disconnect();
                        return;
                    }
                }
                let mut answer = match data {
                    Ok(Value::Object(mut frame)) => {
                        frame.insert("type".to_owned(), kind.into());
                        frames::take(&app, &session, Value::Object(frame)).await
                    }
                    _ => json!({"payload": {"error": "Malformed frame", "status": 400}}),
                };
                // Whoever asked for no acknowledgement gets none.
                let _ = ack.send(&answer["payload"].take());
            }
        };
        socket.on(event, heard);
    }
}
