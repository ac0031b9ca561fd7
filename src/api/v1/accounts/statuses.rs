//! `GET /api/v1/accounts/:id/statuses`

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::find;
use crate::api::entities::Json;
use crate::api::entities::status::{self, Mode, Reader};
use crate::api::list;
use crate::app::App;
use crate::db;
use crate::db::timelines::AccountFilter;
use crate::domain::filters::Context;
use crate::error::AppResult;
use crate::federation;
use crate::http::auth::MaybeUser;
use crate::http::pagination::Paging;
use crate::http::params::{self, Params};
use crate::text::plain::normalize_tag;

#[derive(Debug, Deserialize)]
pub struct Query {
    #[serde(default, deserialize_with = "params::flag")]
    exclude_replies: Option<bool>,
    #[serde(default, deserialize_with = "params::flag")]
    exclude_reblogs: Option<bool>,
    #[serde(default, deserialize_with = "params::flag")]
    only_media: Option<bool>,
    #[serde(default, deserialize_with = "params::flag")]
    pinned: Option<bool>,
    #[serde(default, deserialize_with = "params::text")]
    tagged: Option<String>,
}

pub async fn get(
    State(app): State<App>,
    user: MaybeUser,
    Path(id): Path<String>,
    paging: Paging,
    Params(query): Params<Query>,
) -> AppResult<Response> {
    let account = find(&app, &id).await?;
    let reader = match &user.account {
        Some(reader) => Some(Reader::of(&app, reader.id).await?.within(Context::Account)),
        None => None,
    };
    if reader.is_some() {
        federation::visited(&app, &account).await;
    }
    let id = account.id;
    if query.pinned.unwrap_or(false) {
        return pinned(&app, id, reader.as_ref(), &paging).await;
    }
    // Read no more than there is to show: what a reader may see in the end is decided when the
    // page is put together.
    let deepest = match &reader {
        // Replies that wait are among one's own.
        Some(reader) if reader.account_id == id => i16::MAX,
        Some(_) => 4,
        None => 1,
    };
    let asked = paging.page(20, 40);
    let wanted = list::generous(asked);
    let tagged = query.tagged.filter(|tag| !tag.is_empty());
    let ids = app
        .read(move |c| {
            Box::pin(async move {
                let tag_id = match tagged {
                    Some(name) => {
                        match db::statuses::tag_by_name(c, &normalize_tag(&name)).await? {
                            Some(tag) => Some(tag.id),
                            None => return Ok(Vec::new()),
                        }
                    }
                    None => None,
                };
                let filter = AccountFilter {
                    exclude_replies: query.exclude_replies.unwrap_or(false),
                    exclude_reblogs: query.exclude_reblogs.unwrap_or(false),
                    only_media: query.only_media.unwrap_or(false),
                    tag_id,
                    deepest,
                };
                Ok(db::timelines::account(c, id, filter, wanted).await?)
            })
        })
        .await?;
    list::timeline(&app, ids, reader.as_ref(), Mode::Visible, &paging, asked).await
}

/// What an account has pinned, the last pinned first.
async fn pinned(
    app: &App,
    id: i64,
    reader: Option<&Reader>,
    paging: &Paging,
) -> AppResult<Response> {
    let page = paging.page(20, 40);
    let rows = app
        .read(move |c| Box::pin(async move { Ok(db::pins::page(c, id, page).await?) }))
        .await?;
    let ids: Vec<i64> = rows.iter().map(|(_, status)| *status).collect();
    let statuses = status::page(app, &ids, reader, Mode::Visible).await?;
    let links = paging.links(
        rows.first().map(|row| row.0),
        rows.last().map(|row| row.0),
        rows.len() as i64 >= page.limit,
    );
    Ok((links, Json(statuses.json())).into_response())
}
