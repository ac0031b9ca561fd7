//! `GET /api/v1/timelines/tag/:hashtag`

use axum::extract::{Path, State};
use axum::response::Response;

use super::public::Query;
use crate::api::entities::status::{Mode, Reader};
use crate::api::list;
use crate::app::App;
use crate::db;
use crate::domain::filters::Context;
use crate::error::AppResult;
use crate::http::auth::MaybeUser;
use crate::http::pagination::Paging;
use crate::http::params::Params;
use crate::text::plain::normalize_tag;

pub async fn get(
    State(app): State<App>,
    user: MaybeUser,
    Path(hashtag): Path<String>,
    paging: Paging,
    Params(query): Params<Query>,
) -> AppResult<Response> {
    let reader = match user.account {
        Some(account) => Some(Reader::of(&app, account.id).await?.within(Context::Public)),
        None => None,
    };
    let asked = paging.page(20, 40);
    let wanted = list::generous(asked);
    let filter = query.filter();
    let name = normalize_tag(&hashtag);
    let ids = app
        .read(move |c| {
            Box::pin(async move {
                match db::statuses::tag_by_name(c, &name).await? {
                    Some(tag) => Ok(db::timelines::tag(c, tag.id, filter, wanted).await?),
                    None => Ok(Vec::new()),
                }
            })
        })
        .await?;
    list::timeline(&app, ids, reader.as_ref(), Mode::Timeline, &paging, asked).await
}
