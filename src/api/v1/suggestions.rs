//! `/api/v1/suggestions`; `GET /api/v2/suggestions` says besides why.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{delete, get};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::api::entities::{Json, account, raw};
use crate::api::list::json;
use crate::app::App;
use crate::db;
use crate::domain::suggestions::{self, Source};
use crate::error::AppResult;
use crate::http::auth::{User, scope};
use crate::http::pagination::Paging;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/suggestions", get(accounts))
        .route("/api/v1/suggestions/{id}", delete(dismiss))
        .route("/api/v2/suggestions", get(explained))
}

async fn suggested(
    app: &App,
    account_id: i64,
    paging: &Paging,
) -> AppResult<Vec<(i64, Vec<Source>)>> {
    let limit = usize::try_from(paging.page(40, 80).limit).unwrap_or_default();
    let relations = app.relations(account_id).await?;
    let now = app.clock.now_ms();
    app.read(move |c| {
        Box::pin(async move { suggestions::of(c, account_id, &relations, now, limit).await })
    })
    .await
}

async fn accounts(
    State(app): State<App>,
    user: User<scope::Read>,
    paging: Paging,
) -> AppResult<Json> {
    let found = suggested(&app, user.account.id, &paging).await?;
    let ids: Vec<i64> = found.iter().map(|(id, _)| *id).collect();
    json(&account::render(&app, &ids).await?)
}

/// `Suggestion`
#[derive(Serialize)]
struct Suggestion {
    source: &'static str,
    sources: Vec<&'static str>,
    account: Box<RawValue>,
}

async fn explained(
    State(app): State<App>,
    user: User<scope::Read>,
    paging: Paging,
) -> AppResult<Json> {
    let found = suggested(&app, user.account.id, &paging).await?;
    let ids: Vec<i64> = found.iter().map(|(id, _)| *id).collect();
    let accounts = account::json(&app, &ids).await?;
    let entities: Vec<Suggestion> = found
        .iter()
        .filter_map(|(id, sources)| {
            Some(Suggestion {
                source: sources.first()?.legacy(),
                sources: sources.iter().map(|source| source.as_str()).collect(),
                account: raw(accounts.get(id)?)?,
            })
        })
        .collect();
    json(&entities)
}

/// Whoever it names: that there is no such account, or that it was not suggested, is no error.
async fn dismiss(
    State(app): State<App>,
    user: User<scope::Read>,
    Path(id): Path<String>,
) -> AppResult<Json> {
    let target = match id.parse() {
        Ok(id) => app.account(id).await?,
        Err(_) => None,
    };
    if let Some(target) = target {
        let (account, now) = (user.account.id, app.clock.now_ms());
        app.write(move |tx| {
            Box::pin(async move {
                Ok(db::personal::dismiss_suggestion(tx, account, target.id, now).await?)
            })
        })
        .await?;
    }
    Ok(Json("{}".to_owned()))
}
