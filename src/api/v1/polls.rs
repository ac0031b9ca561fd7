//! `/api/v1/polls`

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use serde::Deserialize;

use crate::api::entities::Json;
use crate::api::entities::status;
use crate::app::App;
use crate::db;
use crate::domain::{polls, reactions};
use crate::error::{AppError, AppResult};
use crate::federation;
use crate::http::auth::{MaybeUser, User, scope};
use crate::http::pagination::path_id;
use crate::http::params::{self, Params};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/polls/{id}", get(show))
        .route("/api/v1/polls/{id}/votes", post(vote))
}

/// The status that a poll belongs to.
async fn status_of(app: &App, id: i64) -> AppResult<db::polls::Poll> {
    app.read(move |c| Box::pin(async move { Ok(db::polls::by_id(c, id).await?) }))
        .await?
        .ok_or_else(AppError::not_found)
}

/// A poll as its reader sees it, where they may see its status.
async fn answer(app: &App, status_id: i64, reader: Option<i64>) -> AppResult<Json> {
    status::render_poll(app, status_id, reader)
        .await?
        .map(Json)
        .ok_or_else(AppError::not_found)
}

async fn show(State(app): State<App>, user: MaybeUser, Path(id): Path<String>) -> AppResult<Json> {
    let poll = status_of(&app, path_id(&id)?).await?;
    let reader = user.with("read:statuses")?.map(|account| account.id);
    let shown = answer(&app, poll.status_id, reader).await?;
    // For people here, counts of a poll elsewhere are asked for again once they are old.
    if reader.is_some() && federation::refresh_poll(&app, &poll).await? {
        return answer(&app, poll.status_id, reader).await;
    }
    Ok(shown)
}

#[derive(Debug, Deserialize)]
pub struct Body {
    #[serde(default, deserialize_with = "params::ids")]
    choices: Vec<i64>,
}

async fn vote(
    State(app): State<App>,
    user: User<scope::WriteStatuses>,
    Path(id): Path<String>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let poll_id = path_id(&id)?;
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    let status_id = app
        .write(move |tx| {
            Box::pin(async move {
                let poll = db::polls::by_id(tx, poll_id)
                    .await?
                    .ok_or_else(AppError::not_found)?;
                let status = reactions::subject(tx, &account, poll.status_id).await?;
                polls::vote(tx, &ctx, &account, &status, poll_id, &body.choices).await?;
                Ok(status.id)
            })
        })
        .await?;
    answer(&app, status_id, Some(user.account.id)).await
}
