//! `/api/v1/interaction_requests`

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use crate::api::entities::{Json, interaction_request};
use crate::api::list;
use crate::app::App;
use crate::db;
use crate::db::interactions::Filter;
use crate::domain::interactions::{self, Verb};
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::{Paging, path_id};
use crate::http::params::{self, Params};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/interaction_requests", get(index))
        .route("/api/v1/interaction_requests/{id}", get(show))
        .route(
            "/api/v1/interaction_requests/{id}/authorize",
            post(authorize),
        )
        .route("/api/v1/interaction_requests/{id}/reject", post(reject))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    #[serde(deserialize_with = "params::integer")]
    status_id: Option<i64>,
    #[serde(deserialize_with = "params::flag")]
    favourites: Option<bool>,
    #[serde(deserialize_with = "params::flag")]
    replies: Option<bool>,
    #[serde(deserialize_with = "params::flag")]
    reblogs: Option<bool>,
}

impl Wanted {
    fn filter(self) -> AppResult<Filter> {
        let verbs: Vec<i16> = [
            (Verb::Like, self.favourites),
            (Verb::Reply, self.replies),
            (Verb::Announce, self.reblogs),
        ]
        .into_iter()
        .filter(|(_, wanted)| wanted.unwrap_or(true))
        .map(|(verb, _)| verb as i16)
        .collect();
        if verbs.is_empty() {
            return Err(AppError::bad_request(
                "At least one of favourites, replies and reblogs must be true",
            ));
        }
        Ok(Filter {
            status_id: self.status_id,
            verbs,
        })
    }
}

async fn index(
    State(app): State<App>,
    user: User<scope::ReadNotifications>,
    paging: Paging,
    Params(wanted): Params<Wanted>,
) -> AppResult<Response> {
    let page = paging.page(40, 80);
    let (owner, filter) = (user.account.id, wanted.filter()?);
    let rows = app
        .read(move |c| {
            Box::pin(async move { Ok(db::interactions::page(c, owner, &filter, page).await?) })
        })
        .await?;
    let links = paging.links(
        rows.first().map(|row| row.id),
        rows.last().map(|row| row.id),
        rows.len() as i64 >= page.limit,
    );
    let entities = interaction_request::render(&app, owner, &rows).await?;
    Ok((links, list::json(&entities)?).into_response())
}

/// The request as whom it waits for sees it; 404 for anybody else.
async fn shown(app: &App, owner: i64, id: i64) -> AppResult<Json> {
    let row = app
        .read(move |c| Box::pin(async move { Ok(db::interactions::by_id(c, id).await?) }))
        .await?
        .filter(|row| row.target_id == owner)
        .ok_or_else(AppError::not_found)?;
    let entity = interaction_request::render(app, owner, &[row]).await?.pop();
    list::json(&entity.ok_or_else(AppError::not_found)?)
}

async fn show(
    State(app): State<App>,
    user: User<scope::ReadNotifications>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    shown(&app, user.account.id, path_id(&id)?).await
}

async fn authorize(
    State(app): State<App>,
    user: User<scope::WriteNotifications>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    decide(app, user, &id, true).await
}

async fn reject(
    State(app): State<App>,
    user: User<scope::WriteNotifications>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    decide(app, user, &id, false).await
}

async fn decide(
    app: App,
    user: User<scope::WriteNotifications>,
    id: &str,
    accept: bool,
) -> AppResult<Json> {
    let id = path_id(id)?;
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    app.write(move |tx| {
        Box::pin(async move {
            if accept {
                interactions::authorize(tx, &ctx, &account, id).await
            } else {
                interactions::reject(tx, &ctx, &account, id).await
            }
        })
    })
    .await?;
    shown(&app, user.account.id, id).await
}
