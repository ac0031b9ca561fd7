//! `/api/v2/notifications`: grouped.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;

use crate::api::entities::notification_group::{self, Expand};
use crate::api::entities::{Json, account};
use crate::api::list;
use crate::api::v1::notifications::{Wanted, clear, count_limit, last_read};
use crate::app::App;
use crate::db;
use crate::domain::notifications;
use crate::error::{AppError, AppResult};
use crate::http::auth::{User, scope};
use crate::http::pagination::Paging;
use crate::http::params::{self, Params};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v2/notifications", get(index))
        .route("/api/v2/notifications/clear", post(clear))
        .route("/api/v2/notifications/unread_count", get(unread_count))
        .route("/api/v2/notifications/{group_key}", get(show))
        .route("/api/v2/notifications/{group_key}/accounts", get(accounts))
        .route("/api/v2/notifications/{group_key}/dismiss", post(dismiss))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Query {
    #[serde(flatten)]
    wanted: Wanted,
    grouped_types: Option<serde_json::Value>,
    #[serde(deserialize_with = "params::text")]
    expand_accounts: Option<String>,
    #[serde(deserialize_with = "params::integer")]
    limit: Option<i64>,
}

impl Query {
    /// Kinds that are not to be grouped.
    fn apart(&self) -> AppResult<Vec<String>> {
        let Some(value) = self.grouped_types.clone() else {
            return Ok(Vec::new());
        };
        let types = params::texts(value)
            .map_err(|_: serde_json::Error| AppError::bad_request("Invalid grouped_types"))?;
        Ok(notification_group::apart(Some(&types)))
    }

    fn expand(&self) -> AppResult<Expand> {
        match self.expand_accounts.as_deref() {
            None | Some("" | "full") => Ok(Expand::Full),
            Some("partial_avatars") => Ok(Expand::PartialAvatars),
            Some(_) => Err(AppError::bad_request(
                "Invalid value for 'expand_accounts': it is full or partial_avatars",
            )),
        }
    }
}

async fn index(
    State(app): State<App>,
    user: User<scope::ReadNotifications>,
    paging: Paging,
    Params(query): Params<Query>,
) -> AppResult<Response> {
    let owner = user.account.id;
    let page = paging.page(40, notification_group::MOST);
    let (apart, expand) = (query.apart()?, query.expand()?);
    let filter = query.wanted.filter()?;
    let groups = notification_group::page(&app, owner, filter, apart, page).await?;
    let links = paging.links(
        groups.first().map(|group| group.newest_id),
        groups.last().map(|group| group.newest_id),
        groups.len() as i64 >= page.limit,
    );
    let json = notification_group::results(&app, owner, &groups, expand).await?;
    Ok((links, Json(json)).into_response())
}

async fn show(
    State(app): State<App>,
    user: User<scope::ReadNotifications>,
    Path(key): Path<String>,
    Params(query): Params<Query>,
) -> AppResult<Json> {
    let owner = user.account.id;
    let group = notification_group::one(&app, owner, key)
        .await?
        .ok_or_else(AppError::not_found)?;
    let json = notification_group::results(&app, owner, &[group], query.expand()?).await?;
    Ok(Json(json))
}

async fn accounts(
    State(app): State<App>,
    user: User<scope::ReadNotifications>,
    paging: Paging,
    Path(key): Path<String>,
) -> AppResult<Response> {
    let owner = user.account.id;
    let page = paging.page(40, 80);
    let first = paging.is_first();
    let rows = app
        .read(move |c| {
            Box::pin(async move {
                if let Some(id) = notifications::ungrouped(&key) {
                    let row = db::notifications::by_id(c, owner, id).await?;
                    return Ok(row
                        .filter(|row| !row.kith)
                        .map(|row| (row.id, row.from_account_id))
                        .into_iter()
                        .collect());
                }
                Ok(db::notifications::senders(c, owner, &key, page).await?)
            })
        })
        .await?;
    let rows: Vec<(i64, i64)> = rows;
    if rows.is_empty() && first {
        return Err(AppError::not_found());
    }
    let ids: Vec<i64> = rows.iter().map(|(_, account)| *account).collect();
    let links = paging.links(
        rows.first().map(|row| row.0),
        rows.last().map(|row| row.0),
        rows.len() as i64 >= page.limit,
    );
    let entities = account::render(&app, &ids).await?;
    Ok((links, list::json(&entities)?).into_response())
}

async fn dismiss(
    State(app): State<App>,
    user: User<scope::WriteNotifications>,
    Path(key): Path<String>,
) -> AppResult<Json> {
    let owner = user.account.id;
    app.write(move |tx| {
        Box::pin(async move { notifications::dismiss_group(tx, owner, &key).await })
    })
    .await?;
    Ok(Json("{}".to_owned()))
}

async fn unread_count(
    State(app): State<App>,
    user: User<scope::ReadNotifications>,
    Params(query): Params<Query>,
) -> AppResult<Json> {
    let owner = user.account.id;
    let limit = count_limit(query.limit);
    let apart = query.apart()?;
    let filter = query.wanted.filter()?;
    let after = last_read(&app, owner).await?;
    let count = notification_group::count_after(&app, owner, filter, apart, after, limit).await?;
    list::json(&json!({"count": count}))
}
