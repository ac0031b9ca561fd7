//! Uploads of any size: the files of a multipart body go to the disk as they arrive.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use http::{StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::params::{self, Fields};
use crate::app::App;
use crate::disk::UPLOADS;
use crate::error::{AppError, AppResult};
use crate::media::av;
use crate::media::sniff::{Format, sniff};
use crate::media::storage::Spool;

/// All files and fields of a body together, in bytes.
const MAX_BODY: u64 = av::MAX_BYTES + (20 << 20);
/// A field that is no file, in bytes.
const MAX_FIELD: usize = 1 << 20;
/// A document, in bytes.
pub const MAX_DOCUMENT: u64 = 40 << 20;
/// Characters kept of a file's name.
const MAX_NAME: usize = 200;
/// Files in a body.
const MAX_FILES: usize = 4;

/// The parameters of a request and the files of its multipart body.
pub struct Spooled<T> {
    pub params: T,
    pub files: Vec<SpooledFile>,
}

/// A file of a multipart body.
pub struct SpooledFile {
    /// The form field.
    pub field: String,
    /// What the sender calls it: to show to people, and for nothing else.
    pub name: String,
    /// What its first bytes say it is; whatever it is called does not matter.
    pub format: Option<Format>,
    pub spool: Spool,
}

impl<T: DeserializeOwned> FromRequest<App> for Spooled<T> {
    type Rejection = AppError;

    async fn from_request(request: Request, app: &App) -> AppResult<Spooled<T>> {
        let content_type = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("multipart/form-data") {
            let (value, _) = params::read(request, params::MAX_BODY).await?;
            return Ok(Spooled {
                params: params::parse(value)?,
                files: Vec::new(),
            });
        }
        let boundary = multer::parse_boundary(content_type).map_err(|_| malformed())?;
        if app.room.is_low(UPLOADS) {
            return Err(AppError::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "There is no room for files on this server now",
            ));
        }
        let mut fields = Fields::default();
        fields.query(request.uri().query())?;
        let mut files = Vec::new();
        read(app, request.into_body(), boundary, &mut fields, &mut files).await?;
        Ok(Spooled {
            params: params::parse(Value::Object(fields.into_object()))?,
            files,
        })
    }
}

fn malformed() -> AppError {
    AppError::bad_request("Malformed multipart body")
}

async fn read(
    app: &App,
    body: Body,
    boundary: String,
    fields: &mut Fields,
    files: &mut Vec<SpooledFile>,
) -> AppResult<()> {
    let limits = multer::SizeLimit::new().whole_stream(MAX_BODY);
    let constraints = multer::Constraints::new().size_limit(limits);
    let stream = body.into_data_stream();
    let mut multipart = multer::Multipart::with_constraints(stream, boundary, constraints);
    let failed = |error: multer::Error| match error {
        multer::Error::StreamSizeExceeded { .. } => params::too_large(),
        _ => malformed(),
    };
    while let Some(mut field) = multipart.next_field().await.map_err(failed)? {
        let name = field.name().unwrap_or_default().to_owned();
        if field.file_name().is_none() {
            let mut text = Vec::new();
            while let Some(chunk) = field.chunk().await.map_err(failed)? {
                text.extend_from_slice(&chunk);
                if text.len() > MAX_FIELD {
                    return Err(params::too_large());
                }
            }
            let text = String::from_utf8(text)
                .map_err(|_| AppError::bad_request("A field is not UTF-8"))?;
            fields.insert(&name, Value::String(text))?;
            continue;
        }
        if files.len() >= MAX_FILES {
            return Err(AppError::bad_request("Too many files"));
        }
        let called = field.file_name().unwrap_or_default();
        let called: String = called
            .chars()
            .filter(|c| !c.is_control())
            .take(MAX_NAME)
            .collect();
        let mut spool = app.storage.spool().await?;
        while let Some(chunk) = field.chunk().await.map_err(failed)? {
            spool.write(&chunk).await.map_err(AppError::internal)?;
            // Once the format is known, so is its limit: nobody is let send on in vain.
            if let Some(format) = sniff(spool.head()) {
                let max = app.intake.max_bytes(format);
                if spool.len() > max {
                    return Err(AppError::invalid(format!(
                        "Validation failed: File must be at most {} MiB",
                        max >> 20
                    )));
                }
            } else if spool.len() > MAX_DOCUMENT {
                return Err(AppError::invalid(format!(
                    "Validation failed: File must be at most {} MiB",
                    MAX_DOCUMENT >> 20
                )));
            }
        }
        spool.flush().await.map_err(AppError::internal)?;
        files.push(SpooledFile {
            field: name,
            name: called,
            format: sniff(spool.head()),
            spool,
        });
    }
    Ok(())
}
