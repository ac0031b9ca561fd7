//! What other servers read here: actors, statuses, collections, and how to find them.

use axum::Router;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, VARY};
use http::{HeaderValue, StatusCode};
use serde_json::Value;

use crate::app::App;

mod accept;
mod actor;
mod collections;
mod emojis;
mod featured;
mod featured_collections;
mod nodeinfo;
mod quotes;
mod reader;
mod statuses;
mod synchronisation;
mod webfinger;

pub use accept::wants_activity;
pub use collections::activities;
pub use nodeinfo::Usage;
pub use reader::Reader;

/// The routes.
pub fn routes() -> Router<App> {
    Router::new()
        .merge(actor::routes())
        .merge(collections::routes())
        .merge(featured::routes())
        .merge(featured_collections::routes())
        .merge(quotes::routes())
        .merge(emojis::routes())
        .merge(statuses::routes())
        .merge(synchronisation::routes())
        .merge(webfinger::routes())
        .merge(nodeinfo::routes())
}

/// An ActivityPub document as an answer.
pub struct Ap {
    status: StatusCode,
    document: Value,
    /// Only for who asked: not to be kept by caches between us.
    private: bool,
}

impl Ap {
    /// 200, for everyone.
    pub fn open(document: Value) -> Ap {
        Ap {
            status: StatusCode::OK,
            document,
            private: false,
        }
    }

    /// 200, for the reader alone.
    pub fn private(document: Value) -> Ap {
        Ap {
            private: true,
            ..Ap::open(document)
        }
    }

    /// 410 with a Tombstone.
    pub fn gone(tombstone: Value) -> Ap {
        Ap {
            status: StatusCode::GONE,
            ..Ap::open(tombstone)
        }
    }
}

impl IntoResponse for Ap {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.document.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/activity+json; charset=utf-8"),
        );
        headers.insert(VARY, HeaderValue::from_static("Accept, Signature"));
        if self.private {
            headers.insert(
                http::header::CACHE_CONTROL,
                HeaderValue::from_static("private, no-store"),
            );
        }
        response
    }
}
