//! How far a listener has got in the streams that can be read on.

use bytes::Bytes;

use crate::events::Cursor;
use crate::events::hub::Sent;

/// The streams of a listener whose frames carry a position.
#[derive(Debug, Default)]
pub struct Course {
    ways: Vec<Way>,
}

#[derive(Debug)]
struct Way {
    stream: &'static str,
    /// What came up to here was read from the log: live, it is not said again.
    read: Cursor,
    /// The last position said.
    at: Cursor,
}

impl Course {
    /// Frames of a stream carry their positions from here on. `at`: what was said up to now.
    pub fn begin(&mut self, stream: &'static str, at: Cursor) {
        self.end(stream);
        let read = Cursor::default();
        self.ways.push(Way { stream, read, at });
    }

    /// They do not any more.
    pub fn end(&mut self, stream: &str) {
        self.ways.retain(|way| way.stream != stream);
    }

    /// A stream was read from the log up to a position.
    pub fn read(&mut self, stream: &str, to: Cursor) {
        for way in self.ways.iter_mut().filter(|way| way.stream == stream) {
            way.read = way.read.max(to);
            way.at = way.at.max(to);
        }
    }

    /// The position that a message carries. `Err`: it was said before.
    fn position(&mut self, sent: &Sent) -> Result<Option<Cursor>, ()> {
        let stream = sent.message.stream;
        let Some(way) = self.ways.iter_mut().find(|way| way.stream == stream) else {
            return Ok(None);
        };
        if let Some(at) = sent.at {
            if at <= way.read {
                return Err(());
            }
            way.at = way.at.max(at);
        }
        // What is in no log carries where the stream stands.
        Ok(Some(way.at))
    }

    /// A message as a text frame; `None` where it was said before.
    pub fn websocket(&mut self, sent: &Sent) -> Option<Bytes> {
        match self.position(sent) {
            Ok(None) => Some(sent.message.websocket()),
            Ok(Some(at)) => Some(sent.message.websocket_at(at)),
            Err(()) => None,
        }
    }

    /// The same as a server-sent event.
    pub fn sse(&mut self, sent: &Sent) -> Option<Bytes> {
        match self.position(sent) {
            Ok(None) => Some(sent.message.sse()),
            Ok(Some(at)) => Some(sent.message.sse_at(at)),
            Err(()) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::events::hub::{Channel, Message};

    fn sent(channel: &Channel, at: Option<i64>) -> Sent {
        Sent {
            message: Arc::new(Message::new(channel, "e", "1".into())),
            at: at.map(|id| Cursor { xid: 0, id }),
        }
    }

    fn frame(course: &mut Course, sent: &Sent) -> Option<String> {
        let bytes = course.websocket(sent)?;
        Some(String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[test]
    fn what_was_read_from_the_log_is_not_said_again() {
        let mut course = Course::default();
        let chat = Channel::Chat(1);
        course.begin("user:chat", Cursor { xid: 0, id: 2 });
        course.read("user:chat", Cursor { xid: 0, id: 5 });
        assert_eq!(frame(&mut course, &sent(&chat, Some(5))), None);
        let new = frame(&mut course, &sent(&chat, Some(6))).unwrap();
        assert!(new.ends_with(",\"cursor\":\"0-6\"}"), "{new}");
        // Two frames may tell of one event.
        assert!(frame(&mut course, &sent(&chat, Some(6))).is_some());
        let other = Channel::Direct(1);
        let plain = frame(&mut course, &sent(&other, Some(3))).unwrap();
        assert!(!plain.contains("cursor"), "{plain}");
    }

    #[test]
    fn what_passes_carries_where_the_stream_stands() {
        let mut course = Course::default();
        let chat = Channel::Chat(1);
        course.begin("user:chat", Cursor { xid: 3, id: 2 });
        let typing = frame(&mut course, &sent(&chat, None)).unwrap();
        assert!(typing.ends_with(",\"cursor\":\"3-2\"}"), "{typing}");
    }
}
