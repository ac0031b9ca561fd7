//! Documents: files of any kind for chats, kept as they came and never shown, but downloaded.

use axum::Json;
use http::StatusCode;

use super::{discard, refused};
use crate::api::entities::media::{MediaAttachment, render};
use crate::app::App;
use crate::db;
use crate::domain::media::{self, Upload};
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::spool::{MAX_DOCUMENT, SpooledFile};
use crate::media::MediaError;
use crate::media::sniff::{self, Format, Kind};
use crate::media::storage::Key;

/// Whether a file is to be kept as a document. `any`: so is whatever is nothing else.
pub(super) fn is_one(file: &SpooledFile, any: bool) -> bool {
    if file.spool.is_empty() {
        return false;
    }
    match file.format {
        Some(format) => format.kind() == Kind::Document,
        None => any || sniff::is_document(file.spool.head()),
    }
}

/// Keeps a document until a message takes it up.
pub(super) async fn take(
    app: &App,
    user: &User<scope::WriteMedia>,
    row: Upload,
    file: SpooledFile,
) -> AppResult<(StatusCode, Json<MediaAttachment>)> {
    let size = file.spool.len();
    if size > MAX_DOCUMENT {
        return Err(refused(
            MediaError::TooLarge {
                bytes: size as usize,
                max: MAX_DOCUMENT as usize,
            }
            .into(),
        ));
    }
    let format: Format = file
        .format
        .unwrap_or_else(|| sniff::document(file.spool.head()));
    let digest = file.spool.digest().await.map_err(AppError::internal)?;
    let key = Key::for_digest("chats", &row.id.to_string(), &digest, format.extension())
        .map_err(AppError::internal)?;
    let row = Upload {
        kind: "unknown".to_owned(),
        mime: format.mime().to_owned(),
        file: key.to_string(),
        size: size as i64,
        ..row
    };
    let (ctx, account, name) = (app.ctx.clone(), user.account.clone(), file.name);
    // The row comes before its file: should we die in between, the sweep knows of it.
    let kept = app
        .write(move |tx| {
            Box::pin(async move {
                let kept = media::add(tx, &ctx, &account, row).await?;
                db::chat_files::reserve(tx, kept.id, &name).await?;
                Ok(kept)
            })
        })
        .await?;
    if let Err(error) = app.storage.adopt(&key, file.spool).await {
        discard(app, kept).await?;
        return Err(error.into());
    }
    Ok((StatusCode::OK, Json(render(&app.config, &kept))))
}
