//! `GET /api/v1/timelines/tag/:hashtag`

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;

use super::public::Query;
use crate::api::entities::status::{Mode, Reader};
use crate::api::list;
use crate::app::App;
use crate::db::tagged::Tags;
use crate::db::{self, Conn};
use crate::domain::filters::Context;
use crate::error::AppResult;
use crate::http::auth::MaybeUser;
use crate::http::pagination::Paging;
use crate::http::params::{self, Params};
use crate::text::plain::normalize_tag;

/// Further tags of each kind that are looked at.
const MAX_TAGS: usize = 4;

/// Further tags.
#[derive(Debug, Deserialize)]
pub struct Further {
    #[serde(flatten)]
    query: Query,
    #[serde(default, deserialize_with = "params::texts")]
    any: Vec<String>,
    #[serde(default, deserialize_with = "params::texts")]
    all: Vec<String>,
    #[serde(default, deserialize_with = "params::texts")]
    none: Vec<String>,
}

impl Further {
    fn is_empty(&self) -> bool {
        self.any.is_empty() && self.all.is_empty() && self.none.is_empty()
    }
}

/// The known ones among some names.
async fn known(conn: &mut Conn, names: &[String]) -> AppResult<Vec<i64>> {
    let mut ids = Vec::new();
    for name in names.iter().take(MAX_TAGS) {
        let tag = db::statuses::tag_by_name(conn, &normalize_tag(name)).await?;
        ids.extend(tag.map(|tag| tag.id).filter(|id| !ids.contains(id)));
    }
    Ok(ids)
}

pub async fn get(
    State(app): State<App>,
    user: MaybeUser,
    Path(hashtag): Path<String>,
    paging: Paging,
    Params(further): Params<Further>,
) -> AppResult<Response> {
    let reader = match user.account {
        Some(account) => Some(Reader::of(&app, account.id).await?.within(Context::Public)),
        None => None,
    };
    let asked = paging.page(20, 40);
    let wanted = list::generous(asked);
    let filter = further.query.filter();
    let name = normalize_tag(&hashtag);
    let ids = app
        .read(move |c| {
            Box::pin(async move {
                let tag = db::statuses::tag_by_name(c, &name).await?.map(|tag| tag.id);
                if further.is_empty() {
                    return match tag {
                        Some(tag) => Ok(db::timelines::tag(c, tag, filter, wanted).await?),
                        None => Ok(Vec::new()),
                    };
                }
                let mut any = known(c, &further.any).await?;
                any.extend(tag.filter(|tag| !any.contains(tag)));
                let all = known(c, &further.all).await?;
                // Nothing has a tag that nobody used.
                if all.len() < further.all.len().min(MAX_TAGS) {
                    return Ok(Vec::new());
                }
                let none = known(c, &further.none).await?;
                let tags = Tags { any, all, none };
                Ok(db::tagged::page(c, &tags, filter, wanted).await?)
            })
        })
        .await?;
    list::timeline(&app, ids, reader.as_ref(), Mode::Timeline, &paging, asked).await
}
