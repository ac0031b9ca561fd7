//! Server-sent events: one stream a request.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::{Behind, Entered, From, Of, Token, enter, expiry};
use crate::app::App;
use crate::error::{AppError, AppResult};
use crate::events::Cursor;
use crate::events::hub::{End, Message};

/// How often a line goes out when nothing happens: proxies drop silent connections.
const HEARTBEAT: Duration = Duration::from_secs(15);

#[derive(Debug, Deserialize)]
pub struct Options {
    tag: Option<String>,
    list: Option<String>,
    only_media: Option<String>,
    /// Of Kith's own: where to take the stream up, and whether events carry their positions.
    cursor: Option<String>,
    cursors: Option<String>,
}

/// `GET /api/v1/streaming/…`
pub async fn open(
    State(app): State<App>,
    Path(path): Path<Vec<(String, String)>>,
    Query(options): Query<Options>,
    headers: HeaderMap,
    token: Token,
) -> AppResult<Response> {
    let path: Vec<&str> = path.iter().map(|(_, part)| part.as_str()).collect();
    let mut stream = match path[..] {
        ["user"] => "user",
        ["user", "notification"] => "user:notification",
        ["user", "notification", "kith"] => "user:notification:kith",
        ["user", "chat"] => "user:chat",
        ["direct"] => "direct",
        ["list"] => "list",
        ["public"] => "public",
        ["public", "local"] => "public:local",
        ["public", "remote"] => "public:remote",
        ["hashtag"] => "hashtag",
        ["hashtag", "local"] => "hashtag:local",
        _ => return Err(AppError::not_found()),
    }
    .to_owned();
    let is_set = |flag: &Option<String>| matches!(flag.as_deref(), Some("1" | "true"));
    let only_media = is_set(&options.only_media);
    if only_media && stream.starts_with("public") {
        stream.push_str(":media");
    }
    let mut entered = enter(&app, &token.text).await?;
    let of = Of {
        tag: options.tag.as_deref(),
        list: options.list.as_deref(),
    };
    // What a browser sends by itself when it comes back is later than the address it goes by.
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let from = From {
        cursor: last.or(options.cursor.as_deref()),
        cursors: is_set(&options.cursors),
    };
    let mut behind = entered.subscribe(&app, &stream, of, from).await?;
    // The first of it now: a position that is too old is an error, and not a stream.
    let mut begun = vec![Bytes::from_static(b":)\n")];
    if let Some(first) = behind {
        let (messages, left) = entered.missed(&app, first).await?;
        begun.extend(events(messages));
        behind = left;
    }
    let lasts = entered.lasts(&app);
    let mut heartbeat = tokio::time::interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let open = Open {
        app: app.clone(),
        behind,
        waiting: begun.into(),
        ended: false,
        entered,
        heartbeat,
        stop: app.stop.clone(),
        expiry: Box::pin(expiry(lasts)),
    };
    let body = Body::from_stream(stream::unfold(open, |mut open| async move {
        let chunk = open.next().await?;
        Some((Ok::<Bytes, Infallible>(chunk), open))
    }));
    let mut response = body.into_response();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "private, no-store"),
        // Proxies are not to gather events.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// An open stream.
struct Open {
    app: App,
    entered: Entered,
    /// What is still to be caught up with.
    behind: Option<Behind>,
    /// What is to be sent first.
    waiting: VecDeque<Bytes>,
    /// Why it ends was said.
    ended: bool,
    heartbeat: Interval,
    stop: watch::Receiver<bool>,
    expiry: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Open {
    /// What to send next; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(next) = self.waiting.pop_front() {
                return Some(next);
            }
            if self.ended {
                return None;
            }
            if let Some(behind) = self.behind.take() {
                // It comes back with its position, and is told then what is wrong.
                let (messages, left) = self.entered.missed(&self.app, behind).await.ok()?;
                self.waiting.extend(events(messages));
                self.behind = left;
                continue;
            }
            let Entered {
                listener, course, ..
            } = &mut self.entered;
            let why = tokio::select! {
                biased;
                end = &mut listener.over => end.unwrap_or(End::Behind).reason(),
                _ = self.stop.wait_for(|stop| *stop) => "going away",
                () = &mut self.expiry => "access token expired",
                message = listener.messages.recv() => {
                    let Some(message) = message else { continue };
                    match course.sse(&message) {
                        Some(next) => return Some(next),
                        None => continue,
                    }
                }
                _ = self.heartbeat.tick() => return Some(Bytes::from_static(b":thump\n")),
            };
            self.ended = true;
            self.waiting
                .push_back(format!("event: end\ndata: {why}\n\n").into());
        }
    }
}

fn events(messages: Vec<(Cursor, Message)>) -> impl Iterator<Item = Bytes> {
    messages
        .into_iter()
        .map(|(cursor, message)| message.sse_at(cursor))
}
