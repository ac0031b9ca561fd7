//! `/media/chat`: files of chat messages, for the two alone.
//!
//! An address is signed for one reader and, for people here, good for a day or two. It is no key
//! by itself: whether that reader may see the file is looked up at each request, so that a message
//! that is taken back takes its files along. Documents are downloads, never shown.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, HeaderValue, header};

use super::{files, proxy};
use crate::app::App;
use crate::db;
use crate::db::chat_files::Held;
use crate::db::media::Media;
use crate::error::{AppError, AppResult};
use crate::media::storage::Key;

/// Kept by the reader's own client alone.
const CACHE: &str = "private, max-age=86400, immutable";

pub fn routes() -> Router<App> {
    Router::new().route("/media/chat/{grant}/{name}", get(show))
}

async fn show(
    State(app): State<App>,
    Path((grant, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> AppResult<Response> {
    let now = app.clock.now_ms();
    let (media, reader) = app
        .config
        .read_chat_file(&grant, now)
        .ok_or_else(AppError::not_found)?;
    let account = app.account(reader).await?;
    account
        .filter(|account| account.is_active())
        .ok_or_else(AppError::not_found)?;
    let Held { file, media, pair } = held(&app, media).await?;
    let may = match pair {
        Some((one, other)) => reader == one || reader == other,
        // No message has taken it up yet.
        None => reader == media.account_id,
    };
    let owner = app.account(media.account_id).await?;
    let shown = owner.is_some_and(|owner| owner.is_active());
    if !may || !shown || media.is_given_up() {
        return Err(AppError::not_found());
    }
    let preview = name.starts_with("small");
    if media.file.is_empty() && !media.remote_url.is_empty() {
        return proxy::chat_file(app, media, preview, CACHE, headers).await;
    }
    let key = |media: &Media| -> AppResult<Key> {
        let name = if preview { &media.preview } else { &media.file };
        name.parse().map_err(|_| AppError::not_found())
    };
    let mut served = files::serve(&app, &key(&media)?, &headers, CACHE).await?;
    if served.is_none() {
        // It moves away from where everybody may read.
        let moved = held(&app, media.id).await?;
        served = files::serve(&app, &key(&moved.media)?, &headers, CACHE).await?;
    }
    let mut response = served.ok_or_else(AppError::not_found)?;
    if !file.name.is_empty() && !preview {
        let name = format!("attachment; filename*=UTF-8''{}", encoded(&file.name));
        if let Ok(value) = HeaderValue::from_str(&name) {
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_DISPOSITION, value);
        }
    }
    Ok(response)
}

async fn held(app: &App, media: i64) -> AppResult<Held> {
    app.read(move |c| Box::pin(async move { Ok(db::chat_files::held(c, media).await?) }))
        .await?
        .ok_or_else(AppError::not_found)
}

/// A name as RFC 8187 writes it.
fn encoded(name: &str) -> String {
    let mut out = String::with_capacity(name.len() * 3);
    for byte in name.bytes() {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'.' | b'_' | b'-' => out.push(byte.into()),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
