//! `GET /api/v1/statuses/:id/source`

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use crate::app::App;
use crate::db;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::path_id;

pub async fn get(
    State(app): State<App>,
    user: User<scope::ReadStatuses>,
    Path(id): Path<String>,
) -> AppResult<Json<Value>> {
    let id = path_id(&id)?;
    let status = app
        .read(move |c| Box::pin(async move { Ok(db::statuses::by_id(c, id).await?) }))
        .await?
        .filter(|status| status.account_id == user.account.id && status.reblog_of_id.is_none())
        .ok_or_else(AppError::not_found)?;
    Ok(Json(json!({
        "id": id.to_string(),
        "text": status.source,
        "spoiler_text": status.spoiler_text,
        "content_type": status.source_type,
    })))
}
