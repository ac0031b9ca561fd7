//! Answering with a page of a list.

use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::api::entities::Json;
use crate::api::entities::account;
use crate::api::entities::status::{self, Mode, Reader};
use crate::app::App;
use crate::db::accounts::Account;
use crate::db::relations::Page;
use crate::error::AppResult;
use crate::http::pagination::Paging;

/// Statuses read beyond the page, in the place of those not to be shown.
const EXTRA: i64 = 20;

/// The page to read from a timeline so that, most times, enough is left to show.
pub fn generous(page: Page) -> Page {
    Page {
        limit: page.limit + EXTRA,
        ..page
    }
}

/// Answers with statuses of a timeline whose ids were read with [`generous`].
pub async fn timeline(
    app: &App,
    ids: Vec<i64>,
    reader: Option<&Reader>,
    mode: Mode,
    paging: &Paging,
    asked: Page,
) -> AppResult<Response> {
    let mut page = status::page(app, &ids, reader, mode).await?;
    let limit = usize::try_from(asked.limit).unwrap_or_default();
    let more = page.ids.len() > limit;
    if more && asked.min_id.is_some() {
        // The page next to the cursor: what is newest is left for the next one.
        page.ids.drain(..page.ids.len() - limit);
    } else {
        page.ids.truncate(limit);
    }
    let read_all = (ids.len() as i64) < asked.limit + EXTRA;
    let newest = if more { page.ids.first() } else { ids.first() };
    let oldest = if more { page.ids.last() } else { ids.last() };
    let links = paging.links(newest.copied(), oldest.copied(), more || !read_all);
    Ok((links, Json(page.json())).into_response())
}

/// Answers with statuses in the order of a list that goes by its own ids (favourites,
/// bookmarks): pairs of position and status.
pub async fn marked(
    app: &App,
    rows: Vec<(i64, i64)>,
    reader: &Reader,
    paging: &Paging,
    asked: Page,
) -> AppResult<Response> {
    let ids: Vec<i64> = rows.iter().map(|(_, status)| *status).collect();
    let page = status::page(app, &ids, Some(reader), Mode::Visible).await?;
    let links = paging.links(
        rows.first().map(|r| r.0),
        rows.last().map(|r| r.0),
        rows.len() as i64 >= asked.limit,
    );
    Ok((links, Json(page.json())).into_response())
}

/// Answers with accounts in the order of a list that goes by its own ids.
pub async fn accounts(
    app: &App,
    rows: Vec<(i64, Account)>,
    paging: &Paging,
    asked: Page,
) -> AppResult<Response> {
    accounts_where(app, rows, paging, asked, |_| true).await
}

/// The same with those alone that are to be shown.
pub async fn accounts_where(
    app: &App,
    rows: Vec<(i64, Account)>,
    paging: &Paging,
    asked: Page,
    shown: impl Fn(&Account) -> bool,
) -> AppResult<Response> {
    let ids: Vec<i64> = rows
        .iter()
        .filter(|(_, account)| shown(account))
        .map(|(_, account)| account.id)
        .collect();
    let entities = account::render(app, &ids).await?;
    let links = paging.links(
        rows.first().map(|r| r.0),
        rows.last().map(|r| r.0),
        rows.len() as i64 >= asked.limit,
    );
    Ok((links, json(&entities)?).into_response())
}

/// Anything that serde can write, as an answer.
pub fn json<T: Serialize + ?Sized>(value: &T) -> AppResult<Json> {
    Ok(Json(serde_json::to_string(value)?))
}

/// An entity that is written already.
pub fn entity(value: &RawValue) -> Json {
    Json(value.get().to_owned())
}
