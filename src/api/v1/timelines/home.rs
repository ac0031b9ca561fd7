//! `GET /api/v1/timelines/home`

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use crate::api::entities::status::{Mode, Reader};
use crate::api::list;
use crate::app::App;
use crate::db;
use crate::db::relations::Page;
use crate::domain::filters::Context;
use crate::error::AppResult;
use crate::http::auth::{User, scope};
use crate::http::pagination::Paging;

/// Newest ids of a home that are kept in memory: enough for the largest first page.
const KEPT: i64 = 60;

pub async fn get(
    State(app): State<App>,
    user: User<scope::ReadStatuses>,
    paging: Paging,
) -> AppResult<Response> {
    let account_id = user.account.id;
    let asked = paging.page(20, 40);
    let wanted = list::generous(asked);
    let reader = Reader::of(&app, account_id).await?.within(Context::Home);
    let ids = if paging.is_first() {
        let mut ids = newest(&app, account_id).await?.to_vec();
        ids.truncate(usize::try_from(wanted.limit).unwrap_or_default());
        ids
    } else {
        app.read(move |c| {
            Box::pin(async move { Ok(db::timelines::home(c, account_id, wanted).await?) })
        })
        .await?
    };
    list::timeline(&app, ids, Some(&reader), Mode::Timeline, &paging, asked).await
}

/// The newest ids of a home, from memory where they are there.
async fn newest(app: &App, account_id: i64) -> AppResult<Arc<Vec<i64>>> {
    if let Some(ids) = app.caches.homes.get(&account_id) {
        return Ok(ids);
    }
    let ticket = app.caches.homes.ticket();
    let page = Page {
        limit: KEPT,
        ..Page::default()
    };
    let ids = app
        .read(move |c| Box::pin(async move { Ok(db::timelines::home(c, account_id, page).await?) }))
        .await?;
    let ids = Arc::new(ids);
    app.caches.homes.put(ticket, account_id, ids.clone());
    Ok(ids)
}
