//! Attachments in preparation: `/api/v1/media`, `/api/v2/media`.

use axum::Router;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::db;
use crate::domain::media::MAX_DESCRIPTION;
use crate::error::{AppError, AppResult};
use crate::http::params::text;
use crate::http::spool::SpooledFile;
use crate::media::intake::{IntakeError, Thumbnail};
use crate::media::sniff::Format;
use crate::media::{MediaError, av, sweep};

mod document;
mod one;
mod upload;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/media", post(upload::wait))
        .route("/api/v2/media", post(upload::begin))
        .route(
            "/api/v1/media/{id}",
            get(one::show).put(one::change).delete(one::remove),
        )
}

/// What is said of a file.
#[derive(Debug, Deserialize)]
struct About {
    #[serde(default, deserialize_with = "text")]
    description: Option<String>,
    /// `x,y`, each from -1 to 1.
    #[serde(default, deserialize_with = "text")]
    focus: Option<String>,
    /// Kith's own: `chat` for any file at all.
    #[serde(default, deserialize_with = "text")]
    purpose: Option<String>,
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
        IntakeError::Storage(error) => error.into(),
        other => AppError::internal(other),
    }
}

/// The part of the instance entity that says what may be uploaded.
pub fn configuration(app: &App) -> Value {
    let image = app.intake.limits();
    let mut types = vec!["image/jpeg", "image/png", "image/gif", "image/webp"];
    let (mut size, mut rate, mut matrix) = (0, 0, 0);
    if app.intake.takes_av() {
        types.extend([
            "video/webm",
            "video/mp4",
            "video/quicktime",
            "video/x-matroska",
            "video/ogg",
            "audio/mpeg",
            "audio/mp3",
            "audio/ogg",
            "audio/vorbis",
            "audio/opus",
            "audio/flac",
            "audio/x-flac",
            "audio/wav",
            "audio/x-wav",
            "audio/wave",
            "audio/vnd.wave",
            "audio/webm",
            "audio/mp4",
            "audio/m4a",
            "audio/x-m4a",
        ]);
        (size, rate, matrix) = (av::MAX_BYTES, av::MAX_FRAME_RATE, av::MAX_MATRIX);
    }
    json!({
        "supported_mime_types": types,
        "description_limit": MAX_DESCRIPTION,
        "image_size_limit": image.max_bytes,
        "image_matrix_limit": image.max_pixels,
        "video_size_limit": size,
        "video_frame_rate_limit": rate,
        "video_matrix_limit": matrix,
    })
}

/// The format of an uploaded file; 422 for what is none.
fn format_of(file: &SpooledFile) -> AppResult<Format> {
    if file.spool.is_empty() {
        return Err(AppError::invalid("Validation failed: File can't be blank"));
    }
    file.format.ok_or_else(|| {
        AppError::invalid("Validation failed: File is not a picture, a video or a sound")
    })
}

/// Works out a thumbnail that came along, and stores it.
async fn thumbnail(app: &App, id: i64, files: &[SpooledFile]) -> AppResult<Option<Thumbnail>> {
    let Some(file) = files.iter().find(|file| file.field == "thumbnail") else {
        return Ok(None);
    };
    format_of(file)?;
    let bytes = file.spool.read().await.map_err(AppError::internal)?;
    let made = app.intake.thumbnail(id, bytes).await.map_err(refused)?;
    app.storage.put(&made.key, made.bytes.clone()).await?;
    Ok(Some(made))
}

/// Deletes files that no row names any more; what cannot be is told to the log.
async fn delete_files(app: &App, keys: &[&str]) {
    if let Err(error) = sweep::delete_all(&app.storage, keys).await {
        tracing::warn!(%error, "an unused media file stays");
    }
}

/// Deletes the files of an attachment that nobody can attach any more, then its row. What cannot be deleted now
/// is left to the sweep.
async fn discard(app: &App, media: db::media::Media) -> AppResult<()> {
    let id = media.id;
    let work = app
        .read(move |c| Box::pin(async move { Ok(db::media_work::of(c, &[id]).await?) }))
        .await?;
    let mut files = vec![media.file.as_str(), media.preview.as_str()];
    files.extend(work.iter().flat_map(|work| work.files()));
    if let Err(error) = sweep::delete_all(&app.storage, &files).await {
        tracing::warn!(id, %error, "the files of an attachment are left to the next cleaning");
        return Ok(());
    }
    app.write(move |tx| Box::pin(async move { Ok(db::media::delete(tx, id).await?) }))
        .await
}
