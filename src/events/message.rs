//! One message to all who listen to a channel: rendered once, shared by all.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::Cursor;
use super::hub::Channel;

/// One message to all listeners of a channel: rendered once, shared by all.
#[derive(Debug)]
pub struct Message {
    /// The first name of its stream.
    pub stream: &'static str,
    /// What happened: `update`, `delete`…
    pub event: &'static str,
    /// JSON, or an id.
    pub payload: Arc<str>,
    websocket: Bytes,
    sse: OnceLock<Bytes>,
}

#[derive(serde::Serialize)]
struct Frame<'a> {
    stream: Vec<&'a str>,
    event: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    payload: &'a str,
}

impl Message {
    /// A message of a channel.
    pub fn new(channel: &Channel, event: &'static str, payload: Arc<str>) -> Message {
        Message::of(channel.names(), channel.stream(), event, payload)
    }

    /// A message of a stream; its first name, and those that its frame bears.
    pub fn of(
        names: Vec<&str>,
        stream: &'static str,
        event: &'static str,
        payload: Arc<str>,
    ) -> Message {
        let frame = Frame {
            stream: names,
            event,
            payload: &payload,
        };
        Message {
            stream,
            event,
            websocket: serde_json::to_vec(&frame).unwrap_or_default().into(),
            sse: OnceLock::new(),
            payload,
        }
    }

    /// As a WebSocket text frame: UTF-8.
    pub fn websocket(&self) -> Bytes {
        self.websocket.clone()
    }

    /// The same with a position to go on from.
    pub fn websocket_at(&self, cursor: Cursor) -> Bytes {
        let mut frame = Vec::with_capacity(self.websocket.len() + 64);
        frame.extend_from_slice(self.websocket.strip_suffix(b"}").unwrap_or_default());
        frame.extend_from_slice(format!(",\"cursor\":\"{cursor}\"}}").as_bytes());
        frame.into()
    }

    /// As a server-sent event with a position to go on from.
    pub fn sse_at(&self, cursor: Cursor) -> Bytes {
        [format!("id: {cursor}\n").as_bytes(), &self.sse()[..]]
            .concat()
            .into()
    }

    /// As a server-sent event.
    pub fn sse(&self) -> Bytes {
        // An event without data is none to those who read server-sent events.
        let data = match &*self.payload {
            "" => "undefined",
            payload => payload,
        };
        let text = || format!("event: {}\ndata: {data}\n\n", self.event).into();
        self.sse.get_or_init(text).clone()
    }
}

/// A message on its way to a listener.
#[derive(Debug)]
pub struct Sent {
    pub message: Arc<Message>,
    /// The position in the log of what it tells; `None` for what is in no log.
    pub at: Option<Cursor>,
}
