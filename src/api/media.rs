//! Attachments in preparation: `/api/v1/media`, `/api/v2/media`.
//!
//! An upload is answered when it is processed, so there is nothing to wait for: both versions
//! answer 200 with the address.

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;

use super::entities::media::{MediaAttachment, render};
use crate::app::App;
use crate::db;
use crate::domain;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::params::{Upload, text};
use crate::media::intake::IntakeError;
use crate::media::{MediaError, sweep};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/media", post(upload))
        .route("/api/v2/media", post(upload))
        .route("/api/v1/media/{id}", get(show).put(change).delete(remove))
}

/// What is said of a file.
#[derive(Debug, Deserialize)]
struct About {
    #[serde(default, deserialize_with = "text")]
    description: Option<String>,
    /// `x,y`, each from -1 to 1.
    #[serde(default, deserialize_with = "text")]
    focus: Option<String>,
}

impl About {
    fn focus(&self) -> AppResult<Option<(f64, f64)>> {
        let Some(text) = self.focus.as_deref().filter(|text| !text.trim().is_empty()) else {
            return Ok(None);
        };
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|n| n.is_finite());
        text.split_once(',')
            .and_then(|(x, y)| number(x).zip(number(y)))
            .map(Some)
            .ok_or_else(|| AppError::invalid("Validation failed: Focus must be two numbers"))
    }
}

/// What the intake's failures mean to a client.
pub fn refused(error: IntakeError) -> AppError {
    match error {
        IntakeError::Refused(MediaError::TooLarge { bytes, max }) => AppError::invalid(format!(
            "Validation failed: File must be at most {} MiB",
            max >> 20
        ))
        .describe(format!("{bytes} bytes")),
        IntakeError::Refused(error) => {
            let text = error.to_string();
            let mut letters = text.chars();
            let first = letters.next().into_iter().flat_map(char::to_uppercase);
            let text: String = first.chain(letters).collect();
            AppError::invalid(format!("Validation failed: {text}"))
        }
        other => AppError::internal(other),
    }
}

async fn upload(
    State(app): State<App>,
    user: User<scope::WriteMedia>,
    upload: Upload<About>,
) -> AppResult<Json<MediaAttachment>> {
    let focus = upload.params.focus()?;
    let file = upload
        .files
        .into_iter()
        .find(|file| file.field == "file")
        .ok_or_else(|| AppError::invalid("Validation failed: File can't be blank"))?;
    let id = app.ctx.ids.next();
    let ready = app
        .intake
        .attachment(id, file.bytes)
        .await
        .map_err(refused)?;
    let row = domain::media::Upload {
        kind: "image".to_owned(),
        mime: ready.mime.to_owned(),
        file: ready.file.to_string(),
        preview: ready.preview.to_string(),
        blurhash: ready.blurhash.clone(),
        meta: serde_json::to_value(&ready.meta)?,
        size: ready.size as i64,
        description: upload.params.description.unwrap_or_default(),
        focus,
    };
    // The row comes before its files: should we die in between, the sweep knows of them.
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    let media = app
        .write(move |tx| Box::pin(async move { domain::media::add(tx, &ctx, &account, row).await }))
        .await?;
    if let Err(error) = app.intake.store(&ready).await {
        discard(&app, media).await?;
        return Err(refused(error));
    }
    Ok(Json(render(&app.config, &media)))
}

async fn show(
    State(app): State<App>,
    user: User<scope::WriteMedia>,
    Path(id): Path<String>,
) -> AppResult<Json<MediaAttachment>> {
    let id = id.parse().map_err(|_| AppError::not_found())?;
    let media = app
        .read(move |c| Box::pin(async move { domain::media::own(c, &user.account, id).await }))
        .await?;
    Ok(Json(render(&app.config, &media)))
}

async fn change(
    State(app): State<App>,
    user: User<scope::WriteMedia>,
    Path(id): Path<String>,
    // A thumbnail of one's own may come along as a file; ours is made from the picture.
    upload: Upload<About>,
) -> AppResult<Json<MediaAttachment>> {
    let id = id.parse().map_err(|_| AppError::not_found())?;
    let focus = upload.params.focus()?;
    let text = upload.params.description;
    let media = app
        .write(move |tx| {
            Box::pin(async move { domain::media::change(tx, &user.account, id, text, focus).await })
        })
        .await?;
    Ok(Json(render(&app.config, &media)))
}

async fn remove(
    State(app): State<App>,
    user: User<scope::WriteMedia>,
    Path(id): Path<String>,
) -> AppResult<Json<serde_json::Value>> {
    let id = id.parse().map_err(|_| AppError::not_found())?;
    let media = app
        .write(move |tx| {
            Box::pin(async move { domain::media::give_up(tx, &user.account, id).await })
        })
        .await?;
    discard(&app, media).await?;
    Ok(Json(serde_json::json!({})))
}

/// Deletes the files of an attachment that nobody can attach any more, then its row.
async fn discard(app: &App, media: db::media::Media) -> AppResult<()> {
    sweep::delete_files(&app.storage, &media.file, &media.preview)
        .await
        .map_err(AppError::internal)?;
    app.write(move |tx| Box::pin(async move { Ok(db::media::delete(tx, media.id).await?) }))
        .await
}
