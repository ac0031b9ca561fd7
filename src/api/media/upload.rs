//! `POST /api/v2/media` and `POST /api/v1/media`: a file, with what is said of it.
//!
//! Pictures are done at once. A video, a sound or an animated GIF takes its time: version 2
//! answers 202 and has it done by a job, version 1 waits.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::json;

use super::{About, delete_files, discard, document, format_of, refused, thumbnail};
use crate::api::entities::media::{MediaAttachment, render};
use crate::app::App;
use crate::db::media::Media;
use crate::domain::media::{self, Upload};
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::spool::{Spooled, SpooledFile};
use crate::media::intake::{Attachment, Sort};
use crate::media::sniff::Format;
use crate::media::storage::Key;

/// `POST /api/v2/media`
pub async fn begin(
    State(app): State<App>,
    user: User<scope::WriteMedia>,
    upload: Spooled<About>,
) -> AppResult<(StatusCode, Json<MediaAttachment>)> {
    take(app, user, upload, false).await
}

/// `POST /api/v1/media`
pub async fn wait(
    State(app): State<App>,
    user: User<scope::WriteMedia>,
    upload: Spooled<About>,
) -> AppResult<(StatusCode, Json<MediaAttachment>)> {
    take(app, user, upload, true).await
}

async fn take(
    app: App,
    user: User<scope::WriteMedia>,
    upload: Spooled<About>,
    waits: bool,
) -> AppResult<(StatusCode, Json<MediaAttachment>)> {
    let Spooled { params, mut files } = upload;
    let mut row = Upload {
        id: app.ctx.ids.next(),
        focus: params.focus()?,
        description: params.description.clone().unwrap_or_default(),
        meta: json!({}),
        ..Upload::default()
    };
    let at = files.iter().position(|file| file.field == "file");
    let file = at
        .map(|at| files.swap_remove(at))
        .ok_or_else(|| AppError::invalid("Validation failed: File can't be blank"))?;
    let any = params.purpose.as_deref() == Some("chat");
    if document::is_one(&file, any) {
        return document::take(&app, &user, row, file).await;
    }
    let format = format_of(&file)?;
    let sort = app
        .intake
        .sort(&file.spool, format)
        .await
        .map_err(refused)?;
    if let Some(chosen) = thumbnail(&app, row.id, &files).await? {
        row.meta["small"] = chosen.meta;
        row.preview = chosen.key.to_string();
        row.blurhash = chosen.blurhash;
        row.size = chosen.bytes.len() as i64;
    }
    let chosen = row.preview.clone();
    let taken = match sort {
        Sort::Slow(plan) if !waits => {
            row.kind = plan.kind.to_owned();
            later(&app, &user, row, file, format).await
        }
        sort => now(&app, &user, row, file, format, sort).await,
    };
    match taken {
        Ok((status, media)) => Ok((status, Json(render(&app.config, &media)))),
        Err(error) => {
            delete_files(&app, &[chosen.as_str()]).await;
            Err(error)
        }
    }
}

/// Does all the work, then keeps the result.
async fn now(
    app: &App,
    user: &User<scope::WriteMedia>,
    row: Upload,
    file: SpooledFile,
    format: Format,
    sort: Sort,
) -> AppResult<(StatusCode, Media)> {
    let done = match sort {
        Sort::Image => {
            let bytes = file.spool.read().await.map_err(AppError::internal)?;
            app.intake.image(row.id, bytes).await
        }
        Sort::Slow(_) => app.intake.slow(row.id, file.spool.path(), format).await,
    }
    .map_err(refused)?;
    let unused = (!row.preview.is_empty())
        .then(|| done.preview.as_ref().map(Key::to_string))
        .flatten();
    let row = filled(row, &done);
    // The row comes before its files: should we die in between, the sweep knows of them.
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    let media = app
        .write(move |tx| Box::pin(async move { media::add(tx, &ctx, &account, row).await }))
        .await?;
    if let Err(error) = app.intake.store(done).await {
        discard(app, media).await?;
        return Err(refused(error));
    }
    // A thumbnail that came along stands in the place of ours.
    delete_files(app, unused.as_deref().as_slice()).await;
    Ok((StatusCode::OK, media))
}

fn filled(row: Upload, done: &Attachment) -> Upload {
    let mut meta = done.meta.clone();
    if let (Some(meta), Some(said)) = (meta.as_object_mut(), row.meta.as_object()) {
        meta.extend(said.clone());
    }
    let own = row.preview.is_empty();
    let preview = done.preview.as_ref().map(Key::to_string);
    Upload {
        kind: done.kind.to_owned(),
        mime: done.mime.to_owned(),
        file: done.file.to_string(),
        preview: if own {
            preview.unwrap_or_default()
        } else {
            row.preview
        },
        blurhash: if own || done.kind == "image" {
            done.blurhash.clone()
        } else {
            row.blurhash
        },
        meta,
        size: row.size + done.size as i64,
        ..row
    }
}

/// Keeps the file as it came, and has the work done by a job.
async fn later(
    app: &App,
    user: &User<scope::WriteMedia>,
    row: Upload,
    file: SpooledFile,
    format: Format,
) -> AppResult<(StatusCode, Media)> {
    let id = row.id;
    let digest = file.spool.digest().await.map_err(AppError::internal)?;
    let source = Key::for_digest("uploads", &id.to_string(), &digest, format.extension())
        .map_err(AppError::internal)?;
    let (ctx, account, name) = (app.ctx.clone(), user.account.clone(), source.to_string());
    let media = app
        .write(move |tx| {
            Box::pin(async move { media::announce(tx, &ctx, &account, row, &name).await })
        })
        .await?;
    if let Err(error) = app.storage.adopt(&source, file.spool).await {
        discard(app, media).await?;
        return Err(error.into());
    }
    // The job begins once there is something to work on; it is as lasting as the row.
    let ctx = app.ctx.clone();
    app.write(move |tx| Box::pin(async move { media::begin(tx, &ctx, id).await }))
        .await?;
    Ok((StatusCode::ACCEPTED, media))
}
