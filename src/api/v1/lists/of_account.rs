//! `GET /api/v1/accounts/:id/lists`

use axum::extract::{Path, State};

use crate::api::entities::{Json, list};
use crate::api::list::json;
use crate::app::App;
use crate::db;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::path_id;

pub async fn get(
    State(app): State<App>,
    user: User<scope::ReadLists>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let account = app.account(id).await?;
    if account.is_none_or(|account| account.deleted_at.is_some()) {
        return Err(AppError::not_found());
    }
    let owner = user.account.id;
    let rows = app
        .read(move |c| Box::pin(async move { Ok(db::lists::with_member(c, owner, id).await?) }))
        .await?;
    let entities: Vec<list::Entity> = rows.into_iter().map(list::entity).collect();
    json(&entities)
}
