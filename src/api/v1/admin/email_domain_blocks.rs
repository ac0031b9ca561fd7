//! `/api/v1/admin/email_domain_blocks`: domains whose addresses nobody may register with.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};

use super::page_of;
use crate::api::entities::Json;
use crate::api::entities::tag::{self, History};
use crate::api::list::json as answer;
use crate::app::App;
use crate::clock::iso;
use crate::db;
use crate::db::sign_up_rules::EmailDomainBlock;
use crate::db::trends::Kind;
use crate::domain::email_blocks;
use crate::domain::moderation::audit;
use crate::domain::trends::day_of;
use crate::error::{AppError, AppResult};
use crate::http::auth::scope;
use crate::http::pagination::{Paging, path_id};
use crate::http::params::{Params, text};
use crate::http::staff::{Permitted, may};

type Reader = Permitted<may::ManageBlocks, scope::AdminReadEmailDomainBlocks>;
type Writer = Permitted<may::ManageBlocks, scope::AdminWriteEmailDomainBlocks>;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/admin/email_domain_blocks", get(index).post(create))
        .route(
            "/api/v1/admin/email_domain_blocks/{id}",
            get(show).delete(remove),
        )
}

/// `Admin::EmailDomainBlock`.
#[derive(Debug, Serialize)]
struct Entity {
    id: String,
    domain: String,
    created_at: String,
    /// Tries to register, and from how many addresses.
    history: Vec<History>,
}

/// Shows blocks in their order: one statement.
async fn render(app: &App, rows: &[EmailDomainBlock]) -> AppResult<Vec<Entity>> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let today = day_of(app.clock.now_ms());
    let days = app
        .read(move |c| {
            Box::pin(async move {
                let since = tag::first_day(today);
                Ok(db::trends::days(c, Kind::EmailDomain, &ids, since).await?)
            })
        })
        .await?;
    Ok(rows
        .iter()
        .map(|row| Entity {
            id: row.id.to_string(),
            domain: row.domain.clone(),
            created_at: iso(row.created_at),
            history: tag::history(&days, row.id, today),
        })
        .collect())
}

async fn one(app: &App, row: EmailDomainBlock) -> AppResult<Json> {
    answer(&render(app, &[row]).await?.pop())
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
        .read(move |c| {
            Box::pin(async move { Ok(db::sign_up_rules::email_domains(c, page).await?) })
        })
        .await?;
    let links = paging.links(
        found.first().map(|row| row.id),
        found.last().map(|row| row.id),
        found.len() as i64 >= page.limit,
    );
    Ok((links, answer(&render(&app, &found).await?)?).into_response())
}

async fn find(app: &App, id: &str) -> AppResult<EmailDomainBlock> {
    let id = path_id(id)?;
    app.read(move |c| Box::pin(async move { Ok(db::sign_up_rules::email_domain(c, id).await?) }))
        .await?
        .ok_or_else(AppError::not_found)
}

async fn show(State(app): State<App>, _staff: Reader, Path(id): Path<String>) -> AppResult<Json> {
    let row = find(&app, &id).await?;
    one(&app, row).await
}

async fn create(
    State(app): State<App>,
    staff: Writer,
    Params(body): Params<Body>,
) -> AppResult<Json> {
    let (ctx, domain) = (app.ctx.clone(), body.domain.unwrap_or_default());
    let actor = staff.staff.actor();
    let row = app
        .write(move |tx| {
            Box::pin(async move {
                let row = email_blocks::add_domain(tx, &ctx, &domain).await?;
                audit::email_domain_block(tx, &ctx, &actor, "create", &row).await?;
                Ok(row)
            })
        })
        .await?;
    one(&app, row).await
}

/// Removes a block; the answer is what was removed.
async fn remove(State(app): State<App>, staff: Writer, Path(id): Path<String>) -> AppResult<Json> {
    let row = find(&app, &id).await?;
    let (ctx, actor, gone) = (app.ctx.clone(), staff.staff.actor(), row.clone());
    app.write(move |tx| {
        Box::pin(async move {
            if db::sign_up_rules::remove_email_domain(tx, gone.id).await? {
                audit::email_domain_block(tx, &ctx, &actor, "destroy", &gone).await?;
            }
            Ok(())
        })
    })
    .await?;
    one(&app, row).await
}
