//! `GET /api/v2/search`: accounts by their names, posts by their text, tags by their beginning,
//! and whatever a URL or handle leads to, here or elsewhere.

use axum::extract::State;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::api::entities::status::{self, Mode, Reader};
use crate::api::entities::{Json, featuring, tag};
use crate::api::list::json;
use crate::app::App;
use crate::db;
use crate::db::relations::Page;
use crate::db::search::Seeker;
use crate::domain::search::{self, Parsed, Scope, Term, mark};
use crate::error::{AppError, AppResult};
use crate::http::auth::MaybeUser;
use crate::http::pagination::Paging;
use crate::http::params::{self, Params};
use crate::text::names::parse_handle;
use crate::text::plain::normalize_tag;
use crate::text::words::words;

/// Longest query, in characters.
const MAX_QUERY: usize = 1000;
/// Posts read beyond those wanted, in the place of those not to be shown.
const EXTRA: i64 = 20;
/// Words of a name that are looked for.
const MAX_NAMES: usize = 8;

#[derive(Debug, serde::Deserialize)]
pub struct Query {
    #[serde(default, deserialize_with = "params::text")]
    q: Option<String>,
    #[serde(default, rename = "type", deserialize_with = "params::text")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "params::flag")]
    resolve: Option<bool>,
    #[serde(default, deserialize_with = "params::flag")]
    following: Option<bool>,
    #[serde(default, deserialize_with = "params::integer")]
    account_id: Option<i64>,
    /// Taken for what it is worth: no tag waits for a review here.
    #[serde(default, deserialize_with = "params::flag")]
    #[expect(dead_code, reason = "every tag counts as reviewed")]
    exclude_unreviewed: Option<bool>,
}

#[derive(Default, Serialize)]
struct Found {
    accounts: Vec<Box<RawValue>>,
    statuses: Vec<Box<RawValue>>,
    hashtags: Vec<tag::Entity>,
}

pub async fn get(
    State(app): State<App>,
    user: MaybeUser,
    paging: Paging,
    Params(query): Params<Query>,
) -> AppResult<Json> {
    let searcher = user.account.as_deref();
    let reader = match user.with("read:search")? {
        Some(account) => Some(Reader::of(&app, account.id).await?),
        None => None,
    };
    let text = query.q.unwrap_or_default().trim().to_owned();
    if text.is_empty() {
        return Err(AppError::bad_request("The query must not be empty"));
    }
    if text.chars().count() > MAX_QUERY {
        return Err(AppError::bad_request("The query is too long"));
    }
    let resolve = query.resolve.unwrap_or(false);
    if reader.is_none() && (resolve || paging.offset() > 0) {
        return Err(AppError::new(
            http::StatusCode::UNAUTHORIZED,
            "Search queries that resolve or page need authentication",
        ));
    }
    let kind = query.kind.as_deref().filter(|kind| !kind.is_empty());
    let wants = |wanted: &str| kind.is_none_or(|kind| kind == wanted);
    let page = paging.page(20, 40);
    // Lists of several kinds cannot be paged through by one number.
    let offset = if kind.is_some() { paging.offset() } else { 0 };
    let mut found = Found::default();
    if is_url(&text) {
        // What is not known is looked for as text, too.
        let named = crate::federation::find(&app, &text, resolve).await?;
        match named {
            _ if offset > 0 => return json(&found),
            Some(crate::federation::Found::Account(id)) => {
                if resolve && let Some(account) = app.account(id).await? {
                    crate::federation::visited(&app, &account).await;
                }
                if wants("accounts") {
                    found.accounts = featuring::render(&app, searcher, &[id]).await?;
                }
                return json(&found);
            }
            Some(crate::federation::Found::Status(id)) => {
                if wants("statuses") {
                    let page = status::page(&app, &[id], reader.as_ref(), Mode::Visible).await?;
                    found.statuses = page.values();
                }
                return json(&found);
            }
            None => {}
        }
    }
    if wants("accounts") && !text.starts_with('#') && !is_url(&text) {
        let seek = Seek {
            reader: reader.as_ref().map(|reader| reader.account_id),
            following: query.following.unwrap_or(false),
            resolve,
        };
        let ids = accounts(&app, &text, seek, page.limit, offset).await?;
        found.accounts = featuring::render(&app, searcher, &ids).await?;
    }
    if wants("hashtags") && !text.starts_with('@') && !is_url(&text) {
        found.hashtags = tags(&app, &text, reader.as_ref(), page.limit, offset).await?;
    }
    // A name alone is no text to look for.
    if wants("statuses")
        && !(text.starts_with('@') && parse_handle(&text).is_some())
        && let Some(reader) = &reader
    {
        found.statuses = posts(&app, &text, reader, query.account_id, page, offset).await?;
    }
    json(&found)
}

fn is_url(text: &str) -> bool {
    (text.starts_with("https://") || text.starts_with("http://"))
        && !text.contains(char::is_whitespace)
}

async fn tags(
    app: &App,
    text: &str,
    reader: Option<&Reader>,
    limit: i64,
    offset: i64,
) -> AppResult<Vec<tag::Entity>> {
    let written = text.trim_start_matches(['#', '＃']);
    let name = normalize_tag(written);
    if name.is_empty() || written.contains(char::is_whitespace) {
        return Ok(Vec::new());
    }
    let tags = app
        .read(move |c| {
            Box::pin(async move { Ok(db::statuses::search_tags(c, &name, limit, offset).await?) })
        })
        .await?;
    tag::render(app, &tags, reader.map(|reader| reader.account_id)).await
}

/// Posts that a query finds and the reader may find, newest first.
async fn posts(
    app: &App,
    text: &str,
    reader: &Reader,
    author: Option<i64>,
    page: Page,
    offset: i64,
) -> AppResult<Vec<Box<RawValue>>> {
    let parsed = search::parse(text);
    let me = reader.account_id;
    let Some(mut query) = resolved(app, parsed, me).await? else {
        return Ok(Vec::new());
    };
    if let Some(author) = author {
        query.all.push(vec![mark::author(author)]);
    }
    query.below = query.below.min(page.max_id.unwrap_or(i64::MAX));
    let above = page.min_id.or(page.since_id).unwrap_or(0);
    query.above = query.above.max(above);
    let wanted = page.limit + EXTRA;
    let ids = app
        .read(move |c| {
            Box::pin(async move { Ok(db::search::find(c, &query, wanted, offset).await?) })
        })
        .await?;
    let shown = status::page(app, &ids, Some(reader), Mode::Timeline).await?;
    let mut list = Vec::new();
    for id in &shown.ids {
        if list.len() as i64 >= page.limit {
            break;
        }
        if shown.may_find(app, *id, me).await? {
            list.extend(
                shown
                    .one(*id)
                    .and_then(|json| crate::api::entities::raw(&json)),
            );
        }
    }
    Ok(list)
}

/// The query with its accounts looked up and the reader's marks; `None` when it can find nothing.
async fn resolved(app: &App, parsed: Parsed, me: i64) -> AppResult<Option<db::search::Query>> {
    let mut query = parsed.query;
    if parsed.nothing || (query.all.is_empty() && query.none.is_empty() && parsed.from.is_empty()) {
        return Ok(None);
    }
    for (term, excluded) in parsed.from {
        let id = match term {
            Term::Me => Some(me),
            Term::Handle(handle) => match crate::federation::find(app, &handle, false).await? {
                Some(crate::federation::Found::Account(id)) => Some(id),
                _ => None,
            },
        };
        match (id, excluded) {
            (Some(id), false) => query.all.push(vec![mark::author(id)]),
            (Some(id), true) => query.none.push(vec![mark::author(id)]),
            (None, false) => return Ok(None),
            (None, true) => {}
        }
    }
    let open = mark::OPEN.to_owned();
    let own = [mark::author(me), mark::reader(me)];
    query.any = match parsed.scope {
        Scope::Everything => std::iter::once(open).chain(own).collect(),
        Scope::Library => own.to_vec(),
        Scope::Public => vec![open],
    };
    Ok(Some(query))
}

/// How accounts are looked for.
#[derive(Debug, Clone, Copy)]
pub struct Seek {
    pub reader: Option<i64>,
    /// Only those whom the reader follows.
    pub following: bool,
    /// A handle that is not known here is looked up elsewhere.
    pub resolve: bool,
}

/// Ids of accounts that a text names: the exact handle first, then by rank.
pub async fn accounts(
    app: &App,
    text: &str,
    seek: Seek,
    limit: i64,
    offset: i64,
) -> AppResult<Vec<i64>> {
    let text = text.trim().trim_start_matches('@');
    let mut exact = None;
    // A word that is nobody's handle here is no reason to ask elsewhere.
    if parse_handle(text).is_some()
        && let Some(crate::federation::Found::Account(id)) =
            crate::federation::find(app, text, seek.resolve && text.contains('@')).await?
    {
        let followed = match seek.reader {
            Some(reader) if seek.following => {
                app.relations(reader).await?.following.contains_key(&id)
            }
            _ => !seek.following,
        };
        let account = app.account(id).await?;
        if let Some(account) = account.as_ref().filter(|_| seek.resolve) {
            crate::federation::visited(app, account).await;
        }
        // The server's own actor is nobody to find.
        let person =
            account.is_some_and(|a| a.is_active() && !(a.is_local() && a.kind == "Application"));
        exact = Some(id).filter(|_| followed && person);
    }
    let seeker = Seeker {
        account_id: seek.reader,
        following: seek.following,
    };
    let (name, domain) = match text.split_once('@') {
        Some((name, domain)) => (name.to_owned(), Some(domain.to_lowercase())),
        None => (text.to_owned(), None),
    };
    let names = words(&name, MAX_NAMES);
    // The exact one is listed first, and takes no second place.
    let wanted = limit + offset + 1;
    let rows = app
        .read(move |c| {
            Box::pin(async move {
                match domain {
                    // The beginning of a handle.
                    Some(domain) if !name.is_empty() => {
                        Ok(db::accounts::search(c, &name, &domain, wanted, 0).await?)
                    }
                    Some(_) => Ok(Vec::new()),
                    None => Ok(db::search::accounts(c, seeker, &names, wanted, 0).await?),
                }
            })
        })
        .await?;
    let limited = |account: &db::accounts::Account| account.silenced_at.is_some();
    let relations = match seek.reader {
        Some(reader) if seek.following || rows.iter().any(limited) => {
            Some(app.relations(reader).await?)
        }
        _ => None,
    };
    let mut ids: Vec<i64> = exact.into_iter().collect();
    for account in rows {
        let followed = relations
            .as_ref()
            .is_some_and(|relations| relations.following.contains_key(&account.id));
        // Who is limited is found by those who follow them, and by the whole handle.
        let wanted = followed || (!seek.following && !limited(&account));
        if wanted && !ids.contains(&account.id) {
            ids.push(account.id);
        }
    }
    let skipped = usize::try_from(offset).unwrap_or_default();
    let limit = usize::try_from(limit).unwrap_or_default();
    Ok(ids.into_iter().skip(skipped).take(limit).collect())
}
