//! What goes wrong at the doors: a status, a text that is safe to send, and a source for the log.

use std::borrow::Cow;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use crate::media::storage::StorageError;

/// An error as a client sees it. Rendered here only, as `{"error": …, "error_description": …}`.
#[derive(Debug)]
pub struct AppError {
    /// The HTTP status.
    pub status: StatusCode,
    /// Safe to show: says nothing of internals, nor whether a private thing exists.
    pub error: Cow<'static, str>,
    /// More for a person to read.
    pub description: Option<String>,
    /// Seconds to wait, for 429 and 503.
    pub retry_after: Option<u64>,
    /// For the log alone.
    pub source: Option<anyhow::Error>,
}

/// What a door or a domain function answers.
pub type AppResult<T> = Result<T, AppError>;

impl AppError {
    /// An error with a status and a safe text.
    pub fn new(status: StatusCode, error: impl Into<Cow<'static, str>>) -> AppError {
        AppError {
            status,
            error: error.into(),
            description: None,
            retry_after: None,
            source: None,
        }
    }

    /// 404, also for what the reader may not see.
    pub fn not_found() -> AppError {
        AppError::new(StatusCode::NOT_FOUND, "Record not found")
    }

    /// 410, for what was here and was deleted.
    pub fn gone() -> AppError {
        AppError::new(StatusCode::GONE, "Record deleted")
    }

    /// 400: the request makes no sense.
    pub fn bad_request(error: impl Into<Cow<'static, str>>) -> AppError {
        AppError::new(StatusCode::BAD_REQUEST, error)
    }

    /// 422: understood, but the values will not do.
    pub fn invalid(error: impl Into<Cow<'static, str>>) -> AppError {
        AppError::new(StatusCode::UNPROCESSABLE_ENTITY, error)
    }

    /// 403.
    pub fn forbidden(error: impl Into<Cow<'static, str>>) -> AppError {
        AppError::new(StatusCode::FORBIDDEN, error)
    }

    /// 401 with the API's text for a missing or dead token.
    pub fn unauthorized() -> AppError {
        AppError::new(StatusCode::UNAUTHORIZED, "The access token is invalid")
    }

    /// 429 with the seconds to wait.
    pub fn too_many(retry_after: u64) -> AppError {
        AppError {
            retry_after: Some(retry_after),
            ..AppError::new(StatusCode::TOO_MANY_REQUESTS, "Too many requests")
        }
    }

    /// 500: the source goes to the log, the client learns nothing of it.
    pub fn internal(source: impl Into<anyhow::Error>) -> AppError {
        AppError {
            source: Some(source.into()),
            ..AppError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "An unexpected error occurred",
            )
        }
    }

    /// Whether it is that the database is not in reach.
    pub fn is_database_gone(&self) -> bool {
        let source = self.source.as_ref();
        source
            .and_then(|source| source.downcast_ref::<crate::db::Error>())
            .is_some_and(crate::db::is_gone)
    }

    /// Adds a description.
    pub fn describe(mut self, description: impl Into<String>) -> AppError {
        self.description = Some(description.into());
        self
    }
}

impl std::fmt::Display for AppError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.error)?;
        if let Some(description) = &self.description {
            write!(f, ": {description}")?;
        }
        if let Some(source) = &self.source {
            write!(f, " ({source:#})")?;
        }
        Ok(())
    }
}

impl std::error::Error for AppError {}

impl From<crate::db::Error> for AppError {
    /// 503 where the database is not in reach, which may pass.
    fn from(error: crate::db::Error) -> AppError {
        if !crate::db::is_gone(&error) {
            return AppError::internal(error);
        }
        AppError {
            source: Some(error.into()),
            retry_after: Some(5),
            ..AppError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "The database cannot be reached now",
            )
        }
    }
}

impl crate::db::Transient for AppError {
    fn is_transient(&self) -> bool {
        let source = self.source.as_ref();
        source
            .and_then(|source| source.downcast_ref::<crate::db::Error>())
            .is_some_and(crate::db::Transient::is_transient)
    }
}

impl From<StorageError> for AppError {
    /// 503 where the object store is in trouble, or the disk is full, which may pass.
    fn from(error: StorageError) -> AppError {
        if !error.is_unavailable() && !error.awaits_admin() {
            return AppError::internal(error);
        }
        AppError {
            source: Some(error.into()),
            retry_after: Some(30),
            ..AppError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "Files cannot be reached now",
            )
        }
    }
}

impl From<serde_json::Error> for AppError {
    fn from(error: serde_json::Error) -> AppError {
        AppError::internal(error)
    }
}

#[derive(serde::Serialize)]
struct Body<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_description: Option<&'a str>,
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        if self.status.is_server_error() {
            tracing::error!(status = self.status.as_u16(), error = %self, "request failed");
        }
        let body = Json(Body {
            error: &self.error,
            error_description: self.description.as_deref(),
        });
        let mut response = (self.status, body).into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
