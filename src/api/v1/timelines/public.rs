//! `GET /api/v1/timelines/public`

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use crate::api::entities::status::{Mode, Reader};
use crate::api::list;
use crate::app::App;
use crate::db;
use crate::db::timelines::PublicFilter;
use crate::domain::filters::Context;
use crate::error::AppResult;
use crate::http::auth::MaybeUser;
use crate::http::pagination::Paging;
use crate::http::params::{self, Params};

/// Which statuses are wanted.
#[derive(Debug, Default, Deserialize)]
pub struct Query {
    #[serde(default, deserialize_with = "params::flag")]
    local: Option<bool>,
    #[serde(default, deserialize_with = "params::flag")]
    remote: Option<bool>,
    #[serde(default, deserialize_with = "params::flag")]
    only_media: Option<bool>,
}

impl Query {
    /// As the database takes it.
    pub fn filter(&self) -> PublicFilter {
        PublicFilter {
            local: self.local.unwrap_or(false),
            remote: self.remote.unwrap_or(false),
            only_media: self.only_media.unwrap_or(false),
        }
    }
}

pub async fn get(
    State(app): State<App>,
    user: MaybeUser,
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
    let ids = app
        .read(move |c| Box::pin(async move { Ok(db::timelines::public(c, filter, wanted).await?) }))
        .await?;
    list::timeline(&app, ids, reader.as_ref(), Mode::Timeline, &paging, asked).await
}
