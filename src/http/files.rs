//! `/media/{key}`: what the storage keeps, as bytes and never as anything active.
//!
//! The media type follows from the name we gave the file, which followed from its content; a
//! type from elsewhere has no way in.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::app::App;
use crate::db;
use crate::error::{AppError, AppResult};
use crate::media::intake::picture_names;
use crate::media::sniff::Format;
use crate::media::storage::{FOR_EVER, Key, PRIVATE_AREAS};

pub fn routes() -> Router<App> {
    Router::new().route("/media/{*key}", get(file))
}

async fn file(
    State(app): State<App>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> AppResult<Response> {
    let key: Key = key.parse().map_err(|_| AppError::not_found())?;
    if is_hidden(&app, &key).await? {
        return Err(AppError::not_found());
    }
    serve(&app, &key, &headers, FOR_EVER)
        .await?
        .ok_or_else(AppError::not_found)
}

/// Whether a file is not for everyone: one of a chat, whose two have other addresses of it, of an account that is
/// suspended, or one that lies there though its upload is gone.
async fn is_hidden(app: &App, key: &Key) -> AppResult<bool> {
    match key.area() {
        area if PRIVATE_AREAS.contains(&area) => return Ok(true),
        "attachments" | "previews" => {}
        area @ ("avatars" | "headers") => {
            let (header, names) = (area == "headers", picture_names(key.as_str()));
            return app
                .read(move |c| {
                    Box::pin(
                        async move { Ok(db::profiles::is_suspended(c, header, &names).await?) },
                    )
                })
                .await;
        }
        _ => return Ok(false),
    }
    let name = key.as_str().rsplit('/').next().unwrap_or_default();
    let id = name.split('-').next().and_then(|id| id.parse().ok());
    let Some(id) = id else { return Ok(false) };
    let key = key.to_string();
    let owner = app
        .read(move |c| {
            Box::pin(async move { Ok(db::chat_files::public_owner(c, id, &key).await?) })
        })
        .await?;
    match owner {
        Some(owner) => Ok(app.account(owner).await?.is_none_or(|a| !a.is_active())),
        None => Ok(true),
    }
}

/// A stored file, or the part of it that is asked for; `None` when it is not there.
pub(super) async fn serve(
    app: &App,
    key: &Key,
    headers: &HeaderMap,
    cache: &'static str,
) -> AppResult<Option<Response>> {
    // Uploads that are still worked on are nobody's to see.
    if Format::of_name(key.as_str()).is_none() || key.area() == "uploads" {
        return Ok(None);
    }
    // The name holds a digest of the content: it says all that an ETag has to.
    let name = key.as_str().rsplit('/').next().unwrap_or_default();
    let etag = format!("\"{name}\"");
    let known = is_known(headers, &etag);
    let mut response = if known || headers.contains_key(header::RANGE) {
        let Some(size) = app.storage.size(key).await? else {
            return Ok(None);
        };
        match range(headers, &etag, size) {
            _ if known => StatusCode::NOT_MODIFIED.into_response(),
            Range::Whole => match body(app, key, None).await? {
                Some(response) => response,
                None => return Ok(None),
            },
            Range::Part(from, to) => {
                let Some(mut response) = body(app, key, Some(from..to + 1)).await? else {
                    return Ok(None);
                };
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                set(
                    &mut response,
                    header::CONTENT_RANGE,
                    &format!("bytes {from}-{to}/{size}"),
                );
                response
            }
            Range::Nowhere => {
                let mut response = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
                set(
                    &mut response,
                    header::CONTENT_RANGE,
                    &format!("bytes */{size}"),
                );
                return Ok(Some(response));
            }
        }
    } else {
        match body(app, key, None).await? {
            Some(response) => response,
            None => return Ok(None),
        }
    };
    for (name, value) in [
        (header::ETAG, etag.as_str()),
        (header::CONTENT_TYPE, key.mime()),
        (header::ACCEPT_RANGES, "bytes"),
        (header::CACHE_CONTROL, cache),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_DISPOSITION, &key.disposition()),
    ] {
        set(&mut response, name, value);
    }
    Ok(Some(response))
}

fn set(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// A file's content, or some of its bytes; `None` when it is not there.
async fn body(
    app: &App,
    key: &Key,
    part: Option<std::ops::Range<u64>>,
) -> AppResult<Option<Response>> {
    let Some(stored) = app.storage.open(key, part).await? else {
        return Ok(None);
    };
    let mut response = Body::from_stream(stored.content).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(stored.size));
    Ok(Some(response))
}

fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == etag || tag == "*")
}

/// What part is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Range {
    Whole,
    /// From one byte to another, both included.
    Part(u64, u64),
    /// Beyond the end.
    Nowhere,
}

/// Reads `Range` (RFC 9110 section 14.2). Anything but one good range means the whole file.
fn range(headers: &HeaderMap, etag: &str, size: u64) -> Range {
    if let Some(condition) = headers.get(header::IF_RANGE)
        && condition.as_bytes() != etag.as_bytes()
    {
        return Range::Whole;
    }
    let asked = headers
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("bytes="))
        .and_then(|value| value.split_once('-'));
    let Some((from, to)) = asked else {
        return Range::Whole;
    };
    let (from, to) = (from.trim(), to.trim());
    match (from.parse::<u64>(), to.parse::<u64>()) {
        (Ok(from), Ok(to)) if from <= to => part(from, to, size),
        (Ok(from), Err(_)) if to.is_empty() => part(from, u64::MAX, size),
        (Err(_), Ok(0)) if from.is_empty() => Range::Nowhere,
        (Err(_), Ok(last)) if from.is_empty() => part(size.saturating_sub(last), u64::MAX, size),
        _ => Range::Whole,
    }
}

fn part(from: u64, to: u64, size: u64) -> Range {
    if from >= size {
        Range::Nowhere
    } else {
        Range::Part(from, to.min(size - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Range {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, text.parse().unwrap());
        range(&headers, "\"e\"", 100)
    }

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        assert_eq!(range(&HeaderMap::new(), "", 100), Range::Whole);
        assert_eq!(asked("bytes=0-9"), Range::Part(0, 9));
        assert_eq!(asked("bytes=90-"), Range::Part(90, 99));
        assert_eq!(asked("bytes=-10"), Range::Part(90, 99));
        assert_eq!(asked("bytes=-1000"), Range::Part(0, 99));
        assert_eq!(asked("bytes=50-1000"), Range::Part(50, 99));
        assert_eq!(asked("bytes=100-"), Range::Nowhere);
        assert_eq!(asked("bytes=-0"), Range::Nowhere);
        for whole in [
            "bytes=9-0",
            "bytes=0-1,5-6",
            "lines=1-2",
            "bytes=a-b",
            "bytes=-",
        ] {
            assert_eq!(asked(whole), Range::Whole, "{whole}");
        }
    }

    #[test]
    fn a_range_of_another_version_is_not_given() {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, "bytes=0-9".parse().unwrap());
        headers.insert(header::IF_RANGE, "\"old\"".parse().unwrap());
        assert_eq!(range(&headers, "\"e\"", 100), Range::Whole);
        headers.insert(header::IF_RANGE, "\"e\"".parse().unwrap());
        assert_eq!(range(&headers, "\"e\"", 100), Range::Part(0, 9));
    }
}
