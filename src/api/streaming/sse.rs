//! Server-sent events: one stream a request.

use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use http::{HeaderName, HeaderValue, header};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::{Entered, Of, Token, enter, expiry};
use crate::app::App;
use crate::error::{AppError, AppResult};

/// How often a line goes out when nothing happens: proxies drop silent connections.
const HEARTBEAT: Duration = Duration::from_secs(15);

#[derive(Debug, Deserialize)]
pub struct Options {
    tag: Option<String>,
    list: Option<String>,
    only_media: Option<String>,
}

/// `GET /api/v1/streaming/…`
pub async fn open(
    State(app): State<App>,
    Path(path): Path<Vec<(String, String)>>,
    Query(options): Query<Options>,
    token: Token,
) -> AppResult<Response> {
    let path: Vec<&str> = path.iter().map(|(_, part)| part.as_str()).collect();
    let mut stream = match path[..] {
        ["user"] => "user",
        ["user", "notification"] => "user:notification",
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
    let only_media = matches!(options.only_media.as_deref(), Some("1" | "true"));
    if only_media && stream.starts_with("public") {
        stream.push_str(":media");
    }
    let entered = enter(&app, &token.text).await?;
    let of = Of {
        tag: options.tag.as_deref(),
        list: options.list.as_deref(),
    };
    entered.subscribe(&app, &stream, of).await?;
    let lasts = entered.lasts(&app);
    let mut heartbeat = tokio::time::interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let open = Open {
        entered,
        heartbeat,
        stop: app.stop.clone(),
        expiry: Box::pin(expiry(lasts)),
        begun: false,
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
    entered: Entered,
    heartbeat: Interval,
    stop: watch::Receiver<bool>,
    expiry: Pin<Box<dyn Future<Output = ()> + Send>>,
    begun: bool,
}

impl Open {
    /// What to send next; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.begun {
            self.begun = true;
            return Some(Bytes::from_static(b":)\n"));
        }
        let listener = &mut self.entered.listener;
        tokio::select! {
            biased;
            _ = &mut listener.over => None,
            _ = self.stop.wait_for(|stop| *stop) => None,
            () = &mut self.expiry => None,
            message = listener.messages.recv() => message.map(|message| message.sse()),
            _ = self.heartbeat.tick() => Some(Bytes::from_static(b":thump\n")),
        }
    }
}
