//! `GET /api/v1/timelines/link`

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use crate::api::entities::status::{Mode, Reader};
use crate::api::list;
use crate::app::App;
use crate::db;
use crate::db::trends::Kind;
use crate::error::{AppError, AppResult};
use crate::http::auth::MaybeUser;
use crate::http::pagination::Paging;
use crate::http::params::{self, Params};
use crate::text::links;

#[derive(Debug, Deserialize)]
pub struct Query {
    #[serde(default, deserialize_with = "params::text")]
    url: Option<String>,
}

/// Public posts with a link that trends; 404 for one that does not.
pub async fn get(
    State(app): State<App>,
    user: MaybeUser,
    paging: Paging,
    Params(query): Params<Query>,
) -> AppResult<Response> {
    let url = query
        .url
        .as_deref()
        .and_then(links::canonical)
        .ok_or_else(AppError::not_found)?;
    let reader = match user.account {
        Some(account) => Some(Reader::of(&app, account.id).await?),
        None => None,
    };
    let asked = paging.page(20, 40);
    let wanted = list::generous(asked);
    let ids = app
        .read(move |c| {
            Box::pin(async move {
                let card = db::cards::by_url(c, &url)
                    .await?
                    .ok_or_else(AppError::not_found)?;
                if !db::trends::is_trending(c, Kind::Link, card.id).await? {
                    return Err(AppError::not_found());
                }
                Ok(db::trends::link_timeline(c, card.id, wanted).await?)
            })
        })
        .await?;
    list::timeline(&app, ids, reader.as_ref(), Mode::Timeline, &paging, asked).await
}
