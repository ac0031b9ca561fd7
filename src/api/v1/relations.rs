//! `GET /api/v1/blocks`, `GET /api/v1/mutes`

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::api::entities::{Json, account};
use crate::api::list;
use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::relations::List;
use crate::error::AppResult;
use crate::http::auth::{User, scope};
use crate::http::pagination::Paging;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/blocks", get(blocks))
        .route("/api/v1/mutes", get(mutes))
}

async fn blocks(
    State(app): State<App>,
    user: User<scope::ReadBlocks>,
    paging: Paging,
) -> AppResult<Response> {
    let page = paging.page(40, 80);
    let id = user.account.id;
    let rows = app
        .read(move |c| {
            Box::pin(async move { Ok(db::relations::page(c, List::Blocks, id, page).await?) })
        })
        .await?;
    list::accounts(&app, rows, &paging, page).await
}

async fn mutes(
    State(app): State<App>,
    user: User<scope::ReadMutes>,
    paging: Paging,
) -> AppResult<Response> {
    let page = paging.page(40, 80);
    let id = user.account.id;
    let rows = app
        .read(move |c| {
            Box::pin(async move { Ok(db::relations::page(c, List::Mutes, id, page).await?) })
        })
        .await?;
    let relations = app.relations(id).await?;
    let now = app.clock.now_ms();
    // One that has ended is no mute any more, though its row may still be there.
    let ids: Vec<i64> = rows
        .iter()
        .map(|(_, account)| account.id)
        .filter(|id| relations.mutes(*id, now))
        .collect();
    let accounts = account::json(&app, &ids).await?;
    let mut out = String::from("[");
    for id in &ids {
        let Some(json) = accounts.get(id) else {
            continue;
        };
        if out.len() > 1 {
            out.push(',');
        }
        // MutedAccount: the account, and when the mute ends.
        out.push_str(json.strip_suffix('}').unwrap_or(json));
        let ends = relations.muting.get(id).and_then(|mute| mute.expires_at);
        out.push_str(",\"mute_expires_at\":");
        out.push_str(&ends.map_or_else(|| "null".to_owned(), |at| format!("\"{}\"", iso(at))));
        out.push('}');
    }
    out.push(']');
    let links = paging.links(
        rows.first().map(|r| r.0),
        rows.last().map(|r| r.0),
        rows.len() as i64 >= page.limit,
    );
    Ok((links, Json(out)).into_response())
}
