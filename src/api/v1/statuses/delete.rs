//! `DELETE /api/v1/statuses/:id`

use axum::extract::{Path, State};

use super::shown;
use crate::api::entities::Json;
use crate::app::App;
use crate::domain::statuses;
use crate::error::AppResult;
use crate::http::auth::{User, scope};
use crate::http::pagination::path_id;

pub async fn delete(
    State(app): State<App>,
    user: User<scope::WriteStatuses>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let author = user.account.clone();
    // The answer shows the status as it was, with its source, so that it can be drafted again.
    let before = shown(&app, id, Some(author.id)).await?;
    let ctx = app.ctx.clone();
    let status = app
        .write(move |tx| Box::pin(async move { statuses::delete(tx, &ctx, &author, id).await }))
        .await?;
    let mut json = before.get().to_owned();
    json.pop();
    json.push_str(",\"text\":");
    json.push_str(&serde_json::to_string(&status.source)?);
    json.push('}');
    Ok(Json(json))
}
