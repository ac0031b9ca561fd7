//! `/api/kith/v1/notifications`

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use serde::Deserialize;
use serde_json::json;

use crate::api::entities::{Json, kith_notification};
use crate::api::list;
use crate::app::App;
use crate::db;
use crate::db::notifications::Filter;
use crate::domain::notifications::{self, Type};
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::{Paging, path_id};
use crate::http::params::{self, Params};

/// How far unread ones are counted.
const MOST_COUNTED: i64 = 10_000;
/// Ids in one request.
const MAX_IDS: usize = 1000;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/kith/v1/notifications", get(index).delete(clear))
        .route("/api/kith/v1/notifications/unread_count", get(unread_count))
        .route("/api/kith/v1/notifications/read", post(read))
        .route("/api/kith/v1/notifications/{id}/read", post(read_one))
        .route("/api/kith/v1/notifications/{id}", delete(dismiss))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    #[serde(deserialize_with = "params::flag")]
    unread: Option<bool>,
    #[serde(deserialize_with = "params::texts")]
    types: Vec<String>,
    #[serde(deserialize_with = "params::texts")]
    exclude_types: Vec<String>,
}

impl Wanted {
    fn filter(self) -> AppResult<Filter> {
        let names = self.types.iter().chain(&self.exclude_types);
        if let Some(name) = names.into_iter().find(|name| Type::parse(name).is_none()) {
            return Err(AppError::bad_request("Unknown type")
                .describe(format!("There is no type {name:?}")));
        }
        Ok(Filter {
            kinds: self.types,
            exclude: self.exclude_types,
            ..Filter::default()
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
    let owner = user.account.id;
    let unread = wanted.unread == Some(true);
    let filter = wanted.filter()?;
    let rows = app
        .read(move |c| {
            Box::pin(async move {
                let marks = match unread {
                    true => Some(db::kith_notifications::marks(c, owner).await?),
                    false => None,
                };
                Ok(db::kith_notifications::page(c, owner, &filter, marks, page).await?)
            })
        })
        .await?;
    let links = paging.links(
        rows.first().map(|row| row.id),
        rows.last().map(|row| row.id),
        rows.len() as i64 >= page.limit,
    );
    let entities = kith_notification::render(&app, owner, &rows).await?;
    let entities: Vec<_> = entities.into_iter().map(|(_, entity)| entity).collect();
    Ok((links, list::json(&entities)?).into_response())
}

async fn count(app: &App, owner: i64) -> AppResult<i64> {
    app.read(move |c| {
        Box::pin(
            async move { Ok(db::kith_notifications::count_unread(c, owner, MOST_COUNTED).await?) },
        )
    })
    .await
}

async fn unread_count(
    State(app): State<App>,
    user: User<scope::ReadNotifications>,
) -> AppResult<Json> {
    list::json(&json!({"count": count(&app, user.account.id).await?}))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Several {
    ids: Option<serde_json::Value>,
}

async fn read(
    State(app): State<App>,
    user: User<scope::WriteNotifications>,
    Params(several): Params<Several>,
) -> AppResult<Json> {
    let ids = match several.ids {
        None => None,
        Some(value) => Some(
            params::ids(value)
                .map_err(|_: serde_json::Error| AppError::bad_request("Invalid ids"))?,
        ),
    };
    if ids.as_ref().is_some_and(|ids| ids.len() > MAX_IDS) {
        return Err(AppError::bad_request("Too many ids"));
    }
    let (owner, ctx) = (user.account.id, app.ctx.clone());
    app.write(move |tx| {
        Box::pin(async move {
            match ids {
                Some(ids) => notifications::read_some(tx, &ctx, owner, &ids).await,
                None => notifications::read_all(tx, &ctx, owner).await,
            }
        })
    })
    .await?;
    list::json(&json!({"unread": count(&app, owner).await?}))
}

async fn read_one(
    State(app): State<App>,
    user: User<scope::WriteNotifications>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let (owner, ctx) = (user.account.id, app.ctx.clone());
    app.write(move |tx| {
        Box::pin(async move { notifications::read_some(tx, &ctx, owner, &[id]).await })
    })
    .await?;
    let json = kith_notification::render_one(&app, owner, id)
        .await?
        .ok_or_else(AppError::not_found)?;
    Ok(list::entity(&json))
}

async fn dismiss(
    State(app): State<App>,
    user: User<scope::WriteNotifications>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let id = path_id(&id)?;
    let owner = user.account.id;
    app.write(move |tx| Box::pin(async move { notifications::dismiss_any(tx, owner, id).await }))
        .await?;
    Ok(Json("{}".to_owned()))
}

async fn clear(State(app): State<App>, user: User<scope::WriteNotifications>) -> AppResult<Json> {
    let owner = user.account.id;
    app.write(move |tx| Box::pin(notifications::clear_all(tx, owner)))
        .await?;
    Ok(Json("{}".to_owned()))
}
