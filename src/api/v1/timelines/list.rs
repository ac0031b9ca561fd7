//! `GET /api/v1/timelines/list/:list_id`

use axum::extract::{Path, State};
use axum::response::Response;

use crate::api::entities::status::{Mode, Reader};
use crate::api::list;
use crate::app::App;
use crate::db;
use crate::domain::lists;
use crate::error::AppResult;
use crate::http::auth::{User, scope};
use crate::http::pagination::{Paging, path_id};

pub async fn get(
    State(app): State<App>,
    user: User<scope::ReadLists>,
    Path(id): Path<String>,
    paging: Paging,
) -> AppResult<Response> {
    let id = path_id(&id)?;
    let asked = paging.page(20, 40);
    let wanted = list::generous(asked);
    let reader = Reader::of(&app, user.account.id).await?;
    let ids = app
        .read(move |c| {
            Box::pin(async move {
                lists::own(c, &user.account, id).await?;
                Ok(db::lists::timeline(c, id, wanted).await?)
            })
        })
        .await?;
    list::timeline(&app, ids, Some(&reader), Mode::Timeline, &paging, asked).await
}
