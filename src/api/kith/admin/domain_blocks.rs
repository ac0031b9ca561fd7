//! `GET /api/kith/v1/admin/domain_blocks/preview`: what blocking a domain would cut off.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::entities::Json;
use crate::api::entities::account::acct;
use crate::api::list::json as answer;
use crate::app::App;
use crate::domain::dry_run::{self, Cut};
use crate::error::{AppError, AppResult};
use crate::http::auth::scope;
use crate::http::params::{Params, text};
use crate::http::staff::{Permitted, may};

/// Routes of this area.
pub fn routes() -> Router<App> {
    Router::new().route("/api/kith/v1/admin/domain_blocks/preview", get(preview))
}

/// As the API and the command line write it.
pub fn shown(cut: &Cut) -> Value {
    let sample = cut.sample.iter().map(|(account, follows)| {
        json!({
            "id": account.id.to_string(),
            "acct": acct(account),
            "uri": account.uri,
            "follows": follows,
        })
    });
    json!({
        "domain": cut.domain,
        "places": cut.places,
        "accounts": cut.accounts,
        "statuses": cut.statuses,
        "following": cut.following,
        "followers": cut.followers,
        "people": cut.people,
        "complete": cut.complete,
        "sample": sample.collect::<Vec<Value>>(),
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Query {
    #[serde(deserialize_with = "text")]
    domain: Option<String>,
}

async fn preview(
    State(app): State<App>,
    _staff: Permitted<may::ManageFederation, scope::AdminReadDomainBlocks>,
    Params(query): Params<Query>,
) -> AppResult<Json> {
    let domain = query.domain.unwrap_or_default();
    if domain.trim().is_empty() {
        return Err(AppError::invalid(
            "Validation failed: Domain can't be blank",
        ));
    }
    let ctx = app.ctx.clone();
    let cut = app
        .read(move |c| Box::pin(async move { dry_run::of(c, &ctx, &domain).await }))
        .await?;
    answer(&shown(&cut))
}
