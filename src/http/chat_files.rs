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
use crate::error::{AppError, AppResult};

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
    let Held { file, media, pair } = app
        .read(move |c| Box::pin(async move { Ok(db::chat_files::held(c, media).await?) }))
        .await?
        .ok_or_else(AppError::not_found)?;
    let may = match pair {
        Some((one, other)) => reader == one || reader == other,
        // No message has taken it up yet.
        None => reader == media.account_id,
    };
    if !may || media.is_given_up() {
        return Err(AppError::not_found());
    }
    let preview = name.starts_with("small");
    if media.file.is_empty() && !media.remote_url.is_empty() {
        return proxy::chat_file(app, media, preview, CACHE, headers).await;
    }
    let key = if preview { &media.preview } else { &media.file };
    let key = key.parse().map_err(|_| AppError::not_found())?;
    let served = files::serve(&app, &key, &headers, CACHE).await?;
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
