//! `GET /api/v1/statuses/:id`, `GET /api/v1/statuses`

use axum::extract::{Path, State};
use serde::Deserialize;

use super::shown;
use crate::api::entities::Json;
use crate::api::entities::status::{self, Mode, Reader};
use crate::app::App;
use crate::error::{AppError, AppResult};
use crate::http::auth::MaybeUser;
use crate::http::pagination::path_id;
use crate::http::params::{self, Params};

/// Statuses in one request at most.
const MAX: usize = 20;

pub async fn get(
    State(app): State<App>,
    user: MaybeUser,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let reader = user.with("read:statuses")?.map(|account| account.id);
    let json = shown(&app, path_id(&id)?, reader).await?;
    Ok(Json(json.get().to_owned()))
}

#[derive(Debug, Deserialize)]
pub struct Many {
    #[serde(default, deserialize_with = "params::ids")]
    id: Vec<i64>,
}

pub async fn many(
    State(app): State<App>,
    user: MaybeUser,
    Params(query): Params<Many>,
) -> AppResult<Json> {
    if query.id.len() > MAX {
        return Err(AppError::invalid(format!("At most {MAX} statuses")));
    }
    let reader = match user.with("read:statuses")? {
        Some(account) => Some(Reader::of(&app, account.id).await?),
        None => None,
    };
    let page = status::page(&app, &query.id, reader.as_ref(), Mode::Visible).await?;
    Ok(Json(page.json()))
}
