//! `/api/kith/v1/severed_relationships`: which of one's follows decisions of this server cut off.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header;

use crate::api::entities::account::acct;
use crate::api::entities::severance::Entity;
use crate::api::list::json;
use crate::app::App;
use crate::db;
use crate::db::severances::{AccountSeverance, Severance, Severed};
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::{Paging, path_id};
use crate::text::csv;

/// Follows read at a time, and in one list at most.
const BATCH: i64 = 1000;
const MOST: usize = 100_000;

pub fn routes() -> Router<App> {
    let base = "/api/kith/v1/severed_relationships";
    Router::new()
        .route(base, get(index))
        .route(&format!("{base}/{{id}}"), get(show))
        .route(&format!("{base}/{{id}}/following.csv"), get(following))
        .route(&format!("{base}/{{id}}/followers.csv"), get(followers))
}

async fn index(
    State(app): State<App>,
    user: User<scope::ReadFollows>,
    paging: Paging,
) -> AppResult<Response> {
    let (page, id) = (paging.page(40, 80), user.account.id);
    let rows = app
        .read(move |c| Box::pin(async move { Ok(db::severances::page(c, id, page).await?) }))
        .await?;
    let links = paging.links(
        rows.first().map(|(ours, _)| ours.id),
        rows.last().map(|(ours, _)| ours.id),
        rows.len() as i64 >= page.limit,
    );
    let entities: Vec<Entity> = rows.iter().map(Entity::of).collect();
    Ok((links, json(&entities)?).into_response())
}

/// One of the reader's own events.
async fn find(app: &App, owner: i64, id: &str) -> AppResult<(AccountSeverance, Severance)> {
    let id = path_id(id)?;
    app.read(move |c| Box::pin(async move { Ok(db::severances::by_ids(c, owner, &[id]).await?) }))
        .await?
        .pop()
        .ok_or_else(AppError::not_found)
}

async fn show(
    State(app): State<App>,
    user: User<scope::ReadFollows>,
    Path(id): Path<String>,
) -> AppResult<Response> {
    let found = find(&app, user.account.id, &id).await?;
    Ok(json(&Entity::of(&found))?.into_response())
}

/// Those whom one followed, as Mastodon exports follows.
async fn following(
    State(app): State<App>,
    user: User<scope::ReadFollows>,
    Path(id): Path<String>,
) -> AppResult<Response> {
    let rows = severed(&app, user.account.id, &id, true).await?;
    let mut out = String::new();
    let header = [
        "Account address",
        "Show boosts",
        "Notify on new posts",
        "Languages",
    ];
    csv::write_row(&mut out, header);
    let word = |flag: bool| if flag { "true" } else { "false" };
    for row in &rows {
        let languages: Vec<String> = serde_json::from_str(&row.languages).unwrap_or_default();
        let (acct, languages) = (acct(&row.other), languages.join(", "));
        let row = [&acct, word(row.reblogs), word(row.notify), &languages];
        csv::write_row(&mut out, row);
    }
    Ok(table(out))
}

/// Those who followed one.
async fn followers(
    State(app): State<App>,
    user: User<scope::ReadFollows>,
    Path(id): Path<String>,
) -> AppResult<Response> {
    let rows = severed(&app, user.account.id, &id, false).await?;
    let mut out = String::new();
    csv::write_row(&mut out, ["Account address"]);
    for row in &rows {
        csv::write_row(&mut out, [acct(&row.other).as_str()]);
    }
    Ok(table(out))
}

async fn severed(app: &App, owner: i64, id: &str, outgoing: bool) -> AppResult<Vec<Severed>> {
    let (_, event) = find(app, owner, id).await?;
    if event.purged {
        return Err(AppError::gone());
    }
    let mut all: Vec<Severed> = Vec::new();
    loop {
        let above = all.last().map_or(0, |row| row.other.id);
        let some = app
            .read(move |c| {
                Box::pin(async move {
                    let (event, limit) = (event.id, BATCH);
                    Ok(db::severances::severed(c, event, owner, outgoing, above, limit).await?)
                })
            })
            .await?;
        let full = some.len() as i64 >= BATCH;
        all.extend(some);
        if !full || all.len() >= MOST {
            return Ok(all);
        }
    }
}

fn table(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], text).into_response()
}
