//! `GET /api/kith/v1/events`: what a stream has missed, for who asks instead of listening.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::LINK;
use serde::{Deserialize, Serialize};

use crate::api::list::json;
use crate::api::streaming::resume::{self, Missed, Reading};
use crate::app::App;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::params::{self, Params};

/// Events in one answer, where nothing is asked for, and at most.
const LIMIT: (i64, i64) = (40, 200);

#[derive(Debug, Deserialize)]
pub struct Query {
    after: Option<String>,
    #[serde(default, deserialize_with = "params::integer")]
    limit: Option<i64>,
    /// Names of streams; all that can be read on where none is named.
    #[serde(default, deserialize_with = "params::texts")]
    stream: Vec<String>,
}

/// An event as the frame of a stream carries it.
#[derive(Debug, Serialize)]
struct Entity {
    cursor: String,
    stream: Vec<&'static str>,
    event: &'static str,
    payload: String,
}

impl Entity {
    fn of(missed: Missed) -> Entity {
        Entity {
            cursor: missed.cursor.to_string(),
            stream: missed.streams,
            event: missed.event,
            payload: missed.payload.as_ref().to_owned(),
        }
    }
}

/// What the reader's own streams carried after a position. The Link header says where to go on,
/// also where nothing came.
pub async fn get(
    State(app): State<App>,
    user: User<scope::Read>,
    Params(query): Params<Query>,
) -> AppResult<Response> {
    let after = resume::cursor(query.after.as_deref())?;
    let limit = query.limit.unwrap_or(LIMIT.0).clamp(1, LIMIT.1);
    let mut streams = Vec::new();
    for name in &query.stream {
        let known = resume::stream(name);
        streams.push(known.ok_or_else(|| AppError::bad_request("Unknown stream type"))?);
    }
    if streams.is_empty() {
        streams.extend(resume::STREAMS);
    }
    let reading = Reading::of(&user.session, user.account.id, &streams);
    let page = match after {
        Some(after) => resume::read(&app, reading, after, limit).await?,
        None => resume::newest(&app, reading, limit).await?,
    };
    let mut next = form_urlencoded::Serializer::new(String::new());
    next.append_pair("after", &page.reached.to_string());
    next.append_pair("limit", &limit.to_string());
    for name in &query.stream {
        next.append_pair("stream[]", name);
    }
    let next = format!("/api/kith/v1/events?{}", next.finish());
    let link = format!("<{}>; rel=\"next\"", app.config.url(&next));
    let entities: Vec<Entity> = page.missed.into_iter().map(Entity::of).collect();
    Ok(([(LINK, link)], json(&entities)?).into_response())
}
