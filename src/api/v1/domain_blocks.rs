//! `/api/v1/domain_blocks`: domains that a user wants nothing of.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::list;
use crate::app::App;
use crate::db;
use crate::domain::domain_blocks;
use crate::error::AppResult;
use crate::http::auth::{User, scope};
use crate::http::pagination::Paging;
use crate::http::params::{self, Params};

pub fn routes() -> Router<App> {
    Router::new()
        .route(
            "/api/v1/domain_blocks",
            get(index).post(block).delete(unblock),
        )
        .route("/api/v1/domain_blocks/preview", get(preview))
}

#[derive(Debug, Deserialize)]
struct Body {
    #[serde(default, deserialize_with = "params::text")]
    domain: Option<String>,
}

async fn index(
    State(app): State<App>,
    user: User<scope::ReadBlocks>,
    paging: Paging,
) -> AppResult<Response> {
    let page = paging.page(100, 200);
    let id = user.account.id;
    let rows = app
        .read(move |c| {
            Box::pin(async move { Ok(db::personal::blocked_domains_page(c, id, page).await?) })
        })
        .await?;
    let links = paging.links(
        rows.first().map(|r| r.0),
        rows.last().map(|r| r.0),
        rows.len() as i64 >= page.limit,
    );
    let domains: Vec<&String> = rows.iter().map(|(_, domain)| domain).collect();
    Ok((links, list::json(&domains)?).into_response())
}

async fn block(
    State(app): State<App>,
    user: User<scope::WriteBlocks>,
    Params(body): Params<Body>,
) -> AppResult<Json<Value>> {
    let domain = domain_blocks::parse(body.domain.as_deref())?;
    let (ctx, account) = (app.ctx.clone(), user.account.clone());
    app.write(move |tx| {
        Box::pin(async move { domain_blocks::block(tx, &ctx, &account, &domain).await })
    })
    .await?;
    Ok(Json(json!({})))
}

async fn unblock(
    State(app): State<App>,
    user: User<scope::WriteBlocks>,
    Params(body): Params<Body>,
) -> AppResult<Json<Value>> {
    let domain = domain_blocks::parse(body.domain.as_deref())?;
    let account = user.account.clone();
    app.write(move |tx| {
        Box::pin(async move { domain_blocks::unblock(tx, &account, &domain).await })
    })
    .await?;
    Ok(Json(json!({})))
}

/// What blocking a domain would end.
async fn preview(
    State(app): State<App>,
    user: User<scope::ReadBlocks>,
    Params(query): Params<Body>,
) -> AppResult<Json<Value>> {
    let domain = domain_blocks::parse(query.domain.as_deref())?;
    let id = user.account.id;
    let (following, followers) = app
        .read(move |c| {
            Box::pin(async move { Ok(db::personal::count_of_domain(c, id, &domain).await?) })
        })
        .await?;
    Ok(Json(json!({
        "following_count": following,
        "followers_count": followers,
    })))
}
