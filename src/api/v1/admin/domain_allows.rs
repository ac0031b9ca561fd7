//! `/api/v1/admin/domain_allows`: policies that allow a domain.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use serde::{Deserialize, Serialize};

use super::{blank, lift, page_of, rows};
use crate::api::entities::Json;
use crate::api::list::json as answer;
use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::policies::DomainPolicy;
use crate::domain::moderation::audit;
use crate::domain::policies::{self, ALLOW};
use crate::error::{AppError, AppResult};
use crate::http::auth::scope;
use crate::http::pagination::{Paging, path_id};
use crate::http::params::{Params, text};
use crate::http::staff::{Permitted, may};

type Reader = Permitted<may::ManageFederation, scope::AdminReadDomainAllows>;
type Writer = Permitted<may::ManageFederation, scope::AdminWriteDomainAllows>;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/admin/domain_allows", get(index).post(create))
        .route("/api/v1/admin/domain_allows/{id}", get(show).delete(remove))
}

/// `Admin::DomainAllow`.
#[derive(Debug, Serialize)]
struct Entity {
    id: String,
    domain: String,
    created_at: String,
}

impl Entity {
    fn of(policy: &DomainPolicy) -> Entity {
        Entity {
            id: policy.id.to_string(),
            domain: policy.domain.clone(),
            created_at: iso(policy.created_at),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    #[serde(deserialize_with = "text")]
    domain: Option<String>,
}

async fn index(State(app): State<App>, _staff: Reader, paging: Paging) -> AppResult<Response> {
    let page = page_of(&paging);
    let found = app
        .read(move |c| Box::pin(async move { Ok(db::policies::page(c, true, page).await?) }))
        .await?;
    rows(&found, &paging, page, |row| row.id, Entity::of)
}

async fn find(app: &App, id: &str) -> AppResult<DomainPolicy> {
    let id = path_id(id)?;
    app.read(move |c| Box::pin(async move { Ok(db::policies::by_id(c, id).await?) }))
        .await?
        .filter(|policy| policy.severity == ALLOW)
        .ok_or_else(AppError::not_found)
}

async fn show(State(app): State<App>, _staff: Reader, Path(id): Path<String>) -> AppResult<Json> {
    answer(&Entity::of(&find(&app, &id).await?))
}

async fn create(
    State(app): State<App>,
    staff: Writer,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let domain = body.domain.unwrap_or_default().trim().to_owned();
    if domain.is_empty() {
        return Err(blank("Domain"));
    }
    let (ctx, actor) = (app.ctx.clone(), staff.staff.actor());
    let policy = app
        .write(move |tx| {
            Box::pin(async move {
                let policy = policies::allow(tx, &ctx, &domain).await?;
                audit::domain_policy(tx, &ctx, &actor, "create", &policy).await?;
                Ok(policy)
            })
        })
        .await?;
    answer(&Entity::of(&policy))
}

async fn remove(State(app): State<App>, staff: Writer, Path(id): Path<String>) -> AppResult<Json> {
    let policy = find(&app, &id).await?;
    lift(&app, staff.staff.actor(), &policy).await?;
    answer(&Entity::of(&policy))
}
