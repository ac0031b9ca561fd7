//! `/api/v1/admin/domain_blocks`: policies that keep something of a domain out.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{blank, lift, page_of, rows};
use crate::api::entities::Json;
use crate::api::list::json as answer;
use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::policies::DomainPolicy;
use crate::domain::moderation::audit;
use crate::domain::policies::{self, ALLOW, Created, LIMIT, Terms};
use crate::domain::policy_lists::{parse_severity, severity_name};
use crate::error::{AppError, AppResult};
use crate::http::auth::scope;
use crate::http::pagination::{Paging, path_id};
use crate::http::params::{Params, flag, text};
use crate::http::staff::{Permitted, may};
use crate::secret;

type Reader = Permitted<may::ManageFederation, scope::AdminReadDomainBlocks>;
type Writer = Permitted<may::ManageFederation, scope::AdminWriteDomainBlocks>;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/admin/domain_blocks", get(index).post(create))
        .route(
            "/api/v1/admin/domain_blocks/{id}",
            get(show).put(update).delete(remove),
        )
}

/// `Admin::DomainBlock`.
#[derive(Debug, Serialize)]
pub struct Entity {
    id: String,
    domain: String,
    /// SHA-256 of the domain, in hexadecimal.
    digest: String,
    created_at: String,
    severity: &'static str,
    reject_media: bool,
    reject_reports: bool,
    private_comment: Option<String>,
    public_comment: Option<String>,
    obfuscate: bool,
}

impl Entity {
    /// Shows a policy.
    pub fn of(policy: &DomainPolicy) -> Entity {
        let told = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        Entity {
            id: policy.id.to_string(),
            domain: policy.domain.clone(),
            digest: secret::hash(&policy.domain),
            created_at: iso(policy.created_at),
            severity: severity_name(&policy.severity),
            reject_media: policy.reject_media,
            reject_reports: policy.reject_reports,
            private_comment: told(&policy.private_comment),
            public_comment: told(&policy.public_comment),
            obfuscate: policy.obfuscate,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    #[serde(deserialize_with = "text")]
    domain: Option<String>,
    #[serde(deserialize_with = "text")]
    severity: Option<String>,
    #[serde(deserialize_with = "flag")]
    reject_media: Option<bool>,
    #[serde(deserialize_with = "flag")]
    reject_reports: Option<bool>,
    #[serde(deserialize_with = "text")]
    private_comment: Option<String>,
    #[serde(deserialize_with = "text")]
    public_comment: Option<String>,
    #[serde(deserialize_with = "flag")]
    obfuscate: Option<bool>,
}

impl Body {
    /// Terms as they were, but for what is given.
    fn over(self, before: Terms) -> AppResult<Terms> {
        let severity = match self.severity.as_deref().filter(|text| !text.is_empty()) {
            None => before.severity,
            Some(text) => match parse_severity(text) {
                Some(severity) => severity.to_owned(),
                None => {
                    return Err(AppError::invalid(
                        "Validation failed: Severity is not included in the list",
                    ));
                }
            },
        };
        Ok(Terms {
            severity,
            reject_media: self.reject_media.unwrap_or(before.reject_media),
            reject_reports: self.reject_reports.unwrap_or(before.reject_reports),
            public_comment: self.public_comment.unwrap_or(before.public_comment),
            private_comment: self.private_comment.unwrap_or(before.private_comment),
            obfuscate: self.obfuscate.unwrap_or(before.obfuscate),
        })
    }
}

async fn index(State(app): State<App>, _staff: Reader, paging: Paging) -> AppResult<Response> {
    let page = page_of(&paging);
    let found = app
        .read(move |c| Box::pin(async move { Ok(db::policies::page(c, false, page).await?) }))
        .await?;
    rows(&found, &paging, page, |row| row.id, Entity::of)
}

/// The policy of an id, unless it allows.
async fn find(app: &App, id: &str) -> AppResult<DomainPolicy> {
    let id = path_id(id)?;
    app.read(move |c| Box::pin(async move { Ok(db::policies::by_id(c, id).await?) }))
        .await?
        .filter(|policy| policy.severity != ALLOW)
        .ok_or_else(AppError::not_found)
}

async fn show(State(app): State<App>, _staff: Reader, Path(id): Path<String>) -> AppResult<Json> {
    answer(&Entity::of(&find(&app, &id).await?))
}

async fn create(
    State(app): State<App>,
    staff: Writer,
    Params(body): Params<Body>,
) -> AppResult<Response> {
    let domain = body.domain.clone().unwrap_or_default().trim().to_owned();
    if domain.is_empty() {
        return Err(blank("Domain"));
    }
    let terms = body.over(Terms {
        severity: LIMIT.to_owned(),
        ..Terms::default()
    })?;
    let (ctx, actor) = (app.ctx.clone(), staff.staff.actor());
    let created = app
        .write(move |tx| {
            Box::pin(async move {
                let created = policies::create(tx, &ctx, &domain, terms.clone()).await?;
                if let Created::Done(policy) = &created {
                    audit::domain_policy(tx, &ctx, &actor, "create", policy).await?;
                }
                Ok(created)
            })
        })
        .await?;
    match created {
        Created::Done(policy) => Ok(answer(&Entity::of(&policy))?.into_response()),
        Created::Exists(policy) => {
            let body = json!({
                "error": format!("You have already imposed stricter limits on {}.", policy.domain),
                "existing_domain_block": Entity::of(&policy),
            });
            Ok((StatusCode::UNPROCESSABLE_ENTITY, axum::Json(body)).into_response())
        }
    }
}

async fn update(
    State(app): State<App>,
    staff: Writer,
    Path(id): Path<String>,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let before = find(&app, &id).await?;
    let (domain, terms) = (before.domain.clone(), body.over(Terms::of(&before))?);
    let (ctx, actor) = (app.ctx.clone(), staff.staff.actor());
    let policy = app
        .write(move |tx| {
            Box::pin(async move {
                let policy = policies::put(tx, &ctx, &domain, terms.clone()).await?;
                audit::domain_policy(tx, &ctx, &actor, "update", &policy).await?;
                Ok(policy)
            })
        })
        .await?;
    answer(&Entity::of(&policy))
}

/// Lifts a policy; the answer is what was lifted.
async fn remove(State(app): State<App>, staff: Writer, Path(id): Path<String>) -> AppResult<Json> {
    let policy = find(&app, &id).await?;
    lift(&app, staff.staff.actor(), &policy).await?;
    answer(&Entity::of(&policy))
}
