//! The shapes that several routes answer with, and their rendering in batches: a page costs a
//! fixed number of statements, and none for what is in memory.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, header};
use serde_json::value::RawValue;

pub mod account;
pub mod account_warning;
pub mod admin;
pub mod announcement;
pub mod card;
pub mod chat;
pub mod collection;
pub mod conversation;
pub mod draft;
pub mod featuring;
pub mod filter;
pub mod friend_request;
pub mod instance;
pub mod interaction_policy;
pub mod interaction_request;
pub mod kith;
pub mod kith_notification;
pub mod list;
pub mod media;
pub mod notification;
pub mod notification_group;
pub mod poll;
pub mod quoting;
pub mod relationship;
pub mod report;
pub mod role;
pub mod scheduled_status;
pub mod severance;
pub mod status;
pub mod status_edit;
pub mod tag;

/// JSON text as a value that serde writes as it is; `None` for what is no JSON.
pub fn raw(json: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(json.to_owned()).ok()
}

/// An answer whose JSON is written already.
pub struct Json(pub String);

impl IntoResponse for Json {
    fn into_response(self) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json; charset=utf-8"),
        );
        (headers, self.0).into_response()
    }
}
