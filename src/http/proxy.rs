//! `/media/proxy`: files from elsewhere under addresses of ours.
//!
//! A copy is made when one is first asked for, however many ask at the same time, and kept until
//! room is needed. What cannot be had is remembered for a while. Nothing is fetched that we have
//! not shown: an address names a row, or carries our signature.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::sync::watch;
use url::Url;

use super::files;
use crate::app::App;
use crate::clock::{DAY, HOUR, MINUTE, SECOND};
use crate::config::{is_remote, version_of};
use crate::db;
use crate::db::accounts::Account;
use crate::db::remote_files::RemoteFile;
use crate::error::{AppError, AppResult};
use crate::jobs::remote_files;
use crate::media::remote::{Fetched, Fetcher, Purpose, RemoteError, Turns, hash};
use crate::media::sniff::{Format, Kind};
use crate::media::storage::{FOR_EVER, StorageError};
use crate::media::sweep;

/// How long a client waits for a copy; it is made all the same.
const WAIT: Duration = Duration::from_secs(25);
/// How long the picture of an account that has another by now may be kept.
const OUTDATED: &str = "public, max-age=300";

pub fn routes() -> Router<App> {
    Router::new().route("/media/proxy/{kind}/{id}/{name}", get(show))
}

/// Fetches under way in this process.
#[derive(Debug, Default)]
pub struct Proxy {
    turns: Turns,
    flights: Mutex<HashMap<String, watch::Receiver<Option<Outcome>>>>,
    /// Held by whoever makes room.
    pub(crate) sweeping: tokio::sync::Mutex<()>,
}

/// What a fetch came to.
#[derive(Debug, Clone)]
enum Outcome {
    Row(Box<RemoteFile>),
    /// Nothing to be remembered: it may go better at once.
    Busy,
    /// The disk is nearly full: what is there is served, and nothing is added.
    NoRoom,
    /// The object store is in trouble, which is in the log.
    NoStore,
    /// Our own trouble, which is in the log.
    Failed,
}

/// What an address stands for.
struct Wanted {
    purpose: Purpose,
    url: Url,
    /// Whom it belongs to, where that is known.
    owner: Option<Arc<Account>>,
    /// The thumbnail, or the still.
    preview: bool,
    /// How long the answer is good.
    cache: &'static str,
}

async fn show(
    State(app): State<App>,
    Path((kind, id, name)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> AppResult<Response> {
    let Some(wanted) = wanted(&app, &kind, &id, &name).await? else {
        return Ok(none(StatusCode::NOT_FOUND, "Record not found", MINUTE));
    };
    copy(app, wanted, headers).await
}

/// A remote file of a chat, for one who may see it.
pub(super) async fn chat_file(
    app: App,
    media: db::media::Media,
    preview: bool,
    cache: &'static str,
    headers: HeaderMap,
) -> AppResult<Response> {
    let owner = app.account(media.account_id).await?;
    let owner = owner.filter(|owner| owner.is_active());
    let url = media.remote_url.parse().ok();
    let Some((owner, url)) = owner.zip(url) else {
        return Err(AppError::not_found());
    };
    let wanted = Wanted {
        purpose: Purpose::ChatFile,
        url,
        owner: Some(owner),
        preview,
        cache,
    };
    copy(app, wanted, headers).await
}

async fn copy(app: App, wanted: Wanted, headers: HeaderMap) -> AppResult<Response> {
    let policies = app.policies().await?;
    let refused = policies.rejects_file(&wanted.url)
        || wanted
            .owner
            .as_ref()
            .is_some_and(|owner| policies.rejects_media_of(owner));
    if refused || app.config.is_ours(wanted.url.as_str()) {
        return Ok(none(StatusCode::NOT_FOUND, "Record not found", MINUTE));
    }
    let hash = hash(wanted.purpose, wanted.url.as_str());
    let known = {
        let hash = hash.clone();
        app.read(move |c| Box::pin(async move { Ok(db::remote_files::by_hash(c, &hash).await?) }))
            .await?
    };
    let now = app.clock.now_ms();
    let failures = known.as_ref().map_or(0, |row| row.failures);
    match known {
        Some(row) if row.file.is_empty() && row.retry_at > now => return Ok(absent(&row, now)),
        Some(row) if !row.file.is_empty() => {
            if let Some(response) = serve(&app, &row, &wanted, &headers).await? {
                touch(&app, row, now);
                return Ok(response);
            }
        }
        _ => {}
    }
    match landing(join(&app, &hash, &wanted, failures)).await {
        Some(Outcome::Row(row)) if row.file.is_empty() => Ok(absent(&row, now)),
        Some(Outcome::Row(row)) => {
            let served = serve(&app, &row, &wanted, &headers).await?;
            Ok(served.unwrap_or_else(|| none(StatusCode::NOT_FOUND, "Record not found", MINUTE)))
        }
        Some(Outcome::Failed) => Err(AppError::internal(anyhow::anyhow!(
            "no copy of a remote file could be kept"
        ))),
        Some(Outcome::NoStore) => Ok(none(
            StatusCode::SERVICE_UNAVAILABLE,
            "Files cannot be reached now",
            30 * SECOND,
        )),
        Some(Outcome::NoRoom) => Ok(none(
            StatusCode::SERVICE_UNAVAILABLE,
            "There is no room for copies now",
            MINUTE,
        )),
        Some(Outcome::Busy) | None => Ok(none(
            StatusCode::SERVICE_UNAVAILABLE,
            "The file is still being fetched",
            5 * SECOND,
        )),
    }
}

/// Waits for the end of a fetch; `None` when that takes too long.
async fn landing(mut flight: watch::Receiver<Option<Outcome>>) -> Option<Outcome> {
    match tokio::time::timeout(WAIT, flight.wait_for(Option::is_some)).await {
        Ok(Ok(outcome)) => outcome.clone(),
        Ok(Err(_)) => Some(Outcome::Failed),
        Err(_) => None,
    }
}

/// Reads an address. `None`: it stands for nothing.
async fn wanted(app: &App, kind: &str, id: &str, name: &str) -> AppResult<Option<Wanted>> {
    let (purpose, preview) = match (kind, name) {
        ("media", "original") => (Purpose::Attachment, false),
        ("media", "small") => (Purpose::Attachment, true),
        ("media", _) => return Ok(None),
        ("avatar", name) => (Purpose::Avatar, name.ends_with("-static")),
        ("header", name) => (Purpose::Header, name.ends_with("-static")),
        ("emoji", _) => (Purpose::Emoji, false),
        ("emoji-static", _) => (Purpose::Emoji, true),
        _ => return Ok(None),
    };
    let mut cache = FOR_EVER;
    let (url, owner) = match purpose {
        Purpose::Attachment | Purpose::ChatFile => {
            let Some(id) = app.config.read_remote_attachment(id) else {
                return Ok(None);
            };
            let media = app
                .read(move |c| {
                    Box::pin(async move { Ok(db::media::by_ids(c, &[id]).await?.pop()) })
                })
                .await?;
            let Some(media) = media.filter(|m| m.file.is_empty() && m.status_id.is_some()) else {
                return Ok(None);
            };
            let owner = app.account(media.account_id).await?;
            let Some(owner) = owner.filter(|owner| owner.is_active()) else {
                return Ok(None);
            };
            (media.remote_url, Some(owner))
        }
        Purpose::Avatar | Purpose::Header => {
            let Ok(id) = id.parse::<i64>() else {
                return Ok(None);
            };
            let account = app.account(id).await?;
            let Some(account) = account.filter(|account| account.is_active()) else {
                return Ok(None);
            };
            let url = match purpose {
                Purpose::Avatar => account.avatar.clone(),
                _ => account.header.clone(),
            };
            if name.trim_end_matches("-static") != version_of(&url) {
                cache = OUTDATED;
            }
            (url, Some(account))
        }
        Purpose::Emoji => {
            let Some(url) = app.config.read_shown_url(kind, id, name) else {
                return Ok(None);
            };
            (url, None)
        }
    };
    let url = Some(url).filter(|url| is_remote(url));
    Ok(url.and_then(|url| url.parse().ok()).map(|url| Wanted {
        purpose,
        url,
        owner,
        preview,
        cache,
    }))
}

/// The copy; `None` when it is not on the disk any more.
async fn serve(
    app: &App,
    row: &RemoteFile,
    wanted: &Wanted,
    headers: &HeaderMap,
) -> AppResult<Option<Response>> {
    let key = match (wanted.preview, row.preview.as_str()) {
        (false, _) => row.file.as_str(),
        (true, "") => {
            // What stands still is its own still; a video is not its own picture.
            if Format::of_name(&row.file).is_none_or(|f| f.kind() != Kind::Image) {
                return Ok(Some(none(
                    StatusCode::NOT_FOUND,
                    "There is no preview",
                    HOUR,
                )));
            }
            row.file.as_str()
        }
        (true, preview) => preview,
    };
    match key.parse() {
        Ok(key) => files::serve(app, &key, headers, wanted.cache).await,
        Err(_) => Ok(None),
    }
}

/// Writes down, to the hour, that a copy is in use.
fn touch(app: &App, row: RemoteFile, now: i64) {
    if now - row.used_at < HOUR {
        return;
    }
    let app = app.clone();
    tokio::spawn(async move {
        let noted: Result<(), db::Error> = app
            .db
            .write(move |tx| {
                Box::pin(async move { db::remote_files::touch(tx, &row.hash, now).await })
            })
            .await;
        if let Err(error) = noted {
            tracing::warn!(%error, "cannot note that a copy was used");
        }
    });
}

/// An answer without a file, to be kept for some milliseconds.
fn none(status: StatusCode, error: &'static str, keep: i64) -> Response {
    let body = axum::Json(serde_json::json!({"error": error}));
    let mut response = (status, body).into_response();
    let seconds = (keep / SECOND).max(1);
    let headers = response.headers_mut();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    } else if let Ok(value) = HeaderValue::from_str(&format!("public, max-age={seconds}")) {
        headers.insert(header::CACHE_CONTROL, value);
    }
    response
}

/// The answer to a fetch that failed: 404 when there is nothing, 502 when its server is in trouble.
fn absent(row: &RemoteFile, now: i64) -> Response {
    let keep = (row.retry_at - now).clamp(SECOND, 10 * MINUTE);
    if row.error.starts_with(UNREACHABLE) {
        none(
            StatusCode::BAD_GATEWAY,
            "The file's server cannot be reached",
            keep,
        )
    } else {
        none(StatusCode::NOT_FOUND, "The file is not available", keep)
    }
}

/// How reasons begin that lie with the other server and may pass.
const UNREACHABLE: &str = "unreachable: ";

/// Takes part in the fetch of a file, beginning it where nobody has.
fn join(app: &App, hash: &str, wanted: &Wanted, failures: i64) -> watch::Receiver<Option<Outcome>> {
    let mut flights = app
        .proxy
        .flights
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if let Some(flight) = flights.get(hash) {
        return flight.clone();
    }
    let (landing, flight) = watch::channel(None);
    flights.insert(hash.to_owned(), flight.clone());
    drop(flights);
    let (app, hash) = (app.clone(), hash.to_owned());
    let (purpose, url) = (wanted.purpose, wanted.url.clone());
    // A task of its own: whoever asked may leave.
    tokio::spawn(async move {
        let landed = Landed(&app, &hash);
        let outcome = fetch(&app, &hash, purpose, &url, failures).await;
        let outcome = outcome.unwrap_or_else(|error| {
            tracing::error!(%error, %url, "no copy of a remote file could be kept");
            match error.status {
                StatusCode::SERVICE_UNAVAILABLE => Outcome::NoStore,
                _ => Outcome::Failed,
            }
        });
        drop(landed);
        let _ = landing.send(Some(outcome));
    });
    flight
}

/// Takes a flight off the list, also when it crashed.
struct Landed<'a>(&'a App, &'a str);

impl Drop for Landed<'_> {
    fn drop(&mut self) {
        let flights = self.0.proxy.flights.lock();
        flights
            .unwrap_or_else(PoisonError::into_inner)
            .remove(self.1);
    }
}

/// What a new fetch of a file came to, for an admin: `None` where it was not begun.
pub async fn refetch(app: &App, purpose: Purpose, url: &Url) -> AppResult<Option<RemoteFile>> {
    let policies = app.policies().await?;
    if policies.rejects_file(url) || app.config.is_ours(url.as_str()) {
        return Ok(None);
    }
    let hash = hash(purpose, url.as_str());
    let known = {
        let hash = hash.clone();
        app.read(move |c| Box::pin(async move { Ok(db::remote_files::by_hash(c, &hash).await?) }))
            .await?
    };
    let Outcome::Row(row) = fetch(app, &hash, purpose, url, 0).await? else {
        return Ok(None);
    };
    // A copy that was good stays where there is no better one.
    if let Some(known) = known.filter(|known| row.file.is_empty() && !known.file.is_empty()) {
        put(app, known).await?;
    }
    Ok(Some(*row))
}

async fn fetch(
    app: &App,
    hash: &str,
    purpose: Purpose,
    url: &Url,
    failures: i64,
) -> AppResult<Outcome> {
    if app.room.is_low(app.storage.room_for_copies()) {
        return Ok(Outcome::NoRoom);
    }
    let policies = app.policies().await?;
    let fetcher = Fetcher {
        client: &app.client,
        storage: &app.storage,
        intake: &app.intake,
        turns: &app.proxy.turns,
        admits: &|url| !policies.rejects_file(url),
    };
    let fetched = fetcher.fetch(purpose, url, app.clock.now_ms()).await;
    let now = app.clock.now_ms();
    let mut row = RemoteFile {
        hash: hash.to_owned(),
        url: url.to_string(),
        file: String::new(),
        preview: String::new(),
        size: 0,
        failures: failures + 1,
        error: String::new(),
        retry_at: 0,
        fetched_at: now,
        used_at: now,
    };
    let failed = |row: RemoteFile, error: String, wait: i64| RemoteFile {
        retry_at: now + wait,
        error,
        ..row
    };
    match fetched {
        Ok(fetched) => {
            row.file = fetched.file.to_string();
            row.preview = fetched
                .preview
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            row.size = i64::try_from(fetched.size).unwrap_or(i64::MAX);
            row.failures = 0;
            return keep(app, row, fetched).await;
        }
        Err(RemoteError::Busy) => return Ok(Outcome::Busy),
        Err(error @ RemoteError::Ours(_)) => return Err(ours(error)),
        Err(RemoteError::Unreachable(why) | RemoteError::Down(why)) => {
            let wait = again_in(failures, MINUTE);
            row = failed(row, format!("{UNREACHABLE}{why}"), wait);
        }
        Err(error @ RemoteError::Missing(_)) => {
            row = failed(row, error.to_string(), again_in(failures, 10 * MINUTE));
        }
        Err(RemoteError::Unfit(why)) => row = failed(row, why, again_in(failures, DAY)),
    }
    tracing::debug!(%url, reason = row.error, "a remote file is not to be had");
    put(app, row.clone()).await?;
    Ok(Outcome::Row(Box::new(row)))
}

/// Milliseconds until a fetch that failed so often before is tried again: doubled each time, a
/// week at most.
fn again_in(failures: i64, first: i64) -> i64 {
    (first << failures.clamp(0, 14)).min(7 * DAY)
}

/// Keeps a copy: the row first, so that no file is ever without one.
async fn keep(app: &App, row: RemoteFile, fetched: Fetched) -> AppResult<Outcome> {
    let (before, total) = put(app, row.clone()).await?;
    fetched.store(&app.storage).await.map_err(ours)?;
    if let Some(before) = before {
        let mut gone = vec![before.file.as_str(), &before.preview];
        gone.retain(|key| *key != row.file && *key != row.preview);
        sweep::delete_all(&app.storage, &gone).await?;
    }
    if u64::try_from(total).unwrap_or_default() > app.config.live.now().media_remote_limit {
        let app = app.clone();
        tokio::spawn(async move {
            if let Err(error) = remote_files::make_room(&app).await {
                tracing::warn!(%error, "cannot make room among the remote files");
            }
        });
    }
    Ok(Outcome::Row(Box::new(row)))
}

/// What our own trouble means to whoever waits for a copy.
fn ours(error: RemoteError) -> AppError {
    match error {
        RemoteError::Ours(error) => match error.downcast::<StorageError>() {
            Ok(error) => error.into(),
            Err(error) => AppError::internal(error),
        },
        other => AppError::internal(other),
    }
}

/// Writes a row; gives what was there before, and the bytes of all copies.
async fn put(app: &App, row: RemoteFile) -> AppResult<(Option<RemoteFile>, i64)> {
    app.write(move |tx| {
        Box::pin(async move {
            let before = db::remote_files::put(tx, &row).await?;
            Ok((before, db::remote_files::total(tx).await?))
        })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_is_asked_for_less_and_less() {
        assert_eq!(again_in(0, MINUTE), MINUTE);
        assert_eq!(again_in(3, MINUTE), 8 * MINUTE);
        assert_eq!(again_in(1000, MINUTE), 7 * DAY);
        assert_eq!(again_in(0, DAY), DAY);
    }
}
