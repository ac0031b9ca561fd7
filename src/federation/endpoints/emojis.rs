//! `/emojis/{id}`: one of our custom emoji as an object.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;

use super::{Ap, Reader};
use crate::app::App;
use crate::db;
use crate::domain::emojis::Used;
use crate::error::{AppError, AppResult};
use crate::federation::render;

pub fn routes() -> Router<App> {
    Router::new().route("/emojis/{id}", get(show))
}

async fn show(State(app): State<App>, Path(id): Path<String>, reader: Reader) -> AppResult<Ap> {
    reader.admit()?;
    let id: i64 = id.parse().map_err(|_| AppError::not_found())?;
    let emoji = app
        .read(move |c| Box::pin(async move { Ok(db::emojis::by_id(c, id).await?) }))
        .await?
        .filter(|emoji| emoji.domain.is_empty())
        .ok_or_else(AppError::not_found)?;
    let object = render::emoji::object(&Used::of(&app.config, &emoji));
    Ok(Ap::open(render::document(render::emoji::context(), object)))
}
