//! `GET`, `PUT` and `DELETE /api/v1/media/:id`

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;

use super::{About, delete_files, discard, thumbnail};
use crate::api::entities::media::{MediaAttachment, render};
use crate::app::App;
use crate::db;
use crate::domain::media::{self, Change, Thumbnail};
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::spool::Spooled;

fn id_of(text: &str) -> AppResult<i64> {
    text.parse().map_err(|_| AppError::not_found())
}

/// 206 while it is worked on, 422 when nothing came of it.
pub async fn show(
    State(app): State<App>,
    user: User<scope::WriteMedia>,
    Path(id): Path<String>,
) -> AppResult<(StatusCode, Json<MediaAttachment>)> {
    let id = id_of(&id)?;
    let (media, work) = app
        .read(move |c| {
            Box::pin(async move {
                // First: should the work end between the two, the file is there; the other way
                // round, neither would be.
                let work = db::media_work::of(c, &[id]).await?.pop();
                let media = media::own(c, &user.account, id).await?;
                let work = work.filter(|_| media.file.is_empty());
                Ok((media, work))
            })
        })
        .await?;
    let status = match work {
        Some(work) if !work.error.is_empty() => return Err(AppError::invalid(work.error)),
        Some(_) => StatusCode::PARTIAL_CONTENT,
        None => StatusCode::OK,
    };
    Ok((status, Json(render(&app.config, &media))))
}

/// Changes alt text, focus and thumbnail.
pub async fn change(
    State(app): State<App>,
    user: User<scope::WriteMedia>,
    Path(id): Path<String>,
    upload: Spooled<About>,
) -> AppResult<Json<MediaAttachment>> {
    let id = id_of(&id)?;
    let focus = upload.params.focus()?;
    let account = user.account.clone();
    // Nothing is stored for what is another's.
    let known = app
        .read(move |c| Box::pin(async move { media::own(c, &account, id).await }))
        .await?;
    let chosen = thumbnail(&app, id, &upload.files).await?;
    let stored = chosen
        .as_ref()
        .map(|chosen| chosen.key.to_string())
        .filter(|key| *key != known.preview);
    let change = Change {
        description: upload.params.description,
        focus,
        thumbnail: chosen.map(|chosen| Thumbnail {
            preview: chosen.key.to_string(),
            blurhash: chosen.blurhash,
            meta: chosen.meta,
            bytes: chosen.bytes.len() as i64,
        }),
    };
    let ctx = app.ctx.clone();
    let changed = app
        .write(move |tx| {
            Box::pin(async move { media::change(tx, &ctx, &user.account, id, change).await })
        })
        .await;
    match changed {
        Ok((media, replaced)) => {
            delete_files(&app, replaced.as_deref().as_slice()).await;
            Ok(Json(render(&app.config, &media)))
        }
        Err(error) => {
            delete_files(&app, stored.as_deref().as_slice()).await;
            Err(error)
        }
    }
}

/// Deletes what no post holds.
pub async fn remove(
    State(app): State<App>,
    user: User<scope::WriteMedia>,
    Path(id): Path<String>,
) -> AppResult<Json<serde_json::Value>> {
    let id = id_of(&id)?;
    let media = app
        .write(move |tx| Box::pin(async move { media::give_up(tx, &user.account, id).await }))
        .await?;
    discard(&app, media).await?;
    Ok(Json(serde_json::json!({})))
}
