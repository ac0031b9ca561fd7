//! `/users/{name}/outbox`, `/followers`, `/following`.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};

use super::actor::local;
use super::{Ap, Reader};
use crate::app::App;
use crate::db;
use crate::db::Conn;
use crate::db::accounts::Account;
use crate::db::relations::{List, Page};
use crate::db::statuses::Status;
use crate::db::timelines::AccountFilter;
use crate::domain::Ctx;
use crate::domain::reactions::announce_addressing;
use crate::domain::statuses::notes_of;
use crate::domain::visibility::Visibility;
use crate::error::{AppError, AppResult};
use crate::federation::render::collection::{self, Order};
use crate::federation::render::{self, note};

/// Activities on a page of the outbox.
const ACTIVITIES: i64 = 20;
/// Actors on a page of followers or following.
const ACTORS: i64 = 40;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/users/{name}/outbox", get(outbox))
        .route("/users/{name}/followers", get(followers))
        .route("/users/{name}/following", get(following))
}

#[derive(Deserialize)]
struct Paging {
    page: Option<String>,
    max_id: Option<i64>,
}

impl Paging {
    fn own(&self, base: &str) -> String {
        match self.max_id {
            Some(id) => format!("{base}?page=true&max_id={id}"),
            None => format!("{base}?page=true"),
        }
    }

    fn page(&self, limit: i64) -> Page {
        Page {
            max_id: self.max_id,
            limit,
            ..Page::default()
        }
    }
}

async fn outbox(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(paging): Query<Paging>,
    reader: Reader,
) -> AppResult<Ap> {
    reader.admit()?;
    let ctx = app.ctx.clone();
    app.read(move |c| {
        Box::pin(async move {
            let author = local(c, &name).await?;
            let base = format!("{}/outbox", author.uri);
            if paging.page.is_none() {
                let stats = db::accounts::stats_of(c, &[author.id]).await?;
                let total = stats.first().map_or(0, |s| s.statuses_count);
                let first = format!("{base}?page=true");
                return Ok(Ap::open(collection::head(
                    &base,
                    Order::Newest,
                    Some(total),
                    Some(&first),
                )));
            }
            // What is open to everyone, whoever asks.
            let filter = AccountFilter {
                deepest: Visibility::Unlisted as i16,
                ..AccountFilter::default()
            };
            let ids = db::timelines::account(c, author.id, filter, paging.page(ACTIVITIES)).await?;
            let next = ids
                .last()
                .filter(|_| ids.len() == ACTIVITIES as usize)
                .map(|id| format!("{base}?page=true&max_id={id}"));
            let items = activities(c, &ctx, &author, &ids, false).await?;
            let page = collection::page(
                &paging.own(&base),
                &base,
                Order::Newest,
                next.as_deref(),
                items,
            );
            Ok(Ap::open(render::document(note::context(), page)))
        })
    })
    .await
}

/// An author's statuses and reblogs as Creates and Announces, in the order of the ids: a fixed
/// number of statements. `all`: also what is for this server alone.
pub async fn activities(
    conn: &mut Conn,
    ctx: &Ctx,
    author: &Account,
    ids: &[i64],
    all: bool,
) -> AppResult<Vec<Value>> {
    let mut statuses = db::statuses::by_ids(conn, ids).await?;
    statuses.retain(|s| all || !s.local_only);
    statuses.sort_by_key(|s| std::cmp::Reverse(s.id));
    let (reblogs, own): (Vec<Status>, Vec<Status>) =
        statuses.into_iter().partition(|s| s.reblog_of_id.is_some());
    let notes = notes_of(conn, ctx, author, &own).await?;
    let mut items: Vec<(i64, Value)> = own
        .iter()
        .zip(&notes)
        .map(|(status, note)| {
            let object = note::object(note, None);
            (status.id, render::create(note, object, &author.uri))
        })
        .collect();
    let originals: Vec<i64> = reblogs.iter().filter_map(|s| s.reblog_of_id).collect();
    let originals = db::statuses::by_ids(conn, &originals).await?;
    let mut authors: Vec<i64> = originals.iter().map(|s| s.account_id).collect();
    authors.sort_unstable();
    authors.dedup();
    let authors = db::accounts::by_ids(conn, &authors).await?;
    for reblog in &reblogs {
        let original = originals
            .iter()
            .find(|s| Some(s.id) == reblog.reblog_of_id)
            .filter(|s| Visibility::from_db(s.visibility).is_open());
        let of = original.and_then(|s| authors.iter().find(|a| a.id == s.account_id));
        let Some((original, of)) = original.zip(of) else {
            continue;
        };
        let visibility = Visibility::from_db(reblog.visibility);
        let announce = render::announce(
            &reblog.uri,
            &author.uri,
            &original.uri,
            reblog.created_at,
            &announce_addressing(author, visibility, of),
        );
        items.push((reblog.id, announce));
    }
    items.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
    Ok(items.into_iter().map(|(_, item)| item).collect())
}

async fn followers(
    state: State<App>,
    path: Path<String>,
    query: Query<Paging>,
    reader: Reader,
) -> AppResult<Ap> {
    relations(state, path, query, reader, List::Followers, "followers").await
}

async fn following(
    state: State<App>,
    path: Path<String>,
    query: Query<Paging>,
    reader: Reader,
) -> AppResult<Ap> {
    relations(state, path, query, reader, List::Following, "following").await
}

/// How many, and who unless the account hides it.
async fn relations(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(paging): Query<Paging>,
    reader: Reader,
    list: List,
    what: &'static str,
) -> AppResult<Ap> {
    reader.admit()?;
    app.read(move |c| {
        Box::pin(async move {
            let account = local(c, &name).await?;
            let base = format!("{}/{what}", account.uri);
            if paging.page.is_none() {
                let stats = db::accounts::stats_of(c, &[account.id]).await?;
                let total = stats.first().map(|s| match list {
                    List::Followers => s.followers_count,
                    _ => s.following_count,
                });
                let first = format!("{base}?page=true");
                let first = (!account.hide_collections).then_some(first.as_str());
                return Ok(Ap::open(collection::head(
                    &base,
                    Order::Newest,
                    total,
                    first,
                )));
            }
            if account.hide_collections {
                return Err(AppError::not_found());
            }
            let rows = db::relations::page(c, list, account.id, paging.page(ACTORS)).await?;
            let next = rows
                .last()
                .filter(|_| rows.len() == ACTORS as usize)
                .map(|(id, _)| format!("{base}?page=true&max_id={id}"));
            let items = rows.into_iter().map(|(_, a)| json!(a.uri)).collect();
            let page = collection::page(
                &paging.own(&base),
                &base,
                Order::Newest,
                next.as_deref(),
                items,
            );
            Ok(Ap::open(render::plain_document(page)))
        })
    })
    .await
}
