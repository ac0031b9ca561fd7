//! The one dereferencer: every ActivityPub document of another server is read here.
//!
//! A document is believed to be what its origin says: its `id` has the origin it was served
//! from, and where it was found under another URL it is fetched again from its id (threat S3).
//! Requests are signed by the instance actor, bounded by a [`Budget`] (S6, S7), and made with no
//! database connection held.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode, header};
use serde_json::Value;
use url::Url;

use super::objects::{actor as actors, note as notes};
use super::signature::{Scheme, sign_cavage, sign_rfc9421};
use super::value::{host, ids, same_origin, text, uri, without_fragment};
use super::{local_keys, webfinger};
use crate::app::App;
use crate::client::{Budget, FetchError, GetOptions, Limits, Response};
use crate::clock::DAY;
use crate::db::accounts::Account;
use crate::db::{self};
use crate::domain;
use crate::domain::accounts::RemoteActor;
use crate::error::AppError;

/// What is asked for.
const ACCEPT: &str = "application/activity+json, application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"";
/// The profile that makes JSON-LD ActivityStreams (ActivityPub, section 3.2).
const PROFILE: &str = "https://www.w3.org/ns/activitystreams";
/// How long one document may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest document.
const MAX_BYTES: u64 = 1024 * 1024;

/// What one root activity may cost.
pub const LIMITS: Limits = Limits {
    requests: 20,
    bytes: 4 * 1024 * 1024,
    depth: 8,
    time: Duration::from_secs(30),
};

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its origin says that it is not there, or not any more.
    #[error("{0} is gone")]
    Gone(String),
    /// It will not do, now or later.
    #[error("{0}")]
    Hopeless(String),
    /// It may do later.
    #[error("{0}")]
    Later(String),
}

impl Error {
    fn hopeless(url: &Url, reason: impl std::fmt::Display) -> Error {
        Error::Hopeless(format!("{url}: {reason}"))
    }
}

impl From<AppError> for Error {
    fn from(error: AppError) -> Error {
        if error.status.is_server_error() {
            Error::Later(error.to_string())
        } else {
            Error::Hopeless(error.to_string())
        }
    }
}

/// Whether nothing is exchanged with an id's host.
pub async fn is_blocked(app: &App, id: &str) -> Result<bool, AppError> {
    let Some(url) = uri(id) else {
        return Ok(true);
    };
    Ok(app.policies().await?.blocks(&host(&url)))
}

/// GETs, signed by the instance actor in the way the host is known to want; a refusal is tried
/// once more in the other way, and what worked is remembered.
async fn get(app: &App, url: &Url, budget: &Budget) -> Result<Response, Error> {
    if app.config.is_ours(url.as_str()) {
        return Err(Error::hopeless(url, "this is our own"));
    }
    let policies = app.policies().await?;
    if policies.blocks(&host(url)) {
        return Err(Error::hopeless(url, "the domain is blocked"));
    }
    let signer = local_keys::instance(app).await?;
    let mut scheme = known_scheme(app, &host(url)).await?;
    let mut tried_both = false;
    loop {
        let now = app.clock.now_ms();
        let sign = |url: &Url| {
            let sign = match scheme {
                Scheme::Cavage => sign_cavage,
                Scheme::Rfc9421 => sign_rfc9421,
            };
            // A URL that cannot be signed cannot be fetched either.
            let key = &signer.request;
            sign(&key.key, &key.key_id, &Method::GET, url, None, now)
                .unwrap_or_else(|_| HeaderMap::new())
        };
        let options = GetOptions {
            accept: ACCEPT,
            max_bytes: MAX_BYTES,
            timeout: TIMEOUT,
            max_redirects: 3,
            sign: Some(&sign),
            admits: Some(&|url| !policies.blocks(&host(url))),
        };
        let response = app
            .client
            .get(url, &options, budget)
            .await
            .map_err(|error| failed(url, error))?;
        let refused = matches!(
            response.status,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
        );
        if refused && !tried_both {
            tried_both = true;
            scheme = other(scheme);
            continue;
        }
        if tried_both && response.status.is_success() {
            learn_scheme(app, host(&response.url), scheme).await?;
        }
        return Ok(response);
    }
}

fn other(scheme: Scheme) -> Scheme {
    match scheme {
        Scheme::Cavage => Scheme::Rfc9421,
        Scheme::Rfc9421 => Scheme::Cavage,
    }
}

/// What a host wants signatures in, as far as it is known.
pub async fn known_scheme(app: &App, host: &str) -> Result<Scheme, AppError> {
    if let Some(scheme) = app.federation.schemes.get(host) {
        return Ok(scheme);
    }
    let owned = host.to_owned();
    let known = app
        .read(move |c| Box::pin(async move { Ok(db::hosts::signature(c, &owned).await?) }))
        .await?;
    let scheme = if known == "rfc9421" {
        Scheme::Rfc9421
    } else {
        Scheme::Cavage
    };
    app.federation.schemes.insert(host.to_owned(), scheme);
    Ok(scheme)
}

/// Remembers what a host took.
pub async fn learn_scheme(app: &App, host: String, scheme: Scheme) -> Result<(), AppError> {
    if app.federation.schemes.get(&host) == Some(scheme) {
        return Ok(());
    }
    app.federation.schemes.insert(host.clone(), scheme);
    let name = match scheme {
        Scheme::Cavage => "cavage",
        Scheme::Rfc9421 => "rfc9421",
    };
    app.write(move |tx| {
        Box::pin(async move { Ok(db::hosts::set_signature(tx, &host, name).await?) })
    })
    .await
}

fn failed(url: &Url, error: FetchError) -> Error {
    match error {
        FetchError::Refused(_)
        | FetchError::TooLarge(_)
        | FetchError::TooManyRedirects
        | FetchError::OverBudget(_) => Error::hopeless(url, error),
        FetchError::Timeout
        | FetchError::Connect(_)
        | FetchError::Protocol(_)
        | FetchError::Write(_) => Error::Later(format!("{url}: {error}")),
    }
}

/// What an answer's status means, when it is no success.
pub(super) fn check_status(url: &Url, status: StatusCode) -> Result<(), Error> {
    match status.as_u16() {
        200..=299 => Ok(()),
        404 | 410 => Err(Error::Gone(url.to_string())),
        408 | 425 | 429 | 500..=599 => Err(Error::Later(format!("{url}: answered {status}"))),
        _ => Err(Error::hopeless(url, format_args!("answered {status}"))),
    }
}

/// Whether a media type is ActivityPub's: what was uploaded as something else is none of it
/// (threat S4).
pub(super) fn is_activity_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    match parts
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase()
        .as_str()
    {
        "application/activity+json" => true,
        "application/ld+json" => parts.any(|parameter| {
            parameter.split_once('=').is_some_and(|(name, value)| {
                name.trim().eq_ignore_ascii_case("profile")
                    && value
                        .trim()
                        .trim_matches('"')
                        .split(' ')
                        .any(|p| p == PROFILE)
            })
        }),
        _ => false,
    }
}

fn content_type(response: &Response) -> &str {
    response
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// One document with an id of the origin that served it; not yet known to be at its id.
fn document_of(url: &Url, response: &Response) -> Result<Value, Error> {
    check_status(url, response.status)?;
    if !is_activity_json(content_type(response)) {
        return Err(Error::hopeless(
            url,
            "the answer is no ActivityPub document",
        ));
    }
    let document = super::value::parse(&response.body)
        .map_err(|error| Error::hopeless(url, format_args!("unreadable JSON: {error}")))?;
    let id = text(&document, "id").ok_or_else(|| Error::hopeless(url, "a document without id"))?;
    let parsed =
        uri(id).ok_or_else(|| Error::hopeless(url, "the id is no URL in its normal form"))?;
    if parsed.origin() != response.url.origin() {
        return Err(Error::hopeless(
            url,
            format_args!("{} served a document of {id}", host(&response.url)),
        ));
    }
    Ok(document)
}

/// The document at an id or URL, from its id.
pub async fn document(app: &App, at: &str, budget: &Budget) -> Result<Value, Error> {
    let url = uri(without_fragment(at))
        .ok_or_else(|| Error::Hopeless(format!("{at:.200}: not a usable URL")))?;
    let response = get(app, &url, budget).await?;
    from_id(app, at, document_of(&url, &response)?, budget).await
}

/// A collection, or a page of one, as its origin serves it. What it is called does not matter:
/// it says nothing but what its origin lists.
pub async fn listing(app: &App, at: &str, budget: &Budget) -> Result<Value, Error> {
    let url = uri(without_fragment(at))
        .ok_or_else(|| Error::Hopeless(format!("{at:.200}: not a usable URL")))?;
    let response = get(app, &url, budget).await?;
    check_status(&url, response.status)?;
    if response.url.origin() != url.origin() {
        return Err(Error::hopeless(&url, "leads to another origin"));
    }
    if !is_activity_json(content_type(&response)) {
        return Err(Error::hopeless(
            &url,
            "the answer is no ActivityPub document",
        ));
    }
    super::value::parse(&response.body)
        .map_err(|error| Error::hopeless(&url, format_args!("unreadable JSON: {error}")))
}

/// The document itself where it was fetched from its id, else what its id serves.
async fn from_id(app: &App, at: &str, found: Value, budget: &Budget) -> Result<Value, Error> {
    let id = text(&found, "id").unwrap_or_default();
    if without_fragment(id) == without_fragment(at) {
        return Ok(found);
    }
    let url = uri(id).ok_or_else(|| Error::Hopeless(format!("{at:.200}: no usable id")))?;
    let response = get(app, &url, budget).await?;
    let document = document_of(&url, &response)?;
    if text(&document, "id") == Some(id) {
        Ok(document)
    } else {
        Err(Error::hopeless(&url, "serves a document of another id"))
    }
}

/// The document that a page, an id or a URL leads to: where people's HTML is served, what that
/// links to as its ActivityPub form.
pub async fn discover(app: &App, at: &str, budget: &Budget) -> Result<Value, Error> {
    let url = Url::parse(at).map_err(|_| Error::Hopeless("not a URL".to_owned()))?;
    let response = get(app, &url, budget).await?;
    if content_type(&response).starts_with("text/html") {
        check_status(&url, response.status)?;
        let linked = alternate(&response)
            .ok_or_else(|| Error::hopeless(&url, "a page without an ActivityPub form"))?;
        return document(app, &linked, &budget.deeper().map_err(|e| over(at, e))?).await;
    }
    from_id(app, at, document_of(&url, &response)?, budget).await
}

/// `rel="alternate"` of an ActivityPub type, from the `Link` header or the page's head.
fn alternate(response: &Response) -> Option<String> {
    let joined = |href: &str| response.url.join(href).ok().map(String::from);
    for value in response.headers.get_all(header::LINK) {
        for link in value.to_str().unwrap_or_default().split(", <") {
            let Some((href, parameters)) = link.split_once('>') else {
                continue;
            };
            if parameters.contains("alternate") && parameters.contains("application/activity+json")
            {
                return joined(href.trim_start_matches('<'));
            }
        }
    }
    let page = String::from_utf8_lossy(&response.body[..response.body.len().min(128 * 1024)]);
    page.split("<link").skip(1).find_map(|rest| {
        let tag = rest.split('>').next()?;
        if !(tag.contains("alternate") && tag.contains("application/activity+json")) {
            return None;
        }
        let (_, href) = tag.split_once("href=")?;
        let quote = href.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        joined(&href[1..].split(quote).next()?.replace("&amp;", "&"))
    })
}

pub(super) fn over(at: &str, exceeded: crate::client::Exceeded) -> Error {
    Error::Hopeless(format!("{at:.200}: over budget: {exceeded}"))
}

async fn known(app: &App, id: &str) -> Result<Option<Account>, Error> {
    let id = id.to_owned();
    let found = app
        .read(move |c| Box::pin(async move { Ok(db::accounts::by_uri(c, &id).await?) }))
        .await?;
    Ok(found)
}

/// An actor by its id: the one that is known, else fetched and stored. One that was last read
/// more than a day ago is read again beside.
pub async fn actor(app: &App, id: &str, budget: &Budget) -> Result<Account, Error> {
    let account = known(app, id).await?;
    if app.config.is_ours(id) {
        return account.ok_or_else(|| Error::Gone(id.to_owned()));
    }
    if is_blocked(app, id).await? {
        return Err(Error::Hopeless(format!("{id}: the domain is blocked")));
    }
    // A document that came with a new key is newer than what is stored.
    if let Some(document) = app.federation.documents.remove(id) {
        return store(app, &document, account, budget).await;
    }
    match account {
        Some(account) => {
            if account.fetched_at < app.clock.now_ms() - DAY && account.is_active() {
                refresh_beside(app, &account);
            }
            Ok(account)
        }
        None => {
            let document = document(app, id, budget).await?;
            store_at(app, id, &document, None, budget).await
        }
    }
}

/// Reads an actor again now.
pub async fn refresh(app: &App, id: &str, budget: &Budget) -> Result<Account, Error> {
    let account = known(app, id).await?;
    if app.config.is_ours(id) {
        return Err(Error::Hopeless("this is our own".to_owned()));
    }
    let document = document(app, id, budget).await?;
    app.federation.documents.remove(id);
    store_at(app, id, &document, account, budget).await
}

/// The same for a client that waits for it.
pub async fn refresh_now(app: &App, id: &str) -> Result<Account, Error> {
    let limits = Limits {
        time: Duration::from_secs(15),
        ..LIMITS
    };
    refresh(app, id, &Budget::new(limits)).await
}

/// What a URL answers to a request that the instance actor signed, whatever it is: to look at, not to
/// believe.
pub async fn answer(app: &App, at: &str) -> Result<Response, Error> {
    let url = uri(at).ok_or_else(|| Error::Hopeless(format!("{at:.200}: not a usable URL")))?;
    let response = get(app, &url, &Budget::new(LIMITS)).await?;
    check_status(&url, response.status)?;
    Ok(response)
}

/// A collection as a URL serves it, which may be another than its id: part of one.
pub async fn collection(app: &App, at: &str, budget: &Budget) -> Result<Value, Error> {
    let url = uri(at).ok_or_else(|| Error::Hopeless(format!("{at:.200}: not a usable URL")))?;
    let response = get(app, &url, budget).await?;
    document_of(&url, &response)
}

/// Reads an actor again in a task of its own, unless that was tried lately.
fn refresh_beside(app: &App, account: &Account) {
    if app.federation.refreshed.contains(&account.uri) {
        return;
    }
    app.federation.refreshed.insert(account.uri.clone(), ());
    let (app, id) = (app.clone(), account.uri.clone());
    tokio::spawn(async move {
        let Ok(_permit) = app.federation.key_fetches.try_acquire() else {
            return;
        };
        if let Err(error) = refresh(&app, &id, &Budget::new(LIMITS)).await {
            tracing::debug!(actor = id, %error, "an actor could not be refreshed");
        }
    });
}

/// Stores a document that has to be of an id.
async fn store_at(
    app: &App,
    id: &str,
    document: &Value,
    account: Option<Account>,
    budget: &Budget,
) -> Result<Account, Error> {
    if text(document, "id") != Some(id) {
        return Err(Error::Hopeless(format!(
            "{id}: serves an actor of another id"
        )));
    }
    store(app, document, account, budget).await
}

/// Stores an actor that was fetched from its id, after its handle was checked.
async fn store(
    app: &App,
    document: &Value,
    known: Option<Account>,
    budget: &Budget,
) -> Result<Account, Error> {
    let mut actor: RemoteActor =
        actors::read(document, app.clock.now_ms()).map_err(|e| Error::Hopeless(e.to_owned()))?;
    let name = &actor.account.username_lower;
    let same_handle = known
        .as_ref()
        .filter(|known| known.username_lower == *name && known.is_active());
    match same_handle {
        // Checked when it was first stored.
        Some(known) => actor.account.domain = known.domain.clone(),
        None => {
            let id = actor.account.uri.clone();
            let verified = webfinger::verify(app, &actor.account.username, &id, budget).await?;
            if app.policies().await?.blocks(&verified.domain) {
                return Err(Error::Hopeless(format!("{id}: the domain is blocked")));
            }
            if !verified.confirmed {
                refuse_taken(app, name, &verified.domain, &id).await?;
            }
            actor.account.domain = verified.domain;
        }
    }
    if known
        .as_ref()
        .is_some_and(|known| known.deleted_at.is_some())
    {
        return Err(Error::Gone(actor.account.uri));
    }
    let ctx = app.ctx.clone();
    let account = app
        .write(move |tx| {
            Box::pin(async move { domain::accounts::upsert_remote(tx, &ctx, actor).await })
        })
        .await?;
    Ok(account)
}

/// A handle that no webfinger confirms is not taken from who has it.
async fn refuse_taken(app: &App, name: &str, domain: &str, id: &str) -> Result<(), Error> {
    let (name, domain) = (name.to_owned(), domain.to_owned());
    let holder = app
        .read(move |c| {
            Box::pin(async move { Ok(db::accounts::by_handle(c, &name, &domain).await?) })
        })
        .await?;
    match holder {
        Some(holder) if holder.uri != id => Err(Error::Hopeless(format!(
            "{id}: its handle belongs to {} and no webfinger says otherwise",
            holder.uri
        ))),
        _ => Ok(()),
    }
}

/// An actor document that was fetched from its id for its keys: stored when the actor is next
/// asked for.
pub(super) fn keep_document(app: &App, document: Value) {
    if let Some(id) = text(&document, "id") {
        let id = id.to_owned();
        app.federation.documents.insert(id, Arc::new(document));
    }
}

/// Stores an actor whose document is at hand, fetched from its id.
pub(super) async fn store_found(
    app: &App,
    document: &Value,
    budget: &Budget,
) -> Result<Account, Error> {
    let id = text(document, "id").unwrap_or_default();
    let account = known(app, id).await?;
    store(app, document, account, budget).await
}

/// A status of another server with its author, from its id.
pub async fn note(app: &App, id: &str, budget: &Budget) -> Result<(Account, Value), Error> {
    let document = notes::as_served(document(app, id, budget).await?);
    let author = author_of(app, &document, budget).await?;
    Ok((author, document))
}

/// The author of a document that was fetched from its id.
pub async fn author_of(app: &App, document: &Value, budget: &Budget) -> Result<Account, Error> {
    let id = text(document, "id").unwrap_or_default();
    if !notes::is_note(document) {
        return Err(Error::Hopeless(format!(
            "{id}: not of a type that is understood"
        )));
    }
    let by = ids(document, "attributedTo")
        .find(|by| same_origin(by, id))
        .ok_or_else(|| Error::Hopeless(format!("{id}: no author on its own host")))?;
    let author = actor(app, by, &budget.deeper().map_err(|e| over(id, e))?).await?;
    if author.is_active() {
        Ok(author)
    } else {
        Err(Error::Hopeless(format!(
            "{id}: its author is suspended or gone"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types() {
        for fine in [
            "application/activity+json",
            "application/activity+json; charset=utf-8",
            "Application/Activity+JSON;charset=utf-8",
            "application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"",
            "application/ld+json;profile=https://www.w3.org/ns/activitystreams",
            "application/ld+json; charset=utf-8; profile=\"https://example.com https://www.w3.org/ns/activitystreams\"",
        ] {
            assert!(is_activity_json(fine), "{fine}");
        }
        for bad in [
            "",
            "application/json",
            "application/ld+json",
            "application/ld+json; profile=\"https://www.w3.org/ns/activitystreams2\"",
            "text/plain; profile=\"https://www.w3.org/ns/activitystreams\"",
            "image/png",
            "text/html",
        ] {
            assert!(!is_activity_json(bad), "{bad}");
        }
    }

    #[test]
    fn pages_name_their_activitypub_form() {
        let response = |link: Option<&str>, body: &'static str| Response {
            url: Url::parse("https://a.example/@sara/1").unwrap(),
            status: StatusCode::OK,
            headers: link
                .map(|l| HeaderMap::from_iter([(header::LINK, l.parse().unwrap())]))
                .unwrap_or_default(),
            body: body.into(),
        };
        let html = "<html><head><link rel='stylesheet' href='/x.css'><link href=\"/notes/1?a=1&amp;b=2\" rel=\"alternate\" type='application/activity+json'></head>";
        assert_eq!(
            alternate(&response(None, html)).as_deref(),
            Some("https://a.example/notes/1?a=1&b=2")
        );
        let link = "<https://a.example/x>; rel=\"next\", <https://a.example/users/sara/1>; rel=\"alternate\"; type=\"application/activity+json\"";
        assert_eq!(
            alternate(&response(Some(link), "")).as_deref(),
            Some("https://a.example/users/sara/1")
        );
        assert_eq!(
            alternate(&response(None, "<link rel=alternate href=x")),
            None
        );
    }
}
