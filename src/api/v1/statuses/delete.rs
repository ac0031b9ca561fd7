//! `DELETE /api/v1/statuses/:id`

use axum::extract::{Path, State};

use serde::Deserialize;

use super::shown;
use crate::api::entities::Json;
use crate::app::App;
use crate::db;
use crate::db::media::Media;
use crate::domain::statuses;
use crate::error::AppResult;
use crate::http::auth::{User, scope};
use crate::http::pagination::path_id;
use crate::http::params::{self, Params};
use crate::media::sweep;

#[derive(Debug, Deserialize)]
pub struct Query {
    #[serde(default, deserialize_with = "params::flag")]
    delete_media: Option<bool>,
}

pub async fn delete(
    State(app): State<App>,
    user: User<scope::WriteStatuses>,
    Path(id): Path<String>,
    Params(query): Params<Query>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let author = user.account.clone();
    // The answer shows the status as it was, with its source, so that it can be drafted again.
    let before = shown(&app, id, Some(author.id)).await?;
    let ctx = app.ctx.clone();
    let delete_media = query.delete_media.unwrap_or(false);
    let (status, given_up) = app
        .write(move |tx| {
            Box::pin(async move { statuses::delete(tx, &ctx, &author, id, delete_media).await })
        })
        .await?;
    // The status is gone whatever becomes of these. Should we stop half-way, the sweep goes on: the rows go
    // after their files.
    if let Err(error) = delete_given_up(&app, given_up).await {
        tracing::warn!(id, %error, "the files of a deleted status are left to the next cleaning");
    }
    let mut json = before.get().to_owned();
    json.pop();
    json.push_str(",\"text\":");
    json.push_str(&serde_json::to_string(&status.source)?);
    json.push('}');
    Ok(Json(json))
}

async fn delete_given_up(app: &App, given_up: Vec<Media>) -> AppResult<()> {
    for media in given_up {
        sweep::delete_files(&app.storage, &media.file, &media.preview).await?;
        app.write(move |tx| Box::pin(async move { Ok(db::media::delete(tx, media.id).await?) }))
            .await?;
    }
    Ok(())
}
