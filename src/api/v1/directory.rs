//! `GET /api/v1/directory`

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::Deserialize;

use crate::api::entities::{Json, account};
use crate::api::list::json;
use crate::app::App;
use crate::db;
use crate::db::discovery::Order;
use crate::error::AppResult;
use crate::http::auth::MaybeUser;
use crate::http::pagination::Paging;
use crate::http::params::{self, Params};

pub fn routes() -> Router<App> {
    Router::new().route("/api/v1/directory", get(index))
}

#[derive(Debug, Deserialize)]
struct Query {
    #[serde(default, deserialize_with = "params::text")]
    order: Option<String>,
    #[serde(default, deserialize_with = "params::flag")]
    local: Option<bool>,
}

async fn index(
    State(app): State<App>,
    user: MaybeUser,
    paging: Paging,
    Params(query): Params<Query>,
) -> AppResult<Json> {
    let order = match query.order.as_deref() {
        Some("new") => Order::New,
        _ => Order::Active,
    };
    let local = query.local.unwrap_or(false);
    let reader = user.account.map(|account| account.id);
    let (limit, offset) = (paging.page(40, 80).limit, paging.offset());
    let ids = app
        .read(move |c| {
            Box::pin(async move {
                Ok(db::discovery::directory(c, order, local, reader, limit, offset).await?)
            })
        })
        .await?;
    json(&account::render(&app, &ids).await?)
}
