//! `GET /api/kith/v1/statuses/:id/comments`: the direct replies, by time or by votes.

use std::collections::HashMap;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::api::entities::Json;
use crate::api::entities::status::{self, Mode, Reader};
use crate::app::App;
use crate::db;
use crate::domain::filters::Context;
use crate::error::{AppError, AppResult};
use crate::http::auth::MaybeUser;
use crate::http::pagination::{Paging, path_id};
use crate::http::params::{self, Params};

/// Comments read beyond the page, in the place of those not to be shown.
const EXTRA: i64 = 20;
/// How often it is read on when too few of them are to be shown.
const ROUNDS: usize = 5;

#[derive(Debug, Deserialize)]
pub struct Query {
    #[serde(default, deserialize_with = "params::text")]
    sort: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Oldest,
    Newest,
    Top,
}

/// A comment's id and score: where it stands in any order.
type Place = (i64, i64);

/// Where to read from, and in which direction.
#[derive(Debug, Clone, Copy)]
struct Start {
    sort: Sort,
    /// The end of what is read that is given, if any.
    after: Option<Place>,
    /// The other end, for orders of time.
    until: Option<i64>,
    /// Against the order.
    back: bool,
}

pub async fn get(
    State(app): State<App>,
    user: MaybeUser,
    Path(id): Path<String>,
    paging: Paging,
    Params(query): Params<Query>,
) -> AppResult<Response> {
    let id = path_id(&id)?;
    let reader = match user.with("read:statuses")? {
        Some(account) => Some(Reader::of(&app, account.id).await?),
        None => None,
    };
    let id = visible(&app, id, reader.as_ref()).await?;
    let sort = match query.sort.as_deref() {
        None | Some("" | "oldest") => Sort::Oldest,
        Some("newest") => Sort::Newest,
        Some("top") => Sort::Top,
        Some(_) => {
            return Err(AppError::invalid(
                "Validation failed: sort must be oldest, newest or top",
            ));
        }
    };
    let reader = reader.map(|reader| reader.within(Context::Thread));
    let start = start(&app, id, sort, &paging).await?;
    let limit = paging.page(20, 40).limit;
    let (mut found, end) = gather(&app, id, start, reader.as_ref(), limit).await?;
    let begin = found.first().copied();
    if start.back {
        found.reverse();
    }
    let (next, previous) = if start.back {
        (begin, end)
    } else {
        // Before the first page is nothing, until there is.
        (end, begin)
    };
    let links = paging.links_to(
        next.map(|place| cursor(sort, place, false)),
        previous.map(|place| cursor(sort, place, true)),
    );
    let ids: Vec<i64> = found.iter().map(|(id, _)| *id).collect();
    let page = status::page(&app, &ids, reader.as_ref(), Mode::Thread).await?;
    Ok((links, Json(page.json())).into_response())
}

/// The status itself, where the reader may see it; of a reblog, what it is of.
async fn visible(app: &App, id: i64, reader: Option<&Reader>) -> AppResult<i64> {
    let page = status::page(app, &[id], reader, Mode::Visible).await?;
    if page.ids.is_empty() {
        return Err(AppError::not_found());
    }
    let status = app
        .read(move |c| Box::pin(async move { Ok(db::statuses::by_id(c, id).await?) }))
        .await?
        .ok_or_else(AppError::not_found)?;
    Ok(status.reblog_of_id.unwrap_or(id))
}

async fn start(app: &App, id: i64, sort: Sort, paging: &Paging) -> AppResult<Start> {
    let asked = paging.page(20, 40);
    let min = asked.min_id.or(asked.since_id);
    let (ahead, behind) = match sort {
        Sort::Oldest => (min, asked.max_id),
        Sort::Newest | Sort::Top => (asked.max_id, min),
    };
    // With both ends given, it is read in the order.
    let back = ahead.is_none() && behind.is_some();
    let (after, until) = if back {
        (behind, None)
    } else {
        (ahead, behind)
    };
    let after = match after {
        Some(place) if sort == Sort::Top => {
            let score = match paging.score() {
                Some(score) => Some(score),
                None => {
                    app.read(move |c| {
                        Box::pin(async move { Ok(db::comments::score(c, id, place).await?) })
                    })
                    .await?
                }
            };
            // Where a comment that is gone stood, only its link knows.
            let score = score.ok_or_else(|| {
                AppError::invalid("Validation failed: no such comment; follow the Link header")
            })?;
            Some((place, score))
        }
        after => after.map(|id| (id, 0)),
    };
    Ok(Start {
        sort,
        after,
        until,
        back,
    })
}

/// Comments to be shown, in the direction they are read, and, where there may be more, the place
/// to read on from.
async fn gather(
    app: &App,
    id: i64,
    start: Start,
    reader: Option<&Reader>,
    limit: i64,
) -> AppResult<(Vec<Place>, Option<Place>)> {
    let wanted = usize::try_from(limit).unwrap_or_default();
    let (mut found, mut place): (Vec<Place>, _) = (Vec::with_capacity(wanted), start.after);
    for _ in 0..ROUNDS {
        let from = Start {
            after: place,
            ..start
        };
        let rows = app
            .read(move |c| Box::pin(async move { read(c, id, from, limit + EXTRA).await }))
            .await?;
        let full = rows.len() as i64 >= limit + EXTRA;
        let ids: Vec<i64> = rows.iter().map(|(id, _)| *id).collect();
        let shown = status::page(app, &ids, reader, Mode::Thread).await?.ids;
        let scores: HashMap<i64, i64> = rows.iter().copied().collect();
        found.extend(
            shown
                .into_iter()
                .filter_map(|id| Some((id, *scores.get(&id)?))),
        );
        place = rows.last().copied().or(place);
        if found.len() > wanted {
            found.truncate(wanted);
            let last = found.last().copied();
            return Ok((found, last));
        }
        if !full {
            return Ok((found, None));
        }
        if found.len() == wanted {
            break;
        }
    }
    Ok((found, place))
}

async fn read(conn: &mut db::Conn, id: i64, from: Start, limit: i64) -> AppResult<Vec<Place>> {
    if from.sort == Sort::Top {
        let first = (i64::MAX, i64::MAX);
        let place = from.after.unwrap_or(first);
        return Ok(db::comments::by_score(conn, id, place, from.back, limit).await?);
    }
    let up = (from.sort == Sort::Oldest) != from.back;
    let after = from.after.map(|(id, _)| id);
    let (above, below) = if up {
        (after, from.until)
    } else {
        (from.until, after)
    };
    let (above, below) = (above.unwrap_or(0), below.unwrap_or(i64::MAX));
    let ids = db::comments::by_time(conn, id, above, below, up, limit).await?;
    Ok(ids.into_iter().map(|id| (id, 0)).collect())
}

/// The query of the page that follows a place in an order, or of the one before it.
fn cursor(sort: Sort, (id, score): Place, previous: bool) -> String {
    match (sort, previous) {
        (Sort::Oldest, false) | (Sort::Newest, true) => format!("min_id={id}"),
        (Sort::Oldest, true) | (Sort::Newest, false) => format!("max_id={id}"),
        (Sort::Top, false) => format!("max_id={id}&score={score}"),
        (Sort::Top, true) => format!("min_id={id}&score={score}"),
    }
}
